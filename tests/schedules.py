"""Schedules of law 2: one log of a house with faulty registers, delivered in many ways, and all that a store has then.

A log is a list of messages. A *schedule* is one delivery of it: an order, duplicates, batches, restarts, the point at
which the baselines are adopted, and one of the two runners over a real store. `kept` gives everything that the store
shows or keeps and that law 2 makes equal. What it leaves out is history: restatements, withdrawn alerts, silence, the
instants at which something was learned, and the count of duplicates.
"""

from __future__ import annotations

import datetime as dt
import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from kvartal.site_events import site_events
from metering.baselines.fit import fit
from metering.events import (
    Day,
    Declared,
    Event,
    Exchange,
    Fitted,
    Nature,
    Position,
    Readings,
    RegisterId,
    Restated,
    Tick,
)
from metering.site.model import Site
from metering.times import HOUR_MS, to_ms
from storage.sqlite import Store
from streams.applier import Applier
from streams.chunks import TableParts
from streams.embedded import Embedded
from streams.engine import Batch
from streams.steps.watch import MonthFigures, WatchHead
from tests.sites import build_site, building, contract, meter, source, station, tariff

DAYS: Final = 24
FIRST: Final = dt.date(2025, 5, 1)
_ZONE: Final = dt.timezone(dt.timedelta(hours=3))
_BEGIN: Final = to_ms(dt.datetime.combine(FIRST, dt.time(), _ZONE).astimezone(dt.UTC))
NOW: Final = _BEGIN + (24 * DAYS + 1) * HOUR_MS

Message: TypeAlias = Readings | Declared
Pair: TypeAlias = tuple[int, int]
"""(hour since the beginning of the log, amount [Wh])."""
Pairs: TypeAlias = list[Pair]

SITE: Final = build_site(
    source("k/{building}/{meter}"),
    source("w/{station}"),
    station(),
    tariff(("2024-01-01", "2500")),
    building(
        meter("heat", "heat", "kWh", digits=6, max_power_kw=2000),
        meter("flats", "heat", "kWh", parent="heat", max_power_kw=1000),
        meter("shop", "heat", "kWh", parent="heat", max_power_kw=1000, exchange=[
            {"at": "2025-05-09T12:00:00+03:00", "old_final": "9000", "new_initial": "5"}
        ]),
        meter("rest", "heat", "kWh", virtual={"plus": ["heat"], "minus": ["flats", "shop"]}),
        station="spb",
        persons=400,
    ),
    contract(
        baseline="2025-01-01..2025-03-31", reporting="2025-05-02..", measure="substation",
        guaranteed_savings_pct=20, tariff="heat",
    ),
    contract(
        "c2", meter="rest", baseline="2025-01-01..2025-03-31", reporting="2025-05-02..", measure="substation"
    ),
    timezone="Europe/Moscow",
)  # fmt: skip


def at(hour: float) -> int:
    """The instant `hour` hours after the log's beginning [ms]."""
    return _BEGIN + round(hour * HOUR_MS)


def baselines() -> list[Fitted]:
    """The baselines of both contracts, an input of every schedule."""
    rng = random.Random(3)
    dates = list(range(dt.date(2025, 1, 1).toordinal(), dt.date(2025, 4, 1).toordinal()))
    temps = [rng.randint(-15_000, 8_000) for _ in dates]
    fitted = fit(
        dates=dates,
        used=[round(9_000_000 + max(0, 17_000 - t) * 400 + rng.gauss(0, 300_000)) for t in temps],
        temps_mc=temps,
        temps_before_mc=[temps[0], *temps[:-1]],
        first=dates[0],
        last=dates[-1],
        unit="Wh",
    )
    first = Fitted(
        building="b01", contract="c1", baseline_id=fitted.id, document=fitted.document, received_at=NOW
    )
    return [first, msgspec.structs.replace(first, contract="c2")]


# --- faults of a register: hourly pairs -> the pairs that are sent, and what is declared beside them


class Sent(NamedTuple):
    """What a faulty register sends."""

    pairs: Pairs
    exchanges: tuple[Exchange, ...] = ()
    rows: tuple[tuple[int, int, int], ...] = ()
    """Rows of an archive: (start, end, amount), in hours."""


Fault: TypeAlias = Callable[[random.Random, Pairs], Sent]


def _count(pairs: Pairs, hour: int) -> int:
    """What the register showed at an hour: the newest count up to then."""
    return next((amount for h, amount in reversed(pairs) if h <= hour), pairs[0][1])


def _without(pairs: Pairs, first: int, last: int) -> Pairs:
    return [(hour, amount) for hour, amount in pairs if not first < hour < last]


def _exchanged(pairs: Pairs, hour: int, initial: int) -> Pairs:
    final = _count(pairs, hour)
    return [(h, v if h < hour else initial + v - final) for h, v in pairs]


def _hour(rng: random.Random) -> int:
    return rng.randrange(30, 24 * (DAYS - 10))


def clean(rng: random.Random, pairs: Pairs) -> Sent:
    return Sent(pairs)


def silent(rng: random.Random, pairs: Pairs) -> Sent:
    """A gap of hours or days."""
    first = _hour(rng)
    return Sent(_without(pairs, first, first + rng.choice([3, 8, 30, 150])))


def exchanged_while_silent(rng: random.Random, pairs: Pairs) -> Sent:
    """Another meter comes while nothing is sent, and nobody says so."""
    first = _hour(rng)
    last = first + rng.choice([8, 30, 150])
    return Sent(_without(_exchanged(pairs, last, rng.choice([0, 5_000])), first, last))


def declared_while_silent(rng: random.Random, pairs: Pairs) -> Sent:
    """The same, declared, at times with a wrong final count."""
    first = _hour(rng)
    last = first + rng.choice([30, 150])
    final = _count(pairs, first) + rng.choice([0, 40_000, -400_000])
    changed = Exchange(at=at(rng.randint(first, last)), final=final, initial=0)
    return Sent(_without(_exchanged(pairs, last, 0), first, last), (changed,))


def declared_twice(rng: random.Random, pairs: Pairs) -> Sent:
    """An exchange that two people declare with other counts and instants."""
    hour = _hour(rng)
    final = _count(pairs, hour)
    several = tuple(
        Exchange(at=at(hour + rng.choice([-1, 0, 0, 7])), final=final + rng.choice([0, 9_000]), initial=0)
        for _ in range(2)
    )
    return Sent(_exchanged(pairs, hour, 0), several)


def still_then_gap(rng: random.Random, pairs: Pairs) -> Sent:
    """The display repeats its count after a gap, then goes on: two unknown blocks begin at one instant."""
    first = _hour(rng)
    last = first + rng.choice([9, 14, 40])
    frozen = _count(pairs, first)
    kept = _without(pairs, first, last)
    return Sent(sorted([*kept, (last - 1, frozen)]))


def frozen(rng: random.Random, pairs: Pairs) -> Sent:
    """The display stands still for hours or days, then catches up or goes on from there."""
    first = _hour(rng)
    last = first + rng.choice([5, 20, 130])
    value, catches_up = _count(pairs, first), rng.random() < 0.5
    lost = 0 if catches_up else _count(pairs, last) - value
    return Sent([(h, v if h <= first else value if h <= last else v - lost) for h, v in pairs])


def strays(rng: random.Random, pairs: Pairs) -> Sent:
    """Zeros, digits too many and too few, alone or twice."""
    sent = dict(pairs)
    for _ in range(rng.randint(1, 4)):
        hour = _hour(rng)
        good = _count(pairs, hour)
        wrong = rng.choice([0, good * 10, good // 1000, good + 5_000_000])
        sent |= dict.fromkeys(range(hour, hour + rng.randint(1, 2)), wrong)
    return Sent(sorted(sent.items()))


def conflicts(rng: random.Random, pairs: Pairs) -> Sent:
    """Two or three values at one instant."""
    doubled = rng.sample(pairs, min(3, len(pairs)))
    return Sent(sorted(pairs + [(h, v + rng.randint(1, 300_000)) for h, v in doubled + doubled[:1]]))


def rolled_over(rng: random.Random, pairs: Pairs) -> Sent:
    hour = _hour(rng)
    shift = 1_000_000_000 - _count(pairs, hour)
    return Sent([(h, (v + shift) % 1_000_000_000) for h, v in pairs])


def other_unit(rng: random.Random, pairs: Pairs) -> Sent:
    hour, factor = _hour(rng), rng.choice([1000, 10])
    return Sent([(h, v if h < hour else v * factor) for h, v in pairs])


def reset(rng: random.Random, pairs: Pairs) -> Sent:
    return Sent(_exchanged(pairs, _hour(rng), 0))


def surged(rng: random.Random, pairs: Pairs) -> Sent:
    """Hours of much use, seen or silent, and a level that stays."""
    hour, extra = _hour(rng), rng.choice([4_000_000, 20_000_000])
    sent = [(h, v if h < hour else v + extra) for h, v in pairs]
    return Sent(_without(sent, hour - rng.choice([0, 10, 40]), hour))


def power_cut(rng: random.Random, pairs: Pairs) -> Sent:
    """After a cut the register goes on from an older value."""
    hour = _hour(rng)
    lost = _count(pairs, hour) - _count(pairs, hour - rng.choice([2, 12]))
    return Sent([(h, v if h < hour else v - lost) for h, v in pairs])


def daily(rng: random.Random, pairs: Pairs) -> Sent:
    """One reading a day, some missing."""
    return Sent([(h, v) for h, v in pairs if h % 24 == 7 and rng.random() < 0.8])


def archived(rng: random.Random, pairs: Pairs) -> Sent:
    """An archive beside the register, with a row that is corrected and one that overlaps."""
    first = _hour(rng)
    last = first + rng.choice([6, 48])
    rows = [(h, h + 1, _count(pairs, h + 1) - _count(pairs, h)) for h in range(first, last)]
    rows.append((first, first + 1, rows[0][2] + 1_000))
    rows.append((first, first + 48, _count(pairs, first + 48) - _count(pairs, first)))
    return Sent(_without(pairs, first, last), rows=tuple(rows))


def lonely(rng: random.Random, pairs: Pairs) -> Sent:
    """One reading, then nothing for days, then another register."""
    last = 24 * rng.randint(2, 8)
    return Sent(_without(_exchanged(pairs, last, rng.choice([0, 7_000])), 0, last))


FAULTS: Final[tuple[Fault, ...]] = (
    clean, silent, exchanged_while_silent, declared_while_silent, declared_twice, still_then_gap, frozen, strays,
    conflicts, rolled_over, other_unit, reset, surged, power_cut, daily, archived, lonely,
)  # fmt: skip


def _counting(rng: random.Random, most: int) -> Pairs:
    """Hourly counts of a register that begins anywhere [Wh]."""
    amount = rng.randint(20_000_000, 40_000_000)
    pairs = []
    for hour in range(24 * DAYS + 1):
        pairs.append((hour, amount))
        amount += rng.randint(most // 4, most)
    return pairs


def house(seed: int) -> list[Message]:
    """The log of a house: registers with up to three faults each, and its weather."""
    rng = random.Random(seed)
    messages: list[Message] = []
    # The baseline expects about 540 kWh an hour; sub-meters may count more than the main meter.
    for name, most in (
        ("heat", rng.choice([700_000, 900_000, 1_300_000])),
        ("flats", 300_000),
        ("shop", 500_000),
    ):
        who = RegisterId("b01", name, "energy")
        pairs = _counting(rng, most)
        for fault in rng.sample(FAULTS, rng.randint(1, 3)):
            sent = fault(rng, pairs)
            pairs = sent.pairs
            for exchange in sent.exchanges:
                messages.append(
                    Declared(**who.fields(), exchanges=(exchange,), by_site=False, received_at=NOW)
                )
            messages += _messages(who, "interval", [(at(e), at(s), v) for s, e, v in sent.rows], 7)
        size = rng.choice([6, 24, 100])
        messages += _messages(who, "register", [(at(h), 0, max(0, v)) for h, v in pairs], size)
    weather = [
        (at(h), 0, rng.randint(2_000, 15_000)) for h in range(-24, 24 * DAYS + 1) if rng.random() < 0.97
    ]
    messages += _messages(RegisterId("b01", "spb", "outdoor_temperature"), "gauge", weather, 48)
    flow = [(at(h), 0, rng.choice([0, 0, 500])) for h in range(24 * DAYS) if rng.random() < 0.9]
    return [*messages, *_messages(RegisterId("b01", "flats", "flow"), "gauge", flow, 48)]


def _messages(
    who: RegisterId, nature: Nature, rows: Sequence[tuple[int, int, int]], size: int
) -> Iterator[Readings]:
    """Messages of `size` rows (time, start, amount)."""
    for first in range(0, len(rows), size):
        cut = rows[first : first + size]
        newest = max(t for t, _, _ in cut)
        yield Readings(
            **who.fields(),
            nature=nature,
            times=tuple(t for t, _, _ in cut),
            amounts=tuple(v for _, _, v in cut),
            starts=tuple(s for _, s, _ in cut) if nature == "interval" else (),
            received_at=newest + (NOW - newest) * (first % 5) // 5,
        )


# --- delivery


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


Parts: TypeAlias = Mapping[tuple[str, str], bytes]


def through_embedded(db: Path, schedule: Schedule, site: Site = SITE) -> Parts:
    """Deliver to the embedded runner; returns the parts of state."""
    store = Store(db)
    watched = _Watched()

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
    return parts


class StoreSink:
    """A store as the sink of an applier, with the accounts of messages that are applied once."""

    def __init__(self, store: Store, watched: _Watched) -> None:
        self.store, self.watched = store, watched

    def write(self, events: Sequence[Event]) -> None:
        self.watched.see(events)
        batch = Batch()
        batch.keep(events)
        self.store.commit(parts={}, events=batch.events, counts=batch.counts)


def through_applier(db: Path, schedule: Schedule, site: Site = SITE) -> Parts:
    """Deliver to the Faust runner's applier over a table; returns the parts of state."""
    store = Store(db)
    watched = _Watched()
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
    return parts


class _Watched:
    """Checks restatements as they come: each begins at the figure that was published last, and ends at the next one."""

    def __init__(self) -> None:
        self.used: dict[tuple[RegisterId, int], int | None] = {}
        self.ends: dict[tuple[RegisterId, int], int | None] = {}

    def see(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, Restated):
                place = (event.register, event.date)
                assert event.old == self.used.get(place), event
                self.ends[place] = event.new
            elif isinstance(event, Day):
                place = (event.register, event.date)
                if place in self.used and self.used[place] != event.used:
                    assert self.ends.pop(place) == event.used, event
                self.used[place] = event.used
                if event.withdrawn:
                    del self.used[place]

    def check(self) -> None:
        assert not self.ends, "a restatement without its day"


_POSITION: Final = msgspec.json.Decoder(Position)

_HISTORY: Final = {
    "restatement": None,
    "rejected": None,
    "done": None,
    "notified": None,
    "part": None,
    "register": ("id", "duplicate"),
    "baseline": ("fitted_at",),
    "finding": ("found_at",),
}
"""Columns by table that law 2 does not make equal; None for the whole table."""


def kept(db: Path, parts: Parts) -> dict[str, dict[str, Any]]:
    """Everything that a store shows or keeps and that law 2 makes equal: rows and parts of state, by table."""
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
    shown["part"] = {
        f"{key} {name}": _without_history(key, blob)
        for (key, name), blob in parts.items()
        if not key.startswith("silence/")
    }
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
