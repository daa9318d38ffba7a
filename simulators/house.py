"""Heat of panel houses: a network of two capacities, windows, occupants, and a heat substation.

Theory of operation
-------------------
The physics shares nothing with the baselines. A house is an air node (air and furniture) and a mass node (the
panels), coupled; sun, occupants and radiators warm the air; people open windows when it is too warm. An
hour is one implicit step of both nodes, which conserves energy exactly: what radiators, sun and people give
is what leaves through envelope and windows plus what the nodes store.

The output of radiators follows from the temperature of their water, which the substation controls.
Without weather compensation it follows the city's coarse supply graph with its kink (the network must stay
hot enough for hot water) and some reserve, so that the house is overheated in spring and autumn.
With it, it follows the outdoor temperature and a night set-back, and never takes more than the network has.
This is the only source of savings: use is never multiplied by one minus a saving.

Houses are columns. A measure that is absent, present or broken is another `Regime` of the same houses with
the same weather and the same `Behaviour`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from simulators.weather import (
    YEAR_DAYS,
    Floats,
    Weather,
    day_of_year,
    heat_supply,
    lagged,
    ornstein_uhlenbeck,
)

_T = TypeVar("_T", "Houses", "Behaviour", "Regime")

_DESIGN_OUT: Final = -24.0
"""Coldest five days of St Petersburg (SP 131.13330) [°C]."""
_INDOOR: Final = 20.0
_BALANCE_OUT: Final = 17.5
"""Outdoor temperature at which sun, people and appliances keep such a house warm without radiators [°C]."""
_DESIGN_WATER: Final = 82.5
"""Mean radiator water at the design temperature: (95 + 70) / 2 [°C]."""
_EXPONENT: Final = 1.3
"""EN 442: output grows with the excess temperature to the power of about 1.3."""
_KINK_WATER: Final = 44.0
"""Lowest mean water without compensation [°C]: the supply graph stays at 70 °C for hot water when it is warm."""
_STUCK_WATER: Final = 49.0
"""Lowest mean water if the regulator is stuck open [°C]."""
_NETWORK_LAG_H: Final = 10.0
_CONTROL_LAG_H: Final = 3.0
_SUBSTATION_LOSS: Final = 1.03
_DHW_WH_PER_LITRE: Final = 69.8
"""0.06 Gcal/m3 (docs/sources.md#hot-water: the norm with riser losses)."""
_HOT_C, _COLD_MEAN_C, _COLD_SWING_K = 60.0, 8.5, 6.5
"""Hot water; cold water of the Neva over the year, warmest in mid-August."""
WINDOW_C: Final = 22.8
"""Indoor temperature at which people open windows, in the mean [°C]."""
_SHUTDOWN_DAYS: Final = 14

_DHW_HOURS: Final = np.array(
    [0.5, 0.3, 0.3, 0.3, 0.3, 0.5, 1.0, 1.7, 1.8, 1.3, 1.0, 0.9,
     0.9, 0.9, 0.9, 0.9, 1.0, 1.2, 1.4, 1.7, 1.8, 1.7, 1.4, 0.9]
)  # fmt: skip
"""Hot water drawn by hour over the day's mean: two peaks, a night at 30 %."""

_GAIN_HOURS: Final = np.array(
    [0.7, 0.65, 0.65, 0.65, 0.65, 0.7, 0.9, 1.1, 1.1, 1.0, 0.95, 0.95,
     1.0, 1.0, 0.95, 0.95, 1.0, 1.15, 1.3, 1.4, 1.45, 1.4, 1.25, 1.0]
)  # fmt: skip
"""Warmth of people and appliances by hour over the day's mean."""


@dataclass(frozen=True)
class Houses:
    """Parameters of n houses, one array element each."""

    loss_kw_k: Floats
    """Heat loss of envelope and basic ventilation [kW/K]."""
    air_kwh_k: Floats
    mass_kwh_k: Floats
    persons: Floats
    litres_per_person: Floats
    """Hot water [l per person and day]."""
    circulation_kw: Floats
    area_m2: Floats
    radiator: Floats
    """Radiator output over the design output (oversizing)."""
    graph_over: Floats
    """Excess temperature of the water over the graph's, without compensation: networks run with a reserve."""
    control_over: Floats
    """The same with compensation, as its controller was set."""
    setback_k: Floats
    """Night set-back of the water with compensation, 23-05 h [K]."""
    shutdown_day: Floats
    """First day of the fortnight without hot water [d of the year]."""

    @property
    def count(self) -> int:
        """How many houses."""
        return len(self.loss_kw_k)


def draw_houses(rng: np.random.Generator, count: int) -> Houses:
    """Parameters of `count` houses around series 137: 12,000 m2, 500 persons, 19 kW/K seen by the meter."""
    area = 12_000 * rng.uniform(0.8, 1.2, count)
    scale = area / 12_000
    return Houses(
        loss_kw_k=15.5 * scale * rng.uniform(0.92, 1.12, count),
        air_kwh_k=90 * scale,
        mass_kwh_k=750 * scale * rng.uniform(0.8, 1.25, count),
        persons=np.round(500 * scale * rng.uniform(0.85, 1.15, count)),
        litres_per_person=rng.uniform(76, 98, count),
        circulation_kw=22 * scale * rng.uniform(0.7, 1.4, count),
        area_m2=np.round(area, -1),
        radiator=rng.uniform(1.0, 1.1, count),
        graph_over=rng.uniform(1.15, 1.45, count),
        control_over=rng.uniform(0.86, 1.0, count),
        setback_k=rng.uniform(1.0, 6.0, count),
        shutdown_day=np.round(rng.uniform(170, 215, count)),
    )


@dataclass(frozen=True)
class Behaviour:
    """Behaviour of occupants and network by day and house: the same with and without a measure.

    Shapes are [days, houses].
    """

    hot_water: Floats
    """Hot water drawn, over the usual of the season."""
    gains: Floats
    """Internal gains, over the usual."""
    window_c: Floats
    """Indoor temperature at which windows are opened [°C]."""
    supply_k: Floats
    """Deviation of the network's water from its graph [K]."""


def draw_behaviour(
    rng: np.random.Generator, days: int, houses: int, noise: Floats | float = 1.0
) -> Behaviour:
    """Autocorrelated behaviour: days, weeks and seasons of more or less.

    Networks may deviate from their graph by 3 % of the supply temperature (rules of technical operation), that is
    by 2 to 3 K; the sum here has a standard deviation of 1.5 K.

    Args:
        rng: Source of randomness.
        days: How many.
        houses: How many.
        noise: Factor on the usual scatter, shape [houses] or one number.
    """

    def wander(*parts: tuple[float, float]) -> Floats:
        total: Floats = sum(
            (ornstein_uhlenbeck(rng, days, houses, length, spread) for length, spread in parts),
            start=np.zeros((days, houses)),
        )
        return noise * total

    def about_one(*parts: tuple[float, float]) -> Floats:
        # The mean of exp(x) is exp(variance / 2): taken off, so that noise is no bias.
        variance = sum(spread**2 for _, spread in parts) * np.square(noise)
        moved: Floats = np.exp(wander(*parts) - variance / 2)
        return moved

    return Behaviour(
        hot_water=about_one((25.0, 0.03), (0.8, 0.06)),
        gains=about_one((20.0, 0.05), (1.0, 0.06)),
        window_c=WINDOW_C + wander((10.0, 0.4), (0.5, 0.3)),
        supply_k=wander((15.0, 0.5), (4.0, 1.1), (0.6, 0.9)),
    )


@dataclass(frozen=True)
class Regime:
    """State of the heat substation and the envelope by day and house; shapes [days, houses]."""

    control: Floats
    """Weather compensation: 0 none, 1 as its controller was set."""
    stuck: npt.NDArray[np.bool_]
    """The regulator is stuck open: hotter than without a regulator, and the circuit is open from September on."""
    envelope: Floats
    """Heat loss over the uninsulated house's."""
    trim: Floats
    """Factor on the excess temperature of the water: the supply trimmed to new windows."""
    away_k: Floats
    """Set-back of compensated water on the day, for empty buildings [K]."""

    @staticmethod
    def untouched(days: int, houses: int) -> Regime:
        """No measure."""
        shape = (days, houses)
        none, one = np.broadcast_to(0.0, shape), np.broadcast_to(1.0, shape)
        return Regime(none, np.broadcast_to(np.False_, shape), one, one, none)


class Fluxes(NamedTuple):
    """Energy of one hour, per house [kWh]: radiators + free = lost + stored."""

    radiators: Floats
    free: Floats
    """Sun, people and appliances."""
    lost: Floats
    """Through envelope, ventilation and open windows."""
    stored: Floats
    """Taken up by air and panels."""
    air_c: Floats
    """Indoor temperature at the hour's end [°C]."""


def graph_water(outdoor: Floats, over: Floats) -> Floats:
    """Mean radiator water by the heat graph at an outdoor temperature [°C], its excess times `over`."""
    need = np.clip((_BALANCE_OUT - outdoor) / (_BALANCE_OUT - _DESIGN_OUT), 0.0, 1.2)
    water: Floats = _INDOOR + over * (_DESIGN_WATER - _INDOOR) * need ** (1 / _EXPONENT)
    return water


def beside(first: _T, *others: _T) -> _T:
    """Houses, their behaviour or their regimes with others of the same kind as further columns."""
    every = (first, *others)
    return type(first)(
        **{name: np.concatenate([vars(each)[name] for each in every], axis=-1) for name in vars(first)}
    )


def simulate_heat(
    weather: Weather,
    houses: Houses,
    behaviour: Behaviour,
    regime: Regime,
    *,
    supply: Floats | None = None,
    flicker: Floats | None = None,
    trace: list[Fluxes] | None = None,
) -> Floats:
    """Heat at the meter of each house [Wh per hour], shape [hours, houses].

    Args:
        weather: Hourly weather: one station for all houses, or one for each.
        houses: The houses.
        behaviour: Their occupants and their network.
        regime: Their substations and envelopes.
        supply: Share of the time that the network heats, shape [days, stations]; by the weather if None.
        flicker: Factor on the hot water of each hour, shape [hours, houses].
        trace: Gets the energy balance of every hour.
    """
    heat = np.empty((24 * weather.days, houses.count))
    if supply is None:
        supply = heat_supply(weather)
    slow, quick = lagged(weather.temp_c, _NETWORK_LAG_H), lagged(weather.temp_c, _CONTROL_LAG_H)
    season = day_of_year(weather.first, weather.days)
    design_kw = houses.loss_kw_k * (_BALANCE_OUT - _DESIGN_OUT)
    radiator = houses.radiator * design_kw / (_DESIGN_WATER - _INDOOR) ** _EXPONENT
    night = np.zeros((24, 1), dtype=bool)
    night[[23, 0, 1, 2, 3, 4]] = True
    # 0.0036 kW/m2 of people and appliances; windows of 9 % of the floor area let half of what falls on them in.
    gains_kw = 0.0036 * houses.area_m2
    glass_m2 = 0.09 * houses.area_m2 * 0.25
    coupling = 9.0 * houses.loss_kw_k
    air, mass = np.full(houses.count, 21.0), np.full(houses.count, 20.0)
    for day in range(weather.days):
        hours = slice(24 * day, 24 * day + 24)
        trim, away = regime.trim[day], regime.away_k[day]
        network = np.maximum(
            graph_water(slow[hours], houses.graph_over * trim) + behaviour.supply_k[day], _KINK_WATER
        )
        target = graph_water(quick[hours], houses.control_over * trim) - (houses.setback_k * night + away)
        water = network + regime.control[day] * (np.minimum(target, network) - network)
        stuck = regime.stuck[day]
        share = supply[day]
        if stuck.any():
            water = np.where(stuck, np.maximum(network + 4.0, _STUCK_WATER), water)
            share = np.where(stuck & (season[day] > 257), 1.0, share)
        free = (
            gains_kw * behaviour.gains[day] * _GAIN_HOURS[:, None] + glass_m2 * weather.sun_wm2[hours] / 1000
        )
        # Half of the loss is walls (from the mass), half windows and ventilation (from the air).
        walls = 0.5 * houses.loss_kw_k * regime.envelope[day]
        light = walls
        capacity = houses.mass_kwh_k + coupling + walls
        follow = coupling / capacity
        window_c = behaviour.window_c[day]
        supplied = bool(share.any())
        emitted = np.zeros(houses.count)
        for hour in range(24):
            outside = weather.temp_c[24 * day + hour]
            if supplied:
                emitted = share * radiator * np.maximum(water[hour] - air, 0.0) ** _EXPONENT
            opened = light + np.clip((air - window_c) / 2.0, 0.0, 1.0) * 1.3 * houses.loss_kw_k
            # Implicit in both nodes: mass' = rest + follow * air', put into the balance of the air.
            rest = (houses.mass_kwh_k * mass + walls * outside) / capacity
            given = emitted + free[hour]
            new_air = (houses.air_kwh_k * air + given + opened * outside + coupling * rest) / (
                houses.air_kwh_k + opened + coupling * (1.0 - follow)
            )
            new_mass = rest + follow * new_air
            if trace is not None:
                lost = opened * (new_air - outside) + walls * (new_mass - outside)
                stored = houses.air_kwh_k * (new_air - air) + houses.mass_kwh_k * (new_mass - mass)
                trace.append(Fluxes(emitted, free[hour], lost, stored, new_air))
            air, mass = new_air, new_mass
            heat[24 * day + hour] = emitted
    heat *= 1000 * _SUBSTATION_LOSS
    heat += hot_water(weather.first, houses, behaviour, flicker)
    return heat


def hot_water(first: dt.date, houses: Houses, behaviour: Behaviour, flicker: Floats | None) -> Floats:
    """Heat for hot water and its circulation [Wh per hour], shape [hours, houses].

    Cold water is colder in winter, people are away in summer, weekends draw 10 % more, and for a fortnight
    the network is shut down.
    """
    days = len(behaviour.hot_water)
    season = day_of_year(first, days)
    cold = _COLD_MEAN_C + _COLD_SWING_K * np.cos(2 * np.pi * (season - 225) / YEAR_DAYS)
    away = 0.12 * np.exp(-0.5 * ((season - 205) / 28) ** 2)
    weekend = (first.weekday() + np.arange(days)) % 7 >= 5
    level = (_HOT_C - cold) / (_HOT_C - _COLD_MEAN_C) * (1 - away) * np.where(weekend, 1.1, 1.0)
    daily_wh = houses.persons * houses.litres_per_person * _DHW_WH_PER_LITRE * level[:, None]
    daily_wh = daily_wh * behaviour.hot_water
    since = season[:, None] - houses.shutdown_day
    open_ = (since < 0) | (since >= _SHUTDOWN_DAYS)
    drawn = (_DHW_HOURS / _DHW_HOURS.sum())[None, :, None] * (daily_wh * open_)[:, None, :]
    hourly: Floats = drawn.reshape(24 * days, houses.count)
    if flicker is not None:
        hourly *= flicker
    hourly += np.repeat(1000 * houses.circulation_kw * open_, 24, axis=0)
    return hourly
