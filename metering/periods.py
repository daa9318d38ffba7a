"""Periods of local days, and the complete days of one meter with their weather."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

SEASON_CHANGE_DAYS: Final = 5
"""The heating season begins after this many colder days together, and ends after as many warmer ones (decree 354)."""

SEASON_WEATHER_DAYS: Final = 200
"""Bound of the days of weather that decide whether a day is heated, and so of the effect of one day's temperature
(`metering.baselines.season` looks back less far)."""

Seasons = Sequence[tuple[int, int]]
"""Declared days with heat: ordinals (first, last), both included."""


class Period(NamedTuple):
    """Local days by their ordinals, both ends included."""

    first: int
    last: int

    @property
    def days(self) -> int:
        """Number of days."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"{dt.date.fromordinal(self.first)}..{dt.date.fromordinal(self.last)}"


class DailyUse(NamedTuple):
    """Complete days of one meter and the weather, by date ordinal."""

    used: Mapping[int, int]
    """Use of a day [base units]."""
    temps_mc: Mapping[int, int]
    """Mean outdoor temperature of a day [m°C]; days before the periods decide the heating season."""
    estimated: Mapping[int, int] = {}
    """Interpolated part of a day's use [base units]."""
    seasons: Seasons = ()
    """Declared seasons; if there are none, the rule of `metering.baselines.season` applies."""
