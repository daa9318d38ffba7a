"""Readings of a register -> its hours, unknown blocks, findings, and how the readings were accounted for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from metering.events import Counted, Declared, Event, Finding, Hours, Readings, Rejected, Tick, Unknowns
from metering.ledger.blocks import HEAD, Block, Head
from metering.ledger.booking import figures_of
from metering.ledger.enter import Entered, declare, enter
from metering.ledger.refused import split, split_declared
from metering.ledger.retention import cut_day, delete_before, kept_days, rests_until
from metering.ledger.state import Interval, Rules
from metering.site.model import Site
from metering.times import DAY_MS
from metering.units import QUANTITIES
from streams.step import Changed, Parts, Step, once_a_day

_NEW_FOLD = "new rules of the ledger"
_CAUSES = {"exchange": "declared exchange", "interval": "archive", "register": "later reading"}


def ledger_step(site: Site) -> Step:
    """The step that keeps the energy ledger of every register of the site."""
    rules_of: dict[str, Rules] = {}
    is_due = once_a_day()
    keep_ms = kept_days(site) * DAY_MS
    counters = [name for name, quantity in QUANTITIES.items() if quantity.nature == "register"]

    def keys(event: Readings | Declared | Tick) -> Iterable[str]:
        if isinstance(event, Tick):
            building = site.buildings.get(event.building) if is_due(event) else None
            if building is not None:
                for meter in building.meter:
                    if meter.virtual is None:
                        yield from (f"{building.id}/{meter.id}/{quantity}" for quantity in counters)
        elif isinstance(event, Declared) or event.nature != "gauge":
            yield f"{event.building}/{event.meter}/{event.quantity}"

    def run(key: str, parts: Parts, event: Readings | Declared | Tick) -> tuple[Changed, Sequence[Event]]:
        if isinstance(event, Tick):
            return _retain(site, parts, event), ()
        rules = rules_of.get(key)
        if rules is None:
            meter = site.meters[event.building, event.meter]
            rules = Rules(meter.max_per_hour_of(event.quantity), meter.wrap_of(event.quantity))
            rules_of[key] = rules
        head: Head | None = parts.get(HEAD)
        refused: Rejected | None = None
        if head is not None and head.cut:
            if isinstance(event, Declared):
                event, refused = split_declared(event, head.cut, head.by_site)
            else:
                event, refused = split(event, head.cut)
        rejected = () if refused is None else (refused,)
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
            return {}, rejected
        if isinstance(event, Readings) and event.received_at - min(event.times) > keep_ms:
            _rest(site, parts, entered, event)
        who = (event.building, event.meter, event.quantity)
        now = event.received_at
        events: list[Event] = [*rejected]
        if not (isinstance(event, Declared) and event.by_site):
            events.append(Counted(*who, entered.accepted, entered.duplicate, *entered.newest, now))
        for findings, withdrawn in ((entered.findings_withdrawn, True), (entered.findings_added, False)):
            events += [
                Finding(*who, kind, start, end, figures_of(figures), now, withdrawn)
                for kind, start, end, figures in findings
            ]
        if entered.unknowns_added or entered.unknowns_withdrawn:
            events.append(
                Unknowns(*who, entered.unknowns_added, entered.unknowns_withdrawn, entered.frontier, now)
            )
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

    return Step("ledger", (Readings, Declared, Tick), keys, Block | Head, run)


def _cause(event: Readings | Declared) -> str:
    return _CAUSES["exchange" if isinstance(event, Declared) else event.nature]


def _retain(site: Site, parts: Parts, tick: Tick) -> Changed:
    """Delete the readings of a register that need not be kept any longer."""
    head: Head | None = parts.get(HEAD)
    day = cut_day(site, tick.building, tick.received_at)
    if head is None or day is None or tick.received_at // DAY_MS < head.rests:
        return {}
    return delete_before(parts, day)


def _rest(site: Site, parts: Parts, entered: Entered, event: Readings) -> None:
    """History older than the retention came in: more of it may follow, in any order. The cut waits for it."""
    until = rests_until(site, event.building, event.received_at, min(event.times))
    head = entered.parts.get(HEAD) or parts.get(HEAD)
    if entered.parts and isinstance(head, Head) and head.rests < until:
        entered.parts[HEAD] = replace(head, rests=until)
