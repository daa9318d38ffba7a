"""Baselines: what a meter would have used without the measure, as a function of the weather.

A baseline is fitted on the baseline period alone, frozen as a canonical JSON document, and known by the
hash of that document. Its predictor is a handful of numbers that anyone can evaluate by hand:

    mean         y = b0
    heating_3p   y = b0 + b_h * max(theta - T_eff, 0),   T_eff = w * T_d + (1 - w) * T_(d-1)

`heating_3p` is the three-parameter change-point model of ASHRAE RP-1050 (Kissock, Haberl, Claridge 2003)
with the effective temperature of a house with thermal mass: the day's own mean and the day before's
(facts: 6-11 % lower out-of-sample CV(RMSE) than the day alone). b0 is DHW and circulation, b_h the heat
loss per kelvin and day, theta the balance point.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from msgspec import Struct

MEAN: Final = "mean"
HEATING_3P: Final = "heating_3p"

LEAST_DAYS: Final = 60
"""Fewer days than this are not fitted: a season's slope cannot be told from a fortnight."""

_WEIGHTS: Final = (1.0, 0.8, 0.6, 0.4)
_THETA_STEP: Final = 0.5
_LEAST_HEATING_DAYS: Final = 10
_BIC_GAIN: Final = 10.0
"""A model with more parameters must beat the simpler one by this much ('very strong', Kass & Raftery 1995)."""
_OUTLIER_MAD: Final = 4.0
_MOST_DROPPED: Final = 0.05


class TooFewDays(ValueError):
    """The baseline period has too few days with use (and weather) to fit anything."""


class Baseline(Struct, frozen=True):
    """A fitted, frozen baseline. All energies are in `unit`."""

    model: str
    unit: str
    period: tuple[str, str]
    """First and last day of the baseline period (ISO dates, both included)."""
    n: int
    """Days that the parameters were fitted on."""
    k: int
    """Fitted parameters."""
    b0: float
    slope: float
    """b_h [unit per K and day]; 0 for `mean`."""
    theta: float
    """Balance point [°C]."""
    weight: float
    """Weight w of the day itself in the effective temperature."""
    t_min: float
    t_max: float
    """Range of T_eff that the model was fitted on [°C]."""
    mean: float
    """Mean use of the fitted days."""
    rmse: float
    """sqrt(SSE / (n - k))."""
    cvrmse: float
    nmbe: float
    """sum(observed - expected) / ((n - k) mean), a share."""
    r2: float
    rho: float
    """Correlation of the residuals of consecutive days."""
    self_bias_pct: float
    """100 (sum(expected) / sum(observed) - 1) over the period's days, through the serialised predictor."""

    @property
    def document(self) -> bytes:
        """The baseline as canonical JSON: sorted keys, shortest floats."""
        return _document(self)

    @property
    def id(self) -> str:
        """First 16 hex digits of the SHA-256 of `document`."""
        return hashlib.sha256(self.document).hexdigest()[:16]

    @property
    def needs_weather(self) -> bool:
        """Whether expected use depends on the temperature."""
        return self.model != MEAN

    @property
    def n_prime(self) -> float:
        """Independent days among the n: n (1 - rho) / (1 + rho) (Reddy & Claridge 2000); never more than n."""
        rho = min(max(self.rho, 0.0), 0.99)
        return self.n * (1 - rho) / (1 + rho)

    @staticmethod
    def from_document(document: bytes) -> Baseline:
        """The baseline that `document` describes.

        Raises:
            ValueError: it is not a baseline document.
        """
        return _from_document(document)

    def effective(self, temp_mc: int, before_mc: int | None) -> float:
        """T_eff [°C] of a day with mean `temp_mc` [m°C]; the day stands for the day before where that is unknown."""
        before = temp_mc if before_mc is None else before_mc
        return (self.weight * temp_mc + (1.0 - self.weight) * before) / 1000.0

    def expected(self, temp_mc: int | None, before_mc: int | None = None) -> int:
        """Expected use of one day, rounded to the integer unit.

        Args:
            temp_mc: Mean outdoor temperature of the day [m°C]; may be None for `mean`.
            before_mc: The same of the day before.
        """
        return round(self.expected_float(temp_mc, before_mc))

    def expected_float(self, temp_mc: int | None, before_mc: int | None = None) -> float:
        """Expected use of one day, not rounded (for tables in units of their own)."""
        if self.model == MEAN:
            return self.b0
        if temp_mc is None:
            raise ValueError("this baseline needs the day's temperature")
        return self.b0 + self.slope * max(self.theta - self.effective(temp_mc, before_mc), 0.0)

    def extrapolated(self, temp_mc: int | None, before_mc: int | None = None) -> bool:
        """Whether the day is colder or warmer than any that the model was fitted on."""
        if self.model == MEAN or temp_mc is None:
            return False
        return not self.t_min <= self.effective(temp_mc, before_mc) <= self.t_max


def _document(baseline: Baseline) -> bytes:
    fields: dict[str, Any] = {name: getattr(baseline, name) for name in baseline.__struct_fields__}
    fields["format"] = "kvartal-baseline-1"
    return json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


@lru_cache(maxsize=65_536)
def _from_document(document: bytes) -> Baseline:
    fields = json.loads(document)
    if fields.pop("format", None) != "kvartal-baseline-1":
        raise ValueError("not a baseline document of format kvartal-baseline-1")
    fields["period"] = tuple(fields["period"])
    return Baseline(**fields)


def fit(
    *,
    dates: Sequence[int],
    used: Sequence[float],
    temps_mc: Sequence[int | None],
    temps_before_mc: Sequence[int | None],
    first: int,
    last: int,
    unit: str = "Wh",
) -> Baseline:
    """Fit every model that the days allow and freeze the one that BIC picks.

    Args:
        dates: Ordinals of the days that have a use, ascending.
        used: Use of each day [unit].
        temps_mc: Mean outdoor temperature of each day [m°C], None where unknown.
        temps_before_mc: The same of the day before each.
        first: Ordinal of the first day of the baseline period.
        last: Ordinal of its last day.
        unit: Unit of `used`, for the document.

    Raises:
        TooFewDays: fewer than `LEAST_DAYS` days have a use.
    """
    day, y = np.asarray(dates, dtype=np.int64), np.asarray(used, dtype=float)
    if len(y) < LEAST_DAYS:
        raise TooFewDays(f"{len(y)} days of the baseline period have a use, at least {LEAST_DAYS} are needed")
    candidates = [_fit_mean(day, y)]
    known = np.array([temp is not None for temp in temps_mc])
    if known.sum() >= LEAST_DAYS:
        temp = np.array([t for t in temps_mc if t is not None], dtype=float)
        before = np.array(
            [t if b is None else b for t, b in zip(temps_mc, temps_before_mc, strict=True) if t is not None],
            dtype=float,
        )
        heating = _fit_heating(day[known], y[known], temp, before)
        if heating is not None:
            # Compared on the same days: those that have weather.
            candidates = [_fit_mean(day[known], y[known])]
            if heating["bic"] < candidates[0]["bic"] - _BIC_GAIN:
                candidates = [heating]
            else:
                candidates = [_fit_mean(day, y)]
    chosen = candidates[0]
    period = (dt.date.fromordinal(first).isoformat(), dt.date.fromordinal(last).isoformat())
    return _freeze(chosen, unit, period)


def _fit_mean(day: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    expected = np.full(len(y), y.mean())
    return {
        "model": MEAN, "day": day, "y": y, "temp": None, "before": None, "k": 1, "b0": float(y.mean()),
        "slope": 0.0, "theta": 0.0, "weight": 1.0, "t_range": (0.0, 0.0), "fitted": expected,
        "bic": _bic(y - expected, 1),
    }  # fmt: skip


def _bic(residuals: np.ndarray, k: int) -> float:
    n = len(residuals)
    sse = max(float(residuals @ residuals), 1e-12)
    return n * math.log(sse / n) + k * math.log(n)


def _fit_heating(
    day: np.ndarray, y: np.ndarray, temp_mc: np.ndarray, before_mc: np.ndarray
) -> dict[str, Any] | None:
    """The best heating_3p by least squares over the grid of w and theta, or None where none is allowed."""
    best = _grid(y, temp_mc, before_mc)
    if best is None:
        return None
    # One robust pass: days far from the model (an outage, an exchange) are set aside and the grid is
    # searched again; the intercept is then set so that the total over all days is exact.
    _, b0, slope, theta, weight = best
    t_eff = (weight * temp_mc + (1 - weight) * before_mc) / 1000
    residual = y - (b0 + slope * np.maximum(theta - t_eff, 0))
    mad = 1.4826 * float(np.median(np.abs(residual - np.median(residual))))
    far = np.abs(residual - np.median(residual)) > _OUTLIER_MAD * mad
    if mad > 0 and 0 < far.sum() <= _MOST_DROPPED * len(y):
        again = _grid(y[~far], temp_mc[~far], before_mc[~far])
        if again is not None:
            _, b0, slope, theta, weight = again
            t_eff = (weight * temp_mc + (1 - weight) * before_mc) / 1000
    shape = slope * np.maximum(theta - t_eff, 0)
    b0 = float(y.mean() - shape.mean())
    expected = b0 + shape
    return {
        "model": HEATING_3P, "day": day, "y": y, "temp": temp_mc, "before": before_mc, "k": 4, "b0": b0,
        "slope": float(slope), "theta": float(theta), "weight": float(weight),
        "t_range": (float(t_eff.min()), float(t_eff.max())), "fitted": expected, "bic": _bic(y - expected, 4),
    }  # fmt: skip


def _grid(
    y: np.ndarray, temp_mc: np.ndarray, before_mc: np.ndarray
) -> tuple[float, float, float, float, float] | None:
    """(SSE, b0, slope, theta, weight) of the least squares solution over the grid; slope > 0."""
    best: tuple[float, float, float, float, float] | None = None
    n = len(y)
    y_sum, y_square = float(y.sum()), float(y @ y)
    for weight in _WEIGHTS:
        t_eff = (weight * temp_mc + (1 - weight) * before_mc) / 1000
        low, high = np.percentile(t_eff, [3, 97])
        thetas = np.arange(math.ceil(low / _THETA_STEP), math.floor(high / _THETA_STEP) + 1) * _THETA_STEP
        if not len(thetas):
            continue
        x = np.maximum(thetas[:, None] - t_eff[None, :], 0)
        x_sum, x_square, xy = x.sum(axis=1), (x * x).sum(axis=1), x @ y
        spread = n * x_square - x_sum**2
        allowed = ((x > 0).sum(axis=1) >= _LEAST_HEATING_DAYS) & (spread > 1e-9 * n)
        if not allowed.any():
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = (n * xy - x_sum * y_sum) / spread
            b0 = (y_sum - slope * x_sum) / n
        sse = y_square - b0 * y_sum - slope * xy
        sse[~allowed | ~(slope > 0)] = np.inf
        at = int(np.argmin(sse))
        if np.isfinite(sse[at]) and (best is None or sse[at] < best[0]):
            best = (float(sse[at]), float(b0[at]), float(slope[at]), float(thetas[at]), weight)
    return best


def _freeze(chosen: dict[str, Any], unit: str, period: tuple[str, str]) -> Baseline:
    """The document's numbers, with the metrics computed through its own predictor."""
    day, y, k = chosen["day"], chosen["y"], chosen["k"]
    n = len(y)
    shape = Baseline(
        model=chosen["model"], unit=unit, period=period, n=n, k=k, b0=chosen["b0"], slope=chosen["slope"],
        theta=chosen["theta"], weight=chosen["weight"], t_min=chosen["t_range"][0], t_max=chosen["t_range"][1],
        mean=float(y.mean()), rmse=0.0, cvrmse=0.0, nmbe=0.0, r2=0.0, rho=0.0, self_bias_pct=0.0,
    )  # fmt: skip
    predictor = Baseline.from_document(shape.document)
    if chosen["temp"] is None:
        expected = np.full(n, predictor.expected_float(None))
    else:
        expected = np.array(
            [
                predictor.expected_float(int(t), int(b))
                for t, b in zip(chosen["temp"], chosen["before"], strict=True)
            ]
        )
    residual = y - expected
    mean, sse = float(y.mean()), float(residual @ residual)
    sst = float(((y - mean) ** 2).sum())
    rmse = math.sqrt(sse / max(n - k, 1))
    return Baseline(
        model=shape.model, unit=unit, period=period, n=n, k=k, b0=shape.b0, slope=shape.slope,
        theta=shape.theta, weight=shape.weight, t_min=shape.t_min, t_max=shape.t_max, mean=mean, rmse=rmse,
        cvrmse=rmse / mean if mean else 0.0,
        nmbe=float(residual.sum()) / (max(n - k, 1) * mean) if mean else 0.0,
        r2=1 - sse / sst if sst > 0 else 0.0,
        rho=lag_one(day, residual),
        self_bias_pct=100 * (float(expected.sum()) / float(y.sum()) - 1) if y.sum() else 0.0,
    )  # fmt: skip


def lag_one(dates: np.ndarray, residuals: np.ndarray) -> float:
    """Correlation of residuals of consecutive days; pairs across a missing day are left out."""
    consecutive = np.diff(dates) == 1
    a, b = residuals[:-1][consecutive], residuals[1:][consecutive]
    if len(a) < 3:
        return 0.0
    a, b = a - a.mean(), b - b.mean()
    spread = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / spread if spread > 0 else 0.0
