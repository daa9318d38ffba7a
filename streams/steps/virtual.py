"""Days of meters -> days of the virtual meters that are their sums and differences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from metering.events import Awaited, Day, Event, Restated
from metering.ledger.days import DayFigures
from metering.parts import local_date
from metering.site.model import Site
from metering.times import date_of
from streams.step import Changed, Parts, Step
from streams.steps.days import Reader, day_event, tell_again


class VirtualDay(Struct, frozen=True, tag="v", array_like=True):
    """What the members of a virtual meter used on one day."""

    members: dict[str, DayFigures] = {}
    published: DayFigures | None = None


def virtual_step(site: Site) -> Step:
    """The step that keeps the days of virtual meters. A doubt about a member is a doubt about the sum."""
    signs: dict[str, dict[str, int]] = {}
    made_of: dict[tuple[str, str, str], list[str]] = {}
    for (building, meter_id), meter in site.meters.items():
        if meter.virtual is None:
            continue
        key = f"{building}/{meter_id}"
        signs[key] = dict.fromkeys(meter.virtual.plus, 1) | dict.fromkeys(meter.virtual.minus, -1)
        for member in signs[key]:
            made_of.setdefault((building, member, meter.quantity), []).append(key)

    def keys(event: Day | Awaited) -> Iterable[str]:
        if isinstance(event, Awaited):
            key = f"{event.building}/{event.meter}"
            return (key,) if key in signs else ()
        return made_of.get((event.building, event.meter, event.quantity), ())

    def run(key: str, parts: Parts, event: Day | Awaited) -> tuple[Changed, Sequence[Event]]:
        if isinstance(event, Awaited):
            return tell_again(parts, event, date_of(event.received_at, site.zone))
        name = local_date(event.date)
        held: VirtualDay = parts.get(name) or VirtualDay()
        # A member that the site file no longer names is forgotten.
        members = {
            member: day
            for member, day in held.members.items()
            if member in signs[key] and member != event.meter
        }
        if not event.withdrawn:
            members[event.meter] = DayFigures(
                event.used, event.known, event.unknown, event.estimated, event.coverage, event.flags
            )
        was = held.published
        now = _sum(signs[key], members) if members.keys() == signs[key].keys() else None
        changed = {name: VirtualDay(dict(sorted(members.items())), now)}
        if was == now:
            return changed, ()
        building, meter = key.split("/", 1)
        who = (building, meter, event.quantity, event.date)
        events: list[Event] = []
        before, after = (None if was is None else was.used), (None if now is None else now.used)
        if was is not None and before != after:
            events.append(Restated(*who, before, after, f"{event.meter} was restated", event.received_at))
        events.append(day_event(*who, now, event.received_at))
        return changed, events

    return Step("virtual", (Day, Awaited), keys, VirtualDay | Reader, run)


def _sum(signs: dict[str, int], members: dict[str, DayFigures]) -> DayFigures:
    used: int | None = 0
    known = unknown = estimated = flags = 0
    for member, sign in signs.items():
        day = members[member]
        used = None if used is None or day.used is None else used + sign * day.used
        known += sign * day.known
        unknown += sign * day.unknown
        estimated += day.estimated
        flags |= day.flags
    return DayFigures(used, known, unknown, estimated, min(day.coverage for day in members.values()), flags)
