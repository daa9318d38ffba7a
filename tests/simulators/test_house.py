"""The house's physics: it conserves energy, and only the measure changes what it uses."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from simulators.house import (
    Behaviour,
    Fluxes,
    Houses,
    Regime,
    draw_behaviour,
    draw_houses,
    hot_water,
    simulate_heat,
)
from simulators.weather import Floats, Weather, simulate_weather

FIRST = dt.date(2023, 9, 1)
DAYS = 365
COUNT = 6
WH_PER_GCAL = 1_163_000


@pytest.fixture(scope="module")
def weather() -> Weather:
    return simulate_weather(np.random.default_rng(1), FIRST, DAYS)


@pytest.fixture(scope="module")
def houses() -> Houses:
    return draw_houses(np.random.default_rng(2), COUNT)


@pytest.fixture(scope="module")
def behaviour() -> Behaviour:
    return draw_behaviour(np.random.default_rng(3), DAYS, COUNT)


@pytest.fixture(scope="module")
def before(weather: Weather, houses: Houses, behaviour: Behaviour) -> Floats:
    return simulate_heat(weather, houses, behaviour, Regime.untouched(DAYS, COUNT))


def regime(control: float, *, since: int = 0, stuck: bool = False, envelope: float = 1.0) -> Regime:
    after = (np.arange(DAYS)[:, None] >= since) & np.ones((1, COUNT), dtype=bool)
    return replace(
        Regime.untouched(DAYS, COUNT),
        control=np.where(after, control, 0.0),
        stuck=after & stuck,
        envelope=np.where(after, envelope, 1.0),
    )


@pytest.mark.parametrize("control", [0.0, 1.0])
def test_heat_in_is_losses_plus_what_is_stored_every_hour(
    control: float, weather: Weather, houses: Houses, behaviour: Behaviour
) -> None:
    balance: list[Fluxes] = []
    simulate_heat(weather, houses, behaviour, regime(control), trace=balance)
    assert len(balance) == 24 * DAYS
    for hour in balance:
        assert hour.radiators + hour.free == pytest.approx(hour.lost + hour.stored, rel=1e-9, abs=1e-6)


def test_over_a_year_nothing_is_stored_and_the_house_is_fit_to_live_in(
    weather: Weather, houses: Houses, behaviour: Behaviour
) -> None:
    balance: list[Fluxes] = []
    simulate_heat(weather, houses, behaviour, regime(1.0), trace=balance)
    given = sum(hour.radiators + hour.free for hour in balance)
    lost = sum(hour.lost for hour in balance)
    assert lost == pytest.approx(given, rel=0.01)
    winter = np.array([hour.air_c for hour in balance[24 * 90 : 24 * 180]])
    assert 17.5 < winter.mean() < 22.0  # GOST 30494 asks for 18 to 20 °C; a set-back may go a little below


def test_use_is_that_of_the_series(before: Floats, houses: Houses) -> None:
    per_m2 = before.sum(axis=0) / WH_PER_GCAL / houses.area_m2
    # docs/sources.md#panel-house: 0.15 for heating and 0.08 for hot water [Gcal/m2/yr]
    assert 0.19 < per_m2.mean() < 0.27
    assert before.max() < 2_000_000  # what the site file allows the meter [W]


def test_without_a_measure_nothing_is_saved(
    before: Floats, weather: Weather, houses: Houses, behaviour: Behaviour
) -> None:
    again = simulate_heat(weather, houses, behaviour, regime(0.0))
    assert (again == before).all()


def test_compensation_saves_and_only_from_its_first_day_on(
    before: Floats, weather: Weather, houses: Houses, behaviour: Behaviour
) -> None:
    since = 60
    after = simulate_heat(weather, houses, behaviour, regime(1.0, since=since))
    assert (after[: 24 * since] == before[: 24 * since]).all()
    saved = 1 - after[24 * since :].sum(axis=0) / before[24 * since :].sum(axis=0)
    assert ((saved > 0.03) & (saved < 0.40)).all()


def test_it_saves_relatively_most_when_it_is_mild(
    before: Floats, weather: Weather, houses: Houses, behaviour: Behaviour
) -> None:
    after = simulate_heat(weather, houses, behaviour, regime(1.0))
    outside = weather.daily_temp_c()[:, 0]
    heating = (before - hot_water(FIRST, houses, behaviour, None)).reshape(DAYS, 24, -1).sum(axis=(1, 2))
    saved = (before - after).reshape(DAYS, 24, -1).sum(axis=(1, 2))
    mild, cold = (outside > 3) & (heating > 0), outside < -8
    assert saved[mild].sum() / heating[mild].sum() > saved[cold].sum() / heating[cold].sum()


def test_a_regulator_that_hangs_open_uses_more_than_none(
    before: Floats, weather: Weather, houses: Houses, behaviour: Behaviour
) -> None:
    broken = simulate_heat(weather, houses, behaviour, regime(1.0, stuck=True))
    assert (broken.sum(axis=0) > before.sum(axis=0)).all()


def test_insulation_alone_saves_little_for_the_radiators_stay_hot(
    before: Floats, weather: Weather, houses: Houses, behaviour: Behaviour
) -> None:
    insulated = simulate_heat(weather, houses, behaviour, regime(0.0, envelope=0.8))
    saved = 1 - insulated.sum() / before.sum()
    assert 0.0 < saved < 0.08


def test_heavier_houses_answer_the_weather_later(
    weather: Weather, behaviour: Behaviour, houses: Houses
) -> None:
    def swing(mass: float) -> float:
        balance: list[Fluxes] = []
        heavier = replace(houses, mass_kwh_k=houses.mass_kwh_k * mass)
        simulate_heat(weather, heavier, behaviour, regime(0.0), trace=balance)
        air = np.array([hour.air_c.mean() for hour in balance]).reshape(DAYS, 24)
        return float((air.max(axis=1) - air.min(axis=1)).mean())

    assert swing(4.0) < swing(0.5)


def test_hot_water_stops_for_a_fortnight_and_weekends_draw_more(houses: Houses) -> None:
    usual = np.ones((DAYS, COUNT))
    calm = Behaviour(usual, usual, usual, usual)
    daily = hot_water(FIRST, houses, calm, None).reshape(DAYS, 24, COUNT).sum(axis=1)
    assert ((daily == 0).sum(axis=0) == 14).all()
    january = [day for day in range(DAYS) if (FIRST + dt.timedelta(day)).month == 1]
    weekend = [day for day in january if (FIRST + dt.timedelta(day)).weekday() >= 5]
    working = [day for day in january if day not in weekend]
    circulation = 24_000 * houses.circulation_kw
    ratio = (daily[weekend].mean(axis=0) - circulation) / (daily[working].mean(axis=0) - circulation)
    assert ratio == pytest.approx(1.1, abs=0.01)


def test_occupants_days_are_autocorrelated() -> None:
    drawn = draw_behaviour(np.random.default_rng(4), 700, 40)
    for series in (drawn.hot_water, drawn.gains, drawn.window_c, drawn.supply_k):
        off = series - series.mean(axis=0)
        assert 0.2 < (off[1:] * off[:-1]).sum() / (off**2).sum() < 0.95


def test_calibration_daily_use_scatters_about_a_change_point_line_as_real_houses_do(
    before: Floats, weather: Weather
) -> None:
    # Facts: Tartu and Flensburg scatter 8-15 % about such a line with lag-1 correlations of 0.3-0.8; here the
    # fortnight without hot water, which those do not have, is left out. A check of the calibration only.
    outside = weather.daily_temp_c()[:, 0]
    for daily in before.reshape(DAYS, 24, COUNT).sum(axis=1).T:
        kept = daily > 0.3 * np.median(daily[outside > 15])
        best, residual = np.inf, np.empty(0)
        for balance in np.arange(10.0, 18.5, 0.5):
            line = np.column_stack([np.ones(DAYS), np.maximum(balance - outside, 0)])[kept]
            error = daily[kept] - line @ np.linalg.lstsq(line, daily[kept], rcond=None)[0]
            if error @ error < best:
                best, residual = error @ error, error
        assert 0.07 < residual.std() / daily[kept].mean() < 0.16
        assert 0.3 < np.corrcoef(residual[1:], residual[:-1])[0, 1] < 0.85
