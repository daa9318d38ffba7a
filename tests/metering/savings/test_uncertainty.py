"""The interval of a saving: its formula, how it moves, and when a saving is not settled."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest
from msgspec.structs import replace

from metering.baselines.document import Baseline, BetweenYears, Metrics, Residuals, TemperatureRange
from metering.baselines.residuals import effective_days, lag1, long_run_covariance
from metering.savings.uncertainty import (
    fsu_half_width_90,
    grade,
    hac_half_width_90,
    interval,
    sun_baltazar,
    t_quantile,
    width_90,
)


def a_baseline(*, n=365, rho=0.5, cvrmse=0.1, mean=10_000_000.0, nmbe=0.0, drift=0.0) -> Baseline:
    rmse = cvrmse * mean
    vif = (1 + max(rho, 0)) / (1 - max(rho, 0))
    return Baseline(
        model="mean",
        formula="",
        parameters={"base": mean},
        resolution="day",
        unit="Wh",
        first_date=dt.date.fromordinal(738_000),
        last_date=dt.date.fromordinal(738_000 + n - 1),
        n=n,
        k=1,
        facts="",
        prior="",
        left_out_dates=(),
        outage_dates=(),
        outage_below=None,
        temperature=TemperatureRange(lowest_c=None, highest_c=None),
        between_years=BetweenYears(sd=drift, degrees=5.0, years=1, source="test"),
        metrics=Metrics(
            mean=mean,
            rmse=rmse,
            cvrmse=cvrmse,
            nmbe=nmbe,
            r2=0.9,
            rho=rho,
            n_prime=effective_days(n, rho),
            self_bias=0.0,
        ),
        residuals=Residuals(terms=(1.0,), covariance=((rmse**2 * vif / n,),), long_run=vif),
    )


def width(baseline, *, days=365):
    return fsu_half_width_90(
        baseline, days=days, months=days / 30.4375, expected_total=round(days * baseline.metrics.mean)
    )


def test_the_formula_by_hand():
    # n' = 365 (1 - 0.5) / (1 + 0.5) = 121.67; t(0.95, 120.67) = 1.6577; a(12) = 1.3925
    # dS = 1.6577 * 1.3925 * 0.1 * 3.65e9 * sqrt(3 * (1 + 2 / 121.67) / 365) = 7.70e7
    got = fsu_half_width_90(a_baseline(), days=365, months=12, expected_total=3_650_000_000)
    by_hand = 1.65768 * 1.3925 * 0.1 * 3.65e9 * math.sqrt(3 * (1 + 2 / 121.6667) / 365)
    assert got == pytest.approx(by_hand, rel=1e-4)


@pytest.mark.parametrize(("months", "a"), [(0, 1.00286), (1, 1.03797), (12, 1.3925), (24, 1.71302)])
def test_the_polynomial(months, a):
    assert sun_baltazar(months) == pytest.approx(a, abs=1e-5)


def test_the_polynomial_ends_where_its_authors_ended():
    assert sun_baltazar(600) == sun_baltazar(60)


@pytest.mark.parametrize(("degrees", "t"), [(1, 6.3138), (10, 1.8125), (120, 1.6577), (1e9, 1.6449)])
def test_the_quantile(degrees, t):
    assert t_quantile(degrees) == pytest.approx(t, abs=1e-4)


def test_correlated_days_count_for_less():
    widths = [width(a_baseline(rho=rho)) for rho in (-0.5, 0.0, 0.2, 0.5, 0.8, 0.9)]
    assert widths[0] == widths[1]
    assert widths == sorted(widths)
    assert widths[4] == pytest.approx(3 * widths[1], rel=0.1)


def test_more_baseline_days_are_surer():
    widths = [width(a_baseline(n=n)) for n in (60, 120, 365, 730)]
    assert widths == sorted(widths, reverse=True)


def test_more_reporting_days_are_surer_in_percent():
    shares = [width(a_baseline(), days=d) / d for d in (10, 30, 90, 365)]
    assert shares == sorted(shares, reverse=True)


def test_the_width_follows_from_expected_use_alone():
    assert width_90(a_baseline(), days=365, months=12, expected_total=10**9).total > 0


def test_the_parts_add_in_quadrature_and_each_is_priced():
    plain = {"days": 365, "months": 12, "expected_total": 10**9}
    calm = width_90(a_baseline(), **plain)
    assert (
        calm.total
        == calm.sampling
        == max(
            fsu_half_width_90(a_baseline(), **plain),
            hac_half_width_90(a_baseline(), **plain),
        )
    )
    all_of_it = width_90(a_baseline(drift=0.0175), **plain, estimated_total=10**8, extrapolated_total=10**8)
    assert all_of_it.drift == pytest.approx(2.015 * 0.0175 * 10**9, rel=1e-3)
    assert all_of_it.estimated == pytest.approx(10**7)
    assert all_of_it.extrapolated == pytest.approx(1.645 * 10**7, rel=1e-3)
    assert all_of_it.total == pytest.approx(math.hypot(*all_of_it[1:]))


def test_a_longer_baseline_narrows_the_polynomial():
    year, three = a_baseline(n=365), a_baseline(n=1095)
    assert width(three) / width(year) == pytest.approx(math.sqrt((1 + 1 / 3) / 2), rel=0.03)


def test_no_days_no_width():
    assert width(a_baseline(), days=0) == 0.0


def test_hac_agrees_with_the_formula_where_both_hold():
    """A mean model whose long-run variance is that of an AR(1): FSU and HAC are the same sum said twice."""
    baseline = a_baseline(rho=0.6)
    hac = hac_half_width_90(baseline, days=365, months=12, expected_total=round(365 * baseline.metrics.mean))
    assert hac == pytest.approx(width(baseline), rel=0.03)


@pytest.mark.parametrize(
    ("used", "half", "low", "high"),
    [
        (1000, 50, 1 - 1000 / 950, 1 - 1000 / 1050),
        (900, 50, 1 - 900 / 950, 1 - 900 / 1050),
        (500, 50, 1 - 500 / 950, 1 - 500 / 1050),
        (0, 50, 1.0, 1.0),
        (900, 2000, -1.9, 0.7),
    ],
)
def test_the_share_lies_between_its_values_at_both_ends_of_expected_use(used, half, low, high):
    assert interval(expected_total=1000, used_total=used, half_width=half) == pytest.approx((low, high))


def test_a_share_is_proved_exactly_where_the_energy_is():
    for half in range(0, 300, 7):
        low, _ = interval(expected_total=1000, used_total=850, half_width=half)
        assert (low > 0) == (1000 - 850 - half > 0)


def test_no_share_of_nothing():
    assert interval(expected_total=0, used_total=5, half_width=1) == (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("baseline", "used", "half", "want"),
    [
        (a_baseline(cvrmse=0.09), 800, 40, "A"),
        (a_baseline(cvrmse=0.09, nmbe=0.01), 800, 40, "B"),
        (a_baseline(cvrmse=0.20), 800, 40, "B"),
        (a_baseline(cvrmse=0.20), 800, 120, "C"),
        (a_baseline(cvrmse=0.40), 800, 40, "C"),
        (a_baseline(cvrmse=0.09), 800, 200, "D"),
        (a_baseline(cvrmse=0.09), 1000, 10, "D"),
        (replace(a_baseline(n=30, rho=0.9), k=3), 800, 10, "D"),
    ],
)
def test_grades(baseline, used, half, want):
    assert grade(baseline, expected_total=1000, used_total=used, half_width=half) == want


def test_lag1_skips_gaps():
    dates = np.array([1, 2, 3, 10, 11])
    residuals = np.array([1.0, 1.0, 1.0, -5.0, -5.0])
    assert lag1(dates, residuals) == pytest.approx(1.0)
    assert lag1(np.array([1, 3, 5]), np.array([1.0, 2.0, 3.0])) == 0.0


@pytest.mark.parametrize(("rho", "days"), [(-0.4, 100), (0.0, 100), (0.5, 33.33), (1.0, 1.0101)])
def test_effective_days_are_bounded(rho, days):
    assert effective_days(100, rho) == pytest.approx(days, abs=0.01)


def test_the_long_run_covariance_is_the_weighed_sum_of_all_pairs_of_days():
    rng = np.random.default_rng(1)
    dates = np.array([d for d in range(100, 180) if d % 11])
    scores = rng.standard_normal((len(dates), 2))
    got = long_run_covariance(dates, scores, 0.0, 0)
    by_pairs = sum(
        (1 - abs(int(a) - int(b)) / 29) * np.outer(scores[i], scores[j])
        for i, a in enumerate(dates)
        for j, b in enumerate(dates)
        if abs(int(a) - int(b)) <= 28
    )
    white = sum(
        (1 - abs(int(a) - int(b)) / 8) * np.outer(scores[i], scores[j])
        for i, a in enumerate(dates)
        for j, b in enumerate(dates)
        if abs(int(a) - int(b)) <= 7 and (a - 1) in dates and (b - 1) in dates
    )
    pairs = sum((d - 1) in dates for d in dates)
    larger = max(by_pairs, white * len(dates) / pairs, key=lambda each: each[-1, -1])
    assert got == pytest.approx(larger)
