"""Which days count as days off: weekends, the public holidays of Russia, the holidays of its schools.

The dates are rules, not tables of years, so that a baseline document stays valid for years to come. Days that
the government moves for one year (a day or two) are not included.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Final

CALENDARS: Final = ("week", "ru", "ru_school")
"""`week`: Saturday and Sunday; `ru`: and public holidays; `ru_school`: and school holidays. `ru_school+2` is a school
whose holidays begin and end two days later than usual (-3 to +4)."""

SCHOOL_SHIFTS: Final = tuple(range(-3, 5))

# Labour Code of the Russian Federation, article 112.
_PUBLIC: Final = {(1, day) for day in range(1, 9)} | {(2, 23), (3, 8), (5, 1), (5, 9), (6, 12), (11, 4)}

# Recommended dates of the Ministry of Education move by a few days a year; these are their usual core.
_SCHOOL: Final = (((10, 27), (11, 4)), ((12, 29), (12, 31)), ((3, 24), (3, 31)), ((5, 27), (8, 31)))
_NEW_YEAR: Final = 9
"""Lessons resume on the first working day after 9 January, even if the other holidays are shifted."""


@lru_cache(maxsize=65_536)
def day_off(date: int, calendar: str) -> bool:
    """Whether the day with ordinal `date` is a day off in the calendar.

    Raises:
        ValueError: the calendar is not one of `CALENDARS`.
    """
    name, shift = _parts(calendar)
    day = dt.date.fromordinal(date)
    if day.weekday() >= 5:
        return True
    if name == "week":
        return False
    if (day.month, day.day) in _PUBLIC:
        return True
    if name == "ru":
        return False
    if day.month == 1 and day.day <= _NEW_YEAR:
        return True
    moved = dt.date.fromordinal(date - shift)
    month_day = (moved.month, moved.day)
    # The end of the New Year holidays and the first of September do not shift.
    return any(first <= month_day <= last for first, last in _SCHOOL) and (day.month, day.day) not in {
        (1, 10),
        (9, 1),
    }


@lru_cache(maxsize=64)
def _parts(calendar: str) -> tuple[str, int]:
    """Name and shift of a calendar."""
    name, sign, days = calendar.partition("+") if "+" in calendar else calendar.partition("-")
    if name in CALENDARS and not sign:
        return name, 0
    if name == "ru_school" and days.isdigit():
        return name, int(sign + days)
    raise ValueError(f"calendar {calendar!r} is not known; known are {', '.join(CALENDARS)}, ru_school+2")


def shifted(shift: int) -> str:
    """Name of the school calendar with its holidays shifted by `shift` days."""
    return f"ru_school{shift:+d}" if shift else "ru_school"
