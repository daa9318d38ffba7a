"""Lighting by day type, hour and darkness, out of hourly use."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from metering.baselines.daylight import hours_of_day
from metering.baselines.document import Baseline, NoUse, TooFewDays
from metering.baselines.lighting_hours import fit_lighting_hours
from metering.savings.compare import DailyUse, Period, compare
from metering.times import HOUR_MS, day_bounds

HELSINKI = ZoneInfo("Europe/Helsinki")
PLACE = {"latitude": 60.17, "longitude": 24.94}
FIRST = dt.date(2023, 3, 1).toordinal()
YEAR, NEXT = Period(FIRST, FIRST + 365), Period(FIRST + 366, FIRST + 730)


def use(date, hour, dark, rng):
    """Lamps burn at night and dawn, offices by day, on working days more."""
    weekday = (date - 1) % 7 < 5
    lamps = 9_000 if dark else 2_500
    offices = 6_000 if weekday and 8 <= hour < 17 else 500
    return round((lamps + offices) * (1 + 0.05 * rng.standard_normal()))


def hourly(zone=HELSINKI):
    rng = np.random.default_rng(1)
    hours = {}
    for date in range(YEAR.first, NEXT.last + 1):
        start, _ = day_bounds(date, zone)
        for i, (hour, dark) in enumerate(hours_of_day(date, zone, **PLACE)):
            hours[start // HOUR_MS + i] = use(date, hour, dark, rng)
    return hours


def daily(hours, zone=HELSINKI):
    days = {}
    for date in range(YEAR.first, NEXT.last + 1):
        start, end = day_bounds(date, zone)
        days[date] = sum(hours[h] for h in range(start // HOUR_MS, end // HOUR_MS))
    return DailyUse(days, {})


def test_it_predicts_the_next_year_from_dates_alone():
    hours = hourly()
    baseline = fit_lighting_hours(hours, YEAR, zone=HELSINKI, **PLACE)
    assert baseline.n == 366
    assert baseline.cvrmse < 0.02
    assert not baseline.needs_weather
    result = compare(daily(hours), baseline, NEXT)
    assert result.share == pytest.approx(0.0, abs=0.002)


def test_the_document_is_the_baseline_and_reproduces_its_total():
    hours = hourly()
    baseline = Baseline.from_document(fit_lighting_hours(hours, YEAR, zone=HELSINKI, **PLACE).document)
    days = daily(hours)
    dates = range(YEAR.first, YEAR.last + 1)
    one_by_one = [baseline.expected(None, date=date) for date in dates]
    none = np.zeros(len(dates), dtype=np.int64)
    assert baseline.expected_days(none, none, dates=np.array(dates)).tolist() == one_by_one
    assert sum(one_by_one) == pytest.approx(sum(days.used[d] for d in dates), rel=0.0005)


def test_days_of_23_and_25_hours():
    spring, autumn = dt.date(2023, 3, 26).toordinal(), dt.date(2023, 10, 29).toordinal()
    assert len(hours_of_day(spring, HELSINKI, **PLACE)) == 23
    assert [hour for hour, _ in hours_of_day(autumn, HELSINKI, **PLACE)].count(3) == 2
    baseline = fit_lighting_hours(hourly(), YEAR, zone=HELSINKI, **PLACE)
    assert baseline.expected(None, date=autumn) > baseline.expected(None, date=autumn - 7)


def test_a_day_without_one_hour_is_not_fitted_on():
    hours = hourly()
    del hours[min(hours) + 24 * 10 + 5]
    assert fit_lighting_hours(hours, YEAR, zone=HELSINKI, **PLACE).n == 365


def test_light_that_a_month_never_saw_falls_back_to_the_same_hour():
    june = Period(dt.date(2023, 6, 1).toordinal(), dt.date(2023, 6, 30).toordinal())
    baseline = fit_lighting_hours(hourly(), june, zone=HELSINKI, **PLACE)
    assert baseline.expected(None, date=dt.date(2023, 12, 20).toordinal()) > 0


def test_too_little_and_nothing():
    with pytest.raises(TooFewDays, match="29 days with all their hours"):
        fit_lighting_hours(hourly(), Period(FIRST, FIRST + 28), zone=HELSINKI, **PLACE)
    with pytest.raises(NoUse):
        fit_lighting_hours(dict.fromkeys(hourly(), 0), YEAR, zone=HELSINKI, **PLACE)
