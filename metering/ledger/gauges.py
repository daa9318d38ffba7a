"""Hours of a gauge: mean, least and greatest value, and how much of the hour readings cover.

Between two readings at most six hours apart a gauge is taken to go straight from one to the other (CalTRACK
allows a temperature gap of that length); beyond that nothing is known. Integers throughout, so that the order
of arrival cannot matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from metering import flags as f
from metering.times import HOUR_MS

GAP_MS: Final = 6 * HOUR_MS
"""The longest time between two readings that is taken as covered [ms]."""

REACH_MS: Final = 2 * GAP_MS + 2 * HOUR_MS
"""So far from a reading an hour may lie that must be made anew with everything that it rests on [ms]."""


class GaugeHour(NamedTuple):
    """One hour of a gauge, in base units of its quantity."""

    mean: int
    """Mean over the covered part; of an hour that only a lone reading lies in, that reading."""
    low: int
    high: int
    covered_ms: int
    flags: int


class _Sum:
    """An hour in the making."""

    __slots__ = ("covered", "flags", "high", "low", "twice")

    def __init__(self, value: int) -> None:
        self.twice = self.covered = self.flags = 0
        self.low = self.high = value

    def see(self, value: int) -> None:
        self.low, self.high = min(self.low, value), max(self.high, value)

    def done(self) -> GaugeHour:
        mean = self.twice // (2 * self.covered) if self.covered else (self.low + self.high) // 2
        return GaugeHour(mean, self.low, self.high, self.covered, self.flags)


def gauge_hours(times: Sequence[int], amounts: Sequence[int]) -> dict[int, GaugeHour]:
    """The hours that readings say something about.

    Args:
        times: Instants of the readings [ms], ascending; of two with one instant the smaller amount counts and
            the hour is flagged as a conflict.
        amounts: What the gauge showed [base units], ascending where the instants are equal.

    Returns:
        By hour since 1970.
    """
    sums: dict[int, _Sum] = {}

    def at(hour: int, value: int) -> _Sum:
        found = sums.get(hour)
        if found is None:
            found = sums[hour] = _Sum(value)
        else:
            found.see(value)
        return found

    last: tuple[int, int] | None = None
    for t, v in zip(times, amounts, strict=True):
        if last is not None and last[0] == t:
            at(t // HOUR_MS, last[1]).flags |= f.CONFLICT
            continue
        if last is not None and t - last[0] <= GAP_MS:
            t0, v0 = last
            note = f.INTERPOLATED if t - t0 > HOUR_MS else 0
            a, va = t0, v0
            while a < t:
                hour = a // HOUR_MS
                b = min(t, (hour + 1) * HOUR_MS)
                vb = v0 + (v - v0) * (b - t0) // (t - t0)
                total = at(hour, va)
                total.see(vb)
                total.twice += (va + vb) * (b - a)
                total.covered += b - a
                total.flags |= note
                a, va = b, vb
        if t % HOUR_MS or last is None or t - last[0] > GAP_MS:
            at(t // HOUR_MS, v)
        last = (t, v)
    return {hour: total.done() for hour, total in sorted(sums.items())}
