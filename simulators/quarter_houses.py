"""What happens in the quarter: every hour of every house, once with the measures and once without.

Among each twelve houses one measure does next to nothing, and one regulator breaks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from simulators.house import Regime, beside, draw_behaviour, draw_houses, simulate_heat
from simulators.lighting import Renewal, draw_common_areas, draw_traffic, simulate_lighting
from simulators.quarter_dates import BEGIN, BROKEN, LIVE_END, RETROFIT
from simulators.weather import Floats, simulate_weather

DOZEN: Final = 12
"""House n has the mishaps of house n - 12."""
_IDLE, _DEFECT = 4, 8
"""Which of twelve houses (from 0) has the measure that does next to nothing, and which the regulator that breaks."""


@dataclass(frozen=True)
class Simulated:
    """Truth at the meters, before their resolution and gaps."""

    temp_c: Floats
    """At the beginning of each hour [°C]."""
    heat: Floats
    """At the meter [Wh per hour], shape [hours, houses]; `without` is without the measure."""
    heat_without: Floats
    light: Floats
    light_without: Floats
    area: Floats
    persons: Floats


def simulate(count: int, seed: int) -> Simulated:
    """Simulate every hour with and without the measures, with the same random numbers."""
    rng = np.random.default_rng(seed)
    days = (LIVE_END - BEGIN).days + 1
    weather = simulate_weather(rng, BEGIN.date(), days)
    houses, areas = draw_houses(rng, count), draw_common_areas(rng, count)
    behaviour, traffic = draw_behaviour(rng, days, count), draw_traffic(rng, days, count)
    flicker = np.exp(0.25 * rng.standard_normal((24 * days, count)) - 0.03)
    number = np.arange(count) % DOZEN
    idle = number == _IDLE
    # The idle measure: a controller set as hot as the network, without a night set-back.
    houses = replace(
        houses,
        control_over=np.where(idle, houses.graph_over - 0.01, houses.control_over),
        setback_k=np.where(idle, 0.0, houses.setback_k),
    )
    day = (np.arange(days) + BEGIN.date().toordinal())[:, None]
    since = day >= RETROFIT.toordinal()
    untouched = Regime.untouched(days, count)
    regime = replace(
        untouched,
        control=np.broadcast_to(since, (days, count)).astype(float),
        stuck=(day >= BROKEN.toordinal()) & (number == _DEFECT),
    )
    # One run of twice the houses takes half the Python of two runs.
    heat = simulate_heat(
        weather,
        beside(houses, houses),
        beside(behaviour, behaviour),
        beside(regime, untouched),
        flicker=np.hstack((flicker, flicker)),
    )
    renewed = np.broadcast_to(since, (days, count)).astype(float)
    light = simulate_lighting(weather, areas, traffic, Renewal(led=renewed, sensors=renewed))
    without = simulate_lighting(weather, areas, traffic, Renewal.untouched(days, count))
    return Simulated(
        weather.temp_c[:, 0], heat[:, :count], heat[:, count:], light, without, houses.area_m2, houses.persons
    )
