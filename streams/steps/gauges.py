"""Readings of a meter's gauges (temperatures, flow, power) -> their hours, and how they were accounted for."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from metering.events import Counted, Event, Gauged, Readings, Rejected, Tick
from metering.ledger.gauges import REACH_MS, GaugeHour, gauge_hours
from metering.ledger.refused import split
from metering.ledger.retention import cut_day, days_with_readings, rests_until
from metering.parts import PartName, utc_day
from metering.site.model import Site
from metering.times import DAY_MS
from metering.units import QUANTITIES
from streams.step import Changed, Parts, Step, once_a_day

_HEAD = PartName("head")
_GONE = GaugeHour(0, 0, 0, 0, 0)


class GaugeDay(Struct, frozen=True, tag="d", array_like=True):
    """A gauge's readings of one UTC day, ascending."""

    times: tuple[int, ...] = ()
    amounts: tuple[int, ...] = ()


class GaugeHead(Struct, frozen=True, tag="h", array_like=True):
    """The newest reading."""

    newest: int
    amount: int
    cut: int = 0
    """UTC day before which readings are refused; those of before the day before it are deleted, because hours after the
    cut rest on readings of up to `REACH_MS` before it. 0 if nothing was deleted."""
    first: int = 0
    """The oldest UTC day that may have readings; 0 if it was never noted."""
    rests: int = 0
    """As `metering.ledger.blocks.Head.rests`."""


def gauges_step(site: Site) -> Step:
    """The step that keeps the hours of every gauge of the site's meters."""

    is_due = once_a_day()
    gauges = [
        name
        for name, quantity in QUANTITIES.items()
        if quantity.nature == "gauge" and name != "outdoor_temperature"
    ]

    def keys(event: Readings | Tick) -> Iterable[str]:
        if isinstance(event, Tick):
            building = site.buildings.get(event.building) if is_due(event) else None
            if building is not None:
                for meter in building.meter:
                    yield from (f"{building.id}/{meter.id}/{name}" for name in gauges)
        elif event.nature == "gauge" and event.quantity != "outdoor_temperature":
            yield f"{event.building}/{event.meter}/{event.quantity}"

    def run(key: str, parts: Parts, event: Readings | Tick) -> tuple[Changed, Sequence[Event]]:
        head: GaugeHead | None = parts.get(_HEAD)
        if isinstance(event, Tick):
            return ({} if head is None else _retain(site, parts, head, event)), ()
        rejected: tuple[Rejected, ...] = ()
        if head is not None and head.cut:
            event, refused = split(event, head.cut)
            rejected = () if refused is None else (refused,)
        if not event.times:
            return {}, rejected
        by_day: dict[int, set[tuple[int, int]]] = {}
        for pair in zip(event.times, event.amounts, strict=True):
            by_day.setdefault(pair[0] // DAY_MS, set()).add(pair)
        changed: dict[PartName, GaugeDay | GaugeHead] = {}
        fresh: list[tuple[int, int]] = []
        for day, pairs in by_day.items():
            held: GaugeDay = parts.get(utc_day(day)) or GaugeDay()
            have = set(zip(held.times, held.amounts, strict=True))
            new = pairs - have
            if new:
                fresh += new
                merged = sorted(have | new)
                changed[utc_day(day)] = GaugeDay(tuple(t for t, _ in merged), tuple(v for _, v in merged))
        newest = max(zip(event.times, event.amounts, strict=True))
        oldest = min(event.times)
        rests = rests_until(site, event.building, event.received_at, oldest)
        if head is None:
            noted = GaugeHead(*newest, first=oldest // DAY_MS, rests=rests)
        else:
            at, amount = max(newest, (head.newest, head.amount))
            first, rests = min(head.first, oldest // DAY_MS), max(head.rests, rests)
            noted = GaugeHead(at, amount, head.cut, first, rests)
        if noted != head:
            head = changed[_HEAD] = noted
        events: list[Event] = [
            *rejected,
            Counted(
                event.building,
                event.meter,
                event.quantity,
                len(fresh),
                len(event.times) - len(fresh),
                noted.newest,
                noted.amount,
                event.received_at,
            ),
        ]
        hours: dict[int, GaugeHour | None] = {}
        for first, last in _runs(sorted(t for t, _ in fresh)):
            before = gauge_hours(*_readings(parts, {}, first, last))
            after = gauge_hours(*_readings(parts, changed, first, last))
            hours |= {
                hour: after.get(hour)
                for hour in before.keys() | after.keys()
                if before.get(hour) != after.get(hour)
            }
        if hours:
            ordered = sorted(hours)
            shown = [hours[hour] or _GONE for hour in ordered]
            events.append(
                Gauged(
                    event.building,
                    event.meter,
                    event.quantity,
                    tuple(ordered),
                    tuple(None if hours[hour] is None else hours[hour].mean for hour in ordered),  # type: ignore[union-attr]
                    tuple(each.low for each in shown),
                    tuple(each.high for each in shown),
                    tuple(each.covered_ms for each in shown),
                    tuple(each.flags for each in shown),
                    event.received_at,
                )
            )
        return changed, events

    return Step("gauges", (Readings, Tick), keys, GaugeDay | GaugeHead, run)


def _retain(site: Site, parts: Parts, head: GaugeHead, tick: Tick) -> Changed:
    """Delete the readings of days that need not be kept any longer."""
    cut = cut_day(site, tick.building, tick.received_at)
    if cut is None or tick.received_at // DAY_MS < head.rests or (head.first and head.first >= cut - 1):
        return {}
    gone = days_with_readings(lambda day: parts.get(utc_day(day)) is not None, head.first, cut - 1)
    changed: dict[PartName, GaugeHead | None] = {utc_day(day): None for day in gone}
    changed[_HEAD] = replace(head, cut=cut, first=cut - 1)
    return changed


def _runs(times: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Instants gathered into runs whose surroundings do not touch: (first, last)."""
    start: int | None = None
    last = 0
    for t in times:
        if start is not None and t - last > 2 * REACH_MS:
            yield start, last
            start = None
        start, last = (t if start is None else start), t
    if start is not None:
        yield start, last


def _readings(
    parts: Parts, changed: Changed, first: int, last: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The readings around `[first, last]` that its hours may rest on."""
    times: tuple[int, ...] = ()
    amounts: tuple[int, ...] = ()
    for day in range((first - REACH_MS) // DAY_MS, (last + REACH_MS) // DAY_MS + 1):
        held: GaugeDay | None = changed.get(utc_day(day)) or parts.get(utc_day(day))
        if held is not None:
            times += held.times
            amounts += held.amounts
    a, b = bisect_left(times, first - REACH_MS), bisect_right(times, last + REACH_MS)
    return times[a:b], amounts[a:b]
