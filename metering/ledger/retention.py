"""Retention: which readings are deleted and when, and what replaces them. Figures are never deleted.

Theory of operation
-------------------
Blocks of days before the *cut* are deleted. The newest of them is replaced by the register's *checkpoint*: a block
without readings, with the fold's state after that day. The next block is folded from it, as from any other block.

A later block may book into hours before the cut (a gap that ends after it, a frozen display that catches up). So the
checkpoint also contains what the deleted blocks booked in every hour that the fold can reach from its state, and an
hour is still the sum over its blocks. Unknown blocks and findings of deleted days are final.

Readings and facts of the checkpoint's day and of days before it are rejected, because folding cannot begin there. The
cut follows the deleted days and not the calendar: a new register accepts history of any age, and so does a day between
the checkpoint and the oldest block.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final

from msgspec.structs import replace

from metering.ledger.blocks import Block, Head, Part, Parts, block_of
from metering.ledger.booking import Booked
from metering.ledger.state import State
from metering.messages import Subject
from metering.parts import HEAD, PartName, utc_day
from metering.site.contracts import Contract
from metering.site.model import Site
from metering.times import DAY_MS, HOUR_MS, from_ms

SPARED_YEARS: Final = 3
"""Readings of a building under a contract are kept this long after its term: claims expire after three years (article
196 of the Civil Code)."""

_MONTH: Final = 31
"""The search for old days ends after this many days without readings."""


def cut_day(site: Site, building: str, now: int) -> int | None:
    """The UTC day (since 1970) before which the building's readings may be deleted at `now` [ms].

    Readings are kept for `retention_days`, and longer than `lateness_days`: a reading in time is never rejected.

    Returns:
        None if a contract requires all of them, or if the site has no such building.
    """
    if building not in site.buildings:
        return None
    today = from_ms(now).astimezone(site.zone).date()
    if any(_spares(contract, today) for contract in site.contract if contract.building == building):
        return None
    return now // DAY_MS - kept_days(site)


def message_cuts(site: Site, now: int) -> dict[Subject, int]:
    """The instants before which the raw messages that arrived may be deleted at `now` [ms].

    A message is kept as long as the readings of its building may be: for `retention_days`, or until three years after
    the last act of the building's contracts. A station's messages are kept as long as one of its buildings needs them.
    Buildings and stations that are not in the result keep all of theirs.
    """
    today = from_ms(now).astimezone(site.zone).date()
    spared = {contract.building for contract in site.contract if _spares(contract, today)}
    stations = {building.station for building in site.building if building.id in spared}
    before = (now // DAY_MS - kept_days(site)) * DAY_MS
    subjects = [Subject("building", id) for id in site.buildings if id not in spared]
    subjects += [Subject("station", id) for id in site.stations if id not in stations]
    return dict.fromkeys(subjects, before)


def _spares(contract: Contract, today: dt.date) -> bool:
    """Whether a contract still requires all readings of its building."""
    end = contract.reporting.to
    return end is None or today <= years_after(end, SPARED_YEARS)


def kept_days(site: Site) -> int:
    """How long readings are kept if no contract requires more [d]."""
    return max(site.site.retention_days, site.site.lateness_days + 1)


def rests_until(site: Site, building: str, received_at: int, oldest: int) -> int:
    """UTC day before which no readings are deleted, because history older than retention arrived and more may follow.

    Args:
        site: The site.
        building: The building.
        received_at: When the readings arrived [ms].
        oldest: Time of the oldest of them [ms].

    Returns:
        0 if they are not older than retention, or if a contract requires all readings.
    """
    if received_at - oldest <= kept_days(site) * DAY_MS or cut_day(site, building, received_at) is None:
        return 0
    return received_at // DAY_MS + site.site.lateness_days


def days_with_readings(has_readings: Callable[[int], bool], first: int, end: int) -> list[int]:
    """Days before `end` that have readings.

    Args:
        has_readings: Whether a day has readings.
        first: The oldest day that may have some; 0 in a state from before retention. Then days are searched back from
            `end` until a month has no readings.
        end: Day after the last one to return.
    """
    if first:
        return [day for day in range(first, end) if has_readings(day)]
    days: list[int] = []
    day, missing = end - 1, 0
    while missing < _MONTH:
        missing = 0 if has_readings(day) else missing + 1
        if not missing:
            days.append(day)
        day -= 1
    return days[::-1]


def years_after(day: dt.date, years: int) -> dt.date:
    """The same date some years later; 28 February if that year has no 29th."""
    if day.year + years > dt.MAXYEAR:
        return dt.date.max
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def delete_before(parts: Parts, day: int) -> dict[PartName, Part | None]:
    """Delete the readings of a register's days before the UTC day `day`. Its newest block is never deleted.

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
    deleted = {each: block_of(parts, each) for each in head.days() if each <= last}
    changed: dict[PartName, Part | None] = {utc_day(each): None for each in deleted}
    changed[utc_day(last)] = _checkpoint([*deleted.values()])
    readings = head.deleted + sum(block.accepted for block in deleted.values())
    spans = tuple((max(first, last), end) for first, end in head.spans if end >= last)
    reaching = tuple(entry for entry in head.reaching if entry[0] > last)
    changed[HEAD] = replace(head, spans=spans, reaching=reaching, cut=last + 1, deleted=readings, rests=0)
    return changed


def _checkpoint(blocks: Sequence[Block]) -> Block:
    """The block that replaces `blocks`: the state after them, and their part of the hours in reach."""
    state = blocks[-1].state
    booked = Booked({}, {}, [], [])
    for block in blocks:
        for hour, amount in block.booked.amounts.items():
            if _reached(state, hour):
                booked.amounts[hour] = booked.amounts.get(hour, 0) + amount
        for hour, flags in block.booked.flags.items():
            if _reached(state, hour):
                booked.flags[hour] = booked.flags.get(hour, 0) | flags
    booked.name("first", state.t, state.v - sum(booked.amounts.values()))
    return Block([], [], state, booked)


def _reached(state: State, hour: int) -> bool:
    """Whether a fold that continues from `state` may book into the hour or flag it.

    It reaches back to the anchor; to the start of the unchanged amount, of the last interval, of the unusual days and
    of the current day; to the newest leap; to the first reading in doubt; and to the gap before the first interval,
    into which the register's remainder is booked.
    """
    instants = [state.t - 1, state.unchanged_since]
    if state.unusual_since:
        instants.append(state.unusual_since)
    if state.day:
        instants.append(state.day * DAY_MS)
    if state.leap is not None:
        instants.append(state.leap.start)
    instants += [chain.points[0].t for chain in state.chains]
    if hour >= min(instants) // HOUR_MS:
        return True
    gap = state.filled
    return gap is not None and (gap.t - 1) // HOUR_MS <= hour <= gap.first // HOUR_MS
