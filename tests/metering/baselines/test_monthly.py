"""Twelve acts make a baseline whose totals hold, and which claims nothing about days."""

from __future__ import annotations

import datetime as dt
import math
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from metering.baselines.daylight import dark_hours
from metering.baselines.document import Baseline
from metering.baselines.fit import NoUse, TooFewDays
from metering.baselines.monthly import Act, acts_of, fit_months
from metering.events import Unknown
from metering.savings.uncertainty import fsu_half_width_90, t_quantile, width_90
from metering.times import to_ms

FIRST = dt.date(2023, 10, 1)


def months(count):
    start = FIRST
    for _ in range(count):
        end = (start.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
        yield start.toordinal(), end.toordinal() - 1
        start = end


def temp_of(date):
    day = date - FIRST.toordinal()
    return round(1000 * (5.5 - 13.0 * np.cos(2 * np.pi * (day + 258) / 365.25) + 4 * np.sin(day * 0.9)))


def heat(date):
    return 3_000_000 + 500_000 * max(0.0, 16 - temp_of(date) / 1000)


def acts(count=12, use=heat, noise=0.02):
    rng = np.random.default_rng(1)
    return [
        Act(a, b, round(sum(use(d) for d in range(a, b + 1)) * (1 + noise * rng.standard_normal())))
        for a, b in months(count)
    ]


def test_a_heated_house_out_of_twelve_acts():
    held = acts()
    baseline = fit_months(held, temp_of)
    assert baseline.model == "heating_3p"
    assert (baseline.n, baseline.resolution) == (12, "month")
    assert baseline.parameters["heating"] == pytest.approx(500_000, rel=0.1)
    again = Baseline.from_document(baseline.document)
    total = sum(
        again.expected(temp_of(d), temp_of(d - 1)) for act in held for d in range(act.first, act.last + 1)
    )
    assert total == pytest.approx(sum(act.used for act in held), rel=0.0005)


def test_the_interval_is_that_of_months():
    baseline = fit_months(acts(), temp_of)
    year = sum(act.used for act in acts())
    fsu = fsu_half_width_90(baseline, days=365, months=12, expected_total=year)
    n = baseline.metrics.n_prime
    polynomial = -0.00022 * 144 + 0.03306 * 12 + 0.94054
    by_hand = (
        t_quantile(n - 3) * polynomial * baseline.metrics.cvrmse * year * math.sqrt(12 / n * (1 + 2 / n) / 12)
    )
    assert fsu == pytest.approx(by_hand)
    width = width_90(baseline, days=365, months=12, expected_total=year).total
    assert width >= math.hypot(fsu, 2.015 * 0.0175 * year) * 0.9999


def test_lighting_out_of_acts():
    held = acts(use=lambda date: 100_000 + 9_000 * dark_hours(date, 59.94))
    baseline = fit_months(held, lambda _: None, latitude=59.94)
    assert baseline.model == "lighting"
    assert baseline.parameters["dark"] == pytest.approx(9_000, rel=0.15)
    assert baseline.parameters["day_off"] == 0.0


def test_acts_without_weather_get_the_mean():
    assert fit_months(acts(), lambda _: None).model == "mean"


def test_eight_acts_are_too_few():
    with pytest.raises(TooFewDays, match="8 monthly acts; at least 9"):
        fit_months(acts(8), temp_of)


def test_acts_of_nothing():
    with pytest.raises(NoUse):
        fit_months([Act(a, b, 0) for a, b in months(12)], temp_of)


def test_acts_are_the_long_unknown_blocks():
    zone = ZoneInfo("Europe/Moscow")

    def ms(text):
        return to_ms(dt.datetime.fromisoformat(text).replace(tzinfo=zone))

    blocks = [
        Unknown(
            start=ms("2025-02-01T09:30"), end=ms("2025-03-01T08:00"), amount=70, flags=0
        ),  # read in the morning
        Unknown(start=ms("2025-01-01T00:00"), end=ms("2025-02-01T00:00"), amount=80, flags=0),
        Unknown(start=ms("2025-03-05T00:00"), end=ms("2025-03-09T00:00"), amount=5, flags=0),  # a gap
    ]
    days = [dt.date(2025, m, 1).toordinal() for m in (1, 2, 3)]
    assert acts_of(blocks, zone) == [Act(days[0], days[1] - 1, 80), Act(days[1], days[2] - 1, 70)]
