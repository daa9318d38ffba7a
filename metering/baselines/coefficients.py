"""Coefficients of a model whose shape is known: least squares, and the exact total of the fitted days."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from metering.baselines.fit_days import Days, Shape
from metering.baselines.models import MODELS, many_days
from metering.baselines.residuals import effective_days, lag1


class Solved(NamedTuple):
    """A model with its least-squares coefficients."""

    name: str
    parameters: Shape
    sse: float
    """Sum of squared residuals [base units squared]."""
    n_prime: float
    """Independent days."""


def solve(name: str, shape: Shape, days: Days) -> Solved | None:
    """Least squares with bases and slopes not below zero; None if a slope would be."""
    model = MODELS[name]
    if name == "mean":
        level = float(days.used.mean())
        off = days.used - level
        n_prime = max(effective_days(len(days), lag1(days.dates, off)), 2.0)
        return Solved(name, {"base": level}, float(off @ off), n_prime)
    columns = days.columns(model, shape)
    free = np.ones(columns.shape[1], dtype=bool)
    signed = np.array([coefficient == "day_off" for coefficient in model.coefficients])
    values = np.zeros(columns.shape[1])
    while True:
        values[:] = 0.0
        values[free] = np.linalg.lstsq(columns[:, free], days.used, rcond=None)[0]
        below = free & (values < 0.0) & ~signed
        if not below.any():
            break
        if below[model.bases :].any():
            return None
        free &= ~below
        if not free.any():
            return None
    if (values[model.bases :][~signed[model.bases :]] <= 0.0).any():
        return None
    residual = days.used - columns @ values
    sse = float(residual @ residual)
    n_prime = max(effective_days(len(days), lag1(days.dates, residual)), 2.0)
    coefficients: Shape = {n: float(v) for n, v in zip(model.coefficients, values, strict=True)}
    return Solved(name, coefficients | shape, sse, n_prime)


def exact(name: str, parameters: Shape, days: Days) -> Shape:
    """The parameters, with the bases shifted so that the total over the days is exact, rounded to six decimals."""
    model = MODELS[name]
    columns = days.columns(model, parameters)
    values = np.array([float(parameters[each]) for each in model.coefficients])
    total = math.fsum(days.used.tolist())
    for base in range(model.bases):
        group = columns[:, base] > 0.0
        if group.any():
            residual = days.used[group] - columns[group] @ values
            values[base] = max(values[base] + math.fsum(residual.tolist()) / int(group.sum()), 0.0)
    reached = math.fsum(np.maximum(columns @ values, 0.0).tolist())
    # If a base or a day stopped at zero, the shift was not enough: scale all coefficients.
    if reached > 0.0 and abs(reached / total - 1.0) > 1e-12:
        values *= total / reached
    exact = parameters | {n: round(float(v), 6) for n, v in zip(model.coefficients, values, strict=True)}

    def off(shifted: Shape) -> float:
        return abs(float(many_days(model, shifted, columns).sum()) - total)

    if off(exact) <= 0.00025 * total:
        return exact
    # At a few base units a day, rounding to whole units shifts the total: try coefficients nearby.
    first = model.coefficients[0]
    nearby = [exact | {first: round(float(exact[first]) + step / 100, 6)} for step in range(-50, 51)]
    for step in range(-100, 101):
        scaled: Shape = {
            each: round(float(exact[each]) * (1 + step / 10_000), 6) for each in model.coefficients
        }
        nearby.append(exact | scaled)
    return min(nearby, key=off)
