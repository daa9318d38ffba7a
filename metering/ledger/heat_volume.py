"""A heat meter's energy against its own volume and temperatures: E = V * (supply - return) * 1.163 kWh/(m3 K).

Theory of operation
-------------------
A heat meter that sends volume and temperatures says its energy twice. On a day the two agree up to a ratio that belongs
to the system (density of hot water, water drawn from an open network) and hardly changes from week to week. So

- a week whose ratio is one of the factors of a wrong pulse weight or unit is in doubt, whatever came before;
- a week whose ratio is 1.163 or one of these factors times that of the weeks before is in doubt too. 1.163 (MWh read as
  Gcal, or the reverse) can be told in this way only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from statistics import median
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from metering.ledger.weights import Step, nearest
from metering.parts import PartName, local_date
from metering.units import UNITS

_MWH_PER_LITRE_K: Final = 1163
"""Heat of a litre of water [mWh/K]: 1 kcal, less 2 to 3 % for the density of hot water."""
_LEAST_DAYS: Final = 5
_LEAST_HOURS: Final = 20
"""Hours of a day with both temperatures."""
_LEAST_MK: Final = 3_000
"""Smallest difference of the temperatures, so that their errors do not matter [mK]."""
_SPREAD: Final = 0.1
"""Largest median deviation of the days of a week from their ratio."""
_NEAR: Final = 0.08
"""How near to a factor a ratio must be (natural logarithm)."""
_SHARP: Final = 0.03
"""The same, and the spread, for 1.163 against the weeks before."""
_PAST: Final = range(-35, -7)
"""Days before the week that it is compared with."""
_GCAL_MWH: Final = UNITS["Gcal"].scale / UNITS["MWh"].scale


class Temperatures(Struct, frozen=True, tag="t", array_like=True, gc=False):
    """A heat meter's temperatures of one date: means by hour [m°C]."""

    supply_mc: dict[int, int] = {}
    return_mc: dict[int, int] = {}


SUPPLY: Final = "supply_temperature"
RETURN: Final = "return_temperature"
OF_VOLUME: Final = ("volume", SUPPLY, RETURN)
"""What a heat meter sends beside its energy."""


def of_date(date: int) -> PartName:
    """The part of a date's temperatures."""
    return PartName(f"{date} temperatures", local_date(date).chunk)


def with_hours(state: Temperatures, quantity: str, hours: Mapping[int, int | None]) -> Temperatures:
    """The temperatures with other means of some hours; None withdraws an hour."""
    before = state.supply_mc if quantity == SUPPLY else state.return_mc
    means = {hour: mean for hour, mean in sorted({**before, **hours}.items()) if mean is not None}
    return replace(state, supply_mc=means) if quantity == SUPPLY else replace(state, return_mc=means)


def expected(volume: int, temperatures: Temperatures) -> int | None:
    """Energy of a day by its volume [l] and temperatures [Wh]; None if they do not tell."""
    supply, back = temperatures.supply_mc, temperatures.return_mc
    hours = sorted(supply.keys() & back.keys())
    if volume <= 0 or len(hours) < _LEAST_HOURS:
        return None
    cooled_mk = sum(supply[hour] - back[hour] for hour in hours) // len(hours)
    return volume * cooled_mk * _MWH_PER_LITRE_K // 10**6 if cooled_mk >= _LEAST_MK else None


def step_by_volume(
    week: int, used: Mapping[int, int], by_volume: Mapping[int, int], among: Sequence[Fraction]
) -> Step | None:
    """The factor between the energy of a week's days and what volume and temperatures say.

    Args:
        week: Ordinal of its Monday.
        used: Energy by date [Wh].
        by_volume: The same by volume and temperatures.
        among: The factors.
    """
    dates = [date for date in range(week, week + 7) if date in by_volume and date in used]
    past = [used[d] / by_volume[d] for d in (week + back for back in _PAST) if d in by_volume and d in used]
    if len(dates) < _LEAST_DAYS:
        return None
    ratios = [used[date] / by_volume[date] for date in dates]
    ratio, spread = _middle(ratios)
    if ratio <= 0 or spread > _SPREAD:
        return None
    usual = 1.0
    factor = nearest(ratio, among, _NEAR)
    if factor is None and len(past) >= _LEAST_DAYS:
        usual, past_spread = _middle(past)
        if usual <= 0 or max(spread, past_spread) > _SHARP:
            return None
        factor = nearest(ratio / usual, (*among, _GCAL_MWH, 1 / _GCAL_MWH), _SHARP)
    if factor is None:
        return None
    expected_use = round(usual * sum(by_volume[date] for date in dates))
    return Step(factor, expected_use, sum(used[date] for date in dates), len(dates), week)


def _middle(ratios: Sequence[float]) -> tuple[float, float]:
    """(median, median deviation from it as a share)"""
    middle = median(ratios)
    if middle <= 0:
        return 0.0, math.inf
    return middle, median(abs(ratio / middle - 1) for ratio in ratios)
