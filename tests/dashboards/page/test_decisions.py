"""Decisions on the page: who may send one, and accepting and withdrawing in a real browser."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, expect

from dashboards.page.serve import listen, serve_page
from ingest.captures import Capture
from kvartal.deciding import decided
from kvartal.replay import replay
from kvartal.wiring import embedded
from metering.site.model import Site, parse_site
from metering.times import DAY_MS, HOUR_MS
from storage.sqlite import Store
from storage.sqlite_reader import Reader
from tests.sites import building, meter, site_text, source

SITE = site_text(
    source("kvartal/v1/{building}/{meter}/readings", format="kvartal", backfill=True),
    building(meter("heat", "heat", "kWh", max_power_kw=2000)),
)


START = 20_458 * DAY_MS
"""5 January 2026 [ms]."""


class Served(NamedTuple):
    url: str
    db: Path
    taken: list[Mapping[str, Any]]


def messages() -> Iterator[Capture]:
    """Hourly, 50 kWh an hour; after four days the count of another meter."""
    for day in range(7):
        hours = range(day * 24, day * 24 + 24)
        readings = [[START + hour * HOUR_MS, 10_000 + 50 * hour + 90_000 * (hour >= 96)] for hour in hours]
        yield Capture(
            "kvartal/v1/b01/heat/readings", json.dumps({"readings": readings}).encode(), START + 8 * DAY_MS
        )


def serve(db: Path, site: Site, password: str | None = None) -> Iterator[Served]:
    replay(messages(), site=site, db=db)
    taken: list[Mapping[str, Any]] = []
    one = threading.Lock()

    def decide(document: Mapping[str, Any]) -> int:
        taken.append(document)
        reader = Reader(db)
        with one:
            store = Store(db)
            try:
                events = decided(document, reader, site, START + 9 * DAY_MS)
                for event in events:
                    embedded(site, store).enter([event], event.received_at)
            finally:
                store.close()
                reader.close()
        return len(events)

    listening = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    stop = serve_page(listening, db, lambda: site, lang="en", password=password, decide=decide)
    yield Served(url, db, taken)
    stop()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    yield from serve(tmp_path / "k.db", parse_site(SITE))


def post(served: Served, body: bytes, **headers: str) -> tuple[int, Any]:
    named = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    request = urllib.request.Request(f"{served.url}/api/rulings", body, named, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Origin": "http://evil.example"}, b"{}", 403),
        ({"Origin": "null"}, b"{}", 403),
        ({"Sec_Fetch_Site": "cross-site"}, b"{}", 403),
        ({"Sec_Fetch_Site": "same-site"}, b"{}", 403),
        ({"Host": "evil.example"}, b"{}", 403),
        ({"Content_Type": "text/plain"}, b"{}", 415),
        ({"Content_Type": "application/x-www-form-urlencoded"}, b"{}", 415),
        ({}, b"[1]", 400),
        ({}, b"{", 400),
        ({}, b"[" * 100_000, 400),
        ({}, b'{"a": "' + b"x" * 2_000_000 + b'"}', 413),
    ],
)
def test_what_no_person_of_this_page_sent_is_refused(
    served: Served, headers: dict[str, str], body: bytes, status: int
) -> None:
    assert post(served, body, **headers)[0] == status
    assert served.taken == []


def test_a_wrong_decision_is_refused_with_its_fault(served: Served) -> None:
    status, answer = post(served, b'{"accept": "nothing", "author": "A", "reason": "B"}')
    assert (status, "there is no finding" in answer["error"]) == (400, True)
    status, answer = post(served, b'{"accept": "nothing", "author": " ", "reason": "B"}')
    assert (status, "author and reason" in answer["error"]) == (400, True)


def test_a_page_without_a_service_takes_no_decision(tmp_path: Path) -> None:
    db = tmp_path / "k.db"
    site = parse_site(SITE)
    replay(messages(), site=site, db=db)
    listening = listen("127.0.0.1", 0)
    stop = serve_page(listening, db, lambda: site, lang="en")
    served = Served(f"http://127.0.0.1:{listening.getsockname()[1]}", db, [])
    assert post(served, b"{}")[0] == 405
    stop()


def test_with_a_password_a_decision_needs_it(tmp_path: Path) -> None:
    for served in serve(tmp_path / "k.db", parse_site(SITE), password="secret"):
        request = urllib.request.Request(f"{served.url}/api/rulings", b"{}", method="POST")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=10)
        with refused.value:
            assert refused.value.code == 401


def test_a_person_accepts_a_proposal_and_withdraws_it(browser: Browser, served: Served) -> None:
    page = browser.new_page(locale="en-GB")
    page.goto(f"{served.url}/#/rulings")
    accept = page.get_by_role("button", name="Accept")
    expect(accept).to_have_count(1)
    accept.click()
    expect(page.locator("#decided")).to_have_text("Say who decides, and why.")
    page.locator("#author").fill("I. Petrova")
    page.locator("#reason").fill("the meter was never touched")
    accept.click()
    expect(page.locator("#decided")).to_have_text("The decision is stored.")
    expect(page.get_by_text("no meter was exchanged")).to_be_visible()
    withdraw = page.get_by_role("button", name="Withdraw")
    page.locator("#reason").fill("it was, in March")
    withdraw.click()
    expect(page.get_by_text("withdrawn: I. Petrova, it was, in March")).to_be_visible()
    page.close()
    reader = Reader(served.db)
    ((_, ruling),) = reader.ledger.rulings()
    assert (ruling.kind, ruling.author, ruling.withdrawn) == ("no_exchange", "I. Petrova", True)
    reader.close()


def test_decisions_fit_a_phone(browser: Browser, served: Served) -> None:
    phone = browser.new_page(viewport={"width": 390, "height": 844}, device_scale_factor=2, is_mobile=True)
    phone.goto(f"{served.url}/#/rulings")
    phone.get_by_role("button", name="Accept").wait_for()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    phone.close()
