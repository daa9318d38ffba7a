"""Houses of a known series: the usual use of the series supplements a short history, and the document records it.

A few winter weeks show the slope of a house and nothing of its summer. The series' usual figures enter as a prior with
its spread. The more days there are, the less the prior weighs; the total of the fitted days is always exact. Such
a baseline is always in doubt (`short_period`): it serves forecasts and alerts, not settlement.
"""

from __future__ import annotations

import hashlib
import math
from typing import Final, NamedTuple

import numpy as np

from metering.baselines.changepoint import effective_temperature
from metering.baselines.document import Baseline
from metering.baselines.fit import TooFewDays, freeze, require_self_bias
from metering.baselines.fit_days import LEAST_DAYS
from metering.baselines.models import MODELS, many_days, term_columns
from metering.baselines.residuals import effective_days, lag1
from metering.periods import DailyUse, Period
from metering.units import WH_PER_GCAL


class Series(NamedTuple):
    """Usual heat of a series of houses, per heated area."""

    heating: float
    """[Wh/(m2 K d)]"""
    base: float
    """Hot water and circulation [Wh/(m2 d)]."""
    balance_c: float
    heating_spread: float
    """Standard deviation between houses, a share."""
    base_spread: float
    source: str


SERIES: Final[dict[str, Series]] = {
    # 0.15 Gcal/m2 of heating a year over 4,537 degree days, 0.08 Gcal/m2 of hot water
    # (docs/sources.md#panel-house: norms of St Petersburg 119-r, 2016).
    # Spread: identical panel houses differ by 1.22 between the extremes at the least
    # (Lithuania, 2,280 buildings), and the norms themselves by 20 %.
    "137": Series(
        heating=0.15 * WH_PER_GCAL / 4_537,
        base=0.08 * WH_PER_GCAL / 365,
        balance_c=17.0,
        heating_spread=0.20,
        base_spread=0.30,
        source="series 137: 0.15 Gcal/m2 heating, 0.08 Gcal/m2 hot water a year, balance 17 °C",
    )
}

_LAG_TENTHS: Final = 6


def fit_with_series(days: DailyUse, period: Period, *, area_m2: float, series: str = "137") -> Baseline:
    """A heating baseline of a short period, with the usual use of the series as a prior.

    Args:
        days: Use [Wh] and temperatures.
        period: The short period.
        area_m2: Heated area of the house.
        series: One of `SERIES`.

    Raises:
        TooFewDays: less than a month of days with a use and a temperature.
        KeyError: the series is not known.
    """
    usual = SERIES[series]
    dates = [d for d in range(period.first, period.last + 1) if d in days.used and d in days.temps_mc]
    if len(dates) < LEAST_DAYS:
        raise TooFewDays(
            f"{period} has {len(dates)} days with a use and a temperature; at least {LEAST_DAYS} are needed"
        )
    used = np.array([days.used[d] for d in dates], dtype=np.float64)
    temp = np.array([days.temps_mc[d] for d in dates])
    before = np.array([days.temps_mc.get(d - 1, days.temps_mc[d]) for d in dates])
    when = np.array(dates)
    model = MODELS["heating_3p"]
    shape: dict[str, float | str] = {"balance_c": usual.balance_c, "lag_weight": _LAG_TENTHS / 10}
    columns = term_columns(model, shape, temp, before, np.zeros(len(dates)), when)
    prior = area_m2 * np.array([usual.base, usual.heating])
    precision = np.diag(1.0 / (prior * np.array([usual.base_spread, usual.heating_spread])) ** 2)
    # Scatter about the days' own line; correlated days weigh as n' of n.
    own = columns @ np.linalg.lstsq(columns, used, rcond=None)[0]
    residual = used - own
    n = len(dates)
    scatter = max(float(residual @ residual) / (n - 2), 1.0)
    weight = effective_days(n, lag1(when, residual)) / n / scatter
    together = weight * columns.T @ columns + precision
    values = np.linalg.solve(together, weight * columns.T @ used + precision @ prior)
    values = np.maximum(values, 0.0)
    values *= math.fsum(used) / float((columns @ values).sum())
    parameters = {"base": round(float(values[0]), 6), "heating": round(float(values[1]), 6)} | shape
    expected = many_days(model, parameters, columns)
    t = effective_temperature(temp, before, _LAG_TENTHS)
    facts = np.column_stack([when, used.astype(np.int64), temp, before]).astype("<i8").tobytes()
    baseline = freeze(
        model="heating_3p",
        parameters=parameters,
        columns=columns,
        used=used,
        expected=expected,
        when=when,
        resolution="day",
        period=period,
        unit="Wh",
        facts=hashlib.sha256(facts).hexdigest()[:16],
        weather=(float(t.min()), float(t.max())),
        covariance=np.asarray(np.linalg.inv(together), dtype=np.float64),
        prior=usual.source,
    )
    require_self_bias(baseline, int(baseline.expected_days(temp, before).sum()), math.fsum(used))
    return baseline
