"""Fitting a baseline: choose a model on the days of the baseline period, and freeze it as a document.

`fit` and `fit_period` choose among the `models` (`selection` explains how); `freeze` adds metrics and the inputs of
the interval. A fit calls its own serialised predictor before it returns: a baseline that does not reproduce the total
of its own days to 0.05 % is never returned (law 5).
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np

from metering.baselines.document import Baseline, BetweenYears, Metrics, Residuals, TemperatureRange
from metering.baselines.drift import PRIOR, drift_of
from metering.baselines.fit_days import LEAST_DAYS, Days, Floats, Ints, days_of
from metering.baselines.models import MODELS, many_days
from metering.baselines.residuals import effective_days, lag1, long_run_covariance
from metering.baselines.season import TempOf
from metering.baselines.selection import Choice, choose
from metering.periods import DailyUse, Period, Seasons
from metering.refusal import Refusal

LARGEST_SELF_BIAS: Final = 0.0005
"""|expected / used - 1| over the fitted days (law 5)."""


class Unfit(Refusal):
    """No baseline can be fitted on these days; the text says why."""

    status = 1


class TooFewDays(Unfit):
    """The period has too few days with a use (and a temperature)."""


class NoUse(Unfit):
    """The meter counted nothing (or less) over the period: there is nothing to compare with."""


class TooCoarse(Unfit):
    """The use of a day is so few base units that whole units cannot reproduce the total."""


def fit_period(
    days: DailyUse,
    period: Period,
    *,
    unit: str = "Wh",
    latitude: float | None = None,
    calendar: str | None = None,
    models: Collection[str] | None = None,
) -> Baseline:
    """The baseline fitted on the complete days of `period`; arguments and errors are those of `fit`."""
    dates = [date for date in range(period.first, period.last + 1) if date in days.used]
    return fit(
        dates=dates,
        used=[days.used[date] for date in dates],
        temps_mc=[days.temps_mc.get(date) for date in dates],
        temps_before_mc=[days.temps_mc.get(date - 1) for date in dates],
        temp_of=days.temps_mc.get,
        seasons=days.seasons,
        first=period.first,
        last=period.last,
        unit=unit,
        latitude=latitude,
        calendar=calendar,
        models=models,
    )


def fit(
    *,
    dates: Sequence[int],
    used: Sequence[int],
    temps_mc: Sequence[int | None],
    temps_before_mc: Sequence[int | None],
    first: int,
    last: int,
    unit: str = "Wh",
    temp_of: TempOf | None = None,
    seasons: Seasons = (),
    latitude: float | None = None,
    calendar: str | None = None,
    models: Collection[str] | None = None,
) -> Baseline:
    """Fit the baseline of one meter.

    Args:
        dates: Ordinals of the days with a complete use, ascending, within `[first, last]`.
        used: Their use [base units].
        temps_mc: Their mean outdoor temperatures [m°C]; None if unknown.
        temps_before_mc: Mean outdoor temperatures of the days before them [m°C]; None if unknown.
        first: Ordinal of the first day of the baseline period.
        last: Ordinal of its last day.
        unit: Name of the base unit, for the document.
        temp_of: Mean temperature of any date [m°C], also before the period, for the rules of the heating season
            (`metering.baselines.season`). None and no `seasons`: models with a season are no candidates, and `expected`
            never needs `heated`.
        seasons: Declared days with heat (first, last); if given, they replace the rules.
        latitude: Of the site [degrees]; None: the lighting models are no candidates.
        calendar: Name of the days off (`metering.baselines.calendars`); None: the models with a week are no
            candidates. Without `latitude` and `calendar`, `expected` never needs the date.
        models: Names of the candidates; None: all that the other arguments allow.

    Returns:
        The model that fits best (`metering.baselines.selection`). Models with weather use only days with a
        temperature, and need `LEAST_DAYS` of them and half of all days.

    Raises:
        TooFewDays: fewer than `LEAST_DAYS` days.
        NoUse: the sum of use is not positive.
        TooCoarse: whole base units cannot reproduce the total to 0.05 %.
    """
    period = Period(first, last)
    if len(dates) < LEAST_DAYS:
        raise TooFewDays(
            f"the baseline period {period} has {len(dates)} days "
            f"with a complete use; at least {LEAST_DAYS} are needed"
        )
    if sum(used) <= 0:
        raise NoUse(f"the meter counted {sum(used)} {unit} over {len(dates)} days; a baseline needs some use")
    days = days_of(
        dates=dates,
        used=used,
        temps_mc=temps_mc,
        temps_before_mc=temps_before_mc,
        temp_of=temp_of,
        seasons=seasons,
        latitude=latitude,
        calendar=calendar,
    )
    return _frozen(choose(days, models), days, period, unit)


def _frozen(choice: Choice, days: Days, period: Period, unit: str) -> Baseline:
    form, fitted = MODELS[choice.name], choice.fitted
    columns = fitted.columns(form, choice.parameters)
    lowest = highest = None
    if form.needs_weather:
        tenths = round(10 * float(choice.parameters["lag_weight"]))
        t = (tenths * fitted.temp + (10 - tenths) * fitted.before) / 10_000.0
        lowest, highest = float(t.min()), float(t.max())
    baseline = freeze(
        model=choice.name,
        parameters=choice.parameters,
        columns=columns,
        used=fitted.used,
        expected=many_days(form, choice.parameters, columns),
        when=fitted.dates,
        resolution="day",
        period=period,
        unit=unit,
        facts=days.facts(),
        weather=(lowest, highest),
        left_out=choice.absurd.tolist(),
        outages=choice.outages.tolist(),
        outage_below=choice.outage_below,
    )
    again = baseline.expected_days(
        fitted.temp, fitted.before, heated=fitted.heated(choice.parameters) > 0.0, dates=fitted.dates
    )
    require_self_bias(baseline, int(again.sum()), math.fsum(fitted.used.tolist()))
    return baseline


def freeze(
    *,
    model: str,
    parameters: Mapping[str, float | str],
    columns: Floats,
    used: Floats,
    expected: Ints,
    when: Ints,
    resolution: str,
    period: Period,
    unit: str,
    facts: str,
    weather: tuple[float | None, float | None],
    left_out: Sequence[int] = (),
    outages: Sequence[int] = (),
    outage_below: float | None = None,
    covariance: Floats | None = None,
    prior: str = "",
) -> Baseline:
    """The baseline of a fitted model, with its metrics and the inputs of the interval, read back from its document.

    Args:
        model: Name of the model.
        parameters: Its parameters.
        columns: Its terms at the n points, shape (n, terms).
        used: Use at the points [base units].
        expected: Expected use at the points [base units].
        when: Numbers of the points; points one apart are neighbours in time.
        resolution: `day` or `month`.
        period: The baseline period.
        unit: Name of the base unit.
        facts: Hash of the fitted days.
        weather: Coldest and warmest effective temperature of the points [°C].
        left_out: Ordinals of absurd days.
        outages: Ordinals of days without supply.
        outage_below: Use out of season below which a day is an outage [base units].
        covariance: Covariance of the coefficients; None: the HAC one of these points.
        prior: Evidence beyond the points.
    """
    n, k = len(used), MODELS[model].k
    residual = used - expected
    mean, rmse = math.fsum(used.tolist()) / n, _rmse(residual, k)
    rho = lag1(when, residual)
    own_covariance, long_run = _scatter(when, columns, residual, rho, k)
    if covariance is None:
        covariance = own_covariance
    drift = drift_of(when, residual, mean, rmse * math.sqrt(long_run)) if resolution == "day" else PRIOR
    frozen = Baseline(
        model=model,
        formula=MODELS[model].formula,
        parameters=dict(parameters),
        resolution=resolution,
        unit=unit,
        first_date=dt.date.fromordinal(period.first),
        last_date=dt.date.fromordinal(period.last),
        n=n,
        k=k,
        facts=facts,
        prior=prior,
        left_out_dates=_dates(left_out),
        outage_dates=_dates(outages),
        outage_below=None if outage_below is None else _short(outage_below),
        temperature=TemperatureRange(lowest_c=weather[0], highest_c=weather[1]),
        between_years=BetweenYears(
            sd=_short(drift.sd), degrees=drift.degrees, years=drift.years, source=drift.source
        ),
        metrics=_metrics(used, expected, k, rho),
        residuals=Residuals(
            terms=tuple(_short(float(value)) for value in columns.mean(axis=0)),
            covariance=tuple(tuple(_short(float(value)) for value in row) for row in covariance),
            long_run=_short(long_run),
        ),
    )
    return Baseline.from_document(frozen.document)


def _metrics(used: Floats, expected: Ints, k: int, rho: float) -> Metrics:
    """Goodness of fit of a model with `k` parameters, whose residuals have the lag-1 correlation `rho`."""
    n, total = len(used), math.fsum(used.tolist())
    residual = used - expected
    mean, rmse = total / n, _rmse(residual, k)
    spread = float(((used - mean) ** 2).sum())
    return Metrics(
        mean=_short(mean),
        rmse=_short(rmse),
        cvrmse=_short(rmse / mean),
        nmbe=_short(float(residual.sum()) / ((n - k) * mean)),
        r2=_short(1.0 - float(residual @ residual) / spread) if spread > 0 else 0.0,
        rho=_short(rho),
        n_prime=_short(effective_days(n, rho)),
        self_bias=_short(int(expected.sum()) / total - 1.0),
    )


def _rmse(residual: Floats, k: int) -> float:
    """sqrt(SSE / (n - k)) of a model with `k` parameters [base units]."""
    return math.sqrt(float(residual @ residual) / (len(residual) - k))


def _scatter(when: Ints, columns: Floats, residual: Floats, rho: float, k: int) -> tuple[Floats, float]:
    """HAC covariance of the coefficients [base units squared]; long-run variance of a residual over its variance."""
    n, sse = len(residual), float(residual @ residual)
    middle = long_run_covariance(when, np.column_stack([columns * residual[:, None], residual]), rho, k)
    # Terms differ by orders of magnitude (1 beside hundreds of degree days): scaled, inverted, scaled back.
    scale = np.maximum(np.abs(columns).max(axis=0), 1e-300)
    inverse = np.linalg.pinv((columns / scale).T @ (columns / scale)) / np.outer(scale, scale)
    covariance: Floats = inverse @ middle[:-1, :-1] @ inverse
    long_run = float(middle[-1, -1]) / (sse * n / (n - k)) if sse > 0 else 1.0
    return covariance, max(long_run, 1.0)


def require_self_bias(baseline: Baseline, expected: int, used: float) -> None:
    """Law 5: refuse a baseline whose serialised predictor misses the total of its own days.

    Raises:
        TooCoarse: by more than 0.05 %.
    """
    bias = expected / used - 1.0
    if abs(bias) > LARGEST_SELF_BIAS:
        raise TooCoarse(
            f"a mean use of {baseline.metrics.mean:.3g} {baseline.unit} a {baseline.resolution} is too little "
            f"to be compared in whole {baseline.unit}: the baseline would miss its own total by {100 * bias:.2f} %"
        )


def _dates(ordinals: Sequence[int]) -> tuple[dt.date, ...]:
    return tuple(dt.date.fromordinal(date) for date in ordinals)


def _short(value: float) -> float:
    """Ten significant digits: more than any meter has, and the same on every machine."""
    return float(f"{value:.10g}")
