"""Readings of a register -> its hours, unknown blocks, findings, and how the readings were accounted for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from metering.events import Counted, Declared, Event, Finding, Hours, Readings, Unknowns
from metering.fold import Interval, Rules
from metering.ledger import Block, Entered, Head, declare, enter
from metering.site import Site
from streams.step import Changed, Parts, Step

_NEW_FOLD = "new rules of the ledger"
_CAUSES = {"exchange": "declared exchange", "interval": "archive", "register": "later reading"}


def ledger_step(site: Site) -> Step:
    """The step that keeps the energy ledger of every register of the site."""
    rules_of: dict[str, Rules] = {}

    def keys(event: Readings | Declared) -> Iterable[str]:
        if isinstance(event, Declared) or event.nature != "gauge":
            yield f"{event.building}/{event.meter}/{event.quantity}"

    def run(key: str, parts: Parts, event: Readings | Declared) -> tuple[Changed, Sequence[Event]]:
        rules = rules_of.get(key)
        if rules is None:
            meter = site.meters[event.building, event.meter]
            rules = Rules(meter.max_per_hour_of(event.quantity), meter.wrap_of(event.quantity))
            rules_of[key] = rules
        entered: Entered | None
        if isinstance(event, Declared):
            entered = declare(rules, parts, event.exchanges, by_site=event.by_site)
        elif event.nature == "interval":
            facts = [
                Interval(end, start, amount)
                for end, start, amount in zip(event.times, event.starts, event.amounts, strict=True)
            ]
            entered = enter(rules, parts, (), (), facts)
        else:
            entered = enter(rules, parts, event.times, event.amounts)
        if entered is None:
            return {}, ()
        who = (event.building, event.meter, event.quantity)
        now = event.received_at
        events: list[Event] = []
        if not (isinstance(event, Declared) and event.by_site):
            events.append(Counted(*who, entered.accepted, entered.duplicate, *entered.newest, now))
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
                    _NEW_FOLD if entered.new_fold else _cause(event),
                )
            )
        return entered.parts, events

    return Step("ledger", (Readings, Declared), keys, Block | Head, run)


def _cause(event: Readings | Declared) -> str:
    return _CAUSES["exchange" if isinstance(event, Declared) else event.nature]
