"""The heating season: the days with heat supply, by declared dates or by the rule of the law.

Decree 354 p.5 (Russia): heat is turned on not later, and off not earlier, than the day after five days on which the
daily mean was below (above) +8 °C. Cities deviate from it: by a degree, or by a day or two until the order is carried
out. A rule is therefore three numbers, and a baseline stores those that fit its own period best
(`metering.baselines.selection`). The season is a fact of supply, set by the weather and the city's order. It is never
derived from the meter whose saving is measured, because a measure can end heating earlier.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metering.periods import SEASON_CHANGE_DAYS, Seasons

Bools = NDArray[np.bool_]

LEAST_KNOWN: Final = 3
"""Least number of the five days with a known temperature."""

LEAST_SEASON_DAYS: Final = 20
"""Days with heat, and days without, that a baseline period needs to show a heating season."""

LONGEST_WALK: Final = 150
"""Longest look back for a decision [d]; spring and autumn bring one within weeks."""

TempOf = Callable[[int], int | None]
"""Ordinal of a date -> its mean outdoor temperature [m°C], or None."""


class Rule(NamedTuple):
    """Heat goes on after five days with a mean below `on_mc`, off after five above `off_mc`, `delay` days later."""

    on_mc: int
    off_mc: int
    delay: int

    @property
    def name(self) -> str:
        """`8/8.5+1`: on below 8 °C, off above 8.5 °C, a day later."""
        return f"{self.on_mc / 1000:g}/{self.off_mc / 1000:g}+{self.delay}"


@lru_cache(maxsize=256)
def rule_named(name: str) -> Rule:
    """The rule of that name.

    Raises:
        ValueError: the name is not `on/off+delay`.
    """
    on, _, rest = name.partition("/")
    off, _, delay = rest.partition("+")
    return Rule(round(1000 * float(on)), round(1000 * float(off)), int(delay))


DECLARED: Final = "declared"
"""Rule name used when the heating seasons are declared in the site file."""

DECLARED_REACH: Final = 120
"""Days before and after a declared season without heat by declaration: a summer. Farther from every declared season
the usual rule applies."""

USUAL: Final = Rule(8_000, 8_500, 0)
LONGEST_DELAY: Final = 3
_PAIRS: Final = tuple(
    (on, off) for on in range(7_000, 10_000, 500) for off in range(7_500, 10_500, 500) if off >= on
)
RULES: Final = tuple(Rule(on, off, delay) for delay in range(LONGEST_DELAY + 1) for on, off in _PAIRS)
"""Candidate rules of a baseline: within 2 K of the law's degree, at most three days late."""


def _decided(date: int, temp_of: TempOf, on_mc: int, off_mc: int) -> bool | None:
    """Whether the five days before the date turn heat on (True) or off (False); None if they change nothing."""
    total = known = 0
    for day in range(date - SEASON_CHANGE_DAYS, date):
        temp = temp_of(day)
        if temp is not None:
            total += temp
            known += 1
    if known < LEAST_KNOWN:
        return None
    if total < on_mc * known:
        return True
    return False if total > off_mc * known else None


def by_calendar(date: int) -> bool:
    """Whether heat is supplied if the weather decides nothing: October to April."""
    return dt.date.fromordinal(date).month not in (5, 6, 7, 8, 9)


def heated(date: int, temp_of: TempOf, *, rule: str, declared: Seasons = ()) -> bool:
    """Whether heat was supplied on the day with ordinal `date`.

    The most recent five days with a decision count; if there are none, the calendar.

    Args:
        date: Ordinal of the local date.
        temp_of: Mean outdoor temperature of a date [m°C], or None.
        rule: Name of a rule, or `DECLARED`.
        declared: Ordinals (first, last) of the days with heat, both included, for `DECLARED`.
    """
    if rule == DECLARED:
        if any(first - DECLARED_REACH <= date <= last + DECLARED_REACH for first, last in declared):
            return any(first <= date <= last for first, last in declared)
        rule = USUAL.name
    on_mc, off_mc, delay = rule_named(rule)
    for day in range(date - delay, date - delay - LONGEST_WALK, -1):
        decided = _decided(day, temp_of, on_mc, off_mc)
        if decided is not None:
            return decided
    return by_calendar(date)


def heated_days(first: int, last: int, temp_of: TempOf) -> Bools:
    """`heated` of every day from `first` to `last` by each of `RULES`, in one pass; shape (rules, days)."""
    begin = first - LONGEST_DELAY - LONGEST_WALK
    span = range(begin - SEASON_CHANGE_DAYS, last)
    temps = np.array([temp_of(day) or 0 for day in span], dtype=np.int64)
    known = np.array([temp_of(day) is not None for day in span], dtype=np.int64)
    window = np.ones(SEASON_CHANGE_DAYS, dtype=np.int64)
    # Entry i is the sum over the five days before `begin + i`.
    total, count = np.convolve(temps, window, "valid"), np.convolve(known, window, "valid")
    on_mc, off_mc = np.array(_PAIRS, dtype=np.int64).T
    decides = (count >= LEAST_KNOWN)[:, None]
    on = decides & (total[:, None] < count[:, None] * on_mc)
    off = decides & ~on & (total[:, None] > count[:, None] * off_mc)
    at = np.arange(len(total))[:, None]
    newest = np.maximum.accumulate(np.where(on | off, at, -LONGEST_WALK), axis=0)
    fresh = newest > at - LONGEST_WALK
    state = on[np.maximum(newest, 0), np.arange(len(_PAIRS))]
    calendar = np.array([by_calendar(date) for date in range(first, last + 1)])[:, None]
    rows = []
    for delay in range(LONGEST_DELAY + 1):
        part = slice(first - delay - begin, last + 1 - delay - begin)
        rows.append(np.where(fresh[part], state[part], calendar).T)
    return np.concatenate(rows)


def last_affected(date: int, temp_of: TempOf, last: int) -> int:
    """The last day, at most `last`, whose season or expected use can depend on the temperature of `date`.

    When the temperature of `date` changes, the stream recomputes figures from `date` to this day.
    """
    limits = list(_PAIRS)
    for day in range(date + SEASON_CHANGE_DAYS + 1, min(last, date + LONGEST_WALK + LONGEST_DELAY)):
        limits = [(on, off) for on, off in limits if _decided(day, temp_of, on, off) is None]
        if not limits:
            return min(last, day - 1 + LONGEST_DELAY)
    return min(last, date + SEASON_CHANGE_DAYS + LONGEST_WALK + LONGEST_DELAY)
