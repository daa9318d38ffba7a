"""The statement of a register: what it showed first and last, and where all of the difference went.

Last accepted minus first accepted = energy by hour + unknown energy + what is named as not counted, exactly, in base
units. First and last are accepted readings in order of time (or the first count of a declared meter), as the meter sent
them, whether the ledger kept them or not. What is named has a reason and an instant: an exchange, a reset, a rollover,
use that an archive states, a conversion of the unit, a last reading that is in doubt, what a person ruled.

If retention has deleted readings, the statement begins at the checkpoint: at the last reading that the ledger kept
before the cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Final, NamedTuple

from metering.events import Exchange
from metering.ledger.blocks import Block, Head
from metering.ledger.booking import Named
from metering.ledger.ruled import as_ruled
from metering.ledger.state import State

FIRST: Final = "first"
UNREAD: Final = "unread"
UNIT: Final = "unit"
"""The last kept reading was sent in another unit than that of the epoch's start."""
RULING: Final = "ruling"
"""A person ruled that the reading is not ours, or in which unit or with which weight it counts."""
IN_DOUBT: Final = "in_doubt"
"""The last reading does not follow from those before it, and later ones must decide."""
CONFLICT: Final = "conflict"
"""Of several values at the last instant the ledger keeps another one."""
STRAY: Final = "stray"
"""The last reading belongs to no register."""
UNNAMED: Final = "unnamed"
"""Blocks of an older version of the fold left it out without a reason; they wait to be folded again."""


class Count(NamedTuple):
    """What a register showed."""

    at: int
    """[ms]."""
    amount: int
    """As sent [base units]; of a checkpoint, in the unit of the epoch's start."""


class Statement(NamedTuple):
    """Where the difference between the first and the last accepted reading went [base units]."""

    first: Count
    last: Count
    booked: int
    """Energy by hour."""
    unknown: int
    """Energy of unknown blocks."""
    named: tuple[Named, ...]
    """What is not counted, by time, none of it 0."""
    kept: bool = True
    """Whether what the ledger goes on from is an accepted reading or a fact."""

    @property
    def difference(self) -> int:
        """Last minus first."""
        return self.last.amount - self.first.amount

    @property
    def left(self) -> int:
        """The part of the difference that nothing explains: 0 unless the ledger was changed by hand."""
        return self.difference - self.booked - self.unknown - sum(part.amount for part in self.named)


def statement(head: Head, blocks: Sequence[Block]) -> Statement | None:
    """The statement of a register.

    Args:
        head: The register's head.
        blocks: Its blocks, by day.

    Returns:
        None if the register has no blocks.
    """
    if not blocks:
        return None
    ruled = _as_ruled(head, blocks)
    stated = _statement(head, ruled)
    if ruled is blocks or stated is None:
        return stated
    sent = list(_counts(blocks[1:] if head.cut else blocks))
    if not sent:
        return stated
    # The statement is of the counts as persons ruled them to be; what they changed at its two ends is named.
    first = stated.first if head.cut else sent[0]
    last = sent[-1] if sent[-1].at > stated.last.at else _sent(stated.last, sent, blocks, ruled)
    named = [
        part
        for part in (
            Named(RULING, first.at, stated.first.amount - first.amount),
            Named(RULING, last.at, last.amount - stated.last.amount),
        )
        if part.amount
    ]
    parts = sorted((*stated.named, *named), key=lambda part: (part.at, part.reason, part.amount))
    return stated._replace(first=first, last=last, named=tuple(parts))


def _as_ruled(head: Head, blocks: Sequence[Block]) -> Sequence[Block]:
    """The blocks with readings and facts as persons ruled them to be; the same blocks if nobody ruled."""
    if head.rules is None or not head.rules.rulings:
        return blocks
    ruled = []
    for block in blocks:
        times, amounts, facts = as_ruled(head.rules, block.times, block.amounts, block.facts)
        ruled.append(Block(list(times), list(amounts), block.state, block.booked, tuple(facts)))
    return ruled


def _sent(last: Count, sent: Sequence[Count], blocks: Sequence[Block], ruled: Sequence[Block]) -> Count:
    """The last count as it was sent: of several at its instant the one that became it, else the smallest."""
    at = [count for count in sent if count.at == last.at]
    kept = [
        Count(t, amount)
        for block, as_it_is in zip(blocks[-1:], ruled[-1:], strict=True)
        if len(block.times) == len(as_it_is.times)
        for t, amount, count in zip(block.times, block.amounts, as_it_is.amounts, strict=True)
        if (t, count) == (last.at, last.amount)
    ]
    return min(kept or at or [sent[-1]])


def _statement(head: Head, blocks: Sequence[Block]) -> Statement | None:
    """The statement of counts as they are."""
    since = blocks[0].state if head.cut else None
    after = blocks[1:] if head.cut else blocks
    end = blocks[-1].state
    counts = list(_counts(after))
    if since is not None:
        first = Count(since.t, since.v)
    elif counts:
        first = counts[0]
    else:
        first = Count(_start(blocks), 0)
    named = [part for block in after for part in block.booked.named]
    if since is None:
        named = _from_first(named, first)
    left_out = -sum(block.booked.shift + sum(part.amount for part in block.booked.named) for block in after)
    if left_out and head.outdated:
        named.append(Named(UNNAMED, end.t, left_out))
    last = _last(counts, end) or Count(end.t, end.v)
    anchor = _anchor(counts, end, since)
    if anchor is None and head.rules is not None and any(each.kind == "unit" for each in head.rules.rulings):
        # A unit was guessed until a person ruled it: the state no longer has the guess that the anchor was read by.
        anchor = Count(end.t, end.v)
    known = sum(sum(block.booked.amounts.values()) for block in after)
    named += _at_end(anchor, last, end)
    return Statement(
        first,
        last,
        known,
        sum(block.booked.total for block in after) - known,
        tuple(sorted(named, key=lambda part: (part.at, part.reason, part.amount))),
        kept=anchor is not None,
    )


def _counts(blocks: Sequence[Block]) -> Iterator[Count]:
    """Accepted readings and first counts of declared meters by time; of one instant the declared one comes last."""
    for block in blocks:
        exchanges = [Count(fact.at, fact.initial) for fact in block.facts if isinstance(fact, Exchange)]
        if not exchanges:
            yield from map(Count, block.times, block.amounts)
            continue
        readings = map(Count, block.times, block.amounts)
        yield from sorted((*readings, *exchanges), key=lambda count: count.at)


def _start(blocks: Sequence[Block]) -> int:
    """Where a register without readings begins: at its first interval [ms]."""
    starts = [getattr(fact, "start", fact.at) for fact in blocks[0].facts]
    return min(starts, default=blocks[0].state.t)


def _from_first(named: list[Named], first: Count) -> list[Named]:
    """The named parts without what the register showed at its first reading, from which the statement begins."""
    parts = [part for part in named if part.reason != FIRST]
    shown = sum(part.amount for part in named if part.reason == FIRST)
    before = Named(UNREAD, first.at, first.amount)
    if not shown and before in parts:
        parts.remove(before)  # the readings began after the intervals of an archive
    elif shown != first.amount:
        parts.append(Named(FIRST, first.at, shown - first.amount))
    return parts


def _last(counts: Sequence[Count], end: State) -> Count | None:
    """The last count; of several at one instant the one that the ledger keeps, else the smallest."""
    if not counts:
        return None
    at = counts[-1].at
    several = list(takewhile(lambda count: count.at == at, reversed(counts)))
    kept = [count for count in several if at == end.t and count.amount * end.num // end.den == end.v]
    return min(kept or several)


def _anchor(counts: Sequence[Count], end: State, since: State | None) -> Count | None:
    """The anchor as it was sent; None if it is neither an accepted reading nor stated by a fact."""
    if end.open:
        kept = end.filled
        if kept is None:
            return Count(end.t, end.v)  # intervals only: the register has not been read
        at, amount = kept.t, kept.v
    else:
        at, amount = end.t, end.v
    for count in reversed(counts):
        if count.at < at:
            break
        if count.at == at and (count.amount * end.num // end.den == amount or count.amount == amount):
            return count
    if since is not None and (since.t, since.v) == (at, amount):
        return Count(at, amount)
    if since is not None and since.filled is not None and (since.filled.t, since.filled.v) == (at, amount):
        return Count(at, amount)
    return None


def _at_end(anchor: Count | None, last: Count, end: State) -> Iterator[Named]:
    """What lies between the anchor's amount in the unit of the epoch and the last count as it was sent."""
    if anchor is None:
        return
    if anchor.amount != end.v:
        yield Named(UNIT, anchor.at, anchor.amount - end.v)
    if last.amount != anchor.amount:
        if any(point.t == last.at and point.sent == last.amount for c in end.chains for point in c.points):
            reason = IN_DOUBT
        else:
            reason = CONFLICT if last.at == anchor.at else STRAY
        yield Named(reason, last.at, last.amount - anchor.amount)
