"""Days, hours and readings of a register as plain figures for programs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Final

from metering import flags
from metering.site.meters import Meter
from metering.site.model import Site
from metering.times import HOUR_MS, day_bounds, iso
from metering.units import QUANTITIES
from storage.sqlite_reader import Reader

_Key = tuple[str, str, str]
_Rows = list[dict[str, Any]]


def register_view(
    reader: Reader, site: Site, building: str, meter: Meter, quantity: str, what: str, first: int, last: int
) -> dict[str, Any]:
    """A register over the local dates `[first, last]` (ordinals).

    Args:
        reader: The store.
        site: The site.
        building: Id of the building.
        meter: The meter.
        quantity: The quantity of the register.
        what: A key of `ROWS`.
        first: First date.
        last: Last date.

    Returns:
        The register's ids, the base unit of all amounts, the dates, and the rows by the name of `what`.
    """
    return {
        "building": building,
        "meter": meter.id,
        "quantity": quantity,
        "unit": QUANTITIES[quantity].base,
        "first": dt.date.fromordinal(first).isoformat(),
        "last": dt.date.fromordinal(last).isoformat(),
        what: ROWS[what](reader, site, (building, meter.id, quantity), first, last),
    }


def _days(reader: Reader, _site: Site, key: _Key, first: int, last: int) -> _Rows:
    return [
        {
            "date": dt.date.fromordinal(day.date).isoformat(),
            "used": day.used,
            "known": day.known,
            "unknown": day.unknown,
            "estimated": day.estimated,
            "coverage": day.coverage,
            "flags": flags.names(day.flags),
        }
        for day in reader.days(*key, first, last)
    ]


def _hours(reader: Reader, site: Site, key: _Key, first: int, last: int) -> _Rows:
    start, end = day_bounds(first, site.zone)[0], day_bounds(last, site.zone)[1]
    return [
        {"start": iso(hour * HOUR_MS), "amount": amount, "flags": flags.names(bits)}
        for hour, amount, bits in reader.hours(*key, start // HOUR_MS, end // HOUR_MS)
    ]


def _readings(reader: Reader, site: Site, key: _Key, first: int, last: int) -> _Rows:
    start, end = day_bounds(first, site.zone)[0], day_bounds(last, site.zone)[1]
    return [{"time": iso(ms), "amount": amount} for ms, amount in reader.ledger.readings(*key, start, end)]


ROWS: Final[Mapping[str, Callable[[Reader, Site, _Key, int, int], _Rows]]] = {
    "days": _days,
    "hours": _hours,
    "readings": _readings,
}
"""What a program can ask of a register."""
