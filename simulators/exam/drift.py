"""How houses change from one year to the next without any measure: people, habits, networks, repairs.

The spreads are physical and were set from evidence before any interval was compared with them: residents and
their hot water move by some percent a year (turnover of about a tenth of the flats, each flat 20-40 % from the
mean), indoor habits by a few tenths of a kelvin, the network's water by a percent of its excess. What that
makes of a house's yearly use is measured by the exam, not put in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from simulators.weather import Floats

_HOT_WATER: Final = 0.030
_GAINS: Final = 0.040
_WINDOW_K: Final = 0.25
_SUPPLY_K: Final = 0.35
_PRESENCE: Final = 0.060
_LIFTS: Final = 0.035
_BURNING: Final = 0.015
_SCHOOL_USE: Final = 0.025

_VACANCY_SHARE: Final = 0.12
"""Share of houses with flats that are empty for part of a year."""


@dataclass(frozen=True)
class Levels:
    """Levels of each exam year, shape [years, houses]; the last is the reporting year."""

    hot_water: Floats
    gains: Floats
    window_k: Floats
    supply_k: Floats
    presence: Floats
    lifts: Floats
    burning: Floats
    school_use: Floats


def draw_levels(rng: np.random.Generator, years: int, scale: Floats) -> Levels:
    """Independent yearly levels about each house's own mean.

    Args:
        rng: Source of randomness.
        years: Baseline years and the reporting year.
        scale: Factor on each house's drift, shape [houses].
    """

    def level(spread: float) -> Floats:
        moved: Floats = spread * scale * rng.standard_normal((years, len(scale)))
        return moved

    return Levels(
        hot_water=np.exp(level(_HOT_WATER)),
        gains=np.exp(level(_GAINS)),
        window_k=level(_WINDOW_K),
        supply_k=level(_SUPPLY_K),
        presence=np.exp(level(_PRESENCE)),
        lifts=np.exp(level(_LIFTS)),
        burning=np.exp(level(_BURNING)),
        school_use=np.exp(level(_SCHOOL_USE)),
    )


def draw_vacancies(rng: np.random.Generator, days: int, scale: Floats) -> Floats:
    """Share of the people who live in the house, by day: spells of empty flats; shape [days, houses]."""
    count = len(scale)
    here = np.ones((days, count))
    for house in np.flatnonzero(rng.random(count) < _VACANCY_SHARE):
        first, length = int(rng.integers(0, days)), int(rng.integers(60, 300))
        here[first : first + length, house] -= rng.uniform(0.02, 0.06) * scale[house]
    return here
