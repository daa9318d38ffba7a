"""Sixty days of a meter whose truth is known step by step, for a fault to spoil."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Final, NamedTuple, TypeAlias

from metering.times import HOUR_MS
from metering.units import UNITS
from simulators.faults.meters import Meter, share

DAYS: Final = 60
HOURS: Final = DAYS * 24
BEGIN: Final = 1_767_225_600_000  # 2026-01-01
MIN_MS: Final = 60_000


class Sent(NamedTuple):
    """One reading as it was sent."""

    t: int
    """Its stamp [ms]."""
    value: Decimal
    unit: str
    arrives: int | None = None
    """When it arrives [ms]; at its stamp if None."""
    retained: bool = False
    instead: str | None = None
    """JSON sent in place of the value."""


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
    """The fault cannot happen on this meter."""
    later: float = 0.0
    """Shift of every time that the fault names [days]."""
    batch: int = 1
    """Readings a message."""

    def at(self, days: float) -> int:
        """Index of the first reading `days + later` days after the beginning."""
        start = BEGIN + (days + self.later) * 24 * HOUR_MS
        return next((i for i, t in enumerate(self.t) if t >= start), len(self.t))

    def growing(self, days: float) -> int:
        """The same, at a reading with growth before and after it."""
        i = self.at(days)
        steps = range(i, len(self.v) - 1)
        both = (k for k in steps if self.v[k - 1] < self.v[k] < self.v[k + 1])
        return next(both, None) or next((k for k in steps if self.v[k - 1] < self.v[k]), i)

    def still(self, days: float) -> int:
        """The same, at a reading without growth before and after it."""
        i = self.at(days)
        steps = range(i, len(self.v) - 1)
        first = next((k for k in steps if self.v[k - 1] == self.v[k] == self.v[k + 1]), None)
        self.impossible |= first is None
        return i if first is None else first

    def moved(self, i: int) -> int:
        """Index of the last reading before `i` at which the count had changed."""
        return next((k for k in range(i - 1, 0, -1) if self.v[k] > self.v[k - 1]), 0)

    def use_more(self, i: int, j: int, amount: Decimal) -> None:
        """Use and count more between the readings i and j: a load that the clean readings do not have [unit]."""
        q = Decimal(self.meter.resolution)
        for k in range(i, len(self.v)):
            share = Decimal(min(k, j) - i) / (j - i)
            more = amount * share // q * q
            self.v[k] += more
            self.sent[k] = self.sent[k]._replace(value=self.sent[k].value + more)
        self.impossible |= self.meter.digits is not None and self.v[-1] >= 10**self.meter.digits

    def bound(self, hours: float) -> Decimal:
        """What the meter's bound allows in so many hours [unit]."""
        scale = UNITS[self.meter.unit].scale
        return Decimal(self.meter.rules.max_per_hour * scale.denominator) / scale.numerator * Decimal(hours)

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


@cache
def _clean(meter: Meter) -> tuple[list[int], list[Decimal], list[Sent]]:
    rng = random.Random(f"{meter.name}1" if meter.draw is None else meter.draw)
    shape = []
    level = 1.0
    for hour in range(HOURS + 30):
        if hour % 24 == 0:
            level = 0.85 * level + 0.15 * rng.uniform(0.5, 1.5)
        shape.append(level * share(meter.course, hour, rng))
    scale = meter.daily * DAYS / sum(shape[:HOURS])
    counts = [0.0]
    for part in shape:
        counts.append(counts[-1] + part * scale)
    resolution = Decimal(meter.resolution)
    times: list[int] = []
    values: list[Decimal] = []
    for k in range(HOURS * 60 // meter.every + 1):
        minute = meter.offset + k * meter.every
        t = BEGIN + minute * MIN_MS + round(rng.uniform(-1, 1) * meter.jitter * 60) * 1000 * (k > 0)
        hours = (t - BEGIN) / HOUR_MS
        whole = math.floor(hours)
        count = counts[whole] + (hours - whole) * (counts[whole + 1] - counts[whole])
        times.append(t)
        values.append(Decimal(str(meter.start)) + math.floor(count / float(resolution) + 1e-6) * resolution)
    return times, values, [Sent(t, v, meter.unit) for t, v in zip(times, values, strict=True)]


def clean(meter: Meter) -> Case:
    """Sixty days of a meter without a fault."""
    times, values, sent = _clean(meter)
    return Case(meter, list(times), list(values), list(sent))


Fault: TypeAlias = Callable[[Case], None]
