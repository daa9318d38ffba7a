"""Hourly weather of St Petersburg: temperature, cloud and sun, autocorrelated, seeded.

Monthly means are the 1991-2020 normals. On them lie warm and cold years, weather systems that last days,
clear and cloudy spells, and the day's own course. Stations are columns: each has a weather of its own.
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
    """Hourly series; hour 0 begins at local midnight of `first`, and there are whole days of them."""

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
    hour angle and 0.6 degrees of height, which no lamp or window notices).
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
        stations: Columns, each with a weather of its own.
        anomaly_k: Added to the temperature [K], shape [days] or [days, stations]: a warm or a cold year that
            is wanted. A wandering anomaly of about 1 K is there anyway.
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


@dataclass(frozen=True)
class SupplyRule:
    """When radiators are supplied: what the law asks for and what cities and houses make of it, by station."""

    on_below_c: Floats
    """The season begins after five days with a mean below this (decree 354, clause 5: +8 °C)."""
    off_above_c: Floats
    """It ends after five days with a mean above this."""
    delay_days: npt.NDArray[np.int64]
    """Days that pass until a decision is carried out."""
    spell_below_c: Floats
    """Out of season there is heat for part of the day after two days with a mean below this."""
    spell_share: Floats
    """For what part of the day; 0 where the city does not heat "periodically"."""


def usual_rule(stations: int) -> SupplyRule:
    """The rule of a city that keeps close to the law and heats periodically in cold spells."""
    return SupplyRule(
        np.full(stations, 8.0),
        np.full(stations, 8.5),
        np.zeros(stations, dtype=np.int64),
        np.full(stations, 9.0),
        np.full(stations, 0.5),
    )


def draw_rules(rng: np.random.Generator, stations: int) -> SupplyRule:
    """Rules that differ from house to house: thresholds, days of delay, periodic heating or none."""
    return SupplyRule(
        on_below_c=rng.uniform(7.0, 9.5, stations),
        off_above_c=rng.uniform(7.5, 10.0, stations),
        delay_days=rng.integers(0, 4, stations),
        spell_below_c=rng.uniform(7.5, 10.0, stations),
        spell_share=np.where(rng.random(stations) < 0.6, rng.uniform(0.3, 0.8, stations), 0.0),
    )


def heat_supply(weather: Weather, rule: SupplyRule | None = None) -> Floats:
    """Share of the time that radiators are supplied, by day: 0 off, 1 season; shape [days, stations].

    Args:
        weather: The weather; each station decides for itself.
        rule: The rule of each station; the usual one where None.
    """
    daily = weather.daily_temp_c()
    rule = rule or usual_rule(daily.shape[1])
    on = daily[:5].mean(axis=0) < rule.on_below_c
    decided = np.empty(daily.shape, dtype=bool)
    spell = np.empty(daily.shape, dtype=bool)
    for day in range(len(daily)):
        five = daily[max(0, day - 5) : max(1, day)].mean(axis=0)
        on = np.where(on, five <= rule.off_above_c, five < rule.on_below_c)
        decided[day] = on
        spell[day] = daily[max(0, day - 2) : max(1, day)].mean(axis=0) < rule.spell_below_c
    at = np.maximum(np.arange(len(daily))[:, None] - rule.delay_days, 0)
    season = np.take_along_axis(decided, at, axis=0)
    share: Floats = np.where(season, 1.0, np.where(spell, rule.spell_share, 0.0))
    return share


def lagged(series: Floats, hours: float) -> Floats:
    """The hourly series through a first-order lag; the first day's mean stands before it."""
    keep = np.exp(-1.0 / hours)
    out: Floats = (1 - keep) * series
    level = series[:24].mean(axis=0)
    for row in out:
        row += keep * level
        level = row
    return out
