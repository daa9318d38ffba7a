"""Logs of a house whose registers have faults, by seed: what law 2 is tested with (`tests.schedules`)."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

from metering.events import (
    Declared,
    Exchange,
    Fitted,
    Nature,
    Readings,
    RegisterId,
)
from metering.times import HOUR_MS, to_ms
from tests.baselines import fitted
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
    """The baselines of both contracts, an input of every schedule; the first contract has two versions."""
    return [fitted("c1", 3, NOW - 2), fitted("c1", 4, NOW - 1), fitted("c2", 3, NOW)]


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
    # Two temperatures at one instant, at times the newest one, told by different messages.
    weather += [
        (t, 0, temp + rng.choice([-500, 900])) for t, _, temp in [*rng.sample(weather, 3), weather[-1]]
    ]
    messages += _messages(RegisterId("b01", "spb", "outdoor_temperature"), "gauge", weather, 48)
    flow = [(at(h), 0, rng.choice([0, 0, 500])) for h in range(24 * DAYS) if rng.random() < 0.9]
    flow += [(t, 0, 700) for t, _, _ in [*rng.sample(flow, 3), flow[-1]]]
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
