"""Electricity of common areas: lamps before and after the measure, and other uses on the same meter.

Before: incandescent and old fluorescent lamps, part of them burning round the clock, part from dusk to dawn.
After: LED lamps, presence sensors and a stand-by light. Lifts, pumps and intercoms stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from simulators.weather import Floats, Weather, ornstein_uhlenbeck

_PRESENCE: Final = np.array(
    [0.06, 0.04, 0.03, 0.02, 0.03, 0.06, 0.14, 0.26, 0.28, 0.18, 0.14, 0.13,
     0.13, 0.14, 0.15, 0.17, 0.21, 0.28, 0.34, 0.34, 0.30, 0.24, 0.18, 0.10]
)  # fmt: skip
"""Share of the time that a presence sensor sees somebody, by hour: peaks of the morning and the evening."""
BURNING: Final = 0.94
"""Share of the lamps that are not broken, in the mean."""
_DUSK_DEG: Final = -0.8
"""Dusk relays switch when the sun is below the horizon."""
_LIFT_KW: Final = 0.62
"""Mean power of one lift of a nine-storey house."""


@dataclass(frozen=True)
class CommonAreas:
    """Parameters of n houses' common areas, one array element each."""

    lamps: Floats
    old_w: Floats
    round_the_clock: Floats
    """Share of the old lamps that never go out."""
    new_w: Floats
    standby_w: Floats
    """What a lamp with a sensor takes while nobody is there."""
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
    """Traffic of people and failures of lamps: the same with and without the measure; [days, houses]."""

    presence: Floats
    """People about, over the usual."""
    lifts: Floats
    """Lift trips, over the usual."""
    burning: Floats
    """Share of the lamps that are not broken."""


def draw_traffic(rng: np.random.Generator, days: int, houses: int) -> Traffic:
    """Autocorrelated traffic and lamp failures."""
    return Traffic(
        presence=np.exp(ornstein_uhlenbeck(rng, days, houses, 1.3, 0.12) - 0.12**2 / 2),
        lifts=np.exp(ornstein_uhlenbeck(rng, days, houses, 1.7, 0.10) - 0.10**2 / 2),
        burning=np.clip(BURNING + ornstein_uhlenbeck(rng, days, houses, 8.0, 0.02), 0.8, 1.0),
    )


@dataclass(frozen=True)
class Renewal:
    """Renewed lamps by day and house; shapes [days, houses], shares 0 to 1."""

    led: Floats
    """Share of the lamps that are LED."""
    sensors: Floats
    """Share of the lamps that a presence sensor switches."""

    @staticmethod
    def untouched(days: int, houses: int) -> Renewal:
        """No measure."""
        nothing = np.broadcast_to(0.0, (days, houses))
        return Renewal(nothing, nothing)


def simulate_lighting(weather: Weather, areas: CommonAreas, traffic: Traffic, renewal: Renewal) -> Floats:
    """Electricity at the common meter [Wh per hour], shape [hours, houses].

    Args:
        weather: For the sun's elevation and the calendar.
        areas: The common areas.
        traffic: Traffic and lamp failures.
        renewal: Which lamps are new.
    """
    days, count = weather.days, len(areas.lamps)
    dark = (weather.elevation_deg < _DUSK_DEG).reshape(days, 24, 1)
    clock = areas.round_the_clock + (1.0 - areas.round_the_clock) * dark
    about = np.clip(_PRESENCE[None, :, None] * traffic.presence[:, None], 0.0, 0.9)
    # With daylight, a sensor with a photocell keeps the lamp off a quarter of the time.
    seen = about * np.where(dark, 1.0, 0.75)
    led, sensors = renewal.led[:, None], renewal.sensors[:, None]
    watts = areas.old_w + led * (areas.new_w - areas.old_w)
    with_sensor = areas.standby_w + seen * watts
    lamps = areas.lamps * traffic.burning[:, None] * (watts * clock + sensors * (with_sensor - watts * clock))
    trips = (_PRESENCE / _PRESENCE.mean())[None, :, None] * traffic.lifts[:, None]
    by_day = (np.arange(24) >= 6)[None, :, None]
    total = lamps + 1000 * (
        areas.lifts * _LIFT_KW * trips + areas.pump_kw * (0.55 + 0.45 * by_day) + areas.intercom_kw
    )
    hourly: Floats = total.reshape(24 * days, count)
    return hourly
