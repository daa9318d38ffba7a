"""Readings of outdoor temperature -> mean temperature of a building's local days."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from metering.events import Awaited, Counted, Event, Readings, WeatherDay
from metering.part_names import PartName, local_date
from metering.site import Site
from metering.times import HOUR_MS, date_of_hour, day_bounds
from metering.weather import day_mean
from streams.days import Reader, is_news, reads
from streams.step import Changed, Parts, Step

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


def weather_step(site: Site) -> Step:
    """The step that keeps the weather of every building."""
    zone = site.zone

    def keys(event: Readings | Awaited) -> Iterable[str]:
        if isinstance(event, Awaited):
            if event.station:
                yield f"{event.building}/{event.station}"
        elif event.quantity == "outdoor_temperature":
            yield f"{event.building}/{event.meter}"

    def run(key: str, parts: Parts, event: Readings | Awaited) -> tuple[Changed, Sequence[Event]]:
        head: WeatherHead = parts.get(_HEAD) or WeatherHead()
        if isinstance(event, Awaited):
            return _tell_again(parts, head, event)
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
            head = WeatherHead(*newest)
            changed[_HEAD] = head
        else:
            due = fresh_dates
        events: list[Event] = []
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

    return Step("weather", (Readings, Awaited), keys, WeatherState | WeatherHead | Reader, run)
