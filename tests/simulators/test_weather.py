"""The weather is St Petersburg's: normals, autocorrelation, sun, seasons of heat supply."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from simulators.weather import (
    Weather,
    dispatched_supply,
    draw_dispatch,
    heat_supply,
    simulate_weather,
    sun_elevation,
)

NORMALS = (-4.8, -5.0, -1.0, 5.2, 11.5, 16.1, 19.1, 17.4, 12.4, 6.2, 0.9, -2.5)
FIRST = dt.date(2023, 1, 1)


def months(days: int) -> np.ndarray:
    return np.array([(FIRST + dt.timedelta(day)).month for day in range(days)])


def test_monthly_means_are_the_normals_of_1991_2020() -> None:
    weather = simulate_weather(np.random.default_rng(1), FIRST, 365, stations=60)
    daily = weather.daily_temp_c().mean(axis=1)
    for month, normal in enumerate(NORMALS, 1):
        assert daily[months(365) == month].mean() == pytest.approx(normal, abs=0.8)


def test_days_are_autocorrelated_and_years_are_warm_and_cold() -> None:
    daily = simulate_weather(np.random.default_rng(2), FIRST, 365, stations=60).daily_temp_c()
    off = daily - daily.mean(axis=1, keepdims=True)
    lag1 = (off[1:] * off[:-1]).sum() / (off**2).sum()
    assert 0.6 < lag1 < 0.9
    assert 0.3 < daily.mean(axis=0).std() < 1.2


@pytest.mark.parametrize(("month", "light_hours"), [(1, 6.8), (3, 11.7), (6, 18.7), (9, 12.7), (12, 6.0)])
def test_the_sun_is_above_the_horizon_as_long_as_at_60_degrees_north(month: int, light_hours: float) -> None:
    day = dt.date(2024, month, 15)
    # The table counts from the upper edge of the sun behind refraction: -0.833 degrees.
    fine = np.interp(np.arange(0.5, 23.5, 0.01), np.arange(24) + 0.5, sun_elevation(day, 24))
    assert (fine > -0.833).sum() * 0.01 == pytest.approx(light_hours, abs=0.4)


def test_the_sun_is_highest_around_one_o_clock_moscow_time() -> None:
    assert int(np.argmax(sun_elevation(dt.date(2024, 6, 21), 24))) in (12, 13)


def test_an_anomaly_makes_a_year_warmer_by_as_much() -> None:
    usual = simulate_weather(np.random.default_rng(3), FIRST, 90)
    warm = simulate_weather(np.random.default_rng(3), FIRST, 90, anomaly_k=np.full(90, 2.0))
    assert warm.temp_c - usual.temp_c == pytest.approx(2.0)


def constant(*daily: float) -> Weather:
    temp = np.repeat(np.array(daily), 24)[:, None]
    return Weather(FIRST, temp, np.zeros_like(temp), np.zeros(len(temp)))


@pytest.mark.parametrize(
    ("daily", "last"),
    [
        ([15] * 6 + [7] * 5 + [7], 1.0),  # five days below +8: the season is on
        ([15] * 6 + [7] * 2 + [7], 0.5),  # two cold days: periodic
        ([15] * 8, 0.0),
        ([0] * 6 + [12] * 5 + [12], 0.0),  # five warm days end it
        ([0] * 6 + [12] * 2 + [12], 1.0),  # two do not
    ],
)
def test_heat_is_supplied_by_the_five_day_rule(daily: list[float], last: float) -> None:
    assert heat_supply(constant(*daily))[-1, 0] == last


def test_people_heat_about_as_long_as_the_law_each_in_their_own_way() -> None:
    rng = np.random.default_rng(5)
    weather = simulate_weather(rng, dt.date(2023, 7, 1), 366, stations=80)
    supplied = dispatched_supply(weather, draw_dispatch(rng, 366, 80))
    assert ((supplied >= 0) & (supplied <= 1)).all()
    assert (supplied[:40] < 1).all()  # July
    assert (supplied[180:240] == 1).all()  # January and February
    season = supplied.sum(axis=0)
    assert 190 < season.mean() < 240  # SP 131.13330: 213 days in St Petersburg
    assert season.std() > 5
    by_law = heat_supply(weather)
    assert (np.abs(supplied - by_law) > 0.2).any(axis=0).mean() > 0.9


def test_risers_are_filled_over_days_and_emptied_at_once() -> None:
    temp = constant(*[15] * 10, *[0] * 30, *[20] * 10)
    dispatch = draw_dispatch(np.random.default_rng(6), 50, 1)
    slow = replace(dispatch, start_d=np.array([5.0]), spell_share=np.array([0.0]), mood_k=np.zeros((50, 1)))
    share = dispatched_supply(temp, slow)[:, 0]
    begun = int(np.argmax(share > 0))
    assert share[begun : begun + 6] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])
    ended = begun + int(np.argmax(share[begun:] == 0))
    assert 40 <= ended <= 46
    assert share[ended - 1] == 1.0
    assert (share[ended:] == 0).all()
