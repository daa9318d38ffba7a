"""The meter, quantity and unit of a message, by its topic, the site file and the payload. Pure.

The building comes from the topic only, which the broker binds to the sender, never from the payload.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ingest.reasons import Reject, short
from ingest.topics import Match
from metering.events import Nature
from metering.site.model import Site
from metering.times import clock
from metering.units import QUANTITIES, UNITS, Unit, UnknownUnit, unit_named


class Place(NamedTuple):
    """The meter or station of a message's readings, their quantity and clock."""

    building: str
    """Building id; empty for a station."""
    meter: str
    """Meter id, or station id."""
    quantity: str | None
    """None without a site file: then the unit of the payload decides."""
    nature: Nature
    unit: Unit | None
    """The unit if the payload names none."""
    zone: ZoneInfo
    """The clock of times without an offset."""


class Places:
    """The meters and stations of a site; without a site, any."""

    def __init__(self, site: Site | None) -> None:
        self._site = site
        self._zone = site.zone if site is not None else ZoneInfo("UTC")

    def of(self, match: Match, quantity: Any) -> Place:
        """The place of a message.

        Args:
            match: The ids in its topic.
            quantity: The quantity in its payload, not checked yet, or None.

        Raises:
            Reject: the quantity, the station or the meter is unknown, or the meter takes no readings.
        """
        if quantity is not None and (not isinstance(quantity, str) or quantity not in QUANTITIES):
            raise Reject(
                "unknown_quantity", f"{short(quantity)} is no quantity; known are {', '.join(QUANTITIES)}"
            )
        if match.station is not None:
            return self._of_station(match.station, quantity)
        building, meter = match.building or "", match.meter or ""
        if quantity == "outdoor_temperature":
            raise Reject("unknown_quantity", "outdoor_temperature is a station's, not a meter's")
        if self._site is None:
            if quantity is None:
                return Place(building, meter, None, "register", None, self._zone)
            return _beside(building, meter, quantity, self._zone)
        return self._of_meter(self._site, building, meter, quantity)

    def _of_station(self, station: str, quantity: str | None) -> Place:
        if self._site is not None and station not in self._site.stations:
            raise Reject("unknown_station", f"the site file has no station {station!r}")
        if quantity not in (None, "outdoor_temperature"):
            raise Reject("unknown_quantity", f"a station has outdoor_temperature, got {quantity!r}")
        return Place("", station, "outdoor_temperature", "gauge", UNITS["°C"], self._zone)

    def _of_meter(self, site: Site, building: str, meter: str, quantity: str | None) -> Place:
        described = site.meters.get((building, meter))
        if described is None:
            raise Reject("unknown_meter", f"the site file has no meter {building}/{meter}")
        if described.virtual is not None:
            members = ", ".join(described.virtual.members)
            raise Reject("virtual_meter", f"{building}/{meter} is made of {members}")
        zone = self._zone if described.timezone is None else clock(described.timezone)
        if quantity is not None and quantity != described.quantity:
            return _beside(building, meter, quantity, zone)
        return Place(building, meter, described.quantity, "register", UNITS[described.unit], zone)


def _beside(building: str, meter: str, quantity: str, zone: ZoneInfo) -> Place:
    """The place of a quantity that is not the meter's own register."""
    known = QUANTITIES[quantity]
    return Place(building, meter, quantity, known.nature, UNITS[known.unit], zone)


def unit_of(place: Place, name: Any) -> Unit:
    """The unit of a message: that of the payload, else that of the meter.

    Args:
        place: The place of the message.
        name: The unit in its payload, not checked yet, or None.

    Raises:
        Reject: there is no unit, it is unknown, or it measures another quantity.
    """
    if name is None:
        if place.unit is None:
            raise Reject("no_unit", "the payload names no unit and there is no site file")
        return place.unit
    if not isinstance(name, str):
        raise Reject("unknown_unit", f"{short(name)} is not the name of a unit")
    try:
        unit = unit_named(name)
    except UnknownUnit:
        raise Reject("unknown_unit", f"unknown unit {name[:40]!r}; known are {', '.join(UNITS)}") from None
    counts = None if place.quantity is None else QUANTITIES[place.quantity].dimension
    if counts is not None and unit.quantity != counts:
        raise Reject("wrong_unit", f"unit {unit.name} measures {unit.quantity}, here {counts} is counted")
    return unit
