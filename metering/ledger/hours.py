"""The hours of one register: each is the sum over the blocks that book into it.

A block may book into earlier days than its own: when a gap ends, or when later readings confirm a chain. So an hour
gets its energy and flags from its own day's block, from the next block, and from those in `Head.reaching`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from metering import flags as f
from metering.ledger.blocks import Block, Head, Parts, block_of
from metering.ledger.booking import Booked
from metering.ledger.state import State
from metering.times import HOUR_MS

Hour: TypeAlias = tuple[int, int] | None
"""(amount, flags) of an hour; None if nothing is booked in it."""
_BlockOf: TypeAlias = Callable[[int], Block | None]


def changed_hours(
    parts: Parts,
    old_head: Head,
    new_head: Head,
    old_blocks: Mapping[int, Block | None],
    new_blocks: Mapping[int, Block],
) -> dict[int, Hour]:
    """The hours that differ between the old and the new blocks, as they are after the change.

    Args:
        parts: The register's state before the change.
        old_head: Its head.
        new_head: The head after the change.
        old_blocks: Blocks that change, by UTC day, before the change; None for a new block.
        new_blocks: The same after it.
    """
    touched: set[int] = set()
    for day, block in new_blocks.items():
        old = old_blocks[day]
        if old is None:
            touched.update(block.booked.amounts)
            touched.update(block.booked.flags)
            continue
        touched.update(hour for hour, _ in block.booked.amounts.items() ^ old.booked.amounts.items())
        touched.update(hour for hour, _ in block.booked.flags.items() ^ old.booked.flags.items())

    def old_block(day: int) -> Block | None:
        if day in old_blocks:
            return old_blocks[day]
        return block_of(parts, day) if old_head.has_block(day) else None

    def new_block(day: int) -> Block | None:
        block = new_blocks.get(day)
        if block is not None:
            return block
        return block_of(parts, day) if new_head.has_block(day) else None

    old_end, new_end = _end(old_head, old_block), _end(new_head, new_block)
    for end in (old_end, new_end):
        if end is not None:
            touched.update(open_hours(end))
    after: dict[int, Hour] = {}
    by_day: dict[int, list[int]] = {}
    for hour in sorted(touched):
        by_day.setdefault(hour // 24, []).append(hour)
    for day, hours in by_day.items():
        old_sources = _sources(old_head, day, hours, old_block)
        new_sources = _sources(new_head, day, hours, new_block)
        for hour in hours:
            old_hour, new_hour = sum_hour(old_sources, hour, old_end), sum_hour(new_sources, hour, new_end)
            if old_hour != new_hour:
                after[hour] = new_hour
    return after


def open_hours(end: State) -> tuple[int, int]:
    """The hour that the anchor lies in and the one that it ends: their flags depend on the register's last state."""
    return end.t // HOUR_MS, (end.t - 1) // HOUR_MS


def sum_hour(sources: Sequence[Booked], hour: int, end: State | None) -> Hour:
    """One hour as the sum of its sources.

    Args:
        sources: What may book into the hour.
        hour: Hours since 1970.
        end: The fold's state after all the register's readings. The hour that ends at its anchor is partial if the
            anchor lies within it, and pending while readings are in doubt.
    """
    amount, flags, covered = 0, 0, False
    for booked in sources:
        part = booked.amounts.get(hour)
        if part is not None:
            amount += part
            covered = True
        flags |= booked.flags.get(hour, 0)
    if not covered:
        return None
    if end is not None and hour * HOUR_MS < end.t <= (hour + 1) * HOUR_MS:
        if end.t < (hour + 1) * HOUR_MS:
            flags |= f.PARTIAL
        if end.chains:
            flags |= f.PENDING
    return amount, flags


def _end(head: Head, block_at: _BlockOf) -> State | None:
    """The fold's state after all the register's readings."""
    if not head.spans:
        return None
    block = block_at(head.spans[-1][1])
    return block.state if block is not None else None


def _sources(head: Head, day: int, hours: Sequence[int], block_at: _BlockOf) -> list[Booked]:
    """What may book into hours of the UTC day: its own block, the next one, and those that reach back."""
    days = [day]
    after = head.after(day)
    if after is not None:
        days.append(after)
    days += [source for source, earliest in head.reaching if source not in days and earliest <= hours[-1]]
    blocks = (block_at(source) for source in days if source >= day)
    return [block.booked for block in blocks if block is not None]
