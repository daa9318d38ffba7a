"""How far the figure of a contract can be trusted: its grade, the data behind it, and its baseline."""

from __future__ import annotations

from typing import Any, Final

from dashboards.page.amounts import ABSENT
from dashboards.words.lang import Lang
from dashboards.words.numbers import date, number, percent, quantity
from dashboards.words.terms import GRADES, flag_text, term
from metering import flags
from metering.baselines.document import Baseline
from metering.events import Day, Savings
from metering.report.standing import Standing
from metering.site.contracts import Contract
from metering.site.model import Site
from metering.times import day_bounds
from metering.units import UNITS
from storage.sqlite_reader import Reader

_UNCLEAR_DAYS: Final = 20
"""Newest days without complete data on the page."""


def trust_view(
    reader: Reader,
    site: Site,
    contract: Contract,
    row: Standing,
    days: list[Day],
    savings: list[Savings],
    lang: Lang,
) -> dict[str, Any]:
    """Grade, coverage, estimates and unknown energy of the reporting period."""
    position = row.position
    reporting = contract.reporting.from_.toordinal()
    since = [day for day in days if day.date >= reporting]
    start = day_bounds(reporting, site.zone)[0]
    quantity_of_meter = site.meters[contract.building, contract.meter].quantity
    unknown = sum(
        block.amount
        for block in reader.unknowns(contract.building, contract.meter, quantity_of_meter)
        if block.start >= start
    )
    grade = ABSENT if position is None else position.grade
    return {
        "grade": grade,
        "grade_text": term(GRADES, grade, lang),
        "through": ABSENT if position is None else date(position.last, lang),
        "days": 0 if position is None else position.days,
        "coverage": percent(100 * sum(day.coverage for day in since) / len(since), lang) if since else ABSENT,
        "estimated": (
            percent(100 * position.estimated / position.used, lang)
            if position is not None and position.used > 0
            else ABSENT
        ),
        "unknown": quantity(unknown / float(UNITS[row.unit].scale), row.unit, lang, 1),
        "extrapolated": sum(1 for day in savings if day.extrapolated),
        "unclear_days": [
            [date(day.date, lang), day.date, flag_text(flags.names(day.flags), lang)]
            for day in since
            if day.used is None
        ][-_UNCLEAR_DAYS:],
    }


def baseline_view(baseline: Baseline, unit: str, lang: Lang) -> dict[str, Any]:
    """The baseline in figures that a person can check; the whole of it is the document."""
    scale = float(UNITS[unit].scale)
    digits = 3 if unit == "Gcal" else 1
    return {
        "id": baseline.id,
        "model": baseline.model,
        "formula": baseline.form.formula,
        "first": date(baseline.first, lang),
        "last": date(baseline.last, lang),
        "n": baseline.n,
        "mean": quantity(baseline.metrics.mean / scale, unit, lang, digits),
        "cvrmse": percent(100 * baseline.metrics.cvrmse, lang),
        "nmbe": percent(100 * baseline.metrics.nmbe, lang, 3),
        "r2": number(baseline.metrics.r2, lang, 3),
        "parameters": {
            name: number(value, lang, 3) if isinstance(value, float) else str(value)
            for name, value in baseline.parameters.items()
        },
    }
