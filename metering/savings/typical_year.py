"""A year of usual weather, from a real year and the climate normals of its months.

Savings in the weather of one year do not predict the next. Each day of a real year is shifted by the difference
between its month and the normal of that month: the order of cold and warm days stays real, and the months have the
means of the climate.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final

YEAR_DAYS: Final = 365


class NoWeather(ValueError):
    """The year has a month without any temperature."""


def typical_year(
    temps_mc: Mapping[int, int], first: int, last: int, *, normals_mc: Sequence[int] | None = None
) -> dict[int, int]:
    """Daily temperatures of a typical year [m°C], by the dates of `[first, last]`; every date has one.

    Args:
        temps_mc: Mean outdoor temperatures [m°C]; a date without one takes the mean of its month.
        first: Ordinal of the first date.
        last: Ordinal of the last.
        normals_mc: Normals of the months, January first [m°C]; None: the year as it was.

    Raises:
        NoWeather: a month has no temperature.
    """
    by_month: dict[tuple[int, int], list[int]] = {}
    for date in range(first, last + 1):
        temps = by_month.setdefault(_month(date), [])
        if date in temps_mc:
            temps.append(temps_mc[date])
    means: dict[tuple[int, int], int] = {}
    for (year, month), known in by_month.items():
        if not known:
            raise NoWeather(
                f"{year}-{month:02} has no day with a temperature; a typical year needs every month"
            )
        means[year, month] = round(sum(known) / len(known))
    # If the ends of the year cut a month in two, both parts are one month of the climate.
    whole: dict[int, list[int]] = {}
    for (_, month), known in by_month.items():
        whole.setdefault(month, []).extend(known)
    shift = dict.fromkeys(whole, 0)
    if normals_mc is not None:
        shift = {month: normals_mc[month - 1] - round(sum(t) / len(t)) for month, t in whole.items()}
    year_of: dict[int, int] = {}
    for date in range(first, last + 1):
        key = _month(date)
        year_of[date] = temps_mc.get(date, means[key]) + shift[key[1]]
    return year_of


def _month(date: int) -> tuple[int, int]:
    day = dt.date.fromordinal(date)
    return day.year, day.month
