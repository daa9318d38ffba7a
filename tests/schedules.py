"""Schedules of law 2: one log of a house with faulty registers, delivered in many ways, and all that a store has then.

A *schedule* is an order, duplicates, batches, restarts, the point at which the baselines are adopted, and one of the two
runners over a real store. A runner returns everything that law 2 makes equal: rows of the store, points of InfluxDB and
parts of state. What it leaves out is history: restatements, withdrawn alerts, silence, the instants at which something
was learned, and the count of duplicates.
"""

from __future__ import annotations

import random
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from kvartal.site_events import site_events
from metering.events import (
    Counted,
    Day,
    Event,
    Fitted,
    Position,
    Rejected,
    Restated,
    Savings,
    Tick,
    WeatherDay,
)
from metering.site.model import Site
from storage import schema
from storage.points import to_lines
from storage.sqlite import Store
from storage.sqlite_reader import Reader
from streams.applier import Applier
from streams.chunks import TableParts
from streams.embedded import Embedded
from streams.engine import Batch
from streams.steps.watch import MonthFigures, WatchHead
from tests.faulty_houses import NOW, SITE, Message
from tests.published import published


class Schedule(NamedTuple):
    """One delivery of a log."""

    batches: list[list[Message | Fitted]]
    restarts: frozenset[int]
    """Batches before which the process begins again."""


def in_order(log: Sequence[Message], fitted: Sequence[Fitted]) -> Schedule:
    """Baselines first, then the log as it is, in one batch."""
    return Schedule([[*fitted, *log]], frozenset())


def shuffled(log: Sequence[Message], fitted: Sequence[Fitted], rng: random.Random) -> Schedule:
    """Another order, duplicates, batches, restarts; the baselines come anywhere."""
    sent: list[Message | Fitted] = [*log, *rng.sample(log, rng.randint(0, 6))]
    match rng.randrange(4):
        case 0:
            sent.reverse()
        case 1:  # a few come last
            late = [sent.pop(rng.randrange(len(sent))) for _ in range(rng.randint(1, 4))]
            sent += late
        case _:
            rng.shuffle(sent)
    for each in fitted:
        sent.insert(rng.choice([0, len(sent), rng.randint(0, len(sent))]), each)
    batches = []
    most = rng.choice([1, 8, 60])
    while sent:
        n = rng.randint(1, most)
        batches.append(sent[:n])
        sent = sent[n:]
    return Schedule(batches, frozenset(n for n in range(len(batches)) if rng.random() < 0.2))


Kept: TypeAlias = dict[str, dict[str, Any]]
"""Everything that stores show or keep and that law 2 makes equal, by table: rows, points and parts of state."""


def through_embedded(db: Path, schedule: Schedule, site: Site = SITE) -> Kept:
    """Deliver to the embedded runner over a new store; returns what is kept."""
    store = Store(db)
    watched = _Watched(site)

    def start() -> Embedded:
        runner = Embedded(site=site, store=store, decode=lambda *_, **__: ())
        watched.see(runner.enter(site_events(site, NOW), NOW).events)
        return runner

    runner = start()
    for number, batch in enumerate(schedule.batches):
        if number in schedule.restarts:
            runner = start()
        readings: list[Message] = []
        for event in batch:
            if isinstance(event, Fitted):
                watched.see(runner.adopt(event).events)
            else:
                readings.append(event)
        if readings:
            watched.see(runner.enter(readings, max(each.received_at for each in readings)).events)
    watched.see(runner.tick(NOW).events)
    watched.check()
    store.close()
    with sqlite3.connect(db) as connection:
        parts = {(key, name): blob for key, name, blob in connection.execute("SELECT * FROM part")}
    connection.close()
    return kept(db, parts, watched.points)


class StoreSink:
    """A store as the sink of an applier, with the accounts of messages that are applied once."""

    def __init__(self, store: Store, watched: _Watched) -> None:
        self.store, self.watched = store, watched

    def write(self, events: Sequence[Event]) -> None:
        self.watched.see(events)
        batch = Batch()
        batch.keep(events)
        self.store.commit(parts={}, events=batch.events, counts=batch.counts)


def through_applier(db: Path, schedule: Schedule, site: Site = SITE) -> Kept:
    """Deliver to the Faust runner's applier over a table, with a new store as its sink; returns what is kept."""
    store = Store(db)
    watched = _Watched(site)
    sink = StoreSink(store, watched)
    table: dict[bytes, bytes] = {}
    offset = -1

    def start() -> Applier:
        nonlocal offset
        applier = Applier(site=site, parts=TableParts(table), sink=sink)
        offset = take(applier, site_events(site, NOW), offset)
        return applier

    def take(applier: Applier, events: Iterable[Any], newest: int) -> int:
        if newest >= 0:  # what was committed comes again, and changes nothing
            assert not applier.take(b"", partition=0, offset=newest)
        for event in events:
            newest += 1
            assert applier.take(msgspec.msgpack.encode(event), partition=0, offset=newest)
        sink.write(applier.finish())
        applier.commit()
        return newest

    applier = start()
    for number, batch in enumerate(schedule.batches):
        if number in schedule.restarts:
            applier = start()
        offset = take(applier, batch, offset)
    take(applier, [Tick(building=each, received_at=NOW) for each in site.buildings], offset)
    watched.check()
    store.close()
    applied = TableParts(table)
    parts: dict[tuple[str, str], bytes] = {}
    for key in table:
        if not key.startswith(b"@"):
            shared = key.decode().rpartition("#")[0]
            for name, blob in applied.chunk(key, 0).items():
                step, _, part = name.partition("/")
                parts[f"{step}/{shared}", part] = blob
    return kept(db, parts, watched.points)


_Figure: TypeAlias = tuple[str, str, str, int, str]
"""(meter or station, quantity, contract, date, what) of a published figure."""


def _figures(event: Event) -> dict[_Figure, int | None]:
    """What an event publishes, and about what."""
    match event:
        case Day():
            about = (event.meter, event.quantity, "", event.date)
        case WeatherDay():
            about = (event.station, "outdoor_temperature", "", event.date)
        case Savings():
            contract = SITE.contracts[event.contract]
            about = (contract.meter, "energy", contract.id, event.date)
        case _:
            return {}
    return {(*about, what): value for what, value in published(event).items()}


class _Watched:
    """What the events of a delivery say, one after another.

    A restatement begins at the figure that was published last, and ends at the next one; no published figure changes
    without one. Points of InfluxDB overwrite those of the same series and time.
    """

    def __init__(self, site: Site) -> None:
        self.points: dict[str, str] = {}
        self._site = site
        self.shown: dict[_Figure, int | None] = {}
        self.ends: dict[_Figure, int | None] = {}

    def see(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, Restated) and event.what != "saving_to_date":
                for what, old, new in event.figures():
                    place = (event.meter, event.quantity, event.contract, event.date, what)
                    assert old == self.shown.get(place), event
                    self.ends[place] = new
            for place, value in _figures(event).items():
                if place in self.ends:
                    assert self.ends.pop(place) == value, event
                else:
                    assert value == self.shown.get(place, value), event
                self.shown[place] = value
            if isinstance(event, Day | Savings) and event.withdrawn:
                for place in _figures(event):
                    self.shown.pop(place, None)
            if not isinstance(event, Restated | Counted | Rejected):
                self._point(event)

    def _point(self, event: Event) -> None:
        for line in to_lines(event, self._site):
            match = _LINE.fullmatch(line)
            assert match is not None, line
            place = f"{match['series']} {match['time']}"
            fields = _LEARNED.sub("", match["fields"])
            history = (
                line.startswith((f"{schema.POSITION},", f"{schema.CHAIN},"))
                or "meter_silent" in line
                or "withdrawn" in fields
            )
            if history or _GONE.search(fields):
                self.points.pop(place, None)
            else:
                self.points[place] = fields

    def check(self) -> None:
        assert not self.ends, "a restatement without its day"


_POSITION: Final = msgspec.json.Decoder(Position)

_LINE: Final = re.compile(r"(?P<series>(?:\\.|[^ ])+) (?P<fields>.*) (?P<time>\d+)")
_LEARNED: Final = re.compile(r",?(received|fitted|changed)_ms=\d+i")
_GONE: Final = re.compile(r"\bheld=0i|,days=0i")
"""A withdrawn figure, or a standing without days."""

_HISTORY: Final = {
    "restatement": None,
    "rejected": None,
    "done": None,
    "notified": None,
    "part": None,
    "register": None,
    "chain": None,
    "message": None,
    "loose_message": None,
    "site_file": None,
    "baseline": ("fitted_at",),
    "finding": ("found_at",),
}
"""Columns by table that law 2 does not make equal; None for the whole table."""


def kept(db: Path, parts: Mapping[tuple[str, str], bytes], points: Mapping[str, str]) -> Kept:
    """What law 2 makes equal of a store, of the parts of state by (key, name), and of InfluxDB's points."""
    connection = sqlite3.connect(db)
    connection.row_factory = sqlite3.Row
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    registers = {
        row["id"]: "/".join((row["building"], row["meter"], row["quantity"]))
        for row in connection.execute("SELECT * FROM register")
    }
    shown: dict[str, dict[str, Any]] = {}
    for table in tables:
        left_out = _HISTORY.get(table, ())
        if left_out is None or table.startswith("sqlite_"):
            continue
        rows = shown[table] = {}
        for row in connection.execute(f"SELECT * FROM {table}"):
            fields = {name: row[name] for name in row.keys() if name not in left_out}  # noqa: SIM118
            if "register" in fields:
                fields["register"] = registers[fields["register"]]
            if table == "alert" and (fields["kind"] == "meter_silent" or b"withdrawn" in fields["body"]):
                continue
            if table == "position":
                fields["body"] = msgspec.structs.replace(_POSITION.decode(fields["body"]), received_at=0)
            if table == "counted" and fields["name"] in ("received", "duplicate"):
                continue
            rows[repr(fields)] = True
    connection.close()
    reader = Reader(db)
    shown["register"] = {
        # A virtual meter whose days were all withdrawn keeps its number, and nothing else.
        repr(each._replace(duplicate=0)): True
        for each in reader.ledger.registers()
        if each.accepted or reader.days(each.building, each.meter, each.quantity, 0, 1_000_000)
    }
    reader.close()
    shown["part"] = {
        f"{key} {name}": _without_history(key, blob)
        for (key, name), blob in parts.items()
        if not key.startswith(("silence/", "chain/"))
    }
    shown["point"] = dict(points)
    return shown


def _without_history(key: str, blob: bytes) -> bytes:
    """A part of state, without the instant at which a position was calculated."""
    if key.startswith("watch/"):
        state = msgspec.msgpack.decode(blob, type=WatchHead | MonthFigures)
        if isinstance(state, WatchHead) and state.position is not None:
            position = msgspec.structs.replace(state.position, received_at=0)
            return msgspec.msgpack.encode(msgspec.structs.replace(state, position=position))
    return blob


def differences(one: Mapping[str, Mapping[str, Any]], other: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What differs between two results of `kept`, a line each."""
    lines = []
    for table in sorted({*one, *other}):
        left, right = one.get(table, {}), other.get(table, {})
        for key in sorted({*left, *right}):
            if left.get(key) != right.get(key):
                lines.append(f"{table} {key}: {_short(left.get(key))} | {_short(right.get(key))}")
    return lines


def _short(value: Any) -> str:
    if isinstance(value, bytes):
        value = msgspec.msgpack.decode(value)
    return f"{value!r:.600}"
