"""Which days count as days off: weekends, the public holidays of Russia, the holidays of its schools.

The dates are rules, not tables of years, so that a baseline document stays valid for years to come. Days that
the government moves for one year are not known here; they are a day or two a year.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Final

CALENDARS: Final = ("week", "ru", "ru_school")
"""`week`: Saturday and Sunday; `ru`: and public holidays; `ru_school`: and school holidays."""

# Labour Code of the Russian Federation, article 112.
_PUBLIC: Final = {(1, day) for day in range(1, 9)} | {(2, 23), (3, 8), (5, 1), (5, 9), (6, 12), (11, 4)}

# Recommended dates of the Ministry of Education move by a few days a year; these are their usual core.
_SCHOOL: Final = (
    ((10, 27), (11, 4)),
    ((12, 29), (12, 31)),
    ((1, 1), (1, 10)),
    ((3, 24), (3, 31)),
    ((6, 1), (8, 31)),
)


@lru_cache(maxsize=65_536)
def day_off(date: int, calendar: str) -> bool:
    """Whether the day with ordinal `date` is a day off in the calendar.

    Raises:
        ValueError: the calendar is not one of `CALENDARS`.
    """
    if calendar not in CALENDARS:
        raise ValueError(f"calendar {calendar!r} is not known; known are {', '.join(CALENDARS)}")
    day = dt.date.fromordinal(date)
    if day.weekday() >= 5:
        return True
    if calendar == "week":
        return False
    here = (day.month, day.day)
    if here in _PUBLIC:
        return True
    return calendar == "ru_school" and any(first <= here <= last for first, last in _SCHOOL)
