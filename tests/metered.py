"""Simulated meters for tests of doubts: hours of houses, common areas and schools, with their weather."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from functools import cache
from typing import Any, Final

import numpy as np

from metering.events import Day, Event, Finding, WeatherDay
from simulators.house import Regime, draw_behaviour, draw_houses, simulate_heat
from simulators.lighting import Renewal, draw_common_areas, draw_traffic, simulate_lighting
from simulators.school import draw_school_use, draw_schools, school_days, simulate_school
from simulators.weather import Floats, simulate_weather
from streams.step import AnyStep, Key
from tests.days import day_of

FIRST: Final = dt.date(2023, 7, 1)
DAYS: Final = 3 * 365
RETROFIT: Final = 450
"""Day of the measures."""
HOUSES: Final = 3


@cache
def hours_of(seed: int = 5, count: int = HOUSES) -> tuple[dict[str, Floats], Floats]:
    """Use by hour [Wh] of each kind of meter, shape [hours, count], and the mean temperature of each day [°C]."""
    rng = np.random.default_rng(seed)
    weather = simulate_weather(rng, FIRST, DAYS)
    houses, behaviour = draw_houses(rng, count), draw_behaviour(rng, DAYS, count)
    flicker = np.exp(0.25 * rng.standard_normal((24 * DAYS, count)) - 0.03)
    untouched = Regime.untouched(DAYS, count)
    since = np.broadcast_to((np.arange(DAYS) >= RETROFIT)[:, None], (DAYS, count)).astype(float)
    areas, traffic = draw_common_areas(rng, count), draw_traffic(rng, DAYS, count)
    schools, school_use = draw_schools(rng, count), draw_school_use(rng, DAYS, count)
    taught = np.stack([school_days(FIRST, DAYS, shift) for shift in range(count)], axis=1)
    of_houses = {
        "heat": simulate_heat(weather, houses, behaviour, untouched, flicker=flicker),
        "heat, compensated": simulate_heat(
            weather, houses, behaviour, replace(untouched, control=since), flicker=flicker
        ),
        "light": simulate_lighting(weather, areas, traffic, Renewal.untouched(DAYS, count)),
        "light, renewed": simulate_lighting(weather, areas, traffic, Renewal(since, since)),
        "school": simulate_school(weather, schools, school_use, taught, Renewal.untouched(DAYS, count)),
    }
    return of_houses, weather.daily_temp_c()[:, 0]


def displayed(hours: Floats, step: int) -> Floats:
    """The hours as a display of this step gives them."""
    shown: Floats = np.diff(np.floor(np.cumsum(hours) / step) * step, prepend=0.0)
    return shown


def late_by(hours: Floats, start: int, late: int = 3) -> Floats:
    """The hours with stamps that are late from a day on: the hours between have no use."""
    moved: Floats = np.concatenate([hours[: 24 * start], np.zeros(late), hours[24 * start :]])[: len(hours)]
    return moved


def days_of(meter: str, hours: Floats, *, hourly: bool = True, **fields: Any) -> list[Day]:
    """The days of a meter as the ledger publishes them."""
    rows = hours.reshape(-1, 24).astype(int).tolist()
    return [
        day_of(meter, FIRST.toordinal() + i, sum(row), by_hour=tuple(row) if hourly else (), **fields)
        for i, row in enumerate(rows)
    ]


def weather_of(temps_c: Floats) -> list[Event]:
    """The weather of building b01 by day."""
    return [
        WeatherDay(
            building="b01",
            station="spb",
            date=FIRST.toordinal() + i,
            mean_mc=round(1000 * temp),
            coverage=1.0,
            received_at=0,
        )
        for i, temp in enumerate(temps_c.tolist())
    ]


class Run:
    """A step with its state, and the findings that stand."""

    def __init__(self, step: AnyStep) -> None:
        self._step = step
        self._parts: dict[Key, dict[Any, Any]] = {}
        self._standing: dict[tuple[Any, ...], Finding] = {}

    def feed(self, event: Event) -> None:
        for key in self._step.keys(event):
            parts = self._parts.setdefault(key, {})
            changed, made = self._step.run(key, parts, event)
            for name, part in changed.items():
                if part is None:
                    parts.pop(name, None)
                else:
                    parts[name] = part
            for each in made:
                at = (each.meter, each.kind, each.start, each.end, tuple(sorted(each.figures.items())))
                if each.withdrawn:
                    del self._standing[at]
                else:
                    assert at not in self._standing
                    self._standing[at] = each

    def findings(self, kind: str) -> list[Finding]:
        """The findings of a kind, the oldest first."""
        standing = sorted(self._standing.items(), key=lambda item: item[0])
        return [each for (_, of_kind, *_), each in standing if of_kind == kind]
