"""Deleting needs proof: one register's readings, what its ledger must contain of them, and what it must ask.

A row passes if its total is right, or if everything that is wrong is asked about by a finding that the row names.
Whatever the row says, a register whose last kept reading lies far behind the accepted ones must have a finding.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from metering.ledger.audit import refold
from metering.ledger.blocks import Head, Part, block_of
from metering.ledger.booking import net_unknowns
from metering.ledger.chains import pending
from metering.ledger.enter import enter
from metering.ledger.state import Fact, Rules
from metering.parts import HEAD, PartName
from metering.times import HOUR_MS
from simulators.faults.proofs.registers import Sent

_CHUNK: Final = 200
_LAG_READINGS: Final = 24
_LAG_MS: Final = 24 * HOUR_MS
STALLED: Final = "stalled"
"""The finding of a register whose last kept reading lags the accepted ones by a day or 24 readings."""
QUESTION: Final = frozenset({"leap", "frozen"})
"""Findings that ask whether a large step was use."""
DELETING: Final = frozenset({"exchange", "reset", "unit_change", "spike_dropped", "rollover"})
"""Findings that would say that a step was none."""


@dataclass(frozen=True)
class Row:
    """Readings of a register and what follows from them."""

    rules: Rules
    sent: Sent
    truth: int
    """What it counted between its first and its last reading [Wh or l]."""
    allowed: int = 0
    """Error that the resolution allows [Wh or l]."""
    asks: frozenset[str] = frozenset()
    """Findings, of which there must be one; none need be if empty."""
    never: frozenset[str] = frozenset()
    """Findings that there must not be."""
    withheld: int = 0
    """What may be missing if a finding of `asks` or `STALLED` says so, or while readings are pending [Wh or l]."""
    beyond: int = 0
    """What may be in the total above the truth, because nobody can tell [Wh or l]."""
    excused: frozenset[str] = frozenset()
    """Findings that excuse any total above the truth: by the rule, what the bound allows is energy with a question."""
    block: tuple[int, int] | None = None
    """Span of one unknown block that there must be [ms]."""
    facts: tuple[Fact, ...] = ()


Made: TypeAlias = Callable[[], Row]


class Outcome(NamedTuple):
    """What the ledger made of a row."""

    total: int
    """Booked and unknown energy [Wh or l]."""
    findings: Counter[str]
    pending: int
    """Readings after the last kept one."""
    lag_ms: int
    """From the last kept reading to the last accepted one."""
    blocks: frozenset[tuple[int, int]]
    """Spans of the unknown blocks [ms]."""
    broken: tuple[str, ...]
    """Blocks that fold differently again, or that made or lost energy."""


def entered(row: Row, order: random.Random | None = None) -> dict[PartName, Part]:
    """The parts of a ledger into which the row's facts and readings were entered, shuffled by `order` if given."""
    pairs = list(row.sent)
    if order is not None:
        order.shuffle(pairs)
    parts: dict[PartName, Part] = {}
    for start in range(0, len(pairs), _CHUNK):
        chunk = pairs[start : start + _CHUNK]
        facts = row.facts if start == 0 else ()
        change = enter(row.rules, parts, [t for t, _ in chunk], [v for _, v in chunk], facts)
        if change:
            parts |= {name: part for name, part in change.parts.items() if part is not None}
    return parts


def outcome(row: Row, parts: dict[PartName, Part]) -> Outcome:
    """What the parts of the row's ledger say."""
    head = parts[HEAD]
    assert isinstance(head, Head)
    blocks = [block_of(parts, day) for day in head.days()]
    frontier = blocks[-1].state.t
    booked = [finding for block in blocks for finding in block.booked.findings]
    unknowns = net_unknowns(block.booked for block in blocks)
    return Outcome(
        total=sum(block.booked.total for block in blocks),
        findings=Counter(
            finding.kind for finding in (*booked, *pending(blocks[-1].state)) if finding.kind != "pending"
        ),
        pending=sum(1 for t, _ in row.sent if t > frontier),
        lag_ms=max(0, row.sent[-1][0] - frontier),
        blocks=frozenset((u.start, u.end) for u in unknowns),
        broken=tuple(map(str, refold(head, blocks))),
    )


def judge(row: Row, found: Outcome) -> list[str]:
    """What is wrong with a row's outcome, in words; empty if nothing is."""
    wrong = list(found.broken)
    kinds = set(found.findings)
    missing = row.truth - found.total - row.allowed
    if missing > 0:
        asked = kinds & (row.asks | {STALLED}) or 0 < found.pending <= _LAG_READINGS
        if missing > row.withheld or not asked:
            wrong.append(f"{missing / 1000:.0f} of {row.truth / 1000:.0f} kWh (m3) are missing")
    excess = found.total - row.truth - row.allowed - row.beyond
    if excess > 0 and not kinds & row.excused:
        wrong.append(f"{excess / 1000:.0f} kWh (m3) are too much in {row.truth / 1000:.0f}")
    if row.asks and not kinds & row.asks:
        wrong.append(f"nothing asks: {' or '.join(sorted(row.asks))} is missing")
    if kinds & row.never:
        wrong.append(f"{', '.join(sorted(kinds & row.never))} must not be")
    if row.block and row.block not in found.blocks:
        wrong.append("no unknown block has the span of the silence")
    if STALLED not in kinds and (found.pending > _LAG_READINGS or found.lag_ms > 2 * _LAG_MS):
        wrong.append(f"the register stopped {found.lag_ms / _LAG_MS:.1f} days ago, and nothing says so")
    return wrong


def run(made: Made) -> list[str]:
    """Enter a row's readings and judge its ledger."""
    row = made()
    return judge(row, outcome(row, entered(row)))
