"""Heat of panel houses: a network of two capacities, windows, occupants, and a heat substation.

The physics shares nothing with the baselines. The house is an air node (air and furniture) and a mass node
(the panels), coupled; the sun, the occupants and the radiators warm the air; people open windows when it is
too warm. The radiators give what their water's temperature lets them give, and the substation decides that
temperature: without weather compensation it follows the city's coarse supply graph with its kink (the
network must stay hot enough for hot water), so that the house is overheated in spring and autumn; with it,
it follows the outdoor temperature and the night set-back. The saving comes from nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from simulators.weather import Floats, Weather, heating_season, ornstein_uhlenbeck

_DESIGN_OUT: Final = -24.0
_INDOOR: Final = 20.0
_DESIGN_WATER: Final = 82.5
"""Mean radiator water at the design temperature: (95 + 70) / 2 [°C]."""
_RADIATOR_EXPONENT: Final = 1.3
"""EN 442: output grows with the excess temperature to the power of about 1.3."""
_KINK_WATER: Final = 46.0
"""Lowest mean water temperature without compensation [°C]: the kink of the supply graph lies near +5 °C outside."""
_DHW_WH_PER_LITRE: Final = 0.06 * 1_163_000 / 1000
"""0.06 Gcal/m3 (facts/spb.md)."""

# Shares of a day's hot water by hour: two peaks, a night at 30 % of the mean (circulation is apart).
_DHW_HOURS: Final = np.array(
    [0.5, 0.3, 0.3, 0.3, 0.3, 0.5, 1.0, 1.7, 1.8, 1.3, 1.0, 0.9,
     0.9, 0.9, 0.9, 0.9, 1.0, 1.2, 1.4, 1.7, 1.8, 1.7, 1.4, 0.9]
)  # fmt: skip


@dataclass(frozen=True)
class Houses:
    """Parameters of n houses, one array element each."""

    loss_kw_k: Floats
    """Heat loss of envelope and basic ventilation [kW/K]."""
    air_mwh_k: Floats
    mass_mwh_k: Floats
    persons: Floats
    litres_per_person: Floats
    """Hot water [l per person and day]."""
    circulation_kw: Floats
    area_m2: Floats
    radiator: Floats
    """Radiator output over what the design needs (oversizing), 1 = as designed."""
    graph_shift_k: Floats
    """How much hotter than the graph the house is supplied without compensation [K]."""
    control_shift_k: Floats
    """The same with compensation, as its controller was set."""
    setback_k: Floats
    """Night set-back of the water with compensation, 23-05 h [K]."""
    shutdown_day: npt.NDArray[np.int64]
    """First day of the fortnight without hot water, as day of the year."""

    @property
    def count(self) -> int:
        """How many houses."""
        return len(self.loss_kw_k)


def draw_houses(rng: np.random.Generator, count: int) -> Houses:
    """Parameters of `count` houses around series 137: 12,000 m2, 500 persons, 19 kW/K."""
    area = 12_000 * rng.uniform(0.8, 1.2, count)
    scale = area / 12_000
    return Houses(
        loss_kw_k=16.0 * scale * rng.uniform(0.9, 1.12, count),
        air_mwh_k=0.09 * scale,
        mass_mwh_k=0.75 * scale * rng.uniform(0.8, 1.25, count),
        persons=np.round(500 * scale * rng.uniform(0.85, 1.15, count)),
        litres_per_person=rng.uniform(72, 95, count),
        circulation_kw=28 * scale * rng.uniform(0.7, 1.4, count),
        area_m2=np.round(area, -1),
        radiator=rng.uniform(1.0, 1.12, count),
        graph_shift_k=rng.uniform(4.0, 9.0, count),
        control_shift_k=rng.uniform(-3.5, -0.5, count),
        setback_k=rng.uniform(1.0, 5.0, count),
        shutdown_day=rng.integers(170, 215, count),
    )


@dataclass(frozen=True)
class Behaviour:
    """What the occupants do, hour by hour and house by house: the same with and without a measure."""

    hot_water: Floats
    """Demand over its usual level [hours, houses]."""
    gains: Floats
    """Internal gains over their usual level [hours, houses]."""
    window_c: Floats
    """Indoor temperature at which windows are opened [°C] [hours, houses]."""
    supply_k: Floats
    """Deviation of the network's water from its graph [K] [hours, houses]."""


def draw_behaviour(rng: np.random.Generator, hours: int, houses: int) -> Behaviour:
    """Autocorrelated behaviour: days, weeks and seasons of more or less."""

    def wander(long_h: float, long: float, short_h: float, short: float) -> Floats:
        return ornstein_uhlenbeck(rng, hours, houses, long_h, long) + ornstein_uhlenbeck(
            rng, hours, houses, short_h, short
        )

    return Behaviour(
        hot_water=np.exp(wander(24 * 20.0, 0.03, 20.0, 0.10)),
        gains=np.exp(wander(24 * 20.0, 0.05, 24.0, 0.08)),
        window_c=22.6 + wander(24 * 10.0, 0.4, 12.0, 0.3),
        supply_k=wander(24 * 3.0, 0.8, 8.0, 0.8),
    )


def graph_water(outdoor: Floats) -> Floats:
    """Mean radiator water that the heat graph asks for at an outdoor temperature [°C]."""
    need = np.clip((_INDOOR - outdoor) / (_INDOOR - _DESIGN_OUT), 0, 1.2)
    excess: Floats = (_DESIGN_WATER - _INDOOR) * need ** (1 / _RADIATOR_EXPONENT)
    return _INDOOR + excess


def simulate_heat(
    weather: Weather,
    houses: Houses,
    behaviour: Behaviour,
    *,
    controlled: npt.NDArray[np.bool_],
    broken: npt.NDArray[np.bool_],
    local_offset_h: int = 3,
) -> Floats:
    """Heat at the meter of each house [Wh per hour], shape [hours, houses].

    Args:
        weather: Hourly weather.
        houses: The houses.
        behaviour: Their occupants.
        controlled: Whether weather compensation works [hours, houses].
        broken: Whether the regulator hangs open [hours, houses]: hotter than without any.
        local_offset_h: Hours that local time is ahead of UTC.
    """
    hours, n = len(weather.temp_c), houses.count
    season = heating_season(weather.temp_c)
    hour_of_day = (np.arange(hours) + weather.start.hour + local_offset_h) % 24
    first = weather.start.timetuple().tm_yday
    day = np.arange(hours) // 24
    weekend = ((weather.start.weekday() + day) % 7) >= 5
    day_of_year = (first - 1 + day) % 365 + 1

    dhw = _dhw(houses, behaviour, hour_of_day, weekend, day_of_year)

    # Water: the network's graph lags the weather by some hours and has a kink; the controller's does not.
    slow = _lagged(weather.temp_c, 10.0)
    quick = _lagged(weather.temp_c, 3.0)
    network = np.maximum(graph_water(slow)[:, None] + houses.graph_shift_k + behaviour.supply_k, _KINK_WATER)
    night = ((hour_of_day >= 23) | (hour_of_day < 5))[:, None]
    control = graph_water(quick)[:, None] + houses.control_shift_k - houses.setback_k * night
    water = np.where(controlled, np.minimum(control, network), network)
    water = np.where(broken, np.maximum(network + 7.0, 60.0), water)

    design_kw = houses.loss_kw_k * (_INDOOR - _DESIGN_OUT)
    radiator = houses.radiator * design_kw / (_DESIGN_WATER - _INDOOR) ** _RADIATOR_EXPONENT
    gains_kw = 0.0036 * houses.area_m2
    glass_m2 = 0.09 * houses.area_m2 * 0.45
    window_share = 0.55 * houses.loss_kw_k
    wall_share = houses.loss_kw_k - window_share
    coupling = 9.0 * houses.loss_kw_k

    air = np.full(n, 21.0)
    mass = np.full(n, 20.0)
    heat = np.empty((hours, n))
    steps = 2
    dt_h = 1.0 / steps
    for hour in range(hours):
        outside = weather.temp_c[hour]
        free = gains_kw * behaviour.gains[hour] + glass_m2 * weather.sun_wm2[hour] / 1000 * 0.5
        given = np.zeros(n)
        for _ in range(steps):
            emitted = 0.0
            if season[hour]:
                emitted = radiator * np.maximum(water[hour] - air, 0) ** _RADIATOR_EXPONENT
            opened = np.clip((air - behaviour.window_c[hour]) / 2.0, 0, 1) * 1.3 * houses.loss_kw_k
            into_mass = coupling * (air - mass)
            flow = emitted + free - (window_share + opened) * (air - outside) - into_mass
            # The air node is stiff: implicit in its own temperature, so that half-hour steps are stable.
            stiff = window_share + opened + coupling
            air = air + flow * dt_h / (houses.air_mwh_k * 1000 + stiff * dt_h)
            mass = mass + (into_mass - wall_share * (mass - outside)) * dt_h / (houses.mass_mwh_k * 1000)
            given = given + emitted * dt_h
        heat[hour] = given * 1.03
    return (heat + dhw) * 1000.0


def _dhw(
    houses: Houses,
    behaviour: Behaviour,
    hour_of_day: npt.NDArray[np.int64],
    weekend: npt.NDArray[np.bool_],
    day_of_year: npt.NDArray[np.int64],
) -> Floats:
    """Heat for hot water and its circulation [kW], shape [hours, houses]."""
    shape = _DHW_HOURS / _DHW_HOURS.sum()
    daily_kwh = houses.persons * houses.litres_per_person * _DHW_WH_PER_LITRE / 1000
    demand = shape[hour_of_day][:, None] * daily_kwh * behaviour.hot_water
    demand = demand * np.where(weekend, 1.1, 1.0)[:, None]
    shut = (day_of_year[:, None] >= houses.shutdown_day) & (day_of_year[:, None] < houses.shutdown_day + 14)
    return np.where(shut, 0.0, demand + houses.circulation_kw)


def _lagged(series: Floats, hours: float) -> Floats:
    """The series through a first-order lag."""
    keep = np.exp(-1.0 / hours)
    out = np.empty_like(series)
    level = series[:24].mean()
    for step, value in enumerate(series):
        level = keep * level + (1 - keep) * value
        out[step] = level
    return out
