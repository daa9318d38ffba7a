"""Which model days bear: each kind of load finds its own, and nothing larger than it needs."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from metering.baselines.daylight import dark_hours
from metering.baselines.fit import fit_period
from metering.baselines.season import RULES, USUAL, heated, heated_days, rule_named
from metering.periods import DailyUse, Period
from metering.savings.compare import compare

FIRST = dt.date(2023, 7, 1).toordinal()
N = 820
YEAR = Period(FIRST + 80, FIRST + 80 + 365)
NEXT = Period(FIRST + 446, FIRST + 446 + 364)


def weather(seed):
    rng = np.random.default_rng(seed)
    season = 5.5 - 12.0 * np.cos(2 * np.pi * (np.arange(N) + 166) / 365.25)
    wander = np.zeros(N)
    for day in range(1, N):
        wander[day] = 0.75 * wander[day - 1] + rng.normal(0, 2.8)
    return season + wander, rng


def house(kind, seed=1, rule="8/8.5+0"):
    """Two years of daily use [Wh] and temperatures of a load of the kind."""
    temp, rng = weather(seed)
    temps = {FIRST + i: round(1000 * t) for i, t in enumerate(temp)}
    t = 0.6 * temp + 0.4 * np.r_[temp[0], temp[:-1]]
    on = heated_days(FIRST, FIRST + N - 1, temps.get)[RULES.index(rule_named(rule))].astype(float)
    dates = np.arange(FIRST, FIRST + N)
    if kind == "season":
        use = 2.4e6 + on * (1.8e6 + 4.0e5 * np.maximum(9 - t, 0))
    elif kind == "capped":
        use = 2.4e6 + 4.0e5 * np.clip(16 - t, 0, 18)
    elif kind == "lighting":
        use = 1.4e5 + 9e3 * np.array([dark_hours(d, 59.94) for d in dates.tolist()])
        use = use - 2e4 * ((dates - 1) % 7 >= 5)
    elif kind == "office":
        use = 9e5 + 6e4 * np.maximum(10 - temp, 0) + 9e4 * np.maximum(temp - 15, 0)
    else:
        use = np.full(N, 3.0e6)
    use = use * (1 + 0.03 * rng.standard_normal(N))
    return DailyUse({FIRST + i: round(u) for i, u in enumerate(use)}, temps)


@pytest.mark.parametrize(
    ("kind", "model", "more"),
    [
        ("season", "heating_season", {}),
        ("capped", "heating_capped", {}),
        ("lighting", "lighting", {"latitude": 59.94, "calendar": "week"}),
        ("office", "heating_cooling", {}),
        ("flat", "mean", {"latitude": 59.94, "calendar": "week"}),
    ],
)
def test_each_load_finds_its_model_and_predicts_the_next_year(kind, model, more):
    for seed in (1, 2, 3):
        days = house(kind, seed)
        baseline = fit_period(days, YEAR, **more)
        assert baseline.model == model
        assert abs(baseline.metrics.self_bias) <= 0.0005
        assert compare(days, baseline, NEXT).share == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("rule", ["7/8+0", "8/8.5+0", "9/10+3"])
def test_the_citys_own_rule_of_the_season_is_found(rule):
    """Rules that turn heat on and off on the same days are one rule to the meter: the days are compared."""
    for seed in (4, 5, 6):
        days = house("season", seed, rule)
        baseline = fit_period(days, YEAR)
        assert baseline.model == "heating_season"
        period = range(YEAR.first, YEAR.last + 1)
        wrong = sum(
            baseline.heated(date, days.temps_mc.get) != heated(date, days.temps_mc.get, rule=rule)
            for date in period
        )
        assert wrong <= 3


def test_declared_seasons_take_the_place_of_the_rules():
    days = house("season")
    autumn, spring = dt.date(2023, 11, 20).toordinal(), dt.date(2024, 3, 20).toordinal()
    temps = days.temps_mc
    use = {
        d: round(2e6 + (4e6 + 20 * max(0, 8_000 - temps[d]) if autumn <= d <= spring else 0))
        for d in days.used
    }
    declared = ((autumn, spring),)
    found = fit_period(DailyUse(use, temps, seasons=declared), YEAR)
    assert found.parameters["season_rule"] == "declared"
    assert found.heated(autumn, temps.get, declared) is True
    assert found.heated(autumn - 1, temps.get, declared) is False


def test_a_winter_alone_gets_a_straight_line():
    temp, rng = weather(7)
    temps = {FIRST + i: round(1000 * t) for i, t in enumerate(temp)}
    winter = range(dt.date(2023, 12, 5).toordinal(), dt.date(2024, 2, 25).toordinal())
    used = {d: round((8e6 - 3e5 * temps[d] / 1000) * (1 + 0.02 * rng.standard_normal())) for d in winter}
    baseline = fit_period(DailyUse(used, temps), Period(winter[0], winter[-1]))
    assert baseline.model == "heating_2p"
    assert baseline.parameters["heating"] == pytest.approx(3e5, rel=0.1)


def test_the_fortnight_without_hot_water_is_an_outage_and_no_saving():
    days = house("season")
    july = dt.date(2024, 7, 8).toordinal()
    used = dict(days.used)
    for start in (july, july + 371):
        for date in range(start, start + 14):
            used[date] = 20_000
    shut = days._replace(used=used)
    baseline = fit_period(shut, YEAR)
    assert baseline.outages == tuple(range(july, july + 14))
    assert baseline.n == 366 - 14
    result = compare(shut, baseline, NEXT)
    assert result.outages == 14
    assert (result.missing_baseline, result.missing_reporting) == (0, 0)
    assert result.share == pytest.approx(0.0, abs=0.01)
    assert baseline.outage(20_000, heated=False)
    assert not baseline.outage(20_000, heated=True)
    assert not baseline.outage(2_000_000, heated=False)


def test_a_heating_only_register_that_stands_still_all_summer_has_no_outage():
    days = house("season")
    on = heated_days(FIRST, FIRST + N - 1, days.temps_mc.get)[RULES.index(USUAL)]
    used = {FIRST + i: days.used[FIRST + i] if on[i] else 0 for i in range(N)}
    baseline = fit_period(days._replace(used=used), YEAR)
    assert baseline.outages == ()
    assert baseline.model.startswith("heating_season")
    assert baseline.expected(20_000, 20_000, heated=False) == 0


def test_three_years_show_their_own_drift():
    rng = np.random.default_rng(3)
    n = 1096
    for spread, low, high in ((0.0, 0.003, 0.006), (0.04, 0.04, 0.06)):
        level = np.repeat(1 + spread * np.array([-1.0, 1.2, -0.2]), 366)[:n]
        use = {FIRST + i: round(1e7 * level[i] * (1 + 0.02 * rng.standard_normal())) for i in range(n)}
        baseline = fit_period(DailyUse(use, {}), Period(FIRST, FIRST + n - 1))
        assert low < baseline.between_years.sd < high
        assert "3 baseline years" in baseline.between_years.source
    assert fit_period(DailyUse(use, {}), Period(FIRST, FIRST + 364)).between_years.sd == 0.0175
