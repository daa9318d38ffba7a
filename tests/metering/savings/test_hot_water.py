"""One meter for heating and hot water: how its use is split."""

from __future__ import annotations

import datetime as dt

import pytest

from metering.baselines.document import Baseline, BetweenYears, Metrics, Residuals, TemperatureRange
from metering.baselines.models import MODELS
from metering.savings.hot_water import split


def a_baseline(model="heating_season", **parameters) -> Baseline:
    held = {
        "base_off": 1_000.0,
        "base": 1_600.0,
        "heating": 100.0,
        "balance_c": 10.0,
        "lag_weight": 1.0,
        "season_rule": "8/8.5+0",
    } | parameters
    form = MODELS[model]
    return Baseline(
        model=model,
        formula="",
        parameters={name: held[name] for name in form.parameters},
        resolution="day",
        unit="Wh",
        first_date=dt.date(1, 1, 1),
        last_date=dt.date(1, 12, 31),
        n=365,
        k=form.k,
        facts="",
        prior="",
        left_out_dates=(),
        outage_dates=(),
        outage_below=None,
        temperature=TemperatureRange(lowest_c=-20.0, highest_c=25.0),
        between_years=BetweenYears(sd=0.0, degrees=10.0, years=1, source=""),
        metrics=Metrics(
            mean=2_000.0,
            rmse=100.0,
            cvrmse=0.05,
            nmbe=0.0,
            r2=0.9,
            rho=0.0,
            n_prime=365.0,
            self_bias=0.0,
        ),
        residuals=Residuals(
            terms=(0.4, 0.6, 5.0),
            covariance=((100.0, 0.0, 0.0), (0.0, 100.0, 0.0), (0.0, 0.0, 1.0)),
            long_run=1.0,
        ),
    )


def test_hot_water_by_volume():
    result = split(a_baseline(), used=10_000_000, days=30, litres=50_000)
    assert result is not None
    assert result.hot_water == round(50_000 * 69.78)
    assert result.heating + result.hot_water == 10_000_000
    assert result.source == "volume"


def test_hot_water_by_the_summer():
    result = split(a_baseline(), used=60_000, days=30)
    assert result is not None
    assert (result.hot_water, result.heating, result.source) == (30_000, 30_000, "days without heat")
    assert result.half_width == pytest.approx(1.649 * 30 * 10, rel=1e-3)


def test_nothing_tells_them_apart():
    assert split(a_baseline("mean"), used=60_000, days=30) is None
    assert split(a_baseline("heating_2p"), used=60_000, days=30) is None


def test_hot_water_is_never_more_than_all():
    result = split(a_baseline(), used=10_000, days=30)
    assert result is not None
    assert (result.hot_water, result.heating) == (10_000, 0)
