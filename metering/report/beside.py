"""The contract's own degree-day formula beside the saving."""

from __future__ import annotations

from fractions import Fraction

from metering.periods import Period
from metering.report.facts import Facts
from metering.report.parts import ContractView, Formula
from metering.savings.formula import NoDegreeDays, Terms, settle
from metering.site.model import Site
from metering.units import UNITS, to_amount


def formula(facts: Facts, site: Site, view: ContractView) -> Formula | str:
    """The contract's degree-day arithmetic over the same period.

    If there is none, the reason (a key of `dashboards.words.contract.REASONS`).
    """
    if facts.acts:
        return "monthly"
    if view.carrier != "heat":
        return "not_heat"
    assert view.total is not None
    contract = view.contract
    declared = contract.formula
    unit = UNITS[declared.unit or site.meters[contract.building, contract.meter].unit]
    base = Period(facts.baseline.first, facts.baseline.last)
    reporting = Period(contract.reporting.from_.toordinal(), view.last)
    statics = [facts.conditions.statics_on(date) for date in facts.figures]
    area = sum((each.area for each in statics), Fraction(0)) / len(statics)
    persons = sum((each.persons for each in statics), Fraction(0)) / len(statics)
    terms = Terms(
        indoor_mc=round(1000 * declared.indoor_c),
        dhw_base=None if declared.hot_water is None else to_amount(declared.hot_water, unit),
        area_ratio=area,
    )
    try:
        by_formula = settle(facts.days(), base, reporting, facts.heated, terms)
        ratio = _water_ratio(facts, base, reporting)
        if ratio is None and persons != 1:
            ratio = Fraction(by_formula.days_reporting, by_formula.days_base) * persons
        if ratio is not None:
            by_formula = settle(facts.days(), base, reporting, facts.heated, terms._replace(dhw_ratio=ratio))
    except NoDegreeDays:
        return "no_degree_days"
    beside = by_formula.beside(view.total)
    return Formula(by_formula, beside, abs(beside) <= 1)


def _water_ratio(facts: Facts, base: Period, reporting: Period) -> Fraction | None:
    """Metered hot water, reporting over baseline; None unless every day of both periods is metered."""
    sums = []
    for period in (base, reporting):
        dates = [d for d in range(period.first, period.last + 1) if d in facts.used and d in facts.temps]
        if not dates or any(date not in facts.litres for date in dates):
            return None
        sums.append(sum(facts.litres[date] for date in dates))
    return Fraction(sums[1], sums[0]) if sums[0] else None
