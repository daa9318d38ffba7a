"""Avoided use in roubles, tonnes and years."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from metering.savings.assess import DAYS_PER_MONTH
from metering.savings.day import Figure
from metering.savings.worth import (
    FACTORS,
    Factor,
    Unpriced,
    emission,
    factor_on,
    money_of,
    price_digest,
    simple_payback_years,
    worth,
    yearly,
)
from metering.site.parts import Tariff
from metering.times import DAYS_A_YEAR

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


def test_a_year_has_one_length():
    assert DAYS_A_YEAR == 365.25
    assert DAYS_PER_MONTH == DAYS_A_YEAR / 12
    assert yearly(Decimal(360), 360) == Decimal("365.25")
    assert simple_payback_years(Decimal("365.25"), Decimal(360), 360) == 1


def test_equal_prices_have_one_digest():
    prices = TARIFF.prices
    assert price_digest(None) == ""
    assert price_digest(TARIFF.model_copy(update={"prices": prices[::-1]})) == price_digest(TARIFF)
    assert price_digest(TARIFF.model_copy(update={"prices": prices[:1]})) != price_digest(TARIFF)
    assert price_digest(TARIFF.model_copy(update={"unit": "kWh"})) != price_digest(TARIFF)


@pytest.mark.parametrize(
    ("day", "price"), [("2020-01-01", 2000), ("2025-06-30", 2000), ("2025-07-01", 2500), ("2026-01-01", 2500)]
)
def test_the_price_of_a_day_is_that_of_the_tariff(day, price):
    on = dt.date.fromisoformat(day)
    assert money_of([(on.toordinal(), 1_163_000)], TARIFF) == price


def test_an_interval_without_bound_has_none_in_money():
    result = worth([Figure(JULY, 0, 0)], TARIFF, half_width=float("inf"))
    assert result.half_width == Decimal("Infinity")
    assert result.half_width_hundredths is None
