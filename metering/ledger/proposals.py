"""Finding -> the ruling that would settle it, ready for a person to accept. Pure.

A finding asks a question, and the ledger has answered it in the way that it can prove. The proposal is the other
answer: accepting it makes the register be folded by it. Findings that no ruling settles propose none;
`metering.findings.ADVICE` names what settles some of them.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from metering.events import RegisterId, Ruling
from metering.ledger.blocks import Block
from metering.ledger.state import Interval
from metering.times import DAY_MS

_FAR: Final = 2**53
"""After every reading [ms]."""

Figures = Mapping[str, int | str]


class Found(NamedTuple):
    """A finding about a register."""

    register: RegisterId
    kind: str
    start: int
    """[ms]."""
    end: int
    """[ms]."""
    figures: Figures

    @property
    def id(self) -> str:
        """First 16 hex digits of the SHA-256 of what was found, as a JSON array."""
        what = [*self.register, self.kind, self.start, self.end, sorted(self.figures.items())]
        return hashlib.sha256(msgspec.json.encode(what)).hexdigest()[:16]

    def number(self, name: str) -> int:
        """A figure; 0 if the finding does not have it."""
        figure = self.figures.get(name, 0)
        return figure if isinstance(figure, int) else 0


class Stored:
    """A register's readings and intervals as they were accepted, read when they are needed."""

    def __init__(self, blocks: Callable[[int, int], Sequence[Block]]) -> None:
        """
        Args:
            blocks: Reads the register's blocks of the UTC days `[first, last]`, by day.
        """
        self._blocks = blocks

    def readings(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """(time [ms], amount as sent) of accepted readings of `[start, end]`, ascending."""
        for block in self._blocks(start // DAY_MS, end // DAY_MS):
            for t, amount in zip(block.times, block.amounts, strict=True):
                if start <= t <= end:
                    yield t, amount

    def count_at(self, t: int) -> int | None:
        """The amount as sent of the last accepted reading at `t` [ms] or before; None if there is none."""
        for start in (t - 2 * DAY_MS, 0):
            last = deque(self.readings(max(0, start), t), maxlen=1)
            if last:
                return last[0][1]
        return None

    def count_after(self, t: int) -> int | None:
        """The amount as sent of the first accepted reading after `t` [ms]; None if there is none."""
        for end in (t + 2 * DAY_MS, _FAR):
            for _, amount in self.readings(t + 1, end):
                return amount
        return None

    def intervals(self, start: int, end: int) -> Iterator[Interval]:
        """Intervals that lie within `[start, end]`."""
        for block in self._blocks(start // DAY_MS, end // DAY_MS):
            for fact in block.facts:
                if isinstance(fact, Interval) and start <= fact.start and fact.at <= end:
                    yield fact


def propose(found: Found, stored: Stored) -> tuple[Ruling, ...]:
    """The rulings that settle a finding, without author and reason; none if no ruling does."""
    answer = _PROPOSALS.get(found.kind)
    return () if answer is None else answer(found, stored)


def _no_exchange(found: Found, _stored: Stored) -> tuple[Ruling, ...]:
    return (Ruling(kind="no_exchange", start=found.start, at=found.end),)


def _undeclared(found: Found, _stored: Stored) -> tuple[Ruling, ...]:
    """The declared exchange that the readings contradict did not happen."""
    return (Ruling(kind="no_exchange", at=found.end),)


def _unit_stays(found: Found, _stored: Stored) -> tuple[Ruling, ...]:
    return (Ruling(kind="unit", at=found.start),)


def _exchange(found: Found, stored: Stored) -> tuple[Ruling, ...]:
    """The step was another register's count and no use."""
    final, initial = stored.count_at(found.start), stored.count_at(found.end)
    if final is None or initial is None:
        return ()
    return (Ruling(kind="exchange", at=found.end, amount=final, initial=initial),)


def _tenfold(found: Found, stored: Stored) -> tuple[Ruling, ...]:
    amount, usual = found.number("amount"), found.number("usual")
    count = stored.count_at(found.start)
    if amount <= 0 or usual <= 0 or count is None:
        return ()
    high, low = max(amount, usual), min(amount, usual)
    weight = min((10, 100, 1000), key=lambda each: abs(high * high - each * each * low * low))
    num, den = (1, weight) if amount > usual else (weight, 1)
    return (Ruling(kind="pulse_weight", at=found.start, num=num, den=den, amount=count),)


def _weight(found: Found, stored: Stored) -> tuple[Ruling, ...]:
    """A weight that another measurement gives: the amounts times numerator/denominator."""
    num, den = found.number("numerator"), found.number("denominator")
    count = stored.count_at(found.start)
    if num <= 0 or den <= 0:
        return ()
    return (Ruling(kind="pulse_weight", at=found.start, num=num, den=den, amount=count or 0),)


def _contradicted(found: Found, stored: Stored) -> tuple[Ruling, ...]:
    """Of several values of one instant the ledger keeps the smallest that follows: the others are not ours."""
    if "other" in found.figures:
        return _other_interval(found, stored)
    values = sorted({amount for _, amount in stored.readings(found.end, found.end)})
    return tuple(Ruling(kind="not_ours", at=found.end, amount=amount) for amount in values[1:])


def _other_interval(found: Found, stored: Stored) -> tuple[Ruling, ...]:
    """The interval that is not used stands, and the one that is used is replaced."""
    stated = [
        each
        for each in stored.intervals(found.start, found.end)
        if (each.start, each.at) == (found.start, found.end)
    ]
    others = [each for each in stated if each.amount == found.number("other")]
    used = [each for each in stated if each.amount != found.number("other")]
    if not others or not used:
        return ()
    return (
        Ruling(
            kind="replaces",
            start=found.start,
            at=found.end,
            source=others[0].source,
            replaced=used[0].source,
            amount=used[0].amount,
        ),
    )


def _strays(found: Found, stored: Stored) -> tuple[Ruling, ...]:
    """The values that were left out: of one they are known, of several those that the register cannot have shown."""
    first = found.number("first")
    if found.number("values") <= 1:
        return (Ruling(kind="not_ours", at=found.start, amount=first),)
    before = stored.count_at(found.start - 1)
    after = stored.count_after(found.end)
    return tuple(
        Ruling(kind="not_ours", at=t, amount=amount)
        for t, amount in stored.readings(found.start, found.end)
        if (before is not None and amount < before)
        or (after is not None and amount > after)
        or (t, amount) == (found.start, first)
    )


def _void_rows(found: Found, stored: Stored) -> tuple[Ruling, ...]:
    """The archive's rows of the time are void."""
    sources = sorted({each.source for each in stored.intervals(found.start, found.end)})
    return tuple(
        Ruling(kind="replaces", start=found.start, at=found.end, replaced=source) for source in sources
    )


def _void_row(found: Found, stored: Stored) -> tuple[Ruling, ...]:
    """The one row is void."""
    amount = found.number("amount")
    return tuple(
        Ruling(kind="replaces", start=found.start, at=found.end, replaced=each.source, amount=amount)
        for each in stored.intervals(found.start, found.end)
        if (each.start, each.at, each.amount) == (found.start, found.end, amount)
    )


_PROPOSALS: Final[Mapping[str, Callable[[Found, Stored], tuple[Ruling, ...]]]] = {
    "exchange": _no_exchange,
    "reset": _no_exchange,
    "exchange_contradicted": _undeclared,
    "unit_change": _unit_stays,
    "leap": _exchange,
    "pulse_weight": _tenfold,
    "weight_by_weather": _weight,
    "energy_by_volume": _weight,
    "conflict": _contradicted,
    "spike_dropped": _strays,
    "archive_differs": _void_rows,
    "implausible": _void_row,
    "overlap": _void_row,
}
"""By kind of finding."""
