"""Hours and unknown blocks of a register -> its local days, published when complete and restated after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from metering.events import Awaited, Day, Event, Hours, Restated, Unknown, Unknowns
from metering.ledger.days import DayFigures, day_of
from metering.parts import PartName, local_date
from metering.site.model import Site
from metering.times import HOUR_MS, date_of, date_of_hour, day_bounds
from streams.step import Changed, Parts, Step

_HEAD = PartName("head")


class DayState(Struct, frozen=True, tag="d", array_like=True):
    """What is known of one local day."""

    hours: dict[int, tuple[int, int]] = {}
    unknowns: tuple[Unknown, ...] = ()
    published: DayFigures | None = None


class DaysHead(Struct, frozen=True, tag="h", array_like=True):
    """How far the register's days are complete."""

    frontier: int = 0
    """Time of the register's last kept reading [ms]."""
    touched: tuple[int, ...] = ()
    """Dates whose unknown blocks changed; their figures follow with the next `Hours`."""


class Reader(Struct, frozen=True, tag="r", array_like=True):
    """Somebody who builds on the days of the register, and since which date."""

    first: int


def days_step(site: Site) -> Step:
    """The step that keeps the days of every register."""
    zone = site.zone

    def keys(event: Hours | Unknowns | Awaited) -> Iterable[str]:
        yield f"{event.building}/{event.meter}/{event.quantity}"

    def run(key: str, parts: Parts, event: Hours | Unknowns | Awaited) -> tuple[Changed, Sequence[Event]]:
        head = parts.get(_HEAD) or DaysHead()
        if isinstance(event, Awaited):
            last = date_of_hour(head.frontier // HOUR_MS, zone) if head.frontier else 0
            return tell_again(parts, event, last)
        if isinstance(event, Unknowns):
            return _note_unknowns(parts, head, event)
        changed: dict[PartName, DayState | DaysHead] = {}
        by_date: dict[int, dict[int, tuple[int, int] | None]] = {}
        for hour, amount, flags in zip(event.hours, event.amounts, event.flags, strict=True):
            date = date_of_hour(hour, zone)
            by_date.setdefault(date, {})[hour] = None if amount is None else (amount, flags)
        for date, hours in by_date.items():
            state: DayState = parts.get(local_date(date)) or DayState()
            merged = dict(state.hours)
            for hour, held in hours.items():
                if held is None:
                    merged.pop(hour, None)
                else:
                    merged[hour] = held
            changed[local_date(date)] = DayState(merged, state.unknowns, state.published)

        due = {*by_date, *head.touched}
        if head.frontier and event.frontier != head.frontier:
            lower, upper = sorted((head.frontier, event.frontier))
            due.update(range(date_of_hour(lower // HOUR_MS, zone), date_of_hour(upper // HOUR_MS, zone)))
        who = (event.building, event.meter, event.quantity)
        events: list[Event] = []
        for date in sorted(due):
            found = changed.get(local_date(date)) or parts.get(local_date(date)) or DayState()
            assert isinstance(found, DayState)
            state = found
            figures: DayFigures | None = None
            if day_bounds(date, zone)[1] <= event.frontier:
                figures = day_of(date, zone, state.hours, state.unknowns)
            if figures == state.published:
                continue
            changed[local_date(date)] = DayState(dict(sorted(state.hours.items())), state.unknowns, figures)
            was = state.published.used if state.published is not None else None
            now = figures.used if figures is not None else None
            if state.published is not None and was != now:
                events.append(Restated(*who, date, was, now, event.cause, event.received_at))
            events.append(day_event(*who, date, figures, event.received_at))
        new_head = DaysHead(event.frontier)
        if new_head != head:
            changed[_HEAD] = new_head
        return changed, events

    def _note_unknowns(parts: Parts, head: DaysHead, event: Unknowns) -> tuple[Changed, Sequence[Event]]:
        blocks: dict[int, tuple[set[Unknown], set[Unknown]]] = {}
        for side, several in enumerate((event.withdrawn, event.added)):
            for block in several:
                for date in range(date_of(block.start, zone), date_of(block.end - 1, zone) + 1):
                    blocks.setdefault(date, (set(), set()))[side].add(block)
        changed: dict[PartName, DayState | DaysHead] = {}
        for date, (gone, come) in blocks.items():
            state: DayState = parts.get(local_date(date)) or DayState()
            unknowns = tuple(sorted((set(state.unknowns) - gone) | come, key=lambda block: block.start))
            changed[local_date(date)] = DayState(state.hours, unknowns, state.published)
        changed[_HEAD] = DaysHead(head.frontier, tuple(sorted({*head.touched, *blocks})))
        return changed, ()

    return Step("days", (Hours, Unknowns, Awaited), keys, DayState | DaysHead | Reader, run)


def reads(event: Awaited) -> PartName:
    """The part that notes what a reader has been told of the days."""
    return PartName(f"{event.reader} reads")


def is_news(parts: Parts, event: Awaited) -> bool:
    """Whether its reader has not been told yet of the days since then."""
    told: Reader | None = parts.get(reads(event))
    return told is None or event.first < told.first


def tell_again(parts: Parts, event: Awaited, last: int) -> tuple[Changed, Sequence[Event]]:
    """Tell a new reader the days up to `last` that were told already: `published` of the parts named by a date."""
    if not is_news(parts, event):
        return {}, ()
    who = (event.building, event.meter, event.quantity)
    held = ((date, parts.get(local_date(date))) for date in range(event.first, last + 1))
    days = [
        day_event(*who, date, day.published, event.received_at)
        for date, day in held
        if day is not None and day.published is not None
    ]
    return {reads(event): Reader(event.first)}, days


def day_event(
    building: str, meter: str, quantity: str, date: int, figures: DayFigures | None, received_at: int
) -> Day:
    """A day as it is told; withdrawn where there are no figures (any more)."""
    shown = figures or DayFigures(None, 0, 0, 0, 0.0, 0)
    return Day(
        building,
        meter,
        quantity,
        date,
        shown.used,
        shown.known,
        shown.unknown,
        shown.estimated,
        shown.coverage,
        shown.flags,
        received_at,
        withdrawn=figures is None,
    )
