"""What the fold knows: a meter's bounds, facts that people state, and its state between two readings."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

from msgspec import Struct

from metering import flags as f
from metering.events import Exchange

FOLD_VERSION: Final = 2
"""Raise it with every change to what folding the same readings gives: hours, flags, unknown blocks, findings or state.

A register whose head has an older version is folded again with its next event; `kvartal audit` waits for that. 1 is
what a head without a version means; with 2 findings have figures in place of sentences."""


class Kind(NamedTuple):
    """An explanation of readings that do not follow from the anchor."""

    name: str
    """Of the finding."""
    flag: int
    needed: int
    """Readings that must agree before it is believed. One stray value is common, two in a row happen (a gateway
    repeats its last packet), four that also count are a register."""
    continuous: bool
    """Whether the register goes on, so that its step is energy; else nobody counted between two registers."""


KINDS: Final = (
    Kind("rollover", f.ROLLOVER, 2, True),
    Kind("unit_change", f.UNIT, 3, True),
    Kind("reset", f.RESET, 4, False),
    Kind("exchange", f.EXCHANGE, 4, False),
    Kind("leap", f.LEAP, 3, True),
)
"""By `Chain.kind`; stored state refers to them by position."""
ROLLOVER, UNIT, RESET, EXCHANGE, LEAP = range(len(KINDS))


class Rules(Struct, frozen=True):
    """What the fold must know of a meter."""

    max_per_hour: int
    """Plausibility bound [base units per hour]."""
    wrap: int | None = None
    """Amount at which the register starts again from zero, where it does."""


class Interval(Struct, frozen=True, tag="i", array_like=True):
    """What was used over `[start, at)`, as an archive or an act states it."""

    at: int
    """Its end [ms]."""
    start: int
    amount: int


Fact: TypeAlias = Exchange | Interval


class Filled(Struct, frozen=True, array_like=True):
    """A register reading behind which intervals were booked."""

    v: int
    """The register's amount, as the anchor's."""
    t: int
    booked: int
    """What the intervals since then held."""
    first: int
    """Beginning of the first of them [ms]."""
    newest: int
    """Beginning of the newest [ms]."""


class Chain(Struct, frozen=True, array_like=True):
    """Readings in doubt that hang together, and what would explain them."""

    kind: int
    num: int
    den: int
    """The readings times num/den continue the anchor, if the kind is `unit`."""
    points: tuple[tuple[int, int], ...]
    """(time [ms], amount as sent)."""


class State(Struct, frozen=True, array_like=True):
    """Where the fold stands between two readings."""

    t: int
    """Time of the anchor [ms]."""
    v: int
    """Amount of the anchor, in the unit of the epoch's beginning."""
    num: int = 1
    den: int = 1
    """What amounts as sent are multiplied by; other than 1 after a change of unit."""
    still: int = 0
    """Time since which the register shows the anchor's amount [ms]."""
    doubt: int = 0
    """Flags that the next interval inherits from its starting point."""
    day: int = 0
    """UTC day whose intervals are being summed; 0 where a gap made the sum worthless."""
    total: int = 0
    """What was counted on that day so far."""
    usual: int = 0
    """What the register counted on the last ordinary day that counted. One day's memory and not a long mean,
    so that a late reading moves few checkpoints."""
    odd: int = 0
    """Instant since which days have been unusual, or 0 [ms]."""
    pulse: bool = False
    """Whether the days since `odd` count ten times as much or as little as before."""
    chains: tuple[Chain, ...] = ()
    grown: int = 0
    """The last step that counted."""
    open: bool = False
    """Whether the anchor is the end of an interval and no count of a register; `still` is its beginning then."""
    filled: Filled | None = None
    """The register reading before the intervals, where there is one."""


def fact_order(fact: Fact) -> tuple[int, ...]:
    """How facts are sorted: in time; the site file's word before a message's; the smaller claim first."""
    if isinstance(fact, Exchange):
        return (fact.at, 0, not fact.by_site, fact.final, fact.initial)
    return (fact.at, 1, -fact.start, fact.amount)
