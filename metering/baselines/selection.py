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
from metering.baselines.coefficients import exact, solve
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
    picked = _pick(days.only(~outage), allowed)
    if not MODELS[picked[0]].needs_season and outage.any():
        outage, below = none, None
        picked = _pick(days, allowed)
    supplied = days.only(~outage)
    absurd = absurd_days(supplied, *picked)
    if absurd.any():
        picked = _pick(supplied.only(~absurd), allowed)
    fitted = supplied.only(~absurd)
    name, parameters = picked
    outlying = outlying_days(fitted, name, parameters)
    if outlying.any():
        calm = fitted.only(~outlying)
        again = solve(name, _shape_again(name, parameters, calm), calm)
        if again is not None:
            parameters = again[0]
    return Choice(
        name, exact(name, parameters, fitted), fitted, supplied.dates[absurd], days.dates[outage], below
    )


def _school_calendar(days: Days, allowed: Collection[str] | None) -> str:
    """The school's calendar with its holidays moved as the days show best."""
    plain = [name for name in (MODELS if allowed is None else allowed) if not name.endswith(WEEK)]
    name, parameters = _pick(replace(days, calendar=None, latitude=None), plain)
    residual = days.used - many_days(MODELS[name], parameters, days.columns(MODELS[name], parameters))
    residual -= residual.mean()

    def explained(shift: int) -> tuple[float, int]:
        off = np.array([day_off(date, shifted(shift)) for date in days.dates.tolist()], dtype=np.float64)
        off -= off.mean()
        spread = float(off @ off)
        return (float(off @ residual) ** 2 / spread if spread > 0 else 0.0), -abs(shift)

    return shifted(max(SCHOOL_SHIFTS, key=explained))


def _pick(days: Days, allowed: Collection[str] | None) -> tuple[str, Shape]:
    """Model and parameters by BIC with independent days; models of equal size compete first."""
    usable = set(MODELS) if allowed is None else {"mean", *allowed}
    found: dict[str, tuple[float, float, str, Shape]] = {}
    for name, shape in _shapes(days, usable):
        solved = solve(name, shape, days)
        if solved is not None:
            parameters, sse, n_prime = solved
            if name not in found or sse < found[name][0]:
                found[name] = sse, n_prime, name, parameters
    # A perfect fit has no residual to take the logarithm of; a share of 1e-12 of the use stands for it.
    floor = float(days.used @ days.used) * 1e-24 + 1e-300

    def gain(
        small: tuple[float, float, str, Shape], large: tuple[float, float, str, Shape], more: int
    ) -> float:
        return large[1] * math.log(max(small[0], floor) / max(large[0], floor)) - more * math.log(large[1])

    current = found["mean"]
    for k in sorted({MODELS[name].k for name in found} - {1}):
        best = min(
            (each for each in found.values() if MODELS[each[2]].k == k), key=lambda each: (each[0], each[2])
        )
        if gain(current, best, k - MODELS[current[2]].k) > LEAST_BIC_GAIN and _plain_to_see(current, best):
            current = best
    return current[2], current[3]


def _plain_to_see(small: tuple[float, float, str, Shape], large: tuple[float, float, str, Shape]) -> bool:
    """Whether a season, where it is new, leaves so much less that nobody can overlook it."""
    seasons = MODELS[large[2]].needs_season and not MODELS[small[2]].needs_season
    return not seasons or small[0] >= LEAST_SEASON_RATIO * large[0]


def _shapes(days: Days, usable: Collection[str]) -> Iterator[tuple[str, Shape]]:
    """Every usable model with the best shape for it, without coefficients."""
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
    wanted = {name.removesuffix(WEEK) for name in usable}
    yield "mean", {}
    if not days.weather:
        return
    y = np.broadcast_to(days.used, (len(LAG_TENTHS), len(days)))
    t = np.stack([effective_temperature(days.temp, days.before, each) for each in LAG_TENTHS])
    bins = to_bins(t, y)
    heating = best_heating(bins)
    at = int(np.argmin(heating.sse))
    hinged = math.isfinite(heating.sse[at])
    if "heating_2p" in wanted and (not hinged or (t[at] < heating.balance_c[at]).mean() >= _ALWAYS):
        yield from _always_heating(days, t)
    if hinged:
        weight = {"lag_weight": LAG_TENTHS[at] / 10}
        yield "heating_3p", {"balance_c": float(heating.balance_c[at]), **weight}
        if "heating_capped" in wanted:
            capped = best_capped(to_bins(t[at : at + 1], y[:1]))
            if math.isfinite(capped.sse):
                yield "heating_capped", {"balance_c": capped.first_c, "cap_c": capped.second_c, **weight}
        if "heating_cooling" in wanted:
            both = best_heating_cooling(to_bins(t[at : at + 1], y[:1]))
            if math.isfinite(both.sse):
                yield (
                    "heating_cooling",
                    {"balance_c": both.first_c, "cooling_balance_c": both.second_c, **weight},
                )
    if "cooling_3p" in wanted:
        cooling = best_heating(to_bins(-t, y))
        at = int(np.argmin(cooling.sse))
        if math.isfinite(cooling.sse[at]):
            yield (
                "cooling_3p",
                {"cooling_balance_c": -float(cooling.balance_c[at]), "lag_weight": LAG_TENTHS[at] / 10},
            )
    yield from _season_shapes(days, t, y, "heating_season_capped" in wanted)


def _season_shapes(days: Days, t: Floats, y: Floats, capped_too: bool) -> Iterator[tuple[str, Shape]]:
    """The models with a season, by the rule that the days show: rule and line are searched in turns."""
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
    """Index of the rule under which two lines, one in the season and one out of it, leave the least.

    In closed form for all rules at once: use against the hinge in the season, against the cold of spells out of it.
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
    """The straight line, for periods in which the house was always heated: no day tells a base."""
    if np.ptp(days.used) > 0.0 and (np.ptp(t, axis=1) > 0.0).all():
        slopes = np.asarray(np.corrcoef(np.vstack([t, days.used])))[-1, :-1]
        if slopes.min() < 0.0:
            yield "heating_2p", {"lag_weight": LAG_TENTHS[int(np.argmin(slopes))] / 10}


def _shape_again(name: str, parameters: Shape, days: Days) -> Shape:
    """The shape searched anew on the calm days, where it is cheap; the lag weight stays."""
    shape = {each: parameters[each] for each in (*MODELS[name].shape, *MODELS[name].words)}
    plain = name.removesuffix(WEEK)
    if plain not in ("heating_3p", "heating_season", "heating_season_spells"):
        return shape
    tenths = round(10 * float(shape["lag_weight"]))
    inside = days if plain == "heating_3p" else days.only(days.heated(shape) > 0.0)
    t = effective_temperature(inside.temp, inside.before, tenths)
    found = best_heating(to_bins(t[None, :], inside.used[None, :]))
    return shape | {"balance_c": float(found.balance_c[0])} if math.isfinite(found.sse[0]) else shape
