"""What the fold knows: the meter's bounds, declared facts, kinds of explanation, and its state between two readings."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

from msgspec import Struct

from metering import flags as f
from metering.events import Exchange, Ruling

FOLD_VERSION: Final = 3
"""Raise it with every change to what folding the same readings gives: hours, flags, unknown blocks, findings or state.

A register whose head has an older version is folded again with its next event; `kvartal audit` waits for that. 1 is
what a head without a version means; with 2 findings have figures in place of sentences, with 3
what is left out has a reason, and what the bound allows is energy."""


class Kind(NamedTuple):
    """An explanation of readings that do not follow from the anchor."""

    name: str
    """Of the finding."""
    flag: int
    needed: int
    """Readings that must agree before the explanation is confirmed. One stray value is common. Two in a row happen,
    because a gateway repeats its last packet. Four that also count are a register."""
    continuous: bool
    """Whether the same register continues, so that its step is energy. If not, what was used between the two registers
    was not counted."""


KINDS: Final = (
    Kind("rollover", f.ROLLOVER, needed=2, continuous=True),
    Kind("unit_change", f.UNIT, needed=3, continuous=True),
    Kind("reset", f.RESET, needed=4, continuous=False),
    Kind("exchange", f.EXCHANGE, needed=4, continuous=False),
    Kind("leap", f.LEAP, needed=3, continuous=True),
)
"""By `Chain.kind`; stored state refers to them by position."""
ROLLOVER, UNIT, RESET, EXCHANGE, LEAP = range(len(KINDS))


class Rules(Struct, frozen=True, gc=False):
    """The bounds of a meter."""

    max_per_hour: int
    """Plausibility bound [base units per hour]."""
    wrap: int | None = None
    """Amount at which the register starts again from zero [base units]; None if it is not known."""
    rulings: tuple[Ruling, ...] = ()
    """What persons decided about the register (`metering.ledger.rulings.effective`)."""


class Interval(Struct, frozen=True, tag="i", array_like=True, gc=False):
    """Use over `[start, at)` as an archive or a monthly act states it."""

    at: int
    """Its end [ms]."""
    start: int
    """[ms]."""
    amount: int
    """[base units]."""
    issued: int = 0
    """When it was issued, as it says itself [ms]; 0 if it does not say."""
    source: str = ""
    """Who states it. Of two statements about the same time by one source the newer one stands."""
    received_at: int = 0
    """When it arrived first [ms]; 0 in state from before this was kept."""

    @property
    def stated_at(self) -> int:
        """When it was stated [ms]: when it was issued, else when it arrived."""
        return self.issued or self.received_at


Fact: TypeAlias = Exchange | Interval


class Filled(Struct, frozen=True, array_like=True, gc=False):
    """A gap in a register's readings in which intervals were booked."""

    v: int
    """Amount of the last register reading before the gap, as `State.v`."""
    t: int
    """Its time [ms]."""
    booked: int
    """Sum of the intervals booked since then."""
    first: int
    """Start of the first of them [ms]."""
    newest: int
    """Start of the newest of them [ms]."""


class Point(NamedTuple):
    """A reading in doubt."""

    t: int
    """Time [ms]."""
    sent: int
    """Amount as sent, in the unit that the meter declares."""


class Chain(Struct, frozen=True, array_like=True, gc=False):
    """Readings in doubt that follow from each other, and their possible explanation."""

    kind: int
    """Index into `KINDS`."""
    num: int
    den: int
    """Amounts as sent times num/den continue the anchor, if the kind is a change of unit or a leap."""
    points: tuple[Point, ...]


class Stalled(Struct, frozen=True, array_like=True):
    """Readings that do not follow from the anchor, as they were when they spanned a day or were many."""

    at: int
    """Time of the newest of them [ms]."""
    first: int
    """The first value, as sent."""
    rate: int
    """What the newest two count in an hour [base units, as sent]."""
    bound: int
    """The meter's plausibility bound [base units per hour]."""
    readings: int


class Leap(Struct, frozen=True, array_like=True, gc=False):
    """A sudden step that was believed. It is taken back if the register returns to the count before it."""

    v: int
    """Amount of the anchor before it, as `State.v`."""
    start: int
    """Begin of the time that it was booked over [ms]."""
    end: int
    """[ms]."""
    amount: int
    flags: int
    """Flags that it was booked with."""
    peak: int
    """`State.peak` before it."""
    most: int
    """`State.most` before it."""


class State(Struct, frozen=True, array_like=True, gc=False):
    """The fold's state between two readings."""

    t: int
    """Time of the anchor, the last kept reading [ms]."""
    v: int
    """Amount of the anchor, in the unit of the epoch's start."""
    num: int = 1
    den: int = 1
    """Amounts as sent are multiplied by num/den: other than 1 after a change of unit."""
    unchanged_since: int = 0
    """Time since which the register has shown the anchor's amount [ms]. If `open`: start of the last interval."""
    next_flags: int = 0
    """Flags that the next interval inherits from the anchor."""
    day: int = 0
    """UTC day whose use is being summed; 0 if a gap makes the sum useless."""
    day_total: int = 0
    """What was counted on that day until now."""
    usual: int = 0
    """Use of the last ordinary day that had any; 0 before the first. Rounded (`metering.ledger.usual.rounded`), as the
    figures of other days are, so that a late reading changes few checkpoints."""
    unusual_since: int = 0
    """Time since which days have been unusual [ms], or 0."""
    pulse: bool = False
    """Whether the days since `unusual_since` count ten times as much or as little as before."""
    chains: tuple[Chain, ...] = ()
    """Readings in doubt."""
    last_step: int = 0
    """The last step that was not zero."""
    open: bool = False
    """Whether the anchor is the end of an interval, and `v` no count of a register."""
    filled: Filled | None = None
    """The last register reading, if intervals were booked after it."""
    left_out: int = 0
    """Number of instants since the anchor whose readings are in doubt or dropped."""
    peak: int = 0
    """The highest rate at which the register is known to count [base units per hour]."""
    most: int = 0
    """The largest use of a day so far."""
    least: int = 0
    """The smallest use of a day that had any."""
    week: tuple[int, ...] = ()
    """Use of the last ordinary day of each weekday, from Thursday on (1970-01-01 was one); 0 if it is not known."""
    unusual: int = 0
    """Use of the newest unusual day."""
    last_ms: int = 0
    """The time over which `last_step` was made [ms]."""
    stalled: Stalled | None = None
    """What was left out when it began to be too much; None while it is not."""
    leap: Leap | None = None
    """The newest sudden step, for some days."""


def begun_again(state: State, t: int, v: int) -> State:
    """The state at the first reading of another count of the same meter: what is usual stays known.

    Args:
        state: The state before.
        t: Time of the reading [ms].
        v: What it shows [base units].
    """
    return State(
        t,
        v,
        unchanged_since=t,
        usual=state.usual,
        peak=state.peak,
        most=state.most,
        least=state.least,
        week=state.week,
        unusual=state.unusual,
    )


def fact_order(fact: Fact) -> tuple[int | str, ...]:
    """Sort key of facts: time; the site file before messages; smaller claims first."""
    if isinstance(fact, Exchange):
        return (fact.at, 0, not fact.by_site, fact.final, fact.initial)
    return (fact.at, 1, -fact.start, fact.amount, fact.source)


def fact_identity(fact: Fact) -> Fact:
    """The fact without when it was stated: a statement that comes again is a duplicate."""
    return (
        Interval(fact.at, fact.start, fact.amount, source=fact.source) if isinstance(fact, Interval) else fact
    )


def same_statement(one: Fact, other: Fact) -> Fact:
    """One fact of two with one identity: issued at the latest, arrived at the earliest.

    An issue time is a statement and may confirm an older figure anew. An arrival is none: a message that is delivered
    once more does not revive what was corrected since.
    """
    if isinstance(one, Interval) and isinstance(other, Interval):
        received_at = min(one.received_at, other.received_at)
        return Interval(one.at, one.start, one.amount, max(one.issued, other.issued), one.source, received_at)
    return one
