"""Expected use after a change of the house: static factors and events."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.savings.adjustments import Adjustment, Statics, adjusted, scaled
from tests.baselines import heating_baseline


@pytest.mark.parametrize(
    ("statics", "temp", "heated", "expected"),
    [
        (Statics(), 0, True, 2_600),
        (Statics(area=Fraction(11, 10)), 0, True, 1_000 + 1_760),
        (Statics(persons=Fraction(9, 10)), 0, True, 900 + 1_600),
        (Statics(indoor_mc=1_000), 0, True, 2_700),
        (Statics(indoor_mc=1_000), 20_000, False, 1_000),
        (Statics(area=Fraction(2), persons=Fraction(1, 2)), 20_000, False, 500),
    ],
)
def test_static_factors(statics, temp, heated, expected):
    assert adjusted(heating_baseline(), statics, temp, heated=heated) == expected


@pytest.mark.parametrize(("date", "added"), [(5, 0), (6, -10), (10, -10), (400, -10)])
def test_an_open_event_goes_on(date, added):
    assert Adjustment(6, None, -10, "r", "a", "b").added(date, 100) == added


def test_a_line_without_a_balance_is_heating_all_of_it():
    plain = heating_baseline("heating_2p", base=2_000.0, heating=100.0)
    statics = Statics(area=Fraction(11, 10), persons=Fraction(1, 2))
    assert adjusted(plain, statics, 0, heated=True) == 2_200


@given(
    whole=st.integers(0, 10**9),
    persons=st.fractions(0, 3, max_denominator=400),
    area=st.fractions(0, 3, max_denominator=400),
)
def test_the_parts_are_rounded_once_and_as_python_rounds(whole, persons, area):
    base = min(1_000, whole)
    exact = base * persons + (whole - base) * area
    assert scaled(heating_baseline(), Statics(area, persons), whole) == round(exact)
