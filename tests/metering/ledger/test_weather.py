"""The mean temperature of a day, and its gaps."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from metering.ledger.weather import day_mean
from metering.times import HOUR_MS, day_bounds

MOSCOW = ZoneInfo("Europe/Moscow")
DATE = dt.date(2025, 1, 10).toordinal()
START, END = day_bounds(DATE, MOSCOW)


def test_weather_is_the_mean_of_hours_not_of_readings() -> None:
    times = [START + h * HOUR_MS for h in range(24)] + [START + 60_000 * m for m in range(1, 50)]
    temps = [1_000] * 24 + [5_000] * 49
    mean, coverage = day_mean(DATE, MOSCOW, times, temps)
    assert coverage == 1.0
    assert mean == (23 * 1_000 + (1_000 + 49 * 5_000) // 50) // 24


@pytest.mark.parametrize(
    ("gap", "mean", "coverage"), [(6, -11_500, 1.0), (7, None, 17 / 24), (13, None, 11 / 24)]
)
def test_weather_gaps_of_six_hours_are_interpolated(gap: int, mean: int | None, coverage: float) -> None:
    kept = [h for h in range(24) if not 4 <= h < 4 + gap]
    got, covered = day_mean(DATE, MOSCOW, [START + h * HOUR_MS for h in kept], [-1000 * h for h in kept])
    assert covered == pytest.approx(coverage)
    if gap == 6:
        assert got == mean
    elif gap == 13:
        assert got is None
