"""Registers that stand still although they should count.

Zero is a fact on the days of a declared outage, on days without flow by the meter's own flow gauge, and while heat is
not supplied: between two declared seasons, or on a warm day. A register that stands still without any of these may be
right all the same (an empty house): its zeros stay as they are, and a finding asks a person to look.

The state is a part per month with what is known of its days, and a head with the days in doubt. What is in doubt
depends on the months and on the site file alone, so that the order of events does not matter.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from metering.events import Day, Gauged, WeatherDay
from metering.ledger.heat_volume import Temperatures, expected, of_date, with_hours
from metering.ledger.rhythm import shape
from metering.ledger.weekly import WEEKLY, Weekly, due_weeks, judge
from metering.parts import HEAD, PartName, Parts, local_date, part
from metering.periods import SEASON_CHANGE_DAYS
from metering.site.meters import Meter
from metering.site.model import Site
from metering.times import HOUR_MS, date_of_hour, day_bounds, month_start

LEAST_DAYS: Final = 3
"""Days in a row without use that are a standstill; one day is enough if the meter's own flow contradicts it."""
HEATING_ENDS_MC: Final = 8_000
"""No heating is required while the daily mean, or the mean of five days, is above this (decree 354) [m°C]."""
_SUMMER: Final = range(5, 10)
"""Months without heating if no weather is known (St Petersburg heats from October to early May)."""
FLOWING_HOURS: Final = 6
"""Hours with flow that contradict a day without use (docs/sources.md#frozen-counter: a frozen counter is one that does
not move for 6 h of flow); a shorter trickle may be less than the register's last digit [h]."""

_NO, _STANDS, _FLOWS = 0, 1, 2

Dates: TypeAlias = tuple[tuple[int, int], ...]
"""Runs of dates: (first, last)."""


class StandstillMonth(Struct, frozen=True, tag="m", array_like=True, gc=False):
    """What is known of a register's days in one month, by date ordinal."""

    used: dict[int, int] = {}
    temps_mc: dict[int, int] = {}
    flowing: dict[int, dict[int, bool]] = {}
    """Hours with a flow reading, and whether anything flowed on average."""
    shapes: dict[int, bytes] = {}
    """How the use is spread over the hours of a day (`metering.ledger.rhythm.shape`)."""
    volumes: dict[int, int] = {}
    """What a heat meter says that flowed through it [l]."""
    by_volume: dict[int, int] = {}
    """Its energy by volume and temperatures [Wh]."""


class StandstillHead(Struct, frozen=True, tag="h", array_like=True, gc=False):
    """The days in doubt."""

    months: tuple[str, ...] = ()
    """Names of the months that have a part."""
    first_used: int = 0
    """The first date with any use; 0 before there is one."""
    doubts: dict[int, int] = {}
    """Date -> 1 if the register stands still, 2 if it does although something flows."""
    under: str = ""
    """The declared outages and seasons that the days were judged under."""


StandstillPart: TypeAlias = StandstillMonth | StandstillHead | Weekly | Temperatures
Noted: TypeAlias = Day | WeatherDay | Gauged

_EMPTY: Final = StandstillMonth()
_NO_DOUBTS: Final = Weekly()
_V = TypeVar("_V")


class Standstill(NamedTuple):
    """A run of dates on which a register stands still."""

    first: int
    """Ordinal of the first date."""
    last: int
    flows: bool
    """Whether the meter's own flow contradicts it."""


class StandstillRules(NamedTuple):
    """What the site file declares about days on which a register may stand still."""

    heat: bool
    """Whether it counts heat, which is supplied on cold days only."""
    off: Dates
    """Outages; for heat also the time between two seasons."""
    text: str
    """The same as a text, to notice a change of the site file."""


def rules_of(site: Site, meter: Meter) -> StandstillRules:
    """What the site file declares for a meter."""
    heat = meter.carrier == "heat"
    off = meter.outages(site.zone)
    if heat:
        off += tuple((a[1] + 1, b[0] - 1) for a, b in pairwise(sorted(site.seasons)))
    return StandstillRules(heat, off, repr(off) if off else "")


def enter(
    parts: Parts[StandstillPart], event: Noted, rules: StandstillRules, zone: ZoneInfo
) -> tuple[dict[PartName, StandstillPart | None], StandstillHead, StandstillHead]:
    """Note a day, a day's weather or hours of flow, and judge again the dates that rest on it.

    Returns:
        The changed parts, and the head before and after.
    """
    before = part(parts, HEAD, StandstillHead) or StandstillHead()
    dates = list(_touched(event, zone))
    if before.under != rules.text:
        # The site file was changed: every day is judged again.
        for text in before.months:
            dates += (part(parts, local_date(int(text)), StandstillMonth) or _EMPTY).used
    months = dict(_noted(parts, event, zone))

    def month(date: int) -> StandstillMonth:
        name = _month(date)
        return months.get(name) or part(parts, name, StandstillMonth) or _EMPTY

    head = before
    doubts = {date: doubt for date in dates if (doubt := _doubt(month, date, rules, zone))}
    if doubts or any(date in before.doubts for date in dates):
        others = {date: doubt for date, doubt in before.doubts.items() if date not in dates}
        head = replace(head, doubts=dict(sorted((others | doubts).items())))
    # A month that says nothing is none: what was withdrawn leaves no trace.
    empty = {name for name, each in months.items() if each == _EMPTY}
    if any((name in empty) == (name in before.months) for name in months):
        head = replace(head, months=tuple(sorted({*before.months, *map(str, months)} - empty)))
    if before.under != rules.text:
        head = replace(head, under=rules.text)
    if head.first_used == 0 or (isinstance(event, Day) and event.date <= head.first_used):
        head = replace(head, first_used=_first_used(month, head.months))
    changed: dict[PartName, StandstillPart | None] = {
        name: None if name in empty else each
        for name, each in months.items()
        if name not in empty or name in before.months
    }
    if head != before:
        changed[HEAD] = head if head != StandstillHead() else None
    return changed, before, head


def enter_volume(
    parts: Parts[StandstillPart], event: Day | Gauged, zone: ZoneInfo
) -> tuple[dict[PartName, StandstillPart | None], list[int]]:
    """Note a heat meter's volume of a day, or hours of its supply or return temperature.

    Returns:
        The changed parts, and the dates whose energy by volume and temperatures changed.
    """
    changed: dict[PartName, StandstillPart] = {}
    if isinstance(event, Day):
        dates = [event.date]
        month = part(parts, _month(event.date), StandstillMonth) or _EMPTY
        volumes = _with(month.volumes, event.date, None if event.withdrawn else event.used)
        changed[_month(event.date)] = replace(month, volumes=volumes)
    else:
        by_date: dict[int, dict[int, int | None]] = {}
        for hour, mean in zip(event.hours, event.means, strict=True):
            by_date.setdefault(date_of_hour(hour, zone), {})[hour] = mean
        dates = sorted(by_date)
        for date, fresh in by_date.items():
            before = part(parts, of_date(date), Temperatures) or Temperatures()
            changed[of_date(date)] = with_hours(before, event.quantity, fresh)
    news: list[int] = []
    for date in dates:
        month = (
            part(changed, _month(date), StandstillMonth)
            or part(parts, _month(date), StandstillMonth)
            or _EMPTY
        )
        volume = month.volumes.get(date)
        temperatures = part(changed, of_date(date), Temperatures) or part(parts, of_date(date), Temperatures)
        energy = None if volume is None or temperatures is None else expected(volume, temperatures)
        if energy != month.by_volume.get(date):
            news.append(date)
            changed[_month(date)] = replace(month, by_volume=_with(month.by_volume, date, energy))
    # What says nothing is no part.
    nothing = (_EMPTY, Temperatures())
    return {name: None if each in nothing else each for name, each in changed.items()}, news


def judge_weeks(
    parts: Parts[StandstillPart],
    changed: Mapping[PartName, StandstillPart | None],
    dates: Sequence[int],
    carrier: str,
) -> tuple[Weekly, Weekly]:
    """Judge the weeks that rest on days (`metering.ledger.weekly`).

    Args:
        parts: The state before the event.
        changed: The parts that the event changed.
        dates: The days.
        carrier: What the register counts.

    Returns:
        The weeks in doubt before and after.
    """

    def month(date: int) -> StandstillMonth:
        name = local_date(date)
        return part(changed if name in changed else parts, name, StandstillMonth) or _EMPTY

    head = part(changed if HEAD in changed else parts, HEAD, StandstillHead) or StandstillHead()
    newest = was_newest = _newest(month, head.months)
    if any(date >= newest for date in dates):
        was_newest = _newest(lambda day: part(parts, local_date(day), StandstillMonth) or _EMPTY, head.months)
    weeks = sorted({week for date in dates for week in due_weeks(date, was_newest, newest)})
    if not weeks and newest >= was_newest:
        return _NO_DOUBTS, _NO_DOUBTS
    before = part(parts, WEEKLY, Weekly) or _NO_DOUBTS
    return before, judge(before, weeks, newest, month, carrier)


def _newest(month: Callable[[int], StandstillMonth], names: Sequence[str]) -> int:
    """The newest date with a use; 0 if there is none."""
    for name in reversed(names):
        used = month(int(name)).used
        if used:
            return next(reversed(used))
    return 0


def _with(days: dict[int, _V], date: int, value: _V | None) -> dict[int, _V]:
    """The days in order, with another value of a date; None for none."""
    if value is None:
        return {day: each for day, each in days.items() if day != date} if date in days else days
    if not days or date >= next(reversed(days)):
        return {**days, date: value}
    return dict(sorted({**days, date: value}.items()))


def standstills(head: StandstillHead) -> Iterator[Standstill]:
    """The standstills among the days in doubt, after the first use."""
    if not head.first_used:
        return
    dates = [date for date in head.doubts if date > head.first_used]
    at = 0
    while at < len(dates):
        end = at
        while end + 1 < len(dates) and dates[end + 1] == dates[end] + 1:
            end += 1
        run = dates[at : end + 1]
        flows = any(head.doubts[date] == _FLOWS for date in run)
        if len(run) >= LEAST_DAYS or flows:
            yield Standstill(run[0], run[-1], flows)
        at = end + 1


def _month(date: int) -> PartName:
    """The name of a month's part: the ordinal of its first date, so that years do not share a chunk of the table."""
    return local_date(month_start(date))


def _doubt(month: Callable[[int], StandstillMonth], date: int, rules: StandstillRules, zone: ZoneInfo) -> int:
    known = month(date)
    if known.used.get(date) != 0:
        return _NO
    if any(first <= date <= last for first, last in rules.off):
        return _NO
    flowing = known.flowing.get(date, {})
    if sum(flowing.values()) >= FLOWING_HOURS:
        return _FLOWS
    start, end = day_bounds(date, zone)
    if len(flowing) == (end - start) // HOUR_MS and not any(flowing.values()):
        return _NO
    if rules.heat and not _cold(month, date):
        return _NO
    return _STANDS


def _cold(month: Callable[[int], StandstillMonth], date: int) -> bool:
    """Whether heating is required."""
    temps = [month(day).temps_mc.get(day) for day in range(date - SEASON_CHANGE_DAYS + 1, date + 1)]
    if temps[-1] is None:
        return dt.date.fromordinal(date).month not in _SUMMER
    known = [temp for temp in temps if temp is not None]
    return temps[-1] <= HEATING_ENDS_MC and sum(known) <= HEATING_ENDS_MC * len(known)


def _touched(event: Noted, zone: ZoneInfo) -> Iterable[int]:
    """The dates whose judgement rests on an event."""
    if isinstance(event, Gauged):
        return sorted({date_of_hour(hour, zone) for hour in event.hours})
    if isinstance(event, WeatherDay):
        return range(event.date, event.date + SEASON_CHANGE_DAYS)
    return (event.date,)


def _noted(
    parts: Parts[StandstillPart], event: Noted, zone: ZoneInfo
) -> Iterator[tuple[PartName, StandstillMonth]]:
    """The months that the event changes, as they are after it."""
    if isinstance(event, Gauged):
        yield from _flow_noted(parts, event, zone)
        return
    name = _month(event.date)
    month = part(parts, name, StandstillMonth) or _EMPTY
    if isinstance(event, Day):
        used = _with(month.used, event.date, None if event.withdrawn else event.used)
        shapes = month.shapes
        if event.by_hour is not None:
            shapes = _with(shapes, event.date, shape(event.by_hour) or None)
        # By position, which is faster than to replace two fields by name.
        yield (
            name,
            StandstillMonth(used, month.temps_mc, month.flowing, shapes, month.volumes, month.by_volume),
        )
        return
    yield name, replace(month, temps_mc=_with(month.temps_mc, event.date, event.mean_mc))


def _flow_noted(
    parts: Parts[StandstillPart], event: Gauged, zone: ZoneInfo
) -> Iterator[tuple[PartName, StandstillMonth]]:
    by_month: dict[PartName, dict[int, dict[int, bool | None]]] = {}
    for hour, mean in zip(event.hours, event.means, strict=True):
        date = date_of_hour(hour, zone)
        flows = None if mean is None else mean > 0
        by_month.setdefault(_month(date), {}).setdefault(date, {})[hour] = flows
    for name, by_date in by_month.items():
        month = part(parts, name, StandstillMonth) or _EMPTY
        flowing = dict(month.flowing)
        for date, fresh in by_date.items():
            hours = {**flowing.get(date, {}), **fresh}
            flowing[date] = {hour: flows for hour, flows in sorted(hours.items()) if flows is not None}
        kept = {date: hours for date, hours in sorted(flowing.items()) if hours}
        yield name, replace(month, flowing=kept)


def _first_used(month: Callable[[int], StandstillMonth], names: Iterable[str]) -> int:
    """The first date with any use; 0 if there is none."""
    for name in names:
        for date, used in month(int(name)).used.items():
            if used > 0:
                return date
    return 0
