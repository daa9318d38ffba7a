"""What a register's weeks tell about its clock and its pulse weight. State beside the days of `standstills`.

A week is judged when its Sunday, or a later day, is complete, and again when one of the days that it rests on changes.
So the judgements depend on the days, their hours and the weather alone, not on the order in which they became known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple, Protocol, TypeAlias, TypeVar

from msgspec import Struct

from metering.ledger.heat_volume import step_by_volume
from metering.ledger.rhythm import PAST_WEEKS, gains, shift
from metering.ledger.weights import PAST_DAYS, Step, factors, step_by_weather, step_by_weekday
from metering.parts import PartName
from metering.periods import SEASON_CHANGE_DAYS
from metering.times import month_start

WEEKLY: Final = PartName("weekly")
"""The part with the judgements."""
_WEEK: Final = 7
_REACH: Final = PAST_DAYS // _WEEK + 1
"""Weeks whose judgement rests on a day, its own included."""

BY_WEATHER: Final = ("heat", "gas")
"""Carriers whose use is judged by the weather."""

_V = TypeVar("_V")


class Month(Protocol):
    """What is known of a register's days in one month, by date ordinal."""

    @property
    def used(self) -> dict[int, int]: ...
    @property
    def temps_mc(self) -> dict[int, int]: ...
    @property
    def shapes(self) -> dict[int, bytes]: ...
    @property
    def by_volume(self) -> dict[int, int]: ...


class MonthOf(Protocol):
    """The month of a date."""

    def __call__(self, date: int, /) -> Month: ...


Figures: TypeAlias = dict[str, int | str]
Shift: TypeAlias = tuple[int, int]
"""(hours, first date)"""
Weight: TypeAlias = tuple[int, int, int, int, int, int]
"""(numerator, denominator, usual, amount, days, first date) of `metering.ledger.weights.Step`"""


class Weekly(Struct, frozen=True, tag="k", array_like=True, gc=False):
    """The weeks in doubt, by the ordinal of their Monday."""

    shifts: dict[int, Shift] = {}
    weights: dict[int, Weight] = {}
    volumes: dict[int, Weight] = {}


class Doubt(NamedTuple):
    """A doubt about a run of weeks."""

    kind: str
    first: int
    """Ordinal of the first date."""
    last: int
    figures: Figures


def monday(date: int) -> int:
    """Ordinal of the Monday of the week with the date."""
    return date - (date - 1) % _WEEK


def due_weeks(date: int, was_newest: int, newest: int) -> list[int]:
    """The weeks to judge when a day changed.

    Args:
        date: The day.
        was_newest: Newest date with a use before.
        newest: The same after it.
    """
    first = monday(date)
    if newest - was_newest == 1 and newest == date and date - first < _WEEK - 1:
        return []  # the day after the newest one, and its week goes on
    weeks = list(range(first, min(first + _REACH * _WEEK, newest - _WEEK + 2), _WEEK))
    if was_newest < newest:
        # A gap may have passed the Sunday of the week before.
        week = monday(was_newest)
        if week != first and week + _WEEK - 1 > was_newest:
            weeks.append(week)
    return weeks


def judge(before: Weekly, weeks: Iterable[int], newest: int, month: MonthOf, carrier: str) -> Weekly:
    """Judge weeks; those after the newest date are not judged yet.

    Args:
        before: The judgements so far.
        weeks: The weeks.
        newest: Newest date with a use.
        month: The month of a date.
        carrier: What the register counts.
    """
    shifts = {week: each for week, each in before.shifts.items() if week + _WEEK - 1 <= newest}
    weights = {week: each for week, each in before.weights.items() if week + _WEEK - 1 <= newest}
    volumes = {week: each for week, each in before.volumes.items() if week + _WEEK - 1 <= newest}
    among = factors(carrier)
    for week in weeks:
        shifts.pop(week, None)
        weights.pop(week, None)
        volumes.pop(week, None)
        months = _months(week, month)
        shapes = _together(each.shapes for each in months)
        moved = _shift(week, shapes)
        if moved is not None:
            shifts[week] = moved
        used = _together(each.used for each in months)
        if carrier in BY_WEATHER:
            step = step_by_weather(week, used, _together(each.temps_mc for each in months), among)
        else:
            step = step_by_weekday(week, used, shapes, among)
        if step is not None:
            weights[week] = _weight(step, used)
        by_volume = _together(each.by_volume for each in months)
        step = step_by_volume(week, used, by_volume, among) if by_volume else None
        if step is not None:
            volumes[week] = _weight(step, used)
    return Weekly(dict(sorted(shifts.items())), dict(sorted(weights.items())), dict(sorted(volumes.items())))


def doubts(state: Weekly) -> Iterator[Doubt]:
    """The doubts, a run of weeks each."""
    # Lamps follow the daylight: a week may seem shifted by an hour more or less than the next one.
    for first, last in _runs(state.shifts, lambda one, next_: abs(one[0] - next_[0]) <= 1):
        start, hours = state.shifts[first][1], state.shifts[last][0]
        yield Doubt("shifted_hours", start, last + 6, {"hours": hours, "days": last + _WEEK - start})
    for name, weeks in (("weight_by_weather", state.weights), ("energy_by_volume", state.volumes)):
        for first, last in _runs(weeks, lambda one, next_: one[:2] == next_[:2]):
            numerator, denominator, usual, amount, days, start = weeks[first]
            # What the use is to be multiplied by.
            factor: Figures = {"numerator": denominator, "denominator": numerator}
            yield Doubt(name, start, last + 6, {**factor, "usual": usual, "amount": amount, "days": days})


def _runs(weeks: Mapping[int, _V], alike: Callable[[_V, _V], bool]) -> Iterator[tuple[int, int]]:
    """(first, last) of runs of weeks that follow each other and are alike."""
    first: int | None = None
    for week in weeks:
        if first is None:
            first = week
        if week + _WEEK not in weeks or not alike(weeks[week], weeks[week + _WEEK]):
            yield first, week
            first = None


def _months(week: int, month: MonthOf) -> list[Month]:
    """The months that a week's judgement rests on, the oldest first."""
    start = month_start(week + _WEEK - 1)
    months = [month(start)]
    while start > week - PAST_DAYS - SEASON_CHANGE_DAYS:
        start = month_start(start - 1)
        months.append(month(start))
    return months[::-1]


def _together(several: Iterable[Mapping[int, _V]]) -> dict[int, _V]:
    together: dict[int, _V] = {}
    for each in several:
        together.update(each)
    return together


def _shift(week: int, shapes: Mapping[int, bytes]) -> Shift | None:
    if not shapes:
        return None

    def of_week(monday: int) -> dict[int, bytes]:
        return {date: shapes[date] for date in range(monday, monday + _WEEK) if date in shapes}

    past = [list(of_week(week - _WEEK * back).values()) for back in PAST_WEEKS]
    moved = shift(list(of_week(week).values()), past)
    if not moved:
        return None
    # The clock may have changed in the week before: from there on the sum of what its days gain is greatest.
    days = of_week(week - _WEEK) | of_week(week)
    start, best, total = week, 0.0, 0.0
    for date, gain in reversed(list(zip(days, gains(list(days.values()), past, moved), strict=True))):
        total += gain
        if total > best:
            start, best = date, total
    return moved, start


def _weight(step: Step, used: Mapping[int, int]) -> Weight:
    start = step.first
    # Days before the week belong to it while they are nearer to its level than to the usual one.
    while start > step.first - _WEEK:
        squared = used.get(start - 1, 0) ** 2 * step.days**2
        if (squared > step.usual * step.amount) != (step.factor > 1) or not squared:
            break
        start -= 1
    return (*step.factor.as_integer_ratio(), step.usual, step.amount, step.days, start)
