"""A house with a few weeks of history, helped by what its series usually uses."""

from __future__ import annotations

import datetime as dt
import json
import math

import numpy as np
import pytest

from metering.baselines.fit import TooFewDays, fit_period
from metering.baselines.series import SERIES, fit_with_series
from metering.periods import DailyUse, Period
from metering.savings.compare import compare
from metering.savings.sufficiency import doubts

FIRST = dt.date(2024, 10, 1).toordinal()
AREA = 12_000.0


def house(seed, *, more=1.1):
    """A year of a house of the series that uses 10 % more than usual."""
    rng = np.random.default_rng(seed)
    usual = SERIES["137"]
    temps, used = {}, {}
    for i in range(365):
        temp = 5.5 - 12.0 * math.cos(2 * math.pi * (i + 258) / 365.25) + rng.normal(0, 3)
        need = usual.base + usual.heating * max(0.0, 17.3 - temp)
        temps[FIRST + i] = round(1000 * temp)
        used[FIRST + i] = round(AREA * need * more * (1 + 0.06 * rng.standard_normal()))
    return DailyUse(used, temps)


WINTER = Period(dt.date(2024, 12, 1).toordinal(), dt.date(2025, 1, 25).toordinal())
SUMMER = Period(dt.date(2025, 6, 1).toordinal(), dt.date(2025, 8, 31).toordinal())


def test_the_series_tells_the_summer_that_eight_winter_weeks_do_not():
    helped, alone = [], []
    for seed in range(8):
        days = house(seed)
        helped.append(abs(compare(days, fit_with_series(days, WINTER, area_m2=AREA), SUMMER).share))
        alone.append(abs(compare(days, fit_period(days, WINTER), SUMMER).share))
    assert np.mean(helped) < 0.20
    assert np.mean(helped) < np.mean(alone) / 2


def test_it_says_so_reproduces_its_days_and_is_in_doubt():
    days = house(1)
    baseline = fit_with_series(days, WINTER, area_m2=AREA)
    assert "series 137" in baseline.prior
    assert json.loads(baseline.document)["prior"] == SERIES["137"].source
    assert abs(baseline.metrics.self_bias) <= 0.0005
    assert "short_period" in {doubt.kind for doubt in doubts(baseline)}
    assert fit_period(days, WINTER).prior == ""


def test_a_long_history_outweighs_the_series():
    days = house(2, more=1.5)
    year = Period(FIRST, FIRST + 364)
    baseline = fit_with_series(days, year, area_m2=AREA)
    assert float(baseline.parameters["heating"]) == pytest.approx(
        1.5 * AREA * SERIES["137"].heating, rel=0.05
    )


def test_a_month_is_the_least():
    with pytest.raises(TooFewDays, match="29 days"):
        fit_with_series(house(1), Period(FIRST, FIRST + 28), area_m2=AREA)
