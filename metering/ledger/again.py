"""A register's ledger told once more, from its blocks: what the step of the ledger would have told in order of time.

The audit sends it through the later steps and compares what they give with what a store shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from metering.events import Counted, Event, Finding, Hours, RegisterId, Unknown, Unknowns
from metering.ledger.blocks import Block, Head
from metering.ledger.booking import Booked, figures_of
from metering.ledger.chains import pending
from metering.ledger.entered import difference
from metering.ledger.hours import open_hours, sum_hour
from metering.ledger.stalled import stalled_alerts
from metering.times import DAY_MS


def told_again(
    register: RegisterId,
    head: Head,
    blocks: Sequence[Block],
    *,
    hours_before: Mapping[int, tuple[int, int]],
    unknowns_before: Sequence[Unknown],
    first: int,
) -> Iterator[Event]:
    """Events of a register in order of time, the last of them with what the ledger says now.

    Args:
        register: The register.
        head: Its head.
        blocks: Its blocks by day, as their readings give them; at least one.
        hours_before: (amount, flags) of the hours that deleted blocks have booked; empty without a cut.
        unknowns_before: Their unknown blocks.
        first: Time of the register's first reading or fact [ms]; 0 if it is not known (`metering.events.Hours.first`).
    """
    end = blocks[-1].state
    undecided = pending(end)
    now = blocks[-1].newest[0]
    if head.cut:
        yield from _before(register, hours_before, unknowns_before, blocks[0].state.t, first)
    sources: dict[int, list[Booked]] = {}
    for block in blocks:
        for hour in block.booked.amounts.keys() | block.booked.flags.keys():
            sources.setdefault(hour, []).append(block.booked)
    for block in blocks:
        booked = block.booked
        if booked.unknowns or booked.returned:
            added, withdrawn = difference(booked.unknowns, booked.returned)
            yield _unknowns(register, added, block.state.t, withdrawn=withdrawn)
        touched = {*booked.amounts, *booked.flags}
        if block is blocks[-1]:
            touched.update(open_hours(end))
        hours = {hour: sum_hour(sources.get(hour, ()), hour, end) for hour in sorted(touched)}
        now_known = {h: each for h, each in hours.items() if each is not None}
        yield _hours(register, now_known, block.state.t, first)
        for kind, start, until, figures in (*booked.findings, *(undecided if block is blocks[-1] else ())):
            yield Finding(
                building=register.building,
                meter=register.meter,
                quantity=register.quantity,
                kind=kind,
                start=start,
                end=until,
                figures=figures_of(figures),
                received_at=now,
            )
    yield from stalled_alerts(register, undecided, ())
    at, amount = blocks[-1].newest
    yield Counted(
        **register.fields(),
        accepted=sum(block.accepted for block in blocks) + head.deleted,
        duplicate=0,
        last_time=at,
        last_amount=amount,
        received_at=now,
    )


def _before(
    register: RegisterId,
    hours: Mapping[int, tuple[int, int]],
    unknowns: Sequence[Unknown],
    until: int,
    first: int,
) -> Iterator[Event]:
    """What deleted days have booked, day by day."""
    ends: dict[int, list[Unknown]] = {}
    for unknown in unknowns:
        ends.setdefault((unknown.end - 1) // DAY_MS, []).append(unknown)
    by_day: dict[int, dict[int, tuple[int, int]]] = {}
    for hour in sorted(hours):
        by_day.setdefault(hour // 24, {})[hour] = hours[hour]
    for day in sorted({*ends, *by_day}):
        frontier = min((day + 1) * DAY_MS, until)
        if day in ends:
            yield _unknowns(register, ends[day], frontier)
        yield _hours(register, by_day.get(day, {}), frontier, first)


def first_of(blocks: Sequence[Block]) -> int:
    """Time of the first reading or fact in blocks [ms]; 0 if they have none."""
    return next((block.first for block in blocks if block.times or block.facts), 0)


def _hours(register: RegisterId, hours: Mapping[int, tuple[int, int]], frontier: int, first: int) -> Hours:
    return Hours(
        building=register.building,
        meter=register.meter,
        quantity=register.quantity,
        hours=tuple(hours),
        amounts=tuple(amount for amount, _ in hours.values()),
        flags=tuple(flags for _, flags in hours.values()),
        frontier=frontier,
        received_at=frontier,
        first=first,
    )


def _unknowns(
    register: RegisterId, added: Sequence[Unknown], frontier: int, *, withdrawn: Sequence[Unknown] = ()
) -> Unknowns:
    return Unknowns(
        **register.fields(),
        added=tuple(added),
        withdrawn=tuple(withdrawn),
        frontier=frontier,
        received_at=frontier,
    )
