"""What the site file says that the pipeline must know as events: declared exchanges, and who builds on which days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from metering.events import Awaited, Declared, Exchange
from metering.ledger.balance import subs_of
from metering.site.model import Building, DeclaredExchange, Meter, Site, Virtual
from metering.times import UTC, date_of, to_ms
from metering.units import UNITS, to_amount

_BEFORE_A_BASELINE: Final = 400
"""Days before its first day that a baseline may look at: a season is told from the temperatures before it."""
_LONGEST_HISTORY: Final = 3_660
"""How far back a virtual meter is made of its members' days [d]."""


def site_events(site: Site, now: int, *, before: Site | None = None) -> list[Declared | Awaited]:
    """All that the pipeline must know of the site as events: run at the start and whenever the site file changes.

    Embedded they are run and committed, in the cluster ingest publishes them under their building. They may come
    again, from several processes too: what is known already changes nothing.

    Args:
        site: The site.
        now: The time [ms].
        before: The site whose events the pipeline has had: only what is new since is told.
    """
    told = frozenset(site_events(before, now)) if before is not None else frozenset()
    events: list[Declared | Awaited] = [*declared(site, now), *awaited(site, now)]
    return [event for event in events if event not in told]


def awaited(site: Site, now: int) -> list[Awaited]:
    """The days that contracts, virtual meters and balances build on."""
    long_ago = date_of(now, site.zone) - _LONGEST_HISTORY
    events = [
        Awaited(building.id, reader, member, quantity, "", long_ago, now)
        for building in site.building
        for reader, quantity, members in _readers(building)
        for member in members
    ]
    for contract in site.contract:
        quantity = site.meters[contract.building, contract.meter].quantity
        station = site.buildings[contract.building].station or ""
        first = contract.baseline.from_.toordinal() - _BEFORE_A_BASELINE
        events.append(Awaited(contract.building, contract.id, contract.meter, quantity, station, first, now))
    return events


def _readers(building: Building) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Virtual meters and balances of a building: (reader, quantity, meters that it reads)."""
    quantities = {meter.id: meter.quantity for meter in building.meter}
    for meter in building.meter:
        if meter.virtual is not None:
            yield _made_of(meter.id, meter.virtual), meter.quantity, meter.virtual.members
    for main, subs in subs_of(building).items():
        meters = (main, *(sub.id for sub in subs))
        yield f"balance of {' '.join(meters)}", quantities[main], meters


def _made_of(meter: str, virtual: Virtual) -> str:
    """A virtual meter with what it is made of: made of others it is a new reader."""
    return f"{meter} = {' + '.join(virtual.plus)}{''.join(f' - {member}' for member in virtual.minus)}"


def declared(site: Site, now: int) -> list[Declared]:
    """The exchanges that the site file declares, a register at a time. To be told again is nothing new.

    A register of which none is declared is told too, so that a declaration that was taken out of the file is void.

    Args:
        site: The site.
        now: The time [ms]: an exchange that lies ahead is not told yet.
    """
    return [
        Declared(building.id, meter.id, quantity, exchanges, True, now)
        for building in site.building
        for meter in building.meter
        if meter.virtual is None
        for quantity, exchanges in _by_quantity(site, meter, now).items()
    ]


def _by_quantity(site: Site, meter: Meter, now: int) -> dict[str, tuple[Exchange, ...]]:
    found: dict[str, tuple[Exchange, ...]] = {meter.quantity: ()}
    for said in meter.exchange:
        quantity = said.quantity or meter.quantity
        exchange = _exchange(site, meter, said)
        if exchange.at <= now:
            found[quantity] = (*found.get(quantity, ()), exchange)
    return found


def _exchange(site: Site, meter: Meter, said: DeclaredExchange) -> Exchange:
    unit = UNITS[meter.unit_of(said)]
    at = said.at if said.at.tzinfo is not None else said.at.replace(tzinfo=site.zone)
    return Exchange(
        to_ms(at.astimezone(UTC)), to_amount(said.old_final, unit), to_amount(said.new_initial, unit), True
    )
