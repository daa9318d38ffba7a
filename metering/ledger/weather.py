"""Outdoor temperature of a local day, from a station's readings at any instants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from metering.times import HOUR_MS, day_bounds

GAP_HOURS: Final = 6
"""Missing hours in a row that are interpolated (CalTRACK 2.x allows temperature gaps of up to 6 h)."""

LEAST_COVERAGE: Final = 0.5
"""A day with fewer of its hours has no mean (CalTRACK: at most 50 % of a day's hours missing)."""


def day_mean(
    date: int, zone: ZoneInfo, times: Sequence[int], temps_mc: Sequence[int]
) -> tuple[int | None, float]:
    """Mean temperature [m°C] of the local day with ordinal `date`, and the share of its hours covered.

    Each hour is the mean of its readings, so that a burst of readings does not outweigh a quiet hour;
    inner gaps of up to `GAP_HOURS` are interpolated. Integers throughout: the order of sums cannot matter.

    Args:
        date: Ordinal of the local date.
        zone: The site's time zone.
        times: Instants of the day's readings [ms].
        temps_mc: Their temperatures [m°C].
    """
    start, end = day_bounds(date, zone)
    count = (end - start) // HOUR_MS
    sums, readings = [0] * count, [0] * count
    for t, temp in zip(times, temps_mc, strict=True):
        hour = (t - start) // HOUR_MS
        if 0 <= hour < count:
            sums[hour] += temp
            readings[hour] += 1
    means = [total // n if n else None for total, n in zip(sums, readings, strict=True)]
    last: int | None = None
    for hour, mean in enumerate(means):
        if mean is None:
            continue
        if last is not None and 1 < hour - last <= GAP_HOURS + 1:
            before = means[last]
            assert before is not None
            for between in range(last + 1, hour):
                means[between] = before + (mean - before) * (between - last) // (hour - last)
        last = hour
    covered = [mean for mean in means if mean is not None]
    coverage = len(covered) / count
    if coverage < LEAST_COVERAGE:
        return None, coverage
    return sum(covered) // len(covered), coverage
