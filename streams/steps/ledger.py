"""Readings of a register -> its hours, unknown blocks, findings, and how the readings were accounted for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from metering.events import (
    Counted,
    Declared,
    Event,
    Finding,
    Hours,
    Readings,
    RegisterId,
    Rejected,
    Ruled,
    Ruling,
    Tick,
    Unknowns,
)
from metering.ledger.blocks import Block, Head, Part
from metering.ledger.booking import figures_of
from metering.ledger.enter import declare, enter, rule
from metering.ledger.entered import Entered
from metering.ledger.refused import split, split_declared, split_ruled
from metering.ledger.retention import cut_day, delete_before, kept_days, rests_until
from metering.ledger.stalled import stalled_alerts
from metering.ledger.state import Interval, Rules
from metering.parts import HEAD, Changed, Parts, part, utc_day
from metering.site.model import Site
from metering.times import DAY_MS
from metering.units import COUNTED
from streams.daily import FirstTicks
from streams.step import Step

_NEW_FOLD: Final = "new rules of the ledger"
_CAUSES: Final = {"exchange": "declared exchange", "interval": "archive", "register": "later reading"}


def ledger_step(site: Site) -> Step[RegisterId, Part, Readings | Declared | Ruled | Tick]:
    """The step that keeps the energy ledger of every register of the site."""
    rules_of: dict[RegisterId, Rules] = {}
    ticks = FirstTicks(site)
    keep_ms = kept_days(site) * DAY_MS

    def keys(event: Readings | Declared | Ruled | Tick) -> Iterable[RegisterId]:
        if isinstance(event, Readings):
            return () if event.nature == "gauge" else (event.register,)
        if isinstance(event, Declared | Ruled):
            return (event.register,)
        return ticks.registers(event, COUNTED)

    def run(
        register: RegisterId, parts: Parts[Part], event: Readings | Declared | Ruled | Tick
    ) -> tuple[Changed[Part], Sequence[Event]]:
        head = part(parts, HEAD, Head)
        if isinstance(event, Tick):
            if head is None:
                ticks.without_state.add(register)
                return {}, ()
            return _retain(site, keep_ms // DAY_MS, parts, head, event), ()
        ticks.without_state.discard(register)
        rejected: tuple[Rejected, ...] = ()
        if head is not None and head.cut:
            refused: Rejected | None
            if isinstance(event, Declared):
                event, refused = split_declared(event, head.cut, head.by_site)
            elif isinstance(event, Ruled):
                event, refused = split_ruled(event, head.cut, head.rulings)
            else:
                event, refused = split(event, head.cut)
            rejected = () if refused is None else (refused,)
        rules = rules_of.get(register)
        if rules is None:
            meter = site.meters[register.of_meter]
            rules = Rules(meter.max_per_hour_of(register.quantity), meter.wrap_of(register.quantity))
            rules_of[register] = rules
        entered = _enter(rules, parts, event)
        if entered is None:
            return {}, rejected
        if isinstance(event, Readings) and event.received_at - min(event.times) > keep_ms:
            _rest(site, head, entered, event)
        span = _new_span(parts, event, entered) if entered.hours or entered.unknowns_added else (0, 0)
        events = _events(register, entered, event, rejected, span)
        if entered.findings_added or entered.findings_withdrawn:
            events += stalled_alerts(register, entered.findings_added, entered.findings_withdrawn)
        return entered.parts, events

    return Step("ledger", (Readings, Declared, Ruled, Tick), keys, (Block, Head), run)


def _enter(rules: Rules, parts: Parts[Part], event: Readings | Declared | Ruled) -> Entered | None:
    if isinstance(event, Ruled):
        return rule(rules, parts, event.rulings)
    if isinstance(event, Declared):
        return declare(rules, parts, event.exchanges, by_site=event.by_site)
    if event.nature == "register":
        return enter(rules, parts, event.times, event.amounts)
    facts = [
        Interval(end, start, amount, event.issued, event.source, event.received_at)
        for end, start, amount in zip(event.times, event.starts, event.amounts, strict=True)
    ]
    return enter(rules, parts, (), (), facts)


def _events(
    register: RegisterId,
    entered: Entered,
    event: Readings | Declared | Ruled,
    rejected: tuple[Rejected, ...],
    span: tuple[int, int],
) -> list[Event]:
    building, meter, quantity = register
    now = event.received_at
    events: list[Event] = [*rejected]
    if not (isinstance(event, Ruled) or (isinstance(event, Declared) and event.by_site)):
        last_time, last_amount = entered.newest
        events.append(
            Counted(
                building=building,
                meter=meter,
                quantity=quantity,
                accepted=entered.accepted,
                duplicate=entered.duplicate,
                last_time=last_time,
                last_amount=last_amount,
                received_at=now,
            )
        )
    for findings, withdrawn in ((entered.findings_withdrawn, True), (entered.findings_added, False)):
        events += [
            Finding(
                **register.fields(),
                kind=kind,
                start=start,
                end=end,
                figures=figures_of(figures),
                received_at=now,
                withdrawn=withdrawn,
            )
            for kind, start, end, figures in findings
        ]
    if entered.unknowns_added or entered.unknowns_withdrawn:
        events.append(
            Unknowns(
                **register.fields(),
                added=entered.unknowns_added,
                withdrawn=entered.unknowns_withdrawn,
                frontier=entered.frontier,
                received_at=now,
            )
        )
    # A ruling that waits for readings, or is no news, changes no figure.
    if entered.parts and (entered.frontier or entered.hours or not isinstance(event, Ruled)):
        hours = sorted(entered.hours)
        hourly = [entered.hours[hour] or (None, 0) for hour in hours]
        events.append(
            Hours(
                building=building,
                meter=meter,
                quantity=quantity,
                hours=tuple(hours),
                amounts=tuple(amount for amount, _ in hourly),
                flags=tuple(flags for _, flags in hourly),
                frontier=entered.frontier,
                received_at=now,
                cause=_NEW_FOLD if entered.new_fold else _cause(event),
                first=entered.first,
                since=span[0],
                until=span[1],
            )
        )
    return events


def _new_span(parts: Parts[Part], event: Readings | Declared | Ruled, entered: Entered) -> tuple[int, int]:
    """Instants of the first and the last new reading or fact of the event [ms]; zeros if it has none."""
    if isinstance(event, Ruled):
        times: Sequence[int] = [ruling.at for ruling in event.rulings]
    elif isinstance(event, Declared):
        times = [exchange.at for exchange in event.exchanges]
    elif entered.duplicate and event.nature == "register":
        times = [
            t for t, v in zip(event.times, event.amounts, strict=True) if not _has_reading(parts, t, v)
        ] or event.times
    else:
        times = event.times
    return (min(times), max(times)) if times else (0, 0)


def _has_reading(parts: Parts[Part], t: int, v: int) -> bool:
    block = part(parts, utc_day(t // DAY_MS), Block)
    return block is not None and (t, v) in zip(block.times, block.amounts, strict=True)


def _cause(event: Readings | Declared | Ruled) -> str:
    if isinstance(event, Ruled):
        return "; ".join(sorted({_ruling_cause(ruling) for ruling in event.rulings}))
    return _CAUSES["exchange" if isinstance(event, Declared) else event.nature]


def _ruling_cause(ruling: Ruling) -> str:
    if ruling.withdrawn:
        return f"ruling withdrawn: {ruling.kind} by {ruling.withdrawn_by or ruling.author}"
    return f"ruling: {ruling.kind} by {ruling.author}"


def _retain(site: Site, keep_days: int, parts: Parts[Part], head: Head, tick: Tick) -> Changed[Part]:
    """Delete the readings of a register that need not be kept any longer."""
    if not head.spans or head.spans[0][0] >= tick.received_at // DAY_MS - keep_days:
        return {}  # the ordinary case: none is so old
    day = cut_day(site, tick.building, tick.received_at)
    if day is None or tick.received_at // DAY_MS < head.rests:
        return {}
    return delete_before(parts, day)


def _rest(site: Site, head: Head | None, entered: Entered, event: Readings) -> None:
    """History older than the retention came in: more of it may follow, in any order. The cut waits for it."""
    until = rests_until(site, event.building, event.received_at, min(event.times))
    newer = part(entered.parts, HEAD, Head) or head
    if entered.parts and newer is not None and newer.rests < until:
        entered.parts[HEAD] = replace(newer, rests=until)
