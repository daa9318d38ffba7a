"""More faults on more meters: the fault suite's rule over a table of meters x faults.

    python bench/faults_more.py                     prints what fails, and a count
    python bench/faults_more.py --all               prints every meter and fault
    python bench/faults_more.py --only heat zero    only meters and faults whose names hold these words
    python bench/faults_more.py --order             also enters each case shuffled: the ledger must be the same

The truth is what the clean readings say, spread evenly between two of them, without the stretches that no register
counted. `metering.ledger.enter` is driven directly (values decoded as ingest does); every case is also audited:
its stored readings are folded again and law 1 is checked block by block.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Final, NamedTuple

from metering import flags as f
from metering.fold import Booked, Rules, State, fold
from metering.ledger import Block, Part, enter
from metering.site import DEFAULT_MAX_KW, DEFAULT_MAX_M3_PER_H
from metering.times import HOUR_MS
from metering.units import UNITS, to_amount

DAYS: Final = 60
HOURS: Final = DAYS * 24
BEGIN: Final = 1_767_225_600_000  # 2026-01-01
MIN: Final = 60_000


@dataclass(frozen=True)
class Meter:
    """A meter, the way it is used and read."""

    name: str
    carrier: str
    unit: str
    resolution: str
    """Smallest step shown [unit]."""
    start: float
    daily: float
    """Mean use [unit/day]."""
    course: str = "house"
    every: int = 60
    """[min]"""
    offset: int = 0
    """[min] after the hour."""
    jitter: float = 0.0
    """Largest random shift of a stamp [min]."""
    digits: int | None = None
    bound: float | None = None

    @property
    def rules(self) -> Rules:
        bound = self.bound or DEFAULT_MAX_KW.get(self.carrier, DEFAULT_MAX_M3_PER_H)
        wrap = None if self.digits is None else int(10**self.digits * UNITS[self.unit].scale)
        return Rules(round(bound * 1000), wrap)


_HOUSE = [0.7, 0.65, 0.6, 0.6, 0.65, 0.8, 1.1, 1.4, 1.3, 1.1, 1.0, 0.95, 0.95, 0.9, 0.9, 0.95, 1.05, 1.15, 1.25, 1.3, 1.2, 1.1, 0.95, 0.8]  # fmt: skip  # noqa: E501


def _share(course: str, hour: int, rng: random.Random) -> float:
    """Relative use of an hour after the beginning."""
    day, of_day = divmod(hour, 24)
    scatter = rng.uniform(0.9, 1.1)
    if course == "house":
        return _HOUSE[of_day] * scatter
    if course == "dhw":  # by day only, two peaks
        return (0 if of_day < 6 else 2.2 if of_day in (7, 8, 19, 20, 21, 22) else 0.8) * scatter
    if course == "school":  # night and weekend zeros
        return 0.0 if day % 7 in (5, 6) or not 7 <= of_day < 18 else scatter
    if course == "spring":  # heating that ends after 25 days, then nothing at all for 20, then again
        return 0.0 if 25 <= day < 45 else _HOUSE[of_day] * scatter
    if course == "summer":  # nothing but circulation
        return 0.12 * scatter
    if course == "lift":  # bursts
        return rng.expovariate(1.0)
    raise KeyError(course)


METERS: Final = (
    Meter("heat kWh", "heat", "kWh", "0.01", 51_000, 477, digits=5, bound=2000),
    Meter("heat kWh bare", "heat", "kWh", "0.01", 51_000, 477),
    Meter("heat Gcal .001", "heat", "Gcal", "0.001", 1234.5, 1.9, digits=7, bound=2000),
    Meter("heat Gcal .01", "heat", "Gcal", "0.01", 834.5, 2.7),
    Meter("heat Gcal .1", "heat", "Gcal", "0.1", 8834.5, 4.0, digits=6),
    Meter("heat Gcal spring", "heat", "Gcal", "0.001", 512.3, 1.5, course="spring", digits=5),
    Meter("heat Gcal summer", "heat", "Gcal", "0.01", 512.3, 0.4, course="dhw", digits=5),
    Meter("heat Gcal .1 summer", "heat", "Gcal", "0.1", 512.3, 0.5, course="dhw", digits=5),
    Meter("heat GJ :17", "heat", "GJ", "0.01", 3456.7, 8.0, offset=17),
    Meter("heat MWh", "heat", "MWh", "0.001", 51.0, 0.48, digits=4),
    Meter("heat Gcal 15min", "heat", "Gcal", "0.001", 1234.5, 1.9, every=15, digits=6),
    Meter("heat Gcal daily", "heat", "Gcal", "0.001", 1234.5, 1.9, every=1440, digits=6),
    Meter("heat MWh daily", "heat", "MWh", "0.01", 951.0, 2.1, every=1440),
    Meter("elec kWh 6", "electricity", "kWh", "0.01", 123_456, 290, digits=6),
    Meter("elec kWh bare", "electricity", "kWh", "0.1", 23_456, 290, course="lift"),
    Meter("elec flat", "electricity", "kWh", "0.01", 3_456, 8, course="lift", digits=5, bound=15),
    Meter("elec 15min", "electricity", "kWh", "1", 423_456, 700, every=15, digits=6),
    Meter("elec 30min", "electricity", "kWh", "0.1", 42_345, 300, every=30, digits=6, bound=100),
    Meter("elec daily", "electricity", "kWh", "1", 42_345, 300, every=1440, digits=6),
    Meter("elec school", "electricity", "kWh", "0.1", 88_000, 150, course="school", digits=6),
    Meter("elec irregular", "electricity", "kWh", "0.01", 42_345, 300, jitter=25, digits=6),
    Meter("cold water", "cold_water", "m3", "0.01", 4_567, 40, digits=5, bound=30),
    Meter("cold water bare", "cold_water", "m3", "0.1", 45_670, 65),
    Meter("hot water", "hot_water", "m3", "0.01", 12_345, 30, course="dhw", digits=5),
    Meter("hot water 15min", "hot_water", "m3", "0.001", 2_345, 30, course="dhw", every=15, digits=5),
    Meter("cold water daily", "cold_water", "m3", "0.1", 2_345, 40, every=1440, digits=5),
    Meter("gas jitter", "gas", "m3", "0.01", 22_345, 120, course="dhw", jitter=4, digits=6),
)


class Sent(NamedTuple):
    """One reading as it was sent."""

    t: int
    value: Decimal
    unit: str


@dataclass
class Case:
    """Clean readings, for a fault to spoil, and the truth."""

    meter: Meter
    t: list[int]
    """Instants of the clean readings [ms]."""
    v: list[Decimal]
    """The counts, not wrapped [unit]."""
    sent: list[Sent] = field(default_factory=list)
    lost: set[int] = field(default_factory=set)
    """Steps (from reading i to i+1) that no register counted."""
    touched: set[int] = field(default_factory=set)
    """Hours that the fault concerns."""
    impossible: bool = False
    """The fault makes no sense on this meter."""

    def at(self, days: float) -> int:
        """Index of the first reading so many days after the beginning."""
        return next((i for i, t in enumerate(self.t) if t >= BEGIN + days * 24 * HOUR_MS), len(self.t))

    def growing(self, days: float) -> int:
        """The same, at a reading with growth before and after it."""
        i = self.at(days)
        steps = range(i, len(self.v) - 1)
        both = (k for k in steps if self.v[k - 1] < self.v[k] < self.v[k + 1])
        return next(both, None) or next((k for k in steps if self.v[k - 1] < self.v[k]), i)

    def still(self, days: float) -> int:
        """The same, at a reading without growth before and after it."""
        i = self.at(days)
        found = [k for k in range(i, len(self.v) - 1) if self.v[k - 1] == self.v[k] == self.v[k + 1]]
        if not found:
            self.impossible = True
        return found[0] if found else i

    def touch(self, start: int, end: int) -> None:
        """The hours of `[start, end)` [ms]."""
        first = (start - BEGIN) // HOUR_MS
        self.touched |= set(range(first, max(first + 1, -(-(end - BEGIN) // HOUR_MS))))

    def around(self, i: int, j: int | None = None) -> None:
        """Touch the steps beside the readings `[i, j]`."""
        j = i if j is None else j
        self.touch(self.t[max(0, i - 1)], self.t[min(len(self.t) - 1, j + 1)])

    def put(self, i: int, value: Decimal | float) -> None:
        """Change one value as sent."""
        self.sent[i] = self.sent[i]._replace(value=Decimal(str(value)))
        self.around(i)


def clean(meter: Meter, seed: int = 1) -> Case:
    """Sixty days."""
    rng = random.Random(f"{meter.name}{seed}")
    shape = []
    level = 1.0
    for hour in range(HOURS + 30):
        if hour % 24 == 0:
            level = 0.85 * level + 0.15 * rng.uniform(0.5, 1.5)
        shape.append(level * _share(meter.course, hour, rng))
    scale = meter.daily * DAYS / sum(shape[:HOURS])
    counts = [0.0]
    for share in shape:
        counts.append(counts[-1] + share * scale)
    resolution = Decimal(meter.resolution)
    times: list[int] = []
    values: list[Decimal] = []
    for k in range(HOURS * 60 // meter.every + 1):
        minute = meter.offset + k * meter.every
        t = BEGIN + minute * MIN + round(rng.uniform(-1, 1) * meter.jitter * 60) * 1000 * (k > 0)
        hours = (t - BEGIN) / HOUR_MS
        whole = math.floor(hours)
        count = counts[whole] + (hours - whole) * (counts[whole + 1] - counts[whole])
        times.append(t)
        values.append(Decimal(str(meter.start)) + math.floor(count / float(resolution) + 1e-6) * resolution)
    case = Case(meter, times, values)
    case.sent = [Sent(t, v, meter.unit) for t, v in zip(times, values, strict=True)]
    return case


Fault = Callable[[Case], None]
FAULTS: dict[str, Fault] = {}


def fault(name: str) -> Callable[[Fault], Fault]:
    def add(made: Fault) -> Fault:
        FAULTS[name] = made
        return made

    return add


# --- strays ----------------------------------------------------------------------------------------------


@fault("clean")
def _clean(_case: Case) -> None:
    pass


def _values(
    first: float, count: int, value: Callable[[Case, Decimal], Decimal | float], grow: bool = True
) -> Fault:
    def made(case: Case) -> None:
        i = case.growing(first) if grow else case.at(first)
        for k in range(i, i + count):
            case.put(k, value(case, case.v[k]))

    return made


FAULTS["zero"] = _values(20, 1, lambda _c, _v: 0)
FAULTS["two zeros"] = _values(20, 2, lambda _c, _v: 0)
FAULTS["three zeros"] = _values(20, 3, lambda _c, _v: 0)
FAULTS["six zeros"] = _values(20, 6, lambda _c, _v: 0)
FAULTS["x10"] = _values(30, 1, lambda _c, v: v * 10)
FAULTS["x100"] = _values(30, 1, lambda _c, v: v * 100)
FAULTS["/10"] = _values(30, 1, lambda _c, v: v / 10)
FAULTS["x10 twice"] = _values(30, 2, lambda _c, v: v * 10)
FAULTS["/10 four times"] = _values(30, 4, lambda _c, v: v / 10)
FAULTS["negative"] = _values(30, 1, lambda _c, v: -v)
FAULTS["-1"] = _values(30, 1, lambda _c, v: -1)
FAULTS["65535"] = _values(30, 1, lambda _c, v: 65535)
FAULTS["dip 1 unit"] = _values(30, 1, lambda _c, v: v - 1)
FAULTS["dip 1 step"] = _values(30, 1, lambda c, v: v - Decimal(c.meter.resolution))
FAULTS["dip 10"] = _values(30, 1, lambda _c, v: v - 10)
FAULTS["dip in a standstill"] = lambda c: c.put(i := c.still(30), c.v[i] - 1)
FAULTS["spike half day"] = _values(30, 1, lambda c, v: v + Decimal(str(c.meter.daily)) / 2)
FAULTS["spike 2 days"] = _values(30, 1, lambda c, v: v + Decimal(str(c.meter.daily)) * 2)
FAULTS["spike 10 days"] = _values(30, 1, lambda c, v: v + Decimal(str(c.meter.daily)) * 10)
FAULTS["spike 2 days, twice"] = _values(30, 2, lambda c, v: v + Decimal(str(c.meter.daily)) * 2)
FAULTS["spike 100 days"] = _values(30, 1, lambda c, v: v + Decimal(str(c.meter.daily)) * 100)


@fault("zeros 3 apart")
def _(case: Case) -> None:
    for d in (10.0, 20.3, 30.7):
        case.put(case.growing(d), 0)


@fault("zero, one good, zero")
def _(case: Case) -> None:
    i = case.growing(20)
    case.put(i, 0)
    case.put(i + 2, 0)


@fault("zero at midnight")
def _(case: Case) -> None:
    case.put(case.at(20), 0)


@fault("zero first")
def _(case: Case) -> None:
    case.put(0, 0)
    case.lost.add(0)


@fault("zero last")
def _(case: Case) -> None:
    case.put(len(case.sent) - 1, 0)
    case.lost.add(len(case.t) - 2)


@fault("spike last")
def _(case: Case) -> None:
    case.put(len(case.sent) - 1, case.v[-1] * 10)
    case.lost.add(len(case.t) - 2)


@fault("x10 first")
def _(case: Case) -> None:
    case.put(0, case.v[0] * 10)
    case.lost.add(0)


@fault("transposed digits")
def _(case: Case) -> None:
    i = case.growing(33)
    text = str(case.v[i])
    whole, _, rest = text.partition(".")
    for k in range(len(whole) - 1):
        if whole[k] != whole[k + 1]:
            swapped = whole[:k] + whole[k + 1] + whole[k] + whole[k + 2 :]
            break
    else:
        case.impossible = True
        return
    case.put(i, Decimal(swapped + "." + (rest or "0")))


@fault("last digits transposed")
def _(case: Case) -> None:
    i = case.growing(33)
    while True:
        text = str(case.v[i]).replace(".", "")
        if text[-3] != text[-2] or i > len(case.v) - 5:
            break
        i += 1
    swapped = text[:-3] + text[-2] + text[-3] + text[-1]
    case.put(i, Decimal(swapped).scaleb(int(case.v[i].as_tuple().exponent)))


@fault("another meter's value")
def _(case: Case) -> None:
    case.put(case.growing(25), 7_654)


@fault("another meter's values, 3")
def _(case: Case) -> None:
    i = case.growing(25)
    for k in range(3):
        case.put(i + k, Decimal(7_654) + k)


@fault("another meter's values, a day mixed")
def _(case: Case) -> None:
    i = case.growing(25)
    step = Decimal(str(case.meter.daily)) * case.meter.every / 1440
    n = max(3, 1440 // case.meter.every)
    extra = [Sent(case.t[i + k] + 7000, Decimal(54_321) + step * k, case.meter.unit) for k in range(n)]
    case.sent += extra
    case.around(i, i + n)


# --- gaps ------------------------------------------------------------------------------------------------


def _cut(case: Case, i: int, j: int) -> None:
    """Remove the readings of [i, j)."""
    gone = {case.t[k] for k in range(i, j)}
    case.sent = [s for s in case.sent if s.t not in gone]
    case.touch(case.t[i - 1], case.t[j])


def _gap(days: float, hours: float) -> Fault:
    def made(case: Case) -> None:
        _cut(case, case.at(days), case.at(days + hours / 24))

    return made


FAULTS["gap 3 h"] = _gap(20, 3)
FAULTS["gap 9 h"] = _gap(20.2, 9)
FAULTS["gap 5 d"] = _gap(20.2, 120)
FAULTS["gap 20 d"] = _gap(20.2, 480)


@fault("spike then silence")
def _(case: Case) -> None:
    i = case.growing(20)
    case.put(i, case.v[i] * 10)
    _cut(case, i + 1, case.at(20.2 + 1) + 1)


@fault("zero then silence 3 d")
def _(case: Case) -> None:
    i = case.growing(20)
    case.put(i, 0)
    _cut(case, i + 1, case.at(23.5) + 1)


@fault("silence then zero")
def _(case: Case) -> None:
    i = case.growing(20)
    j = case.at(21.5) + 1
    case.put(j, 0)
    _cut(case, i + 1, j)


@fault("silence then spike 2 d")
def _(case: Case) -> None:
    i = case.growing(20)
    j = case.at(21.5) + 1
    case.put(j, case.v[j] + Decimal(str(case.meter.daily)) * 2)
    _cut(case, i + 1, j)


@fault("silence then x10")
def _(case: Case) -> None:
    i = case.growing(20)
    j = case.at(21.5) + 1
    case.put(j, case.v[j] * 10)
    _cut(case, i + 1, j)


# --- rollover, reset, exchange ----------------------------------------------------------------------------


def _wrapped(case: Case, days: float) -> int:
    """Shift the register so that it wraps; the index of the first reading after the wrap."""
    if case.meter.digits is None:
        case.impossible = True
        return case.at(days)
    i = case.growing(days)
    wrap = Decimal(10**case.meter.digits)
    shift = wrap - (case.v[i] - Decimal(case.meter.resolution))
    case.sent = [s._replace(value=(s.value + shift) % wrap) for s in case.sent]
    case.touch(case.t[i - 1], case.t[i])
    return i


FAULTS["rollover"] = lambda c: (_wrapped(c, 30), None)[1]


@fault("rollover in a gap")
def _(case: Case) -> None:
    i = _wrapped(case, 30.4)
    _cut(case, i - 2, i + 2)


@fault("rollover in a 2 d gap")
def _(case: Case) -> None:
    _wrapped(case, 30.4)
    _cut(case, case.at(29.5), case.at(31.7))


@fault("rollover, zero before")
def _(case: Case) -> None:
    i = _wrapped(case, 30)
    case.sent[i - 1] = case.sent[i - 1]._replace(value=Decimal(0))
    case.around(i - 1, i)


@fault("rollover, zero after")
def _(case: Case) -> None:
    i = _wrapped(case, 30)
    case.sent[i + 1] = case.sent[i + 1]._replace(value=Decimal(0))
    case.around(i, i + 2)


@fault("rollover, zero 5 before")
def _(case: Case) -> None:
    i = _wrapped(case, 30)
    case.sent[i - 5] = case.sent[i - 5]._replace(value=Decimal(0))
    case.around(i - 5)


@fault("rollover, exchange the day after")
def _(case: Case) -> None:
    _wrapped(case, 30)
    _exchange_at(case, case.growing(31.3), Decimal(5))


def _exchange_at(case: Case, i: int, start: Decimal, factor: Decimal = Decimal(1)) -> None:
    """From reading i on, another register that shows `start` there."""
    base = case.v[i]
    q = Decimal(case.meter.resolution)
    for k, s in enumerate(case.sent):
        if s.t >= case.t[i]:
            j = case.t.index(s.t) if k >= len(case.t) or case.t[k] != s.t else k
            case.sent[k] = s._replace(value=(start + (case.v[j] - base)) * factor // q * q)
    case.lost.add(i - 1)
    case.touch(case.t[i - 1], case.t[i])


def _exchange(days: float, start: Callable[[Case, int], Decimal | float]) -> Fault:
    def made(case: Case) -> None:
        i = case.growing(days)
        _exchange_at(case, i, Decimal(str(start(case, i))))

    return made


def _step(case: Case) -> Decimal:
    return Decimal(str(case.meter.daily)) * case.meter.every / 1440


FAULTS["exchange 0"] = _exchange(29.2, lambda _c, _i: 0)
FAULTS["exchange 0.5"] = _exchange(29.2, lambda c, i: Decimal(c.meter.resolution) * 5)
FAULTS["exchange 17"] = _exchange(29.2, lambda _c, _i: 17)
FAULTS["exchange 2x"] = _exchange(29.2, lambda c, i: c.v[i] * 2)
FAULTS["exchange half"] = _exchange(29.2, lambda c, i: c.v[i] // 2)
FAULTS["exchange a little below"] = _exchange(29.2, lambda c, i: c.v[i] - _step(c) * 3 // Decimal(c.meter.resolution) * Decimal(c.meter.resolution))  # fmt: skip  # noqa: E501
FAULTS["exchange 5 d above"] = _exchange(29.2, lambda c, i: c.v[i] + 5 * round(Decimal(str(c.meter.daily))))
FAULTS["exchange 50 d above"] = _exchange(29.2, lambda c, i: c.v[i] + 50 * Decimal(str(c.meter.daily)))


@fault("exchange 0 in a 2 d gap")
def _(case: Case) -> None:
    i = case.growing(29.2)
    j = case.growing(31.2)
    _exchange_at(case, j, Decimal(3))
    _cut(case, i + 1, j)
    case.lost |= set(range(i, j))


@fault("exchange 120000 in a 2 d gap")
def _(case: Case) -> None:
    i = case.growing(29.2)
    j = case.growing(31.2)
    _exchange_at(case, j, Decimal(12_000))
    _cut(case, i + 1, j)
    case.lost |= set(range(i, j))


@fault("two exchanges in a week")
def _(case: Case) -> None:
    _exchange_at(case, case.growing(29.2), Decimal(0))
    _exchange_at(case, case.growing(33.2), Decimal(4_000))


@fault("two exchanges to 0 in a week")
def _(case: Case) -> None:
    _exchange_at(case, case.growing(29.2), Decimal(0))
    _exchange_at(case, case.growing(33.2), Decimal(0))


@fault("reset then exchange next day")
def _(case: Case) -> None:
    _exchange_at(case, case.growing(29.2), Decimal(0))
    _exchange_at(case, case.growing(30.2), Decimal(77_000))


@fault("exchange, zero 3 after")
def _(case: Case) -> None:
    i = case.growing(29.2)
    _exchange_at(case, i, Decimal(100))
    case.put(i + 3, 0)


@fault("exchange, zero 1 before")
def _(case: Case) -> None:
    i = case.growing(29.2)
    _exchange_at(case, i, Decimal(100))
    case.put(i - 1, 0)
    case.lost.add(i - 2)


@fault("exchange 12000, zero 5 before")
def _(case: Case) -> None:
    i = case.growing(29.2)
    _exchange_at(case, i, Decimal(12_000))
    case.put(i - 5, 0)


@fault("exchange near the end")
def _(case: Case) -> None:
    _exchange_at(case, len(case.t) - 8, Decimal(100))


@fault("old sends 3 d on")
def _(case: Case) -> None:
    i = case.growing(29.2)
    old = case.v[i - 1]
    _exchange_at(case, i, Decimal(5))
    case.sent += [
        Sent(t - 6 * MIN, old, case.meter.unit) for t in case.t if case.t[i] < t <= case.t[i] + 72 * HOUR_MS
    ]
    case.touch(case.t[i], case.t[i] + 73 * HOUR_MS)


@fault("old sends 3 d on, same stamps")
def _(case: Case) -> None:
    i = case.growing(29.2)
    old = case.v[i - 1]
    _exchange_at(case, i, Decimal(5))
    case.sent += [Sent(t, old, case.meter.unit) for t in case.t if case.t[i] <= t <= case.t[i] + 72 * HOUR_MS]
    case.touch(case.t[i], case.t[i] + 73 * HOUR_MS)


@fault("old sends 3 d on, new above")
def _(case: Case) -> None:
    i = case.growing(29.2)
    old = case.v[i - 1]
    _exchange_at(case, i, old * 3)
    case.sent += [
        Sent(t - 6 * MIN, old, case.meter.unit) for t in case.t if case.t[i] < t <= case.t[i] + 72 * HOUR_MS
    ]
    case.touch(case.t[i], case.t[i] + 73 * HOUR_MS)


@fault("exchange to another unit")
def _(case: Case) -> None:
    i = case.growing(29.2)
    factor = {"kWh": "1000", "Gcal": "1.163", "MWh": "3.6", "GJ": "0.277778", "m3": "1000"}
    rate = Decimal(factor[case.meter.unit])
    base = case.v[i]
    for k in range(i, len(case.sent)):
        case.sent[k] = case.sent[k]._replace(value=round((case.v[k] - base) * rate, 3))
    case.lost.add(i - 1)
    case.touch(case.t[i - 1], case.t[-1])


# --- units -----------------------------------------------------------------------------------------------

_OTHER: Final = {
    "kWh": {"MWh": "0.001", "Wh": "1000", "Gcal": "0.000859845", "GJ": "0.0036"},
    "Gcal": {"GJ": "4.1868", "MWh": "1.163", "kWh": "1163"},
    "MWh": {"kWh": "1000", "Gcal": "0.859845", "GJ": "3.6"},
    "GJ": {"Gcal": "0.238846", "MWh": "0.277778", "kWh": "277.7778"},
    "m3": {"l": "1000"},
}


def _in_unit(case: Case, first: float, last: float, which: int, places: int, named: bool) -> None:
    others = list(_OTHER[case.meter.unit].items())
    if which >= len(others):
        case.impossible = True
        return
    name, rate = others[which]
    i, j = case.at(first), case.at(last)
    if rate.startswith("0.000"):
        places += 3
    for k in range(i, j):
        value = round(case.v[k] * Decimal(rate), places)
        case.sent[k] = Sent(case.t[k], value, name if named else case.meter.unit)
    if not named:
        case.around(i, j)


for _which in range(4):
    FAULTS[f"a day in another unit {_which}"] = lambda c, w=_which: _in_unit(c, 20, 21, w, 5, False)  # type: ignore[misc]
    FAULTS[f"3 d in another unit {_which}, coarse"] = lambda c, w=_which: _in_unit(c, 20, 23, w, 3, False)  # type: ignore[misc]
    FAULTS[f"another unit for good {_which}"] = lambda c, w=_which: _in_unit(c, 20, 61, w, 5, False)  # type: ignore[misc]
    FAULTS[f"another unit, named {_which}"] = lambda c, w=_which: _in_unit(c, 20, 25, w, 6, True)  # type: ignore[misc]
FAULTS["one value in another unit"] = lambda c: _in_unit(c, 20, 20 + c.meter.every / 1440, 0, 3, False)
FAULTS["two values in another unit"] = lambda c: _in_unit(c, 20, 20 + 2 * c.meter.every / 1440, 0, 3, False)


def _weight(first: float, last: float, factor: Decimal) -> Fault:
    def made(case: Case) -> None:
        i, j = case.growing(first), min(case.at(last), len(case.t) - 1)
        base, end = case.v[i], case.v[j]
        q = Decimal(case.meter.resolution)
        for k in range(i, len(case.sent)):
            v = base + (min(case.v[k], end) - base) * factor + max(Decimal(0), case.v[k] - end)
            case.sent[k] = case.sent[k]._replace(value=v // q * q)
        case.around(i, j)

    return made


FAULTS["pulse weight x10"] = _weight(30, 61, Decimal(10))
FAULTS["pulse weight /10"] = _weight(30, 61, Decimal("0.1"))
FAULTS["pulse weight x10 and back"] = _weight(30, 35, Decimal(10))
FAULTS["pulse weight /10 and back"] = _weight(30, 35, Decimal("0.1"))
FAULTS["pulse weight x100"] = _weight(30, 61, Decimal(100))


# --- frozen ----------------------------------------------------------------------------------------------


def _frozen(days: float, hours: float) -> Fault:
    def made(case: Case) -> None:
        i, j = case.growing(days), case.at(days + hours / 24)
        for k in range(i + 1, max(i + 2, j)):
            case.sent[k] = case.sent[k]._replace(value=case.v[i])
        case.around(i + 1, max(i + 1, j - 1))

    return made


FAULTS["frozen 2 h"] = _frozen(30.4, 2)
FAULTS["frozen 5 h"] = _frozen(30.4, 5)
FAULTS["frozen 8 h"] = _frozen(30.4, 8)
FAULTS["frozen over midnight"] = _frozen(30.8, 12)
FAULTS["frozen 24 h"] = _frozen(30.4, 24)
FAULTS["frozen 36 h"] = _frozen(30.4, 36)
FAULTS["frozen 72 h"] = _frozen(30.4, 72)
FAULTS["frozen 7 d"] = _frozen(30.4, 168)


@fault("frozen 36 h, ends in a gap")
def _(case: Case) -> None:
    _frozen(30.4, 36)(case)
    j = case.at(30.4 + 1.5)
    _cut(case, j - 1, j + 8)


@fault("frozen 36 h with a zero in it")
def _(case: Case) -> None:
    _frozen(30.4, 36)(case)
    case.put(case.at(31), 0)


# --- clocks and copies -----------------------------------------------------------------------------------


def _clock(first: float, last: float, shift: Callable[[int, Case], int]) -> Fault:
    def made(case: Case) -> None:
        i, j = case.at(first), case.at(last)
        for k in range(i, j):
            case.sent[k] = case.sent[k]._replace(t=case.t[k] + shift(k - i, case))
        case.around(i - 1, j + 1)

    return made


FAULTS["clock +1 h a day"] = _clock(20, 21, lambda _k, _c: HOUR_MS)
FAULTS["clock -1 h a day"] = _clock(20, 21, lambda _k, _c: -HOUR_MS)
FAULTS["clock +1 h a month"] = _clock(20, 50, lambda _k, _c: HOUR_MS)
FAULTS["clock -1 h a month"] = _clock(20, 50, lambda _k, _c: -HOUR_MS)
FAULTS["clock +3 h a day"] = _clock(20, 21, lambda _k, _c: 3 * HOUR_MS)
FAULTS["clock drifts 2 min a day"] = _clock(10, 59.9, lambda k, c: k * c.meter.every * 2 * MIN // 1440)
FAULTS["clock drifts -2 min a day"] = _clock(10, 59.9, lambda k, c: -(k * c.meter.every * 2 * MIN // 1440))
FAULTS["one reading +1 h"] = lambda c: _clock(30, 30 + c.meter.every / 1440, lambda _k, _c: HOUR_MS)(c)
FAULTS["one reading +1 d"] = lambda c: _clock(30, 30 + c.meter.every / 1440, lambda _k, _c: 24 * HOUR_MS)(c)
FAULTS["one reading -1 d"] = lambda c: _clock(30, 30 + c.meter.every / 1440, lambda _k, _c: -24 * HOUR_MS)(c)


def _copies(case: Case, chosen: Iterable[int], change: Callable[[Sent], Sent], touch: bool = True) -> None:
    for i in chosen:
        case.sent.append(change(case.sent[i]))
        if touch:
            case.around(i, i + 1)


FAULTS["copies 1 s later"] = lambda c: _copies(
    c, range(0, len(c.t), 5), lambda s: s._replace(t=s.t + 1000), False
)
FAULTS["copies 7 min later"] = lambda c: _copies(
    c, range(0, len(c.t), 5), lambda s: s._replace(t=s.t + 7 * MIN)
)
FAULTS["re-sent for the next time"] = lambda c: _copies(
    c, range(20, len(c.t) - 1, 50), lambda s: s._replace(t=c.t[c.t.index(s.t) + 1])
)
FAULTS["re-sent one day later"] = lambda c: _copies(c, [c.at(20)], lambda s: s._replace(t=s.t + 24 * HOUR_MS))
FAULTS["copies rounded to units"] = lambda c: _copies(
    c, range(0, len(c.t), 3), lambda s: s._replace(value=s.value // 1)
)
FAULTS["copies rounded up"] = lambda c: _copies(
    c, range(0, len(c.t), 3), lambda s: s._replace(value=s.value // 1 + 1)
)
FAULTS["a day's copies rounded to units"] = lambda c: _copies(
    c, range(c.at(20), c.at(21)), lambda s: s._replace(value=s.value // 1)
)
FAULTS["same time, zero too"] = lambda c: _copies(
    c, range(50, len(c.t), 97), lambda s: s._replace(value=Decimal(0))
)
FAULTS["same time, x10 too"] = lambda c: _copies(
    c, range(50, len(c.t), 97), lambda s: s._replace(value=s.value * 10)
)
FAULTS["same time, lower too"] = lambda c: _copies(
    c, range(50, len(c.t), 97), lambda s: s._replace(value=s.value - 1)
)


@fault("same time, 3 values")
def _(case: Case) -> None:
    for more in (Decimal(1), Decimal(2)):
        for i in range(50, len(case.t), 97):
            case.sent.append(case.sent[i]._replace(value=case.sent[i].value + more))
            case.around(i, i + 1)


FAULTS["minute stamps cut"] = lambda c: c.sent.__setitem__(
    slice(None), [s._replace(t=s.t // MIN * MIN) for s in c.sent]
)


@fault("backfill hourly, live daily")
def _(case: Case) -> None:
    if case.meter.every > 60:
        case.impossible = True
        return
    case.sent = [
        s
        for s in case.sent
        if s.t < BEGIN + 30 * 24 * HOUR_MS or (s.t - BEGIN) % (24 * HOUR_MS) < case.meter.every * MIN
    ]
    case.touch(case.t[case.at(30)] - HOUR_MS, case.t[-1])


@fault("backfill rounded, live fine")
def _(case: Case) -> None:
    q = Decimal(case.meter.resolution) * 10
    _copies(case, range(case.at(20), case.at(22)), lambda s: s._replace(value=s.value // q * q))


# --- the verdict -----------------------------------------------------------------------------------------


class Verdict(NamedTuple):
    """How a ledger stands against the truth (the rule of simulators/faults.py)."""

    total_error: float
    wrong_hours: float
    flagged: int
    """Hours flagged beyond what a clean ledger of the same meter flags."""
    touched: int
    unflagged_wrong: int
    broken: str = ""

    @property
    def passes(self) -> bool:
        if self.broken:
            return False
        if self.total_error <= 0.001 and self.wrong_hours <= 0.005:
            return True
        return self.unflagged_wrong == 0 and self.flagged <= self.touched + 24


def ledger(case: Case, order: random.Random | None = None) -> tuple[dict[str, Part], str]:
    """Enter a case; the parts, and what an audit says."""
    rules = case.meter.rules
    pairs = [(s.t, to_amount(float(s.value), UNITS[s.unit])) for s in case.sent]
    if order is not None:
        order.shuffle(pairs)
    size = 200 if order is None else 90
    parts: dict[str, Part] = {}
    for start in range(0, len(pairs), size):
        chunk = pairs[start : start + size]
        entered = enter(rules, parts, [t for t, _ in chunk], [v for _, v in chunk])
        if entered:
            parts.update(entered.parts)
    state: State | None = None
    for day in sorted(int(k) for k in parts if k != "head"):
        block = parts[str(day)]
        assert isinstance(block, Block)
        booked = Booked({}, {}, [], [])
        before = 0 if state is None else state.v
        state = fold(rules, state, block.times, block.amounts, booked)
        assert state is not None
        if state != block.state or booked != block.booked:
            return parts, "refold differs"
        sums = sum(booked.amounts.values()) + sum(u.amount for u in booked.unknowns)
        if sums != state.v - before + booked.shift:
            return parts, "law 1"
    return parts, ""


_OUTSIDE = -1


def booked_hours(parts: dict[str, Part]) -> tuple[dict[int, float], dict[int, int]]:
    """Amount and flags by hour after the beginning, unknown blocks spread evenly."""
    got: dict[int, float] = {}
    flags: dict[int, int] = {}
    for block in parts.values():
        if not isinstance(block, Block):
            continue
        for hour, amount in block.booked.amounts.items():
            h = hour - BEGIN // HOUR_MS
            got[h] = got.get(h, 0) + amount
        for hour, note in block.booked.flags.items():
            h = hour - BEGIN // HOUR_MS
            flags[h] = flags.get(h, 0) | note
        for u in block.booked.unknowns:
            for hour in range(u.start // HOUR_MS, -(-u.end // HOUR_MS)):
                part = min(u.end, (hour + 1) * HOUR_MS) - max(u.start, hour * HOUR_MS)
                h = hour - BEGIN // HOUR_MS
                got[h] = got.get(h, 0) + u.amount * part / (u.end - u.start)
                flags[h] = flags.get(h, 0) | u.flags
    # An hour with flags and no energy is not shown by the ledger.
    return got, {h: n for h, n in flags.items() if h in got or n & f.UNKNOWN}


def truth(case: Case) -> tuple[dict[int, float], dict[int, float]]:
    """What was counted by hour, and what was used but not counted."""
    scale = UNITS[case.meter.unit].scale
    counted: dict[int, float] = {}
    lost: dict[int, float] = {}
    for i, ((a, b), (v, w)) in enumerate(zip(pairwise(case.t), pairwise(case.v), strict=True)):
        where = lost if i in case.lost else counted
        amount = float((w - v) * scale.numerator / scale.denominator)
        for hour in range(a // HOUR_MS, (b - 1) // HOUR_MS + 1):
            part = min(b, (hour + 1) * HOUR_MS) - max(a, hour * HOUR_MS)
            h = hour - BEGIN // HOUR_MS
            where[h] = where.get(h, 0) + amount * part / (b - a)
    return counted, lost


def judge(case: Case, parts: dict[str, Part], usual: dict[int, int], broken: str) -> Verdict:
    got, flags = booked_hours(parts)
    counted, lost = truth(case)
    total = sum(counted.values())
    step = (
        float(
            Decimal(case.meter.resolution)
            * 2
            * UNITS[case.meter.unit].scale.numerator
            / UNITS[case.meter.unit].scale.denominator
        )
        + 2
    )
    given = wrong = 0.0
    bad = 0
    for h in sorted(set(got) | set(counted) | set(lost)):
        low = counted.get(h, 0.0)
        high = low + lost.get(h, 0.0)
        have = got.get(h, 0.0)
        off = max(low - have, have - high, 0.0)
        given += have - max(0.0, min(have, high) - low)
        wrong += off
        if off > (step if h not in case.touched else max(step, 0.01 * low)) and not flags.get(h):
            bad += 1
    more = sum(
        1
        for h, n in flags.items()
        if n & ~usual.get(h, 0) and (h not in usual or n & ~(f.UNKNOWN | f.INTERPOLATED | f.PARTIAL))
    )
    return Verdict(abs(given - total) / total, wrong / (2 * total), more, len(case.touched), bad, broken)


def main() -> int:
    """Run the table."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--all", action="store_true")
    arguments.add_argument("--order", action="store_true")
    arguments.add_argument("--only", nargs=2, default=("", ""))
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    began, ran, failed = time.process_time(), 0, 0
    for meter in METERS:
        if options.only[0] not in meter.name:
            continue
        plain = clean(meter, options.seed)
        parts, broken = ledger(plain)
        usual = booked_hours(parts)[1]
        doubts = sum(1 for n in usual.values() if n & ~(f.UNKNOWN | f.INTERPOLATED | f.PARTIAL))
        if doubts:
            print(f"FAIL {meter.name:20} clean: {doubts} hours in doubt")
        for name, spoil in FAULTS.items():
            if options.only[1] not in name:
                continue
            case = clean(meter, options.seed)
            spoil(case)
            if case.impossible:
                continue
            parts, broken = ledger(case)
            found = judge(
                case,
                parts,
                {h: n & (f.UNKNOWN | f.INTERPOLATED | f.PARTIAL) for h, n in usual.items()},
                broken,
            )
            if options.order and not broken:
                again, broken = ledger(case, random.Random(1))
                if not broken and again != parts:
                    found = found._replace(broken="order")
            ran += 1
            failed += not found.passes
            if options.all or not found.passes:
                names = f.names(_flags_of(parts, usual))
                print(
                    f"{'ok  ' if found.passes else 'FAIL'} {meter.name:20} {name:36}"
                    f" {100 * found.total_error:8.2f} % {100 * found.wrong_hours:8.2f} %"
                    f"  flagged {found.flagged}/{found.touched} bad {found.unflagged_wrong} {found.broken} {names}"
                )
    print(f"{ran} cases, {failed} failed, {time.process_time() - began:.1f} CPU s")
    return int(failed > 0)


def _flags_of(parts: dict[str, Part], usual: dict[int, int]) -> int:
    seen = 0
    for h, n in booked_hours(parts)[1].items():
        seen |= n & ~usual.get(h, 0)
    return seen


if __name__ == "__main__":
    sys.exit(main())
