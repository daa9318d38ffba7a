"""One meter for heating and hot water: how its use is split."""

from __future__ import annotations

import pytest

from metering.savings.hot_water import split
from tests.baselines import heating_baseline


def test_hot_water_by_volume():
    result = split(heating_baseline(), used=10_000_000, days=30, litres=50_000)
    assert result is not None
    assert result.hot_water == round(50_000 * 69.78)
    assert result.heating + result.hot_water == 10_000_000
    assert result.source == "volume"


def test_hot_water_by_the_summer():
    result = split(heating_baseline(), used=60_000, days=30)
    assert result is not None
    assert (result.hot_water, result.heating, result.source) == (30_000, 30_000, "days without heat")
    assert result.half_width == pytest.approx(1.649 * 30 * 10, rel=1e-3)


def test_nothing_tells_them_apart():
    assert split(heating_baseline("mean"), used=60_000, days=30) is None
    assert split(heating_baseline("heating_2p"), used=60_000, days=30) is None


def test_hot_water_is_never_more_than_all():
    result = split(heating_baseline(), used=10_000, days=30)
    assert result is not None
    assert (result.hot_water, result.heating) == (10_000, 0)
