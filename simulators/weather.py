"""Hourly weather of St Petersburg: temperature, cloud and sun, autocorrelated, seeded.

Monthly means are the 1991-2020 normals (facts: -4.8 -5.0 -1.0 5.2 11.5 16.1 19.1 17.4 12.4 6.2 0.9 -2.5 °C).
On them lie a warm or cold year, weather systems that last days, and the day's own course.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LATITUDE: Final = 59.94
LONGITUDE: Final = 30.31
_NORMALS: Final = (-4.8, -5.0, -1.0, 5.2, 11.5, 16.1, 19.1, 17.4, 12.4, 6.2, 0.9, -2.5)
_SOLAR_CONSTANT: Final = 1000.0
"""Clear-sky irradiance at the zenith, at the ground [W/m2]."""


@dataclass(frozen=True)
class Weather:
    """Hourly series from `start` (UTC, a whole hour) on; index i is the hour that begins i hours later."""

    start: dt.datetime
    temp_c: Floats
    """Outdoor temperature at the hour's beginning [°C]."""
    sun_wm2: Floats
    """Global horizontal irradiance [W/m2]."""
    elevation_deg: Floats
    """Elevation of the sun [degrees]."""


def ornstein_uhlenbeck(
    rng: np.random.Generator, steps: int, columns: int, hours: float, spread: float
) -> Floats:
    """Stationary autocorrelated noise [steps, columns]: correlation time `hours`, standard deviation `spread`."""
    keep = np.exp(-1.0 / hours)
    shocks = rng.standard_normal((steps, columns)) * spread * np.sqrt(1 - keep**2)
    noise = np.empty((steps, columns))
    level = rng.standard_normal(columns) * spread
    for step in range(steps):
        level = keep * level + shocks[step]
        noise[step] = level
    return noise


def sun_elevation(start: dt.datetime, hours: int) -> Floats:
    """Elevation of the sun [degrees] in the middle of each hour (Spencer 1971 for the declination)."""
    at = start.timestamp() / 3600 + np.arange(hours) + 0.5
    day_of_year = (at / 24 + 719_468 - 60) % 365.2425
    angle = 2 * np.pi * day_of_year / 365.2425
    declination = (
        0.006918 - 0.399912 * np.cos(angle) + 0.070257 * np.sin(angle)
        - 0.006758 * np.cos(2 * angle) + 0.000907 * np.sin(2 * angle)
    )  # fmt: skip
    hour_angle = np.radians(15 * ((at + LONGITUDE / 15) % 24 - 12))
    latitude = np.radians(LATITUDE)
    height = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(
        hour_angle
    )
    elevation: Floats = np.degrees(np.arcsin(height))
    return elevation


def simulate_weather(rng: np.random.Generator, start: dt.datetime, hours: int) -> Weather:
    """Weather of `hours` hours from `start` on.

    Args:
        rng: Source of all randomness.
        start: Aware UTC, a whole hour.
        hours: How many.
    """
    days = (
        np.arange(hours) / 24 + (start - dt.datetime(start.year, 1, 1, tzinfo=dt.UTC)).total_seconds() / 86400
    )
    middles = np.array([15.5, 45, 74.5, 105, 135.5, 166, 196.5, 227.5, 258, 288.5, 319, 349.5])
    normal = np.interp(
        days % 365.2425,
        np.concatenate((middles[-1:] - 365.2425, middles, middles[:1] + 365.2425)),
        np.array((_NORMALS[-1], *_NORMALS, _NORMALS[0])),
    )
    winter = 0.5 + 0.5 * np.cos(2 * np.pi * (days - 15) / 365.2425)
    systems = ornstein_uhlenbeck(rng, hours, 1, 60.0, 1.0)[:, 0] * (3.0 + 2.0 * winter)
    # Warm and cold years: an anomaly that wanders over months (standard deviation about 1 K).
    years = ornstein_uhlenbeck(rng, hours, 1, 24 * 120.0, 1.1)[:, 0]
    cloud = 1 / (1 + np.exp(-1.4 * ornstein_uhlenbeck(rng, hours, 1, 18.0, 1.0)[:, 0] - 0.6 * winter))
    elevation = sun_elevation(start, hours)
    height = np.maximum(np.sin(np.radians(elevation)), 0)
    sun = _SOLAR_CONSTANT * height**1.15 * (1 - 0.75 * cloud**3.4)
    local_hour = (np.arange(hours) + start.hour + 3) % 24
    course = -np.cos(2 * np.pi * (local_hour - 3) / 24) * (0.8 + 3.6 * (1 - winter) * (1 - 0.6 * cloud))
    return Weather(start, normal + systems + years + course, sun, elevation)


def heating_season(temp_c: Floats, per_day: int = 24) -> npt.NDArray[np.bool_]:
    """Whether heat is supplied, by hour: on after five days below +8 °C, off after five days above (decree 354 p.5)."""
    days = len(temp_c) // per_day
    daily = temp_c[: days * per_day].reshape(days, per_day).mean(axis=1)
    on = bool(daily[: min(5, days)].mean() < 8.0)
    state = np.zeros(len(temp_c), dtype=bool)
    for day in range(days):
        if day >= 5:
            last = daily[day - 5 : day]
            if not on and (last < 8.0).all():
                on = True
            elif on and (last > 8.0).all():
                on = False
        state[day * per_day : (day + 1) * per_day] = on
    state[days * per_day :] = on
    return state
