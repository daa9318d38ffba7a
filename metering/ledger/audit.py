"""The audit of one register's ledger: law 1 (docs/laws.md) as a check of what is stored.

Every block is folded again from its readings and facts alone, and must give the same state and the same bookings. What
each block booked must be what its readings counted (`Booked.shift`). The difference between the first and the last
accepted reading must be booked, unknown or named (`metering.ledger.statement`). The store must show the hours, the
unknown energy and the number of readings that the blocks give. If retention has deleted readings, the audit begins at
the register's checkpoint (`metering.ledger.retention`); figures of deleted days are not checked.

Blocks of an older version of the fold may differ when they are folded again, and that is no fault: only their sums are
checked (`Head.outdated`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from metering.events import Unknown
from metering.ledger.blocks import Block, Head
from metering.ledger.booking import Booked, net_unknowns
from metering.ledger.ruled import fold_ruled
from metering.ledger.rulings import effective
from metering.ledger.state import State
from metering.ledger.statement import statement

FaultKind: TypeAlias = Literal[
    "no_blocks",
    "readings",
    "hours",
    "unknown",
    "total",
    "no_rules",
    "rulings",
    "refolded",
    "block_total",
    "statement",
    "anchor",
]


class Fault(NamedTuple):
    """One way in which a register's ledger contradicts itself or the store."""

    kind: FaultKind
    figures: Mapping[str, int]
    """Figures of the kind. `at` is an instant of the faulty block [ms]; `hour` counts from 1970; other amounts are in
    the quantity's base unit.

    - no_blocks: accepted
    - readings: accepted (as the store counts them), stored (in blocks, or deleted)
    - hours: number (of hours that differ), hour, amount (the first of them)
    - unknown: shown, booked
    - total: counted, booked
    - no_rules: none
    - refolded: at
    - block_total: at, counted, booked
    - rulings: stated, folded (the blocks were folded by other rulings than those stated)
    - statement: difference (between the first and the last accepted reading), booked, unknown, named, left
    - anchor: at (of the last kept reading, which is not among the accepted ones)
    """


class Shown(NamedTuple):
    """What a store shows of one register."""

    accepted: int
    """Accepted readings."""
    hours: Mapping[int, int]
    """Energy by hour since 1970, over at least the hours that the blocks book and a day on both sides."""
    unknowns: Sequence[Unknown]


def audit(head: Head, blocks: Sequence[Block], shown: Shown) -> list[Fault]:
    """Every fault of a register's ledger.

    Args:
        head: The register's head.
        blocks: Its blocks, by day. Without any, and without accepted readings, it is a virtual meter.
        shown: What the store shows of it.
    """
    if not blocks:
        return [Fault("no_blocks", {"accepted": shown.accepted})] if shown.accepted else []
    faults = [*_compare_store(head, blocks, shown), *refold(head, blocks)]
    return faults or check_statement(head, blocks)


def check_statement(head: Head, blocks: Sequence[Block]) -> list[Fault]:
    """Whether the difference between the accepted readings is booked, unknown or named, to the base unit."""
    stated = statement(head, blocks)
    if stated is None:
        return []
    if not stated.kept:
        return [Fault("anchor", {"at": blocks[-1].state.t})]
    if not stated.left:
        return []
    return [
        Fault(
            "statement",
            {
                "difference": stated.difference,
                "booked": stated.booked,
                "unknown": stated.unknown,
                "named": sum(part.amount for part in stated.named),
                "left": stated.left,
            },
        )
    ]


def booked_hours(blocks: Sequence[Block]) -> dict[int, int]:
    """Energy by hour since 1970, summed over the blocks."""
    hours: dict[int, int] = {}
    for block in blocks:
        for hour, amount in block.booked.amounts.items():
            hours[hour] = hours.get(hour, 0) + amount
    return hours


def refold(head: Head, blocks: Sequence[Block]) -> list[Fault]:
    """Fold every block again: from nothing, or from the checkpoint of a cut. The first fault ends it.

    Blocks of an older version of the fold are only summed.
    """
    if head.rules is None:
        return [Fault("no_rules", {})]
    if head.rules.rulings != effective(head.rulings) and not head.outdated:
        return [Fault("rulings", {"stated": len(head.rulings), "folded": len(head.rules.rulings)})]
    before = blocks[0].state.v if head.cut else 0
    again = folded_again(head, blocks)
    for block, new in zip(blocks, again, strict=True):
        at = block.newest[0]
        if new.state != block.state or new.booked != block.booked:
            return [Fault("refolded", {"at": at})]
        if head.cut and block is blocks[0]:
            continue  # the checkpoint: its hours are sums over deleted blocks
        counted, total = block.state.v - before + block.booked.shift, block.booked.total
        if total != counted:
            return [Fault("block_total", {"at": at, "counted": counted, "booked": total})]
        before = block.state.v
    return []


def folded_again(head: Head, blocks: Sequence[Block]) -> list[Block]:
    """The blocks as their readings and facts give them, each folded from the one before it.

    The checkpoint of a cut, and blocks of an older version of the fold, stay as they are.
    """
    if head.outdated or head.rules is None:
        return list(blocks)
    state: State | None = None
    again: list[Block] = []
    if head.cut:
        state, again, blocks = blocks[0].state, [blocks[0]], blocks[1:]
    for block in blocks:
        booked = Booked({}, {}, [], [])
        # Without readings and facts there is nothing to fold: all facts of the first days have been withdrawn.
        state = fold_ruled(head.rules, state, block.times, block.amounts, booked, block.facts) or block.state
        again.append(Block(block.times, block.amounts, state, booked, block.facts))
    return again


def _compare_store(head: Head, blocks: Sequence[Block], shown: Shown) -> list[Fault]:
    """Faults between the blocks and what the store shows, and in the sum over all blocks."""
    faults: list[Fault] = []
    stored = sum(block.accepted for block in blocks) + head.deleted
    if stored != shown.accepted:
        faults.append(Fault("readings", {"accepted": shown.accepted, "stored": stored}))

    booked = booked_hours(blocks)
    # Hours before the cut belong to deleted blocks, unless the checkpoint or a later block books into them.
    to_compare = {hour: each for hour, each in shown.hours.items() if hour in booked or hour >= head.cut * 24}
    if to_compare != booked:
        wrong = sorted(set(to_compare.items()) ^ set(booked.items()))
        hour, amount = wrong[0]
        faults.append(Fault("hours", {"number": len(wrong), "hour": hour, "amount": amount}))

    unknowns = set(net_unknowns(block.booked for block in blocks))
    since = blocks[0].state.t if head.cut else 0
    booked_unknown = sum(unknown.amount for unknown in unknowns)
    shown_unknown = sum(each.amount for each in shown.unknowns if each.end > since or each in unknowns)
    if shown_unknown != booked_unknown:
        faults.append(Fault("unknown", {"shown": shown_unknown, "booked": booked_unknown}))

    counted = blocks[-1].state.v + sum(block.booked.shift for block in blocks)
    total = sum(booked.values()) + booked_unknown
    if counted != total:
        faults.append(Fault("total", {"counted": counted, "booked": total}))
    return faults
