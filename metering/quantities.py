"""What meters measure: the quantities, whether they count up or show what is now, and their units."""

from __future__ import annotations

from typing import Final, NamedTuple

from metering.events import Nature
from metering.units import UNITS


class Quantity(NamedTuple):
    """One quantity of a meter or a station."""

    nature: Nature
    unit: str
    """Name of the unit of its readings where neither payload nor site file names one (`metering.units`)."""

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
