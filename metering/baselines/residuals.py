"""Scatter of a baseline's residuals: lag-1 correlation, long-run variance, HAC.

Missing days stay missing: products are taken between dates that are exactly one (or l) days apart (Parzen's
amplitude-modulated series), never between neighbours in the list.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LAGS: Final = 28
"""Bartlett lags [d]: at rho 0.7 a window of 5 keeps 60 % of the long-run variance, 14 keeps 82 %
(docs/sources.md#long-run-variance)."""

LARGEST_RHO: Final = 0.98
"""Upper bound of the correlation: beyond it a year has fewer than 4 independent days, and no interval is useful."""


def lag1(dates: Ints, residuals: Floats) -> float:
    """Correlation of the residuals at consecutive dates; 0 if there are no consecutive dates."""
    before, after = residuals[:-1], residuals[1:]
    if len(dates) and dates[-1] - dates[0] != len(dates) - 1:
        follows = dates[1:] - dates[:-1] == 1
        before, after = before[follows], after[follows]
    scale = float(np.sqrt((before @ before) * (after @ after)))
    return float(before @ after) / scale if scale > 0.0 else 0.0


def effective_days(n: float, rho: float) -> float:
    """n' = n (1 - rho) / (1 + rho): independent days among `n` (ASHRAE G14-2014); n if rho is negative."""
    bounded = min(max(rho, 0.0), LARGEST_RHO)
    return n * (1.0 - bounded) / (1.0 + bounded)


def long_run_covariance(dates: Ints, scores: Floats, rho: float, parameters: int) -> Floats:
    """Sum over the days of E[g_t g_s'] for scores g of shape (days, columns): the middle of a HAC sandwich.

    The larger, by the last column's variance (the residuals themselves), of Newey-West with `LAGS` Bartlett lags
    and of the AR(1)-prewhitened estimate (Andrews and Monahan 1992) with 7 lags. Both are scaled by n / (n - k)
    for the k `parameters` fitted.
    """
    n, columns = scores.shape
    first = int(dates[0])
    size = int(dates[-1]) - first + 1
    by_date = np.zeros((size, columns))
    by_date[dates - first] = scores
    plain = _bartlett(by_date, min(LAGS, size - 1))
    r = min(max(rho, 0.0), LARGEST_RHO)
    present = np.zeros(size, dtype=bool)
    present[dates - first] = True
    both = present[1:] & present[:-1]
    white = np.where(both[:, None], by_date[1:] - r * by_date[:-1], 0.0)
    pairs = max(int(both.sum()), 1)
    coloured = _bartlett(white, min(7, max(size - 2, 0))) * (n / pairs) / (1.0 - r) ** 2
    larger = coloured if coloured[-1, -1] > plain[-1, -1] else plain
    scaled: Floats = larger * (n / max(n - parameters, 1))
    return scaled


def _bartlett(by_date: Floats, lags: int) -> Floats:
    """Sum of g_t g_s' over all pairs of days, weighed by 1 - |t - s| / (lags + 1)."""
    size, columns = by_date.shape
    weights = np.concatenate(([0.0], 1.0 - np.arange(1, lags + 1) / (lags + 1.0)))
    past = np.empty_like(by_date)
    for column in range(columns):
        past[:, column] = np.convolve(by_date[:, column], weights)[:size]
    product = by_date.T @ past
    total: Floats = by_date.T @ by_date + product + product.T
    return total
