"""Darkness by date and latitude, which outdoor and staircase lighting follows. Closed form, no tables.

Declination after Spencer 1971 (error at most 0.035 degrees). The sun counts as down below -0.833 degrees (upper
limb and refraction, the definition of sunrise in almanacs).
"""

from __future__ import annotations

import datetime as dt
import math
from functools import lru_cache
from typing import Final

SUNSET_DEG: Final = -0.833

_YEAR_START: Final = dt.date(2001, 1, 1).toordinal()
_YEAR_DAYS: Final = 365.2425


@lru_cache(maxsize=65_536)
def dark_hours(date: int, latitude: float) -> float:
    """Hours of the date with the sun down, 0..24, to 1e-6 h.

    Args:
        date: Ordinal of the local date.
        latitude: [degrees], north positive.
    """
    declination = _declination(date)
    north = math.radians(latitude)
    denominator = math.cos(north) * math.cos(declination)
    if abs(denominator) < 1e-12:
        return 0.0 if math.sin(north) * math.sin(declination) > math.sin(math.radians(SUNSET_DEG)) else 24.0
    noon = (math.sin(math.radians(SUNSET_DEG)) - math.sin(north) * math.sin(declination)) / denominator
    return round(24.0 - 24.0 / math.pi * math.acos(min(1.0, max(-1.0, noon))), 6)


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
