"""The traits of the exam's houses, drawn before the simulation: kind, measure, quality of data.

The mix is fixed here: three in ten houses get no measure, so that false significance can be counted; the others
are spread evenly over measures, strengths and shapes in time. Nothing here depends on how savings are measured.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

Kind = Literal["heat", "school_heat", "light", "school_light"]
Measure = Literal["none", "substation", "insulation", "deep", "led", "sensors", "led_sensors"]
Shape = Literal["constant", "seasonal", "decaying", "delayed"]

_KINDS: Final[tuple[Kind, ...]] = ("heat", "light", "school_heat", "school_light")
_KIND_SHARES: Final = (0.60, 0.24, 0.08, 0.08)
_NONE_SHARE: Final = 0.30
_SHAPES: Final[tuple[Shape, ...]] = ("constant", "seasonal", "decaying", "delayed")
_SHAPE_SHARES: Final = (0.55, 0.15, 0.15, 0.15)

MASSES: Final = {"light": 0.4, "usual": 1.0, "heavy": 2.5}
"""Heat capacity of the panels over that of series 137."""
DRIFTS: Final = {"calm": 0.5, "usual": 1.0, "lively": 1.6}
"""Factor on a house's drift from year to year."""
YEARS_K: Final = {"colder": -1.5, "alike": 0.0, "warmer": 1.5}
"""The reporting year's temperature over the baseline's, in addition to the weather's own variation [K]."""
QUALITIES: Final = ("clean", "gaps", "coarse")


@dataclass(frozen=True)
class Traits:
    """One house of the exam."""

    number: int
    kind: Kind
    measure: Measure
    shape: Shape
    strength: float
    """How much of the measure is carried out, 0 to 1."""
    compensated: bool
    """Whether a heat house had weather compensation before."""
    mass: str
    drift: str
    year: str
    quality: str
    baseline_years: int
    begins: int
    """Month in which the reporting year begins, on the 15th."""

    @property
    def name(self) -> str:
        """Id of the house, an MQTT topic level."""
        return f"e{self.number:05d}"

    @property
    def heats(self) -> bool:
        """Whether the meter is a heat meter."""
        return self.kind in ("heat", "school_heat")

    @property
    def carrier(self) -> str:
        """The meter's carrier, as in the site file."""
        return "heat" if self.heats else "electricity"

    @property
    def building_kind(self) -> str:
        """The building's kind, as in the site file."""
        return "school" if self.kind.startswith("school") else "house"

    @property
    def group(self) -> tuple[bool, int, int]:
        """Houses of one group are simulated side by side, on one calendar."""
        return self.heats, self.baseline_years, self.begins


@dataclass(frozen=True)
class Calendar:
    """The days of a group of houses; both ends of the periods are included."""

    start: dt.date
    """First simulated day: the simulation and the heating season warm up from here."""
    baseline: tuple[dt.date, dt.date]
    retrofit: dt.date
    """First day with the measure, two weeks before the reporting year."""
    reporting: tuple[dt.date, dt.date]

    @property
    def days(self) -> int:
        """Simulated days."""
        return (self.reporting[1] - self.start).days + 1

    def index(self, day: dt.date) -> int:
        """Days between `start` and `day`."""
        return (day - self.start).days


def calendar(baseline_years: int, begins: int) -> Calendar:
    """The calendar of houses whose reporting year begins on the 15th of the month `begins` of 2024."""
    first = dt.date(2024, begins, 15)
    retrofit = first - dt.timedelta(14)
    last_before = retrofit - dt.timedelta(1)
    begin = last_before - dt.timedelta(365 * baseline_years - 1)
    return Calendar(
        begin - dt.timedelta(40), (begin, last_before), retrofit, (first, first + dt.timedelta(364))
    )


def draw_traits(rng: np.random.Generator, houses: int) -> list[Traits]:
    """The traits of `houses` houses."""
    drawn = []
    for number in range(houses):
        kind = _KINDS[int(rng.choice(len(_KINDS), p=_KIND_SHARES))]
        compensated = bool(rng.random() < 0.4)
        years = 3 if rng.random() < 0.25 else 1
        # Three years of history have one calendar only, which keeps the number of groups small.
        begins = 10 if years == 3 else int(rng.choice((1, 5, 10)))
        drawn.append(
            Traits(
                number=number,
                kind=kind,
                measure=_measure(rng, kind, compensated),
                shape=_SHAPES[int(rng.choice(len(_SHAPES), p=_SHAPE_SHARES))],
                strength=float(rng.uniform(0.1, 1.0)),
                compensated=compensated and kind in ("heat", "school_heat"),
                mass=str(rng.choice(list(MASSES))),
                drift=str(rng.choice(list(DRIFTS))),
                year=str(rng.choice(list(YEARS_K))),
                quality=str(rng.choice(QUALITIES, p=(0.5, 0.3, 0.2))),
                baseline_years=years,
                begins=begins,
            )
        )
    return drawn


def _measure(rng: np.random.Generator, kind: Kind, compensated: bool) -> Measure:
    if rng.random() < _NONE_SHARE:
        return "none"
    if kind in ("light", "school_light"):
        choices: tuple[Measure, ...] = ("led", "sensors", "led_sensors")
    elif compensated:
        choices = ("insulation",)
    else:
        choices = ("substation", "substation", "deep")
    return choices[int(rng.integers(len(choices)))]
