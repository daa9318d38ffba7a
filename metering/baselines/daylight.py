"""Darkness by date and place: what outdoor and staircase lighting follows. Closed form, no tables.

Declination after Spencer 1971 (error at most 0.035 degrees). The sun counts as down below -0.833 degrees (upper
limb and refraction, the definition of sunrise in almanacs).
"""

from __future__ import annotations

import datetime as dt
import math
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from metering.times import HOUR_MS, day_bounds

SUNSET_DEG: Final = -0.833

_YEAR_START: Final = dt.date(2001, 1, 1).toordinal()
_YEAR_DAYS: Final = 365.2425


@lru_cache(maxsize=65_536)
def dark_hours(date: int, latitude: float) -> float:
    """Hours of the date on which the sun is down, 0..24, to 1e-6 h.

    Args:
        date: Ordinal of the local date.
        latitude: [degrees], north positive.
    """
    declination = _declination(date)
    where = math.radians(latitude)
    denominator = math.cos(where) * math.cos(declination)
    if abs(denominator) < 1e-12:
        return 0.0 if math.sin(where) * math.sin(declination) > math.sin(math.radians(SUNSET_DEG)) else 24.0
    noon = (math.sin(math.radians(SUNSET_DEG)) - math.sin(where) * math.sin(declination)) / denominator
    return round(24.0 - 24.0 / math.pi * math.acos(min(1.0, max(-1.0, noon))), 6)


def dark_share(hour: int, latitude: float, longitude: float) -> float:
    """Share of the UTC hour `hour` (hours since 1970) on which the sun is down, by its elevation each ten minutes."""
    down = 0
    for step in range(6):
        at = hour + (step + 0.5) / 6
        if sun_elevation(at, latitude, longitude) < SUNSET_DEG:
            down += 1
    return down / 6


@lru_cache(maxsize=65_536)
def hours_of_day(
    date: int, zone: ZoneInfo, latitude: float, longitude: float
) -> tuple[tuple[int, bool], ...]:
    """(local hour 0..23, whether the sun is down for most of it) of the 23, 24 or 25 hours of the local date."""
    start, end = day_bounds(date, zone)
    offset = dt.date(1970, 1, 1).toordinal()
    hours = []
    for at in range(start // HOUR_MS, end // HOUR_MS):
        moment = dt.datetime.fromordinal(offset).replace(tzinfo=dt.UTC) + dt.timedelta(hours=at)
        hours.append((moment.astimezone(zone).hour, dark_share(at, latitude, longitude) >= 0.5))
    return tuple(hours)


def sun_elevation(hour: float, latitude: float, longitude: float) -> float:
    """Elevation of the sun [degrees] at `hour` (hours since 1970 UTC, with fractions)."""
    date = dt.date(1970, 1, 1).toordinal() + math.floor(hour / 24)
    angle = _angle(date)
    # Equation of time [h], Spencer 1971.
    correction = (
        0.000075
        + 0.001868 * math.cos(angle)
        - 0.032077 * math.sin(angle)
        - 0.014615 * math.cos(2 * angle)
        - 0.040849 * math.sin(2 * angle)
    ) * (12 / math.pi)
    turn = math.radians(15.0 * ((hour + longitude / 15.0 + correction) % 24.0 - 12.0))
    declination, where = _declination(date), math.radians(latitude)
    height = math.sin(where) * math.sin(declination) + math.cos(where) * math.cos(declination) * math.cos(
        turn
    )
    return math.degrees(math.asin(min(1.0, max(-1.0, height))))


def _angle(date: int) -> float:
    return 2 * math.pi * ((date - _YEAR_START) % _YEAR_DAYS) / _YEAR_DAYS


def _declination(date: int) -> float:
    angle = _angle(date)
    return (
        0.006918
        - 0.399912 * math.cos(angle)
        + 0.070257 * math.sin(angle)
        - 0.006758 * math.cos(2 * angle)
        + 0.000907 * math.sin(2 * angle)
        - 0.002697 * math.cos(3 * angle)
        + 0.001480 * math.sin(3 * angle)
    )
