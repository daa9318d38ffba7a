"""Savings of many contracts together."""

from __future__ import annotations

import math

import pytest

from metering.savings.portfolio import ContractTotal, combine


def test_a_portfolio_is_surer_than_its_houses_but_never_surer_than_its_common_part():
    parts = [ContractTotal(1000, 800, 100.0)] * 100
    together = combine(parts)
    assert (together.contracts, together.expected, together.used, together.avoided) == (
        100,
        100_000,
        80_000,
        20_000,
    )
    assert together.half_width == pytest.approx(math.hypot(1000, 200))
    assert combine([ContractTotal(1, 0, 5.0)]).half_width == 5.0
    assert combine([]).half_width == 0.0
