"""Savings of many contracts together: a programme, a quarter, a city."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from metering.savings.uncertainty import interval

COMMON_SHARE: Final = 0.01
"""What all contracts of a portfolio share and averaging does not remove (one weather station, one method), as a
share of the avoided use (docs/sources.md#common-share)."""


class ContractTotal(NamedTuple):
    """One contract's totals over the period [base units]."""

    expected: int
    used: int
    half_width: float


class Portfolio(NamedTuple):
    """The contracts together [base units]."""

    contracts: int
    expected: int
    used: int
    half_width: float
    """Half-width of the 90 % interval of the avoided use."""

    @property
    def avoided(self) -> int:
        """Avoided energy use."""
        return self.expected - self.used

    @property
    def saved_pct(self) -> float | None:
        """Avoided use over expected use [%]; None if nothing was expected."""
        return 100 * self.avoided / self.expected if self.expected > 0 else None

    @property
    def interval(self) -> tuple[float, float]:
        """90 % interval of the avoided use as a share of the expected use."""
        return interval(expected_total=self.expected, used_total=self.used, half_width=self.half_width)


def combine(parts: Iterable[ContractTotal]) -> Portfolio:
    """Sums of the parts; U^2 = sum U_i^2 + (c sum |S_i|)^2 (independent houses and a common part).

    One contract alone keeps its own interval.
    """
    parts = list(parts)
    shared = COMMON_SHARE if len(parts) > 1 else 0.0
    common = shared * sum(abs(part.expected - part.used) for part in parts)
    return Portfolio(
        len(parts),
        sum(part.expected for part in parts),
        sum(part.used for part in parts),
        math.hypot(common, *(part.half_width for part in parts)),
    )
