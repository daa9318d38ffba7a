"""Amounts and temperatures on the page: the unit in which people know a quantity, and its decimals."""

from __future__ import annotations

from typing import Final, NamedTuple

from dashboards.words.lang import Lang
from dashboards.words.numbers import number, quantity
from metering.site.meters import Meter
from metering.units import QUANTITIES, SHOWN_UNIT, UNITS

DIGITS: Final = {"Gcal": 3, "kWh": 1, "m3": 2, "°C": 1, "m3/h": 2, "kW": 1}
"""Decimals of a day's or an hour's amount, by unit."""
ABSENT: Final = "—"
"""Stands for a figure that does not exist."""


class Shown(NamedTuple):
    """How amounts of one quantity are shown."""

    unit: str
    scale: float
    """Base units in one of it."""
    digits: int

    def number(self, amount: float | None, lang: Lang) -> str:
        """An amount [base units] as text without its unit; a dash for None."""
        return ABSENT if amount is None else number(amount / self.scale, lang, self.digits)

    def text(self, amount: float | None, lang: Lang) -> str:
        """An amount [base units] as text with its unit; a dash for None."""
        return ABSENT if amount is None else quantity(amount / self.scale, self.unit, lang, self.digits)


def shown(meter: Meter, name: str) -> Shown:
    """How a quantity of a meter is shown: heat in Gcal, volumes in m3, gauges in their own unit."""
    if name == meter.quantity:
        unit = SHOWN_UNIT[meter.carrier]
    elif name == "energy":
        unit = "Gcal"
    else:
        unit = QUANTITIES[name].unit
    return Shown(unit, float(UNITS[unit].scale), DIGITS[unit])


def degrees(millidegrees: int | None, lang: Lang) -> str:
    """A temperature [0.001 °C] as text in °C without the unit; a dash for None."""
    return ABSENT if millidegrees is None else number(millidegrees / 1000, lang, 1)
