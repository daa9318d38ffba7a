"""Units and quantities of metering, and the integer amounts that Kvartal counts in.

Every value is turned into an integer once, when it is decoded, and stays an integer until it is
shown: watt-hours for energy, litres for volume, thousandths of a degree for temperature, watts for power,
litres an hour for flow.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from metering.events import Nature

# The international steam table calorie: 1 cal_IT = 4.1868 J, so 1 Gcal = 4.1868 GJ = 1.163 MWh exactly
# (ISO 80000-5, and the tariff practice of Russian heat supply).
WH_PER_GCAL: Final = 1_163_000


class Unit(NamedTuple):
    """A unit of measurement and how many base units it holds."""

    name: str
    quantity: str
    base: str
    """Name of the integer base unit: `Wh`, `l`, `m°C`, `W` or `l/h`."""
    scale: Fraction
    """Base units in one of this unit."""
    spellings: tuple[str, ...] = ()
    """Other spellings met in payloads; compared without case."""


UNITS: Final[dict[str, Unit]] = {
    unit.name: unit
    for unit in (
        Unit("Wh", "energy", "Wh", Fraction(1), ("Вт·ч", "Втч", "w·h", "watt_hour")),
        Unit("kWh", "energy", "Wh", Fraction(1_000), ("кВт·ч", "кВтч", "kw·h", "kw-h")),
        Unit("MWh", "energy", "Wh", Fraction(1_000_000), ("МВт·ч", "МВтч", "mw·h")),
        Unit("GJ", "energy", "Wh", Fraction(10**9, 3600), ("ГДж",)),
        Unit("Gcal", "energy", "Wh", Fraction(WH_PER_GCAL), ("Гкал",)),
        Unit("m3", "volume", "l", Fraction(1_000), ("м3", "м³", "m³", "cbm")),
        Unit("l", "volume", "l", Fraction(1), ("л", "litre", "liter", "dm3")),
        Unit("m3/h", "flow", "l/h", Fraction(1_000), ("м3/ч", "м³/ч", "m³/h")),
        Unit("l/h", "flow", "l/h", Fraction(1), ("л/ч",)),
        Unit("kW", "power", "W", Fraction(1_000), ("кВт",)),
        Unit("W", "power", "W", Fraction(1), ("Вт",)),
        Unit("Gcal/h", "power", "W", Fraction(WH_PER_GCAL), ("Гкал/ч",)),
        Unit("°C", "temperature", "m°C", Fraction(1_000), ("C", "degC", "℃", "celsius", "ºC")),
    )
}

_BY_SPELLING: Final = {
    spelling.casefold(): unit for unit in UNITS.values() for spelling in (unit.name, *unit.spellings)
}


class Quantity(NamedTuple):
    """One quantity of a meter or a station."""

    nature: Nature
    unit: str
    """Name of the unit of its readings if neither payload nor site file names a unit."""

    @property
    def dimension(self) -> str:
        """What its units measure: `energy`, `volume`, `temperature`, `flow` or `power`."""
        return UNITS[self.unit].quantity

    @property
    def base(self) -> str:
        """Name of the base unit that its amounts are integers of."""
        return UNITS[self.unit].base


QUANTITIES: Final[dict[str, Quantity]] = {
    "energy": Quantity("register", "kWh"),
    "volume": Quantity("register", "m3"),
    "supply_temperature": Quantity("gauge", "°C"),
    "return_temperature": Quantity("gauge", "°C"),
    "indoor_temperature": Quantity("gauge", "°C"),
    "outdoor_temperature": Quantity("gauge", "°C"),
    "flow": Quantity("gauge", "m3/h"),
    "power": Quantity("gauge", "kW"),
}
"""By name. A meter's own register (`energy` or `volume`) has the unit that the site file gives the meter."""

COUNTED: Final = tuple(name for name, quantity in QUANTITIES.items() if quantity.nature == "register")
"""The quantities that a register counts."""

SHOWN_UNIT: Final[dict[str, str]] = {
    "heat": "Gcal",
    "electricity": "kWh",
    "cold_water": "m3",
    "hot_water": "m3",
    "gas": "m3",
}
"""Name of the unit that people know a carrier by."""

# Above this a float cannot represent every integer; no meter of a building counts that much (9 PWh).
LARGEST_AMOUNT: Final = 2**53


class UnknownUnit(ValueError):
    """The payload or the site file names a unit that Kvartal does not know."""


class AbsurdValue(ValueError):
    """A number that no register or gauge can show: NaN, infinite, or beyond 2^53 base units."""


def unit_named(name: str) -> Unit:
    """The unit that a payload or the site file calls `name`.

    Raises:
        UnknownUnit: with the names that are known.
    """
    unit = _BY_SPELLING.get(name.strip().casefold())
    if unit is None:
        raise UnknownUnit(f"unknown unit {name!r}; known are {', '.join(UNITS)}")
    return unit


def to_amount(value: int | float | Decimal, unit: Unit) -> int:
    """`value` in `unit` as an integer of the unit's base, rounded half to even, once.

    A float stands for the shortest decimal that reads back as it, which is the number in the payload: 1234.567 Gcal is
    1 435 801 421 Wh, not one less.

    Raises:
        AbsurdValue: `value` is NaN, infinite, or beyond `LARGEST_AMOUNT` base units.
    """
    numerator, denominator = unit.scale.numerator, unit.scale.denominator
    if (isinstance(value, float) and not math.isfinite(value)) or (
        isinstance(value, Decimal) and not value.is_finite()
    ):
        raise AbsurdValue(f"{value} is not a number that a meter can show")
    # No unit is smaller than its base, so this is beyond the limit in every unit. Numbers that would overflow
    # below stop here.
    if not -LARGEST_AMOUNT <= value <= LARGEST_AMOUNT:
        raise AbsurdValue(f"the value is beyond 2^53 {unit.base}")
    if isinstance(value, int):
        amount = round(Fraction(value * numerator, denominator)) if denominator != 1 else value * numerator
    elif isinstance(value, float):
        exact = value * numerator / denominator
        amount = round(exact)
        # Near a tie the float product may fall on the wrong side; the decimal decides there.
        if abs(abs(exact - amount) - 0.5) < 1e-3 and abs(exact) < LARGEST_AMOUNT:
            amount = _decimal_amount(Decimal(repr(value)), numerator, denominator)
    else:
        # Such a small number is zero in every unit, and writing out its digits could take for ever.
        amount = 0 if value.adjusted() < -30 else _decimal_amount(value, numerator, denominator)
    if not -LARGEST_AMOUNT <= amount <= LARGEST_AMOUNT:
        raise AbsurdValue(f"{value} {unit.name} is beyond 2^53 {unit.base}")
    return amount


def _decimal_amount(value: Decimal, numerator: int, denominator: int) -> int:
    if denominator == 1:
        return int((value * numerator).to_integral_value(ROUND_HALF_EVEN))
    return round(Fraction(value) * Fraction(numerator, denominator))
