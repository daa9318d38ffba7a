"""The days of a fit: complete use, temperatures, and whether heat was supplied by each rule of the season."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from metering.baselines.models import Model, term_columns
from metering.baselines.season import DECLARED, RULES, TempOf, heated, heated_days
from metering.periods import Seasons

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Shape = dict[str, float | str]
"""Parameters of a model by name: those that are searched (break points, lag weight, rule), or all of them."""

LEAST_DAYS: Final = 30
"""Least number of days of a fit: a month, the shortest period that a contract settles."""

_RULE_NAMES: Final = tuple(rule.name for rule in RULES)


@dataclass(frozen=True)
class Days:
    """The days of a fit, ascending; arrays have the shape (days,)."""

    dates: Ints
    """Ordinals."""
    used: Floats
    """Use [base units]."""
    temp: Ints
    """Mean outdoor temperature [m°C]; zeros without weather."""
    before: Ints
    """Mean outdoor temperature of the day before [m°C]; the day's own if that is unknown."""
    on: Floats
    """1.0 while heat is supplied, by each rule of the season, shape (rules, days); no rows without weather."""
    rules: tuple[str, ...]
    """Names of the rules."""
    weather: bool
    """Whether models with weather are candidates."""
    latitude: float | None
    """Of the site [degrees]."""
    calendar: str | None
    """Name of the days off."""

    def __len__(self) -> int:
        return len(self.dates)

    def only(self, keep: Bools) -> Days:
        """The days selected by `keep`."""
        if keep.all():
            return self
        return Days(
            self.dates[keep],
            self.used[keep],
            self.temp[keep],
            self.before[keep],
            self.on[:, keep],
            self.rules,
            self.weather,
            self.latitude,
            self.calendar,
        )

    def columns(self, model: Model, shape: Shape) -> Floats:
        """Terms of the model on these days."""
        return term_columns(model, shape, self.temp, self.before, self.heated(shape), self.dates)

    def heated(self, shape: Shape) -> Floats:
        """1.0 while heat is supplied by the shape's own rule; zeros if it has no rule."""
        rule = shape.get("season_rule")
        row: Floats = np.zeros(len(self)) if rule is None else self.on[self.rules.index(str(rule))]
        return row

    def facts(self) -> str:
        """Hash of everything in which two fits of the same meter can differ: dates, use, weather, seasons."""
        table = np.column_stack([self.dates, self.used.astype(np.int64), self.temp, self.before])
        seasons = np.packbits(self.on.astype(bool)).tobytes()
        return hashlib.sha256(table.astype("<i8").tobytes() + seasons).hexdigest()[:16]


def days_of(
    *,
    dates: Sequence[int],
    used: Sequence[int],
    temps_mc: Sequence[int | None],
    temps_before_mc: Sequence[int | None],
    temp_of: TempOf | None,
    seasons: Seasons,
    latitude: float | None,
    calendar: str | None,
) -> Days:
    """The days of a fit; the arguments are those of `metering.baselines.fit.fit`.

    Weather counts if `LEAST_DAYS` of the days and half of them have a temperature; days without one are then excluded.
    """
    known = np.array([temp is not None for temp in temps_mc], dtype=bool)
    temp = np.array([0 if t is None else t for t in temps_mc], dtype=np.int64)
    before = np.array(
        [own if b is None else b for b, own in zip(temps_before_mc, temp.tolist(), strict=True)],
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
    return every.only(known) if weather else every


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
