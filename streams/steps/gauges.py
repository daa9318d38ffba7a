"""Readings of a meter's gauges (temperatures, flow, power) -> their hours, and how they were accounted for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from metering.events import Counted, Event, Gauged, Readings, RegisterId, Rejected, Tick
from metering.ledger.gauges import (
    GaugeDay,
    GaugeHead,
    GaugeHour,
    GaugePart,
    delete_gauge,
    enter_gauge,
)
from metering.ledger.refused import split
from metering.ledger.retention import cut_day, rests_until
from metering.ledger.weather import TEMPERATURE
from metering.parts import HEAD, Changed, Parts, part
from metering.site.model import Site
from metering.units import QUANTITIES
from streams.daily import FirstTicks
from streams.step import Step

_GAUGES: Final = tuple(
    name for name, quantity in QUANTITIES.items() if quantity.nature == "gauge" and name != TEMPERATURE
)
_WITHDRAWN: Final = GaugeHour(0, 0, 0, 0, 0)


def gauges_step(site: Site) -> Step[RegisterId, GaugePart, Readings | Tick]:
    """The step that keeps the hours of every gauge of the site's meters."""
    ticks = FirstTicks(site)

    def keys(event: Readings | Tick) -> Iterable[RegisterId]:
        if isinstance(event, Readings):
            shown = event.nature == "gauge" and event.quantity != TEMPERATURE
            return (event.register,) if shown else ()
        return ticks.registers(event, _GAUGES)

    def run(
        gauge: RegisterId, parts: Parts[GaugePart], event: Readings | Tick
    ) -> tuple[Changed[GaugePart], Sequence[Event]]:
        now = event.received_at
        head = part(parts, HEAD, GaugeHead)
        if isinstance(event, Tick):
            if head is None:
                ticks.without_state.add(gauge)
            return delete_gauge(parts, cut_day(site, event.building, now), now), ()
        ticks.without_state.discard(gauge)
        rejected: tuple[Rejected, ...] = ()
        if head is not None and head.cut:
            event, refused = split(event, head.cut)
            rejected = () if refused is None else (refused,)
        if not event.times:
            return {}, rejected
        rests = rests_until(site, event.building, now, min(event.times))
        entered = enter_gauge(parts, event.times, event.amounts, rests=rests)
        counted = Counted(
            **gauge.fields(),
            accepted=entered.accepted,
            duplicate=len(event.times) - entered.accepted,
            last_time=entered.head.newest,
            last_amount=entered.head.amount,
            received_at=now,
        )
        events: list[Event] = [*rejected, counted]
        if entered.hours:
            events.append(_gauged(gauge, entered.hours, now))
        return entered.parts, events

    return Step("gauges", (Readings, Tick), keys, (GaugeDay, GaugeHead), run)


def _gauged(gauge: RegisterId, hours: Mapping[int, GaugeHour | None], received_at: int) -> Gauged:
    shown = [hour or _WITHDRAWN for hour in hours.values()]
    return Gauged(
        **gauge.fields(),
        hours=tuple(hours),
        means=tuple(None if hour is None else hour.mean for hour in hours.values()),
        lows=tuple(hour.low for hour in shown),
        highs=tuple(hour.high for hour in shown),
        covered_ms=tuple(hour.covered_ms for hour in shown),
        flags=tuple(hour.flags for hour in shown),
        received_at=received_at,
    )
