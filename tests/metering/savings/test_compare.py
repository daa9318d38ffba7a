"""Savings whose truth is known: injected into autocorrelated houses, and none where there is none."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from metering.baselines.fit import fit_period
from metering.periods import DailyUse, Period
from metering.savings.compare import NoDays, compare

FIRST = dt.date(2023, 10, 1).toordinal()
BEFORE = Period(FIRST, FIRST + 365)
AFTER = Period(FIRST + 366, FIRST + 730)


def two_years(seed, *, saved=0.0, rho=0.7, cv=0.08, missing=()):
    """Two years of a house with AR(1) residuals; the second saves the share `saved` of all its use."""
    rng = np.random.default_rng(seed)
    n = 731
    season = 5.5 - 13.0 * np.cos(2 * np.pi * (np.arange(n) + 258) / 365.25)
    weather, noise = np.zeros(n), np.zeros(n)
    for day in range(1, n):
        weather[day] = 0.75 * weather[day - 1] + rng.normal(0, 3.0)
        noise[day] = rho * noise[day - 1] + rng.normal(0, cv * np.sqrt(1 - rho**2))
    temps = season + weather
    # Inertia of three days and a soft balance point: not the formula that is fitted.
    felt = np.convolve(temps, [0.55, 0.27, 0.12, 0.06])[:n]
    use = 2.2e6 + 5.0e5 * 1.5 * np.log1p(np.exp((16.0 - felt) / 1.5))
    use *= 1 + noise
    use[366:] *= 1 - saved
    return DailyUse(
        {FIRST + i: round(use[i]) for i in range(n) if i not in missing},
        {FIRST + i: round(1000 * temps[i]) for i in range(n)},
    )


def saved_share(days):
    return compare(days, fit_period(days, BEFORE), AFTER).share


@pytest.mark.parametrize("saved", [0.20, 0.35, 0.40])
def test_injected_savings_are_recovered_within_a_point_of_the_placebo(saved):
    for seed in range(8):
        placebo = saved_share(two_years(seed))
        found = saved_share(two_years(seed, saved=saved))
        assert found == pytest.approx(saved, abs=0.01 + abs(placebo))
        assert 1 - (1 - found) / (1 - placebo) == pytest.approx(saved, abs=1e-6)


def test_no_saving_is_found_where_there_is_none_on_average():
    shares = [saved_share(two_years(seed)) for seed in range(20)]
    assert abs(float(np.mean(shares))) < 0.01


def test_the_interval_covers_the_truth():
    covered = 0
    for seed in range(60):
        days = two_years(seed, saved=0.15)
        low, high = compare(days, fit_period(days, BEFORE), AFTER).interval
        covered += low <= 0.15 <= high
    assert 48 <= covered <= 60


def test_missing_days_are_counted_and_not_filled():
    days = two_years(3, saved=0.2, missing=(*range(10, 20), *range(400, 430)))
    result = compare(days, fit_period(days, BEFORE), AFTER)
    assert (result.missing_baseline, result.missing_reporting) == (10, 30)
    assert result.days == 335
    assert result.used == sum(use for date, use in days.used.items() if AFTER.first <= date <= AFTER.last)
    assert result.avoided == result.expected - result.used


def test_days_without_weather_have_no_figure():
    days = two_years(3)
    cold = {date: temp for date, temp in days.temps_mc.items() if date != AFTER.first + 5}
    result = compare(days._replace(temps_mc=cold), fit_period(days, BEFORE), AFTER)
    assert result.missing_reporting == 1


def test_a_period_without_days_says_so():
    days = two_years(3)
    later = Period(AFTER.last + 1, AFTER.last + 10)
    with pytest.raises(NoDays, match=r"no day of 2025-10-01\.\.2025-10-10 has a complete use"):
        compare(days, fit_period(days, BEFORE), later)


def test_twelve_hold_outs_sum_to_the_year():
    """Each 30 days predicted by a baseline that has not seen them: together within 1 % of the year's use."""
    days = two_years(11, cv=0.05)
    expected = used = 0
    for month in range(12):
        hidden = range(FIRST + 30 * month, FIRST + 30 * month + 30)
        seen = days._replace(used={d: u for d, u in days.used.items() if d not in hidden})
        baseline = fit_period(seen, BEFORE)
        held = compare(days, baseline, Period(hidden[0], hidden[-1]))
        expected += held.expected
        used += held.used
    assert expected == pytest.approx(used, rel=0.01)
