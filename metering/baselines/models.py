"""The formulas of the baseline models: how a document's parameters become the expected use of a day.

A model is a sum of coefficients times terms, never below zero. Each model's terms are written once, in operations that
work on one day in plain Python (in the stream) and on arrays of days. Both do the same IEEE operations in the
same order, so they round to the same integers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metering.baselines.calendars import day_off
from metering.baselines.daylight import dark_hours

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Parameters = Mapping[str, float | str]

Positive = Callable[[Any], Any]
Terms = Callable[[Any, Any, Any, Positive], tuple[Any, ...]]
"""(t, on, date, positive) -> the terms; t is the effective temperature [°C], on is 1.0 while heat is supplied."""


class Model(NamedTuple):
    """One model: its formula, its parameters and the inputs that it needs of a day."""

    formula: str
    coefficients: tuple[str, ...]
    """Names of the linear parameters, one a term, the bases first."""
    shape: tuple[str, ...]
    """Names of the other parameters that are numbers."""
    k: int
    """Parameters counted by n - k and BIC."""
    terms: Callable[[Parameters], Terms]
    bases: int = 1
    """Number of first terms that are indicators of groups of days (all days, or days out of and in the season)."""
    needs_weather: bool = True
    needs_season: bool = False
    needs_date: bool = False
    words: tuple[str, ...] = ()
    """Names of the parameters that are text."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of all parameters of the document."""
        return (*self.coefficients, *self.shape, *self.words)


def _mean(p: Parameters) -> Terms:
    return lambda t, on, date, positive: (1.0,)


def _heating_2p(p: Parameters) -> Terms:
    return lambda t, on, date, positive: (1.0, -t)


def _heating_3p(p: Parameters) -> Terms:
    balance = p["balance_c"]
    return lambda t, on, date, positive: (1.0, positive(balance - t))


def _heating_capped(p: Parameters) -> Terms:
    balance, cap = p["balance_c"], p["cap_c"]
    return lambda t, on, date, positive: (1.0, positive(balance - t) - positive(cap - t))


def _heating_season(p: Parameters) -> Terms:
    balance = p["balance_c"]
    return lambda t, on, date, positive: (1.0 - on, on, on * positive(balance - t))


def _heating_season_capped(p: Parameters) -> Terms:
    balance, cap = p["balance_c"], p["cap_c"]
    return lambda t, on, date, positive: (1.0 - on, on, on * (positive(balance - t) - positive(cap - t)))


DARK_FROM_H: Final = (0.0, 8.0, 10.0, 12.0, 14.0)
"""Candidates for the length of the night from which lamps burn in working hours too [h]."""

SPELL_C: Final = 12.0
"""Out of season cities heat "periodically" in cold spells; below this effective temperature the house may get heat."""


def _heating_season_spells(p: Parameters) -> Terms:
    balance = p["balance_c"]
    return lambda t, on, date, positive: (
        1.0 - on,
        on,
        on * positive(balance - t),
        (1.0 - on) * positive(SPELL_C - t),
    )


def _cooling_3p(p: Parameters) -> Terms:
    cooling = p["cooling_balance_c"]
    return lambda t, on, date, positive: (1.0, positive(t - cooling))


def _heating_cooling(p: Parameters) -> Terms:
    balance, cooling = p["balance_c"], p["cooling_balance_c"]
    return lambda t, on, date, positive: (1.0, positive(balance - t), positive(t - cooling))


def _off(p: Parameters) -> Callable[[Any], Any]:
    calendar = str(p["calendar"])

    def off(date: Any) -> Any:
        if isinstance(date, int):
            return 1.0 if day_off(date, calendar) else 0.0
        return np.array([day_off(each, calendar) for each in date.tolist()], dtype=np.float64)

    return off


def _weekly(plain: Callable[[Parameters], Terms]) -> Callable[[Parameters], Terms]:
    """The terms of `plain` and one for days off."""

    def weekly(p: Parameters) -> Terms:
        terms, off = plain(p), _off(p)
        return lambda t, on, date, positive: (*terms(t, on, date, positive), off(date))

    return weekly


def _dark(p: Parameters) -> Callable[[Any], Any]:
    latitude = float(p["latitude"])

    def dark(date: Any) -> Any:
        if isinstance(date, int):
            return dark_hours(date, latitude)
        return np.array([dark_hours(each, latitude) for each in date.tolist()], dtype=np.float64)

    return dark


def _lighting(p: Parameters) -> Terms:
    dark, off = _dark(p), _off(p)
    return lambda t, on, date, positive: (1.0, dark(date), off(date))


def _lighting_at_work(p: Parameters) -> Terms:
    dark, off, enough = _dark(p), _off(p), p["dark_from_h"]
    return lambda t, on, date, positive: (
        off(date),
        1.0 - off(date),
        (1.0 - off(date)) * positive(dark(date) - enough),
    )


_T: Final = "t = lag_weight * T(day) + (1 - lag_weight) * T(day before) [°C]"
# The formulas are part of the document, so of its id: a baseline that is fitted again must get the same one. The path
# is therefore the one in the first documents; the rule is in metering/baselines/season.py.
_ON: Final = "on = 1 while heat is supplied (metering/season.py, by season_rule), else 0"
_OFF: Final = "off = 1 on days off of the calendar, else 0"
_DARK: Final = "dark_hours = hours of the date with the sun below -0.833 degrees at the latitude"
_HEATING: Final = "heating * max(balance_c - t, 0)"
_CAPPED: Final = "heating * (max(balance_c - t, 0) - max(cap_c - t, 0))"
_COOLING: Final = "cooling * max(t - cooling_balance_c, 0)"
_LINE: Final = ("base", "heating")
_SEASON: Final = ("base_off", "base", "heating")

_PLAIN: Final[dict[str, Model]] = {
    "mean": Model("base", ("base",), (), 1, _mean, needs_weather=False),
    "heating_2p": Model(f"base - heating * t; {_T}", _LINE, ("lag_weight",), 2, _heating_2p),
    "heating_3p": Model(f"base + {_HEATING}; {_T}", _LINE, ("balance_c", "lag_weight"), 3, _heating_3p),
    "cooling_3p": Model(
        f"base + {_COOLING}; {_T}", ("base", "cooling"), ("cooling_balance_c", "lag_weight"), 3, _cooling_3p
    ),
    "heating_capped": Model(
        f"base + {_CAPPED}; {_T}", _LINE, ("balance_c", "cap_c", "lag_weight"), 4, _heating_capped
    ),
    "heating_season": Model(
        f"base_off * (1 - on) + on * (base + {_HEATING}); {_T}; {_ON}",
        _SEASON,
        ("balance_c", "lag_weight"),
        4,
        _heating_season,
        bases=2,
        needs_season=True,
        words=("season_rule",),
    ),
    "heating_season_capped": Model(
        f"base_off * (1 - on) + on * (base + {_CAPPED}); {_T}; {_ON}",
        _SEASON,
        ("balance_c", "cap_c", "lag_weight"),
        5,
        _heating_season_capped,
        bases=2,
        needs_season=True,
        words=("season_rule",),
    ),
    "heating_season_spells": Model(
        f"(base_off + spells * max({SPELL_C} - t, 0)) * (1 - on) + on * (base + {_HEATING}); {_T}; {_ON}",
        (*_SEASON, "spells"),
        ("balance_c", "lag_weight"),
        5,
        _heating_season_spells,
        bases=2,
        needs_season=True,
        words=("season_rule",),
    ),
    "heating_cooling": Model(
        f"base + {_HEATING} + {_COOLING}; {_T}",
        ("base", "heating", "cooling"),
        ("balance_c", "cooling_balance_c", "lag_weight"),
        5,
        _heating_cooling,
    ),
    "lighting": Model(
        f"base + dark * dark_hours + day_off * off; {_DARK}; {_OFF}",
        ("base", "dark", "day_off"),
        ("latitude",),
        3,
        _lighting,
        needs_weather=False,
        needs_date=True,
        words=("calendar",),
    ),
    "lighting_at_work": Model(
        f"base_off * off + (1 - off) * (base + dark * max(dark_hours - dark_from_h, 0)); {_DARK}; {_OFF}",
        ("base_off", "base", "dark"),
        ("latitude", "dark_from_h"),
        4,
        _lighting_at_work,
        bases=2,
        needs_weather=False,
        needs_date=True,
        words=("calendar",),
    ),
}


def _with_week(model: Model) -> Model:
    head, _, rest = model.formula.partition(";")
    return model._replace(
        formula=f"{head} + day_off * off;{rest}; {_OFF}" if rest else f"{head} + day_off * off; {_OFF}",
        coefficients=(*model.coefficients, "day_off"),
        k=model.k + 1,
        terms=_weekly(model.terms),
        needs_date=True,
        words=(*model.words, "calendar"),
    )


WEEK: Final = "_week"

MODELS: Final[dict[str, Model]] = {
    name: model._replace(formula=f"expected = round(max({model.formula.replace(';', ', 0));', 1)}")
    if ";" in model.formula
    else model._replace(formula=f"expected = round(max({model.formula}, 0))")
    for name, model in (
        *_PLAIN.items(),
        *(
            (name + WEEK, _with_week(model))
            for name, model in _PLAIN.items()
            if "latitude" not in model.shape
        ),
    )
}
"""All models by the name that documents carry."""


COOLING: Final = frozenset(name for name, model in MODELS.items() if "cooling" in model.coefficients)
DARKNESS: Final = frozenset(name for name, model in MODELS.items() if "latitude" in model.shape)


def candidates(carrier: str) -> frozenset[str]:
    """The models that are plausible for a meter of the carrier (`metering.site.meters.Carrier`).

    Heat is not used for cooling, and neither heat nor water nor gas follows the darkness.
    """
    if carrier == "electricity":
        return frozenset(MODELS)
    return frozenset(MODELS) - COOLING - DARKNESS


def _positive(x: float) -> float:
    return x if x > 0.0 else 0.0


def _positive_many(x: Any) -> Any:
    return np.maximum(x, 0.0)


def one_day(model: Model, parameters: Parameters) -> Callable[[int, int, float, int], int]:
    """`(temp_mc, before_mc, on, date) -> expected use`: the model with these parameters, for single days."""
    terms = model.terms(parameters)
    coefficients = [float(parameters[name]) for name in model.coefficients]
    tenths = round(10 * float(parameters.get("lag_weight", 1.0)))
    rest = 10 - tenths
    first, others = coefficients[0], coefficients[1:]

    def one(temp_mc: int, before_mc: int, on: float, date: int) -> int:
        x = terms((tenths * temp_mc + rest * before_mc) / 10_000.0, on, date, _positive)
        total = first * x[0]
        for at, coefficient in enumerate(others, 1):
            total += coefficient * x[at]
        return round(total) if total > 0.0 else 0

    return one


def term_columns(
    model: Model, parameters: Parameters, temp_mc: Ints, before_mc: Ints, on: Floats, dates: Ints
) -> Floats:
    """The model's terms on many days, shape (days, terms)."""
    tenths = round(10 * float(parameters.get("lag_weight", 1.0)))
    t = (tenths * temp_mc + (10 - tenths) * before_mc) / 10_000.0
    columns = model.terms(parameters)(t, on, dates, _positive_many)
    stacked = np.empty((len(t), len(columns)))
    for at, column in enumerate(columns):
        stacked[:, at] = column
    return stacked


def many_days(model: Model, parameters: Parameters, columns: Floats) -> Ints:
    """Expected use of the days whose terms are `columns`: the identical integers of `one_day`."""
    coefficients: Sequence[float] = [float(parameters[name]) for name in model.coefficients]
    total = coefficients[0] * columns[:, 0]
    for at, coefficient in enumerate(coefficients[1:], 1):
        total = total + coefficient * columns[:, at]
    return np.rint(np.maximum(total, 0.0)).astype(np.int64)
