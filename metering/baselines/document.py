"""A frozen baseline: the document, and the expected use that follows from it.

Theory of operation
-------------------
`metering.baselines.fit` chooses and fits a model once, on the baseline period. The result is a document: canonical
JSON with everything that is needed to evaluate and to check the baseline by hand. Its id is the hash of its bytes.
`Baseline` is the structure of that document, field by field; it is written and read by `msgspec`, and it computes
the expected use of a day with the document's own parameters.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from metering.baselines.models import MODELS, Model, many_days, one_day, term_columns
from metering.baselines.season import TempOf, heated
from metering.periods import Seasons

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

FORMAT: Final = "kvartal-baseline/1"


class BadDocument(ValueError):
    """The bytes are not a baseline document of a known format and model."""


class Metrics(Struct, frozen=True, kw_only=True):
    """Goodness of fit over the fitted points (days or months)."""

    mean: float
    """Mean use [base units]."""
    rmse: float
    """sqrt(SSE / (n - k)) [base units]."""
    cvrmse: float
    """rmse / mean, a share."""
    nmbe: float
    """sum(observed - expected) / ((n - k) mean), a share."""
    r2: float
    rho: float
    """Correlation of the residuals of consecutive points."""
    n_prime: float
    """Independent points among n."""
    self_bias: float
    """sum(expected) / sum(observed) - 1 over the fitted points, computed through this document."""


class Residuals(Struct, frozen=True, kw_only=True):
    """Inputs of the interval."""

    terms: tuple[float, ...]
    """Mean of each linear term over the fitted points."""
    covariance: tuple[tuple[float, ...], ...]
    """HAC covariance of the linear coefficients [base units squared]."""
    long_run: float
    """Long-run variance of a residual over its variance: how much more a sum scatters than white noise, at least 1."""


class TemperatureRange(Struct, frozen=True, kw_only=True):
    """Effective temperatures of the fitted days [°C]; None if the model needs no weather."""

    lowest_c: float | None
    highest_c: float | None


class BetweenYears(Struct, frozen=True, kw_only=True):
    """Drift of use between the baseline and another year (`metering.baselines.drift`)."""

    sd: float
    """Standard deviation, a share of use."""
    degrees: float
    """Degrees of freedom."""
    years: int
    """Years of history."""
    source: str
    """Evidence: the prior, the house's own years, or both."""


class Baseline(Struct, frozen=True, kw_only=True, dict=True):
    """A frozen baseline. Equal fields are equal baselines."""

    format: str = FORMAT
    model: str
    formula: str
    """The model's formula in words."""
    parameters: dict[str, int | float | str]
    resolution: str
    """Kind of the n points: `day`, or `month` if only monthly acts are known. Metrics and covariance are of such
    points."""
    unit: str
    """Base unit of expected use: `Wh`, `l`, or the name of a file's own unit."""
    first_date: dt.date = field(name="first")
    """First day of the baseline period."""
    last_date: dt.date = field(name="last")
    n: int = field(name="days")
    """Fitted points."""
    k: int
    """Fitted parameters."""
    facts: str
    """Hash of the fitted days, their use, weather and season."""
    prior: str
    """Evidence beyond the meter's own days; empty if there is none."""
    left_out_dates: tuple[dt.date, ...] = field(name="left_out")
    """Absurd days, excluded from the fit."""
    outage_dates: tuple[dt.date, ...] = field(name="outages")
    """Days of the baseline period without supply."""
    outage_below: float | None
    """Out of the heating season, a day with less use than this had no supply [base units]."""
    temperature: TemperatureRange
    between_years: BetweenYears
    metrics: Metrics
    residuals: Residuals

    @cached_property
    def document(self) -> bytes:
        """Canonical JSON: sorted keys, no spaces, shortest floats. A baseline that was read keeps the bytes read."""
        # json and not msgspec writes the bytes: the two spell large exponents differently (1e+16 and 1e16).
        return json.dumps(
            msgspec.to_builtins(self), ensure_ascii=False, sort_keys=True, separators=(",", ":")
        ).encode()

    @cached_property
    def id(self) -> str:
        """First 16 hex digits of the SHA-256 of the document."""
        return hashlib.sha256(self.document).hexdigest()[:16]

    @cached_property
    def first(self) -> int:
        """Ordinal of the first day of the baseline period."""
        return self.first_date.toordinal()

    @cached_property
    def last(self) -> int:
        """Ordinal of the last day of the baseline period."""
        return self.last_date.toordinal()

    @cached_property
    def left_out(self) -> tuple[int, ...]:
        """Ordinals of the absurd days, excluded from the fit."""
        return tuple(date.toordinal() for date in self.left_out_dates)

    @cached_property
    def outages(self) -> tuple[int, ...]:
        """Ordinals of the baseline period's days without supply."""
        return tuple(date.toordinal() for date in self.outage_dates)

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
            temp_mc: Mean outdoor temperature of the day [m°C]; ignored by models without weather.
            before_mc: Mean outdoor temperature of the day before [m°C]; None: the day's own stands in.
            heated: Whether heat was supplied; used by models with a heating season only.
            date: Ordinal of the day; used by models with a calendar or the sun only.

        Raises:
            ValueError: the model needs an argument that is None.
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
        """`expected` of many days, the identical integers. If the day before is unknown, pass the day's own."""
        if (heated is None and self.needs_season) or (dates is None and self.needs_date):
            raise ValueError(f"a {self.model} baseline needs heated and dates, got None")
        on = np.zeros(len(temps_mc)) if heated is None else heated.astype(np.float64)
        when = np.ones(len(temps_mc), dtype=np.int64) if dates is None else dates
        columns = term_columns(self.form, self.parameters, temps_mc, before_mc, on, when)
        return many_days(self.form, self.parameters, columns)

    def heated(self, date: int, temp_of: TempOf, declared: Seasons = ()) -> bool | None:
        """Whether heat was supplied on the date, by the baseline's own rule; None if the model has no season.

        Args:
            date: Ordinal of the day.
            temp_of: Mean outdoor temperature of any date [m°C], or None.
            declared: The declared seasons, for a baseline that was fitted with declared seasons.
        """
        if not self.needs_season:
            return None
        return heated(date, temp_of, rule=str(self.parameters["season_rule"]), declared=declared)

    def extrapolated(self, temp_mc: int | None, before_mc: int | None = None) -> bool:
        """Whether the day's effective temperature lies outside the fitted range."""
        lowest_c, highest_c = self.temperature.lowest_c, self.temperature.highest_c
        if lowest_c is None or highest_c is None or temp_mc is None:
            return False
        before = temp_mc if before_mc is None else before_mc
        t = (self._tenths * temp_mc + (10 - self._tenths) * before) / 10_000.0
        return not lowest_c <= t <= highest_c

    def outage(self, used: int, *, heated: bool | None) -> bool:
        """Whether the day had no supply: its low use is no saving, and it gets no figure.

        Only in houses whose baseline period had such days (the yearly fortnight without hot water).
        """
        return self.outage_below is not None and heated is False and used < self.outage_below

    @staticmethod
    def from_document(document: bytes) -> Baseline:
        """Read a document. Recently read documents are cached.

        Raises:
            BadDocument: it is not a baseline document of a known format and model.
        """
        return _read(document)


class _Head(Struct):
    """Fields that decide whether the rest can be read."""

    format: str
    model: str | None = None


@lru_cache(maxsize=4096)
def _read(document: bytes) -> Baseline:
    try:
        head = msgspec.json.decode(document, type=_Head)
        if head.format != FORMAT:
            raise BadDocument(f"baseline document of format {head.format!r}; known is {FORMAT!r}")
        if head.model is not None and head.model not in MODELS:
            raise BadDocument(f"baseline model {head.model!r}; known are {', '.join(MODELS)}")
        read = msgspec.json.decode(document, type=Baseline)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadDocument(f"not a baseline document: {error}") from None
    missing = [name for name in read.form.parameters if name not in read.parameters]
    if missing:
        raise BadDocument(
            f"not a baseline document: Object missing required field `{missing[0]}` - at `$.parameters`"
        )
    # In the order of the formula, as they are listed for people.
    ordered = {name: read.parameters[name] for name in read.form.parameters}
    baseline = msgspec.structs.replace(read, parameters=ordered)
    # The id is the hash of these very bytes, even if they are not canonical.
    baseline.__dict__["document"] = document
    return baseline
