"""Schools: their days, their electricity, and how their heat differs from a house's."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from simulators.house import Houses
from simulators.lighting import Renewal
from simulators.weather import Floats, Weather, ornstein_uhlenbeck

_CLASSES: Final = np.array([0] * 8 + [0.9, 1, 1, 1, 1, 1, 0.9, 0.7, 0.5, 0.4, 0.3, 0.15] + [0] * 4)
"""Share of the rooms that are in use on a school day, by hour."""
_KITCHEN: Final = np.array([0] * 6 + [0.6, 1, 1, 1, 1, 1, 0.8, 0.5, 0.3] + [0] * 9)
_DAYLIGHT_DEG: Final = 12.0
"""Below this elevation of the sun the lamps of a classroom are on."""


def school_days(first: dt.date, days: int, shift: int = 0) -> npt.NDArray[np.bool_]:
    """Whether a school of St Petersburg teaches on each day from `first` on.

    Public holidays by article 112 of the Labour Code; school holidays are moved by `shift` days, which
    differ by year and school.
    """
    taught = np.zeros(days, dtype=bool)
    for index in range(days):
        day = first + dt.timedelta(index)
        moved = day - dt.timedelta(shift)
        holiday = (day.month, day.day) in {(2, 23), (3, 8), (5, 1), (5, 9), (6, 12), (11, 4)} or (
            (10, 27) <= (moved.month, moved.day) <= (11, 4)
            or (moved.month, moved.day) >= (12, 29)
            or (day.month, day.day) <= (1, 9)
            or (3, 24) <= (moved.month, moved.day) <= (3, 31)
            or (5, 28) <= (moved.month, moved.day) <= (8, 31)
        )
        taught[index] = day.weekday() < 5 and not holiday
    return taught


@dataclass(frozen=True)
class Schools:
    """Electric parameters of n schools, one array element each."""

    lighting_kw: Floats
    """Old lamps of all rooms."""
    new_share: Floats
    """Power of LED lamps over that of the old ones."""
    sensed_share: Floats
    """Remaining share of the burning hours with presence and daylight sensors."""
    kitchen_kw: Floats
    machines_kw: Floats
    base_kw: Floats


def draw_schools(rng: np.random.Generator, count: int) -> Schools:
    """Electric parameters of `count` schools of 500 to 1,100 pupils."""
    return Schools(
        lighting_kw=rng.uniform(30, 60, count),
        new_share=rng.uniform(0.35, 0.5, count),
        sensed_share=rng.uniform(0.6, 0.8, count),
        kitchen_kw=rng.uniform(12, 25, count),
        machines_kw=rng.uniform(5, 12, count),
        base_kw=rng.uniform(3, 6, count),
    )


def draw_school_use(rng: np.random.Generator, days: int, count: int) -> Floats:
    """Use of a day over the usual of its kind: autocorrelated, shape [days, schools]."""
    return np.exp(
        ornstein_uhlenbeck(rng, days, count, 1.0, 0.05)
        + ornstein_uhlenbeck(rng, days, count, 20.0, 0.02)
        - (0.05**2 + 0.02**2) / 2
    )


def simulate_school(
    weather: Weather, schools: Schools, use: Floats, taught: npt.NDArray[np.bool_], renewal: Renewal
) -> Floats:
    """Electricity of schools [Wh per hour], shape [hours, schools].

    Args:
        weather: For the sun's elevation.
        schools: The schools.
        use: Use of each day over the usual, shape [days, schools].
        taught: Whether the school teaches on each day, shape [days, schools].
        renewal: Which lamps are new.
    """
    days, count = use.shape
    elevation = weather.elevation_deg.reshape(days, 24, 1)
    gloom = np.clip((_DAYLIGHT_DEG + 8 - elevation) / 16, 0.25, 1.0)
    busy = np.where(taught, 1.0, 0.06)[:, None] * use[:, None]
    burning = _CLASSES[None, :, None] * gloom * busy + 0.03
    led, sensors = renewal.led[:, None], renewal.sensors[:, None]
    power = 1 + led * (schools.new_share - 1)
    lamps = schools.lighting_kw * power * burning * (1 + sensors * (schools.sensed_share - 1))
    other = busy * (
        schools.kitchen_kw * _KITCHEN[None, :, None] + schools.machines_kw * _CLASSES[None, :, None]
    )
    hourly: Floats = 1000 * (lamps + other + schools.base_kw).reshape(24 * days, count)
    return hourly


def draw_school_houses(rng: np.random.Generator, houses: Houses) -> Houses:
    """The houses as schools: half the size, pupils instead of residents, little hot water."""
    half = 0.55
    count = houses.count
    return Houses(
        **{
            **vars(houses),
            "loss_kw_k": houses.loss_kw_k * half * 1.15,
            "air_kwh_k": houses.air_kwh_k * half,
            "mass_kwh_k": houses.mass_kwh_k * half,
            "area_m2": np.round(houses.area_m2 * half, -1),
            "persons": np.round(rng.uniform(500, 1100, count)),
            "litres_per_person": rng.uniform(6, 10, count),
            "circulation_kw": rng.uniform(2, 4, count),
        }
    )
