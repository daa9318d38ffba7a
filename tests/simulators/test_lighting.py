"""Common areas: what LED lamps and sensors save, and what stays."""

import datetime as dt

import numpy as np
import pytest

from simulators.lighting import Renewal, draw_common_areas, draw_traffic, simulate_lighting
from simulators.weather import Floats, simulate_weather

DAYS, COUNT = 365, 8
FIRST = dt.date(2024, 1, 1)
WEATHER = simulate_weather(np.random.default_rng(1), FIRST, DAYS)
AREAS = draw_common_areas(np.random.default_rng(2), COUNT)
TRAFFIC = draw_traffic(np.random.default_rng(3), DAYS, COUNT)


def used(led: float, sensors: float) -> Floats:
    shape = (DAYS, COUNT)
    return simulate_lighting(WEATHER, AREAS, TRAFFIC, Renewal(np.full(shape, led), np.full(shape, sensors)))


def test_nothing_renewed_is_nothing_saved() -> None:
    assert (
        used(0.0, 0.0) == simulate_lighting(WEATHER, AREAS, TRAFFIC, Renewal.untouched(DAYS, COUNT))
    ).all()


@pytest.mark.parametrize(
    ("led", "sensors", "least", "most"),
    [(1.0, 1.0, 0.40, 0.65), (1.0, 0.0, 0.35, 0.60), (0.0, 1.0, 0.25, 0.60)],
)
def test_the_meter_of_the_house_sees_half_of_it_go(
    led: float, sensors: float, least: float, most: float
) -> None:
    # Passport of Эффективный свет: -50 % at the meter; SPb energy service 2025: -65 %.
    saved = 1 - used(led, sensors).sum() / used(0.0, 0.0).sum()
    assert least < saved < most


def test_before_winter_nights_are_long_and_after_only_peaks_are_left() -> None:
    before = used(0.0, 0.0).sum(axis=1).reshape(DAYS, 24)
    after = used(1.0, 1.0).sum(axis=1).reshape(DAYS, 24)
    assert before[:31].mean() > 1.1 * before[152:182].mean()  # January, June
    assert after[:, 18:22].mean() > 3 * after[:, 1:5].mean()
    assert before[:31, 1:5].mean() > 0.5 * before[:31, 18:22].mean()
