"""Days of meters -> days of the virtual meters that are their sums and differences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from metering.events import Awaited, Cause, Day, Event, MeterId, RegisterId
from metering.ledger.days import DayChange, DayFigures, day_events, days_again
from metering.ledger.history import Consumer, is_new, reads
from metering.ledger.virtual import VirtualDay, signs_of, with_member
from metering.parts import Changed, PartName, Parts, local_date, part
from metering.site.model import Site
from metering.times import date_of
from streams.step import Step

_Part: TypeAlias = VirtualDay | Consumer


def virtual_step(site: Site) -> Step[MeterId, _Part, Day | Awaited]:
    """The step that keeps the days of virtual meters."""
    signs: dict[MeterId, dict[str, int]] = {}
    made_of: dict[RegisterId, list[MeterId]] = {}
    for (building, meter_id), meter in site.meters.items():
        if meter.virtual is None:
            continue
        key = MeterId(building, meter_id)
        signs[key] = signs_of(meter.virtual)
        for member in signs[key]:
            made_of.setdefault(RegisterId(building, member, meter.quantity), []).append(key)

    def keys(event: Day | Awaited) -> Iterable[MeterId]:
        if isinstance(event, Awaited):
            key = event.register.of_meter
            return (key,) if key in signs else ()
        return made_of.get(event.register, ()) if made_of else ()

    def run(
        key: MeterId, parts: Parts[_Part], event: Day | Awaited
    ) -> tuple[Changed[_Part], Sequence[Event]]:
        if isinstance(event, Awaited):
            return again(parts, event)
        name = local_date(event.date)
        before = part(parts, name, VirtualDay) or VirtualDay()
        figures = DayFigures(
            event.used, event.known, event.unknown, event.estimated, event.coverage, event.flags
        )
        after = with_member(before, signs[key], event.meter, None if event.withdrawn else figures)
        changed: dict[PartName, _Part | None] = {name: after if after != VirtualDay() else None}
        if before.published == after.published:
            return changed, ()
        change = DayChange(event.date, before.published, after.published)
        cause = Cause(f"{event.meter} was restated", event.cause.since, event.cause.until)
        return changed, day_events(RegisterId(*key, event.quantity), change, cause, event.received_at)

    def again(parts: Parts[_Part], event: Awaited) -> tuple[Changed[_Part], Sequence[Event]]:
        if not is_new(parts, event):
            return {}, ()

        def published(date: int) -> DayFigures | None:
            day = part(parts, local_date(date), VirtualDay)
            return None if day is None else day.published

        last = date_of(event.received_at, site.zone)
        return {reads(event): Consumer(event.first)}, days_again(event, last, published)

    return Step("virtual", (Day, Awaited), keys, (VirtualDay, Consumer), run)
