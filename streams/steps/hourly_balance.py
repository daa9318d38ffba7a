"""Hours of main meters and their sub-meters -> findings: parts that exceed the whole in some hours of a week."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from metering.events import Day, Event, Finding, RegisterId
from metering.ledger.balance import subs_of
from metering.ledger.hourly_balance import Excess, HourlyHead, HourlyPart, HourlyWeek, excesses, note_hours
from metering.parts import Changed, Parts
from metering.site.model import Site
from metering.times import day_bounds
from streams.step import Step


def hourly_balance_step(site: Site) -> Step[RegisterId, HourlyPart, Day]:
    """The step that compares main meters with their sub-meters by hour."""
    zone = site.zone
    subs: dict[RegisterId, tuple[str, ...]] = {}
    mains_of: dict[RegisterId, list[RegisterId]] = {}
    for building in site.building:
        of_main = subs_of(building)
        virtual = {meter.id for meter in building.meter if meter.virtual is not None}
        for name, parts_of in of_main.items():
            meters = (name, *(sub.id for sub in parts_of))
            if virtual.intersection(meters):
                continue  # virtual meters have days only
            main = RegisterId(building.id, name, site.meters[building.id, name].quantity)
            subs[main] = meters[1:]
            for meter in meters:
                mains_of.setdefault(RegisterId(building.id, meter, main.quantity), []).append(main)

    def keys(event: Day) -> Iterable[RegisterId]:
        if not mains_of or event.by_hour is None:
            return ()
        return mains_of.get(event.register, ())

    def run(
        main: RegisterId, parts: Parts[HourlyPart], event: Day
    ) -> tuple[Changed[HourlyPart], Sequence[Event]]:
        changed, before, after = note_hours(
            parts, main.meter, subs[main], meter=event.meter, date=event.date, hours=event.by_hour or ()
        )
        if before == after:
            return changed, ()
        was, now = excesses(before), excesses(after)
        gone = [finding(main, each, event.received_at, True) for each in was if each not in now]
        new = [finding(main, each, event.received_at, False) for each in now if each not in was]
        return changed, gone + new

    def finding(main: RegisterId, excess: Excess, received_at: int, withdrawn: bool) -> Event:
        figures: dict[str, int | str] = {
            "days": excess.days,
            "meters": excess.meters,
            "amount": excess.amount,
            "subs": excess.subs,
            "main": excess.main,
        }
        if excess.hours:
            figures["hours"] = excess.hours
        return Finding(
            **main.fields(),
            kind="balance_by_hour",
            start=day_bounds(excess.first, zone)[0],
            end=day_bounds(excess.last, zone)[1],
            figures=figures,
            received_at=received_at,
            withdrawn=withdrawn,
        )

    return Step("hourly_balance", (Day,), keys, (HourlyWeek, HourlyHead), run)
