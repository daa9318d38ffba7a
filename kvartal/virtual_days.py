"""History of virtual meters: what the store knows of their members, told to the pipeline again.

A virtual meter is made of its members' days as they come. One that is declared, or made of others, when its members
have a history already, gets that history here: their stored days run through the pipeline once more. To everybody
else they are nothing new.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from metering.events import Day
from metering.site import Building, Meter, Site
from storage.sqlite_reader import Reader
from streams.embedded import Batch, Embedded


def recall(runner: Embedded, site: Site, db: Path, now: int) -> list[Batch]:
    """Give virtual meters the history of their members where they lack it.

    Args:
        runner: Runs the site over the store at `db`.
        site: The site.
        db: Path of the store.
        now: The time [ms].

    Returns:
        One batch a virtual meter that lacked days.
    """
    reader = Reader(db)
    try:
        return [
            runner.recall((replace(day, received_at=now) for day in days), now)
            for building in site.building
            for meter in _members_first(building)
            if (days := _lacking(reader, building, meter))
        ]
    finally:
        reader.close()


def _members_first(building: Building) -> Iterator[Meter]:
    """The virtual meters of a building, those that others are made of before them."""
    by_id = {meter.id: meter for meter in building.meter}
    told: set[str] = set()

    def walk(meter: Meter) -> Iterator[Meter]:
        if meter.virtual is None or meter.id in told:
            return
        told.add(meter.id)
        for member in meter.virtual.members:
            yield from walk(by_id[member])
        yield meter

    for meter in building.meter:
        yield from walk(meter)


def _lacking(reader: Reader, building: Building, meter: Meter) -> list[Day]:
    """Days of the members, where the first or the last that they share is not what the virtual meter shows."""
    assert meter.virtual is not None
    members = [(building.id, member, meter.quantity) for member in meter.virtual.members]
    spans = [span for member in members if (span := reader.day_span(*member)) is not None]
    if len(spans) < len(members):
        return []
    first, last = max(a for a, _ in spans), min(z for _, z in spans)
    if first > last or all(_shown(reader, building, meter, date) for date in (first, last)):
        return []
    days = [day for member in members for day in reader.days(*member, first, last)]
    return sorted(days, key=lambda day: day.date)


def _shown(reader: Reader, building: Building, meter: Meter, date: int) -> bool:
    """Whether the virtual meter's day is what its members' days make of it."""
    assert meter.virtual is not None

    def on(id: str) -> Day | None:
        found = reader.days(building.id, id, meter.quantity, date, date)
        return found[0] if found else None

    shown = on(meter.id)
    days = {member: on(member) for member in meter.virtual.members}
    held = {member: day for member, day in days.items() if day is not None}
    if shown is None or len(held) < len(days):
        return shown is None and len(held) < len(days)
    known = sum((-1 if member in meter.virtual.minus else 1) * day.known for member, day in held.items())
    return shown.known == known
