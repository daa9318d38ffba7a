"""How the page shows what a meter's quantity amounts to: the unit that people know it by, and its decimals."""

from __future__ import annotations

from typing import Final, NamedTuple

from dashboards.words import wording
from dashboards.words.wording import Lang
from metering.site.meters import Meter
from metering.units import QUANTITIES, SHOWN_UNIT, UNITS

DIGITS: Final = {"Gcal": 3, "kWh": 1, "m3": 2, "°C": 1, "m3/h": 2, "kW": 1}
"""Decimals of a day's or an hour's amount, by unit."""


class Shown(NamedTuple):
    """The unit of what is shown."""

    unit: str
    scale: float
    """Base units in one of it."""
    digits: int

    def number(self, amount: float | None, lang: Lang) -> str:
        """An amount in base units as text without its unit; a dash where there is none."""
        return "—" if amount is None else wording.number(amount / self.scale, lang, self.digits)

    def text(self, amount: float | None, lang: Lang) -> str:
        """An amount in base units as text with its unit; a dash where there is none."""
        return "—" if amount is None else wording.quantity(amount / self.scale, self.unit, lang, self.digits)


def shown(meter: Meter, quantity: str) -> Shown:
    """How a quantity of a meter is shown: Gcal for heat, m3 for volumes, and what gauges show."""
    if quantity == meter.quantity:
        unit = SHOWN_UNIT[meter.carrier]
    elif quantity == "energy":
        unit = "Gcal"
    else:
        unit = QUANTITIES[quantity].unit
    return Shown(unit, float(UNITS[unit].scale), DIGITS[unit])
