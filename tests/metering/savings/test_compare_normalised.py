"""Savings in the weather of a given year."""

from __future__ import annotations

import pytest

from metering.baselines.fit import fit_period
from metering.periods import DailyUse
from metering.savings.compare import NoDays, normalised
from tests.houses import BASE, REPORT, house


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
