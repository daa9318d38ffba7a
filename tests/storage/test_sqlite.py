"""The embedded store: one transaction a commit, replays that change nothing, files of other versions."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from metering.events import (
    Alert,
    Counted,
    Day,
    Event,
    Finding,
    Fitted,
    Hours,
    Position,
    RegisterId,
    Rejected,
    Restated,
    Savings,
    Tick,
    Unknown,
    Unknowns,
    WeatherDay,
)
from metering.times import HOUR_MS
from storage import sqlite_schema
from storage.sqlite import Store
from storage.sqlite_ledger import LedgerRow, Register
from storage.sqlite_reader import Reader
from storage.sqlite_schema import VERSION, WrongStore

WHO = RegisterId("b01", "heat", "energy")
HOUR = 482_000
DATE = 739_000


Connections = list[sqlite3.Connection]


class Open(NamedTuple):
    path: Path
    store: Store
    reader: Reader

    def commit(self, *events: Event, parts: Any = None, **counts: int) -> None:
        self.store.commit(parts=parts or {}, events=events, counts=counts)


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Connections:
    """Every connection that is opened: first the store's, last its reader's."""
    made: Connections = []

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        made.append(original(*arguments, **options))
        return made[-1]

    original = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", connect)
    return made


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    path = tmp_path / "kvartal.db"
    store = Store(path)
    reader = Reader(path)
    yield Open(path, store, reader)
    reader.close()
    store.close()


def hours(*amounts: int | None, first: int = HOUR, meter: str = "heat", building: str = "b01") -> Hours:
    at = tuple(range(first, first + len(amounts)))
    return Hours(
        building=building,
        meter=meter,
        quantity="energy",
        hours=at,
        amounts=amounts,
        flags=(0,) * len(amounts),
        frontier=0,
        received_at=0,
    )


def rejected(payload: bytes = b"{", reason: str = "not_json", received_at: int = 5) -> Rejected:
    return Rejected(
        topic="k/b01/heat",
        payload=payload,
        reason=reason,
        detail="why",
        received_at=received_at,
        readings=1,
        retain=False,
    )


EVENTS: list[Event] = [
    hours(1, 2, None, 4),
    Unknowns(
        **WHO.fields(),
        added=(Unknown(start=9_000, end=99_000, amount=5, flags=2),),
        withdrawn=(),
        frontier=0,
        received_at=0,
    ),
    Day(
        **WHO.fields(),
        date=DATE,
        used=30,
        known=30,
        unknown=0,
        estimated=1,
        coverage=1.0,
        flags=1,
        received_at=9,
    ),
    WeatherDay(building="b01", station="spb", date=DATE, mean_mc=-4_250, coverage=0.9, received_at=9),
    Fitted(building="b01", contract="c1", baseline_id="ab12", document=b'{"model":"mean"}', received_at=9),
    Savings(
        building="b01",
        contract="c1",
        date=DATE,
        expected=40,
        used=30,
        estimated=1,
        temp_mc=-4_250,
        extrapolated=False,
        baseline_id="ab12",
        received_at=9,
    ),
    Position(
        building="b01",
        contract="c1",
        first=DATE,
        last=DATE,
        days=1,
        days_missing=0,
        expected=40,
        used=30,
        half_width=2.5,
        estimated=1,
        grade="B",
        baseline_id="ab12",
        received_at=9,
    ),
    Alert(
        building="b01",
        subject="c1",
        kind="no_saving",
        opened=1_000,
        state="open",
        changed=2_000,
        amount=5,
        money=99,
        detail={"days": 60},
    ),
    Finding(**WHO.fields(), kind="conflict", start=5, end=9, figures={"values": 2}, received_at=9),
    Restated(**WHO.fields(), date=DATE, old=30, new=31, cause="later reading", learned_at=9),
    Restated(**WHO.fields(), date=DATE, old=31, new=32, cause="later reading", learned_at=9),
    rejected(),
    Tick(building="b01", received_at=9),
]


def everything(reader: Reader) -> list[Any]:
    """All that a reader can be asked."""
    return [
        list(reader.ledger.rows()),
        reader.days(*WHO, 0, 10**6),
        reader.weather_days("b01", 0, 10**6),
        reader.baseline("c1"),
        reader.savings("c1", 0, 10**6),
        reader.position("c1"),
        reader.alerts(open_only=False),
        reader.findings(),
        reader.restatements(),
        reader.rejected(),
        reader.counts(),
        [r._replace(accepted=0, duplicate=0) for r in reader.ledger.registers()],
    ]


def test_events_written_again_change_nothing(opened: Open) -> None:
    opened.store.write(EVENTS)
    before = everything(opened.reader)
    assert before[9][0]["reason"] == "not_json"
    assert [(row["old"], row["new"]) for row in before[8]] == [(30, 32)]
    opened.store.write(EVENTS)
    opened.store.write(EVENTS + EVENTS)
    assert everything(opened.reader) == before


def test_accounts_are_added_with_a_commit_only(opened: Open) -> None:
    counted = Counted(**WHO.fields(), accepted=3, duplicate=1, last_time=7_000, last_amount=55, received_at=9)
    opened.commit(counted, received=4)
    opened.commit(counted, received=4)
    opened.store.write([counted])
    assert opened.reader.ledger.registers() == [Register(*WHO, 6, 2, 7_000, 55)]
    assert opened.reader.counts() == {"received": 8}


def test_the_same_payload_rejected_twice_is_two_rows_of_a_commit(opened: Open) -> None:
    opened.commit(rejected(), rejected(), rejected(b"[", "bad_value"), rejected=3)
    assert [row["reason"] for row in opened.reader.rejected()] == ["bad_value", "not_json", "not_json"]
    assert [row["payload"] for row in opened.reader.rejected(reason="bad_value")] == [b"["]
    newest = opened.reader.rejected(limit=1)[0]
    assert opened.reader.payload(newest["id"]) == b"["
    assert opened.reader.payload(10**6) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda: Day(
            **WHO.fields(),
            date=DATE,
            used=2**70,
            known=0,
            unknown=0,
            estimated=0,
            coverage=1.0,
            flags=0,
            received_at=9,
        ),  # beyond SQLite's integers
        lambda: Fitted(building="b01", contract="c1", baseline_id="ab12", document=None, received_at=9),  # type: ignore[arg-type]
        lambda: (_ for _ in ()).throw(KeyError("a bug in a step")),
    ],
)
def test_a_commit_that_fails_keeps_nothing(opened: Open, spoil: Callable[[], Event]) -> None:
    opened.commit(hours(1), parts={("ledger/a", "1"): b"old"}, received=1)
    before = everything(opened.reader)

    def events() -> Iterator[Event]:
        yield hours(7, first=HOUR + 50, meter="new")
        yield rejected()
        yield spoil()

    with pytest.raises((OverflowError, sqlite3.IntegrityError, KeyError)):
        opened.store.commit(parts={("ledger/a", "1"): b"new"}, events=events(), counts={"received": 5})
    assert everything(opened.reader) == before
    assert opened.store.part("ledger/a", "1") == b"old"
    # The register that was met first in the lost commit is met again.
    opened.commit(hours(7, meter="new"))
    assert [row.meter for row in opened.reader.ledger.rows()] == ["heat", "new"]
    assert len(opened.reader.ledger.registers()) == 2


def test_a_full_disk_loses_the_commit_and_no_more(connections: Connections, opened: Open) -> None:
    disk = connections[0]
    opened.commit(hours(1), received=1)
    before = everything(opened.reader)
    (pages,) = disk.execute("PRAGMA page_count").fetchone()
    disk.execute(f"PRAGMA max_page_count = {pages + 2}")
    blob = bytes(2**20)
    with pytest.raises(sqlite3.OperationalError, match="full"):
        opened.commit(hours(2), parts={("big", "1"): blob}, received=1)
    assert everything(opened.reader) == before
    disk.execute("PRAGMA max_page_count = 1000000")
    opened.commit(hours(2), parts={("big", "1"): blob}, received=1)
    assert opened.reader.counts() == {"received": 2}


def test_parts_are_kept_replaced_and_deleted(opened: Open) -> None:
    opened.commit(parts={("ledger/a", "1"): b"x", ("ledger/a", "2"): b"", ("ledger/b", "1"): b"z"})
    assert opened.store.parts("ledger/a") == {"1": b"x", "2": b""}
    opened.commit(parts={("ledger/a", "1"): None, ("ledger/a", "2"): b"y", ("ledger/c", "9"): None})
    assert opened.store.parts("ledger/a") == {"2": b"y"}
    assert opened.store.part("ledger/a", "1") is None
    assert opened.store.part("ledger/b", "1") == b"z"


def test_the_ledger_is_in_order_and_an_unknown_block_is_one_row(opened: Open) -> None:
    start = (HOUR + 1) * HOUR_MS + 60_000
    opened.commit(
        hours(5, meter="light", building="b02"),
        hours(9, first=HOUR + 40),
        hours(1, 2),
        Unknowns(
            **WHO.fields(),
            added=(Unknown(start=start, end=start + 38 * HOUR_MS, amount=700, flags=2),),
            withdrawn=(),
            frontier=0,
            received_at=0,
        ),
        hours(4, building="b10"),
        hours(3, first=HOUR - 48, building="b10"),
    )
    at = HOUR * HOUR_MS
    assert list(opened.reader.ledger.rows()) == [
        LedgerRow(*WHO, at, at + HOUR_MS, "Wh", 1, 0),
        LedgerRow(*WHO, at + HOUR_MS, at + 2 * HOUR_MS, "Wh", 2, 0),
        LedgerRow(*WHO, start, start + 38 * HOUR_MS, "Wh", 700, 2),
        LedgerRow(*WHO, at + 40 * HOUR_MS, at + 41 * HOUR_MS, "Wh", 9, 0),
        LedgerRow("b02", "light", "energy", at, at + HOUR_MS, "Wh", 5, 0),
        LedgerRow("b10", "heat", "energy", at - 48 * HOUR_MS, at - 47 * HOUR_MS, "Wh", 3, 0),
        LedgerRow("b10", "heat", "energy", at, at + HOUR_MS, "Wh", 4, 0),
    ]
    assert [row.amount for row in opened.reader.ledger.rows(building="b10", meter="heat")] == [3, 4]
    assert list(opened.reader.ledger.rows(building="b02", meter="heat")) == []


def test_a_ledger_being_read_is_of_one_commit(opened: Open) -> None:
    opened.commit(hours(1), hours(2, building="b02"))
    rows = opened.reader.ledger.rows()
    first = next(rows)
    opened.commit(hours(100), hours(200, building="b02"))
    assert [first.amount, *(row.amount for row in rows)] == [1, 2]
    assert [row.amount for row in opened.reader.ledger.rows()] == [100, 200]


def test_every_version_of_a_baseline_is_kept(opened: Open) -> None:
    for number, baseline_id in enumerate(("ab12", "cd34")):
        opened.commit(
            Fitted(
                building="b01",
                contract="c1",
                baseline_id=baseline_id,
                document=b'{"v":%d}' % number,
                received_at=10 + number,
            )
        )
    assert opened.reader.baseline("c1") == b'{"v":1}'
    assert opened.reader.baseline_ids("c1") == ["cd34", "ab12"]
    # The first one is adopted again, and a copy of its first adoption comes late.
    for received_at in (99, 10):
        opened.commit(
            Fitted(
                building="b01",
                contract="c1",
                baseline_id="ab12",
                document=b'{"v":0}',
                received_at=received_at,
            )
        )
    assert opened.reader.baseline("c1") == b'{"v":0}'
    assert opened.reader.baseline_ids("c1") == ["ab12", "cd34"]
    assert opened.reader.baseline_of_id("ab12") == b'{"v":0}'
    assert opened.reader.baseline_of_id("none") is None


def test_a_finding_is_explained_and_goes(opened: Open) -> None:
    two = [
        Finding(**WHO.fields(), kind="conflict", start=5, end=5, figures={"values": n}, received_at=9)
        for n in (2, 3)
    ]
    opened.commit(*two)
    opened.commit(
        Finding(
            **WHO.fields(),
            kind="conflict",
            start=5,
            end=5,
            figures={"values": 2},
            received_at=11,
            withdrawn=True,
        )
    )
    assert [found["figures"] for found in opened.reader.findings()] == [{"values": 3}]


def test_a_restatement_that_came_back_in_one_instant_is_none(opened: Open) -> None:
    opened.commit(
        Restated(**WHO.fields(), date=DATE, old=30, new=31, cause="late", learned_at=9),
        Restated(**WHO.fields(), date=DATE, old=31, new=30, cause="late", learned_at=9),
    )
    opened.commit(
        Restated(**WHO.fields(), date=DATE + 1, old=None, new=7, cause="late", learned_at=9),
        Restated(**WHO.fields(), date=DATE, old=30, new=29, cause="late", learned_at=10),
    )
    found = [(row["date"], row["old"], row["new"]) for row in opened.reader.restatements()]
    assert found == [(DATE, 30, 29), (DATE + 1, None, 7)]


def test_commits_are_counted_for_readers(opened: Open) -> None:
    before = opened.reader.commits()
    opened.commit(hours(1))
    opened.store.write([hours(1)])
    assert opened.reader.commits() == before + 2


def test_threads_share_a_writer(opened: Open) -> None:
    """Channels of notifications mark in threads of their own while the pipeline commits."""
    failed: list[BaseException] = []

    def mark(thread: int) -> None:
        try:
            for number in range(40):
                opened.store.mark_notified(f"{thread}/{number}", number)
                assert opened.store.notified(f"{thread}/{number}")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=mark, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for number in range(40):
        opened.commit(hours(number), received=1)
    for thread in threads:
        thread.join()
    assert failed == []
    assert opened.reader.counts() == {"received": 40}
    assert all(opened.store.notified(f"{thread}/{number}") for thread in range(3) for number in range(40))


def test_a_second_writer_is_refused(opened: Open) -> None:
    with pytest.raises(WrongStore, match="another process"):
        Store(opened.path)
    opened.store.close()
    Store(opened.path).close()


@pytest.mark.parametrize("name", ["a b?c#d%20.db", "кварталы.db"])
def test_any_file_name_will_do(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / name)
    store.commit(parts={}, events=[hours(1)], counts={})
    reader = Reader(tmp_path / name)
    assert [row.amount for row in reader.ledger.rows()] == [1]
    reader.close()
    store.close()
    assert (tmp_path / name).exists()


def test_what_is_not_a_store_is_refused_and_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but longer than the header of one: " + "x" * 200, encoding="utf-8")
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    empty = tmp_path / "empty.db"
    empty.touch()
    before = {path: path.read_bytes() for path in (text, foreign, empty)}
    for path in (text, foreign):
        for open_it in (Store, Reader):
            with pytest.raises(WrongStore, match=path.name):
                open_it(path)
    for path, message in ((empty, "holds no Kvartal store"), (tmp_path / "none.db", "cannot be opened")):
        with pytest.raises(WrongStore, match=message):
            Reader(path)
    with pytest.raises(WrongStore, match="cannot be opened"):
        Store(tmp_path / "no such directory" / "kvartal.db")
    assert {path: path.read_bytes() for path in before} == before


def test_a_newer_file_is_refused_with_both_versions(tmp_path: Path) -> None:
    path = tmp_path / "k.db"
    Store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 3}")
    connection.close()
    for open_it in (Store, Reader):
        with pytest.raises(
            WrongStore, match=rf"newer Kvartal \(schema {VERSION + 3}, this one knows {VERSION}\)"
        ):
            open_it(path)


def old_file(path: Path) -> None:
    """A store as version 1 left it, with figures in every table that has changed since."""
    connection = sqlite3.connect(path)
    connection.executescript(sqlite_schema.STEPS[0] + "PRAGMA user_version = 1;")
    connection.executescript(
        "INSERT INTO register VALUES (4, 'b01', 'heat', 'energy', 3, 1, 7000, 55);"
        "INSERT INTO hour VALUES (20083, 4, 482000, 11, 0);"
        "INSERT INTO restated (register, date, old, new, cause, learned_at) VALUES"
        " (4, 739000, 1, 2, 'late', 9), (4, 739000, 2, 3, 'later', 9), (4, 739001, NULL, 8, 'late', 10);"
        "INSERT INTO rejected VALUES (7, 't', x'7b', 'not_json', 'why', 5, 1, 0);"
        "INSERT INTO counted VALUES ('received', 5);"
    )
    connection.close()


@pytest.mark.parametrize("by", [Store, Reader])
def test_a_file_of_version_1_is_migrated(tmp_path: Path, by: type[Store] | type[Reader]) -> None:
    path = tmp_path / "k.db"
    old_file(path)
    by(path).close()
    store = Store(path)
    store.commit(parts={}, events=[hours(12, first=HOUR + 1)], counts={"received": 1})
    store.close()
    reader = Reader(path)
    assert [row.amount for row in reader.ledger.rows()] == [11, 12]
    assert reader.ledger.registers() == [Register(*WHO, 3, 1, 7_000, 55)]
    found = [(row["date"], row["old"], row["new"], row["cause"]) for row in reader.restatements()]
    assert found == [(739_001, None, 8, "late"), (739_000, 1, 3, "later")]
    assert reader.rejected()[0]["payload"] == b"{"
    assert reader.counts() == {"received": 6}
    reader.close()


@pytest.mark.parametrize("version", [1, 5])
def test_unknown_blocks_of_an_older_file_stay_and_get_their_end_into_the_key(
    tmp_path: Path, version: int
) -> None:
    path = tmp_path / "k.db"
    connection = sqlite3.connect(path)
    for step in sqlite_schema.STEPS[:version]:
        connection.executescript(step)
    connection.executescript(
        f"PRAGMA user_version = {version};"
        "INSERT INTO register VALUES (4, 'b01', 'heat', 'energy', 3, 1, 7000, 55);"
        "INSERT INTO unknown VALUES (4, 100, 900, 7, 2), (4, 900, 2000, 5, 2);"
    )
    connection.close()
    store = Store(path)
    begun, gone = (
        Unknown(start=100, end=800, amount=0, flags=2),
        Unknown(start=900, end=2_000, amount=5, flags=2),
    )
    changed = Unknowns(**WHO.fields(), added=(begun,), withdrawn=(gone,), frontier=0, received_at=0)
    store.commit(parts={}, events=[changed], counts={})
    store.close()
    reader = Reader(path)
    assert reader.unknowns(*WHO) == [begun, Unknown(start=100, end=900, amount=7, flags=2)]
    reader.close()


def test_a_migration_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "k.db"
    old_file(path)
    monkeypatch.setattr(sqlite_schema, "STEPS", (sqlite_schema.STEPS[0], "DROP TABLE restated; BROKEN"))
    with pytest.raises(WrongStore, match="BROKEN"):
        Store(path)
    monkeypatch.undo()
    Store(path).close()
    reader = Reader(path)
    assert len(reader.restatements()) == 2
    reader.close()


def test_the_plan_of_the_page_uses_keys(connections: Connections, opened: Open) -> None:
    """Questions of the page never walk the hours: what they cost must not grow with the site."""
    asked: list[str] = []
    opened.commit(hours(1))
    of_reader = connections[-1]
    of_reader.set_trace_callback(asked.append)
    opened.reader.hours(*WHO, HOUR, HOUR + 24)
    opened.reader.days(*WHO, DATE, DATE + 30)
    opened.reader.savings("c1", DATE, DATE + 30)
    opened.reader.weather_days("b01", DATE, DATE + 30)
    list(opened.reader.ledger.rows(building="b01", meter="heat"))
    of_reader.set_trace_callback(None)
    for question in (each for each in asked if each.lstrip().startswith(("SELECT", "WITH"))):
        plan = [row[3] for row in of_reader.execute("EXPLAIN QUERY PLAN " + question)]
        walked = [
            line
            for line in plan
            if line.startswith("SCAN")
            and any(table in line for table in ("hour", "SCAN day ", "savings", "weather_day"))
        ]
        assert walked == [], question
