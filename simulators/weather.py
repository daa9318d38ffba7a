"""Hourly weather of St Petersburg: temperature, cloud and sun, autocorrelated, seeded.

Monthly means are the 1991-2020 normals. Added are warm and cold years, weather systems that last days,
clear and cloudy spells, and the course of the day. Stations are columns with independent weather.
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
UTC_OFFSET_H: Final = 3
"""Moscow time is UTC+3 all year since 2014."""
YEAR_DAYS: Final = 365.2425

_NORMALS: Final = (-4.8, -5.0, -1.0, 5.2, 11.5, 16.1, 19.1, 17.4, 12.4, 6.2, 0.9, -2.5)
"""Mean temperature of January to December, 1991-2020 [°C]."""
_MIDDLES: Final = (15.5, 45.0, 74.5, 105.0, 135.5, 166.0, 196.5, 227.5, 258.0, 288.5, 319.0, 349.5)
"""Middle of each month [day of the year]."""
_CLEAR_SKY_WM2: Final = 1000.0
"""Global irradiance at the ground under a clear sky with the sun in the zenith."""


@dataclass(frozen=True)
class Weather:
    """Hourly series; hour 0 begins at local midnight of `first`; the days are whole."""

    first: dt.date
    temp_c: Floats
    """Outdoor temperature at each hour's beginning [°C], shape [hours, stations]."""
    sun_wm2: Floats
    """Global horizontal irradiance [W/m2], shape [hours, stations]."""
    elevation_deg: Floats
    """Elevation of the sun in the middle of each hour [degrees], shape [hours]."""

    @property
    def days(self) -> int:
        """How many days."""
        return len(self.temp_c) // 24

    def daily_temp_c(self) -> Floats:
        """Mean temperature of each day [°C], shape [days, stations]."""
        daily: Floats = self.temp_c.reshape(self.days, 24, -1).mean(axis=1)
        return daily


def ornstein_uhlenbeck(
    rng: np.random.Generator, steps: int, columns: int, length: float, spread: float
) -> Floats:
    """Stationary autocorrelated noise, shape [steps, columns].

    Args:
        rng: Source of randomness.
        steps: Rows.
        columns: Independent series.
        length: Correlation time [steps].
        spread: Standard deviation.
    """
    keep = np.exp(-1.0 / length)
    noise: Floats = np.asarray(rng.standard_normal((steps, columns)), dtype=np.float64)
    noise[0] *= spread
    noise[1:] *= spread * np.sqrt(1 - keep**2)
    for step in range(1, steps):
        noise[step] += keep * noise[step - 1]
    return noise


def day_of_year(first: dt.date, days: int) -> Floats:
    """Days since 1 January of a mean year, for each day from `first` on: the season's clock [d]."""
    since = first.toordinal() - dt.date(2001, 1, 1).toordinal()
    clock: Floats = (since + np.arange(days, dtype=np.float64)) % YEAR_DAYS
    return clock


def sun_elevation(first: dt.date, hours: int) -> Floats:
    """Elevation of the sun in the middle of each hour from local midnight of `first` on [degrees].

    Declination after Spencer 1971; without the equation of time and refraction (within about 4 degrees of
    hour angle and 0.6 degrees of height, negligible for lamps and windows).
    """
    at = np.arange(hours) + 0.5 - UTC_OFFSET_H
    days = first.toordinal() - dt.date(2001, 1, 1).toordinal() + at / 24
    angle = 2 * np.pi * (days % YEAR_DAYS) / YEAR_DAYS
    declination = (
        0.006918 - 0.399912 * np.cos(angle) + 0.070257 * np.sin(angle)
        - 0.006758 * np.cos(2 * angle) + 0.000907 * np.sin(2 * angle)
    )  # fmt: skip
    hour_angle = np.radians(15 * ((at + LONGITUDE / 15) % 24 - 12))
    latitude = np.radians(LATITUDE)
    height = np.sin(latitude) * np.sin(declination)
    height = height + np.cos(latitude) * np.cos(declination) * np.cos(hour_angle)
    elevation: Floats = np.degrees(np.arcsin(height))
    return elevation


def simulate_weather(
    rng: np.random.Generator,
    first: dt.date,
    days: int,
    *,
    stations: int = 1,
    anomaly_k: Floats | None = None,
) -> Weather:
    """Weather of `days` days from local midnight of `first` on.

    Args:
        rng: Source of all randomness.
        first: Local date of hour 0.
        days: How many.
        stations: Columns with independent weather.
        anomaly_k: Added to the temperature [K], shape [days] or [days, stations]: a warm or a cold year,
            in addition to a random anomaly of about 1 K.
    """
    hours = 24 * days
    season = day_of_year(first, days)
    normal = np.interp(
        season,
        (_MIDDLES[-1] - YEAR_DAYS, *_MIDDLES, _MIDDLES[0] + YEAR_DAYS),
        (_NORMALS[-1], *_NORMALS, _NORMALS[0]),
    )
    winter = np.repeat(0.5 + 0.5 * np.cos(2 * np.pi * (season - 15) / YEAR_DAYS), 24)[:, None]
    # Weather systems: about 2.5 days; 5 K in winter, 3 K in summer. Anomalies of seasons and years: 4 months.
    systems = ornstein_uhlenbeck(rng, hours, stations, 60.0, 1.0) * (3.0 + 2.0 * winter)
    seasons = ornstein_uhlenbeck(rng, days, stations, 120.0, 1.1)
    if anomaly_k is not None:
        seasons = seasons + (anomaly_k[:, None] if anomaly_k.ndim == 1 else anomaly_k)
    cloudiness = ornstein_uhlenbeck(rng, hours, stations, 18.0, 1.0)
    cloud = 1 / (1 + np.exp(-1.4 * cloudiness - 0.6 * winter))
    elevation = sun_elevation(first, hours)
    height = np.maximum(np.sin(np.radians(elevation)), 0)[:, None]
    # Kasten and Czeplak 1980: clouds take up to 75 % of the global radiation, by the power 3.4 of their cover.
    sun = _CLEAR_SKY_WM2 * height**1.15 * (1 - 0.75 * cloud**3.4)
    clock = np.cos(2 * np.pi * (np.arange(hours) % 24 - 3) / 24)[:, None]
    course = -clock * (0.8 + 3.6 * (1 - winter) * (1 - 0.6 * cloud))
    temp = np.repeat(normal[:, None] + seasons, 24, axis=0) + systems + course
    return Weather(first, temp, sun, elevation)


def heat_supply(weather: Weather) -> Floats:
    """Share of the time that radiators are supplied, by day: 0 off, 0.5 periodic, 1 season; [days, stations].

    The season begins when five days have a mean below +8 °C and ends when five have one above it by half a
    kelvin (decree 354, clause 5). Out of season the city heats "periodically" after two days below +9 °C.
    """
    daily = weather.daily_temp_c()
    on = daily[:5].mean(axis=0) < 8.0
    share = np.empty_like(daily)
    for day, row in enumerate(share):
        five = daily[max(0, day - 5) : max(1, day)].mean(axis=0)
        two = daily[max(0, day - 2) : max(1, day)].mean(axis=0)
        on = np.where(on, five <= 8.5, five < 8.0)
        row[:] = np.where(on, 1.0, np.where(two < 9.0, 0.5, 0.0))
    return share


@dataclass(frozen=True)
class Dispatch:
    """How the operators of a heat network decide when to heat; by station."""

    below_c: Floats
    """Felt temperature below which they turn heat on [°C]."""
    band_k: Floats
    """How far above that they turn it off [K]."""
    memory_d: Floats
    """Time constant of past days in the felt temperature [d]."""
    foresight: Floats
    """Weight of the forecast of the next three days in the felt temperature."""
    mood_k: Floats
    """Complaints, budgets, orders from above: moves the threshold, shape [days, stations] [K]."""
    start_d: Floats
    """Days until every riser is filled and vented."""
    spell_below_c: Floats
    """Out of season heat is periodic after two days with a mean below this [°C]."""
    spell_share: Floats
    """For this share of the day; 0 if cold spells are ignored."""


def draw_dispatch(rng: np.random.Generator, days: int, stations: int) -> Dispatch:
    """Operators who follow the law's +8 °C approximately, with forecasts, moods and slow starts."""
    return Dispatch(
        below_c=rng.normal(8.3, 0.6, stations),
        band_k=rng.uniform(0.2, 1.8, stations),
        memory_d=rng.uniform(1.5, 5.0, stations),
        foresight=rng.uniform(0.0, 0.6, stations),
        mood_k=ornstein_uhlenbeck(rng, days, stations, 12.0, 0.6),
        start_d=rng.uniform(1.0, 6.0, stations),
        spell_below_c=rng.uniform(7.5, 10.0, stations),
        spell_share=np.where(rng.random(stations) < 0.6, rng.uniform(0.3, 0.8, stations), 0.0),
    )


def dispatched_supply(weather: Weather, dispatch: Dispatch) -> Floats:
    """Share of the time that radiators are supplied, by day, as operators decide; shape [days, stations]."""
    daily = weather.daily_temp_c()
    keep = np.exp(-1.0 / dispatch.memory_d)
    past = daily[:5].mean(axis=0)
    on = past < dispatch.below_c
    filled = on.astype(np.float64)
    share = np.empty_like(daily)
    for day, row in enumerate(share):
        past = keep * past + (1 - keep) * daily[max(0, day - 1)]
        felt = past + dispatch.foresight * (daily[day : day + 3].mean(axis=0) - past)
        limit = dispatch.below_c + dispatch.mood_k[day]
        on = np.where(on, felt <= limit + dispatch.band_k, felt < limit)
        filled = np.where(on, np.minimum(filled + 1 / dispatch.start_d, 1.0), 0.0)
        two = daily[max(0, day - 2) : max(1, day)].mean(axis=0)
        spell = np.where(two < dispatch.spell_below_c, dispatch.spell_share, 0.0)
        row[:] = np.where(on, np.maximum(filled, spell), spell)
    return share


def lagged(series: Floats, hours: float) -> Floats:
    """The hourly series through a first-order lag that starts from the first day's mean."""
    keep = np.exp(-1.0 / hours)
    out: Floats = (1 - keep) * series
    level = series[:24].mean(axis=0)
    for row in out:
        row += keep * level
        level = row
    return out
