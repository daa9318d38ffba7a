"""Hours of a gauge: mean, least and greatest value, and how much of the hour readings cover.

Between two readings at most six hours apart a gauge is taken to go straight from one to the other (CalTRACK
allows a temperature gap of that length); beyond that nothing is known. Integers throughout, so that the order
of arrival cannot matter.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from metering import flags as f
from metering.ledger.booking import GAP_MS
from metering.ledger.retention import days_with_readings
from metering.parts import HEAD, PartName, Parts, part, utc_day
from metering.times import DAY_MS, HOUR_MS

REACH_MS: Final = 2 * GAP_MS + 2 * HOUR_MS
"""Hours within this distance of a new reading are computed again, from readings within this distance [ms]."""


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
        amounts: What the gauge showed [base units], ascending if the instants are equal.

    Returns:
        By hour since 1970.
    """
    sums: dict[int, _Sum] = {}

    def at(hour: int, value: int) -> _Sum:
        total = sums.get(hour)
        if total is None:
            total = sums[hour] = _Sum(value)
        else:
            total.see(value)
        return total

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


class GaugeDay(Struct, frozen=True, tag="d", array_like=True, gc=False):
    """A gauge's readings of one UTC day, ascending."""

    times: tuple[int, ...] = ()
    amounts: tuple[int, ...] = ()


class GaugeHead(Struct, frozen=True, tag="h", array_like=True, gc=False):
    """The newest reading."""

    newest: int
    amount: int
    cut: int = 0
    """UTC day before which readings are refused; those of before the day before it are deleted, because hours after the
    cut rest on readings of up to `REACH_MS` before it. 0 if nothing was deleted."""
    first: int = 0
    """The oldest UTC day that may have readings; 0 if it was never noted."""
    rests: int = 0
    """As `metering.ledger.blocks.Head.rests`."""


GaugePart: TypeAlias = GaugeDay | GaugeHead


class Entered(NamedTuple):
    """What entering readings of a gauge changed."""

    parts: dict[PartName, GaugeDay | GaugeHead]
    accepted: int
    head: GaugeHead
    hours: dict[int, GaugeHour | None]
    """Hours that changed, ascending; None for one that is withdrawn."""


def enter_gauge(
    parts: Parts[GaugePart], times: Sequence[int], amounts: Sequence[int], *, rests: int
) -> Entered:
    """Take readings of a gauge into its days.

    Args:
        parts: The state.
        times: Instants of the readings [ms]; at least one.
        amounts: What the gauge showed [base units].
        rests: UTC day before which nothing is to be deleted (`metering.ledger.retention.rests_until`).
    """
    by_day: dict[int, set[tuple[int, int]]] = {}
    for pair in zip(times, amounts, strict=True):
        by_day.setdefault(pair[0] // DAY_MS, set()).add(pair)
    changed: dict[PartName, GaugeDay | GaugeHead] = {}
    fresh: list[tuple[int, int]] = []
    for day, pairs in by_day.items():
        state = part(parts, utc_day(day), GaugeDay) or GaugeDay()
        before = set(zip(state.times, state.amounts, strict=True))
        new = pairs - before
        if new:
            fresh += new
            merged = sorted(before | new)
            changed[utc_day(day)] = GaugeDay(tuple(t for t, _ in merged), tuple(v for _, v in merged))
    known = part(parts, HEAD, GaugeHead)
    newest, oldest = max(zip(times, amounts, strict=True)), min(times) // DAY_MS
    if known is None:
        head = GaugeHead(*newest, first=oldest, rests=rests)
    else:
        at, amount = max(newest, (known.newest, known.amount))
        head = GaugeHead(at, amount, known.cut, min(known.first, oldest), max(known.rests, rests))
    if head != known:
        changed[HEAD] = head
    hours: dict[int, GaugeHour | None] = {}
    for first, last in _runs(sorted(t for t, _ in fresh)):
        was = gauge_hours(*_readings(parts, {}, first, last))
        now = gauge_hours(*_readings(parts, changed, first, last))
        hours |= {hour: now.get(hour) for hour in was.keys() | now.keys() if was.get(hour) != now.get(hour)}
    return Entered(changed, len(fresh), head, dict(sorted(hours.items())))


def delete_gauge(parts: Parts[GaugePart], cut: int | None, now: int) -> dict[PartName, GaugeHead | None]:
    """Delete readings of days that need not be kept any longer.

    Args:
        parts: The state.
        cut: UTC day before which readings may be deleted; None if none may.
        now: The time [ms].

    Returns:
        Parts to replace, None deletes one; empty if there is nothing to delete.
    """
    head = part(parts, HEAD, GaugeHead)
    if head is None or cut is None or now // DAY_MS < head.rests or (head.first and head.first >= cut - 1):
        return {}
    days = days_with_readings(lambda day: parts.get(utc_day(day)) is not None, head.first, cut - 1)
    changed: dict[PartName, GaugeHead | None] = {utc_day(day): None for day in days}
    changed[HEAD] = replace(head, cut=cut, first=cut - 1)
    return changed


def _runs(times: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Instants gathered into runs whose surroundings do not touch: (first, last)."""
    start: int | None = None
    last = 0
    for t in times:
        if start is not None and t - last > 2 * REACH_MS:
            yield start, last
            start = None
        start, last = (t if start is None else start), t
    if start is not None:
        yield start, last


def _readings(
    parts: Parts[GaugePart], changed: Mapping[PartName, GaugePart], first: int, last: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The readings around `[first, last]` that its hours may rest on."""
    times: tuple[int, ...] = ()
    amounts: tuple[int, ...] = ()
    for day in range((first - REACH_MS) // DAY_MS, (last + REACH_MS) // DAY_MS + 1):
        name = utc_day(day)
        state = part(changed, name, GaugeDay) or part(parts, name, GaugeDay)
        if state is not None:
            times += state.times
            amounts += state.amounts
    a, b = bisect_left(times, first - REACH_MS), bisect_right(times, last + REACH_MS)
    return times[a:b], amounts[a:b]
