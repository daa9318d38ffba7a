"""A usual year out of one that was."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.savings.typical_year import NoWeather, typical_year

FIRST = dt.date(2023, 10, 1).toordinal()
LAST = FIRST + 364
NORMALS = [-4_800, -5_000, -1_000, 5_200, 11_500, 16_100, 19_100, 17_400, 12_400, 6_200, 900, -2_500]


def month(date):
    return dt.date.fromordinal(date).month


@given(
    temps=st.lists(st.integers(-30_000, 30_000), min_size=365, max_size=365),
    gaps=st.sets(st.integers(0, 364), max_size=20),
)
def test_the_months_are_those_of_the_climate(temps, gaps):
    known = {FIRST + i: temp for i, temp in enumerate(temps) if i not in gaps}
    year = typical_year(known, FIRST, LAST, normals_mc=NORMALS)
    assert list(year) == list(range(FIRST, LAST + 1))
    for number in range(1, 13):
        held = [temp for date, temp in year.items() if month(date) == number]
        assert sum(held) / len(held) == pytest.approx(NORMALS[number - 1], abs=2)


def test_days_follow_each_other_as_they_did():
    known = {FIRST + i: 100 * (i % 9) for i in range(365)}
    year = typical_year(known, FIRST, LAST, normals_mc=NORMALS)
    assert year[FIRST + 5] - year[FIRST + 4] == known[FIRST + 5] - known[FIRST + 4]
    assert typical_year(known, FIRST, LAST) == known


def test_a_month_without_weather_is_no_year():
    known = {FIRST + i: 0 for i in range(40, 365)}
    with pytest.raises(NoWeather, match="2023-10"):
        typical_year(known, FIRST, LAST)
