"""Electricity of common areas: lamps before and after, and what the same meter also feeds.

Before: incandescent and old fluorescent lamps, part of them burning round the clock, part from dusk to
dawn. After: LED lamps with presence sensors, a stand-by light, and the same lifts, pumps and intercoms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from simulators.weather import Floats, Weather, ornstein_uhlenbeck

# Share of the time that somebody is about on a staircase, by hour.
_PRESENCE: Final = np.array(
    [0.06, 0.04, 0.03, 0.02, 0.03, 0.06, 0.14, 0.26, 0.28, 0.18, 0.14, 0.13,
     0.13, 0.14, 0.15, 0.17, 0.21, 0.28, 0.34, 0.34, 0.30, 0.24, 0.18, 0.10]
)  # fmt: skip
_DUSK_DEG: Final = -0.8


@dataclass(frozen=True)
class CommonAreas:
    """Parameters of n houses' common areas."""

    lamps: Floats
    old_w: Floats
    round_the_clock: Floats
    """Share of the old lamps that never go out."""
    new_w: Floats
    standby_w: Floats
    lifts: Floats
    pump_kw: Floats
    intercom_kw: Floats


def draw_common_areas(rng: np.random.Generator, count: int) -> CommonAreas:
    """Parameters of `count` houses: about 200 lamps of 40-60 W, six lifts."""
    return CommonAreas(
        lamps=np.round(rng.uniform(170, 240, count)),
        old_w=rng.uniform(38, 55, count),
        round_the_clock=rng.uniform(0.35, 0.65, count),
        new_w=rng.uniform(7, 11, count),
        standby_w=rng.uniform(0.4, 1.2, count),
        lifts=np.full(count, 6.0),
        pump_kw=rng.uniform(1.2, 2.4, count),
        intercom_kw=rng.uniform(0.15, 0.35, count),
    )


@dataclass(frozen=True)
class Traffic:
    """How much people come and go, and lamps fail: the same with and without the measure [hours, houses]."""

    presence: Floats
    lifts: Floats
    burning: Floats


def draw_traffic(rng: np.random.Generator, hours: int, houses: int) -> Traffic:
    """Autocorrelated traffic and lamp failures."""
    return Traffic(
        presence=np.exp(ornstein_uhlenbeck(rng, hours, houses, 30.0, 0.12)),
        lifts=np.exp(ornstein_uhlenbeck(rng, hours, houses, 40.0, 0.10)),
        burning=np.clip(0.93 + ornstein_uhlenbeck(rng, hours, houses, 24 * 12.0, 0.025), 0.8, 1.0),
    )


def simulate_lighting(
    weather: Weather,
    areas: CommonAreas,
    traffic: Traffic,
    *,
    renewed: npt.NDArray[np.bool_],
    local_offset_h: int = 3,
) -> Floats:
    """Electricity at the common meter [Wh per hour], shape [hours, houses].

    Args:
        weather: For the sun's elevation.
        areas: The common areas.
        traffic: What people do there.
        renewed: Whether LED lamps and sensors are in [hours, houses].
        local_offset_h: Hours that local time is ahead of UTC.
    """
    hours = len(weather.temp_c)
    hour_of_day = (np.arange(hours) + weather.start.hour + local_offset_h) % 24
    dark = (weather.elevation_deg < _DUSK_DEG)[:, None]
    old = areas.lamps * areas.old_w * (areas.round_the_clock + (1 - areas.round_the_clock) * dark)
    about = np.clip(_PRESENCE[hour_of_day][:, None] * traffic.presence, 0, 0.9)
    new = areas.lamps * (areas.standby_w + about * areas.new_w * np.where(dark, 1.0, 0.75))
    lamps = np.where(renewed, new, old) * traffic.burning
    lifts = areas.lifts * 1000 * 0.62 * _PRESENCE[hour_of_day][:, None] / _PRESENCE.mean() * traffic.lifts
    pumps = 1000 * areas.pump_kw * (0.55 + 0.45 * (hour_of_day >= 6)[:, None])
    total: Floats = lamps + lifts + pumps + 1000 * areas.intercom_kw
    return total
