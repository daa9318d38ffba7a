"""Retention in the pipeline: readings go, figures stay, what lies before the cut is rejected. In both modes."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from ingest.captures import Capture
from ingest.decode import Decoder
from kvartal.audit import audit_store
from metering.events import Alert, Counted, Declared, Event, Exchange, Readings, Rejected, Tick
from metering.site.model import Site
from metering.times import DAY_MS, HOUR_MS, to_ms
from storage.sqlite import Store
from storage.sqlite_reader import Reader
from streams.applier import Applier
from streams.chunks import TableParts
from streams.codec import encode
from streams.embedded import Embedded
from streams.engine import Batch
from tests.sites import build_site, building, contract, meter, source, station

FIRST = to_ms(dt.datetime(2024, 1, 1, tzinfo=dt.UTC))
DAYS = 90
TERM = "2020-12-31"


def site_with(to: str = TERM) -> Site:
    return build_site(
        source("k/{building}/{meter}", backfill=True),
        source("w/{station}", backfill=True),
        station(),
        building(meter("heat", "heat", "kWh", max_power_kw=2000), station="spb"),
        contract("c", baseline="2019-01-01..2019-12-31", reporting=f"2020-01-01..{to}"),
        retention_days=60,
    )


def day_of(day: int, quantity: str = "energy") -> Readings:
    """A day's readings of a meter or the station, received at its end."""
    nature = "register" if quantity in ("energy", "volume") else "gauge"
    hours = range(day * 24, day * 24 + 24)
    times = tuple(FIRST + hour * HOUR_MS for hour in hours)
    if nature == "register":
        amounts = tuple(10_000_000 + hour * 50_000 + hour * 7919 % 900 for hour in hours)
    else:
        amounts = tuple(hour * 7919 % 9000 for hour in hours)
    meter = "spb" if quantity == "outdoor_temperature" else "heat"
    return Readings(
        building="b01",
        meter=meter,
        quantity=quantity,
        nature=nature,
        times=times,
        amounts=amounts,
        received_at=times[-1] + HOUR_MS,
    )


QUANTITIES = ("energy", "supply_temperature", "outdoor_temperature")


class OnStore:
    """The embedded runner over a store."""

    def __init__(self, site: Site, path: Path) -> None:
        self.path = path
        self.store = Store(path)
        self.runner = Embedded(site=site, store=self.store, decode=Decoder(site).decode)

    def enter(self, *events: Readings | Declared) -> list[Event]:
        return self.runner.enter(events, max(event.received_at for event in events)).events

    def tick(self, now: int) -> list[Event]:
        return self.runner.tick(now).events

    def parts(self) -> dict[str, bytes]:
        db = sqlite3.connect(self.path)
        rows = db.execute("SELECT key || '/' || part, blob FROM part").fetchall()
        db.close()
        return dict(rows)

    def restart(self, site: Site) -> OnStore:
        self.store.close()
        return OnStore(site, self.path)


class OnTable:
    """The cluster's applier over a table."""

    def __init__(self, site: Site, table: dict[bytes, bytes] | None = None) -> None:
        self.events: list[Event] = []
        self.table: dict[bytes, bytes] = {} if table is None else table
        self.offset = -1
        self.applier = Applier(site=site, parts=TableParts(self.table), sink=self)

    def write(self, events: Any) -> None:
        self.events += events

    def enter(self, *events: Readings | Declared | Tick) -> list[Event]:
        before = len(self.events)
        for event in events:
            self.offset += 1
            self.applier.apply(encode(event), partition=0, offset=self.offset)
        return self.events[before:]

    def tick(self, now: int) -> list[Event]:
        return self.enter(Tick(building="b01", received_at=now))

    def parts(self) -> dict[str, bytes]:
        parts: dict[str, bytes] = {}
        for key in self.table:
            if not key.startswith(b"@"):
                shared = key.decode().rpartition("#")[0]
                for name, blob in TableParts(self.table).chunk(key, 0).items():
                    step, _, part = name.partition("/")
                    parts[f"{step}/{shared}/{part}"] = blob
        return parts


Runner = OnStore | OnTable


@pytest.fixture(params=["embedded", "cluster"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def runner(mode: str, site: Site, path: Path) -> Runner:
    return OnStore(site, path) if mode == "embedded" else OnTable(site)


def filled(mode: str, site: Site, path: Path) -> Runner:
    """A runner that got the days as they came, and no tick later than the last of them."""
    on = runner(mode, site, path)
    for day in range(DAYS):
        on.enter(*(day_of(day, quantity) for quantity in QUANTITIES))
    return on


def now_of(day: int) -> int:
    return FIRST + day * DAY_MS + 3 * HOUR_MS


def days_of(on: Runner, step: str) -> list[int]:
    """The days of which a step has parts; of the weather, those with readings."""
    return sorted(
        int(name.rpartition("/")[2])
        for name, raw in on.parts().items()
        if name.startswith(f"{step}/") and name.rpartition("/")[2].isdigit()
        if step != "weather" or msgspec.msgpack.decode(raw)[1]
    )


def test_readings_go_after_their_term_and_no_event_says_otherwise(mode: str, tmp_path: Path) -> None:
    on = filled(mode, site_with(), tmp_path / "a.db")
    first = FIRST // DAY_MS
    assert days_of(on, "ledger")[0] == first + DAYS - 60 - 1
    assert {type(event) for event in on.tick(now_of(DAYS + 10))} <= {Alert}  # the meter is silent since
    assert days_of(on, "ledger") == list(range(first + DAYS + 10 - 60 - 1, first + DAYS))


def test_every_figure_is_as_it_was(tmp_path: Path) -> None:
    plain, spared = (filled("embedded", site_with(to), tmp_path / f"{len(to)}.db") for to in (TERM, ""))
    assert isinstance(plain, OnStore)
    assert isinstance(spared, OnStore)
    assert len(days_of(spared, "ledger")) == DAYS
    assert len(days_of(plain, "ledger")) < DAYS
    late = day_of(DAYS - 20)
    for on in (plain, spared):
        changed = [*late.amounts]
        changed[5] += 7
        on.enter(
            Readings(
                building="b01",
                meter="heat",
                quantity="energy",
                nature="register",
                times=late.times,
                amounts=tuple(changed),
                received_at=now_of(DAYS),
            )
        )
        on.store.close()
    shown = []
    for on in (plain, spared):
        db = sqlite3.connect(on.path)
        names = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        # The two sites differ, and so do their messages: chains are history, outside law 2.
        names -= {"part", "done", "chain", "message", "loose_message", "site_file"}
        names = {name for name in names if not name.startswith("sqlite_")}
        shown.append({name: sorted(map(repr, db.execute(f"SELECT * FROM {name}"))) for name in names})
        db.close()
    assert shown[0] == shown[1]
    assert {"hour", "day", "unknown"} <= shown[0].keys()
    assert len(shown[0]["hour"]) == DAYS * 24 - 1
    assert audit_store(plain.path).faults == []


@pytest.mark.parametrize(("to", "kept"), [("", True), ("2021-04-15", True), ("2021-03-20", False)])
def test_a_contract_spares_its_building(mode: str, tmp_path: Path, to: str, kept: bool) -> None:
    on = filled(mode, site_with(to), tmp_path / "a.db")
    on.tick(now_of(DAYS + 10))
    for step in ("ledger", "gauges", "weather"):
        assert (len(days_of(on, step)) >= DAYS) == kept, step


def test_what_lies_before_the_cut_is_rejected_and_the_accounts_add_up(mode: str, tmp_path: Path) -> None:
    on = filled(mode, site_with(), tmp_path / "a.db")
    late = day_of(2)
    both = Readings(
        building="b01",
        meter="heat",
        quantity="energy",
        nature="register",
        times=(late.times[3], now_of(DAYS)),
        amounts=(late.amounts[3] + 1, 200_000_000),
        received_at=now_of(DAYS),
    )
    batch = Batch()
    batch.keep(on.enter(both))
    assert batch.counts == {
        "received": 2,
        "accepted": 1,
        "rejected": 1,
        "rejected:before_retention": 1,
    }
    (rejected,) = (event for event in batch.events if isinstance(event, Rejected))
    assert json.loads(rejected.payload) == {
        "quantity": "energy",
        "unit": "Wh",
        "readings": [["2024-01-03T03:00:00Z", late.amounts[3] + 1]],
    }
    said = Exchange(at=late.times[3], final=10, initial=0)
    batch = Batch()
    batch.keep(
        on.enter(
            Declared(
                building="b01",
                meter="heat",
                quantity="energy",
                exchanges=(said,),
                by_site=False,
                received_at=now_of(DAYS),
            )
        )
    )
    assert batch.counts == {"received": 1, "rejected": 1, "rejected:before_retention": 1}
    replayed = Decoder(site_with()).decode(
        "k/b01/heat", rejected.payload, received_at=now_of(DAYS), retain=False
    )
    assert [each.times for each in replayed if isinstance(each, Readings)] == [(late.times[3],)]
    exchange = next(event for event in batch.events if isinstance(event, Rejected))
    (again,) = Decoder(site_with()).decode("k/b01/heat", exchange.payload, received_at=now_of(DAYS))
    assert isinstance(again, Declared)
    assert again.exchanges == (said,)


@pytest.mark.parametrize("quantity", ["supply_temperature", "outdoor_temperature"])
def test_gauges_and_weather_are_cut_alike(mode: str, tmp_path: Path, quantity: str) -> None:
    on = filled(mode, site_with(), tmp_path / "a.db")
    on.tick(now_of(DAYS + 10))
    batch = Batch()
    batch.keep(on.enter(replace(day_of(2, quantity), received_at=now_of(DAYS + 10))))
    assert batch.counts == {"received": 24, "rejected": 24, "rejected:before_retention": 24}
    assert [e for e in batch.events if not isinstance(e, Rejected | Counted)] == []


def test_the_site_says_once_what_lies_before_the_cut(mode: str, tmp_path: Path) -> None:
    on = filled(mode, site_with(), tmp_path / "a.db")
    said = Declared(
        building="b01",
        meter="heat",
        quantity="energy",
        exchanges=(Exchange(at=FIRST + 5, final=10, initial=0, by_site=True),),
        by_site=True,
        received_at=now_of(DAYS),
    )
    batch = Batch()
    batch.keep(on.enter(said))
    assert [event.reason for event in batch.events if isinstance(event, Rejected)] == ["before_retention"]
    assert batch.counts == {}
    assert on.enter(said) == []


def test_history_of_any_age_is_taken_in_any_order_and_rests_before_it_is_cut(
    mode: str, tmp_path: Path
) -> None:
    on = runner(mode, site_with(), tmp_path / "a.db")
    now = now_of(DAYS + 400)
    for day in reversed(range(DAYS)):
        on.enter(replace(day_of(day), received_at=now))
    assert len(days_of(on, "ledger")) == DAYS
    on.tick(now + 44 * DAY_MS)
    assert len(days_of(on, "ledger")) == DAYS
    on.tick(now + 45 * DAY_MS)
    assert len(days_of(on, "ledger")) == 2


def test_the_audit_begins_at_the_checkpoint_and_sees_a_changed_block(tmp_path: Path) -> None:
    on = filled("embedded", site_with(), tmp_path / "a.db")
    assert isinstance(on, OnStore)
    on = on.restart(site_with())
    on.tick(now_of(DAYS + 10))
    assert audit_store(on.path).faults == []
    key, part = "ledger/b01/heat/energy", str(FIRST // DAY_MS + DAYS - 10)
    before = on.store.part(key, part)
    other = on.store.part(key, str(int(part) + 1))
    assert before is not None
    on.store.commit(parts={(key, part): other}, events=(), counts={})
    assert audit_store(on.path).faults
    on.store.commit(parts={(key, part): before}, events=(), counts={})
    assert audit_store(on.path).faults == []
    on.store.close()


def test_a_message_of_the_broker_counts_what_the_ledger_refuses(tmp_path: Path) -> None:
    on = filled("embedded", site_with(), tmp_path / "a.db")
    assert isinstance(on, OnStore)
    payload = json.dumps({"unit": "Wh", "readings": [["2024-01-02T00:00:00Z", 5]]}).encode()
    batch = on.runner.take([Capture("k/b01/heat", payload, now_of(DAYS))])
    assert batch.counts == {"received": 1, "rejected": 1, "rejected:before_retention": 1}
    on.store.close()
    db = Reader(on.path)
    assert [row["reason"] for row in db.rejected()] == ["before_retention"]
    db.close()


def test_the_table_of_the_cluster_holds_no_bytes_of_deleted_days() -> None:
    on = filled("cluster", site_with(), Path())
    assert isinstance(on, OnTable)
    on.tick(now_of(DAYS + 60))
    first = FIRST // DAY_MS
    assert days_of(on, "ledger") == [first + DAYS - 2, first + DAYS - 1]
    names = {
        name
        for raw in on.table.values()
        if raw and len(raw) > 20
        for entry in [msgspec.msgpack.decode(raw)]
        for name in (*entry[1], *entry[2])
    }
    assert sorted(n for n in names if n.startswith("ledger/") and n[7:].isdigit()) == [
        f"ledger/{first + DAYS - 2}",
        f"ledger/{first + DAYS - 1}",
    ]
