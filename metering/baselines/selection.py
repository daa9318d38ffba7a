"""Which model fits a meter's days: shapes by grid search, coefficients by least squares, the choice by BIC.

Theory of operation
-------------------
For every model that the days allow, `changepoint` finds the break points in closed form, and `coefficients` the
least squares. A larger model is chosen only if its BIC is better by more than `LEAST_BIC_GAIN`. BIC counts
*independent* days (n' of the larger model): a hundred correlated days of one mild winter are not a hundred
observations for one more parameter.

Outages of supply and absurd days are excluded, and the document names them (`odd_days`). Slopes are fitted robustly:
outlying days do not bend the line. They stay in the total: the bases are set so that the total over all fitted
days is exact.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from metering.baselines.calendars import SCHOOL_SHIFTS, day_off, shifted
from metering.baselines.changepoint import (
    LAG_TENTHS,
    best_capped,
    best_heating,
    best_heating_cooling,
    effective_temperature,
    to_bins,
)
from metering.baselines.coefficients import Solved, exact, solve
from metering.baselines.fit_days import Days, Floats, Ints, Shape
from metering.baselines.models import DARK_FROM_H, MODELS, SPELL_C, WEEK, many_days
from metering.baselines.odd_days import absurd_days, outage_days, outlying_days
from metering.baselines.season import LEAST_SEASON_DAYS

LEAST_BIC_GAIN: Final = 10.0
"""A larger model must be better by this much: "very strong" evidence (Kass and Raftery 1995)."""

LEAST_SEASON_RATIO: Final = 1.5
"""Sum of squares without a season over that with one. In houses with seasonal supply, turning heat on and off is an
obvious step (measured: 2 to 4); a home with its own boiler fits the spring by chance (measured: 1.2)."""

_ALWAYS: Final = 0.95
"""Share of days below the best balance point from which on the house counts as always heated."""


@dataclass(frozen=True)
class Choice:
    """The chosen model with its parameters, and the days of its fit."""

    name: str
    parameters: Shape
    fitted: Days
    absurd: Ints
    """Ordinals of absurd days."""
    outages: Ints
    """Ordinals of days without supply."""
    outage_below: float | None
    """A day out of season with less use than this is an outage [base units]."""


def choose(days: Days, allowed: Collection[str] | None = None) -> Choice:
    """The best model of the `allowed` ones (None: all); the mean is always allowed."""
    if days.calendar == "ru_school":
        days = replace(days, calendar=_school_calendar(days, allowed))
    none = np.zeros(len(days), dtype=bool)
    outage, below = outage_days(days) if days.rules else (none, None)
    best = _best_model(days.only(~outage), allowed)
    if not MODELS[best.name].needs_season and outage.any():
        outage, below = none, None
        best = _best_model(days, allowed)
    supplied = days.only(~outage)
    absurd = absurd_days(supplied, best.name, best.parameters)
    if absurd.any():
        best = _best_model(supplied.only(~absurd), allowed)
    fitted = supplied.only(~absurd)
    name, parameters = best.name, best.parameters
    outlying = outlying_days(fitted, name, parameters)
    if outlying.any():
        calm = fitted.only(~outlying)
        again = solve(name, _shape_again(name, parameters, calm), calm)
        if again is not None:
            parameters = again.parameters
    return Choice(
        name, exact(name, parameters, fitted), fitted, supplied.dates[absurd], days.dates[outage], below
    )


def _school_calendar(days: Days, allowed: Collection[str] | None) -> str:
    """The school calendar with the shift of the holidays that explains most of the use."""
    plain = [name for name in (MODELS if allowed is None else allowed) if not name.endswith(WEEK)]
    best = _best_model(replace(days, calendar=None, latitude=None), plain)
    model = MODELS[best.name]
    residual = days.used - many_days(model, best.parameters, days.columns(model, best.parameters))
    residual -= residual.mean()

    def explained(shift: int) -> tuple[float, int]:
        off = np.array([day_off(date, shifted(shift)) for date in days.dates.tolist()], dtype=np.float64)
        off -= off.mean()
        spread = float(off @ off)
        return (float(off @ residual) ** 2 / spread if spread > 0 else 0.0), -abs(shift)

    return shifted(max(SCHOOL_SHIFTS, key=explained))


def _best_model(days: Days, allowed: Collection[str] | None) -> Solved:
    """The best model by BIC with independent days; models of equal size compete first."""
    usable = set(MODELS) if allowed is None else {"mean", *allowed}
    solutions: dict[str, Solved] = {}
    for name, shape in _shapes(days, usable):
        solved = solve(name, shape, days)
        if solved is not None and (name not in solutions or solved.sse < solutions[name].sse):
            solutions[name] = solved
    # A perfect fit has no residual to take the logarithm of; a share of 1e-12 of the use stands for it.
    floor = float(days.used @ days.used) * 1e-24 + 1e-300

    def gain(small: Solved, large: Solved) -> float:
        """Improvement of BIC by the larger model."""
        more = MODELS[large.name].k - MODELS[small.name].k
        ratio = max(small.sse, floor) / max(large.sse, floor)
        return large.n_prime * math.log(ratio) - more * math.log(large.n_prime)

    best = solutions["mean"]
    for k in sorted({MODELS[name].k for name in solutions} - {1}):
        of_size = (each for each in solutions.values() if MODELS[each.name].k == k)
        larger = min(of_size, key=lambda each: (each.sse, each.name))
        if gain(best, larger) > LEAST_BIC_GAIN and _season_is_plain(best, larger):
            best = larger
    return best


def _season_is_plain(small: Solved, large: Solved) -> bool:
    """Whether the step of a season, if only the larger model has one, is large enough to be real."""
    new_season = MODELS[large.name].needs_season and not MODELS[small.name].needs_season
    return not new_season or small.sse >= LEAST_SEASON_RATIO * large.sse


def _shapes(days: Days, usable: Collection[str]) -> Iterator[tuple[str, Shape]]:
    """Every usable model with its best shape, without coefficients."""
    for name, shape in _plain_shapes(days, usable):
        if name in usable:
            yield name, shape
        if name + WEEK in usable and days.calendar is not None:
            yield name + WEEK, shape | {"calendar": days.calendar}
    if days.latitude is not None:
        place: Shape = {"latitude": days.latitude, "calendar": days.calendar or "week"}
        if "lighting" in usable:
            yield "lighting", place
        if "lighting_at_work" in usable:
            yield from (("lighting_at_work", place | {"dark_from_h": hours}) for hours in DARK_FROM_H)


def _plain_shapes(days: Days, usable: Collection[str]) -> Iterator[tuple[str, Shape]]:
    """The models of weather alone, without a week and without darkness."""
    plain = {name.removesuffix(WEEK) for name in usable}
    yield "mean", {}
    if not days.weather:
        return
    y = np.broadcast_to(days.used, (len(LAG_TENTHS), len(days)))
    t = np.stack([effective_temperature(days.temp, days.before, each) for each in LAG_TENTHS])
    bins = to_bins(t, y)
    heating = best_heating(bins)
    at = int(np.argmin(heating.sse))
    hinged = math.isfinite(heating.sse[at])
    if "heating_2p" in plain and (not hinged or (t[at] < heating.balance_c[at]).mean() >= _ALWAYS):
        yield from _always_heating(days, t)
    if hinged:
        weight = {"lag_weight": LAG_TENTHS[at] / 10}
        yield "heating_3p", {"balance_c": float(heating.balance_c[at]), **weight}
        if "heating_capped" in plain:
            capped = best_capped(to_bins(t[at : at + 1], y[:1]))
            if math.isfinite(capped.sse):
                yield "heating_capped", {"balance_c": capped.first_c, "cap_c": capped.second_c, **weight}
        if "heating_cooling" in plain:
            both = best_heating_cooling(to_bins(t[at : at + 1], y[:1]))
            if math.isfinite(both.sse):
                yield (
                    "heating_cooling",
                    {"balance_c": both.first_c, "cooling_balance_c": both.second_c, **weight},
                )
    if "cooling_3p" in plain:
        cooling = best_heating(to_bins(-t, y))
        at = int(np.argmin(cooling.sse))
        if math.isfinite(cooling.sse[at]):
            yield (
                "cooling_3p",
                {"cooling_balance_c": -float(cooling.balance_c[at]), "lag_weight": LAG_TENTHS[at] / 10},
            )
    yield from _season_shapes(days, t, y, "heating_season_capped" in plain)


def _season_shapes(days: Days, t: Floats, y: Floats, capped_too: bool) -> Iterator[tuple[str, Shape]]:
    """The models with a season; the rule of the season and the line are searched in turns."""
    rule = _best_rule(days, np.zeros(len(days)), t[1]) if days.rules else None
    balance, at = 0.0, 0
    for _ in range(3):
        if rule is None:
            return
        on = days.on[rule] > 0.0
        season = best_heating(to_bins(t[:, on], y[:, on]))
        at = int(np.argmin(season.sse))
        if not math.isfinite(season.sse[at]):
            return
        balance = float(season.balance_c[at])
        better = _best_rule(days, np.maximum(balance - t[at], 0.0), t[at])
        if better == rule:
            break
        rule = better
    if rule is None:
        return
    common: Shape = {"lag_weight": LAG_TENTHS[at] / 10, "season_rule": days.rules[rule]}
    yield "heating_season", {"balance_c": balance, **common}
    yield "heating_season_spells", {"balance_c": balance, **common}
    if capped_too:
        on = days.on[rule] > 0.0
        capped = best_capped(to_bins(t[at : at + 1, on], y[:1, on]))
        if math.isfinite(capped.sse):
            yield "heating_season_capped", {"balance_c": capped.first_c, "cap_c": capped.second_c, **common}


def _best_rule(days: Days, hinge: Floats, t: Floats) -> int | None:
    """Index of the rule with the least sum of squares about two lines, one in the season and one out of it.

    In closed form for all rules at once: use against the hinge in the season, against the cold of spells out of it.
    None if no rule leaves enough days with and without heat.
    """
    y = days.used - days.used.mean()
    left = np.zeros(len(days.rules))
    for on, x in ((days.on, hinge), (1.0 - days.on, np.maximum(SPELL_C - t, 0.0))):
        n = np.maximum(on.sum(axis=1), 1.0)
        sx, sy, sxx, sxy, syy = (on @ np.column_stack([x, y, x * x, x * y, y * y])).T
        spread, common = sxx - sx * sx / n, sxy - sx * sy / n
        sound = (spread > 1e-9 * sxx) & (common > 0.0)
        slope = np.where(sound, common, 0.0) / np.where(sound, spread, 1.0)
        left += syy - sy * sy / n - slope * common
    count = days.on.sum(axis=1)
    allowed = (count >= LEAST_SEASON_DAYS) & (count <= len(days) - LEAST_SEASON_DAYS)
    if not allowed.any():
        return None
    return int(np.argmin(np.where(allowed, left, np.inf)))


def _always_heating(days: Days, t: Floats) -> Iterator[tuple[str, Shape]]:
    """The straight line, for periods in which the house was always heated: no day shows the base alone."""
    if np.ptp(days.used) > 0.0 and (np.ptp(t, axis=1) > 0.0).all():
        slopes = np.asarray(np.corrcoef(np.vstack([t, days.used])))[-1, :-1]
        if slopes.min() < 0.0:
            yield "heating_2p", {"lag_weight": LAG_TENTHS[int(np.argmin(slopes))] / 10}


def _shape_again(name: str, parameters: Shape, days: Days) -> Shape:
    """The shape with the balance point of the calm days, for models with a cheap search; the lag weight stays."""
    shape = {each: parameters[each] for each in (*MODELS[name].shape, *MODELS[name].words)}
    plain = name.removesuffix(WEEK)
    if plain not in ("heating_3p", "heating_season", "heating_season_spells"):
        return shape
    tenths = round(10 * float(shape["lag_weight"]))
    inside = days if plain == "heating_3p" else days.only(days.heated(shape) > 0.0)
    t = effective_temperature(inside.temp, inside.before, tenths)
    again = best_heating(to_bins(t[None, :], inside.used[None, :]))
    return shape | {"balance_c": float(again.balance_c[0])} if math.isfinite(again.sse[0]) else shape
