"""A main meter against the sum of its sub-meters by hour: parts that exceed the whole, and whose clock explains it.

Theory of operation
-------------------
Over a month the sums may agree although a meter's hours are wrong. Hours are compared that every meter measured;
interpolated ones and unknown blocks say nothing. Two things are looked for in a week.

*A shifted meter*: what the main meter counts beyond its parts (losses, other users) should go its own way. If moving
one meter by two or more whole hours takes away a good part of its ups and downs, the meter's peaks were in it.

*Parts that exceed the whole* in some hours of most days by more than these explain together: the steps of the displays,
told from the register's own hours; stamps that are off by up to half an hour (half of the change to the hours beside
it); the errors of the meters.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from metering.ledger.weekly import monday
from metering.parts import HEAD, PartName, Parts, local_date, part

_WEEK: Final = 7
_LEAST_DAYS: Final = 5
_LEAST_SHARE: Final = 0.04
"""Share of the compared hours with an excess: an hour a day."""
_LEAST_EXCESS: Final = 0.02
"""The excess as a share of what the sub-meters count."""
_ERRORS: Final = 0.05
"""Errors of main and sub-meters: classes 1 to 2, heat meters up to 5 % (EN 1434)."""
_FURTHEST: Final = 12
"""Largest shift that is tried [h]."""
_LEAST_SHIFT: Final = 2
"""Smallest shift that is believed; half an hour may be the stamps of a slow line [h]."""
_LEFT: Final = 0.6
"""Share of the ups and downs that a believed shift leaves at most."""
_LEAST_MOVED: Final = 0.03
"""What lies in wrong hours, at least, as a share of what the main meter counts."""
_ROUNDING: Final = 2
"""Difference of two amounts that rounding to base units makes."""

Floats: TypeAlias = npt.NDArray[np.float64]


class HourlyWeek(Struct, frozen=True, tag="w", array_like=True, gc=False):
    """Hours of a main meter and of its sub-meters in one week."""

    hours: dict[str, dict[int, tuple[int | None, ...]]] = {}
    """Meter -> date -> use by hour."""


class HourlyHead(Struct, frozen=True, tag="h", array_like=True, gc=False):
    """The weeks whose parts exceed the whole, by the ordinal of their Monday."""

    excesses: dict[int, Excess] = {}


class Excess(Struct, frozen=True, array_like=True, gc=False):
    """Sub-meters that counted more than their main meter in some hours of a week."""

    first: int
    """Ordinal of the first date that was compared."""
    last: int
    days: int
    meters: str
    """The meter whose shift explains it; all sub-meters, separated by commas, if none does."""
    hours: int
    """By how many hours its stamps are late (early if negative); 0 if no shift explains it."""
    amount: int
    """What lies in wrong hours; without a shift, what the sub-meters count beyond the main meter."""
    subs: int
    """What the sub-meters count in the compared hours; without a shift, in those with an excess."""
    main: int


HourlyPart: TypeAlias = HourlyWeek | HourlyHead


class Compared(NamedTuple):
    """Hours of a week, one after the other; NaN if one was not measured."""

    main: Floats
    subs: Floats
    """Shape [meters, hours]."""


def note_hours(
    parts: Parts[HourlyPart],
    main: str,
    subs: Sequence[str],
    *,
    meter: str,
    date: int,
    hours: tuple[int | None, ...],
) -> tuple[dict[PartName, HourlyPart | None], HourlyHead, HourlyHead]:
    """Note the hours of a meter's day and judge its week.

    Args:
        parts: The state of the main meter.
        main: Its id.
        subs: Ids of its sub-meters.
        meter: The meter of the day.
        date: Ordinal of the date.
        hours: Use by hour; empty if the day is not complete.

    Returns:
        The changed parts, and the head before and after.
    """
    before = part(parts, HEAD, HourlyHead) or HourlyHead()
    week = monday(date)
    name = local_date(week)
    state = part(parts, name, HourlyWeek) or HourlyWeek()
    days = {day: each for day, each in state.hours.get(meter, {}).items() if day != date}
    if hours:
        days[date] = hours
    others = {each: of_days for each, of_days in state.hours.items() if each != meter}
    by_meter = dict(sorted({**others, **({meter: dict(sorted(days.items()))} if days else {})}.items()))
    if by_meter == state.hours:
        return {}, before, before
    excesses = {each: excess for each, excess in before.excesses.items() if each != week}
    found = _excess(by_meter, main, subs)
    if found is not None:
        excesses[week] = found
    after = HourlyHead(dict(sorted(excesses.items())))
    changed: dict[PartName, HourlyPart | None] = {name: HourlyWeek(by_meter) if by_meter else None}
    if after != before:
        changed[HEAD] = after if after.excesses else None
    return changed, before, after


def excesses(head: HourlyHead) -> list[Excess]:
    """The excesses; weeks that follow each other with the same meter and hours are one."""
    merged: list[Excess] = []
    last = 0
    for week, each in head.excesses.items():
        before = merged[-1] if merged else None
        if (
            before is None
            or week != last + _WEEK
            or (before.meters, before.hours) != (each.meters, each.hours)
        ):
            merged.append(each)
        else:
            merged[-1] = Excess(
                first=before.first,
                last=each.last,
                days=before.days + each.days,
                meters=each.meters,
                hours=each.hours,
                amount=before.amount + each.amount,
                subs=before.subs + each.subs,
                main=before.main + each.main,
            )
        last = week
    return merged


def _excess(
    by_meter: Mapping[str, Mapping[int, tuple[int | None, ...]]], main: str, subs: Sequence[str]
) -> Excess | None:
    meters = [main, *subs]
    dates = sorted(set.intersection(*(set(by_meter.get(meter, {})) for meter in meters)))
    # Days of 23 and 25 hours are compared like all others, if every meter has them so.
    dates = [date for date in dates if len({len(by_meter[meter][date]) for meter in meters}) == 1]
    if len(dates) < _LEAST_DAYS:
        return None
    main_hours, *sub_hours = (_in_a_row(by_meter[meter], dates) for meter in meters)
    compared = Compared(main_hours, np.array(sub_hours))
    known = ~np.isnan(compared.main + compared.subs.sum(axis=0))
    main_sum, subs_sum = float(compared.main[known].sum()), float(compared.subs[:, known].sum())
    which, moved, amount = _shift(compared)
    if amount >= _LEAST_MOVED * main_sum and amount > 0:
        return Excess(
            dates[0],
            dates[-1],
            len(dates),
            meters[which],
            moved,
            round(amount),
            round(subs_sum),
            round(main_sum),
        )
    excess = _excess_of(compared)
    if (excess > 0).sum() < _LEAST_SHARE * known.sum() or excess.sum() < _LEAST_EXCESS * subs_sum:
        return None
    hot = excess > 0
    main_sum, subs_sum = float(compared.main[hot].sum()), float(compared.subs[:, hot].sum())
    return Excess(
        dates[0],
        dates[-1],
        len(dates),
        ", ".join(subs),
        0,
        round(subs_sum - main_sum),
        round(subs_sum),
        round(main_sum),
    )


def _in_a_row(days: Mapping[int, tuple[int | None, ...]], dates: Iterable[int]) -> Floats:
    return np.array([math.nan if hour is None else hour for date in dates for hour in days[date]], np.float64)


def _excess_of(compared: Compared) -> Floats:
    """What the sub-meters count beyond the main meter in each hour, and beyond what is allowed; 0 if not compared."""
    subs = compared.subs.sum(axis=0)
    allowed = _ERRORS * np.maximum(subs, compared.main)
    allowed = allowed + sum(_display_step(hours) for hours in (compared.main, *compared.subs))
    allowed = allowed + np.maximum(_beside(compared.main), sum(map(_beside, compared.subs))) / 2
    beyond = subs - compared.main - allowed
    return np.where(np.isnan(beyond), 0.0, np.maximum(beyond, 0.0))


def _display_step(hours: Floats) -> float:
    """The step of a register's display, as its hours tell it: the smallest difference of two of them."""
    amounts = np.unique(np.append(hours[~np.isnan(hours)], 0.0))
    steps = np.diff(amounts)
    steps = steps[steps > _ROUNDING]
    return float(steps.min()) if len(steps) else 0.0


def _beside(hours: Floats) -> Floats:
    """The larger change to the hour before or after."""
    change = np.abs(np.diff(hours))
    larger: Floats = np.fmax(np.append(change, 0.0), np.append(0.0, change))
    return larger


def _shift(compared: Compared) -> tuple[int, int, float]:
    """The meter (0 is the main one) and the shift that explain the ups and downs of what is beyond the parts.

    Returns:
        The meter, the hours, and the use that lies in wrong hours; the last one is 0 if no shift is believed.
    """
    as_it_is = _ups_and_downs(compared)
    best, which, moved = math.inf, 0, 0
    for meter in (*range(1, len(compared.subs) + 1), 0):
        for hours in range(-_FURTHEST, _FURTHEST + 1):
            if meter:
                subs = compared.subs.copy()
                subs[meter - 1] = _earlier(subs[meter - 1], hours)
                left = _ups_and_downs(Compared(compared.main, subs))
            else:
                left = _ups_and_downs(Compared(_earlier(compared.main, hours), compared.subs))
            if left < best:
                best, which, moved = left, meter, hours
    if abs(moved) < _LEAST_SHIFT or best > _LEFT * as_it_is:
        return 0, 0, 0.0
    hours_known = int((~np.isnan(compared.main + compared.subs.sum(axis=0))).sum())
    return which, moved, (as_it_is - best) * hours_known / 2


def _ups_and_downs(compared: Compared) -> float:
    """Mean deviation of what the main meter counts beyond its parts from its median, over the hours that are known."""
    beyond = compared.main - compared.subs.sum(axis=0)
    beyond = beyond[~np.isnan(beyond)]
    return float(np.abs(beyond - np.median(beyond)).mean()) if len(beyond) else math.inf


def _earlier(hours: Floats, moved: int) -> Floats:
    """The hours moved to where they belong if the stamps are late by `moved` hours."""
    result = np.full_like(hours, math.nan)
    if moved > 0:
        result[:-moved] = hours[moved:]
    elif not moved:
        return hours
    else:
        result[-moved:] = hours[:moved]
    return result
