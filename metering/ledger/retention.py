"""Retention: which readings are deleted when, and what stays of them. Figures stay for ever.

Theory of operation
-------------------
Blocks of days before the *cut* are deleted. The newest of them stays as the register's *checkpoint*: a block without
readings, with the fold's state after that day. The blocks after it go on from there, as they did. A block that comes
later may book into hours before the cut (a gap that ends after it, a standstill that is caught up). So the checkpoint
also keeps what the deleted blocks booked in every hour that the fold can still reach from its state, and an hour is the
sum over its blocks as before. Unknown blocks and findings of deleted days are final: nothing withdraws them.

The register refuses readings and facts of the checkpoint's day and of days before it, because the fold cannot go there.
The cut follows the days that are deleted and not the calendar: a register without any reading yet takes history of any
age, and a day between the checkpoint and its oldest block is still open.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final

from msgspec.structs import replace

from metering.ledger.blocks import HEAD, Block, Head, Part, Parts, block_of
from metering.ledger.booking import Booked
from metering.ledger.state import State
from metering.part_names import PartName, utc_day
from metering.site.model import Site
from metering.times import DAY_MS, HOUR_MS, from_ms

SPARED_YEARS: Final = 3
"""Readings of a building under a contract stay this long after its term: claims expire after three years (article 196
of the Civil Code)."""

_MONTH: Final = 31


def cut_day(site: Site, building: str, now: int) -> int | None:
    """The UTC day (since 1970) before which the building's readings may be deleted at `now` [ms].

    Readings stay for `retention_days`, and at least for `lateness_days`: a reading in time is never refused.

    Returns:
        None if a contract spares them, or if the site has no such building.
    """
    if building not in site.buildings:
        return None
    today = from_ms(now).astimezone(site.zone).date()
    for contract in site.contract:
        if contract.building == building:
            end = contract.reporting.to
            if end is None or today <= years_after(end, SPARED_YEARS):
                return None
    return now // DAY_MS - kept_days(site)


def kept_days(site: Site) -> int:
    """How long readings are kept at least, if no contract spares them [d]."""
    return max(site.site.retention_days, site.site.lateness_days + 1)


def rests_until(site: Site, building: str, received_at: int, oldest: int) -> int:
    """UTC day before which nothing is cut because history older than the retention came in: more of it may follow.

    Args:
        site: The site.
        building: The building.
        received_at: When it came [ms].
        oldest: Time of its oldest reading [ms].

    Returns:
        0 if it is not older, or if a contract spares it.
    """
    if received_at - oldest <= kept_days(site) * DAY_MS or cut_day(site, building, received_at) is None:
        return 0
    return received_at // DAY_MS + site.site.lateness_days


def days_with_readings(holds: Callable[[int], bool], first: int, end: int) -> list[int]:
    """Days before `end` that have readings.

    Args:
        holds: Whether a day has readings.
        first: The oldest day that may have some; 0 in a state of before there was retention. Then the days before
            `end` are looked at, back to a month without readings.
        end: Day after the last one asked for.
    """
    if first:
        return [day for day in range(first, end) if holds(day)]
    days: list[int] = []
    day, missing = end - 1, 0
    while missing < _MONTH:
        missing = 0 if holds(day) else missing + 1
        if not missing:
            days.append(day)
        day -= 1
    return days[::-1]


def years_after(day: dt.date, years: int) -> dt.date:
    """The same date some years later; 28 February for a 29th that does not exist."""
    if day.year + years > dt.MAXYEAR:
        return dt.date.max
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def delete_before(parts: Parts, day: int) -> dict[PartName, Part | None]:
    """Delete the readings of a register's days before the UTC day `day`. Its newest block always stays.

    Returns:
        Parts to replace; None deletes one. Empty if there is nothing to delete.
    """
    head = parts.get(HEAD)
    if not isinstance(head, Head):
        return {}
    last = head.before(day)
    if last is not None and head.after(last) is None:
        last = head.before(last)
    if last is None or last < head.cut:
        return {}
    gone = [(each, block_of(parts, each)) for each in head.days() if each <= last]
    changed: dict[PartName, Part | None] = {utc_day(each): None for each, _ in gone[:-1]}
    changed[utc_day(last)] = _checkpoint([block for _, block in gone])
    deleted = sum(block.accepted for _, block in gone)
    spans = tuple((max(first, last), end) for first, end in head.spans if end >= last)
    reaching = tuple(entry for entry in head.reaching if entry[0] > last)
    changed[HEAD] = replace(
        head, spans=spans, reaching=reaching, cut=last + 1, deleted=head.deleted + deleted, rests=0
    )
    return changed


def _checkpoint(blocks: Sequence[Block]) -> Block:
    """The block that stays in place of `blocks`: the state after them, and their part of the hours in reach."""
    state = blocks[-1].state
    booked = Booked({}, {}, [], [])
    for block in blocks:
        for hour, amount in block.booked.amounts.items():
            if _reached(state, hour):
                booked.amounts[hour] = booked.amounts.get(hour, 0) + amount
        for hour, note in block.booked.flags.items():
            if _reached(state, hour):
                booked.flags[hour] = booked.flags.get(hour, 0) | note
    booked.shift = sum(booked.amounts.values()) - state.v
    return Block([], [], state, booked)


def _reached(state: State, hour: int) -> bool:
    """Whether a fold that goes on from `state` may book into the hour or mark it.

    It goes back to the anchor, to the beginning of the standstill or of the open interval, of the unusual days and of
    the day at hand; and to the gap before the first interval, where the register's own difference is brought.
    """
    instants = [state.t - 1, state.unchanged_since]
    if state.unusual_since:
        instants.append(state.unusual_since)
    if state.day:
        instants.append(state.day * DAY_MS)
    instants += [chain.points[0].t for chain in state.chains]
    if hour >= min(instants) // HOUR_MS:
        return True
    gap = state.filled
    return gap is not None and (gap.t - 1) // HOUR_MS <= hour <= gap.first // HOUR_MS
