"""The same saving by other roads: portfolio, contract formula, normalised year, doubts, changes."""

from __future__ import annotations

import datetime as dt
import math
from fractions import Fraction

import numpy as np
import pytest

from metering.alerts.changes import changes
from metering.baselines.fit import fit_period
from metering.periods import DailyUse, Period
from metering.savings.compare import NoDays, compare, normalised
from metering.savings.day import Figure
from metering.savings.formula import NoDegreeDays, Terms, settle
from metering.savings.portfolio import ContractTotal, combine
from metering.savings.sufficiency import doubts

FIRST = dt.date(2023, 7, 1).toordinal()
N = 820
BASE = Period(FIRST + 80, FIRST + 445)
REPORT = Period(FIRST + 446, FIRST + 810)


def house(seed=1, saved=0.0, noise=0.04, rho=0.5):
    """A house with a season; from the reporting period on its heating (not its hot water) saves a share."""
    rng = np.random.default_rng(seed)
    season = 5.5 - 12.0 * np.cos(2 * np.pi * (np.arange(N) + 166) / 365.25)
    temp, ar = np.zeros(N), np.zeros(N)
    for day in range(1, N):
        temp[day] = 0.75 * temp[day - 1] + rng.normal(0, 2.8)
        ar[day] = rho * ar[day - 1] + rng.normal(0, noise * math.sqrt(1 - rho**2))
    temp += season
    five = np.array([temp[max(0, i - 5) : max(1, i)].mean() for i in range(N)])
    heat = np.where(five < 8, 3.5e5 * np.maximum(19 - temp, 0), 0.0)
    heat[446:] *= 1 - saved
    use = (2.4e6 + heat) * np.exp(ar)
    return DailyUse(
        {FIRST + i: round(use[i]) for i in range(N)}, {FIRST + i: round(1000 * temp[i]) for i in range(N)}
    )


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


def test_normalised_savings_in_a_year_of_anyones_weather():
    days = house(saved=0.25)
    before, after = fit_period(days, BASE), fit_period(days, REPORT)
    result = normalised(before, after, house(seed=9), BASE)
    truth = 0.25 * (1 - 2.4e6 * 366 / result.before)
    assert result.avoided / result.before == pytest.approx(truth, abs=0.02)
    assert 0 < result.half_width < 0.08 * result.before
    assert result.unseen < 0.05
    with pytest.raises(NoDays, match="have no temperature"):
        normalised(before, after, DailyUse({}, {}), BASE)


def test_doubts():
    days = house()
    baseline = fit_period(days, BASE)
    assert doubts(baseline) == ()
    half = fit_period(days, Period(BASE.first, BASE.first + 180))
    assert [(d.kind, d.disqualifies) for d in doubts(half)] == [("short_period", True)]
    assert compare(house(saved=0.5), half, REPORT).grade == "D"
    holes = DailyUse({d: u for d, u in days.used.items() if d % 5}, days.temps_mc)
    assert [d.kind for d in doubts(fit_period(holes, BASE))] == ["few_days"]
    strange = doubts(baseline, expected_total=100, used_total=100, extrapolated_total=5, estimated_total=20)
    assert [(d.kind, d.got, d.disqualifies) for d in strange] == [
        ("unseen_weather", 0.05, False),
        ("many_estimates", 0.2, False),
    ]
    assert doubts(baseline, expected_total=100, extrapolated_total=11)[0].disqualifies


def figures(seed, change=0.0, at=200, n=365, cv=0.08, rho=0.5):
    rng = np.random.default_rng(seed)
    z = 0.0
    days = []
    for i in range(n):
        z = rho * z + rng.normal(0, cv * math.sqrt(1 - rho**2))
        expected = 5_000_000 + round(3_000_000 * math.cos(i / 58))
        days.append(Figure(FIRST + i, expected, round(expected * (0.8 + z + (change if i >= at else 0.0)))))
    return days


def test_a_change_is_found_dated_and_sized():
    for seed in range(10):
        found = changes(figures(seed, change=0.3), rho=0.5, cvrmse=0.08)
        assert [each.kind for each in found] == ["more_use"]
        assert found[0].noticed - FIRST - 200 <= 14
        assert abs(found[0].began - FIRST - 200) <= 5
        assert found[0].share == pytest.approx(0.3, abs=max(found[0].half_width, 0.1))


def test_less_use_is_a_change_too():
    assert [each.kind for each in changes(figures(1, change=-0.3), rho=0.5, cvrmse=0.08)] == ["less_use"]


def test_calm_years_raise_little():
    false = sum(len(changes(figures(seed), rho=0.5, cvrmse=0.08)) for seed in range(60))
    assert false <= 15


def test_a_month_is_too_short_to_tell():
    assert changes(figures(1, change=0.5, at=10, n=29), rho=0.5, cvrmse=0.08) == []
