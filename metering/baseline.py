"""A baseline: what a meter would have used, fitted once on its baseline period and then frozen.

Theory of operation
-------------------
`fit` chooses among the models of `metering.predictors`, and what it returns is a document: canonical JSON
that holds everything needed to evaluate and to judge the baseline by hand. Its id is the hash of its bytes.
`Baseline` is that document, read. The fit calls its own serialised predictor before it hands anything out:
a baseline that does not reproduce the total of its own days to 0.05 % is never returned (law 5).

Slopes are fitted robustly: days whose residual exceeds 4 robust standard deviations (at most 5 % of the days)
do not bend the line. But they were used, and such days will come again, so the base is then set so that the
total over *all* fitted days is exact. Only a day that no house can have (more than three times the
largest expected use of any day, or below zero where the rest is not) is left out, and the document names it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from metering.changepoint import LAG_TENTHS, best_heating, effective_temperature, to_bins
from metering.predictors import MODELS, Model
from metering.residuals import effective_days, lag1, long_run_covariance

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

FORMAT: Final = "kvartal-baseline/1"

LEAST_DAYS: Final = 30
"""Days without which nothing is fitted: a month, the shortest period that a contract settles."""

LARGEST_SELF_BIAS: Final = 0.0005
"""|expected / used - 1| over the fitted days (law 5)."""

LEAST_BIC_GAIN: Final = 10.0
"""A model with weather must beat the mean by this much: "very strong" evidence (Kass and Raftery 1995)."""

_ROBUST_SDS: Final = 4.0
_MOST_SOFTENED: Final = 0.05
_MOST_LEFT_OUT: Final = 0.01
_ABSURD_TIMES: Final = 3.0


class Unfit(ValueError):
    """No baseline can be fitted on these days; the text says why."""


class TooFewDays(Unfit):
    """The period has too few days with a use (and a temperature)."""


class NoUse(Unfit):
    """The meter counted nothing (or less) over the period: there is nothing to compare with."""


class TooCoarse(Unfit):
    """The use of a day is so few base units that whole units cannot reproduce the total."""


class BadDocument(ValueError):
    """The bytes are not a baseline document of a format that is known here."""


@dataclass(frozen=True)
class Baseline:
    """A frozen baseline. Equal documents are equal baselines."""

    document: bytes
    """Canonical JSON: sorted keys, no spaces, shortest floats."""
    model: str
    unit: str
    """The base unit that expected use is counted in: `Wh`, `l`, or the name of a file's own."""
    first: int
    """Ordinal of the first day of the baseline period."""
    last: int
    n: int
    """Days fitted."""
    k: int
    """Parameters fitted."""
    parameters: dict[str, float]
    mean: float
    """Mean use of the fitted days [base units]."""
    rmse: float
    """sqrt(SSE / (n - k)) [base units]."""
    cvrmse: float
    """rmse / mean, a share."""
    nmbe: float
    """sum(observed - expected) / ((n - k) mean), a share."""
    r2: float
    rho: float
    """Correlation of the residuals of consecutive days."""
    n_prime: float
    """Independent days among n."""
    self_bias: float
    """sum(expected) / sum(observed) - 1 over the fitted days, through this document."""
    lowest_c: float | None
    """Coldest effective temperature of the fitted days [°C]; None where the model needs no weather."""
    highest_c: float | None
    terms: tuple[float, ...]
    """Mean of each linear term over the fitted days (1 for the base, K for the hinge)."""
    covariance: tuple[tuple[float, ...], ...]
    """HAC covariance of the linear coefficients [base units squared]."""
    long_run: float
    """Long-run variance of a day's residual over its variance: by how much a sum scatters more than white noise."""

    @cached_property
    def id(self) -> str:
        """First 16 hex digits of the SHA-256 of the document."""
        return hashlib.sha256(self.document).hexdigest()[:16]

    @property
    def form(self) -> Model:
        """The model's formula and needs."""
        return MODELS[self.model]

    @property
    def needs_weather(self) -> bool:
        """Whether `expected` needs a temperature."""
        return self.form.needs_weather

    @cached_property
    def _one(self) -> Any:
        return self.form.one(self.parameters)

    @cached_property
    def _tenths(self) -> int:
        return round(10 * self.parameters.get("lag_weight", 1.0))

    def expected(self, temp_mc: int | None, before_mc: int | None = None) -> int:
        """Expected use of one day [base units].

        Args:
            temp_mc: Mean outdoor temperature of the day [m°C]; not looked at by models without weather.
            before_mc: The same of the day before; where it is not known the day's own stands in.

        Raises:
            ValueError: the model needs a temperature and got none.
        """
        if temp_mc is None:
            if self.needs_weather:
                raise ValueError(f"a {self.model} baseline needs the day's temperature, got None")
            temp_mc = 0
        one: int = self._one(temp_mc, temp_mc if before_mc is None else before_mc)
        return one

    def expected_days(self, temps_mc: Ints, before_mc: Ints) -> Ints:
        """`expected` of many days, the identical integers. Where no day before is known, pass the day's own."""
        return self.form.many(self.parameters)(temps_mc, before_mc)

    def extrapolated(self, temp_mc: int | None, before_mc: int | None = None) -> bool:
        """Whether the day's effective temperature lies outside the range that was fitted on."""
        if self.lowest_c is None or self.highest_c is None or temp_mc is None:
            return False
        before = temp_mc if before_mc is None else before_mc
        t = (self._tenths * temp_mc + (10 - self._tenths) * before) / 10_000.0
        return not self.lowest_c <= t <= self.highest_c

    @staticmethod
    def from_document(document: bytes) -> Baseline:
        """The baseline that the document holds. Documents read lately are remembered.

        Raises:
            BadDocument: it is not a baseline document of a known format and model.
        """
        return _read(document)


@lru_cache(maxsize=4096)
def _read(document: bytes) -> Baseline:
    try:
        held = json.loads(document)
        if held["format"] != FORMAT:
            raise BadDocument(f"baseline document of format {held['format']!r}; known is {FORMAT!r}")
        if held["model"] not in MODELS:
            raise BadDocument(f"baseline model {held['model']!r}; known are {', '.join(MODELS)}")
        metrics, residuals, weather = held["metrics"], held["residuals"], held["temperature"]
        return Baseline(
            document=document,
            model=held["model"],
            unit=held["unit"],
            first=dt.date.fromisoformat(held["first"]).toordinal(),
            last=dt.date.fromisoformat(held["last"]).toordinal(),
            n=held["days"],
            k=held["k"],
            parameters={name: held["parameters"][name] for name in MODELS[held["model"]].parameters},
            lowest_c=weather["lowest_c"],
            highest_c=weather["highest_c"],
            terms=tuple(residuals["terms"]),
            covariance=tuple(tuple(row) for row in residuals["covariance"]),
            long_run=residuals["long_run"],
            **{name: metrics[name] for name in _METRICS},
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, BadDocument):
            raise
        raise BadDocument(f"not a baseline document: {type(error).__name__}: {error}") from None


_METRICS: Final = ("mean", "rmse", "cvrmse", "nmbe", "r2", "rho", "n_prime", "self_bias")


@dataclass(frozen=True)
class _Days:
    """The days that a fit sees: ascending dates, use, temperatures with the day's own for an unknown before."""

    dates: Ints
    used: Floats
    temp: Ints
    before: Ints

    def only(self, keep: Bools) -> _Days:
        return _Days(self.dates[keep], self.used[keep], self.temp[keep], self.before[keep])


def fit(
    *,
    dates: Sequence[int],
    used: Sequence[int],
    temps_mc: Sequence[int | None],
    temps_before_mc: Sequence[int | None],
    first: int,
    last: int,
    unit: str = "Wh",
) -> Baseline:
    """Fit the baseline of one meter.

    Args:
        dates: Ordinals of the days with a complete use, ascending, within `[first, last]`.
        used: Their use [base units].
        temps_mc: Their mean outdoor temperatures [m°C]; None where it is not known.
        temps_before_mc: The same of the days before them.
        first: Ordinal of the first day of the baseline period.
        last: Ordinal of its last day.
        unit: Name of the base unit, for the document.

    Returns:
        The better of the mean and the heating model. The heating model is chosen where its BIC beats the
        mean's by more than `LEAST_BIC_GAIN`; it sees only days with a temperature, and needs `LEAST_DAYS`
        of them and half of all days.

    Raises:
        TooFewDays: fewer than `LEAST_DAYS` days.
        NoUse: the sum of use is not positive.
        TooCoarse: whole base units cannot reproduce the total to 0.05 %.
    """
    if len(dates) < LEAST_DAYS:
        raise TooFewDays(
            f"the baseline period {dt.date.fromordinal(first)}..{dt.date.fromordinal(last)} has {len(dates)} days "
            f"with a complete use; at least {LEAST_DAYS} are needed"
        )
    if sum(used) <= 0:
        raise NoUse(f"the meter counted {sum(used)} {unit} over {len(dates)} days; a baseline needs some use")
    known = np.array([temp is not None for temp in temps_mc], dtype=bool)
    temp = np.array([0 if t is None else t for t in temps_mc], dtype=np.int64)
    before = np.array(
        [here if b is None else b for b, here in zip(temps_before_mc, temp.tolist(), strict=True)],
        dtype=np.int64,
    )
    every = _Days(np.array(dates, dtype=np.int64), np.array(used, dtype=np.float64), temp, before)
    weather = int(known.sum()) >= max(LEAST_DAYS, len(dates) / 2)
    days = every.only(known) if weather else every
    facts = _facts(days if weather else every, weather)
    model, parameters, keep = _choose(days, weather)
    return _frozen(model, parameters, days, keep, first, last, unit, facts)


def _facts(days: _Days, weather: bool) -> str:
    """Hash of the days that the fit saw."""
    table = np.column_stack(
        [days.dates, days.used.astype(np.int64), days.temp * weather, days.before * weather]
    )
    return hashlib.sha256(table.astype("<i8").tobytes()).hexdigest()[:16]


def _choose(days: _Days, weather: bool) -> tuple[str, dict[str, float], Bools]:
    """Model, parameters and the days kept."""
    keep = np.ones(len(days.dates), dtype=bool)
    model, parameters = _select(days, weather)
    absurd = _absurd(days, model, parameters)
    if absurd.any():
        keep = ~absurd
        model, parameters = _select(days.only(keep), weather)
    held = days.only(keep)
    if model == "heating_3p":
        soft = _softened(held, parameters)
        if soft.any():
            tenths = round(10 * parameters["lag_weight"])
            again = _heating(held.only(~soft), (tenths,))
            if again is not None:
                parameters = again[0]
    return model, _exact(model, parameters, held), keep


def _select(days: _Days, weather: bool) -> tuple[str, dict[str, float]]:
    n = len(days.dates)
    mean = {"base": float(days.used.mean())}
    if not weather:
        return "mean", mean
    found = _heating(days, LAG_TENTHS)
    if found is None:
        return "mean", mean
    parameters, sse = found
    # A perfect fit has no residual to take the logarithm of; a share of 1e-12 of the use stands for it.
    floor = float(days.used @ days.used) * 1e-24 + 1e-300
    flat = float(((days.used - mean["base"]) ** 2).sum())
    gain = n * math.log(max(flat, floor) / max(sse, floor)) - (
        MODELS["heating_3p"].k - MODELS["mean"].k
    ) * math.log(n)
    return ("heating_3p", parameters) if gain > LEAST_BIC_GAIN else ("mean", mean)


def _heating(days: _Days, weights: Iterable[int]) -> tuple[dict[str, float], float] | None:
    """Best 3-parameter heating model over balance points and lag weights, with its SSE."""
    tenths = tuple(weights)
    t = np.stack([effective_temperature(days.temp, days.before, each) for each in tenths])
    best = best_heating(to_bins(t, np.broadcast_to(days.used, t.shape)))
    at = int(np.argmin(best.sse))
    if not math.isfinite(best.sse[at]):
        return None
    return {
        "base": float(best.base[at]),
        "heating": float(best.heating[at]),
        "balance_c": float(best.balance_c[at]),
        "lag_weight": tenths[at] / 10,
    }, float(best.sse[at])


def _absurd(days: _Days, model: str, parameters: dict[str, float]) -> Bools:
    """Days that no house can have, at most 1 % of them."""
    expected = MODELS[model].many(parameters)(days.temp, days.before)
    # The limit rests on the median so that one wild day cannot raise it.
    usual = max(float(np.percentile(days.used, 95)), float(np.median(expected)))
    wild = (days.used > _ABSURD_TIMES * usual) if usual > 0 else np.zeros(len(days.used), dtype=bool)
    wild |= (days.used < 0) & (float(np.percentile(days.used, 5)) >= 0)
    return wild if 0 < wild.sum() <= _MOST_LEFT_OUT * len(days.used) else np.zeros(len(days.used), dtype=bool)


def _softened(days: _Days, parameters: dict[str, float]) -> Bools:
    """Days beyond 4 robust standard deviations, at most 5 %; heating and other days have their own scale."""
    residual = days.used - MODELS["heating_3p"].many(parameters)(days.temp, days.before)
    tenths = round(10 * parameters["lag_weight"])
    heating = effective_temperature(days.temp, days.before, tenths) < parameters["balance_c"]
    score = np.zeros(len(residual))
    for group in (heating, ~heating):
        if group.sum() < 10:
            continue
        scale = 1.4826 * float(np.median(np.abs(residual[group])))
        if scale > 0:
            score[group] = np.abs(residual[group]) / scale
    most = int(_MOST_SOFTENED * len(residual))
    limit = max(_ROBUST_SDS, float(np.sort(score)[-most - 1]))
    return score > limit


def _exact(model: str, parameters: dict[str, float], days: _Days) -> dict[str, float]:
    """The parameters, shifted so that the total over the days is exact, rounded to what people can copy."""
    total = math.fsum(days.used)
    n = len(days.used)
    exact = {name: round(value, 6) for name, value in parameters.items()}
    if model == "heating_3p":
        tenths = round(10 * exact["lag_weight"])
        below = np.maximum(exact["balance_c"] - effective_temperature(days.temp, days.before, tenths), 0.0)
        degrees = math.fsum(below)
        base = (total - exact["heating"] * degrees) / n
        if base < 0.0:
            base, exact["heating"] = 0.0, round(total / degrees, 6)
        exact["base"] = base
    else:
        exact["base"] = total / n
    exact["base"] = round(exact["base"], 6)

    def off(base: float) -> float:
        return abs(float(MODELS[model].many(exact | {"base": base})(days.temp, days.before).sum()) - total)

    if off(exact["base"]) > LARGEST_SELF_BIAS / 2 * total:
        # Few base units a day: rounding to whole ones shifts the total; look for the base that it does not.
        exact["base"] = min((round(exact["base"] + step / 100, 6) for step in range(-50, 51)), key=off)
    return exact


def _frozen(
    model: str,
    parameters: dict[str, float],
    days: _Days,
    keep: Bools,
    first: int,
    last: int,
    unit: str,
    facts: str,
) -> Baseline:
    form = MODELS[model]
    fitted = days.only(keep)
    n, k = len(fitted.dates), form.k
    expected = form.many(parameters)(fitted.temp, fitted.before)
    total = math.fsum(fitted.used)
    self_bias = int(expected.sum()) / total - 1.0
    residual = fitted.used - expected
    terms = np.ones((n, 1))
    lowest: float | None = None
    highest: float | None = None
    if form.needs_weather:
        tenths = round(10 * parameters["lag_weight"])
        t = effective_temperature(fitted.temp, fitted.before, tenths)
        lowest, highest = float(t.min()), float(t.max())
        terms = np.column_stack([terms, np.maximum(parameters["balance_c"] - t, 0.0)])
    sse = float(residual @ residual)
    mean = total / n
    spread = float(((fitted.used - mean) ** 2).sum())
    rho = lag1(fitted.dates, residual)
    rmse = math.sqrt(sse / (n - k))
    inverse = np.linalg.pinv(terms.T @ terms)
    middle = long_run_covariance(fitted.dates, terms * residual[:, None], rho)
    covariance = inverse @ middle @ inverse
    white = sse * n / (n - 1) if sse > 0 else 1.0
    long_run = (
        float(long_run_covariance(fitted.dates, residual[:, None], rho)[0, 0]) / white if sse > 0 else 1.0
    )
    document = {
        "format": FORMAT,
        "model": model,
        "formula": form.formula,
        "parameters": parameters,
        "unit": unit,
        "first": dt.date.fromordinal(first).isoformat(),
        "last": dt.date.fromordinal(last).isoformat(),
        "days": n,
        "k": k,
        "facts": facts,
        "left_out": [dt.date.fromordinal(int(date)).isoformat() for date in days.dates[~keep]],
        "temperature": {"lowest_c": lowest, "highest_c": highest},
        "metrics": {
            "mean": _short(mean),
            "rmse": _short(rmse),
            "cvrmse": _short(rmse / mean),
            "nmbe": _short(float(residual.sum()) / ((n - k) * mean)),
            "r2": _short(1.0 - sse / spread) if spread > 0 else 0.0,
            "rho": _short(rho),
            "n_prime": _short(effective_days(n, rho)),
            "self_bias": _short(self_bias),
        },
        "residuals": {
            "terms": [_short(float(value)) for value in terms.mean(axis=0)],
            "covariance": [[_short(float(value)) for value in row] for row in covariance],
            "long_run": _short(max(long_run, 1.0)),
        },
    }
    baseline = Baseline.from_document(
        json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    )
    again = int(baseline.expected_days(fitted.temp, fitted.before).sum())
    if abs(again / total - 1.0) > LARGEST_SELF_BIAS:
        raise TooCoarse(
            f"a mean use of {mean:.3g} {unit} a day is too little to be compared in whole {unit}: "
            f"the baseline would miss its own total by {100 * (again / total - 1.0):.2f} %"
        )
    return baseline


def _short(value: float) -> float:
    """Ten significant digits: more than any meter has, and the same on every machine."""
    return float(f"{value:.10g}")
