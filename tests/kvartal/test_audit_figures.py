"""Every table and column that shows a figure, and every part of state: a change by hand is named, and only that."""

from __future__ import annotations

import datetime as dt
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kvartal.audit import audit_store
from kvartal.site_events import site_events
from kvartal.wiring import embedded
from metering.events import Fitted, Nature, Readings, Rejected
from metering.site.model import Site, site_bytes, site_of_bytes
from metering.times import DAY_MS, HOUR_MS, to_ms
from storage.sqlite import Store
from storage.sqlite_reader import Reader
from tests.baselines import heating_baseline
from tests.sites import build_site, building, contract, meter, source, station, tariff

BEGIN = to_ms(dt.datetime(2024, 12, 31, 21, tzinfo=dt.UTC))
"""Midnight of 1 January 2025 in Moscow."""
DAYS = 40
SITE = build_site(
    source("k/{building}/{meter}", backfill=True),
    source("w/{station}", backfill=True),
    station(),
    station("far"),
    tariff(("2024-01-01", "2500")),
    building(
        meter("heat", "heat", "kWh", digits=6, max_power_kw=2000),
        meter("part", "heat", "kWh", parent="heat"),
        meter("rest", "heat", "kWh", virtual={"plus": ["heat"], "minus": ["part"]}),
        station="spb",
    ),
    contract(
        baseline="2024-01-01..2024-12-31", reporting="2025-01-03..", guaranteed_savings_pct=20, tariff="heat"
    ),
)


def readings(meter: str, quantity: str, nature: Nature, values: dict[int, int], **more: Any) -> Readings:
    """Readings by hour since the beginning."""
    return Readings(
        building="b01",
        meter=meter,
        quantity=quantity,
        nature=nature,
        times=tuple(BEGIN + hour * HOUR_MS for hour in values),
        amounts=tuple(values.values()),
        received_at=BEGIN + (max(values) + 1) * HOUR_MS,
        **more,
    )


def told() -> Iterator[Readings | Rejected]:
    """Forty days: a rollover, a gap, a spike, a sub-meter that counts more than the main meter, a standstill with flow."""
    hours = range(24 * DAYS + 1)
    weather = {hour: -5_000 + 40 * (hour % 24) - 10 * hour for hour in hours}
    yield readings("spb", "outdoor_temperature", "gauge", weather)
    heat = {hour: (999_400_000 + 120_000 * hour) % 1_000_000_000 for hour in hours if not 200 < hour < 230}
    heat[500] = 77
    part = {hour: 5_000_000 + 125_000 * min(hour, 24 * 35) for hour in hours}
    for day in range(DAYS):
        for name, values in (("heat", heat), ("part", part)):
            yield readings(name, "energy", "register", {h: v for h, v in values.items() if h // 24 == day})
        gauge = {hour: 3_000 + hour % 7 for hour in hours if hour // 24 == day}
        yield readings("part", "flow", "gauge", gauge)
        yield readings("heat", "supply_temperature", "gauge", gauge)
    yield readings("heat", "energy", "register", {960: (999_400_000 + 120_000 * 960) % 1_000_000_000})
    yield readings("part", "energy", "register", {960: part[960]})
    yield Rejected(
        topic="k/b01/heat",
        payload=b"{}",
        reason="no_time",
        detail="",
        received_at=BEGIN,
        readings=2,
        retain=False,
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audit") / "k.db"
    kept = Store(path)
    runner = embedded(SITE, kept)
    baseline = heating_baseline("heating_season", base=1_200_000.0, heating=80_000.0)
    now = BEGIN + DAYS * DAY_MS
    runner.enter(site_events(SITE, now), now)
    runner.adopt(
        Fitted(
            building="b01",
            contract="c1",
            baseline_id=baseline.id,
            document=baseline.document,
            received_at=now,
        )
    )
    events = list(told())
    late = events.pop(1 + 4 * 20)  # the heat meter's 21st day
    for each in events:
        runner.enter([each], each.received_at)
    runner.enter([late], now + HOUR_MS)
    runner.enter([late], now + 2 * HOUR_MS)
    runner.tick(now + 40 * HOUR_MS)
    kept.close()
    return path


@pytest.fixture
def copy(store: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(store, tmp_path / "k.db"))


@pytest.fixture
def cut(tmp_path: Path) -> tuple[Path, int]:
    """A store without a contract, from which the readings of twenty days are deleted; and its cut."""
    site = Site.model_validate({**SITE.model_dump(by_alias=True), "contract": []})
    path = tmp_path / "cut.db"
    kept = Store(path)
    runner = embedded(site, kept)
    for each in told():
        runner.enter([each], each.received_at)
    # A restarted runner looks at once what is to be deleted.
    runner = embedded(site, kept)
    runner.tick(BEGIN + (site.site.retention_days + 20) * DAY_MS)
    kept.close()
    reader = Reader(path)
    first = reader.ledger.head("b01", "heat", "energy").cut
    reader.close()
    assert BEGIN // DAY_MS < first < BEGIN // DAY_MS + DAYS
    return path, first


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("UPDATE register SET id = id", set()),
        ("UPDATE hour SET amount = amount + 1 WHERE day = {cut} + 3", {"hour"}),
        # What rests on deleted readings is a fact: the days above it differ.
        ("UPDATE hour SET amount = amount + 1 WHERE day = {cut} - 3", {"day", "finding", "part"}),
        ("UPDATE gauge SET mean = mean + 1 WHERE day = {cut} + 3", {"gauge"}),
        ("UPDATE gauge SET mean = mean + 1 WHERE day = {cut} - 3", set()),
        ("UPDATE weather_day SET mean_mc = mean_mc + 1 WHERE date = {cut} + 719163 - 3", {"weather_day"}),
        ("UPDATE weather_day SET mean_mc = mean_mc + 1 WHERE date = {cut} + 719163 + 3", {"weather_day"}),
        ("UPDATE unknown SET amount = amount + 1", {"day", "part", "finding"}),
    ],
)
def test_after_a_cut(cut: tuple[Path, int], sql: str, tables: set[str]) -> None:
    path, first = cut
    faults = changed(path, sql.format(cut=first))
    assert {fault.split(" ")[0] for fault in faults} <= tables
    assert bool(faults) == bool(tables)


def changed(db: Path, sql: str) -> list[str]:
    with sqlite3.connect(db) as connection:
        assert connection.execute(sql).rowcount > 0, "nothing was changed"
    connection.close()
    return audit_store(db).faults


def test_what_nobody_changed_is_right(store: Path) -> None:
    audited = audit_store(store)
    assert audited.faults == []
    with sqlite3.connect(store) as connection:
        tables = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        empty = {name for name in tables if not connection.execute(f"SELECT 1 FROM {name}").fetchone()}
    connection.close()
    assert empty == {"notified"}
    chains = {"chain", "site_file", "message", "loose_message"}  # tests/kvartal/test_messages_audit.py
    assert tables - set(TABLES) == {"part", "done", "notified", "site", *chains}


def one(table: str, where: str = "true") -> str:
    """The row in the middle of a table, by its key."""
    keys = {
        "hour": "day, register, hour",
        "gauge": "day, register, hour",
        "unknown": "register, start, end",
        "day": "date, register",
        "weather_day": "building, station, date",
        "savings": "contract, date",
        "position": "contract",
        "baseline": "contract, baseline_id",
        "alert": "building, subject, kind, opened",
        "finding": "register, kind, start, end, figures",
        "restatement": "learned_at, register, date, what, contract",
        "register": "id",
        "rejected": "id",
        "counted": "name",
    }[table]
    return (
        f"({keys}) = (SELECT {keys} FROM {table} WHERE {where} ORDER BY {keys} "
        f"LIMIT 1 OFFSET (SELECT (count(*) - 1) / 2 FROM {table} WHERE {where}))"
    )


HEAT = "register = (SELECT id FROM register WHERE meter = 'heat' AND quantity = 'energy')"
TABLES: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "hour": (
        HEAT,
        [("amount", "amount + 1"), ("flags", "flags + 1"), ("day", "day + 1"), ("hour", "hour + 96000")],
    ),
    "unknown": (
        HEAT,
        [("amount", "amount - 1"), ("start", "start + 1"), ("end", "end + 1"), ("flags", "flags + 1")],
    ),
    "day": (
        HEAT,
        [
            ("used", "used * 8 / 10"),
            ("known", "known + 1"),
            ("unknown", "unknown + 1"),
            ("estimated", "estimated + 1"),
            ("coverage", "coverage / 2"),
            ("flags", "flags + 1"),
            ("date", "date + 1000"),
        ],
    ),
    "gauge": (
        "true",
        [
            ("mean", "mean + 1"),
            ("low", "low - 1"),
            ("high", "high + 1"),
            ("covered_ms", "covered_ms - 1"),
            ("flags", "flags + 1"),
        ],
    ),
    "weather_day": (
        "true",
        [
            ("mean_mc", "mean_mc - 1000"),
            ("coverage", "coverage / 2"),
            ("date", "date + 1000"),
            ("station", "'far'"),
        ],
    ),
    "savings": (
        "true",
        [
            ("used", "used * 8 / 10"),
            ("expected", "expected + 1"),
            ("estimated", "estimated + 1"),
            ("temp_mc", "temp_mc + 1"),
            ("extrapolated", "1 - extrapolated"),
            ("baseline_id", "'0123456789abcdef'"),
            ("flags", "flags + 1"),
            ("adjustment", "adjustment + 1"),
            ("date", "date + 1000"),
            ("building", "'b02'"),
        ],
    ),
    "position": (
        "true",
        [
            ("body", "json_set(body, '$.used', json_extract(body, '$.used') * 8 / 10)"),
            ("body", "json_set(body, '$.half_width', 1.5)"),
            ("body", "json_set(body, '$.money', 999)"),
            ("body", "json_set(body, '$.grade', 'A+')"),
        ],
    ),
    "baseline": (
        "true",
        [("document", "x'7b7d'"), ("baseline_id", "'0123456789abcdef'"), ("contract", "'c9'")],
    ),
    "alert": (
        "kind = 'above_baseline'",
        [
            ("body", "json_set(body, '$.money', 1)"),
            ("body", "json_set(body, '$.detail.excess_pct', 1)"),
            ("state", "CASE state WHEN 'open' THEN 'resolved' ELSE 'open' END"),
            ("changed", "changed + 86400000"),
            ("opened", "opened + 86400000"),
            ("kind", "'no_saving'"),
            ("subject", "'c9'"),
        ],
    ),
    "finding": (
        HEAT,
        [("kind", "'spike'"), ("start", "start + 1"), ("end", "end + 1"), ("figures", "'{}'")],
    ),
    "restatement": ("what <> 'saving_to_date' AND new IS NOT NULL", [("new", "new + 1")]),
    "register": (
        "meter = 'heat' AND quantity = 'energy'",
        [
            ("accepted", "accepted + 1"),
            ("duplicate", "duplicate + 1"),
            ("last_time", "last_time + 1"),
            ("last_amount", "last_amount + 1"),
            ("meter", "'other'"),
        ],
    ),
    "rejected": ("true", [("readings", "readings + 1"), ("reason", "'no_unit'")]),
    "counted": ("name = 'accepted'", [("n", "n + 1"), ("name", "'rejected:odd'")]),
}
"""What is changed by hand: table -> (of the row in the middle of these, (column, its new value))."""


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        pytest.param(table, column, value, id=f"{table}-{column}-{n}")
        for table, (_, columns) in TABLES.items()
        for n, (column, value) in enumerate(columns)
    ],
)
def test_a_changed_column_is_named(copy: Path, table: str, column: str, value: str) -> None:
    faults = changed(copy, f"UPDATE {table} SET {column} = {value} WHERE {one(table, TABLES[table][0])}")
    assert any(fault.startswith((f"{table} ", "counted ")) for fault in faults), faults


@pytest.mark.parametrize("table", [each for each in TABLES if each not in ("restatement", "register")])
def test_a_deleted_row_is_named(copy: Path, table: str) -> None:
    faults = changed(copy, f"DELETE FROM {table} WHERE {one(table, TABLES[table][0])}")
    assert any(fault.startswith((f"{table} ", "counted ")) for fault in faults), faults


def test_a_difference_names_table_key_stored_and_recomputed(copy: Path) -> None:
    day = "(SELECT min(date) + 5 FROM savings)"
    with sqlite3.connect(copy) as connection:
        ((used,),) = connection.execute(f"SELECT used FROM savings WHERE date = {day}").fetchall()
    connection.close()
    faults = changed(copy, f"UPDATE savings SET used = used * 8 / 10 WHERE date = {day}")
    assert faults == [f"savings c1 2025-01-08: used is {used * 8 // 10}, the facts give {used}"]


def test_many_differences_of_one_owner_are_counted(copy: Path) -> None:
    faults = changed(copy, "UPDATE savings SET used = used * 8 / 10")
    assert len([each for each in faults if each.startswith("savings ")]) == 6
    assert faults[-1].endswith("more differences")


Change = Callable[[Any], None]


def path(*steps: Any, add: int = 1) -> Change:
    """A change of the number at the end of a path into a part as it is encoded."""

    def change(blob: Any) -> None:
        *way, last = steps
        for step in way:
            blob = blob[next(iter(blob))] if step == "any" else blob[step]
        if last == "any":
            last = next(iter(blob))
        blob[last] += add

    return change


@pytest.mark.parametrize(
    ("key", "part", "change"),
    [
        ("ledger/b01/heat/energy", "20100", path(2, 3)),  # a reading
        ("ledger/b01/heat/energy", "20100", path(3, 1)),  # the state's amount
        ("ledger/b01/heat/energy", "20100", path(4, 0, "any")),  # a booked hour
        ("ledger/b01/heat/energy", "head", path(4, "max_per_hour", add=-1_950_000)),  # the bound
        ("days/b01/heat/energy", "739270", path(1, "any", 0)),  # an hour
        ("days/b01/heat/energy", "739270", path(3, 0)),  # the published use
        ("days/b01/heat/energy", "head", path(1)),  # the frontier
        ("virtual/b01/rest", "739270", path(2, 0)),
        ("balance/b01/heat/energy", "739252", path(1, "heat", 739270, 0)),
        ("balance/b01/heat/energy", "head", path(2, "any", 0)),
        ("idle/b01/part/energy", "739283", path(1, "any")),
        ("idle/b01/part/energy", "head", path(2)),
        ("savings/c1", "2025-01", path(3, "any", 0)),  # expected, as published
        ("savings/c1", "2025-01", path(1, "any", 0)),  # use
        ("savings/c1", "2025-01", path(2, "any")),  # temperature
        ("watch/c1", "2025-01", path(1, "any", 1)),
        ("watch/c1", "head", path(5, "used")),
        ("watch/c1", "head", path(4, 0, "money")),
        ("gauges/b01/heat/supply_temperature", "20100", path(2, 3)),
        ("gauges/b01/heat/supply_temperature", "head", path(2)),
        ("weather/b01/spb", "739270", path(2, 3, add=1000)),
        ("weather/b01/spb", "739270", path(3, 0)),
        ("weather/b01/spb", "head", path(2)),
    ],
)
def test_a_changed_part_is_named(copy: Path, key: str, part: str, change: Change) -> None:
    with sqlite3.connect(copy) as connection:
        at = "WHERE key = ? AND part = ?"
        ((raw,),) = connection.execute(f"SELECT blob FROM part {at}", (key, part)).fetchall()
        blob = msgspec.msgpack.decode(raw, strict=False)
        change(blob)
        connection.execute(f"UPDATE part SET blob = ? {at}", (msgspec.msgpack.encode(blob), key, part))
    connection.close()
    assert audit_store(copy).faults


@pytest.mark.parametrize("step", ["days", "virtual", "balance", "idle", "savings", "watch"])
def test_deleted_state_is_named(copy: Path, step: str) -> None:
    assert changed(copy, f"DELETE FROM part WHERE key LIKE '{step}/%'")


def test_a_part_that_cannot_be_read_is_named(copy: Path) -> None:
    faults = changed(
        copy, "UPDATE part SET blob = x'c1' WHERE key = 'days/b01/heat/energy' AND part = '739270'"
    )
    assert any("days/b01/heat/energy" in fault for fault in faults), faults


def test_a_store_without_a_site_is_audited_with_the_one_that_is_given(copy: Path) -> None:
    change = partial(changed, copy)
    assert change("DELETE FROM site") == []
    assert change("UPDATE savings SET temp_mc = temp_mc + 1") == []
    assert audit_store(copy, SITE).faults


def test_a_site_is_kept_as_it_is() -> None:
    assert site_of_bytes(site_bytes(SITE)) == SITE
    other: Site = SITE.model_copy(update={"contract": ()})
    assert site_of_bytes(site_bytes(other)) == other
