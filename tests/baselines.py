"""Baselines for tests."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

from metering.baselines.document import Baseline, BetweenYears, Metrics, Residuals, TemperatureRange
from metering.baselines.fit import fit
from metering.baselines.models import MODELS
from metering.events import Fitted


def heating_baseline(model: str = "heating_season", **parameters: Any) -> Baseline:
    """A baseline of a model of heat [Wh] with these parameters, and those of a small house for the others."""
    all_parameters = {
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
        parameters={name: all_parameters[name] for name in form.parameters},
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


def fitted(contract: str, seed: int, received_at: int) -> Fitted:
    """A heated house in three winter months, fitted for a contract [Wh]; each seed is another house."""
    rng = random.Random(seed)
    dates = list(range(dt.date(2025, 1, 1).toordinal(), dt.date(2025, 4, 1).toordinal()))
    temps = [rng.randint(-15_000, 8_000) for _ in dates]
    made = fit(
        dates=dates,
        used=[round(9_000_000 + max(0, 17_000 - t) * 400 + rng.gauss(0, 300_000)) for t in temps],
        temps_mc=temps,
        temps_before_mc=[temps[0], *temps[:-1]],
        first=dates[0],
        last=dates[-1],
        unit="Wh",
    )
    return Fitted(
        building="b01",
        contract=contract,
        baseline_id=made.id,
        document=made.document,
        received_at=received_at,
    )
