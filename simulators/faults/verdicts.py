"""The judge of a case: what its ledger must contain, however the readings were entered."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from metering import flags as f
from metering.events import Unknown
from metering.ledger.audit import Fault, check_statement, refold
from metering.ledger.blocks import Block, Head, Part, block_of
from metering.ledger.booking import net_unknowns
from metering.ledger.enter import enter
from metering.parts import HEAD, PartName
from metering.times import HOUR_MS
from metering.units import UNITS, to_amount
from simulators.faults.cases import BEGIN, Case, clean
from simulators.faults.meters import Meter

_FIRST = BEGIN // HOUR_MS
_SLACK_H = 24
"""Hours beyond those that the fault concerns which may be flagged..."""
_SLACK_READINGS = 2
"""...or the hours between so many readings, if they are more."""
_USUAL = f.UNKNOWN | f.INTERPOLATED | f.PARTIAL


class Ledger(NamedTuple):
    """A ledger of the register."""

    hours: list[tuple[int, int, int]]
    """(hour since 1970, amount [Wh or l], flags)."""
    unknowns: list[Unknown]
    findings: frozenset[str] = frozenset()
    """Kinds of its findings."""


class Verdict(NamedTuple):
    """A ledger compared with the truth."""

    total_error: float
    """|ledger with unknown energy - truth| / truth."""
    wrong_hours: float
    """sum |hour - true| / (2 truth), unknown energy spread evenly."""
    flagged: int
    """Hours flagged beyond those that the meter's clean readings flag."""
    touched: int
    """Hours that the fault concerns."""
    unflagged_wrong: int
    """Hours that are off by more than 1 %, or not exact to the register's resolution, and not flagged."""
    asked: bool = False
    """Whether a finding asks a person about it."""

    @property
    def passes(self) -> bool:
        """The rule of the fault suite: 0.1 % and 0.5 %, or everything that is off is flagged and a finding asks."""
        right = self.total_error <= 0.001
        if right and self.wrong_hours <= 0.005:
            return True
        return self.unflagged_wrong == 0 and self.flagged <= self.touched + _SLACK_H and (right or self.asked)


def entered(case: Case, order: random.Random | None = None) -> dict[PartName, Part]:
    """The parts of a ledger into which the case's readings were entered, shuffled by `order` if given."""
    pairs = [(s.t, to_amount(float(s.value), UNITS[s.unit])) for s in case.sent]
    if order is not None:
        order.shuffle(pairs)
    size = 200 if order is None else 90
    parts: dict[PartName, Part] = {}
    for start in range(0, len(pairs), size):
        chunk = pairs[start : start + size]
        change = enter(case.meter.rules, parts, [t for t, _ in chunk], [v for _, v in chunk])
        if change:
            parts |= {name: each for name, each in change.parts.items() if each is not None}
    return parts


def broken_laws(parts: Mapping[PartName, Part]) -> list[Fault]:
    """Fold the stored readings of every block again: the differences, blocks that made or lost energy, and what the
    statement does not explain."""
    head = parts[HEAD]
    assert isinstance(head, Head)
    blocks = [block_of(parts, day) for day in head.days()]
    return [*refold(head, blocks), *check_statement(head, blocks)]


def ledger(parts: Mapping[PartName, Part]) -> Ledger:
    """The hours and unknown blocks that the parts of a ledger have booked."""
    amounts: dict[int, int] = {}
    flags: dict[int, int] = {}
    findings: set[str] = set()
    unknowns = net_unknowns(block.booked for block in parts.values() if isinstance(block, Block))
    for block in parts.values():
        if isinstance(block, Block):
            for hour, amount in block.booked.amounts.items():
                amounts[hour] = amounts.get(hour, 0) + amount
            for hour, note in block.booked.flags.items():
                flags[hour] = flags.get(hour, 0) | note
            findings.update(finding.kind for finding in block.booked.findings)
    hours = [(hour, amount, flags.get(hour, 0)) for hour, amount in amounts.items()]
    return Ledger(hours, unknowns, frozenset(findings))


def _by_hour(book: Ledger) -> tuple[dict[int, float], dict[int, int]]:
    """Amount and flags by hour after the beginning, unknown blocks spread evenly."""
    amounts: dict[int, float] = {}
    flags: dict[int, int] = {}
    for hour, amount, note in book.hours:
        amounts[hour - _FIRST] = amounts.get(hour - _FIRST, 0.0) + amount
        if note:
            flags[hour - _FIRST] = flags.get(hour - _FIRST, 0) | note
    for u in book.unknowns:
        for hour, share in _spread(u.start, u.end, u.amount):
            amounts[hour] = amounts.get(hour, 0.0) + share
            flags[hour] = flags.get(hour, 0) | u.flags
    return amounts, flags


def _spread(start: int, end: int, amount: float) -> Iterable[tuple[int, float]]:
    """An amount over `[start, end)` [ms] by hour after the beginning."""
    for hour in range(start // HOUR_MS, -(-end // HOUR_MS)):
        part = min(end, (hour + 1) * HOUR_MS) - max(start, hour * HOUR_MS)
        yield hour - _FIRST, amount * part / (end - start)


def _truth(case: Case) -> tuple[dict[int, float], dict[int, float]]:
    """By hour after the beginning: what was counted, and what was used but not counted [Wh or l]."""
    scale = UNITS[case.meter.unit].scale
    counted: dict[int, float] = {}
    lost: dict[int, float] = {}
    for i, ((a, b), (v, w)) in enumerate(zip(pairwise(case.t), pairwise(case.v), strict=True)):
        by_hour = lost if i in case.lost else counted
        amount = float((w - v) * scale.numerator / scale.denominator)
        for hour, share in _spread(a, b, amount):
            by_hour[hour] = by_hour.get(hour, 0.0) + share
    return counted, lost


@cache
def usual_flags(meter: Meter) -> Mapping[int, int]:
    """Flags by hour after the beginning of a ledger of the meter's clean readings."""
    return _by_hour(ledger(entered(clean(meter))))[1]


def judge(case: Case, book: Ledger) -> Verdict:
    """Compare a ledger with the truth of a case: total, hours and flags."""
    got, flags = _by_hour(book)
    counted, lost = _truth(case)
    total = sum(counted.values())
    scale = UNITS[case.meter.unit].scale
    step = 2 * float(case.meter.resolution) * scale.numerator / scale.denominator + 2
    given = wrong = 0.0
    unflagged = 0
    for h in sorted(set(got) | set(counted) | set(lost)):
        # An hour that was counted in part may have any amount up to its use.
        low = counted.get(h, 0.0)
        high = low + lost.get(h, 0.0)
        have = got.get(h, 0.0)
        off = max(low - have, have - high, 0.0)
        given += have - max(0.0, min(have, high) - low)
        wrong += off
        if off > (step if h not in case.touched else max(step, 0.01 * low)) and not flags.get(h):
            unflagged += 1
    usual = usual_flags(case.meter)
    more = sum(
        1 for h, n in flags.items() if n & ~(usual.get(h, 0) & _USUAL) and (h not in usual or n & ~_USUAL)
    )
    return Verdict(
        total_error=abs(given - total) / total,
        wrong_hours=wrong / (2 * total),
        flagged=more,
        touched=len(case.touched) + max(0, _SLACK_READINGS * case.meter.every // 60 - _SLACK_H),
        unflagged_wrong=unflagged,
        asked=bool(book.findings),
    )
