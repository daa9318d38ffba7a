"""The exam's houses simulated: their meters' readings, what the pipeline may know, and the truth.

Theory of operation
-------------------
Houses of one group share a calendar and are columns of one simulation. The baseline years run once. The reporting
year runs three times beside itself, with the same weather:

- *used*: with the measure;
- *without*: with the measure absent, and the same people, habits, network and random numbers: the truth is the share
  of this that was not used. Reactions to the measure belong to the saving; drift does not;
- *oracle*: with the measure absent and the people of the baseline years, free of noise. It knows the house's physics
  and the weather, but not next year's behaviour: nobody who has seen only the past can do better by much.

Registers, their resolution and gaps come after the truth, as at a real meter.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from metering.periods import DailyUse, Period
from metering.units import WH_PER_GCAL
from simulators.exam.drift import draw_levels, draw_vacancies
from simulators.exam.traits import DRIFTS, MASSES, YEARS_K, Calendar, Traits, calendar
from simulators.house import (
    WINDOW_C,
    Behaviour,
    Houses,
    Regime,
    beside,
    draw_behaviour,
    draw_houses,
    simulate_heat,
)
from simulators.lighting import BURNING, Renewal, Traffic, draw_common_areas, draw_traffic, simulate_lighting
from simulators.school import (
    draw_school_houses,
    draw_school_use,
    draw_schools,
    school_days,
    simulate_school,
)
from simulators.weather import Floats, Weather, dispatched_supply, draw_dispatch, simulate_weather

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
_P = TypeVar("_P", Behaviour, Regime, Traffic, Renewal)

BATCH: Final = 150
"""Houses simulated side by side: enough to make Python's share small, few enough for 200 MB."""

_WARM_UP_DAYS: Final = 20
_INSULATION: Final = 0.50
"""Share of the heat loss that full insulation removes."""
_EXPONENT: Final = 1.3
_AWAY_K: Final = 7.0
"""Set-back of a compensated school's water on days without lessons."""

WH_PER_UNIT: Final = {"Gcal": WH_PER_GCAL, "kWh": 1_000}
_RESOLUTION: Final = {("Gcal", "coarse"): 0.1, ("kWh", "coarse"): 10.0, ("Gcal", ""): 0.001, ("kWh", ""): 0.1}
"""Smallest step of the registers [unit]."""
STATION_ERROR_K: Final = 0.3
"""Difference between the station's and the house's temperature, standard deviation."""


@dataclass(frozen=True)
class Hourly:
    """Hourly readings of a house's meter and its station, for captures."""

    unit: str
    step_wh: int
    """The register's resolution [Wh]."""
    start: dt.date
    """Local day at whose midnight the readings begin."""
    steps: Ints
    """Register at each hour's beginning [steps], one more than hours."""
    temps_mc: Ints
    """Temperature at each hour's beginning [m°C]."""
    silent: Bools
    """Hours without a register reading."""
    no_weather: Bools
    """Hours without a temperature."""


@dataclass(frozen=True)
class Examined:
    """One house of the exam."""

    traits: Traits
    baseline: Period
    reporting: Period
    days: DailyUse
    """What a pipeline may know [Wh, m°C]."""
    true_share: float
    """The saving: 1 - used / without, over the reporting year."""
    oracle_share: float
    """The oracle's estimate of the saving: 1 - used / oracle."""
    changed_share: float
    """Use without the measure over the oracle's, minus 1: drift and chance of the reporting year."""
    hourly: Hourly | None


def simulate(
    traits: Sequence[Traits], *, seed: int, drift: float = 1.0, keep: Collection[int] = ()
) -> Iterator[list[Examined]]:
    """Simulate the houses, batch by batch; every house is in one batch.

    Args:
        traits: The houses.
        seed: Seed of everything that is random in them.
        drift: Factor on the drift of yearly levels (`simulators.exam.drift`).
        keep: Numbers of the houses whose hourly registers are kept.
    """
    for group, members in groupby(sorted(traits, key=lambda t: (t.group, t.number)), lambda t: t.group):
        heats, years, begins = group
        houses = list(members)
        for batch, first in enumerate(range(0, len(houses), BATCH)):
            here = houses[first : first + BATCH]
            rng = np.random.default_rng((seed, int(heats), years, begins, batch))
            yield _batch(rng, here, calendar(years, begins), drift, keep)


@dataclass(frozen=True)
class _Runs:
    """Hourly energy of a batch [Wh], shape [hours, houses]."""

    used: Floats
    """Over all simulated days."""
    without: Floats
    """Over the reporting year."""
    oracle: Floats


def _batch(
    rng: np.random.Generator, houses: list[Traits], cal: Calendar, drift: float, keep: Collection[int]
) -> list[Examined]:
    retrofit = cal.index(cal.retrofit)
    anomaly = np.where(
        np.arange(cal.days)[:, None] >= retrofit, np.array([YEARS_K[house.year] for house in houses]), 0.0
    )
    weather = simulate_weather(rng, cal.start, cal.days, stations=len(houses), anomaly_k=anomaly)
    scale = drift * np.array([DRIFTS[house.drift] for house in houses])
    run = _heat if houses[0].heats else _light
    runs = run(rng, houses, cal, weather, scale)
    temps = np.rint(10 * (weather.temp_c + STATION_ERROR_K * rng.standard_normal(len(houses)))).astype(
        np.int64
    )
    return [
        _examined(rng, house, column, cal, runs, 100 * temps[:, column], house.number in keep)
        for column, house in enumerate(houses)
    ]


def _years(cal: Calendar, baseline_years: int) -> Ints:
    """Exam year of each day: 0 and up in the baseline, the last from the retrofit on."""
    day = np.arange(cal.days)
    year = np.clip((day - cal.index(cal.baseline[0])) // 365, 0, baseline_years - 1)
    year[cal.index(cal.retrofit) :] = baseline_years
    return year


def _profile(house: Traits, cal: Calendar) -> Floats:
    """How much of the measure works on each day, 0 to 1."""
    if house.measure == "none":
        return np.zeros(cal.days)
    day = np.arange(cal.days)
    since = day >= cal.index(cal.retrofit)
    into = day - cal.index(cal.reporting[0])
    if house.shape == "seasonal":
        months = np.array([(cal.start + dt.timedelta(int(d))).month for d in day])
        works = np.isin(months, (3, 4, 5, 9, 10, 11) if house.heats else (10, 11, 12, 1, 2, 3)).astype(float)
    elif house.shape == "decaying":
        works = 1 - 0.85 * np.clip(into / 365, 0, 1)
    elif house.shape == "delayed":
        works = (into >= 60 + 37 * house.number % 120).astype(float)
    else:
        works = np.ones(cal.days)
    profile: Floats = np.where(since, house.strength * works, 0.0)
    return profile


def _span(part: _P, days: slice) -> _P:
    """Some days of it."""
    return type(part)(**{name: values[days] for name, values in vars(part).items()})


def _heat(
    rng: np.random.Generator, houses: list[Traits], cal: Calendar, weather: Weather, scale: Floats
) -> _Runs:
    count = len(houses)
    school = np.array([house.kind == "school_heat" for house in houses])
    compensated = np.array([house.compensated for house in houses])
    base = draw_houses(rng, count)
    schools = draw_school_houses(rng, base)
    parameters = Houses(
        **{name: np.where(school, vars(schools)[name], value) for name, value in vars(base).items()}
    )
    parameters = replace(
        parameters,
        mass_kwh_k=parameters.mass_kwh_k * np.array([MASSES[house.mass] for house in houses]),
        control_over=np.where(compensated, rng.uniform(0.98, 1.12, count), parameters.control_over),
    )
    taught = np.stack([school_days(cal.start, cal.days, int(rng.integers(-2, 4))) for _ in houses], axis=1)
    actual, known = _behaviours(rng, houses, cal, scale, school, taught)

    profile = np.stack([_profile(house, cal) for house in houses], axis=1)
    insulated = np.array([house.measure in ("insulation", "deep") for house in houses])
    controlled = np.array([house.measure in ("substation", "deep") for house in houses])
    before = replace(
        Regime.untouched(cal.days, count),
        control=np.broadcast_to(compensated, (cal.days, count)).astype(float),
    )
    envelope = 1 - _INSULATION * profile * insulated
    after = replace(
        before,
        control=np.maximum(before.control, profile * controlled),
        envelope=envelope,
        trim=envelope ** (1 / _EXPONENT),
        away_k=_AWAY_K * profile * controlled * school * ~taught,
    )

    supply = dispatched_supply(weather, draw_dispatch(rng, cal.days, count))
    retrofit, first = cal.index(cal.retrofit), cal.index(cal.reporting[0])
    early, late = slice(0, retrofit), slice(retrofit - _WARM_UP_DAYS, cal.days)
    past = simulate_heat(
        _weather(weather, early, 1),
        parameters,
        _span(actual, early),
        _span(before, early),
        supply=supply[early],
    )
    now, then, guess = _span(actual, late), _span(before, late), _span(known, late)
    future = simulate_heat(
        _weather(weather, late, 3),
        beside(parameters, parameters, parameters),
        beside(now, now, guess),
        beside(_span(after, late), then, then),
        supply=np.tile(supply[late], 3),
    )
    used, without, oracle = (future[:, k * count : (k + 1) * count] for k in range(3))
    reporting = 24 * (first - late.start)
    return _Runs(np.concatenate((past, used[24 * _WARM_UP_DAYS :])), without[reporting:], oracle[reporting:])


def _weather(weather: Weather, days: slice, times: int) -> Weather:
    """Some days of the weather, its stations repeated."""
    hours = slice(24 * days.start, 24 * days.stop)
    return Weather(
        weather.first + dt.timedelta(days.start),
        np.tile(weather.temp_c[hours], times),
        np.tile(weather.sun_wm2[hours], times),
        weather.elevation_deg[hours],
    )


def _behaviours(
    rng: np.random.Generator, houses: list[Traits], cal: Calendar, scale: Floats, school: Bools, taught: Bools
) -> tuple[Behaviour, Behaviour]:
    """What people and network do, and what is known of it from the baseline years alone."""
    years = houses[0].baseline_years
    levels = draw_levels(rng, years + 1, scale)
    here = draw_vacancies(rng, cal.days, scale)
    # Quiet houses and noisy ones: the scatter of most lies between half and twice the usual.
    chance = draw_behaviour(rng, cal.days, len(houses), np.exp(0.35 * rng.standard_normal(len(houses))))
    holiday = _holidays(cal)[:, None]
    water = np.where(school, np.where(taught, 1.4, 0.1), np.where(holiday, 0.93, 1.0))
    warmth = np.where(school, np.where(taught, 1.8, 0.35), np.where(holiday, 1.06, 1.0))
    year = _years(cal, years)
    past = slice(cal.index(cal.baseline[0]), cal.index(cal.baseline[1]) + 1)
    usual_here = here[past].mean(axis=0)
    actual = Behaviour(
        hot_water=chance.hot_water * levels.hot_water[year] * here * water,
        gains=chance.gains * levels.gains[year] * np.sqrt(here) * warmth,
        window_c=chance.window_c + levels.window_k[year],
        supply_k=chance.supply_k + levels.supply_k[year],
    )
    known = Behaviour(
        hot_water=levels.hot_water[:years].mean(axis=0) * usual_here * water,
        gains=levels.gains[:years].mean(axis=0) * np.sqrt(usual_here) * warmth,
        window_c=np.broadcast_to(WINDOW_C + levels.window_k[:years].mean(axis=0), here.shape),
        supply_k=np.broadcast_to(levels.supply_k[:years].mean(axis=0), here.shape),
    )
    return actual, known


def _holidays(cal: Calendar) -> Bools:
    """New Year and the holidays of May."""
    days = [cal.start + dt.timedelta(day) for day in range(cal.days)]
    return np.array(
        [
            (d.month, d.day) >= (12, 31) or (d.month == 1 and d.day <= 8) or (d.month == 5 and d.day <= 9)
            for d in days
        ]
    )


def _light(
    rng: np.random.Generator, houses: list[Traits], cal: Calendar, weather: Weather, scale: Floats
) -> _Runs:
    count, years = len(houses), houses[0].baseline_years
    school = np.array([house.kind == "school_light" for house in houses])
    levels = draw_levels(rng, years + 1, scale)
    year = _years(cal, years)
    areas, schools = draw_common_areas(rng, count), draw_schools(rng, count)
    chance, school_chance = draw_traffic(rng, cal.days, count), draw_school_use(rng, cal.days, count)
    taught = np.stack([school_days(cal.start, cal.days, int(rng.integers(-2, 4))) for _ in houses], axis=1)
    profile = np.stack([_profile(house, cal) for house in houses], axis=1)
    led = profile * np.array([house.measure in ("led", "led_sensors") for house in houses])
    sensors = profile * np.array([house.measure in ("sensors", "led_sensors") for house in houses])
    renewed, untouched = Renewal(led, sensors), Renewal.untouched(cal.days, count)

    def usual(level: Floats) -> Floats:
        return np.broadcast_to(level[:years].mean(axis=0), (cal.days, count))

    actual = Traffic(
        chance.presence * levels.presence[year],
        chance.lifts * levels.lifts[year],
        np.clip(chance.burning * levels.burning[year], 0.0, 1.0),
    )
    known = Traffic(
        usual(levels.presence), usual(levels.lifts), np.minimum(BURNING * usual(levels.burning), 1.0)
    )
    actual_use, known_use = school_chance * levels.school_use[year], usual(levels.school_use)

    def run(traffic: Traffic, use: Floats, renewal: Renewal) -> Floats:
        homes = simulate_lighting(weather, areas, traffic, renewal)
        return np.where(school, simulate_school(weather, schools, use, taught, renewal), homes)

    first = 24 * cal.index(cal.reporting[0])
    return _Runs(
        run(actual, actual_use, renewed),
        run(actual, actual_use, untouched)[first:],
        run(known, known_use, untouched)[first:],
    )


def _examined(
    rng: np.random.Generator,
    house: Traits,
    column: int,
    cal: Calendar,
    runs: _Runs,
    temps_mc: Ints,
    keep: bool,
) -> Examined:
    unit = "Gcal" if house.heats else "kWh"
    resolution = _RESOLUTION[unit, "coarse" if house.quality == "coarse" else ""]
    step_wh = round(resolution * WH_PER_UNIT[unit])
    counted = np.concatenate(([0.0], np.cumsum(runs.used[:, column]))) + rng.uniform(0, 1e9)
    steps = np.floor(counted / step_wh).astype(np.int64)
    missing, no_weather = _gaps(rng, house, cal), _gaps(rng, house, cal, weather=True)
    first = cal.start.toordinal()
    daily = np.diff(steps[::24]) * step_wh
    means = temps_mc.reshape(-1, 24).sum(axis=1) // 24
    begin = cal.index(cal.baseline[0])
    days = DailyUse(
        used={first + d: int(daily[d]) for d in range(begin, cal.days) if not missing[d]},
        temps_mc={first + d: int(means[d]) for d in range(cal.days) if not no_weather[d]},
    )
    reporting = 24 * cal.index(cal.reporting[0])
    used = float(runs.used[reporting:, column].sum())
    without, oracle = float(runs.without[:, column].sum()), float(runs.oracle[:, column].sum())
    hourly = None
    if keep:
        # The readings at the midnights before and after a gap exist; those within it do not.
        silent = np.repeat(missing, 24)
        silent[::24] &= np.concatenate(([False], missing[:-1]))
        hourly = Hourly(
            unit, step_wh, cal.start, steps, temps_mc, np.append(silent, False), np.repeat(no_weather, 24)
        )
    return Examined(
        house,
        Period(cal.baseline[0].toordinal(), cal.baseline[1].toordinal()),
        Period(cal.reporting[0].toordinal(), cal.reporting[1].toordinal()),
        days,
        true_share=1 - used / without,
        oracle_share=1 - used / oracle,
        changed_share=without / oracle - 1,
        hourly=hourly,
    )


def _gaps(rng: np.random.Generator, house: Traits, cal: Calendar, *, weather: bool = False) -> Bools:
    """Days without a figure. A gap spans two days or more: within one day the register still gives the day's use."""
    missing = np.zeros(cal.days, dtype=bool)
    if house.quality != "gaps":
        return missing
    for period in (cal.baseline, cal.reporting):
        begin, end = cal.index(period[0]), cal.index(period[1])
        for _ in range(int(rng.integers(0, 3)) if weather else int(rng.integers(2, 6))):
            length = int(rng.integers(1, 4)) if weather else int(rng.integers(2, 12))
            at = int(rng.integers(begin, end - length))
            missing[at : at + length] = True
    return missing
