"""The heating season: on which days heat was supplied, by declared dates or by the rule of the law.

Decree 354 p.5 (Russia): heat is turned on not later, and off not earlier, than the day after five days on which the
daily mean was below (above) +8 °C. Cities read it in more than one way, so there are several rules; a baseline
keeps the one that its own period shows (`metering.selection`). The season is a fact of supply, set by the
weather or by the city's order; it is never read off the meter whose saving is measured, for a measure may
well end heating earlier.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final

LIMIT_MC: Final = 8_000
FIVE: Final = 5
LEAST_KNOWN: Final = 3
"""Days of the five whose temperature must be known for their mean."""

LONGEST_WALK: Final = 150
"""Days looked back at for a decision; a spring or autumn holds one within weeks."""

DECLARED: Final = "declared"
RULES: Final[dict[str, int | None]] = {"days": None, "mean": 0, "mean+0.5": 500, "mean+1": 1_000}
"""Rules by name. `days`: each of the five days lies beyond the limit; `mean`: the mean of the five does, and with
`+x` heat goes off only above the limit + x K [m°C]."""

TempOf = Callable[[int], int | None]
Seasons = Sequence[tuple[int, int]]


def _decided(date: int, temp_of: TempOf, hysteresis_mc: int | None) -> bool | None:
    """What the five days before the date decide, or None where they leave things as they are."""
    five = [temp_of(day) for day in range(date - FIVE, date)]
    known = [temp for temp in five if temp is not None]
    if hysteresis_mc is None:
        if len(known) < FIVE:
            return None
        if max(known) < LIMIT_MC:
            return True
        return False if min(known) > LIMIT_MC else None
    if len(known) < LEAST_KNOWN:
        return None
    total = sum(known)
    if total < LIMIT_MC * len(known):
        return True
    return False if total > (LIMIT_MC + hysteresis_mc) * len(known) else None


def _by_calendar(date: int) -> bool:
    return dt.date.fromordinal(date).month not in (5, 6, 7, 8, 9)


def heated(date: int, temp_of: TempOf, *, rule: str, declared: Seasons = ()) -> bool:
    """Whether heat was supplied on the day with ordinal `date`.

    The newest five days before the date that decide anything do; where none do, the calendar does: October to April.

    Args:
        date: Ordinal of the local date.
        temp_of: Mean outdoor temperature of a date [m°C], or None.
        rule: One of `RULES`, or `DECLARED`.
        declared: Ordinals (first, last) of the days with heat, both included, for `DECLARED`.
    """
    if rule == DECLARED:
        return any(first <= date <= last for first, last in declared)
    hysteresis = RULES[rule]
    for day in range(date, date - LONGEST_WALK, -1):
        decided = _decided(day, temp_of, hysteresis)
        if decided is not None:
            return decided
    return _by_calendar(date)


def heated_days(first: int, last: int, temp_of: TempOf, *, rule: str, declared: Seasons = ()) -> list[bool]:
    """`heated` of every day from `first` to `last`, in one pass."""
    if rule == DECLARED:
        return [heated(date, temp_of, rule=rule, declared=declared) for date in range(first, last + 1)]
    hysteresis = RULES[rule]
    days: list[bool] = []
    state: bool | None = None
    walked = 0
    for date in range(first, last + 1):
        decided = _decided(date, temp_of, hysteresis)
        walked = 0 if decided is not None else walked + 1
        if decided is not None:
            state = decided
        elif state is None or walked >= LONGEST_WALK:
            state = None
        days.append(heated(date, temp_of, rule=rule) if state is None else state)
    return days


def last_affected(date: int, temp_of: TempOf, last: int) -> int:
    """The last day, at most `last`, whose season or expected use may rest on the temperature of `date`.

    A figure that is kept up to date in a stream is calculated anew from `date` to this day when the
    temperature of `date` changes.
    """
    open_rules = set(RULES.values())
    for day in range(date + FIVE + 1, min(last, date + LONGEST_WALK)):
        open_rules = {each for each in open_rules if _decided(day, temp_of, each) is None}
        if not open_rules:
            return day - 1
    return min(last, date + LONGEST_WALK)
