"""Pulse weight and unit: a week's use against what the weather, or the same weekdays before, would have made of it.

Theory of operation
-------------------
A wrong pulse weight or unit multiplies every day by one factor out of a short list: 10, 100, 1000, and the ratios of
the units that such a register is read in (3.6, 4.1868, 1163). It changes neither the slope's shape nor the week's. So a
step is believed if

- the days before it follow the weather (heat, gas), or their weekday (everything else), closely;
- the week divided by one of the factors follows it as closely, nearly every day by itself;
- the hours of the days have the shape that they had before.

Heat and gas are compared with days of the same weather, cold ones with cold ones and warm ones with warm ones, so that
the beginning of a season is no step; a fall on cold days is believed in frost only, because in spring the heating may
be off. Factors below three are not judged: 1.163 (MWh read as Gcal)
cannot be told from a good measure or a broken regulator by the weather. `metering.ledger.heat_volume` can.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from statistics import median
from typing import Final, NamedTuple

from metering.ledger.rhythm import distance
from metering.periods import SEASON_CHANGE_DAYS
from metering.units import UNITS

PAST_DAYS: Final = 56
"""The days before the week that it is compared with, without the last seven."""
_LEAST_PAST: Final = 14
"""Days that a comparison with weekdays needs."""
_LEAST_LIKE: Final = 8
"""Days of the same weather that a comparison by weather needs."""
LEAST_DAYS: Final = 4
"""Days of the judged week."""
_LEAST_FACTOR: Final = 3.0
_FAR: Final = 6
"""How far a week's mean must be from the past's before weekdays are compared; without weather no factor is below 10."""
_NEAR: Final = 0.12
"""How near to a factor a week must be (natural logarithm): weather leaves 5 to 8 % of a week."""
_WEEKDAY_NEAR: Final = 0.25
"""The same without weather: lamps follow the season, but factors are ten and more."""
_DAY_NEAR: Final = 0.4
"""The same for a day, and for a past day to what is usual."""
_ODD_SHARE: Final = 0.3
"""Share of the days that may lie further away."""
_HOLIDAYS: Final = 0.4
"""The same for the past in a comparison with weekdays: the weeks around New Year are among them."""
_COLD_MC: Final = 8_000
"""A day is cold if it and the five days that end with it are not above this (decree 354) [m°C]."""
_WARM_MC: Final = 12_000
"""A day is warm if neither it nor the five days are below this: what is used then is hot water [m°C]."""
_FROST_MC: Final = 2_000
"""A fall is believed in weeks up to this mean [m°C]."""
_NO_HEATING_MC: Final = 18_000
_NO_SLOPE_MC: Final = 10**7
_BASES_MC: Final = (0, 4_000, 8_000, 16_000, _NO_SLOPE_MC)
"""Use that does not depend on the weather, as if it were so much colder [m°C]; the last one: none depends on it."""
_SAME_SHAPE: Final = 0.1
"""Share of a day in other hours than before up to which the shape is the same."""
_ODD_DAYS: Final = 1
"""Days of a week that may differ from the factor of a fall without weather: an office that is closed has base load on
five days, and its weekend as ever."""

_READ_IN: Final[dict[str, tuple[str, ...]]] = {
    "heat": ("Wh", "kWh", "MWh", "GJ", "Gcal"),
    "electricity": ("Wh", "kWh", "MWh"),
}
"""Units that a carrier's registers are read in; volumes are read in `m3` and `l`."""


class Step(NamedTuple):
    """A factor that the use of a week changed by."""

    factor: Fraction
    usual: int
    """What the days would have used before the step [base units]."""
    amount: int
    """What they used."""
    days: int
    first: int
    """Ordinal of the first date that has the factor."""


@cache
def factors(carrier: str) -> tuple[Fraction, ...]:
    """Factors that a wrong pulse weight or unit multiplies the use of a carrier's register by."""
    names = _READ_IN.get(carrier, ("m3", "l"))
    ratios = {UNITS[a].scale / UNITS[b].scale for a in names for b in names}
    ratios |= {Fraction(10**n) for n in (1, 2, 3)} | {Fraction(1, 10**n) for n in (1, 2, 3)}
    return tuple(sorted(f for f in ratios if max(f, 1 / f) >= _LEAST_FACTOR))


def nearest(ratio: float, among: Sequence[Fraction], near: float) -> Fraction | None:
    """The factor that a ratio is near to (natural logarithm); None if there is none."""
    if ratio <= 0:
        return None
    best = min(among, key=lambda factor: abs(math.log(ratio / factor)))
    return best if abs(math.log(ratio / best)) <= near else None


def step_by_weather(
    week: int, used: Mapping[int, int], temps_mc: Mapping[int, int], among: Sequence[Fraction]
) -> Step | None:
    """The factor by which the use of a week changed against days of the same weather.

    Args:
        week: Ordinal of its Monday.
        used: Use by date, of the week and of the days before it.
        temps_mc: Mean outdoor temperature by date [m°C].
        among: The factors.
    """
    for cold in (True, False):
        days = _like(range(week, week + 7), used, temps_mc, cold)
        if len(days) < LEAST_DAYS:
            continue
        past = _like(range(week - PAST_DAYS, week - 7), used, temps_mc, cold)
        if len(past) < _LEAST_LIKE:
            continue
        usual = _slope(past, used, temps_mc, _BASES_MC if cold else (_NO_SLOPE_MC,))
        if usual is None:
            continue
        scale, base = usual
        step = _step(week, used, {d: scale * _need(temps_mc[d], base) for d in days}, among)
        frost = sum(temps_mc[d] for d in days) <= _FROST_MC * len(days)
        if step is not None and (step.factor > 1 or frost or not cold):
            return step
    return None


def step_by_weekday(
    week: int, used: Mapping[int, int], shapes: Mapping[int, bytes], among: Sequence[Fraction]
) -> Step | None:
    """The factor by which the use of a week changed against the same weekdays before.

    Args:
        week: Ordinal of its Monday.
        used: Use by date, of the week and of the days before it.
        shapes: Shapes of days (`metering.ledger.rhythm.shape`).
        among: The factors.
    """
    days = [date for date in range(week, week + 7) if date in used]
    past = [date for date in range(week - PAST_DAYS, week - 7) if date in used]
    if len(days) < LEAST_DAYS or len(past) < _LEAST_PAST:
        return None
    now, before = sum(map(used.__getitem__, days)) * len(past), sum(map(used.__getitem__, past)) * len(days)
    if before < _FAR * now and now < _FAR * before:
        return None  # as nearly every week
    by_weekday: dict[int, list[int]] = {}
    for date in past:
        by_weekday.setdefault(date % 7, []).append(used[date])
    usual = {weekday: median(uses) for weekday, uses in by_weekday.items() if len(uses) >= 3}
    if any(usual.get(date % 7, 0) <= 0 for date in days):
        return None
    if _odd([used[date] / usual[date % 7] for date in past if usual.get(date % 7)], 1.0, _HOLIDAYS):
        return None
    step = _step(week, used, {date: usual[date % 7] for date in days}, among, _WEEKDAY_NEAR)
    if step is None:
        return None
    if step.factor < 1 and sum(_far(used[d] / usual[d % 7], step.factor) for d in days) > _ODD_DAYS:
        return None
    apart = distance([shapes[d] for d in days if d in shapes], [shapes[d] for d in past if d in shapes])
    return step if apart <= _SAME_SHAPE else None


def _step(
    week: int,
    used: Mapping[int, int],
    usual: Mapping[int, float],
    among: Sequence[Fraction],
    near: float = _NEAR,
) -> Step | None:
    if min(usual.values()) <= 0:
        return None
    # The median, so that a holiday does not hide the factor of the other days.
    ratios = [used[date] / usual[date] for date in usual]
    factor = nearest(median(ratios), among, near)
    if factor is None or _odd(ratios, float(factor)):
        return None
    return Step(factor, round(sum(usual.values())), sum(used[date] for date in usual), len(usual), week)


def _odd(ratios: Sequence[float], factor: float, share: float = _ODD_SHARE) -> bool:
    """Whether too many days lie further from the factor than a day may."""
    return sum(_far(ratio, factor) for ratio in ratios) > share * len(ratios)


def _far(ratio: float, factor: float | Fraction) -> bool:
    return ratio <= 0 or abs(math.log(ratio / factor)) > _DAY_NEAR


def _need(temp_mc: int, base_mc: int) -> int:
    return max(0, _NO_HEATING_MC - temp_mc) + base_mc


def _slope(
    dates: Sequence[int], used: Mapping[int, int], temps_mc: Mapping[int, int], bases: Sequence[int]
) -> tuple[float, int] | None:
    """(use per m°C, base) that the days follow best; None if they follow none."""
    best: tuple[float, float, int] | None = None
    for base in bases:
        rates = [used[date] / _need(temps_mc[date], base) for date in dates]
        rate = median(rates)
        if rate <= 0:
            return None
        scatter = median(abs(each / rate - 1) for each in rates)
        if best is None or scatter < best[0]:
            best = scatter, rate, base
    assert best is not None
    _, rate, base = best
    if _odd([used[date] / (rate * _need(temps_mc[date], base)) for date in dates], 1.0):
        return None
    return rate, base


def _like(dates: range, used: Mapping[int, int], temps_mc: Mapping[int, int], cold: bool) -> list[int]:
    """Dates with a use on which heating is required, or (not `cold`) on which nobody heats."""
    like: list[int] = []
    for date in dates:
        temp = temps_mc.get(date)
        if temp is None or date not in used or (temp > _COLD_MC if cold else temp < _WARM_MC):
            continue
        known = [
            each
            for day in range(date - SEASON_CHANGE_DAYS + 1, date + 1)
            if (each := temps_mc.get(day)) is not None
        ]
        if sum(known) <= _COLD_MC * len(known) if cold else sum(known) >= _WARM_MC * len(known):
            like.append(date)
    return like
