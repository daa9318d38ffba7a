"""Days without use, weather and flow -> findings: a register that stands still although it should count.

Zero is a fact where an outage is declared, where the meter's own flow is zero all day, or where heat is not
supplied: between two declared seasons, or on a warm day. A register that stands still without any of these may be
right all the same (an empty house): its zeros stay what they are, and a person is told.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct

from metering.events import Day, Event, Finding, Gauged, WeatherDay
from metering.site import Meter, Site
from metering.times import HOUR_MS, date_of_hour, day_bounds
from streams.step import Changed, Parts, Step

_HEAD = "head"

LEAST_DAYS: Final = 3
"""So many days in a row without use are a standstill; one day where the meter's own flow says otherwise."""
HEATING_ENDS_MC: Final = 8_000
"""Above this mean of a day nobody must heat (decree 354: the season ends after five such days) [m°C]."""
_SUMMER: Final = range(5, 10)
"""Months without heating where no weather is known (St Petersburg heats from October to early May)."""

FLOWING_HOURS: Final = 6
"""So many hours with flow on a day without use contradict each other (facts: a frozen counter is one that does not
move for 6 h of flow); a shorter trickle may be less than the register's last digit [h]."""

_NO, _STANDS, _FLOWS = 0, 1, 2

Dates: TypeAlias = tuple[tuple[int, int], ...]
"""Runs of dates: (first, last)."""


class IdleMonth(Struct, frozen=True, tag="m", array_like=True):
    """What is known of a register's days in one month, by date ordinal."""

    used: dict[int, int] = {}
    temps_mc: dict[int, int] = {}
    flowing: dict[int, dict[int, bool]] = {}
    """Hours with a flow reading, and whether anything flowed on average."""


class IdleHead(Struct, frozen=True, tag="h", array_like=True):
    """The days in doubt."""

    months: tuple[str, ...] = ()
    first_used: int = 0
    """The first date with any use; 0 where there is none yet."""
    doubts: dict[int, int] = {}
    """Date -> 1 where the register stands still, 2 where it does although something flows."""
    under: str = ""
    """The declared outages and seasons that the days were judged under."""


def idle_step(site: Site) -> Step:
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

    def run(key: str, parts: Parts, event: Day | WeatherDay | Gauged) -> tuple[Changed, Sequence[Event]]:
        building, meter_id, quantity = key.split("/", 2)
        meter = site.meters[building, meter_id]
        head: IdleHead = parts.get(_HEAD) or IdleHead()
        changed: dict[str, IdleMonth | IdleHead] = {}
        facts = meter.outages(zone) + (off if meter.carrier == "heat" else ())
        under = repr(facts) if facts else ""
        if head.under != under:
            # The site file says otherwise than it did: every day is judged anew.
            for name in head.months:
                head = _judged(head, name, parts[name], parts[name].used, meter, facts)
            head = IdleHead(head.months, head.first_used, head.doubts, under)
        for name, month, dates in _noted(parts, event, zone):
            changed[name] = month
            head = _judged(head, name, month, dates, meter, facts)
        if head.first_used == 0 or (isinstance(event, Day) and event.date <= head.first_used):
            head = _first_used(head, parts, changed)
        before: IdleHead = parts.get(_HEAD) or IdleHead()
        if head != before:
            changed[_HEAD] = head
        was, now = set(_runs(before)), set(_runs(head))
        events: list[Event] = []
        for withdrawn, several in ((True, was - now), (False, now - was)):
            for first, last, flows in sorted(several):
                start, end = day_bounds(first, zone)[0], day_bounds(last, zone)[1]
                detail = f"days without use: {last - first + 1}"
                if flows:
                    detail += "; the meter's own flow says otherwise"
                events.append(
                    Finding(
                        building,
                        meter_id,
                        quantity,
                        "standstill",
                        start,
                        end,
                        detail,
                        event.received_at,
                        withdrawn,
                    )
                )
        return changed, events

    def _judged(
        head: IdleHead, name: str, month: IdleMonth, dates: Iterable[int], meter: Meter, facts: Dates
    ) -> IdleHead:
        doubts = dict(head.doubts)
        for date in dates:
            doubts.pop(date, None)
            doubt = _doubt(month, date, meter, facts)
            if doubt:
                doubts[date] = doubt
        months = head.months if name in head.months else tuple(sorted((*head.months, name)))
        return IdleHead(months, head.first_used, dict(sorted(doubts.items())), head.under)

    def _doubt(month: IdleMonth, date: int, meter: Meter, facts: Dates) -> int:
        if month.used.get(date) != 0:
            return _NO
        if any(first <= date <= last for first, last in facts):
            return _NO
        flowing = month.flowing.get(date, {})
        if sum(flowing.values()) >= FLOWING_HOURS:
            return _FLOWS
        start, end = day_bounds(date, zone)
        if len(flowing) == (end - start) // HOUR_MS and not any(flowing.values()):
            return _NO
        if meter.carrier == "heat":
            temp = month.temps_mc.get(date)
            warm = dt.date.fromordinal(date).month in _SUMMER if temp is None else temp > HEATING_ENDS_MC
            return _NO if warm else _STANDS
        return _STANDS

    return Step("idle", (Day, WeatherDay, Gauged), keys, IdleMonth | IdleHead, run)


def _month(date: int) -> str:
    """The name of a month's part: the ordinal of its first date, so that years do not share a chunk of the table."""
    return str(dt.date.fromordinal(date).replace(day=1).toordinal())


def _noted(
    parts: Parts, event: Day | WeatherDay | Gauged, zone: ZoneInfo
) -> Iterator[tuple[str, IdleMonth, list[int]]]:
    """The months that the event changes, as they are after it, and the dates in them."""
    if isinstance(event, Gauged):
        by_date: dict[int, dict[int, bool | None]] = {}
        for hour, mean in zip(event.hours, event.means, strict=True):
            date = date_of_hour(hour, zone)
            by_date.setdefault(date, {})[hour] = None if mean is None else mean > 0
        for name in sorted({_month(date) for date in by_date}):
            month: IdleMonth = parts.get(name) or IdleMonth()
            flowing = dict(month.flowing)
            dates = [date for date in by_date if _month(date) == name]
            for date in dates:
                hours = {**flowing.get(date, {}), **by_date[date]}
                flowing[date] = {hour: on for hour, on in sorted(hours.items()) if on is not None}
            yield name, IdleMonth(month.used, month.temps_mc, dict(sorted(flowing.items()))), dates
        return
    name = _month(event.date)
    held: IdleMonth = parts.get(name) or IdleMonth()
    if isinstance(event, Day):
        used = dict(held.used)
        used.pop(event.date, None)
        if event.used is not None and not event.withdrawn:
            used[event.date] = event.used
        yield name, IdleMonth(dict(sorted(used.items())), held.temps_mc, held.flowing), [event.date]
        return
    temps = dict(held.temps_mc)
    temps.pop(event.date, None)
    if event.mean_mc is not None:
        temps[event.date] = event.mean_mc
    yield name, IdleMonth(held.used, dict(sorted(temps.items())), held.flowing), [event.date]


def _first_used(head: IdleHead, parts: Parts, changed: Changed) -> IdleHead:
    for name in head.months:
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
