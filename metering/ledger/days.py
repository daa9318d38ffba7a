"""Days of a register: the sum of a local day's hours and of the unknown blocks that lie within it.

A day is published when a reading at or after its end is kept, and restated whenever its figures change after that.
So the published days are those from the register's first reading to its last kept one, whatever lies between them. Days
on which no register counted (an exchange during silence) are among them, without a use: they have the flag `uncounted`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct

from metering import flags as f
from metering.events import (
    NO_CAUSE,
    Awaited,
    Cause,
    Day,
    Event,
    Hours,
    RegisterId,
    Restated,
    Unknown,
    Unknowns,
)
from metering.ledger.history import Consumer
from metering.parts import HEAD, PartName, Parts, local_date, part
from metering.times import HOUR_MS, date_of_hour, day_bounds


class DayFigures(Struct, frozen=True, array_like=True, gc=False):
    """What a register used on one local day."""

    used: int | None
    """None if part of the day is unknown or was never counted."""
    known: int
    unknown: int
    """Energy of the unknown blocks that begin on this day."""
    estimated: int
    """The part of `used` that rests on an interpolation across midnight. What was interpolated, or is known in
    total only, within the day does not: its hours are estimates, the day is not."""
    coverage: float
    flags: int


class DayState(Struct, frozen=True, tag="d", array_like=True, gc=False):
    """What is known of one local day."""

    hours: dict[int, tuple[int, int]] = {}
    """(amount, flags) by hour since 1970."""
    unknowns: tuple[Unknown, ...] = ()
    published: DayFigures | None = None


class DaysHead(Struct, frozen=True, tag="h", array_like=True, gc=False):
    """Up to where the register's days are complete."""

    frontier: int = 0
    """Time of the register's last kept reading [ms]."""
    touched: tuple[int, ...] = ()
    """Dates whose unknown blocks changed; their figures follow with the next `Hours`."""
    first: int = 0
    """Time of the register's first reading or fact [ms]; 0 if an older Kvartal wrote the head and has not told it."""


_NOT_MEASURED: Final = f.INTERPOLATED | f.PARTIAL | f.UNKNOWN

DayPart: TypeAlias = DayState | DaysHead | Consumer


class DayChange(NamedTuple):
    """Figures of a day before and after; None if the day is not published."""

    date: int
    before: DayFigures | None
    after: DayFigures | None


def day_of(
    date: int, zone: ZoneInfo, hours: Mapping[int, tuple[int, int]], unknowns: Iterable[Unknown]
) -> DayFigures:
    """The figures of the local day with ordinal `date`.

    Args:
        date: Ordinal of the local date.
        zone: The site's time zone; the day has 23 or 25 hours when the clocks change.
        hours: (amount, flags) by hour; hours outside the day are not looked at.
        unknowns: Unknown blocks that touch the day.

    Returns:
        The figures; `used` is a number only if hours and blocks within the day cover all of it.
    """
    start, end = day_bounds(date, zone)
    if not unknowns:
        whole = _measured_day(hours, range(start // HOUR_MS, end // HOUR_MS))
        if whole is not None:
            return whole
    elif not hours:
        untold = _untold_day(start, end, unknowns)
        if untold is not None:
            return untold
    known = unknown = noted = covered = 0
    interpolated: list[int] = []  # energy by hour of the day, 0 if it was measured
    within: list[Unknown] = []
    crossing = False
    touching = sorted(unknowns, key=_extent)
    for block in touching:
        noted |= block.flags
        if start <= block.start < end:
            unknown += block.amount
        if start <= block.start and block.end <= end:
            within.append(block)
        elif block.start < end and start < block.end:
            crossing = True
    count = (end - start) // HOUR_MS
    for hour in range(start // HOUR_MS, end // HOUR_MS):
        figure = hours.get(hour)
        interpolated.append(0)
        if figure is not None:
            amount, note = figure
            known += amount
            noted |= note
            if note & f.INTERPOLATED:
                interpolated[-1] = max(amount, 1)
            # A partial hour beside an unknown block is completed by the block; any other one has a hole.
            if not note & f.PARTIAL or note & f.UNKNOWN:
                covered += 1
                continue
        at = hour * HOUR_MS
        if any(block.start <= at and at + HOUR_MS <= block.end for block in within):
            covered += 1
        elif figure is not None or not _spans(touching, at, at + HOUR_MS):
            noted |= f.UNCOUNTED
    complete = covered == count and not crossing
    blocks = sum(block.amount for block in within)
    return DayFigures(
        used=known + blocks if complete else None,
        known=known,
        unknown=unknown,
        estimated=min(
            known, _first_run(interpolated) + (_first_run(interpolated[::-1]) if not all(interpolated) else 0)
        ),
        coverage=covered / count,
        flags=noted,
    )


def _extent(block: Unknown) -> tuple[int, int]:
    return block.start, block.end


def _spans(blocks: Iterable[Unknown], start: int, end: int) -> bool:
    """Whether blocks, sorted by start, together cover `[start, end)`."""
    for block in blocks:
        if block.start > start:
            break
        start = max(start, block.end)
    return start >= end


def _measured_day(hours: Mapping[int, tuple[int, int]], of_day: range) -> DayFigures | None:
    """The figures of a day whose hours were all measured, as nearly all are; None for any other day."""
    try:
        figures = [hours[hour] for hour in of_day]
    except KeyError:
        return None
    noted = 0
    for _, flags in figures:
        noted |= flags
    if noted & _NOT_MEASURED:
        return None
    known = sum([amount for amount, _ in figures])
    return DayFigures(known, known, 0, 0, 1.0, noted)


def _untold_day(start: int, end: int, unknowns: Iterable[Unknown]) -> DayFigures | None:
    """The figures of a day without hours that unknown blocks cover, none of them within it or one that is the day.

    Any other day gives None. All days of a meter that is read once a day are such days.
    """
    touching = sorted(unknowns, key=_extent)
    unknown = noted = 0
    known_total = False
    for block in touching:
        noted |= block.flags
        if start <= block.start < end:
            unknown += block.amount
            if block.end <= end:
                if (block.start, block.end) != (start, end) or len(touching) > 1:
                    return None
                known_total = True
    if not _spans(touching, start, end):
        return None
    used = unknown if known_total else None
    return DayFigures(used, 0, unknown, 0, 1.0 if known_total else 0.0, noted)


def _first_run(interpolated: list[int]) -> int:
    """What was interpolated from the first hour on, up to the first measured one."""
    total = 0
    for amount in interpolated:
        if not amount:
            break
        total += amount
    return total


def enter_hours(
    parts: Parts[DayPart], event: Hours, zone: ZoneInfo
) -> tuple[dict[PartName, DayPart | None], list[DayChange]]:
    """Take hours into the days of a register.

    Returns:
        The changed parts, and the days whose figures changed, by date.
    """
    head = part(parts, HEAD, DaysHead) or DaysHead()
    new_head = DaysHead(event.frontier, first=event.first or head.first)
    states: dict[int, DayState] = {}
    by_date: dict[int, dict[int, tuple[int, int] | None]] = {}
    figures_of: dict[int, tuple[int, int] | None] = {}
    next_day = 0  # the first hour that is not of the date of `figures_of`; hours ascend
    for hour, amount, flags in zip(event.hours, event.amounts, event.flags, strict=True):
        if hour >= next_day:
            date = date_of_hour(hour, zone)
            next_day = -(-day_bounds(date, zone)[1] // HOUR_MS)
            figures_of = by_date.setdefault(date, {})
        figures_of[hour] = None if amount is None else (amount, flags)
    for date, hours in by_date.items():
        state = _known_state(parts, head, date, zone)
        states[date] = DayState(_merged(state.hours, hours), state.unknowns, state.published)
    changes: list[DayChange] = []
    for date in sorted({*by_date, *head.touched, *_newly_due(head, new_head, zone)}):
        state = states.get(date) or part(parts, local_date(date), DayState) or DayState()
        figures: DayFigures | None = None
        if _is_due(date, state, new_head, zone):
            figures = day_of(date, zone, state.hours, state.unknowns)
        if figures != state.published:
            states[date] = DayState(state.hours, state.unknowns, figures)
            changes.append(DayChange(date, state.published, figures))
    changed: dict[PartName, DayPart | None] = {
        local_date(date): _or_none(state) for date, state in states.items()
    }
    if new_head != head:
        changed[HEAD] = new_head
    return changed, changes


def _known_state(parts: Parts[DayPart], head: DaysHead, date: int, zone: ZoneInfo) -> DayState:
    """What is known of a date before an event.

    Nothing is booked after the last kept reading, so no later date has a state but one whose unknown blocks were told
    already. A runner would look for it in its store: of a meter that is read once a day, for each reading.
    """
    if head.frontier and date > date_of_hour(head.frontier // HOUR_MS, zone) and date not in head.touched:
        return DayState()
    return part(parts, local_date(date), DayState) or DayState()


def _merged(
    hours: dict[int, tuple[int, int]], fresh: Mapping[int, tuple[int, int] | None]
) -> dict[int, tuple[int, int]]:
    """The hours of a day in order, with fresh ones, which ascend; None withdraws an hour."""
    merged = {**hours, **fresh}
    if hours and next(iter(fresh)) <= next(reversed(hours)):
        merged = dict(sorted(merged.items()))
    return {hour: figure for hour, figure in merged.items() if figure is not None}


def measured(date: int, zone: ZoneInfo, day: DayState) -> tuple[int | None, ...]:
    """Use of each hour of a complete day; None if it was not measured as a whole. Empty if no hour was."""
    start, end = day_bounds(date, zone)
    hours, count = day.hours, (end - start) // HOUR_MS
    if day.published is not None and not day.published.flags & _NOT_MEASURED and len(hours) == count:
        return tuple([hours[hour][0] for hour in range(start // HOUR_MS, end // HOUR_MS)])
    amounts: list[int | None] = [None] * count
    for hour, (amount, flags) in hours.items():
        if not flags & _NOT_MEASURED:
            amounts[hour - start // HOUR_MS] = amount
    return tuple(amounts) if any(amount is not None for amount in amounts) else ()


def _newly_due(before: DaysHead, after: DaysHead, zone: ZoneInfo) -> set[int]:
    """The dates between the register's first reading and its last kept one now, but not before, or the reverse."""
    due: set[int] = set()
    if before.frontier:
        due.update(_dates_between(before.frontier, after.frontier, zone))
    if before.first:
        due.update(_dates_between(before.first, after.first, zone))
    elif after.first:
        due.update(_dates_between(after.first, after.frontier, zone))
    return due


def _dates_between(one: int, other: int, zone: ZoneInfo) -> range:
    """The dates from the earlier of two instants [ms] on, up to the date of the later one, which is left out."""
    if one == other:
        return range(0)
    earlier, later = sorted((one, other))
    return range(date_of_hour(earlier // HOUR_MS, zone), date_of_hour(later // HOUR_MS, zone))


def _is_due(date: int, state: DayState, head: DaysHead, zone: ZoneInfo) -> bool:
    """Whether the day is to be published."""
    end = day_bounds(date, zone)[1]
    return end <= head.frontier and (head.first < end or bool(state.hours or state.unknowns))


def _or_none(state: DayState) -> DayState | None:
    """The state, or None if it says nothing: as if the day had never been touched."""
    return state if state != DayState() else None


def note_unknowns(parts: Parts[DayPart], event: Unknowns, zone: ZoneInfo) -> dict[PartName, DayPart | None]:
    """Take unknown blocks into the days that they touch; returns the changed parts."""
    head = part(parts, HEAD, DaysHead) or DaysHead()
    blocks: dict[int, tuple[set[Unknown], set[Unknown]]] = {}
    for side, several in enumerate((event.withdrawn, event.added)):
        for block in several:
            first, last = (date_of_hour(ms // HOUR_MS, zone) for ms in (block.start, block.end - 1))
            for date in range(first, last + 1):
                blocks.setdefault(date, (set(), set()))[side].add(block)
    changed: dict[PartName, DayPart | None] = {}
    for date, (withdrawn, added) in blocks.items():
        state = _known_state(parts, head, date, zone)
        if state.unknowns or withdrawn:
            added = (set(state.unknowns) - withdrawn) | added
        unknowns = tuple(sorted(added, key=_extent))
        changed[local_date(date)] = _or_none(DayState(state.hours, unknowns, state.published))
    changed[HEAD] = DaysHead(head.frontier, tuple(sorted({*head.touched, *blocks})), head.first)
    return changed


_RESTATED: Final = (("use", "used"), *((name, name) for name in ("known", "unknown", "estimated", "flags")))
"""Figures of a day whose changes are told: (name of the restatement, field)."""


def day_events(
    register: RegisterId,
    change: DayChange,
    cause: Cause,
    received_at: int,
    by_hour: tuple[int | None, ...] | None = None,
) -> list[Event]:
    """A day whose figures or hours changed: the restatement of those that were published, then the day."""
    date, before, after = change
    if before is None:
        return [day_event(register, date, after, received_at, by_hour=by_hour)]
    figures = [
        (what, getattr(before, name), None if after is None else getattr(after, name))
        for what, name in _RESTATED
    ]
    changed = tuple(each for each in figures if each[1] != each[2])
    day = day_event(register, date, after, received_at, cause, by_hour)
    if not changed:
        return [day]
    (what, old, new), *_ = changed
    restated = Restated(
        building=register.building,
        meter=register.meter,
        quantity=register.quantity,
        date=date,
        old=old,
        new=new,
        cause=cause.text,
        learned_at=received_at,
        what=what,
        since=cause.since,
        until=cause.until,
        also=changed[1:],
    )
    return [restated, day]


def days_again(event: Awaited, last: int, published: Callable[[int], DayFigures | None]) -> list[Event]:
    """The published days of a register up to the date `last`, for a new consumer."""
    figures = ((date, published(date)) for date in range(event.first, last + 1))
    return [
        day_event(event.register, date, each, event.received_at) for date, each in figures if each is not None
    ]


def day_event(
    register: RegisterId,
    date: int,
    figures: DayFigures | None,
    received_at: int,
    cause: Cause = NO_CAUSE,
    by_hour: tuple[int | None, ...] | None = None,
) -> Day:
    """A day with its figures; withdrawn if it has none."""
    shown = figures or DayFigures(None, 0, 0, 0, 0.0, 0)
    return Day(
        **register.fields(),
        date=date,
        used=shown.used,
        known=shown.known,
        unknown=shown.unknown,
        estimated=shown.estimated,
        coverage=shown.coverage,
        flags=shown.flags,
        received_at=received_at,
        withdrawn=figures is None,
        cause=cause,
        by_hour=by_hour,
    )
