"""Days of a register: the sum of a local day's hours and of the unknown blocks that lie within it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from zoneinfo import ZoneInfo

from msgspec import Struct

from metering import flags as f
from metering.events import Unknown
from metering.times import HOUR_MS, day_bounds


class DayFigures(Struct, frozen=True, array_like=True):
    """What a register used on one local day."""

    used: int | None
    """None where part of the day is unknown or was never counted."""
    known: int
    unknown: int
    """Energy of the unknown blocks that begin on this day."""
    estimated: int
    """The part of `used` that rests on an interpolation across midnight. What was interpolated, or is known in
    total only, within the day does not: its hours are estimates, the day is not."""
    coverage: float
    flags: int


def day_of(
    date: int, zone: ZoneInfo, hours: Mapping[int, tuple[int, int]], unknowns: Iterable[Unknown]
) -> DayFigures:
    """The figures of the local day with ordinal `date`.

    Args:
        date: Ordinal of the local date.
        zone: The site's time zone; the day has 23 or 25 hours where the clocks change.
        hours: (amount, flags) by hour; hours outside the day are not looked at.
        unknowns: Unknown blocks that touch the day.

    Returns:
        The figures; `used` is a number only where hours and blocks within the day cover all of it.
    """
    start, end = day_bounds(date, zone)
    known = unknown = noted = covered = 0
    guessed: list[int] = []  # interpolated energy by hour of the day, 0 where it was measured
    within: list[Unknown] = []
    crossing = False
    for block in unknowns:
        noted |= block.flags
        if start <= block.start < end:
            unknown += block.amount
        if start <= block.start and block.end <= end:
            within.append(block)
        elif block.start < end and start < block.end:
            crossing = True
    count = (end - start) // HOUR_MS
    for hour in range(start // HOUR_MS, end // HOUR_MS):
        held = hours.get(hour)
        guessed.append(0)
        if held is not None:
            amount, note = held
            known += amount
            noted |= note
            if note & f.INTERPOLATED:
                guessed[-1] = max(amount, 1)
            # A partial hour beside an unknown block is completed by the block; any other one has a hole.
            if not note & f.PARTIAL or note & f.UNKNOWN:
                covered += 1
                continue
        at = hour * HOUR_MS
        if any(block.start <= at and at + HOUR_MS <= block.end for block in within):
            covered += 1
    complete = covered == count and not crossing
    blocks = sum(block.amount for block in within)
    return DayFigures(
        used=known + blocks if complete else None,
        known=known,
        unknown=unknown,
        estimated=min(known, _first_run(guessed) + (_first_run(guessed[::-1]) if not all(guessed) else 0)),
        coverage=covered / count,
        flags=noted,
    )


def _first_run(guessed: list[int]) -> int:
    """What was interpolated from the first hour on, up to the first measured one."""
    total = 0
    for amount in guessed:
        if not amount:
            break
        total += amount
    return total
