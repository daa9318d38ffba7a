"""The heating season by the law's rule, darkness by the sun, days off by calendar."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.calendars import day_off
from metering.daylight import dark_hours, dark_share, sun_elevation
from metering.season import DECLARED, RULES, heated, heated_days, last_affected

DAY = dt.date(2024, 9, 20).toordinal()


def ordinal(text):
    return dt.date.fromisoformat(text).toordinal()


def of(temps):
    return lambda date: temps[date - DAY] if 0 <= date - DAY < len(temps) else None


def test_five_cold_days_turn_heat_on_and_five_warm_ones_off():
    temps = [12_000] * 6 + [7_000] * 4 + [9_000] + [7_000] * 5 + [3_000, 9_500, 3_000] + [9_000] * 6
    flags = [heated(DAY + i, of(temps), rule="days") for i in range(6, len(temps) + 1)]
    # Four cold days are not enough; the fifth in a row is, from the day after on.
    assert flags == [False] * 10 + [True] * 8 + [False] * 2


def test_the_mean_of_five_days_decides_and_hysteresis_waits():
    temps = [12_000] * 5 + [3_000] * 5 + [8_300] * 6 + [9_200] * 6
    days = range(10, len(temps) + 1)
    assert [heated(DAY + i, of(temps), rule="mean") for i in days] == [True] * 5 + [False] * 8
    assert [heated(DAY + i, of(temps), rule="mean+0.5") for i in days] == [True] * 8 + [False] * 5
    assert [heated(DAY + i, of(temps), rule="mean+1") for i in days] == [True] * 10 + [False] * 3


def test_a_day_of_exactly_eight_degrees_belongs_to_no_run():
    temps = [12_000] * 5 + [7_000] * 4 + [8_000] + [7_000]
    assert heated(DAY + 11, of(temps), rule="days") is False


def test_declared_dates_rule_alone():
    declared = [(DAY, DAY + 9)]
    flags = heated_days(DAY - 1, DAY + 10, of([25_000] * 30), rule=DECLARED, declared=declared)
    assert flags == [False] + [True] * 10 + [False]


@pytest.mark.parametrize(("date", "on"), [("2025-01-15", True), ("2025-07-15", False), ("2025-10-05", True)])
def test_without_weather_the_calendar_decides(date, on):
    assert heated(ordinal(date), lambda _: None, rule="mean") is on


some_temps = st.lists(
    st.sampled_from([None, 2_000, 7_999, 8_000, 8_001, 8_600, 15_000]), min_size=30, max_size=80
)


@given(temps=some_temps, rule=st.sampled_from(list(RULES)), before=st.integers(-10, 40))
def test_days_in_one_pass_are_the_days_one_by_one(temps, rule, before):
    first, last = DAY + before, DAY + before + 220
    assert heated_days(first, last, of(temps), rule=rule) == [
        heated(date, of(temps), rule=rule) for date in range(first, last + 1)
    ]


@given(
    temps=some_temps,
    at=st.integers(0, 60),
    new=st.sampled_from([None, -5_000, 20_000]),
    rule=st.sampled_from(list(RULES)),
)
def test_what_a_changed_temperature_can_reach(temps, at, new, rule):
    at = min(at, len(temps) - 1)
    changed = [*temps[:at], new, *temps[at + 1 :]]
    last = DAY + len(temps)
    reach = last_affected(DAY + at, of(changed), last)
    for date in range(reach + 1, last + 1):
        assert heated(date, of(temps), rule=rule) == heated(date, of(changed), rule=rule)


@pytest.mark.parametrize(
    ("date", "latitude", "hours"),
    [
        # Almanac: St Petersburg, sunrise to sunset 5 h 53 min and 18 h 51 min on the solstices.
        ("2025-12-21", 59.94, 24 - 5.88),
        ("2025-06-21", 59.94, 24 - 18.85),
        ("2025-03-20", 0.0, 24 - 12.12),
        ("2025-06-21", 69.65, 0.0),
        ("2025-12-21", 69.65, 24.0),
        ("2025-12-21", -33.87, 24 - 14.41),
        ("2025-06-21", 90.0, 0.0),
    ],
)
def test_dark_hours(date, latitude, hours):
    assert dark_hours(ordinal(date), latitude) == pytest.approx(hours, abs=0.08)


def test_the_hours_of_a_day_add_up_to_its_darkness():
    for date in ("2025-01-10", "2025-04-10", "2025-09-30"):
        start = (ordinal(date) - dt.date(1970, 1, 1).toordinal()) * 24
        total = sum(dark_share(start + hour, 59.94, 30.31) for hour in range(24))
        assert total == pytest.approx(dark_hours(ordinal(date), 59.94), abs=0.35)


def test_the_sun_stands_highest_at_the_places_noon():
    start = (ordinal("2025-04-15") - dt.date(1970, 1, 1).toordinal()) * 24
    noon = max(range(24 * 60), key=lambda minute: sun_elevation(start + minute / 60, 59.94, 30.31))
    assert noon / 60 == pytest.approx(12 - 30.31 / 15, abs=0.05)


@pytest.mark.parametrize(
    ("date", "calendar", "off"),
    [
        ("2025-01-03", "week", False),
        ("2025-01-03", "ru", True),
        ("2025-01-04", "week", True),
        ("2025-07-15", "ru", False),
        ("2025-07-15", "ru_school", True),
        ("2025-09-02", "ru_school", False),
    ],
)
def test_days_off(date, calendar, off):
    assert day_off(ordinal(date), calendar) is off


def test_an_unknown_calendar_is_refused():
    with pytest.raises(ValueError, match="'mars' is not known; known are week, ru, ru_school"):
        day_off(DAY, "mars")
