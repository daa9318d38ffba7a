"""Change-point models of daily use against effective temperature, in closed form.

Theory of operation
-------------------
Every model here is a sum of hinges of one effective temperature t = w T_d + (1 - w) T_(d-1) [°C]:

    heating          base + heating * max(balance - t, 0)
    capped heating   base + heating * (max(balance - t, 0) - max(cap - t, 0)): no more below the cap
    heating, cooling base + heating * max(balance - t, 0) + cooling * max(t - cooling_balance, 0)

(Kissock, Haberl, Claridge 2003, ASHRAE RP-1050; PRISM 1986.) Break points are searched on a grid
of 0.5 K. Because the grid is regular, one pass over the days is enough: they are counted into bins of 0.5 K with
their first and second moments, and the least squares of *every* break point follow from the running sums
over the bins. A fit is therefore linear in the number of days, and one call fits many meters.

The lag weight stands for the thermal inertia of a house; on measured houses it cuts the out-of-sample
scatter by 4-11 % (docs/sources.md#lagged-temperature; CalTRACK issues 111, 124, 134 ask for it).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STEP_C: Final = 0.5
"""Grid of balance points [K]."""

LAG_TENTHS: Final = (10, 8, 6, 4)
"""Weights of the day's own temperature in the effective temperature, in tenths."""

LEAST_HEATING_DAYS: Final = 10
"""Days below the balance point that a fit needs (CalTRACK 3.2: at least 10 days of non-zero degree days)."""

_TAIL: Final = 0.03
"""A balance point lies between the 3rd and the 97th percentile of the temperatures."""


def effective_temperature(temp_mc: Ints, before_mc: Ints, tenths: int) -> Floats:
    """w T_d + (1 - w) T_(d-1) [°C], `tenths` = 10 w. Exact integers up to the one division."""
    mixed: Ints = tenths * temp_mc + (10 - tenths) * before_mc
    return mixed / 10_000.0


class Bins(NamedTuple):
    """Running sums over the days colder than each balance point of the grid; shape (meters, grid)."""

    grid: Floats
    """Balance points [°C], ascending."""
    days: Floats
    t: Floats
    tt: Floats
    y: Floats
    ty: Floats
    n: Floats
    """Days of each meter, shape (meters, 1)."""
    y_mean: Floats
    """Mean use, subtracted from every `y` above; shape (meters, 1)."""
    yy: Floats
    """Sum of squares about the mean, shape (meters, 1)."""


def to_bins(t: Floats, y: Floats) -> Bins:
    """Count days into bins of 0.5 K.

    Args:
        t: Effective temperatures [°C], shape (meters, days).
        y: Use, the same shape, in any unit.
    """
    meters, days = t.shape
    low = float(np.floor(np.min(t) / STEP_C))
    high = float(np.floor(np.max(t) / STEP_C))
    size = int(high - low) + 1
    y_mean = y.mean(axis=1, keepdims=True)
    centred = y - y_mean
    rows = np.repeat(np.arange(meters), days)
    flat_t, flat_y = t.ravel(), centred.ravel()
    at = rows * size + (np.floor(flat_t / STEP_C) - low).astype(np.int64)

    def running(weights: Floats | None) -> Floats:
        sums = np.bincount(at, weights, minlength=meters * size).reshape(meters, size)
        return np.cumsum(sums, axis=1, dtype=np.float64)

    return Bins(
        grid=np.arange(low + 1.0, low + 1.0 + size, dtype=np.float64) * STEP_C,
        days=running(None),
        t=running(flat_t),
        tt=running(flat_t * flat_t),
        y=running(flat_y),
        ty=running(flat_t * flat_y),
        n=np.full((meters, 1), float(days)),
        y_mean=y_mean,
        yy=(centred * centred).sum(axis=1, keepdims=True),
    )


class Hinges(NamedTuple):
    """The best heating hinge of each meter; shape (meters,)."""

    balance_c: Floats
    base: Floats
    heating: Floats
    sse: Floats
    """Infinite if no balance point is allowed."""


def best_heating(bins: Bins) -> Hinges:
    """Least squares of `base + heating * max(balance - t, 0)` over the grid.

    A base below zero is not allowed: the line then goes through the origin with the slope that keeps the total (use
    over degree days, as in contracts). A slope below zero is not allowed at all.
    """
    grid, n = bins.grid, bins.n
    sx = grid * bins.days - bins.t
    sxx = grid * grid * bins.days - 2.0 * grid * bins.t + bins.tt
    sxy = grid * bins.y - bins.ty
    spread = sxx - sx * sx / n
    allowed = (
        (bins.days >= np.maximum(LEAST_HEATING_DAYS, _TAIL * n))
        & (bins.days <= (1 - _TAIL) * n)
        & (spread > 1e-9 * sxx)
        & (sxy > 0.0)
    )
    heating = np.where(allowed, sxy, 0.0) / np.where(allowed, spread, 1.0)
    base = bins.y_mean - heating * sx / n
    sse = bins.yy - heating * sxy
    origin = allowed & (base < 0.0)
    if origin.any():
        ratio = n * bins.y_mean / np.where(origin, sx, 1.0)
        raw_xy = sxy + bins.y_mean * sx
        raw_yy = bins.yy + n * bins.y_mean * bins.y_mean
        sse = np.where(origin, raw_yy - 2.0 * ratio * raw_xy + ratio * ratio * sxx, sse)
        heating = np.where(origin, ratio, heating)
        base = np.where(origin, 0.0, base)
        allowed &= ~origin | (ratio > 0.0)
    sse = np.where(allowed, np.maximum(sse, 0.0), np.inf)
    best = np.argmin(sse, axis=1)
    rows = np.arange(len(best))
    return Hinges(grid[best], base[rows, best], heating[rows, best], sse[rows, best])


class Pair(NamedTuple):
    """Two break points of one meter, and the sum of squared residuals about their line."""

    first_c: float
    second_c: float
    sse: float
    """Infinite if no pair is allowed."""


LEAST_SPAN_C: Final = 5.0
"""Least span of a capped line [K]; a shorter one is a step, and heating has no steps."""


def best_capped(bins: Bins) -> Pair:
    """(balance point, cap) of the capped heating line; of the first meter of the bins."""
    grid, n = bins.grid, float(bins.n[0, 0])
    days, t, tt = bins.days[0], bins.t[0], bins.tt[0]
    sx = grid * days - t
    sxx = grid * grid * days - 2.0 * grid * t + tt
    sxy = grid * bins.y[0] - bins.ty[0]
    high, low = grid[:, None], grid[None, :]
    both = high * low * days[None, :] - (high + low) * t[None, :] + tt[None, :]
    sz = sx[:, None] - sx[None, :]
    szz = sxx[:, None] - 2.0 * both + sxx[None, :]
    szy = sxy[:, None] - sxy[None, :]
    spread = szz - sz * sz / n
    allowed = (
        (high - low >= LEAST_SPAN_C)
        & (days[None, :] >= max(LEAST_HEATING_DAYS, _TAIL * n))
        & (days[:, None] <= n)
        & (spread > 1e-9 * szz)
        & (szy > 0.0)
    )
    gain = np.where(allowed, szy * szy, 0.0) / np.where(allowed, spread, 1.0)
    return _best(bins, gain, allowed)


def best_heating_cooling(bins: Bins) -> Pair:
    """(balance point of heating, of cooling) with heating below cooling; of the first meter of the bins."""
    grid, n = bins.grid, float(bins.n[0, 0])
    days, t, tt, y, ty = bins.days[0], bins.t[0], bins.tt[0], bins.y[0], bins.ty[0]
    hx = grid * days - t
    hxx = grid * grid * days - 2.0 * grid * t + tt
    hxy = grid * y - ty
    above, t_above, tt_above = n - days, t[-1] - t, tt[-1] - tt
    cx = t_above - grid * above
    cxx = tt_above - 2.0 * grid * t_above + grid * grid * above
    cxy = (ty[-1] - ty) - grid * (y[-1] - y)
    # Heating ends before cooling begins, so no day has both: their product sums to zero.
    a11 = (hxx - hx * hx / n)[:, None]
    a22 = (cxx - cx * cx / n)[None, :]
    a12 = -hx[:, None] * cx[None, :] / n
    r1, r2 = hxy[:, None], cxy[None, :]
    det = a11 * a22 - a12 * a12
    heating, cooling = r1 * a22 - r2 * a12, r2 * a11 - r1 * a12
    least = max(LEAST_HEATING_DAYS, _TAIL * n)
    allowed = (
        (grid[:, None] <= grid[None, :])
        & (days[:, None] >= least)
        & (above[None, :] >= least)
        & (det > 1e-9 * a11 * a22)
        & (heating > 0.0)
        & (cooling > 0.0)
    )
    gain = np.where(allowed, heating * r1 + cooling * r2, 0.0) / np.where(allowed, det, 1.0)
    return _best(bins, gain, allowed)


def _best(bins: Bins, gain: Floats, allowed: NDArray[np.bool_]) -> Pair:
    """The pair with the least sum of squared residuals."""
    left = np.where(allowed, np.maximum(bins.yy[0, 0] - gain, 0.0), np.inf)
    row, column = divmod(int(np.argmin(left)), left.shape[1])
    return Pair(float(bins.grid[row]), float(bins.grid[column]), float(left[row, column]))
