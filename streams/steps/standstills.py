"""Days of use, their hours, weather and flow -> findings: a register that stands still although it should count, wrong
hours, and a pulse weight or unit that the weather contradicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TypeAlias

from metering.events import Day, Event, Finding, Gauged, RegisterId, WeatherDay
from metering.ledger.heat_volume import OF_VOLUME, Temperatures
from metering.ledger.standstills import (
    Standstill,
    StandstillHead,
    StandstillMonth,
    StandstillPart,
    StandstillRules,
    enter,
    enter_volume,
    judge_weeks,
    rules_of,
    standstills,
)
from metering.ledger.weekly import BY_WEATHER, WEEKLY, Doubt, Weekly, doubts
from metering.parts import Changed, PartName, Parts
from metering.site.model import Site
from metering.times import day_bounds
from streams.step import Step

_Noted: TypeAlias = Day | WeatherDay | Gauged


def standstills_step(site: Site) -> Step[RegisterId, StandstillPart, _Noted]:
    """The step that judges the days of every register: standstills, wrong hours, pulse weights."""
    zone = site.zone
    by_weather = {
        building.id: [
            RegisterId(building.id, meter.id, meter.quantity)
            for meter in building.meter
            if meter.carrier in BY_WEATHER
        ]
        for building in site.building
    }

    @cache
    def rules(register: RegisterId) -> StandstillRules:
        return rules_of(site, site.meters[register.of_meter])

    def keys(event: _Noted) -> Iterable[RegisterId]:
        if isinstance(event, WeatherDay):
            return by_weather.get(event.building, ())
        meter = site.meters[event.building, event.meter]
        if meter.carrier == "heat" and meter.virtual is None and event.quantity in OF_VOLUME:
            return (RegisterId(event.building, event.meter, meter.quantity),)
        if meter.virtual is not None or (isinstance(event, Gauged) and event.quantity != "flow"):
            return ()
        if isinstance(event, Day) and event.quantity != meter.quantity:
            return ()
        return (RegisterId(event.building, event.meter, meter.quantity),)

    def run(
        register: RegisterId, parts: Parts[StandstillPart], event: _Noted
    ) -> tuple[Changed[StandstillPart], Sequence[Event]]:
        findings: list[Event] = []
        if isinstance(event, Day | Gauged) and register.quantity == "energy" and event.quantity in OF_VOLUME:
            changed, dates = enter_volume(parts, event, zone)
            return changed | weekly(register, parts, changed, dates, event.received_at, findings), findings
        changed, before, after = enter(parts, event, rules(register), zone)
        if before != after:
            was, now = set(standstills(before)), set(standstills(after))
            for withdrawn, runs in ((True, was - now), (False, now - was)):
                findings += [finding(register, run, event.received_at, withdrawn) for run in sorted(runs)]
        if not isinstance(event, Gauged):
            changed |= weekly(register, parts, changed, (event.date,), event.received_at, findings)
        return changed, findings

    def weekly(
        register: RegisterId,
        parts: Parts[StandstillPart],
        changed: dict[PartName, StandstillPart | None],
        dates: Sequence[int],
        received_at: int,
        findings: list[Event],
    ) -> dict[PartName, StandstillPart | None]:
        """Judge the weeks that rest on days; adds findings. Returns the part that changed, if it did."""
        before, after = judge_weeks(parts, changed, dates, site.meters[register.of_meter].carrier)
        if before == after:
            return {}
        was, now = list(doubts(before)), list(doubts(after))
        findings += [doubted(register, each, received_at, True) for each in was if each not in now]
        findings += [doubted(register, each, received_at, False) for each in now if each not in was]
        return {WEEKLY: after if after != Weekly() else None}

    def doubted(register: RegisterId, doubt: Doubt, received_at: int, withdrawn: bool) -> Event:
        return Finding(
            **register.fields(),
            kind=doubt.kind,
            start=day_bounds(doubt.first, zone)[0],
            end=day_bounds(doubt.last, zone)[1],
            figures=doubt.figures,
            received_at=received_at,
            withdrawn=withdrawn,
        )

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
    return Step(
        "idle", (Day, WeatherDay, Gauged), keys, (StandstillMonth, StandstillHead, Weekly, Temperatures), run
    )
