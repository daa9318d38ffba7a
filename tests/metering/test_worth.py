"""Avoided use in roubles, tonnes and years."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from metering.alerts import Figure
from metering.site import Tariff
from metering.worth import FACTORS, Factor, Unpriced, emission, factor_on, simple_payback_years, worth

JULY = dt.date(2025, 7, 1).toordinal()
TARIFF = Tariff.model_validate(
    {
        "id": "heat",
        "unit": "Gcal",
        "prices": [{"from": "2024-07-01", "price": "2000.00"}, {"from": "2025-07-01", "price": "2500.00"}],
    }
)


def test_each_day_at_its_own_price():
    days = [Figure(JULY - 1, 2_326_000, 1_163_000), Figure(JULY, 2_326_000, 1_163_000)]
    result = worth(days, TARIFF, half_width=1_163_000.0)
    assert result.avoided == 2_326_000
    assert result.money == Decimal("4500")
    assert result.half_width == Decimal("2250")


def test_more_use_costs():
    assert worth([Figure(JULY, 0, 1_163_000)], TARIFF, half_width=0.0).money == Decimal("-2500")


def test_no_days_are_worth_nothing():
    assert worth([], TARIFF, half_width=5.0) == (0, Decimal(0), Decimal(0))


def test_carbon_of_heat_and_its_range():
    result = emission("heat", {JULY: 1_163_000})
    assert result.kg == pytest.approx(Decimal(255))
    assert result.low < result.kg <= result.high
    assert result.sources == (FACTORS["heat"][0].source,)


def test_a_factor_holds_from_its_day():
    factors = {
        "electricity": (
            Factor(dt.date(2025, 1, 1), Decimal("0.4"), Decimal("0.3"), Decimal("0.5"), "a"),
            Factor(dt.date(2025, 7, 1), Decimal("0.2"), Decimal("0.1"), Decimal("0.3"), "b"),
        )
    }
    result = emission("electricity", {JULY - 1: 10_000, JULY: 10_000}, factors)
    assert result.kg == Decimal("6.0")
    assert result.sources == ("a", "b")


@pytest.mark.parametrize(("carrier", "day"), [("cold_water", "2025-01-01"), ("heat", "1999-01-01")])
def test_what_has_no_factor_is_not_guessed(carrier, day):
    with pytest.raises(Unpriced, match=f"no CO2 factor for {carrier} on {day}"):
        factor_on(carrier, dt.date.fromisoformat(day))


@pytest.mark.parametrize(
    ("investment", "money", "days", "years"),
    [("3000", "1000", 365.25, "3"), ("3000", "0", 365, None), ("3000", "-5", 365, None), ("1", "1", 0, None)],
)
def test_simple_payback(investment, money, days, years):
    got = simple_payback_years(Decimal(investment), Decimal(money), round(days))
    assert got is None if years is None else got == pytest.approx(Decimal(years), rel=Decimal("0.01"))
