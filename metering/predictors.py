"""The formulas of the baseline models: how a document's parameters become the expected use of a day.

Each model is said twice, for one day in plain Python (it runs in the stream) and for many days in numpy.
Both do the same IEEE operations in the same order, so that they round to the same integers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metering.changepoint import effective_temperature

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Parameters = Mapping[str, float]
OneDay = Callable[[int, int], int]
ManyDays = Callable[[Ints, Ints], Ints]


class Model(NamedTuple):
    """One model: its formula and what it needs."""

    formula: str
    parameters: tuple[str, ...]
    """Names of its parameters in the document."""
    k: int
    """Parameters counted by n - k and BIC."""
    needs_weather: bool
    one: Callable[[Parameters], OneDay]
    many: Callable[[Parameters], ManyDays]


def _mean_one(parameters: Parameters) -> OneDay:
    level = round(parameters["base"])
    return lambda temp_mc, before_mc: level


def _mean_many(parameters: Parameters) -> ManyDays:
    level = round(parameters["base"])
    return lambda temp_mc, before_mc: np.full(temp_mc.shape, level, dtype=np.int64)


def _heating_one(parameters: Parameters) -> OneDay:
    base, heating, balance = parameters["base"], parameters["heating"], parameters["balance_c"]
    tenths = round(10 * parameters["lag_weight"])
    rest = 10 - tenths
    level = round(base)

    def one(temp_mc: int, before_mc: int) -> int:
        below = balance - (tenths * temp_mc + rest * before_mc) / 10_000.0
        return round(base + heating * below) if below > 0.0 else level

    return one


def _heating_many(parameters: Parameters) -> ManyDays:
    base, heating, balance = parameters["base"], parameters["heating"], parameters["balance_c"]
    tenths = round(10 * parameters["lag_weight"])

    def many(temp_mc: Ints, before_mc: Ints) -> Ints:
        below = np.maximum(balance - effective_temperature(temp_mc, before_mc, tenths), 0.0)
        return np.rint(base + heating * below).astype(np.int64)

    return many


_T: Final = "t = lag_weight * T(day) + (1 - lag_weight) * T(day before) [°C]"

MODELS: Final[dict[str, Model]] = {
    "mean": Model("expected = round(base)", ("base",), 1, False, _mean_one, _mean_many),
    "heating_3p": Model(
        f"expected = round(base + heating * max(balance_c - t, 0)); {_T}",
        ("base", "heating", "balance_c", "lag_weight"),
        3,
        True,
        _heating_one,
        _heating_many,
    ),
}
