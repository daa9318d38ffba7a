"""Savings, their restatements and ticks -> the position of each contract, and its alerts about energy."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from metering.alerts.energy import alert_changes, contract_alerts
from metering.baselines.document import Baseline
from metering.events import NO_CAUSE, Alert, Cause, Event, Fitted, Position, Restated, Savings, Tick
from metering.flags import NAMES as FLAG_NAMES
from metering.parts import HEAD, Changed, PartName, Parts, month_name, part
from metering.savings.day import Figure
from metering.savings.position import position
from metering.savings.worth import price_digest
from metering.site.contracts import Contract
from metering.site.model import Site
from metering.site.parts import Tariff
from streams.step import Step

_NEWER: Final = Cause("later reading")


class MonthFigures(Struct, frozen=True, tag="m", array_like=True, gc=False):
    """A contract's published days of one month: date -> (expected, used, estimated, extrapolated)."""

    days: dict[int, tuple[int, int, int, bool]] = {}
    flags: dict[int, int] = {}
    """Doubts about the use, of days that have any."""
    added: dict[int, int] = {}
    """Adjustments of the expected use, of days that have any."""


class WatchHead(Struct, frozen=True, tag="h", array_like=True, gc=False):
    """The state of one contract apart from its months."""

    document: bytes = b""
    months: tuple[str, ...] = ()
    changed: bool = False
    """Whether days changed since the last tick."""
    alerts: tuple[Alert, ...] = ()
    position: Position | None = None
    rank: tuple[int, str] = (-1, "")
    """Of the baseline, as `metering.events.Fitted.rank`."""
    cause: Cause = NO_CAUSE
    """Why the newest of the days up to the position's last one changed since the last tick."""


_Part: TypeAlias = MonthFigures | WatchHead


def watch_step(site: Site) -> Step[str, _Part, Savings | Restated | Fitted | Tick]:
    """The step that keeps each contract's position and its alerts about energy."""
    of_building: dict[str, list[str]] = {}
    for each in site.contract:
        of_building.setdefault(each.building, []).append(each.id)
    tariffs = {each.id: site.tariffs.get(each.tariff or "") for each in site.contract}
    prices = {name: price_digest(tariff) for name, tariff in tariffs.items()}

    def keys(event: Savings | Restated | Fitted | Tick) -> Iterable[str]:
        if isinstance(event, Tick):
            return of_building.get(event.building, ())
        return (event.contract,) if event.contract else ()

    def run(
        key: str, parts: Parts[_Part], event: Savings | Restated | Fitted | Tick
    ) -> tuple[Changed[_Part], Sequence[Event]]:
        head = part(parts, HEAD, WatchHead) or WatchHead()
        if isinstance(event, Fitted):
            if head.document and event.rank <= head.rank:
                return {}, ()
            return {HEAD: replace(head, document=event.document, changed=True, rank=event.rank)}, ()
        if isinstance(event, Restated):
            return _note_cause(head, event), ()
        if isinstance(event, Savings):
            return _note(parts, head, event), ()
        # Money follows the prices of the site file: if they changed, the position is calculated again.
        repriced = head.position is not None and head.position.prices != prices[key]
        if not (head.changed or repriced) or not head.document:
            return {}, ()
        contract = site.contracts[key]
        quantity = site.meters[contract.building, contract.meter].quantity
        return _judge(contract, quantity, tariffs[key], parts, head, event.received_at)

    return Step("watch", (Savings, Restated, Fitted, Tick), keys, (MonthFigures, WatchHead), run)


def _note(parts: Parts[_Part], head: WatchHead, event: Savings) -> Changed[_Part]:
    """The month with the day's figure, or without it if it is withdrawn."""
    name = dt.date.fromordinal(event.date).strftime("%Y-%m")
    month = part(parts, month_name(name), MonthFigures) or MonthFigures()
    days, flags, added = dict(month.days), dict(month.flags), dict(month.added)
    flags.pop(event.date, None)
    added.pop(event.date, None)
    if event.withdrawn:
        days.pop(event.date, None)
    else:
        days[event.date] = (event.expected, event.used, event.estimated, event.extrapolated)
        if event.flags:
            flags[event.date] = event.flags
        if event.adjustment:
            added[event.date] = event.adjustment
    now = MonthFigures(dict(sorted(days.items())), dict(sorted(flags.items())), dict(sorted(added.items())))
    # A month that says nothing is none: what was withdrawn leaves no trace.
    changed: dict[PartName, _Part | None] = {month_name(name): now if now.days else None}
    months = tuple(sorted({*head.months, name} if now.days else {*head.months} - {name}))
    if not head.changed or months != head.months:
        changed[HEAD] = replace(head, months=months, changed=True)
    return changed


def _note_cause(head: WatchHead, event: Restated) -> Changed[_Part]:
    """Remember why a saving that the published position contains changed."""
    if event.what == "saving_to_date" or head.position is None or event.date > head.position.last:
        return {}
    return {HEAD: replace(head, cause=Cause(event.cause, event.since, event.until))}


def _judge(
    contract: Contract, quantity: str, tariff: Tariff | None, parts: Parts[_Part], head: WatchHead, now: int
) -> tuple[Changed[_Part], Sequence[Event]]:
    """The position and the alerts after the kept days; those that changed are published."""
    baseline = Baseline.from_document(head.document)
    months = [part(parts, month_name(name), MonthFigures) or MonthFigures() for name in head.months]
    days = [
        Figure(date, *figure, month.added.get(date, 0))
        for month in months
        for date, figure in month.days.items()
    ]
    events: list[Event] = []
    new: Position | None = None
    alerts: list[Alert] = []
    if days:
        new = position(contract, baseline, days, tariff, flagged=_flagged(months), received_at=now)
        if head.position is None or replace(head.position, received_at=now) != new:
            events.append(new)
        alerts = contract_alerts(contract, baseline, days, tariff)
    elif head.position is not None:
        events.append(replace(head.position, received_at=now, withdrawn=True))
    events += _restated(contract, quantity, head, days, now)
    events += alert_changes(head.alerts, alerts)
    return {HEAD: replace(head, changed=False, alerts=tuple(alerts), position=new, cause=NO_CAUSE)}, events


def _restated(
    contract: Contract, quantity: str, head: WatchHead, days: Sequence[Figure], now: int
) -> Iterable[Event]:
    """The restatement of the published saving to date, if the days up to then give another one."""
    before = head.position
    if before is None:
        return
    old = before.expected - before.used
    until_then = [day for day in days if day.date <= before.last]
    new = sum(day.expected - day.used for day in until_then) if until_then else None
    if new != old:
        cause = head.cause if head.cause.text else _NEWER
        yield Restated(
            building=contract.building,
            meter=contract.meter,
            quantity=quantity,
            date=before.last,
            old=old,
            new=new,
            cause=cause.text,
            learned_at=now,
            what="saving_to_date",
            contract=contract.id,
            since=cause.since,
            until=cause.until,
        )


def _flagged(months: Iterable[MonthFigures]) -> dict[str, int]:
    """Use of the days that carry a doubt, by the doubt's name [base units]."""
    sums: dict[str, int] = {}
    for month in months:
        for date, flags in month.flags.items():
            for bit, doubt in FLAG_NAMES.items():
                if flags & bit:
                    sums[doubt] = sums.get(doubt, 0) + month.days[date][1]
    return dict(sorted(sums.items()))
