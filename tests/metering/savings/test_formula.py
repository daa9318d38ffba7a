"""The contract's formula by degree days."""

from __future__ import annotations

from fractions import Fraction

import pytest

from metering.baselines.fit import fit_period
from metering.periods import DailyUse, Period
from metering.savings.compare import compare
from metering.savings.formula import NoDegreeDays, Terms, settle
from tests.houses import BASE, REPORT, house


def test_the_contract_formula_by_hand():
    # Two winter days at 0 °C and two summer days; then a winter of 5 °C: (1000 - 400) * 30/40 + 400.
    used = {1: 400, 2: 400, 3: 100, 4: 100, 11: 300, 12: 300, 13: 100, 14: 100}
    temps = {1: 0, 2: 0, 3: 20_000, 4: 20_000, 11: 5_000, 12: 5_000, 13: 20_000, 14: 20_000}
    act = settle(DailyUse(used, temps), Period(1, 4), Period(11, 14), lambda date: date in (1, 2, 11, 12))
    assert (act.gsop_base_mc, act.gsop_reporting_mc) == (40_000, 30_000)
    assert (act.dhw_base, act.split) == (400, "days without heat")
    assert act.adjusted == (1000 - 400) * 30 // 40 + 400
    assert act.avoided == 850 - 800
    more = Terms(indoor_mc=22_000, dhw_base=300, area_ratio=Fraction(11, 10), dhw_ratio=Fraction(9, 10))
    act = settle(
        DailyUse(used, temps), Period(1, 4), Period(11, 14), lambda date: date in (1, 2, 11, 12), more
    )
    assert act.adjusted == round(Fraction(700 * 34 * 11, 44 * 10) + 270)
    assert act.split == "contract"


def test_the_contract_formula_stands_beside_the_regression():
    days = house(saved=0.2)
    baseline = fit_period(days, BASE)
    regression = compare(days, baseline, REPORT)
    act = settle(days, BASE, REPORT, lambda date: baseline.heated(date, days.temps_mc.get))
    assert act.share == pytest.approx(regression.share, abs=0.03)
    assert abs(act.beside(regression)) < 1.0


def test_a_contract_without_degree_days_is_refused():
    with pytest.raises(NoDegreeDays, match="no day with heat"):
        settle(house(), BASE, REPORT, lambda _: False)
