"""The blocks of one register, one per UTC day, and the head that lists them.

The state of a register is a mapping of *parts*: one per block (named by the number of its UTC day) and a
`head`. A block contains the readings and facts of its day, what folding them booked, and the fold's state after
them. That state is the block's *checkpoint*: the next block can be folded from it.

If retention has deleted days, the newest of them stays as a block without readings. The first remaining block is
folded from it (`metering.ledger.retention`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from metering.events import Exchange, Ruling
from metering.ledger.booking import Booked
from metering.ledger.state import FOLD_VERSION, Fact, Rules, State
from metering.parts import PartName, utc_day
from metering.refusal import Refusal
from metering.times import DAY_MS


class NewerLedger(Refusal):
    """A register was folded by a newer version of Kvartal."""


class Block(Struct, frozen=True, tag="b", array_like=True, gc=False):
    """One UTC day of a register. Immutable: a new reading makes a new block."""

    times: list[int]
    """Instants of all accepted readings [ms], ascending; two at the same instant are a conflict."""
    amounts: list[int]
    """Their amounts [base units], ascending if the instants are equal."""
    state: State
    """The fold's state after the block: its checkpoint."""
    booked: Booked
    facts: tuple[Fact, ...] = ()
    """Declared exchanges, and intervals that end on the day, sorted by `metering.ledger.state.fact_order`."""

    @property
    def newest(self) -> tuple[int, int]:
        """(time [ms], amount) of the newest reading or fact; of the anchor if the block has neither."""
        if self.times and not self.facts:
            return self.times[-1], self.amounts[-1]
        facts = [
            (fact.at, fact.initial if isinstance(fact, Exchange) else fact.amount) for fact in self.facts[-1:]
        ]
        newest = [*zip(self.times[-1:], self.amounts[-1:], strict=True), *facts]
        return max(newest) if newest else (self.state.t, self.state.v)

    @property
    def first(self) -> int:
        """Time of the first reading or fact in the order of the fold [ms]; of an interval its start."""
        if not self.facts or (self.times and self.times[0] < self.facts[0].at):
            return self.times[0]
        fact = self.facts[0]
        return fact.at if isinstance(fact, Exchange) else fact.start

    @property
    def accepted(self) -> int:
        """Number of accepted readings and facts; exchanges that the site file declares are not counted."""
        return len(self.times) + sum(not (isinstance(fact, Exchange) and fact.by_site) for fact in self.facts)


class Head(Struct, frozen=True, tag="h", array_like=True, gc=False):
    """Which days have blocks, and by which rules they were folded."""

    spans: tuple[tuple[int, int], ...] = ()
    """Runs of UTC days that have a block: (first, last), ascending."""
    reaching: tuple[tuple[int, int], ...] = ()
    """Blocks that book into hours before the day of the previous block: (UTC day, earliest hour)."""
    by_site: tuple[Exchange, ...] = ()
    """Exchanges that the site file declares now."""
    rules: Rules | None = None
    """The meter's bounds when the blocks were folded. If the site file gives others, all blocks are folded again."""
    fold_version: int = 1
    """`metering.ledger.state.FOLD_VERSION` of the code that folded the blocks. If it is older, all blocks are
    folded again."""
    cut: int = 0
    """UTC day before which readings are deleted and rejected; the block of the day before it is the checkpoint.
    0 if no readings were deleted."""
    deleted: int = 0
    """Number of deleted readings and facts."""
    rests: int = 0
    """UTC day before which no readings are deleted, because history older than retention was imported."""
    rulings: tuple[Ruling, ...] = ()
    """The latest statement of every ruling about the register, withdrawn ones too. They may come before readings."""

    @property
    def outdated(self) -> bool:
        """Whether an older version of the fold made the blocks."""
        return self.fold_version < FOLD_VERSION and bool(self.spans)

    def folded_by(self, rules: Rules) -> bool:
        """Whether the blocks were folded by `rules` and this version of the fold."""
        return self.rules == rules and self.fold_version == FOLD_VERSION

    def after_fold(self, rules: Rules, new_days: Sequence[int]) -> Head:
        """The head after this version of the fold has folded the blocks by `rules` and added those of `new_days`."""
        spans = self.with_days(new_days) if new_days else self.spans
        return replace(self, spans=spans, rules=rules, fold_version=FOLD_VERSION)

    def check_version(self) -> None:
        """Refuse blocks of a newer fold: this version would change what they booked.

        Raises:
            NewerLedger: a newer version of Kvartal folded the blocks.
        """
        if self.fold_version > FOLD_VERSION:
            raise NewerLedger(
                f"the ledger was folded by a newer Kvartal: rules of version {self.fold_version}, expected at most "
                f"{FOLD_VERSION}; start that Kvartal or a newer one"
            )

    def days(self) -> list[int]:
        """All days that have a block."""
        return [day for first, last in self.spans for day in range(first, last + 1)]

    def before(self, day: int) -> int | None:
        """The newest day before `day` that has a block."""
        at = bisect_left(self.spans, (day, day)) - 1
        if at < 0:
            return None
        return min(self.spans[at][1], day - 1)

    def after(self, day: int) -> int | None:
        """The oldest day after `day` that has a block."""
        at = bisect_right(self.spans, (day, DAY_MS)) - 1
        if at >= 0 and self.spans[at][1] > day:
            return day + 1
        return self.spans[at + 1][0] if at + 1 < len(self.spans) else None

    def has_block(self, day: int) -> bool:
        """Whether `day` has a block."""
        at = bisect_right(self.spans, (day, DAY_MS)) - 1
        return at >= 0 and self.spans[at][1] >= day

    def with_days(self, days: Iterable[int]) -> tuple[tuple[int, int], ...]:
        """The spans with `days` added."""
        runs: list[tuple[int, int]] = []
        for first, last in sorted((*self.spans, *((day, day) for day in days))):
            if runs and first <= runs[-1][1] + 1:
                runs[-1] = (runs[-1][0], max(runs[-1][1], last))
            else:
                runs.append((first, last))
        return tuple(runs)

    def without_days(self, days: Iterable[int]) -> Head:
        """The head without `days`; without any other it is that of a register that nothing was entered into."""
        left = set(self.days()).difference(days)
        if not left:
            return Head(by_site=self.by_site, rests=self.rests, rulings=self.rulings)
        return replace(self, spans=Head().with_days(left))


Part: TypeAlias = Block | Head
Parts: TypeAlias = Mapping[PartName, Part]


def block_of(parts: Parts, day: int) -> Block:
    """The block of a UTC day that the head lists.

    Raises:
        KeyError: the parts have no such block.
    """
    block = parts.get(utc_day(day))
    if not isinstance(block, Block):
        raise KeyError(f"the ledger's head names UTC day {day}, but there is no block for it")
    return block
