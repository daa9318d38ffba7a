"""Readings of a meter's gauges (temperatures, flow, power) -> their hours, and how they were accounted for."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from msgspec import Struct

from metering.events import Counted, Event, Gauged, Readings
from metering.gauges import REACH_MS, GaugeHour, gauge_hours
from metering.part_names import PartName, utc_day
from metering.times import DAY_MS
from streams.step import Changed, Parts, Step

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


def gauges_step() -> Step:
    """The step that keeps the hours of every gauge of the site's meters."""

    def keys(event: Readings) -> Iterable[str]:
        if event.nature == "gauge" and event.quantity != "outdoor_temperature":
            yield f"{event.building}/{event.meter}/{event.quantity}"

    def run(key: str, parts: Parts, event: Readings) -> tuple[Changed, Sequence[Event]]:
        if not event.times:
            return {}, ()
        head: GaugeHead | None = parts.get(_HEAD)
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
        if head is None or newest > (head.newest, head.amount):
            head = changed[_HEAD] = GaugeHead(*newest)
        events: list[Event] = [
            Counted(
                event.building,
                event.meter,
                event.quantity,
                len(fresh),
                len(event.times) - len(fresh),
                head.newest,
                head.amount,
                event.received_at,
            )
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

    return Step("gauges", (Readings,), keys, GaugeDay | GaugeHead, run)


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
