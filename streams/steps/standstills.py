"""Days of use, weather and flow -> findings: a register that stands still although it should count."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from metering.events import Day, Event, Finding, Gauged, RegisterId, WeatherDay
from metering.ledger.standstills import (
    Standstill,
    StandstillHead,
    StandstillMonth,
    StandstillPart,
    StandstillRules,
    enter,
    rules_of,
    standstills,
)
from metering.parts import Changed, Parts
from metering.site.model import Site
from metering.times import day_bounds
from streams.step import Step


def standstills_step(site: Site) -> Step[RegisterId, StandstillPart, Day | WeatherDay | Gauged]:
    """The step that notices registers that stand still."""
    zone = site.zone
    heat_of = {
        building.id: [
            RegisterId(building.id, meter.id, meter.quantity)
            for meter in building.meter
            if meter.carrier == "heat"
        ]
        for building in site.building
    }

    @cache
    def rules(register: RegisterId) -> StandstillRules:
        return rules_of(site, site.meters[register.of_meter])

    def keys(event: Day | WeatherDay | Gauged) -> Iterable[RegisterId]:
        if isinstance(event, WeatherDay):
            return heat_of.get(event.building, ())
        meter = site.meters[event.building, event.meter]
        if meter.virtual is not None or (isinstance(event, Gauged) and event.quantity != "flow"):
            return ()
        if isinstance(event, Day) and event.quantity != meter.quantity:
            return ()
        return (RegisterId(event.building, event.meter, meter.quantity),)

    def run(
        register: RegisterId, parts: Parts[StandstillPart], event: Day | WeatherDay | Gauged
    ) -> tuple[Changed[StandstillPart], Sequence[Event]]:
        changed, before, after = enter(parts, event, rules(register), zone)
        if before == after:
            return changed, ()
        was, now = set(standstills(before)), set(standstills(after))
        findings: list[Event] = []
        for withdrawn, runs in ((True, was - now), (False, now - was)):
            findings += [finding(register, run, event.received_at, withdrawn) for run in sorted(runs)]
        return changed, findings

    def finding(register: RegisterId, run: Standstill, received_at: int, withdrawn: bool) -> Finding:
        start, end = day_bounds(run.first, zone)[0], day_bounds(run.last, zone)[1]
        figures: dict[str, int | str] = {"days": run.last - run.first + 1}
        if run.flows:
            figures["flows"] = 1
        return Finding(
            **register.fields(),
            kind="standstill",
            start=start,
            end=end,
            figures=figures,
            received_at=received_at,
            withdrawn=withdrawn,
        )

    # The name of the step in stored state is that of its first version.
    return Step("idle", (Day, WeatherDay, Gauged), keys, (StandstillMonth, StandstillHead), run)
