"""Readings of a register -> its hours, unknown blocks, findings, and how the readings were accounted for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from metering.events import Counted, Event, Finding, Hours, Readings, Unknowns
from metering.fold import Rules
from metering.ledger import Block, Head, enter
from metering.site import Site
from streams.step import Changed, Parts, Step


def ledger_step(site: Site) -> Step:
    """The step that keeps the energy ledger of every register of the site."""
    rules = {
        (building, meter_id): Rules(meter.max_per_hour, meter.wrap)
        for (building, meter_id), meter in site.meters.items()
    }

    def keys(event: Readings) -> Iterable[str]:
        if event.nature == "register":
            yield f"{event.building}/{event.meter}/{event.quantity}"

    def run(key: str, parts: Parts, event: Readings) -> tuple[Changed, Sequence[Event]]:
        entered = enter(rules[event.building, event.meter], parts, event.times, event.amounts)
        if entered is None:
            return {}, ()
        who = (event.building, event.meter, event.quantity)
        now = event.received_at
        events: list[Event] = [Counted(*who, entered.accepted, entered.duplicate, *entered.newest, now)]
        for findings, withdrawn in ((entered.explained, True), (entered.found, False)):
            events += [
                Finding(*who, kind, start, end, detail, now, withdrawn)
                for kind, start, end, detail in findings
            ]
        if entered.added or entered.withdrawn:
            events.append(Unknowns(*who, entered.added, entered.withdrawn, entered.frontier, now))
        if entered.parts:
            hours = sorted(entered.hours)
            figures = [entered.hours[hour] or (None, 0) for hour in hours]
            events.append(
                Hours(
                    *who,
                    tuple(hours),
                    tuple(amount for amount, _ in figures),
                    tuple(flags for _, flags in figures),
                    entered.frontier,
                    now,
                )
            )
        return entered.parts, events

    return Step("ledger", (Readings,), keys, Block | Head, run)
