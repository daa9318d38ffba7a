"""The heating season by the law's rule."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.baselines.season import DECLARED, RULES, USUAL, heated, heated_days, last_affected, rule_named
from tests.dates import day

DAY = dt.date(2024, 9, 20).toordinal()


def of(temps):
    return lambda date: temps[date - DAY] if 0 <= date - DAY < len(temps) else None


def test_the_mean_of_five_days_decides_and_the_degree_of_ending_waits():
    temps = [12_000] * 5 + [3_000] * 5 + [8_300] * 6 + [9_200] * 6
    days = range(10, len(temps) + 1)
    assert [heated(DAY + i, of(temps), rule="8/8+0") for i in days] == [True] * 5 + [False] * 8
    assert [heated(DAY + i, of(temps), rule="8/8.5+0") for i in days] == [True] * 8 + [False] * 5
    assert [heated(DAY + i, of(temps), rule="8/9+0") for i in days] == [True] * 10 + [False] * 3
    assert [heated(DAY + i, of(temps), rule="8/9+2") for i in days] == [True] * 12 + [False]


def test_names_of_rules():
    assert USUAL.name == "8/8.5+0"
    assert [rule_named(rule.name) for rule in RULES] == list(RULES)
    assert USUAL in RULES
    with pytest.raises(ValueError):
        rule_named("when it is cold")


def test_declared_dates_rule_alone():
    declared = [(DAY, DAY + 9)]
    flags = [heated(DAY + i, of([25_000] * 30), rule=DECLARED, declared=declared) for i in (-1, 0, 9, 10)]
    assert flags == [False, True, True, False]


@pytest.mark.parametrize(("date", "on"), [("2025-01-15", True), ("2025-07-15", False), ("2025-10-05", True)])
def test_without_weather_the_calendar_decides(date, on):
    assert heated(day(date), lambda _: None, rule=USUAL.name) is on


some_temps = st.lists(
    st.sampled_from([None, 2_000, 7_400, 7_999, 8_000, 8_001, 8_600, 9_700, 15_000]), min_size=30, max_size=80
)


@settings(max_examples=30, deadline=None)
@given(temps=some_temps, before=st.integers(-10, 40))
def test_days_in_one_pass_are_the_days_one_by_one(temps, before):
    first, last = DAY + before, DAY + before + 200
    matrix = heated_days(first, last, of(temps))
    for row, rule in zip(matrix[::7], RULES[::7], strict=True):
        assert row.tolist() == [heated(date, of(temps), rule=rule.name) for date in range(first, last + 1)]


@given(
    temps=some_temps,
    at=st.integers(0, 60),
    new=st.sampled_from([None, -5_000, 20_000]),
    rule=st.sampled_from(RULES),
)
def test_what_a_changed_temperature_can_reach(temps, at, new, rule):
    at = min(at, len(temps) - 1)
    changed = [*temps[:at], new, *temps[at + 1 :]]
    last = DAY + len(temps) + 5
    reach = last_affected(DAY + at, of(changed), last)
    for date in range(reach + 1, last + 1):
        assert heated(date, of(temps), rule=rule.name) == heated(date, of(changed), rule=rule.name)
