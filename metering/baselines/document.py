"""A baseline: what a meter would have used, fitted once on its baseline period and then frozen.

Theory of operation
-------------------
`fit` chooses among the `models` (`selection` says how), and what it returns is a
document: canonical JSON that holds everything needed to evaluate and to judge the baseline by hand. Its id is
the hash of its bytes. `Baseline` is that document, read. The fit calls its own serialised predictor before it
hands anything out: a baseline that does not reproduce the total of its own days to 0.05 % is never returned
(law 5, docs/laws.md).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from metering.baselines.drift import PRIOR, drift_of
from metering.baselines.models import MODELS, Model, many_days, one_day, term_columns
from metering.baselines.residuals import effective_days, lag1, long_run_covariance
from metering.baselines.season import DECLARED, RULES, Seasons, TempOf, heated, heated_days
from metering.baselines.selection import Choice, Days, choose

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

FORMAT: Final = "kvartal-baseline/1"

_RULE_NAMES: Final = tuple(rule.name for rule in RULES)

LEAST_DAYS: Final = 30
"""Days without which nothing is fitted: a month, the shortest period that a contract settles."""

LARGEST_SELF_BIAS: Final = 0.0005
"""|expected / used - 1| over the fitted days (law 5)."""


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
    parameters: dict[str, float | str]
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
    """Mean of each linear term over the fitted days."""
    covariance: tuple[tuple[float, ...], ...]
    """HAC covariance of the linear coefficients [base units squared]."""
    long_run: float
    """Long-run variance of a day's residual over its variance: by how much a sum scatters more than white noise."""
    drift: float
    """Standard deviation of the change of use between the baseline and another year, a share of use."""
    drift_degrees: float
    """Degrees of freedom behind the drift."""
    drift_source: str
    """What the drift rests on."""
    resolution: str = "day"
    """What the n points are: `day`, or `month` where only acts are known; metrics and covariance are of such points."""
    outage_below: float | None = None
    """A day out of the heating season with less use than this had no supply [base units]."""
    outages: tuple[int, ...] = ()
    """Ordinals of the baseline period's days without supply."""
    left_out: tuple[int, ...] = ()
    """Ordinals of absurd days that were not fitted on."""
    prior: str = ""
    """What else than its own days the baseline rests on; empty where nothing else."""

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
        """Whether `expected` needs the day's temperature."""
        return self.form.needs_weather

    @property
    def needs_season(self) -> bool:
        """Whether `expected` needs to know if heat was supplied (`heated`)."""
        return self.form.needs_season

    @property
    def needs_date(self) -> bool:
        """Whether `expected` needs the date."""
        return self.form.needs_date

    @cached_property
    def _one(self) -> Callable[[int, int, float, int], int]:
        return one_day(self.form, self.parameters)

    @cached_property
    def _tenths(self) -> int:
        return round(10 * float(self.parameters.get("lag_weight", 1.0)))

    def expected(
        self,
        temp_mc: int | None,
        before_mc: int | None = None,
        *,
        heated: bool | None = None,
        date: int | None = None,
    ) -> int:
        """Expected use of one day [base units].

        Args:
            temp_mc: Mean outdoor temperature of the day [m°C]; not looked at by models without weather.
            before_mc: The same of the day before; where it is not known the day's own stands in.
            heated: Whether heat was supplied; looked at by models with a heating season only.
            date: Ordinal of the day; looked at by models with a calendar or the sun only.

        Raises:
            ValueError: the model needs what was not given.
        """
        if temp_mc is None:
            if self.needs_weather:
                raise ValueError(f"a {self.model} baseline needs the day's temperature, got None")
            temp_mc = 0
        if heated is None:
            if self.needs_season:
                raise ValueError(f"a {self.model} baseline needs to know whether heat was supplied, got None")
            heated = False
        if date is None:
            if self.needs_date:
                raise ValueError(f"a {self.model} baseline needs the date, got None")
            date = 0
        return self._one(temp_mc, temp_mc if before_mc is None else before_mc, 1.0 if heated else 0.0, date)

    def expected_days(
        self,
        temps_mc: Ints,
        before_mc: Ints,
        *,
        heated: Bools | None = None,
        dates: Ints | None = None,
    ) -> Ints:
        """`expected` of many days, the identical integers. Where no day before is known, pass the day's own."""
        if (heated is None and self.needs_season) or (dates is None and self.needs_date):
            raise ValueError(f"a {self.model} baseline needs heated and dates, got None")
        on = np.zeros(len(temps_mc)) if heated is None else heated.astype(np.float64)
        when = np.ones(len(temps_mc), dtype=np.int64) if dates is None else dates
        columns = term_columns(self.form, self.parameters, temps_mc, before_mc, on, when)
        return many_days(self.form, self.parameters, columns)

    def heated(self, date: int, temp_of: TempOf, declared: Seasons = ()) -> bool | None:
        """Whether heat was supplied on the date, by the baseline's own rule; None where the model does not ask.

        Args:
            date: Ordinal of the day.
            temp_of: Mean outdoor temperature of any date [m°C], or None.
            declared: The declared seasons, where the baseline was fitted with declared ones.
        """
        if not self.needs_season:
            return None
        return heated(date, temp_of, rule=str(self.parameters["season_rule"]), declared=declared)

    def extrapolated(self, temp_mc: int | None, before_mc: int | None = None) -> bool:
        """Whether the day's effective temperature lies outside the range that was fitted on."""
        if self.lowest_c is None or self.highest_c is None or temp_mc is None:
            return False
        before = temp_mc if before_mc is None else before_mc
        t = (self._tenths * temp_mc + (10 - self._tenths) * before) / 10_000.0
        return not self.lowest_c <= t <= self.highest_c

    def outage(self, used: int, *, heated: bool | None) -> bool:
        """Whether the day had no supply, so that its low use is no saving: it has no figure.

        Only in houses whose baseline period had such days (the yearly fortnight without hot water).
        """
        return self.outage_below is not None and heated is False and used < self.outage_below

    @staticmethod
    def from_document(document: bytes) -> Baseline:
        """The baseline that the document holds. Documents read lately are remembered.

        Raises:
            BadDocument: it is not a baseline document of a known format and model.
        """
        return _read(document)


_METRICS: Final = ("mean", "rmse", "cvrmse", "nmbe", "r2", "rho", "n_prime", "self_bias")


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
            drift=held["between_years"]["sd"],
            drift_degrees=held["between_years"]["degrees"],
            drift_source=held["between_years"]["source"],
            resolution=held["resolution"],
            outage_below=held["outage_below"],
            outages=_ordinals(held["outages"]),
            left_out=_ordinals(held["left_out"]),
            prior=held["prior"],
            **{name: metrics[name] for name in _METRICS},
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, BadDocument):
            raise
        raise BadDocument(f"not a baseline document: {type(error).__name__}: {error}") from None


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
        temps_mc: Their mean outdoor temperatures [m°C]; None where it is not known.
        temps_before_mc: The same of the days before them.
        first: Ordinal of the first day of the baseline period.
        last: Ordinal of its last day.
        unit: Name of the base unit, for the document.
        temp_of: Mean temperature of any date [m°C], also before the period, for the rules of the heating season
            (`metering.baselines.season`); None and no `seasons`: models with a season are no candidates, and `expected`
            never asks for it.
        seasons: Declared days with heat (first, last); where there are any, they take the place of the rules.
        latitude: Of the site [degrees]; None: the lighting model is no candidate.
        calendar: Which days are days off (`metering.baselines.calendars`); None: the models with a week are no
            candidates. Without `latitude` and `calendar`, `expected` never asks for the date.
        models: Names of the candidates; all that the other arguments allow where None.

    Returns:
        The model that the days bear (`metering.baselines.selection`). Models with weather see only days with a
        temperature, and need `LEAST_DAYS` of them and half of all days.

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
    weather = int(known.sum()) >= max(LEAST_DAYS, len(dates) / 2)
    on, rules = _seasons(dates, temp_of if weather else None, seasons if weather else ())
    every = Days(
        dates=np.array(dates, dtype=np.int64),
        used=np.array(used, dtype=np.float64),
        temp=temp if weather else np.zeros_like(temp),
        before=before if weather else np.zeros_like(temp),
        on=on,
        rules=rules,
        weather=weather,
        latitude=latitude,
        calendar=calendar,
    )
    days = every.only(known) if weather else every
    return _frozen(choose(days, models), _facts(days), first, last, unit)


def _seasons(
    dates: Sequence[int], temp_of: TempOf | None, declared: Seasons
) -> tuple[Floats, tuple[str, ...]]:
    """Whether heat was supplied on the dates, by each rule, and the names of the rules."""
    if declared:
        by = temp_of or (lambda _: None)
        days = [heated(date, by, rule=DECLARED, declared=declared) for date in dates]
        return np.array([days], dtype=np.float64), (DECLARED,)
    if temp_of is None:
        return np.zeros((0, len(dates))), ()
    at = np.array(dates, dtype=np.int64) - dates[0]
    return heated_days(dates[0], dates[-1], temp_of)[:, at].astype(np.float64), _RULE_NAMES


def _facts(days: Days) -> str:
    """Hash of the days that the fit saw."""
    # Everything that may differ between two fits of the same meter: dates, uses, weather, and the seasons' days.
    table = np.column_stack([days.dates, days.used.astype(np.int64), days.temp, days.before])
    seasons = np.packbits(days.on.astype(bool)).tobytes()
    return hashlib.sha256(table.astype("<i8").tobytes() + seasons).hexdigest()[:16]


def _frozen(choice: Choice, facts: str, first: int, last: int, unit: str) -> Baseline:
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
        first=first,
        last=last,
        unit=unit,
        facts=facts,
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
    first: int,
    last: int,
    unit: str,
    facts: str,
    weather: tuple[float | None, float | None],
    left_out: Sequence[int] = (),
    outages: Sequence[int] = (),
    outage_below: float | None = None,
    covariance: Floats | None = None,
    prior: str = "",
) -> Baseline:
    """The baseline of a fitted model as a document, with its metrics and what the interval needs.

    Args:
        model: Name of the model.
        parameters: Its parameters.
        columns: Its terms at the n points, shape (n, terms).
        used: Use at the points [base units].
        expected: Expected use at the points.
        when: Numbers of the points; points one apart are neighbours in time.
        resolution: `day` or `month`.
        first: Ordinal of the first day of the period.
        last: Ordinal of its last day.
        unit: Name of the base unit.
        facts: Hash of what was fitted on.
        weather: Coldest and warmest effective temperature of the points [°C].
        left_out: Ordinals of absurd days.
        outages: Ordinals of days without supply.
        outage_below: Use out of season below which a day is an outage [base units].
        covariance: Covariance of the coefficients where it is not the HAC one of these points.
        prior: What else than its own points the baseline rests on.
    """
    n, k = len(used), MODELS[model].k
    total = math.fsum(used.tolist())
    residual = used - expected
    sse = float(residual @ residual)
    mean = total / n
    spread = float(((used - mean) ** 2).sum())
    rho = lag1(when, residual)
    rmse = math.sqrt(sse / (n - k))
    scores = np.column_stack([columns * residual[:, None], residual])
    middle = long_run_covariance(when, scores, rho, k)
    # Terms differ by orders of magnitude (1 beside hundreds of degree days): scaled, inverted, scaled back.
    scale = np.maximum(np.abs(columns).max(axis=0), 1e-300)
    inverse = np.linalg.pinv((columns / scale).T @ (columns / scale)) / np.outer(scale, scale)
    if covariance is None:
        covariance = inverse @ middle[:-1, :-1] @ inverse
    long_run = float(middle[-1, -1]) / (sse * n / (n - k)) if sse > 0 else 1.0
    yearly = resolution == "day"
    drift = drift_of(when, residual, mean, rmse * math.sqrt(max(long_run, 1.0))) if yearly else PRIOR
    document: dict[str, Any] = {
        "format": FORMAT,
        "model": model,
        "formula": MODELS[model].formula,
        "parameters": dict(parameters),
        "resolution": resolution,
        "unit": unit,
        "first": dt.date.fromordinal(first).isoformat(),
        "last": dt.date.fromordinal(last).isoformat(),
        "days": n,
        "k": k,
        "facts": facts,
        "prior": prior,
        "left_out": _dates(left_out),
        "outages": _dates(outages),
        "outage_below": None if outage_below is None else _short(outage_below),
        "temperature": {"lowest_c": weather[0], "highest_c": weather[1]},
        "between_years": {
            "sd": _short(drift.sd),
            "degrees": drift.degrees,
            "years": drift.years,
            "source": drift.source,
        },
        "metrics": {
            "mean": _short(mean),
            "rmse": _short(rmse),
            "cvrmse": _short(rmse / mean),
            "nmbe": _short(float(residual.sum()) / ((n - k) * mean)),
            "r2": _short(1.0 - sse / spread) if spread > 0 else 0.0,
            "rho": _short(rho),
            "n_prime": _short(effective_days(n, rho)),
            "self_bias": _short(int(expected.sum()) / total - 1.0),
        },
        "residuals": {
            "terms": [_short(float(value)) for value in columns.mean(axis=0)],
            "covariance": [[_short(float(value)) for value in row] for row in covariance],
            "long_run": _short(max(long_run, 1.0)),
        },
    }
    return Baseline.from_document(
        json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    )


def require_self_bias(baseline: Baseline, expected: int, used: float) -> None:
    """Law 5: refuse a baseline whose serialised predictor misses the total of its own days.

    Raises:
        TooCoarse: by more than 0.05 %.
    """
    if abs(expected / used - 1.0) > LARGEST_SELF_BIAS:
        raise TooCoarse(
            f"a mean use of {baseline.mean:.3g} {baseline.unit} a {baseline.resolution} is too little to be compared "
            f"in whole {baseline.unit}: the baseline would miss its own total by {100 * (expected / used - 1.0):.2f} %"
        )


def _dates(ordinals: Sequence[int]) -> list[str]:
    return [dt.date.fromordinal(date).isoformat() for date in ordinals]


def _ordinals(dates: list[str]) -> tuple[int, ...]:
    return tuple(dt.date.fromisoformat(date).toordinal() for date in dates)


def _short(value: float) -> float:
    """Ten significant digits: more than any meter has, and the same on every machine."""
    return float(f"{value:.10g}")
