"""Odd days of a fit: outages of supply, absurd days, and days that do not bend the line.

- Outages of supply, in a house with a heating season: three or more days in a row out of season with less than 30 %
  of the usual use out of season (the yearly fortnight without hot water). They are excluded from the fit. In the
  reporting period they are no saving either, see `Baseline.outage`.
- Absurd days: above three times the 95th percentile of use, or below zero if others are not (at most 1 %). They are
  excluded from the fit.
- Outlying days: beyond 4 robust standard deviations (at most 5 %). They are excluded from the slopes only: such days
  will come again, so they count in the total.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from metering.baselines.fit_days import Bools, Days, Shape
from metering.baselines.models import MODELS, many_days
from metering.baselines.season import LEAST_SEASON_DAYS

OUTAGE_SHARE: Final = 0.3
"""Share of the usual use out of season below which a day is an outage, and largest share of such days."""
OUTAGE_RUN: Final = 3
"""Least number of consecutive days of an outage."""

_ROBUST_SDS: Final = 4.0
_MOST_OUTLYING: Final = 0.05
_MOST_ABSURD: Final = 0.01
_ABSURD_TIMES: Final = 3.0


def outage_days(days: Days) -> tuple[Bools, float | None]:
    """Days without supply out of the heating season (by every rule), and the use below which a day is an outage."""
    off = np.asarray(days.on.max(axis=0) == 0.0)
    none = np.zeros(len(days), dtype=bool)
    if off.sum() < LEAST_SEASON_DAYS:
        return none, None
    limit = OUTAGE_SHARE * float(np.median(days.used[off]))
    if limit <= 0.0:
        return none, None
    low = off & (days.used < limit)
    outage = none.copy()
    run: list[int] = []
    for index in [*np.flatnonzero(low).tolist(), -1]:
        if run and (index < 0 or days.dates[index] != days.dates[run[-1]] + 1):
            if len(run) >= OUTAGE_RUN:
                outage[run] = True
            run = []
        run.append(index)
    if not outage.any() or outage.sum() > OUTAGE_SHARE * off.sum():
        return none, None
    return outage, limit


def absurd_days(days: Days, name: str, parameters: Shape) -> Bools:
    """Days with impossible use, at most 1 % of them."""
    none = np.zeros(len(days), dtype=bool)
    # The limits are percentiles, so that one absurd day cannot raise them.
    ranked = np.sort(days.used)
    low, high = float(ranked[len(days) // 20]), float(ranked[(19 * len(days)) // 20])
    if ranked[0] >= min(low, 0.0) and ranked[-1] <= _ABSURD_TIMES * high:
        return none
    model = MODELS[name]
    expected = many_days(model, parameters, days.columns(model, parameters))
    usual = max(high, float(np.median(expected)))
    absurd = days.used > _ABSURD_TIMES * usual if usual > 0 else none
    absurd = absurd | ((days.used < 0) & (low >= 0))
    return absurd if 0 < absurd.sum() <= _MOST_ABSURD * len(days) else none


def outlying_days(days: Days, name: str, parameters: Shape) -> Bools:
    """Days beyond 4 robust standard deviations, at most 5 %; low and high expected use have their own scale."""
    model = MODELS[name]
    expected = many_days(model, parameters, days.columns(model, parameters))
    residual = days.used - expected
    high = expected > np.sort(expected)[len(days) // 2]
    off = np.abs(residual)
    score = np.zeros(len(days))
    for group in (high, ~high):
        size = off[group]
        if len(size) < 10:
            continue
        scale = 1.4826 * float(np.partition(size, len(size) // 2)[len(size) // 2])
        if scale > 0:
            score[group] = size / scale
    most = int(_MOST_OUTLYING * len(days))
    limit = max(_ROBUST_SDS, float(np.sort(score)[-most - 1]))
    return score > limit
