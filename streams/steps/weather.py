"""Readings of outdoor temperature -> mean temperature of a building's local days."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from metering.events import Awaited, Counted, Event, Readings, Rejected, Tick, WeatherDay
from metering.ledger.refused import split
from metering.ledger.retention import cut_day, days_with_readings, rests_until
from metering.ledger.weather import day_mean
from metering.parts import PartName, local_date
from metering.site.model import Site
from metering.times import DAY_MS, HOUR_MS, date_of_hour, day_bounds, from_ms
from streams.step import Changed, Parts, Step, once_a_day
from streams.steps.days import Reader, is_news, reads

_HEAD = PartName("head")


class WeatherState(Struct, frozen=True, tag="d", array_like=True):
    """A station's readings of one local day."""

    times: tuple[int, ...] = ()
    temps_mc: tuple[int, ...] = ()
    published: tuple[int | None, float] | None = None


class WeatherHead(Struct, frozen=True, tag="h", array_like=True):
    """How far the station has reported."""

    newest: int = 0
    temp_mc: int = 0
    cut: int = 0
    """UTC day before which readings are refused; those of local dates before the day before it are deleted. 0 if
    nothing was deleted."""
    first: int = 0
    """The oldest local date that may have readings; 0 if it was never noted."""
    rests: int = 0
    """As `metering.ledger.blocks.Head.rests`."""


def weather_step(site: Site) -> Step:
    """The step that keeps the weather of every building."""
    zone = site.zone
    is_due = once_a_day()

    def keys(event: Readings | Awaited | Tick) -> Iterable[str]:
        if isinstance(event, Tick):
            building = site.buildings.get(event.building) if is_due(event) else None
            if building is not None and building.station is not None:
                yield f"{building.id}/{building.station}"
        elif isinstance(event, Awaited):
            if event.station:
                yield f"{event.building}/{event.station}"
        elif event.quantity == "outdoor_temperature":
            yield f"{event.building}/{event.meter}"

    def run(key: str, parts: Parts, event: Readings | Awaited | Tick) -> tuple[Changed, Sequence[Event]]:
        known: WeatherHead | None = parts.get(_HEAD)
        head = known or WeatherHead()
        if isinstance(event, Tick):
            return ({} if known is None else _retain(site, parts, known, event)), ()
        if isinstance(event, Awaited):
            return _tell_again(parts, head, event)
        rejected: tuple[Rejected, ...] = ()
        if head.cut:
            event, refused = split(event, head.cut)
            rejected = () if refused is None else (refused,)
            if not event.times:
                return {}, rejected
        changed: dict[PartName, WeatherState | WeatherHead] = {}
        accepted = 0
        fresh_dates: set[int] = set()
        by_date: dict[int, list[tuple[int, int]]] = {}
        for pair in zip(event.times, event.amounts, strict=True):
            by_date.setdefault(date_of_hour(pair[0] // HOUR_MS, zone), []).append(pair)
        for date, pairs in by_date.items():
            state: WeatherState = parts.get(local_date(date)) or WeatherState()
            have = set(zip(state.times, state.temps_mc, strict=True))
            fresh = set(pairs) - have
            if fresh:
                accepted += len(fresh)
                fresh_dates.add(date)
                merged = sorted(have | fresh)
                changed[local_date(date)] = WeatherState(
                    tuple(t for t, _ in merged), tuple(temp for _, temp in merged), state.published
                )
        newest = max(((t, temp) for t, temp in zip(event.times, event.amounts, strict=True)), default=(0, 0))
        if newest[0] > head.newest:
            due = {*by_date}
            if head.newest:
                due.add(date_of_hour(head.newest // HOUR_MS, zone))
            head = replace(head, newest=newest[0], temp_mc=newest[1])
        else:
            due = fresh_dates
        if by_date:
            rests = rests_until(site, event.building, event.received_at, min(event.times))
            first = min(by_date) if known is None else min(head.first, *by_date)
            head = replace(head, first=first, rests=max(head.rests, rests))
        if head != known:
            changed[_HEAD] = head
        events: list[Event] = [*rejected]
        if not event.copy:
            events.append(
                Counted(
                    "",
                    event.meter,
                    event.quantity,
                    accepted,
                    len(event.times) - accepted,
                    head.newest,
                    head.temp_mc,
                    event.received_at,
                )
            )
        for date in sorted(due):
            found = changed.get(local_date(date)) or parts.get(local_date(date)) or WeatherState()
            assert isinstance(found, WeatherState)
            state = found
            if not state.times or day_bounds(date, zone)[1] > head.newest + HOUR_MS:
                continue
            mean = day_mean(date, zone, state.times, state.temps_mc)
            if mean != state.published:
                changed[local_date(date)] = WeatherState(state.times, state.temps_mc, mean)
                events.append(WeatherDay(event.building, event.meter, date, *mean, event.received_at))
        return changed, events

    def _tell_again(parts: Parts, head: WeatherHead, event: Awaited) -> tuple[Changed, Sequence[Event]]:
        if not is_news(parts, event):
            return {}, ()
        last = date_of_hour(head.newest // HOUR_MS, zone) if head.newest else 0
        days: list[Event] = []
        for date in range(event.first, last + 1):
            state: WeatherState | None = parts.get(local_date(date))
            if state is not None and state.published is not None:
                mean_mc, coverage = state.published
                who = (event.building, event.station)
                days.append(WeatherDay(*who, date, mean_mc, coverage, event.received_at))
        return {reads(event): Reader(event.first)}, days

    return Step("weather", (Readings, Awaited, Tick), keys, WeatherState | WeatherHead | Reader, run)


def _retain(site: Site, parts: Parts, head: WeatherHead, tick: Tick) -> Changed:
    """Delete the readings of dates that need not be kept any longer; their published means stay."""
    cut = cut_day(site, tick.building, tick.received_at)
    if cut is None or tick.received_at // DAY_MS < head.rests:
        return {}
    end = from_ms((cut - 1) * DAY_MS).toordinal()
    if head.first and head.first >= end:
        return {}

    def of(date: int) -> WeatherState:
        return parts.get(local_date(date)) or WeatherState()

    gone = days_with_readings(lambda date: bool(of(date).times), head.first, end)
    changed: dict[PartName, WeatherState | WeatherHead] = {
        local_date(date): WeatherState(published=of(date).published) for date in gone
    }
    changed[_HEAD] = replace(head, cut=cut, first=end)
    return changed
