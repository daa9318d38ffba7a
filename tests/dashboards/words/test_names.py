"""Names of houses, meters and registers."""

from __future__ import annotations

import pytest

from dashboards.words.names import house_name, meter_name, register_name
from tests.sites import build_site, building, meter

SITE = build_site(
    building(meter(name="Теплосчётчик"), meter("water", "cold_water", "m3"), name="Белградская ул., 8"),
    building(id="b02"),
)


@pytest.mark.parametrize(
    ("building", "name"), [("b01", "Белградская ул., 8"), ("b02", "b02"), ("gone", "gone")]
)
def test_houses(building: str, name: str) -> None:
    assert house_name(SITE, building) == name


@pytest.mark.parametrize(
    ("meter", "quantity", "name", "register"),
    [
        ("heat", "energy", "Теплосчётчик", "Теплосчётчик"),
        ("heat", "volume", "Теплосчётчик", "Теплосчётчик, volume"),
        ("heat", "humidity", "Теплосчётчик", "Теплосчётчик, humidity"),
        ("water", "volume", "water", "water"),
        ("gone", "energy", "gone", "gone"),
    ],
)
def test_meters_and_registers(meter: str, quantity: str, name: str, register: str) -> None:
    assert meter_name(SITE, "b01", meter) == name
    assert register_name(SITE, "b01", meter, quantity, "en") == register
