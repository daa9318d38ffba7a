"""What houses, meters and registers are called: by the names of the site file, or else by their ids."""

from __future__ import annotations

from dashboards.words.lang import Lang, pick
from dashboards.words.terms import CARRIERS, QUANTITIES, term
from metering.site.meters import Meter
from metering.site.model import Site


def house_name(site: Site, building: str) -> str:
    """The name of a building; its id if it has no name or the site file no longer lists it."""
    house = site.buildings.get(building)
    return building if house is None else house.name or building


def meter_name(site: Site, building: str, meter: str) -> str:
    """The name of a meter; its id if it has no name or the site file no longer lists it."""
    listed = site.meters.get((building, meter))
    return meter if listed is None else listed.name or meter


def register_name(site: Site, building: str, meter: str, quantity: str, lang: Lang) -> str:
    """The name of a meter, followed by the quantity if that is not the one of its own register."""
    name, listed = meter_name(site, building, meter), site.meters.get((building, meter))
    if listed is None or quantity == listed.quantity:
        return name
    return f"{name}, {term(QUANTITIES, quantity, lang)}"


def counted(meter: Meter, quantity: str, lang: Lang) -> str:
    """What a register of a meter counts: the carrier for its own register, otherwise the quantity."""
    return pick(CARRIERS[meter.carrier] if quantity == meter.quantity else QUANTITIES[quantity], lang)
