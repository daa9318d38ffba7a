"""Events that the site file stands for: declared exchanges, and requests for the history of registers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from metering.events import Awaited, Declared, Exchange
from metering.ledger.balance import subs_of
from metering.site.meters import Building, DeclaredExchange, Meter, Virtual
from metering.site.model import Site
from metering.times import UTC, date_of, to_ms
from metering.units import COUNTED, UNITS, to_amount

_BEFORE_A_BASELINE: Final = 400
"""Days before its first day that a baseline may read: a season follows from the temperatures before it."""
_LONGEST_HISTORY: Final = 3_660
"""How far back a virtual meter is computed from its members' days [d]."""


def site_events(site: Site, now: int, *, before: Site | None = None) -> list[Declared | Awaited]:
    """The events of the site, for the start and for each change of the site file.

    The embedded mode runs and commits them; in the cluster, ingest publishes them under their building. Repeated
    events, also from several processes, change nothing.

    Args:
        site: The site.
        now: The time [ms].
        before: The site whose events the pipeline has; only the events that are new since are returned.
    """
    known = frozenset(site_events(before, now)) if before is not None else frozenset()
    events: list[Declared | Awaited] = [*declared(site, now), *awaited(site, now)]
    return [event for event in events if event not in known]


def awaited(site: Site, now: int) -> list[Awaited]:
    """Requests for the history that contracts, virtual meters and balances need."""
    long_ago = date_of(now, site.zone) - _LONGEST_HISTORY
    events = [
        Awaited(
            building=building.id,
            reader=reader,
            meter=member,
            quantity=quantity,
            station="",
            first=long_ago,
            received_at=now,
        )
        for building in site.building
        for reader, quantity, members in _readers(building)
        for member in members
    ]
    for contract in site.contract:
        quantity = site.meters[contract.building, contract.meter].quantity
        station = site.buildings[contract.building].station or ""
        first = contract.baseline.from_.toordinal() - _BEFORE_A_BASELINE
        events.append(
            Awaited(
                building=contract.building,
                reader=contract.id,
                meter=contract.meter,
                quantity=quantity,
                station=station,
                first=first,
                received_at=now,
            )
        )
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
    """Name of a virtual meter with its members; with other members it is a new reader."""
    return f"{meter} = {' + '.join(virtual.plus)}{''.join(f' - {member}' for member in virtual.minus)}"


def declared(site: Site, now: int) -> list[Declared]:
    """The exchanges that the site file declares, one event per register. Repeated events change nothing.

    Every quantity that a meter may count gets an event, with or without exchanges: a declaration removed from the file
    becomes void, and a register that an older version of the fold made is folded again at the start.

    Args:
        site: The site.
        now: The time [ms]; exchanges after it are left out.
    """
    return [
        Declared(
            building=building.id,
            meter=meter.id,
            quantity=quantity,
            exchanges=exchanges,
            by_site=True,
            received_at=now,
        )
        for building in site.building
        for meter in building.meter
        if meter.virtual is None
        for quantity, exchanges in _by_quantity(site, meter, now).items()
    ]


def _by_quantity(site: Site, meter: Meter, now: int) -> dict[str, tuple[Exchange, ...]]:
    exchanges: dict[str, tuple[Exchange, ...]] = dict.fromkeys(COUNTED, ())
    for entry in meter.exchange:
        quantity = entry.quantity or meter.quantity
        exchange = _exchange(site, meter, entry)
        if exchange.at <= now:
            exchanges[quantity] = (*exchanges[quantity], exchange)
    return exchanges


def _exchange(site: Site, meter: Meter, entry: DeclaredExchange) -> Exchange:
    unit = UNITS[meter.unit_of(entry)]
    at = entry.at if entry.at.tzinfo is not None else entry.at.replace(tzinfo=site.zone)
    return Exchange(
        at=to_ms(at.astimezone(UTC)),
        final=to_amount(entry.old_final, unit),
        initial=to_amount(entry.new_initial, unit),
        by_site=True,
    )
