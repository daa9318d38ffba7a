"""What the fold books: energy by hour, unknown blocks, flags and findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from msgspec import Struct

from metering import flags as f
from metering.events import Unknown
from metering.times import HOUR_MS

GAP_MS: Final = 6 * HOUR_MS
"""The longest gap that is interpolated (law 1, docs/laws.md; CalTRACK allows the same for temperature)."""


class BookedFinding(NamedTuple):
    """A doubt about the readings; `metering.findings` lists kinds and names of figures."""

    kind: str
    start: int
    """[ms]."""
    end: int
    """[ms]."""
    figures: tuple[tuple[str, int], ...] | str
    """(name, value) pairs, amounts in the quantity's base units. State written before findings had figures has a
    sentence in their place."""


class Named(NamedTuple):
    """A part of the difference between two readings that is not use of the register between them."""

    reason: str
    """`first` (what the register showed before the first reading), `rollover`, `reset`, `exchange`, `unread` (between
    intervals and the register after them), or `interval` (booked although no register counted it)."""
    at: int
    """[ms]."""
    amount: int
    """What is taken out of the difference [base units]; below zero if the ledger booked more than the difference."""


def figures_of(figures: tuple[tuple[str, int], ...] | str) -> dict[str, int | str]:
    """A finding's figures by name; a sentence of old state under `text`."""
    return {"text": figures} if isinstance(figures, str) else dict(figures)


class Booked(Struct, array_like=True, gc=False):
    """What a run of the fold booked. Mutable: the fold appends to it (numbers and findings, so no cycles)."""

    amounts: dict[int, int]
    """Energy by hour since 1970."""
    flags: dict[int, int]
    """Flags by hour. An hour with flags and no energy here marks what other blocks booked."""
    unknowns: list[Unknown]
    findings: list[BookedFinding]
    shift: int = 0
    """Differences between the anchor's amount and what was booked: a rollover's wrap, the jump from one register to
    the next, the use of an interval. Conservation: the anchor's amount after the run, minus the amount before it (0 if
    there was no anchor), plus shift, is the sum of all that the run booked."""
    named: list[Named] = []
    """The reasons of `shift`, whose amounts add up to `-shift`; empty in state written before they were kept."""

    returned: list[Unknown] = []
    """Unknown blocks that this or an earlier run booked, and that are void."""

    @property
    def total(self) -> int:
        """Energy by hour and unknown energy [base units]."""
        unknown = sum(each.amount for each in self.unknowns) - sum(each.amount for each in self.returned)
        return sum(self.amounts.values()) + unknown

    def name(self, reason: str, at: int, amount: int) -> None:
        """Take an amount out of what the register's readings say, with its reason."""
        if amount:
            self.shift -= amount
            self.named.append(Named(reason, at, amount))

    def add_finding(self, kind: str, start: int, end: int, **figures: int) -> None:
        """Add a finding over `[start, end]` [ms]."""
        self.findings.append(BookedFinding(kind, start, end, tuple(figures.items())))

    def copy(self) -> Booked:
        """A copy that the fold may append to."""
        return Booked(
            dict(self.amounts),
            dict(self.flags),
            list(self.unknowns),
            list(self.findings),
            self.shift,
            list(self.named),
            list(self.returned),
        )


def book(start: int, end: int, amount: int, flags: int, booked: Booked) -> None:
    """Spread an amount over `[start, end)`, or book it as one unknown block if the gap is longer than `GAP_MS`."""
    if end - start > GAP_MS:
        booked.unknowns.append(Unknown(start=start, end=end, amount=amount, flags=flags | f.UNKNOWN))
        if start % HOUR_MS:
            mark(booked, start // HOUR_MS, flags | f.PARTIAL | f.UNKNOWN)
        if end % HOUR_MS:
            mark(booked, end // HOUR_MS, flags | f.PARTIAL | f.UNKNOWN)
        return
    if end - start > HOUR_MS:
        flags |= f.INTERPOLATED
    first, last = start // HOUR_MS, (end - 1) // HOUR_MS
    amounts = booked.amounts
    counted = 0
    for hour in range(first, last):
        count = amount * ((hour + 1) * HOUR_MS - start) // (end - start)
        amounts[hour] = amounts.get(hour, 0) + count - counted
        counted = count
    amounts[last] = amounts.get(last, 0) + amount - counted
    if flags:
        for hour in range(first, last + 1):
            mark(booked, hour, flags)


def rebook(start: int, end: int, amount: int, now: int, flags: int, booked: Booked) -> None:
    """Book another amount over a time that an amount was booked over, by this or an earlier run.

    Args:
        start: Begin of the time [ms].
        end: Its end [ms].
        amount: The amount that `book` booked.
        now: The amount that is right.
        flags: The flags that it was booked with.
        booked: Receives the difference by hour, or the unknown block in place of the other.
    """
    before, after = Booked({}, {}, [], []), Booked({}, {}, [], [])
    book(start, end, amount, flags, before)
    book(start, end, now, flags | f.SPIKE, after)
    booked.returned += before.unknowns
    booked.unknowns += after.unknowns
    for hour, part in after.amounts.items():
        booked.amounts[hour] = booked.amounts.get(hour, 0) + part - before.amounts[hour]
    for hour, noted in after.flags.items():
        mark(booked, hour, noted)


def net_unknowns(several: Iterable[Booked]) -> list[Unknown]:
    """The unknown blocks that runs of the fold booked, without those that a later run found void."""
    runs = list(several)
    void = Counter(each for booked in runs for each in booked.returned)
    kept = []
    for each in (each for booked in runs for each in booked.unknowns):
        if void[each]:
            void[each] -= 1
        else:
            kept.append(each)
    return kept


def mark(booked: Booked, hour: int, flags: int) -> None:
    """Add flags to an hour."""
    booked.flags[hour] = booked.flags.get(hour, 0) | flags


def mark_uncounted(start: int, end: int, flags: int, booked: Booked) -> None:
    """Mark the ends of `[start, end)`, over which no register counted: it has a duration and no amount."""
    if start % HOUR_MS:
        mark(booked, start // HOUR_MS, flags | f.PARTIAL)
    elif flags:
        mark(booked, (start - 1) // HOUR_MS, flags)
    if end % HOUR_MS:
        mark(booked, end // HOUR_MS, flags | f.PARTIAL)
