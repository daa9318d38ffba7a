"""Days without use, weather and flow -> findings: a register that stands still although it should count.

Zero is a fact where an outage is declared, where the meter's own flow is zero all day, or where heat is not
supplied: between two declared seasons, or on a warm day. A register that stands still without any of these may be
right all the same (an empty house): its zeros stay what they are, and a person is told.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct

from metering.baselines.season import FIVE
from metering.events import Day, Event, Finding, Gauged, WeatherDay
from metering.parts import PartName, local_date
from metering.site.meters import Meter
from metering.site.model import Site
from metering.times import HOUR_MS, date_of_hour, day_bounds
from streams.step import Changed, Parts, Step

_HEAD = PartName("head")

LEAST_DAYS: Final = 3
"""So many days in a row without use are a standstill; one day where the meter's own flow says otherwise."""
HEATING_ENDS_MC: Final = 8_000
"""Nobody must heat on a day with a mean above this, nor until five days together are colder (decree 354: the season
ends and begins after five such days) [m°C]."""
_SUMMER: Final = range(5, 10)
"""Months without heating where no weather is known (St Petersburg heats from October to early May)."""

FLOWING_HOURS: Final = 6
"""So many hours with flow on a day without use contradict each other (docs/sources.md#frozen-counter: a frozen counter
is one that does not move for 6 h of flow); a shorter trickle may be less than the register's last digit [h]."""

_NO, _STANDS, _FLOWS = 0, 1, 2

Dates: TypeAlias = tuple[tuple[int, int], ...]
"""Runs of dates: (first, last)."""


class IdleMonth(Struct, frozen=True, tag="m", array_like=True):
    """What is known of a register's days in one month, by date ordinal."""

    used: dict[int, int] = {}
    temps_mc: dict[int, int] = {}
    flowing: dict[int, dict[int, bool]] = {}
    """Hours with a flow reading, and whether anything flowed on average."""


_NOTHING: Final = IdleMonth()


class IdleHead(Struct, frozen=True, tag="h", array_like=True):
    """The days in doubt."""

    months: tuple[str, ...] = ()
    first_used: int = 0
    """The first date with any use; 0 where there is none yet."""
    doubts: dict[int, int] = {}
    """Date -> 1 where the register stands still, 2 where it does although something flows."""
    under: str = ""
    """The declared outages and seasons that the days were judged under."""


def standstills_step(site: Site) -> Step:
    """The step that notices registers that stand still."""
    zone = site.zone
    off = tuple((a[1] + 1, b[0] - 1) for a, b in pairwise(sorted(site.seasons)))
    heat_of: dict[str, list[str]] = {}
    for building in site.building:
        heat_of[building.id] = [
            f"{building.id}/{meter.id}/{meter.quantity}"
            for meter in building.meter
            if meter.carrier == "heat"
        ]

    def keys(event: Day | WeatherDay | Gauged) -> Iterable[str]:
        if isinstance(event, WeatherDay):
            return heat_of.get(event.building, ())
        meter = site.meters[event.building, event.meter]
        if meter.virtual is not None or (isinstance(event, Gauged) and event.quantity != "flow"):
            return ()
        if isinstance(event, Day) and event.quantity != meter.quantity:
            return ()
        return (f"{event.building}/{event.meter}/{meter.quantity}",)

    @cache
    def facts_of(key: str) -> tuple[Dates, str]:
        building, meter_id, _ = key.split("/", 2)
        meter = site.meters[building, meter_id]
        facts = meter.outages(zone) + (off if meter.carrier == "heat" else ())
        return facts, repr(facts) if facts else ""

    def run(key: str, parts: Parts, event: Day | WeatherDay | Gauged) -> tuple[Changed, Sequence[Event]]:
        building, meter_id, quantity = key.split("/", 2)
        meter = site.meters[building, meter_id]
        head: IdleHead = parts.get(_HEAD) or IdleHead()
        dates = list(_touched(event, zone))
        facts, under = facts_of(key)
        if head.under != under:
            # The site file says otherwise than it did: every day is judged anew.
            for name in head.months:
                dates += parts[local_date(int(name))].used
        changed: dict[PartName, Any] = dict(_noted(parts, event, zone))

        def month(date: int) -> IdleMonth:
            name = _month(date)
            held: IdleMonth = changed.get(name) or parts.get(name) or _NOTHING
            return held

        doubts = dict(head.doubts)
        for date in dates:
            doubts.pop(date, None)
            doubt = _doubt(month, date, meter, facts)
            if doubt:
                doubts[date] = doubt
        months = tuple(sorted({*head.months, *map(str, changed)}))
        head = IdleHead(months, head.first_used, dict(sorted(doubts.items())), under)
        if head.first_used == 0 or (isinstance(event, Day) and event.date <= head.first_used):
            head = _first_used(head, parts, changed)
        before: IdleHead = parts.get(_HEAD) or IdleHead()
        if head == before:
            return changed, ()
        changed[_HEAD] = head
        was, now = set(_runs(before)), set(_runs(head))
        events: list[Event] = []
        for withdrawn, several in ((True, was - now), (False, now - was)):
            for first, last, flows in sorted(several):
                start, end = day_bounds(first, zone)[0], day_bounds(last, zone)[1]
                figures: dict[str, int | str] = {"days": last - first + 1}
                if flows:
                    figures["flows"] = 1
                events.append(
                    Finding(
                        building,
                        meter_id,
                        quantity,
                        "standstill",
                        start,
                        end,
                        figures,
                        event.received_at,
                        withdrawn,
                    )
                )
        return changed, events

    def _doubt(month: Callable[[int], IdleMonth], date: int, meter: Meter, facts: Dates) -> int:
        held = month(date)
        if held.used.get(date) != 0:
            return _NO
        if any(first <= date <= last for first, last in facts):
            return _NO
        flowing = held.flowing.get(date, {})
        if sum(flowing.values()) >= FLOWING_HOURS:
            return _FLOWS
        start, end = day_bounds(date, zone)
        if len(flowing) == (end - start) // HOUR_MS and not any(flowing.values()):
            return _NO
        if meter.carrier == "heat" and not _cold(month, date):
            return _NO
        return _STANDS

    return Step("idle", (Day, WeatherDay, Gauged), keys, IdleMonth | IdleHead, run)


def _month(date: int) -> PartName:
    """The name of a month's part: the ordinal of its first date, so that years do not share a chunk of the table."""
    return local_date(dt.date.fromordinal(date).replace(day=1).toordinal())


def _cold(month: Callable[[int], IdleMonth], date: int) -> bool:
    """Whether there must be heat."""
    temps = [month(day).temps_mc.get(day) for day in range(date - FIVE + 1, date + 1)]
    if temps[-1] is None:
        return dt.date.fromordinal(date).month not in _SUMMER
    known = [temp for temp in temps if temp is not None]
    return temps[-1] <= HEATING_ENDS_MC and sum(known) <= HEATING_ENDS_MC * len(known)


def _touched(event: Day | WeatherDay | Gauged, zone: ZoneInfo) -> Iterable[int]:
    """The dates that an event says something about."""
    if isinstance(event, Gauged):
        return sorted({date_of_hour(hour, zone) for hour in event.hours})
    if isinstance(event, WeatherDay):
        return range(event.date, event.date + FIVE)
    return (event.date,)


def _noted(
    parts: Parts, event: Day | WeatherDay | Gauged, zone: ZoneInfo
) -> Iterator[tuple[PartName, IdleMonth]]:
    """The months that the event changes, as they are after it."""
    if isinstance(event, Gauged):
        by_month: dict[PartName, dict[int, dict[int, bool | None]]] = {}
        for hour, mean in zip(event.hours, event.means, strict=True):
            date = date_of_hour(hour, zone)
            on = None if mean is None else mean > 0
            by_month.setdefault(_month(date), {}).setdefault(date, {})[hour] = on
        for name, by_date in by_month.items():
            month: IdleMonth = parts.get(name) or _NOTHING
            flowing = dict(month.flowing)
            for date, told in by_date.items():
                hours = {**flowing.get(date, {}), **told}
                flowing[date] = {hour: on for hour, on in sorted(hours.items()) if on is not None}
            yield name, IdleMonth(month.used, month.temps_mc, dict(sorted(flowing.items())))
        return
    name = _month(event.date)
    held: IdleMonth = parts.get(name) or _NOTHING
    if isinstance(event, Day):
        used = dict(held.used)
        used.pop(event.date, None)
        if event.used is not None and not event.withdrawn:
            used[event.date] = event.used
        yield name, IdleMonth(dict(sorted(used.items())), held.temps_mc, held.flowing)
        return
    temps = dict(held.temps_mc)
    temps.pop(event.date, None)
    if event.mean_mc is not None:
        temps[event.date] = event.mean_mc
    yield name, IdleMonth(held.used, dict(sorted(temps.items())), held.flowing)


def _first_used(head: IdleHead, parts: Parts, changed: Changed) -> IdleHead:
    for text in head.months:
        name = local_date(int(text))
        month: IdleMonth = changed.get(name) or parts[name]
        for date, used in month.used.items():
            if used > 0:
                return IdleHead(head.months, date, head.doubts, head.under)
    return IdleHead(head.months, 0, head.doubts, head.under)


def _runs(head: IdleHead) -> Iterator[tuple[int, int, bool]]:
    """The standstills: (first date, last date, whether something flows)."""
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
            yield run[0], run[-1], flows
        at = end + 1
