"""The meters of the fault table: what they count, how they are used, and how they are read."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from metering.ledger.state import Rules
from metering.site.meters import DEFAULT_MAX_KW, DEFAULT_MAX_M3_PER_H
from metering.units import UNITS


@dataclass(frozen=True)
class Meter:
    """A meter, the way it is used and read."""

    name: str
    carrier: str
    unit: str
    resolution: str
    """Smallest step shown [unit]."""
    start: float
    daily: float
    """Mean use [unit/day]."""
    course: str = "house"
    every: int = 60
    """[min]"""
    offset: int = 0
    """[min] after the hour."""
    jitter: float = 0.0
    """Largest random shift of a stamp [min]."""
    digits: int | None = None
    """Digits before the point, after which the register wraps."""
    bound: float | None = None
    """Largest use per hour that the site file allows [kW or m3/h]; the default of its carrier if None."""
    draw: int | None = None
    """Seed of its use; drawn from its name if None."""

    @property
    def rules(self) -> Rules:
        """The ledger's rules for its register [Wh or l per hour, Wh or l]."""
        bound = self.bound or DEFAULT_MAX_KW.get(self.carrier, DEFAULT_MAX_M3_PER_H)
        wrap = None if self.digits is None else int(10**self.digits * UNITS[self.unit].scale)
        return Rules(round(bound * 1000), wrap)


_HOUSE = [0.7, 0.65, 0.6, 0.6, 0.65, 0.8, 1.1, 1.4, 1.3, 1.1, 1.0, 0.95, 0.95, 0.9, 0.9, 0.95, 1.05, 1.15, 1.25, 1.3, 1.2, 1.1, 0.95, 0.8]  # fmt: skip  # noqa: E501


def share(course: str, hour: int, rng: random.Random) -> float:
    """Relative use of an hour after the beginning."""
    day, of_day = divmod(hour, 24)
    scatter = rng.uniform(0.9, 1.1)
    if course == "house":
        return _HOUSE[of_day] * scatter
    if course == "dhw":  # by day only, two peaks
        return (0 if of_day < 6 else 2.2 if of_day in (7, 8, 19, 20, 21, 22) else 0.8) * scatter
    if course == "school":  # night and weekend zeros
        return 0.0 if day % 7 in (5, 6) or not 7 <= of_day < 18 else scatter
    if course == "spring":  # heating that ends after 25 days, then nothing at all for 20, then again
        return 0.0 if 25 <= day < 45 else _HOUSE[of_day] * scatter
    if course == "summer":  # nothing but circulation
        return 0.12 * scatter
    if course == "lift":  # bursts
        return rng.expovariate(1.0)
    raise KeyError(course)


METERS: Final = (  # the first one is the house of docs/faults.md
    Meter("heat kWh", "heat", "kWh", "0.01", 51_000, 477.5, digits=5, bound=2000, draw=1),
    Meter("heat kWh bare", "heat", "kWh", "0.01", 51_000, 477),
    Meter("heat Gcal .001", "heat", "Gcal", "0.001", 1234.5, 1.9, digits=7, bound=2000),
    Meter("heat Gcal .01", "heat", "Gcal", "0.01", 834.5, 2.7),
    Meter("heat Gcal .1", "heat", "Gcal", "0.1", 8834.5, 4.0, digits=6),
    Meter("heat Gcal spring", "heat", "Gcal", "0.001", 512.3, 1.5, course="spring", digits=5),
    Meter("heat Gcal summer", "heat", "Gcal", "0.01", 512.3, 0.4, course="dhw", digits=5),
    Meter("heat Gcal .1 summer", "heat", "Gcal", "0.1", 512.3, 0.5, course="dhw", digits=5),
    Meter("heat GJ :17", "heat", "GJ", "0.01", 3456.7, 8.0, offset=17),
    Meter("heat MWh", "heat", "MWh", "0.001", 51.0, 0.48, digits=4),
    Meter("heat Gcal 15min", "heat", "Gcal", "0.001", 1234.5, 1.9, every=15, digits=6),
    Meter("heat Gcal daily", "heat", "Gcal", "0.001", 1234.5, 1.9, every=1440, digits=6),
    Meter("heat MWh daily", "heat", "MWh", "0.01", 951.0, 2.1, every=1440),
    Meter("elec kWh 6", "electricity", "kWh", "0.01", 123_456, 290, digits=6),
    Meter("elec kWh bare", "electricity", "kWh", "0.1", 23_456, 290, course="lift"),
    Meter("elec flat", "electricity", "kWh", "0.01", 3_456, 8, course="lift", digits=5, bound=15),
    Meter("elec 15min", "electricity", "kWh", "1", 423_456, 700, every=15, digits=6),
    Meter("elec 30min", "electricity", "kWh", "0.1", 42_345, 300, every=30, digits=6, bound=100),
    Meter("elec daily", "electricity", "kWh", "1", 42_345, 300, every=1440, digits=6),
    Meter("elec school", "electricity", "kWh", "0.1", 88_000, 150, course="school", digits=6),
    Meter("elec irregular", "electricity", "kWh", "0.01", 42_345, 300, jitter=25, digits=6),
    Meter("cold water", "cold_water", "m3", "0.01", 4_567, 40, digits=5, bound=30),
    Meter("cold water bare", "cold_water", "m3", "0.1", 45_670, 65),
    Meter("hot water", "hot_water", "m3", "0.01", 12_345, 30, course="dhw", digits=5),
    Meter("hot water 15min", "hot_water", "m3", "0.001", 2_345, 30, course="dhw", every=15, digits=5),
    Meter("cold water daily", "cold_water", "m3", "0.1", 2_345, 40, every=1440, digits=5),
    Meter("gas jitter", "gas", "m3", "0.01", 22_345, 120, course="dhw", jitter=4, digits=6),
)
