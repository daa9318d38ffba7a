"""Readings of outdoor temperature -> mean temperature of a building's local days."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from metering.events import (
    NO_CAUSE,
    Awaited,
    Cause,
    Counted,
    Event,
    Readings,
    Rejected,
    Restated,
    StationReadings,
    Tick,
    WeatherDay,
)
from metering.ledger.history import Consumer, is_new, reads
from metering.ledger.refused import split
from metering.ledger.retention import cut_day, rests_until
from metering.ledger.weather import (
    TEMPERATURE,
    DayMean,
    WeatherHead,
    WeatherPart,
    WeatherState,
    delete_temperatures,
    enter_temperatures,
    means_again,
)
from metering.parts import HEAD, Changed, Parts, part
from metering.site.model import Site
from streams.daily import FirstTicks
from streams.step import Step


class StationAt(NamedTuple):
    """A weather station as a building sees it."""

    building: str
    """Empty for a station that no building uses: its readings are accounted for, and no more."""
    station: str


def weather_step(site: Site) -> Step[StationAt, WeatherPart, Readings | StationReadings | Awaited | Tick]:
    """The step that keeps the weather of every building."""
    zone = site.zone
    ticks = FirstTicks(site)

    def keys(event: Readings | StationReadings | Awaited | Tick) -> Iterable[StationAt]:
        if isinstance(event, Readings):
            return (StationAt(event.building, event.meter),) if event.quantity == TEMPERATURE else ()
        if isinstance(event, StationReadings):
            return (StationAt("", event.station),)
        if isinstance(event, Awaited):
            return (StationAt(event.building, event.station),) if event.station else ()
        building = ticks.building(event)
        if building is None or building.station is None:
            return ()
        return (StationAt(building.id, building.station),)

    def run(
        at: StationAt, parts: Parts[WeatherPart], event: Readings | StationReadings | Awaited | Tick
    ) -> tuple[Changed[WeatherPart], Sequence[Event]]:
        if isinstance(event, Tick):
            cut = cut_day(site, event.building, event.received_at)
            return delete_temperatures(parts, cut, event.received_at), ()
        if isinstance(event, Awaited):
            return again(at, parts, event)
        if isinstance(event, StationReadings):
            return enter(at, parts, event, event.temps_mc)
        head = part(parts, HEAD, WeatherHead)
        if head is None or not head.cut:
            return enter(at, parts, event, event.amounts)
        kept, refused = split(event, head.cut)
        rejected = () if refused is None else (refused,)
        return enter(at, parts, kept, kept.amounts, rejected) if kept.times else ({}, rejected)

    def enter(
        at: StationAt,
        parts: Parts[WeatherPart],
        event: Readings | StationReadings,
        temps_mc: Sequence[int],
        rejected: tuple[Rejected, ...] = (),
    ) -> tuple[Changed[WeatherPart], Sequence[Event]]:
        now = event.received_at
        rests = rests_until(site, at.building, now, min(event.times)) if event.times else 0
        entered = enter_temperatures(parts, event.times, temps_mc, rests=rests, zone=zone)
        events: list[Event] = [*rejected]
        if isinstance(event, StationReadings) or not event.copy:
            # Counted for the station, not for the building.
            events.append(
                Counted(
                    building="",
                    meter=at.station,
                    quantity=TEMPERATURE,
                    accepted=entered.accepted,
                    duplicate=len(event.times) - entered.accepted,
                    last_time=entered.head.newest,
                    last_amount=entered.head.temp_mc,
                    received_at=now,
                )
            )
        cause = Cause("later reading", entered.since, entered.until)
        for mean in entered.means:
            if mean.before is not None and mean.before[0] != mean.mean_mc:
                events.append(
                    Restated(
                        building=at.building,
                        meter=at.station,
                        quantity=TEMPERATURE,
                        date=mean.date,
                        old=mean.before[0],
                        new=mean.mean_mc,
                        cause=cause.text,
                        learned_at=now,
                        what="temperature",
                        since=cause.since,
                        until=cause.until,
                    )
                )
            events.append(_weather_day(at, mean, now, NO_CAUSE if mean.before is None else cause))
        return entered.parts, events

    def again(
        at: StationAt, parts: Parts[WeatherPart], event: Awaited
    ) -> tuple[Changed[WeatherPart], Sequence[Event]]:
        if not is_new(parts, event):
            return {}, ()
        days = [_weather_day(at, mean, event.received_at) for mean in means_again(parts, event.first, zone)]
        return {reads(event): Consumer(event.first)}, days

    return Step(
        "weather",
        (Readings, StationReadings, Awaited, Tick),
        keys,
        (WeatherState, WeatherHead, Consumer),
        run,
    )


def _weather_day(at: StationAt, day: DayMean, received_at: int, cause: Cause = NO_CAUSE) -> WeatherDay:
    return WeatherDay(
        building=at.building,
        station=at.station,
        date=day.date,
        mean_mc=day.mean_mc,
        coverage=day.coverage,
        received_at=received_at,
        cause=cause,
    )
