"""Rhythms of use: how much a sound meter's consumer takes in each quarter of an hour, over years.

A rhythm is a function of a `Course` that gives kW (m3/h of water and gas) by quarter of an hour. Its size is ordinary
for its kind; `scaled` makes it larger or smaller.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from simulators.weather import Floats, heat_supply, ornstein_uhlenbeck, simulate_weather

QUARTERS: Final = 96
"""Quarters of an hour in a day."""
_HOLIDAYS: Final = ((1, 8), (121, 122), (129, 129), (163, 163), (308, 308), (365, 366))
"""Public holidays of Russia: days of the year, first and last."""
_SCHOOL_HOLIDAYS: Final = ((1, 9), (85, 92), (152, 243), (301, 309), (364, 366))
"""Days of the year without lessons."""
_HOUSE: Final = np.array(
    [0.7, 0.65, 0.6, 0.6, 0.65, 0.8, 1.1, 1.4, 1.3, 1.1, 1.0, 0.95,
     0.95, 0.9, 0.9, 0.95, 1.05, 1.15, 1.25, 1.3, 1.2, 1.1, 0.95, 0.8]
)  # fmt: skip
"""Use of an apartment house by hour of the day, mean 1."""


@dataclass(frozen=True)
class Course:
    """What a rhythm depends on, each an array over the quarters of an hour from local midnight of `first` on."""

    first: dt.date
    days: int
    hour: Floats
    """Local hour of the day at the quarter's beginning, 0 to 23.75."""
    weekday: Floats
    """0 is Monday."""
    day: Floats
    """Days since `first`."""
    of_year: Floats
    """Day of the year, from 1."""
    temp_c: Floats
    sun_wm2: Floats
    dark: Floats
    """1 while the sun is below the horizon."""
    supply: Floats
    """Share of the time that radiators are supplied."""
    rng: np.random.Generator

    def scatter(self, share: float) -> Floats:
        """Independent factors about 1."""
        return np.asarray(self.rng.uniform(1 - share, 1 + share, len(self.hour)), dtype=np.float64)

    def within(self, spans: tuple[tuple[int, int], ...]) -> Floats:
        """1 on the days of the year of any of `spans` (first, last)."""
        inside = np.zeros(len(self.hour), dtype=bool)
        for first, last in spans:
            inside |= (self.of_year >= first) & (self.of_year <= last)
        return inside.astype(np.float64)

    def between(self, first: float, last: float) -> Floats:
        """1 in the hours of the day of `[first, last)`."""
        return ((self.hour >= first) & (self.hour < last)).astype(np.float64)

    def days_drawn(self, share: float) -> Floats:
        """1 on a random `share` of the days."""
        return np.repeat(self.rng.random(self.days) < share, QUARTERS).astype(np.float64)

    def runs(self, apart_days: float, hours: tuple[float, float], start: tuple[float, float]) -> Floats:
        """1 during uses that begin `apart_days` from each other in the mean (exponential), at a time of the day drawn
        from `start` [h], and last a time drawn from `hours`."""
        on = np.zeros(len(self.hour))
        day = float(self.rng.exponential(apart_days))
        while day < self.days:
            begin = int(int(day) * QUARTERS + self.rng.uniform(*start) * 4)
            on[begin : begin + max(1, round(self.rng.uniform(*hours) * 4))] = 1.0
            day = max(int(day) + 1, day + float(self.rng.exponential(apart_days)))
        return on


Rhythm: TypeAlias = Callable[[Course], Floats]


def course(first: dt.date, days: int, seed: int) -> Course:
    """The calendar and the weather of St Petersburg over `days` days, drawn from `seed`."""
    rng = np.random.default_rng(seed)
    weather = simulate_weather(rng, first, days)
    dates = [first + dt.timedelta(days=n) for n in range(days)]

    def by_day(values: list[int]) -> Floats:
        return np.repeat(np.array(values, dtype=np.float64), QUARTERS)

    return Course(
        first=first,
        days=days,
        hour=np.tile(np.arange(QUARTERS) / 4, days),
        weekday=by_day([date.weekday() for date in dates]),
        day=by_day(list(range(days))),
        of_year=by_day([date.timetuple().tm_yday for date in dates]),
        temp_c=np.repeat(weather.temp_c[:, 0], 4),
        sun_wm2=np.repeat(weather.sun_wm2[:, 0], 4),
        dark=np.repeat(weather.elevation_deg < -0.8, 4).astype(np.float64),
        supply=np.repeat(heat_supply(weather)[:, 0], QUARTERS),
        rng=rng,
    )


def _floats(values: object) -> Floats:
    return np.asarray(values, dtype=np.float64)


def scaled(rhythm: Rhythm, factor: float) -> Rhythm:
    """The rhythm of a consumer `factor` times as large."""
    return lambda c: rhythm(c) * factor


def with_base(rhythm: Rhythm, base: float) -> Rhythm:
    """The rhythm beside a small load that never rests: a router, a circulation pump, the charger's own electronics."""
    return lambda c: rhythm(c) + base


def _working(c: Course) -> Floats:
    return (c.weekday < 5) * (1 - c.within(_HOLIDAYS))


def _house_shape(c: Course) -> Floats:
    shape: Floats = _HOUSE[c.hour.astype(np.int64)]
    return shape


def _slow(c: Course, spread: float) -> Floats:
    """Factors about 1 that last for days."""
    noise = ornstein_uhlenbeck(c.rng, c.days, 1, 4.0, spread)[:, 0]
    return np.repeat(np.clip(1 + noise, 0.3, 1.7), QUARTERS)


# Heat [kW].


def heating(c: Course) -> Floats:
    """Radiators of a house: by the weather while heat is supplied; nothing all summer."""
    need = np.maximum(20 - c.temp_c, 0) * 18
    return np.where(c.supply > 0, need * c.supply, 0) * c.scatter(0.08) * _slow(c, 0.05)


def heating_and_hot_water(c: Course) -> Floats:
    """The same and hot water with circulation, shut off for two weeks in July."""
    hot_water = (25 + 60 * _house_shape(c)) * (1 - c.within(((190, 203),)))
    return heating(c) + hot_water * c.scatter(0.15)


def heating_cold_september_day(c: Course) -> Floats:
    """Radiators off all summer but for one cold day in September, weeks before the season."""
    season = 1 - c.within(((125, 281),))
    cold_day = c.within(((254, 254),))
    return np.maximum(20 - c.temp_c, 2) * 18 * np.maximum(season, cold_day * 0.8) * c.scatter(0.08)


def heating_setback(c: Course) -> Floats:
    """An office's radiators: half at night and at weekends, a boost at six in the morning."""
    day = np.maximum(_working(c) * c.between(6, 19), 0.45) + 0.6 * _working(c) * c.between(6, 8)
    return heating(c) * day


def school_heating(c: Course) -> Floats:
    """A school's radiators: low in the holidays and outside lessons."""
    lessons = (c.weekday < 5) * (1 - c.within(_SCHOOL_HOLIDAYS)) * c.between(5, 16)
    return heating(c) * np.maximum(lessons, 0.4)


def night_setback(c: Course) -> Floats:
    """A gas boiler [m3/h]: by the weather, almost nothing from 22 to 6; hot water in summer."""
    need = np.maximum(17 - c.temp_c, 0) * 0.12
    return (need * (1 - 0.85 * np.maximum(c.between(22, 24), c.between(0, 6))) + 0.05 * _house_shape(c)) * (
        c.scatter(0.15)
    )


def gas_process(c: Course) -> Floats:
    """A bakery's gas oven [m3/h]: 2 to 10 every night but Sunday's."""
    return _floats((c.weekday != 6) * c.between(2, 10) * 14 * c.scatter(0.1) + 0.02)


def heat_pump(c: Course) -> Floats:
    """A heat pump: its coefficient falls in the cold, below -12 °C a heater of 6 kW helps."""
    need = np.maximum(17 - c.temp_c, 0) * 0.18
    pump = need / np.clip(3.6 + 0.07 * c.temp_c, 1.6, 4.5)
    return (pump + 6 * (c.temp_c < -12) + 0.12 * _house_shape(c)) * c.scatter(0.15)


# Electricity [kW].


def flat_rate(c: Course) -> Floats:
    """A server room: the same all the time."""
    return 8 * c.scatter(0.03)


def house(c: Course) -> Floats:
    """An apartment house."""
    return 14 * _house_shape(c) * c.scatter(0.12) * _slow(c, 0.08)


def flat(c: Course) -> Floats:
    """A flat: a refrigerator, people, a kettle, washing."""
    appliances = c.runs(0.5, (0.3, 1.5), (7, 22)) * 1.6
    return (0.08 + 0.25 * _house_shape(c) * c.scatter(0.5)) * _slow(c, 0.15) + appliances


def flat_with_holiday(c: Course) -> Floats:
    """A flat whose people leave for two weeks each July; the refrigerator runs on."""
    return np.where(c.within(((196, 210),)) > 0, 0.05 * c.scatter(0.3), flat(c))


def empty_flat(c: Course) -> Floats:
    """An empty flat: nothing at all but a visit every three weeks."""
    return c.runs(21, (0.5, 4), (9, 20)) * 0.9 * c.scatter(0.4)


def weekend_house(c: Course) -> Floats:
    """A house that is used at most weekends: heaters from Friday evening to Sunday evening, otherwise nothing."""
    stay = np.where(c.weekday == 4, c.between(19, 24), np.where(c.weekday == 5, 1.0, 0.0))
    stay = np.where(c.weekday == 6, c.between(0, 18), stay)
    weeks = np.repeat(c.rng.random(c.days // 7 + 2) < 0.8, 7 * QUARTERS)
    # A week begins on Monday, so that the three days of a stay are drawn together.
    offset = c.first.weekday() * QUARTERS
    going = weeks[offset : offset + len(stay)]
    return stay * going * (0.5 + np.maximum(12 - c.temp_c, 0) * 0.25) * c.scatter(0.3)


def office(c: Course) -> Floats:
    """An office: by day on working days, a low base at night and at weekends."""
    return (1.2 + 22 * _working(c) * c.between(8, 19)) * c.scatter(0.1)


def office_christmas(c: Course) -> Floats:
    """A factory that shuts down from 23 December to 9 January."""
    shut = c.within(((357, 366), (1, 9)))
    return (2 + 60 * (c.weekday < 5) * c.between(6, 22) * (1 - shut)) * c.scatter(0.1)


def school(c: Course) -> Floats:
    """A school: lessons on working days, nothing at nights, weekends and in holidays."""
    lessons = (c.weekday < 5) * (1 - c.within(_SCHOOL_HOLIDAYS))
    return lessons * c.between(7, 18) * 13 * c.scatter(0.12)


def charger(kw: float, apart_days: float) -> Rhythm:
    """A charger for cars: a few hours at full power, nothing for days."""
    return lambda c: c.runs(apart_days, (1.5, 5), (17, 23)) * kw


def snow_melting(kw: float) -> Rhythm:
    """Melting snow on a ramp: a few days in winter, for 6 to 30 hours each."""
    return lambda c: c.runs(6, (6, 30), (0, 20)) * ((c.temp_c > -8) & (c.temp_c < 1)) * c.within(_WINTER) * kw


_WINTER: Final = ((1, 85), (325, 366))


def lift(c: Course) -> Floats:
    """A lift: rides of a minute, few at night."""
    rides = c.rng.poisson(0.4 + 3 * _house_shape(c) ** 2)
    return _floats(rides * 0.12 + 0.15)


def solar_export(c: Course) -> Floats:
    """What a roof of 30 kW gives to the grid: by day, after the house's own use."""
    return np.maximum(c.sun_wm2 / 1000 * 30 * c.scatter(0.1) - 3, 0)


def shifts(c: Course) -> Floats:
    """Three shifts from Monday to Saturday, breaks between them, a base on Sunday."""
    works = (c.weekday < 6) * (1 - 0.7 * ((c.hour % 8) < 0.5))
    return (8 + 90 * works) * c.scatter(0.15)


def campaign(c: Course) -> Floats:
    """A process that runs day and night for about four days every two weeks."""
    return c.runs(14, (48, 130), (6, 12)) * 75 * c.scatter(0.1) + 0.4


def dusk_lighting(c: Course) -> Floats:
    """LED lamps of a yard from dusk to dawn."""
    return c.dark * 1.8


def half_night_lighting(c: Course) -> Floats:
    """A street's lamps: from dusk, a third of them from 23 to 5."""
    return c.dark * 9 * (1 - 0.66 * np.maximum(c.between(23, 24), c.between(0, 5)))


def ventilation(c: Course) -> Floats:
    """Fans by a timer on working days, with air heaters below +5 °C."""
    heater_kw = 3 * np.clip(5 - c.temp_c, 0, 20)
    return _floats(_working(c) * c.between(7, 18) * (5.5 + heater_kw) * c.scatter(0.05))


# Water [m3/h].


def house_water(c: Course) -> Floats:
    """Cold water of a house."""
    return 1.7 * _house_shape(c) ** 2 * c.scatter(0.3)


def hot_water(c: Course) -> Floats:
    """Hot water of a house: nothing at night, two peaks, shut off for two weeks in July."""
    peaks = 0.5 + 1.7 * c.between(7, 9) + 1.7 * c.between(19, 23)
    return c.between(5, 24) * peaks * (1 - c.within(((190, 203),))) * c.scatter(0.3)


def flat_water(c: Course) -> Floats:
    """Water of a flat without a leak."""
    return c.runs(0.4, (0.2, 0.7), (6, 23)) * 0.25 * c.scatter(0.6)


def garden(c: Course) -> Floats:
    """A garden: two hours of an evening without rain from June to August, otherwise nothing."""
    return c.within(((152, 243),)) * c.days_drawn(0.45) * c.between(19, 21) * 1.2 * c.scatter(0.3)


def pool(c: Course) -> Floats:
    """A pool: filled every second month for most of a day, a little is added every night."""
    return c.runs(60, (14, 20), (6, 10)) * 8 + c.between(3, 4) * 0.4 * c.scatter(0.5)
