"""Baselines from monthly acts: twelve points, daily weather (PRISM, Fels 1986).

Expected use of a month is the sum over its days, so the formulas of days apply, and the frozen baseline predicts
days. But its metrics and its interval are of months: they do not apply to single days.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from metering.baselines.changepoint import LAG_TENTHS, effective_temperature
from metering.baselines.document import Baseline
from metering.baselines.fit import NoUse, TooFewDays, freeze, require_self_bias
from metering.baselines.models import MODELS, many_days, term_columns
from metering.baselines.season import TempOf
from metering.baselines.selection import LEAST_BIC_GAIN
from metering.events import Unknown
from metering.periods import Period
from metering.times import DAY_MS, date_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_MONTHS: Final = 9
"""Least number of acts of a fit: three parameters and six degrees of freedom."""

_MODELS: Final = ("mean", "heating_3p", "lighting")
_BALANCES_C: Final = np.arange(8.0, 22.5, 0.5)
"""Candidate balance points [°C]; monthly points do not support extreme ones (CalTRACK 3.2: 30-90 F)."""


class Act(NamedTuple):
    """Use of a period from two manual readings, usually a month."""

    first: int
    """Ordinal of its first day."""
    last: int
    used: int
    """[base units]"""


LEAST_ACT_DAYS: Final = 25
"""Least length of an unknown block that is an act and not a gap [d] (CalTRACK: billing periods of 25 to 70 days)."""


def acts_of(blocks: Iterable[Unknown], zone: ZoneInfo) -> list[Act]:
    """The acts among a register's unknown blocks, by time: a monthly act is one block of a month.

    Each end is rounded to the nearest midnight.

    Args:
        blocks: Unknown blocks of a register.
        zone: Zone of the days.
    """
    acts = []
    for block in sorted(blocks, key=lambda each: each.start):
        first, after = (date_of(at + DAY_MS // 2, zone) for at in (block.start, block.end))
        if after - first >= LEAST_ACT_DAYS:
            acts.append(Act(first, after - 1, block.amount))
    return acts


def fit_months(
    acts: Sequence[Act],
    temp_of: TempOf,
    *,
    unit: str = "Wh",
    latitude: float | None = None,
    models: Collection[str] = _MODELS,
) -> Baseline:
    """Fit a baseline on monthly acts.

    Args:
        acts: Ascending and without overlap; an act with a day of unknown temperature is excluded.
        temp_of: Mean outdoor temperature of any date [m°C], or None.
        unit: Name of the base unit.
        latitude: Of the site [degrees]; None: lighting is no candidate.
        models: Names of the candidates, of the mean, the heating model and lighting.

    Raises:
        TooFewDays: fewer than `LEAST_MONTHS` acts.
        NoUse: the sum of use is not positive.
    """
    spans = [np.arange(act.first, act.last + 1) for act in acts]
    temps = [[temp_of(date) for date in span.tolist()] for span in spans]
    whole = [None not in each for each in temps]
    weather = sum(whole) >= LEAST_MONTHS
    kept = [i for i in range(len(acts)) if whole[i] or not weather]
    if len(kept) < LEAST_MONTHS:
        raise TooFewDays(f"{len(kept)} monthly acts; at least {LEAST_MONTHS} are needed")
    used = np.array([acts[i].used for i in kept], dtype=np.float64)
    if used.sum() <= 0:
        raise NoUse(f"the acts sum to {used.sum():.0f} {unit}; a baseline needs some use")
    dates = np.concatenate([spans[i] for i in kept])
    temp = np.array([t or 0 for i in kept for t in temps[i]], dtype=np.int64)
    before = np.array([_or(temp_of(d - 1), t) for d, t in zip(dates.tolist(), temp.tolist(), strict=True)])
    starts = np.cumsum([0, *(len(spans[i]) for i in kept[:-1])])
    name, parameters = _best(used, dates, temp, before, starts, _candidates(models, weather, latitude))
    model = MODELS[name]
    daily = term_columns(model, parameters, temp, before, np.zeros(len(dates)), dates)
    t = effective_temperature(temp, before, round(10 * float(parameters.get("lag_weight", 1.0))))
    baseline = freeze(
        model=name,
        parameters=parameters,
        columns=np.add.reduceat(daily, starts, axis=0),
        used=used,
        expected=np.add.reduceat(many_days(model, parameters, daily), starts),
        when=np.array(kept),
        resolution="month",
        period=Period(acts[0].first, acts[-1].last),
        unit=unit,
        facts=hashlib.sha256(
            np.column_stack([dates, temp, before]).astype("<i8").tobytes() + used.tobytes()
        ).hexdigest()[:16],
        weather=(float(t.min()), float(t.max())) if model.needs_weather else (None, None),
    )
    again = int(baseline.expected_days(temp, before, dates=dates).sum())
    require_self_bias(baseline, again, math.fsum(used))
    return baseline


def _or(temp: int | None, other: int) -> int:
    return other if temp is None else temp


def _candidates(
    models: Collection[str], weather: bool, latitude: float | None
) -> Iterator[tuple[str, dict[str, float | str]]]:
    """(model, shape) of all candidates, the mean first."""
    yield "mean", {}
    if "heating_3p" in models and weather:
        for tenths in LAG_TENTHS:
            for balance in _BALANCES_C:
                yield "heating_3p", {"balance_c": float(balance), "lag_weight": tenths / 10}
    if "lighting" in models and latitude is not None:
        yield "lighting", {"latitude": latitude, "calendar": "week"}


def _best(
    used: Floats,
    dates: Ints,
    temp: Ints,
    before: Ints,
    starts: Ints,
    shapes: Iterator[tuple[str, dict[str, float | str]]],
) -> tuple[str, dict[str, float | str]]:
    """Model and parameters by BIC; the base keeps the total."""
    n = len(used)
    best: tuple[float, str, dict[str, float | str]] | None = None
    floor = float(used @ used) * 1e-24 + 1e-300
    mean_bic = math.inf
    for name, shape in shapes:
        model = MODELS[name]
        # Twelve points do not show weekends: the term stays at zero.
        linear = [c for c in model.coefficients if c != "day_off"]
        full = term_columns(model, shape, temp, before, np.zeros(len(dates)), dates)
        columns = np.add.reduceat(full, starts, axis=0)[:, : len(linear)]
        values = np.linalg.lstsq(columns, used, rcond=None)[0]
        if (values < 0).any():
            continue
        # Least squares on sums does not keep the total: shift the base so that it is exact.
        values[0] += (used.sum() - float((columns @ values).sum())) / columns[:, 0].sum()
        residual = used - columns @ values
        bic = n * math.log(max(float(residual @ residual), floor)) + model.k * math.log(n)
        if name == "mean":
            mean_bic = bic
        elif bic > mean_bic - LEAST_BIC_GAIN:
            continue
        if best is None or bic < best[0]:
            fitted: dict[str, float | str] = {
                c: round(float(v), 6) for c, v in zip(linear, values, strict=True)
            }
            best = bic, name, {c: fitted.get(c, 0.0) for c in model.coefficients} | shape
    assert best is not None  # the mean is always among them
    return best[1], best[2]
