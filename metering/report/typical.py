"""Savings in a typical year: the baseline beside one of the reporting period's last year."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from metering.baselines.document import Baseline
from metering.baselines.fit import Unfit, fit_period
from metering.baselines.monthly import fit_months
from metering.periods import DailyUse, Period
from metering.report.facts import Facts
from metering.report.parts import ContractView, Typical
from metering.savings.compare import NoDays, normalised
from metering.savings.conditions import seasons_for
from metering.savings.sufficiency import LEAST_PERIOD_DAYS, MOST_UNSEEN
from metering.savings.typical_year import YEAR_DAYS, NoWeather, typical_year
from metering.site.model import Site

_SLACK: Final = 5
"""Acts are not read on the same day of every month [d]."""


def typical(facts: Facts, site: Site, view: ContractView) -> Typical | str:
    """Savings in a typical year: the baseline, and one of the same form of the reporting period's last year.

    If there is none, the reason (a key of `dashboards.words.contract.REASONS`).
    """
    later = _later_of_acts(facts, view) if facts.acts else _later(facts, view)
    if isinstance(later, str):
        return later
    before = facts.baseline
    year = Period(before.last - YEAR_DAYS + 1, before.last)
    station = site.stations.get(site.buildings[view.contract.building].station or "")
    normals = None
    weather, source = "baseline_year", str(year)
    if station is not None and station.normals_c is not None:
        normals = [round(1000 * each) for each in station.normals_c]
        weather, source = "normals", station.normals_source
    temps: Mapping[int, int] = {}
    if before.needs_weather or later.needs_weather:
        try:
            # The season of the first days depends on the real days before them.
            earlier = {d: t for d, t in facts.temps.items() if d < year.first}
            temps = {**earlier, **typical_year(facts.temps, *year, normals_mc=normals)}
        except NoWeather:
            return "no_weather"
    try:
        result = normalised(before, later, DailyUse({}, temps, seasons=facts.conditions.seasons), year)
    except NoDays:
        return "no_weather"
    return "unseen_weather" if result.unseen > MOST_UNSEEN else Typical(result, weather, source)


def _later(facts: Facts, view: ContractView) -> Baseline | str:
    """A baseline of the same form, fitted on the days with a figure of the last year."""
    before = facts.baseline
    after = Period(view.last - YEAR_DAYS + 1, view.last)
    have = sum(1 for date in facts.figures if date >= after.first)
    if have < LEAST_PERIOD_DAYS:
        return "short_reporting"
    calendar = before.parameters.get("calendar")
    latitude = before.parameters.get("latitude")
    # Days without supply are excluded: they do not represent normal operation.
    shown = set(facts.figures)
    used = {date: use for date, use in facts.used.items() if date in shown}
    try:
        return fit_period(
            DailyUse(used, facts.temps, seasons=seasons_for(facts.conditions.seasons, *after)),
            after,
            unit=before.unit,
            models={before.model},
            calendar=None if calendar is None else str(calendar),
            latitude=None if latitude is None else float(latitude),
        )
    except Unfit:
        return "unfit"


def _later_of_acts(facts: Facts, view: ContractView) -> Baseline | str:
    """The same of monthly acts."""
    recent = [
        act for act in facts.acts if act.last <= view.last and act.first > view.last - YEAR_DAYS - _SLACK
    ]
    recent = [act for act in recent if act.first >= view.first]
    if sum(act.last - act.first + 1 for act in recent) < LEAST_PERIOD_DAYS:
        return "short_reporting"
    latitude = facts.baseline.parameters.get("latitude")
    try:
        return fit_months(
            recent,
            facts.temps.get,
            unit=facts.baseline.unit,
            models={facts.baseline.model},
            latitude=None if latitude is None else float(latitude),
        )
    except Unfit:
        return "unfit"
