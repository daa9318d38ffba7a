"""Units by their spellings, and values as integers of the base unit."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.units import QUANTITIES, SHOWN_UNIT, UNITS, AbsurdValue, UnknownUnit, to_amount, unit_named


@pytest.mark.parametrize(
    ("value", "unit", "amount"),
    [
        (1234.567, "Gcal", 1_435_801_421),
        (Decimal("1234.567"), "Gcal", 1_435_801_421),
        (1, "Gcal", 1_163_000),
        (1, "GJ", 277_778),
        (3.6, "GJ", 1_000_000),
        (0.0005, "kWh", 0),
        (0.0015, "kWh", 2),
        (0.0025, "kWh", 2),
        (12, "kWh", 12_000),
        (0.1, "MWh", 100_000),
        (345.12, "m3", 345_120),
        (-4.25, "°C", -4_250),
        (-0.0, "kWh", 0),
        (Decimal("1e-999999999"), "kWh", 0),
        (Decimal("1e-999999999"), "GJ", 0),
        (Decimal("0e999999999"), "GJ", 0),
    ],
)
def test_values_become_integers_once(value: float | Decimal, unit: str, amount: int) -> None:
    assert to_amount(value, UNITS[unit]) == amount


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300, 2**80, Decimal("NaN"), Decimal("1e30")])
def test_what_no_register_can_show_is_refused(value: float | Decimal) -> None:
    with pytest.raises(AbsurdValue):
        to_amount(value, UNITS["kWh"])


@given(
    st.decimals(min_value=0, max_value=10**7, places=3), st.sampled_from(["Wh", "kWh", "MWh", "Gcal", "m3"])
)
def test_a_float_means_the_decimal_it_was_written_as(value: Decimal, unit: str) -> None:
    assert to_amount(float(value), UNITS[unit]) == to_amount(value, UNITS[unit])


@pytest.mark.parametrize(
    ("spelling", "name"),
    [("Гкал", "Gcal"), ("KWH", "kWh"), ("кВт·ч", "kWh"), ("m³", "m3"), (" gcal ", "Gcal"), ("℃", "°C")],
)
def test_units_are_known_by_their_spellings(spelling: str, name: str) -> None:
    assert unit_named(spelling).name == name


def test_an_unknown_unit_names_the_known_ones() -> None:
    with pytest.raises(UnknownUnit, match="Gcal"):
        unit_named("BTU")


@pytest.mark.parametrize(
    ("carrier", "quantity"), [("heat", "energy"), ("electricity", "energy"), ("gas", "volume")]
)
def test_a_carrier_is_shown_in_a_unit_of_what_its_register_counts(carrier: str, quantity: str) -> None:
    assert UNITS[SHOWN_UNIT[carrier]].quantity == quantity


@pytest.mark.parametrize(
    ("quantity", "dimension", "base"),
    [("energy", "energy", "Wh"), ("supply_temperature", "temperature", "m°C"), ("flow", "flow", "l/h")],
)
def test_a_quantity_has_the_dimension_and_base_of_its_unit(quantity: str, dimension: str, base: str) -> None:
    assert (QUANTITIES[quantity].dimension, QUANTITIES[quantity].base) == (dimension, base)
