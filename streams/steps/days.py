"""Hours and unknown blocks of a register -> its local days, published when complete and restated after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from metering.events import Awaited, Cause, Event, Hours, RegisterId, Unknowns
from metering.ledger.days import (
    DayChange,
    DayFigures,
    DayPart,
    DaysHead,
    DayState,
    day_events,
    days_again,
    enter_hours,
    measured,
    note_unknowns,
)
from metering.ledger.history import Consumer, is_new, reads
from metering.parts import HEAD, Changed, Parts, local_date, part
from metering.site.model import Site
from metering.times import HOUR_MS, date_of_hour
from streams.step import Step


def days_step(site: Site) -> Step[RegisterId, DayPart, Hours | Unknowns | Awaited]:
    """The step that keeps the days of every register."""
    zone = site.zone

    def keys(event: Hours | Unknowns | Awaited) -> Iterable[RegisterId]:
        return (event.register,)

    def run(
        register: RegisterId, parts: Parts[DayPart], event: Hours | Unknowns | Awaited
    ) -> tuple[Changed[DayPart], Sequence[Event]]:
        if isinstance(event, Unknowns):
            return note_unknowns(parts, event, zone), ()
        if isinstance(event, Awaited):
            return again(parts, event)
        changed, days = enter_hours(parts, event, zone)
        cause = Cause(event.cause, event.since, event.until)
        changes = {change.date: change for change in days}
        events: list[Event] = []
        for name, state in changed.items():
            if type(state) is DayState and state.published is not None:
                date = int(name)
                before = part(parts, name, DayState)
                # The hours of a day may change although its figures stay.
                if date in changes or before is None or before.hours != state.hours:
                    change = changes.pop(date, DayChange(date, state.published, state.published))
                    hours = measured(date, zone, state)
                    events += day_events(register, change, cause, event.received_at, hours)
        for change in changes.values():
            events += day_events(register, change, cause, event.received_at, ())
        return changed, events

    def again(parts: Parts[DayPart], event: Awaited) -> tuple[Changed[DayPart], Sequence[Event]]:
        if not is_new(parts, event):
            return {}, ()
        head = part(parts, HEAD, DaysHead)
        last = date_of_hour(head.frontier // HOUR_MS, zone) if head is not None and head.frontier else 0

        def published(date: int) -> DayFigures | None:
            state = part(parts, local_date(date), DayState)
            return None if state is None else state.published

        return {reads(event): Consumer(event.first)}, days_again(event, last, published)

    return Step("days", (Hours, Unknowns, Awaited), keys, (DayState, DaysHead, Consumer), run)
