"""Days of main meters and their sub-meters -> findings: parts that are more than the whole.

Judged when a tick comes, once for all days that a batch brought. What is found is a function of the month's days
alone, so the same days find the same in whatever order they became known.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from msgspec import Struct

from metering.events import Day, Event, Finding, Tick
from metering.ledger.balance import display_units, excess, subs_of
from metering.parts import PartName, local_date
from metering.site.model import Site
from metering.times import day_bounds
from streams.step import Changed, Parts, Step

_HEAD = PartName("head")

Excess: TypeAlias = tuple[int, int, dict[str, int | str] | str]
"""(first date, last date, figures); state written before findings had figures has a sentence in their place."""


class BalanceMonth(Struct, frozen=True, tag="m", array_like=True):
    """Days of a main meter and of its sub-meters in one month."""

    uses: dict[str, dict[int, tuple[int, int]]] = {}
    """Meter -> date -> (use, estimated part of it)."""


class BalanceHead(Struct, frozen=True, tag="h", array_like=True):
    """What is to be judged, and what was found. Months are named by the ordinal of their first date."""

    changed: tuple[int, ...] = ()
    found: dict[int, Excess] = {}
    """The months whose sub-meters count more than the main meter."""


def balance_step(site: Site) -> Step:
    """The step that notices sub-meters that count more than their main meter."""
    zone = site.zone
    behind: dict[str, tuple[tuple[str, ...], list[int]]] = {}
    keys_of: dict[tuple[str, str, str], list[str]] = {}
    mains: dict[str, list[str]] = {}
    for building in site.building:
        for main, several in subs_of(building).items():
            quantity = site.meters[building.id, main].quantity
            key = f"{building.id}/{main}/{quantity}"
            subs = tuple(sub.id for sub in several)
            behind[key] = (subs, display_units(building, (main, *subs)))
            mains.setdefault(building.id, []).append(key)
            for meter in (main, *subs):
                keys_of.setdefault((building.id, meter, quantity), []).append(key)

    def keys(event: Day | Tick) -> Iterable[str]:
        if isinstance(event, Tick):
            return mains.get(event.building, ())
        return keys_of.get((event.building, event.meter, event.quantity), ())

    def run(key: str, parts: Parts, event: Day | Tick) -> tuple[Changed, Sequence[Event]]:
        head: BalanceHead = parts.get(_HEAD) or BalanceHead()
        if isinstance(event, Day):
            return _note(parts, head, event), ()
        if not head.changed:
            return {}, ()
        found, events = dict(head.found), []
        for month in head.changed:
            was, now = found.pop(month, None), _judge(key, parts, month)
            if now is not None:
                found[month] = now
            if was != now:
                events += [
                    _finding(key, each, event.received_at, withdrawn)
                    for each, withdrawn in ((was, True), (now, False))
                    if each is not None
                ]
        return {_HEAD: BalanceHead((), dict(sorted(found.items())))}, events

    def _note(parts: Parts, head: BalanceHead, event: Day) -> Changed:
        month = dt.date.fromordinal(event.date).replace(day=1).toordinal()
        held: BalanceMonth = parts.get(local_date(month)) or BalanceMonth()
        before = held.uses.get(event.meter, {})
        uses = dict(before)
        uses.pop(event.date, None)
        if event.used is not None and not event.withdrawn:
            uses[event.date] = (event.used, event.estimated)
        if uses == before:
            return {}
        changed: dict[PartName, BalanceMonth | BalanceHead] = {
            local_date(month): BalanceMonth({**held.uses, event.meter: uses})
        }
        if month not in head.changed:
            changed[_HEAD] = BalanceHead((*head.changed, month), head.found)
        return changed

    def _judge(key: str, parts: Parts, month: int) -> Excess | None:
        held: BalanceMonth = parts[local_date(month)]
        main = key.split("/")[1]
        subs, units = behind[key]
        found = excess(held.uses.get(main, {}), [held.uses.get(sub, {}) for sub in subs], units)
        if found is None:
            return None
        figures: dict[str, int | str] = {
            "days": found.days,
            "meters": ", ".join(subs),
            "subs": found.subs,
            "main": found.main,
        }
        return found.first, found.last, figures

    def _finding(key: str, found: Excess, now: int, withdrawn: bool) -> Finding:
        building, meter, quantity = key.split("/")
        first, last, figures = found
        if isinstance(figures, str):
            figures = {"text": figures}
        start, end = day_bounds(first, zone)[0], day_bounds(last, zone)[1]
        return Finding(building, meter, quantity, "balance", start, end, figures, now, withdrawn)

    return Step("balance", (Day, Tick), keys, BalanceMonth | BalanceHead, run)
