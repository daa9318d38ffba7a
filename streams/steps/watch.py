"""Savings and ticks -> where each contract stands, and the alerts that somebody acts on."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from metering.alerts.energy import Figure, energy_alerts, instant
from metering.baselines.document import Baseline
from metering.events import Alert, Counted, Event, Fitted, Position, Savings, Tick
from metering.flags import NAMES as FLAG_NAMES
from metering.part_names import PartName, month_name
from metering.savings.compare import DAYS_PER_MONTH
from metering.savings.sufficiency import doubts
from metering.savings.uncertainty import grade, width_90
from metering.savings.worth import at_stake, price_digest, worth
from metering.site.contracts import Contract
from metering.site.model import Site
from metering.times import HOUR_MS
from streams.step import Changed, Parts, Step

_HEAD = PartName("head")


class Figures(Struct, frozen=True, tag="m", array_like=True):
    """A contract's published days of one month: date -> (expected, used, estimated, extrapolated)."""

    days: dict[int, tuple[int, int, int, bool]] = {}
    flags: dict[int, int] = {}
    """Doubts about the use of days that have any."""
    added: dict[int, int] = {}
    """The part of expected use that the baseline does not say, of days that have any."""


class WatchHead(Struct, frozen=True, tag="h", array_like=True):
    """What the watch over one contract rests on."""

    document: bytes = b""
    months: tuple[str, ...] = ()
    changed: bool = False
    """Whether days changed since the last tick."""
    alerts: tuple[Alert, ...] = ()
    position: Position | None = None


def watch_step(site: Site) -> Step:
    """The step that keeps each contract's position and its alerts about energy."""
    of_building: dict[str, list[str]] = {}
    for each in site.contract:
        of_building.setdefault(each.building, []).append(each.id)
    tariffs = {each.id: site.tariffs.get(each.tariff or "") for each in site.contract}
    prices = {name: price_digest(tariff) for name, tariff in tariffs.items()}

    def keys(event: Savings | Fitted | Tick) -> Iterable[str]:
        if isinstance(event, Tick):
            return of_building.get(event.building, ())
        return (event.contract,)

    def run(key: str, parts: Parts, event: Savings | Fitted | Tick) -> tuple[Changed, Sequence[Event]]:
        head: WatchHead = parts.get(_HEAD) or WatchHead()
        if isinstance(event, Fitted):
            return {_HEAD: WatchHead(event.document, head.months, True, head.alerts, head.position)}, ()
        if isinstance(event, Savings):
            return _note(parts, head, event)
        # Money follows the prices of the site file: if they changed, the position is calculated again.
        repriced = head.position is not None and head.position.prices != prices[key]
        if not (head.changed or repriced) or not head.document:
            return {}, ()
        return _judge(site.contracts[key], parts, head, event.received_at)

    def _note(parts: Parts, head: WatchHead, event: Savings) -> tuple[Changed, Sequence[Event]]:
        name = dt.date.fromordinal(event.date).strftime("%Y-%m")
        held: Figures = parts.get(month_name(name)) or Figures()
        days, flags, added = dict(held.days), dict(held.flags), dict(held.added)
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
        now = Figures(dict(sorted(days.items())), dict(sorted(flags.items())), dict(sorted(added.items())))
        changed: dict[PartName, Any] = {month_name(name): now}
        months = head.months if name in head.months else tuple(sorted((*head.months, name)))
        if not head.changed or months is not head.months:
            changed[_HEAD] = WatchHead(head.document, months, True, head.alerts, head.position)
        return changed, ()

    def _judge(
        contract: Contract, parts: Parts, head: WatchHead, now: int
    ) -> tuple[Changed, Sequence[Event]]:
        baseline = Baseline.from_document(head.document)
        days: list[Figure] = []
        estimated = strange = adjustment = adjusted = 0
        flagged: dict[str, int] = {}
        for name in head.months:
            month: Figures = parts[month_name(name)]
            adjustment += sum(month.added.values())
            adjusted += sum(abs(each) for each in month.added.values())
            for date, (expected, used, guessed, outside) in month.days.items():
                for bit, doubt in FLAG_NAMES.items():
                    if month.flags.get(date, 0) & bit:
                        flagged[doubt] = flagged.get(doubt, 0) + used
                days.append(Figure(date, expected, used))
                estimated += guessed
                strange += expected if outside else 0
        events: list[Event] = []
        alerts: list[Alert] = []
        position: Position | None = None
        if days:
            first, last = days[0].date, days[-1].date

            def half_width(count: int, first: int, expected: int, used: int) -> float:
                return width_90(
                    baseline, days=count, months=count / DAYS_PER_MONTH, expected_total=expected
                ).total

            expected = sum(day.expected for day in days)
            used = sum(day.used for day in days)
            width = width_90(
                baseline,
                days=len(days),
                months=len(days) / DAYS_PER_MONTH,
                expected_total=expected,
                estimated_total=estimated,
                extrapolated_total=strange,
                adjusted_total=adjusted,
            ).total
            tariff = tariffs[contract.id]
            value = None if tariff is None else worth(days, tariff, half_width=width)
            since = contract.reporting.from_.toordinal()
            position = Position(
                contract.building,
                contract.id,
                first,
                last,
                len(days),
                last - since + 1 - len(days),
                expected,
                used,
                width,
                estimated,
                _grade(baseline, expected, used, width, strange, estimated),
                baseline.id,
                now,
                dict(sorted(flagged.items())),
                adjustment,
                None if value is None else value.hundredths,
                None if value is None else value.half_width_hundredths,
                prices[contract.id],
            )
            if head.position is None or _without_clock(head.position) != _without_clock(position):
                events.append(position)
            alerts = _alerts(contract, baseline, days, half_width)
        before = {(a.kind, a.opened): a for a in head.alerts}
        for alert in alerts:
            if before.pop((alert.kind, alert.opened), None) != alert:
                events.append(alert)
        # What later readings took the ground from is closed, and says so.
        events += [_withdrawn(alert) for alert in before.values()]
        return {_HEAD: WatchHead(head.document, head.months, False, tuple(alerts), position)}, events

    def _alerts(contract: Contract, baseline: Baseline, days: list[Figure], half_width: Any) -> list[Alert]:
        spread = math.sqrt(
            (1 + max(0.0, baseline.metrics.rho)) / (1 - min(0.95, max(0.0, baseline.metrics.rho)))
        )
        raised = energy_alerts(
            days,
            guarantee_pct=contract.guaranteed_savings_pct,
            day_scatter=baseline.metrics.rmse * spread,
            half_width=half_width,
        )
        tariff = tariffs[contract.id]
        alerts = []
        for each in raised:
            money = 0 if tariff is None else round(100 * at_stake(each, days, tariff))
            alerts.append(
                Alert(
                    contract.building,
                    contract.id,
                    each.kind,
                    instant(each.opened),
                    "open" if each.resolved is None else "resolved",
                    instant(each.last if each.resolved is None else each.resolved),
                    each.amount,
                    money,
                    each.detail,
                )
            )
        return alerts

    return Step("watch", (Savings, Fitted, Tick), keys, Figures | WatchHead, run)


def _grade(baseline: Baseline, expected: int, used: int, width: float, strange: int, estimated: int) -> str:
    """The grade of a position: D where a doubt disqualifies it."""
    doubted = doubts(
        baseline,
        expected_total=expected,
        used_total=used,
        extrapolated_total=strange,
        estimated_total=estimated,
    )
    if any(doubt.disqualifies for doubt in doubted):
        return "D"
    return grade(baseline, expected_total=expected, used_total=used, half_width=width)


def _without_clock(position: Position) -> tuple[Any, ...]:
    return tuple(getattr(position, name) for name in position.__struct_fields__ if name != "received_at")


def _withdrawn(alert: Alert) -> Alert:
    return Alert(
        alert.building,
        alert.subject,
        alert.kind,
        alert.opened,
        "resolved",
        alert.changed,
        alert.amount,
        alert.money,
        alert.detail | {"withdrawn": 1},
    )


class Heard(Struct, frozen=True, tag=True, array_like=True):
    """When a building's meters were last heard, and who is silent."""

    meters: dict[str, tuple[int, int]] = {}
    """meter -> (received_at of its newest message, time of its newest reading) [ms]."""
    silent: tuple[Alert, ...] = ()


def silence_step(site: Site) -> Step:
    """The step that notices meters that fell silent. Judged by ticks only: silence needs a clock."""
    limit = site.site.silent_after_hours * HOUR_MS

    def keys(event: Counted | Tick) -> Iterable[str]:
        return (event.building,) if event.building else ()

    def run(key: str, parts: Parts, event: Counted | Tick) -> tuple[Changed, Sequence[Event]]:
        heard: Heard = parts.get(_HEAD) or Heard()
        if isinstance(event, Counted):
            before = heard.meters.get(event.meter, (0, 0))
            now = (max(before[0], event.received_at), max(before[1], event.last_time))
            if now == before:
                return {}, ()
            return {_HEAD: Heard(heard.meters | {event.meter: now}, heard.silent)}, ()
        meters = {
            # A meter that was never heard is waited for from the first tick on; one that is gone no more.
            meter.id: heard.meters.get(meter.id, (event.received_at, 0))
            for meter in site.buildings[key].meter
            if meter.virtual is None
        }
        lost = {m: at for m, at in meters.items() if event.received_at - at[0] > limit}
        if lost and len(lost) == len(meters) > 1:
            # All of a building's meters at once is one cause: its gateway or its line.
            since = max(at[0] for at in lost.values())
            lost = {"": (since, max(at[1] for at in lost.values()))}
        open_now = {alert.subject: alert for alert in heard.silent}
        events: list[Event] = []
        silent: list[Alert] = []
        for subject, (received, last_reading) in sorted(lost.items()):
            hours = (event.received_at - received) // HOUR_MS
            old = open_now.pop(subject, None)
            opened = old.opened if old is not None else received + limit
            alert = Alert(
                key,
                subject,
                "meter_silent",
                opened,
                "open",
                event.received_at,
                0,
                0,
                {"last_reading_ms": last_reading, "hours": hours},
            )
            # Told again once a day, not every minute.
            if old is None or hours // 24 > int(old.detail["hours"]) // 24:
                events.append(alert)
                silent.append(alert)
            else:
                silent.append(old)
        for alert in open_now.values():
            events.append(
                Alert(
                    key,
                    alert.subject,
                    alert.kind,
                    alert.opened,
                    "resolved",
                    event.received_at,
                    0,
                    0,
                    alert.detail,
                )
            )
        now_heard = Heard(meters, tuple(silent))
        return ({_HEAD: now_heard} if now_heard != heard else {}), events

    return Step("silence", (Counted, Tick), keys, Heard, run)
