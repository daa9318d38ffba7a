"""Which model a meter's days bear: shapes by grid search, coefficients by least squares, the choice by BIC.

Theory of operation
-------------------
For every model that the days allow, `changepoint` finds the break points in closed form, and least squares
the coefficients. A larger model is taken only where its BIC is better by more than `LEAST_BIC_GAIN`, and BIC
counts *independent* days (n' of the larger model): a hundred correlated days of one mild winter are not a
hundred witnesses for one more parameter.

Slopes are fitted robustly: days beyond 4 robust standard deviations (at most 5 % of them) do not bend the line.
But they were used, and such days will come again, so the bases are then set so that the total over *all*
fitted days is exact. Left out, and named in the document, are only

- absurd days: above three times the 95th percentile of use, or below zero where others are not (at most 1 %);
- outages of supply in a house with a heating season: three or more days in a row out of season with less than
  30 % of the usual use out of season (the yearly fortnight without hot water). They are no saving in
  the reporting period either, see `Baseline.outage`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from metering.baselines.calendars import SCHOOL_SHIFTS, day_off, shifted
from metering.baselines.changepoint import (
    LAG_TENTHS,
    best_capped,
    best_heating,
    best_heating_cooling,
    effective_temperature,
    to_bins,
)
from metering.baselines.models import DARK_FROM_H, MODELS, SPELL_C, WEEK, Model, many_days, term_columns
from metering.baselines.residuals import effective_days, lag1

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Shape = dict[str, float | str]

LEAST_BIC_GAIN: Final = 10.0
"""A larger model must be better by this much: "very strong" evidence (Kass and Raftery 1995)."""

LEAST_SEASON_DAYS: Final = 20
"""Days with heat, and days without, that a heating season is told by."""

LEAST_SEASON_RATIO: Final = 1.5
"""Sum of squares without a season over that with one: where heat is supplied by season, turning it on and off is a step
that anyone sees (measured: 2 to 4); a home with its own boiler fits the spring by chance (measured: 1.2)."""

OUTAGE_SHARE: Final = 0.3
OUTAGE_RUN: Final = 3

_ALWAYS: Final = 0.95
"""Share of days below the best balance point from which on the house counts as always heated."""

_ROBUST_SDS: Final = 4.0
_MOST_SOFTENED: Final = 0.05
_MOST_LEFT_OUT: Final = 0.01
_ABSURD_TIMES: Final = 3.0


@dataclass(frozen=True)
class Days:
    """The days that a fit sees, ascending; the day's own temperature stands in for an unknown day before."""

    dates: Ints
    used: Floats
    temp: Ints
    before: Ints
    on: Floats
    """1.0 while heat is supplied, by each rule of the season, shape (rules, days); no rows where nothing is known."""
    rules: tuple[str, ...]
    """Names of the rules."""
    weather: bool
    latitude: float | None
    calendar: str | None

    def __len__(self) -> int:
        return len(self.dates)

    def only(self, keep: Bools) -> Days:
        """The days where `keep`."""
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
        """1.0 while heat is supplied by the shape's own rule; zeros where it has none."""
        rule = shape.get("season_rule")
        row: Floats = np.zeros(len(self)) if rule is None else self.on[self.rules.index(str(rule))]
        return row


@dataclass(frozen=True)
class Choice:
    """The chosen model with its parameters, and the days that it was fitted on."""

    name: str
    parameters: Shape
    fitted: Days
    absurd: Ints
    """Ordinals of absurd days."""
    outages: Ints
    """Ordinals of days without supply."""
    outage_below: float | None
    """A day out of season with less use than this is an outage."""


def choose(days: Days, allowed: Collection[str] | None = None) -> Choice:
    """The model that the days bear, of the `allowed` ones (all where None; the mean is always allowed)."""
    if days.calendar == "ru_school":
        days = replace(days, calendar=_school_calendar(days, allowed))
    none = np.zeros(len(days), dtype=bool)
    outage, below = _outages(days) if days.rules else (none, None)
    picked = _pick(days.only(~outage), allowed)
    if not MODELS[picked[0]].needs_season and outage.any():
        outage, below = none, None
        picked = _pick(days, allowed)
    held = days.only(~outage)
    absurd = _absurd(held, *picked)
    if absurd.any():
        picked = _pick(held.only(~absurd), allowed)
    fitted = held.only(~absurd)
    name, parameters = picked
    soft = _softened(fitted, name, parameters)
    if soft.any():
        calm = fitted.only(~soft)
        again = _solve(name, _shape_again(name, parameters, calm), calm)
        if again is not None:
            parameters = again[0]
    return Choice(
        name, _exact(name, parameters, fitted), fitted, held.dates[absurd], days.dates[outage], below
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
        solved = _solve(name, shape, days)
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


def _solve(name: str, shape: Shape, days: Days) -> tuple[Shape, float, float] | None:
    """(parameters, SSE, n'): least squares with bases and slopes not below zero; None where a slope would be."""
    model = MODELS[name]
    if name == "mean":
        level = float(days.used.mean())
        off = days.used - level
        return {"base": level}, float(off @ off), max(effective_days(len(days), lag1(days.dates, off)), 2.0)
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
    return coefficients | shape, sse, n_prime


def _outages(days: Days) -> tuple[Bools, float | None]:
    """Days without supply out of the heating season (by every rule), and the use below which a day is one."""
    off = np.asarray(days.on.max(axis=0) == 0.0)
    none = np.zeros(len(days), dtype=bool)
    if off.sum() < LEAST_SEASON_DAYS:
        return none, None
    limit = OUTAGE_SHARE * float(np.median(days.used[off]))
    if limit <= 0.0:
        return none, None
    low = off & (days.used < limit)
    found = none.copy()
    run: list[int] = []
    for index in [*np.flatnonzero(low).tolist(), -1]:
        if run and (index < 0 or days.dates[index] != days.dates[run[-1]] + 1):
            if len(run) >= OUTAGE_RUN:
                found[run] = True
            run = []
        run.append(index)
    if not found.any() or found.sum() > OUTAGE_SHARE * off.sum():
        return none, None
    return found, limit


def _absurd(days: Days, name: str, parameters: Shape) -> Bools:
    """Days that no house can have, at most 1 % of them."""
    none = np.zeros(len(days), dtype=bool)
    # The limits rest on percentiles so that one wild day cannot raise them.
    ranked = np.sort(days.used)
    low, high = float(ranked[len(days) // 20]), float(ranked[(19 * len(days)) // 20])
    if ranked[0] >= min(low, 0.0) and ranked[-1] <= _ABSURD_TIMES * high:
        return none
    model = MODELS[name]
    expected = many_days(model, parameters, days.columns(model, parameters))
    usual = max(high, float(np.median(expected)))
    wild = days.used > _ABSURD_TIMES * usual if usual > 0 else none
    wild = wild | ((days.used < 0) & (low >= 0))
    return wild if 0 < wild.sum() <= _MOST_LEFT_OUT * len(days) else none


def _softened(days: Days, name: str, parameters: Shape) -> Bools:
    """Days beyond 4 robust standard deviations, at most 5 %; low and high expected use have their own scale."""
    model = MODELS[name]
    expected = many_days(model, parameters, days.columns(model, parameters))
    residual = days.used - expected
    high = expected > np.sort(expected)[len(days) // 2]
    off = np.abs(residual)
    score = np.zeros(len(days))
    for group in (high, ~high):
        here = off[group]
        if len(here) < 10:
            continue
        scale = 1.4826 * float(np.partition(here, len(here) // 2)[len(here) // 2])
        if scale > 0:
            score[group] = here / scale
    most = int(_MOST_SOFTENED * len(days))
    limit = max(_ROBUST_SDS, float(np.sort(score)[-most - 1]))
    return score > limit


def _exact(name: str, parameters: Shape, days: Days) -> Shape:
    """The parameters, with the bases shifted so that the total over the days is exact, rounded to six decimals."""
    model = MODELS[name]
    columns = days.columns(model, parameters)
    values = np.array([float(parameters[each]) for each in model.coefficients])
    total = math.fsum(days.used.tolist())
    for base in range(model.bases):
        here = columns[:, base] > 0.0
        if here.any():
            residual = days.used[here] - columns[here] @ values
            values[base] = max(values[base] + math.fsum(residual.tolist()) / int(here.sum()), 0.0)
    reached = math.fsum(np.maximum(columns @ values, 0.0).tolist())
    # Where a base or a day stopped at zero the shift was not enough; the scale is.
    if reached > 0.0 and abs(reached / total - 1.0) > 1e-12:
        values *= total / reached
    exact = parameters | {n: round(float(v), 6) for n, v in zip(model.coefficients, values, strict=True)}

    def off(shifted: Shape) -> float:
        return abs(float(many_days(model, shifted, columns).sum()) - total)

    if off(exact) <= 0.00025 * total:
        return exact
    # Few base units a day: rounding to whole ones shifts the total; look nearby for coefficients that it does not.
    first = model.coefficients[0]
    nearby = [exact | {first: round(float(exact[first]) + step / 100, 6)} for step in range(-50, 51)]
    for step in range(-100, 101):
        scaled: Shape = {
            each: round(float(exact[each]) * (1 + step / 10_000), 6) for each in model.coefficients
        }
        nearby.append(exact | scaled)
    return min(nearby, key=off)
