"""Every address of the page: 200 for ids that exist, 404 for ids that do not, 400 for what cannot be read."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from starlette.applications import Starlette
from starlette.types import Message

from dashboards.page.app import create_app
from dashboards.page.routes import DOCUMENTS, VIEWS
from ingest.captures import Capture
from kvartal.replay import replay
from metering.baselines.fit import fit
from metering.events import Fitted
from metering.site.model import Site, parse_site
from metering.times import HOUR_MS, to_ms
from storage.sqlite import Store
from storage.sqlite_reader import Reader
from tests.sites import building, contract, meter, site_text, source

START = dt.datetime(2025, 1, 10, tzinfo=dt.UTC)
DAY = START.toordinal() + 1
SITE = site_text(
    source("kvartal/v1/{building}/{meter}/readings", format="kvartal"),
    building(meter()),
    building(id="b02"),
    contract(baseline="2024-01-01..2024-12-31", reporting="2025-01-01.."),
)


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def get(app: Starlette, address: str, headers: dict[str, str] | None = None) -> Answer:
    """One GET through the ASGI interface."""
    path, _, query = address.partition("?")
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }
    asyncio.run(app(scope, receive, send))
    start, *rest = messages
    sent = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], sent, b"".join(message.get("body", b"") for message in rest))


def captures() -> Iterator[Capture]:
    """Three days of readings, and one message without a unit."""
    received = to_ms(START) + 73 * HOUR_MS
    hours = [[(START + dt.timedelta(hours=hour)).isoformat(), 100 + hour / 10] for hour in range(73)]
    for payload in ({"unit": "Gcal", "readings": hours}, {"unit": "parsec", "readings": hours[:1]}):
        yield Capture("kvartal/v1/b01/heat/readings", json.dumps(payload).encode(), received, False)


@pytest.fixture(scope="module")
def site() -> Site:
    return parse_site(SITE)


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Path:
    path: Path = tmp_path_factory.mktemp("routes") / "kvartal.db"
    replay(captures(), site=site, db=path)
    return path


@pytest.fixture(scope="module")
def baseline_id(db: Path) -> str:
    """A baseline of the contract, put into the store."""
    dates = list(range(dt.date(2024, 1, 1).toordinal(), dt.date(2025, 1, 1).toordinal()))
    document = fit(
        dates=dates,
        used=[1_163_000 + date % 7 * 1000 for date in dates],
        temps_mc=[None] * len(dates),
        temps_before_mc=[None] * len(dates),
        first=dates[0],
        last=dates[-1],
    )
    store = Store(db)
    store.write(
        [
            Fitted(
                building="b01",
                contract="c1",
                baseline_id=document.id,
                document=document.document,
                received_at=0,
            )
        ]
    )
    store.close()
    return document.id


@pytest.fixture(scope="module")
def rejection(db: Path) -> int:
    reader = Reader(db)
    (row,) = reader.rejected()
    reader.close()
    id_of_row: int = row["id"]
    return id_of_row


@pytest.fixture(scope="module")
def app(db: Path, site: Site) -> Starlette:
    return create_app(db, lambda: site, lang="en", stopping=threading.Event())


@pytest.fixture(scope="module")
def address(baseline_id: str, rejection: int) -> Callable[[str], str]:
    return lambda row: row.replace("BASELINE", baseline_id).replace("REJECTION", str(rejection))


EXISTING = [
    "/",
    "/api/words",
    "/api/portfolio",
    "/api/alerts",
    "/api/accounting",
    "/api/rulings",
    "/api/chains",
    "/api/health",
    "/api/contracts/c1",
    "/api/contracts/c1/months/2025-01",
    "/api/contracts/c1/baseline",
    "/api/baselines/BASELINE",
    "/api/buildings/b01",
    "/api/buildings/b02",
    "/api/meters/b01/heat/energy",
    "/api/meters/b01/heat/volume",
    "/api/meters/b01/heat/energy/2025-01",
    f"/api/days/b01/heat/{DAY}",
    f"/api/days/b01/heat/{DAY}/energy",
    "/api/registers/b01/heat/energy/days",
    "/api/registers/b01/heat/energy/days?first=2025-01-10&last=2025-01-12",
    "/api/registers/b01/heat/energy/hours?first=2025-01-10&last=2025-01-12",
    "/api/registers/b01/heat/energy/readings?first=2025-01-10&last=2025-01-12",
    "/api/rejected/REJECTION",
    "/static/page.js",
]
UNKNOWN = [
    ("/api/nothing", ""),
    ("/api/contracts/c2", "no such contract"),
    ("/api/contracts/c2/months/2025-01", "no such contract"),
    ("/api/contracts/c1/months/1969-12", "no such month"),
    ("/api/contracts/c2/baseline", "no such contract"),
    ("/api/baselines/none", "no such baseline"),
    ("/api/buildings/b03", "no such building"),
    ("/api/meters/b01/gas/energy", "no such meter"),
    ("/api/meters/b02/heat/energy", "no such"),
    ("/api/meters/b01/heat/flow", "a meter counts energy or volume"),
    ("/api/meters/b01/gas/energy/2025-01", "no such meter"),
    ("/api/meters/b01/heat/energy/2200-01", "no such month"),
    (f"/api/days/b01/gas/{DAY}", "no such meter"),
    ("/api/days/b01/heat/12", "no such day"),
    (f"/api/days/b01/heat/{DAY}/flow", "a meter counts energy or volume"),
    ("/api/registers/b01/gas/energy/days", "no such meter"),
    ("/api/registers/b01/heat/energy/weeks", "a register has days, hours and readings"),
    ("/api/rejected/999999", "no such rejection"),
    ("/static/nothing.js", ""),
]
UNREADABLE = [
    ("/api/contracts/c1/months/January", "a month is written 2025-01"),
    ("/api/meters/b01/heat/energy/2025-13", "a month is written 2025-01"),
    ("/api/registers/b01/heat/energy/days?first=yesterday", "first is a date like 2025-01-31"),
    ("/api/registers/b01/heat/energy/hours", "name first and last"),
    ("/api/registers/b01/heat/energy/hours?first=2024-01-01&last=2025-12-31", "at most 400 days apart"),
]


@pytest.mark.parametrize("row", EXISTING)
def test_what_exists_answers(app: Starlette, address: Callable[[str], str], row: str) -> None:
    answer = get(app, address(row))
    assert answer.status == 200
    assert answer.body


@pytest.mark.parametrize(("row", "reason"), UNKNOWN)
def test_what_does_not_exist_is_a_404_with_a_reason(app: Starlette, row: str, reason: str) -> None:
    answer = get(app, row)
    assert answer.status == 404
    assert reason in json.loads(answer.body)["error"]


@pytest.mark.parametrize(("row", "reason"), UNREADABLE)
def test_what_cannot_be_read_is_a_400_with_a_reason(app: Starlette, row: str, reason: str) -> None:
    answer = get(app, row)
    assert answer.status == 400
    assert reason in json.loads(answer.body)["error"]


def test_the_rows_above_cover_every_route() -> None:
    paths = [path for path, _ in VIEWS] + [document.path for document in DOCUMENTS]
    patterns = {path: re.compile(re.sub(r"\{\w+(:int)?\}", r"[^/]+", path)) for path in paths}
    addresses = [row.partition("?")[0] for row in EXISTING]
    assert [path for path in paths if not any(patterns[path].fullmatch(row) for row in addresses)] == []


def test_a_contract_without_a_baseline_has_no_document(tmp_path: Path, site: Site) -> None:
    Store(tmp_path / "empty.db").close()
    app = create_app(tmp_path / "empty.db", lambda: site, stopping=threading.Event())
    answer = get(app, "/api/contracts/c1/baseline")
    assert (answer.status, json.loads(answer.body)) == (404, {"error": "no baseline is fitted yet"})


@pytest.mark.parametrize("row", ["/api/portfolio", "/api/buildings/b01", "/api/meters/b01/heat/energy"])
def test_nothing_is_sent_again_until_something_changes(app: Starlette, row: str) -> None:
    tag = get(app, row).headers["etag"]
    again = get(app, row, {"if-none-match": tag})
    assert (again.status, again.body) == (304, b"")
    assert get(app, f"{row}?lang=ru", {"if-none-match": tag}).status == 200


def register(app: Starlette, what: str) -> dict[str, Any]:
    answer = get(app, f"/api/registers/b01/heat/energy/{what}?first=2025-01-11&last=2025-01-11")
    document: dict[str, Any] = json.loads(answer.body)
    return document


def test_programs_get_days_hours_and_readings_in_base_units(app: Starlette) -> None:
    # 0.1 Gcal an hour.
    (day,) = register(app, "days")["days"]
    hours, readings = register(app, "hours")["hours"], register(app, "readings")["readings"]
    assert (day["date"], day["used"], day["coverage"], day["flags"]) == (
        "2025-01-11",
        2_791_200,
        1,
        "measured",
    )
    assert sum(hour["amount"] for hour in hours) == 2_791_200
    assert (len(hours), len(readings)) == (24, 25)
    # The days are those of Moscow.
    assert (hours[0]["start"], readings[0]["time"]) == ("2025-01-10T21:00:00Z", "2025-01-10T21:00:00Z")
