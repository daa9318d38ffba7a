"""The report on one contract, from its rows and the site file: what the command prints and the page shows.

The report is computed from its rows and the site file alone and keeps nothing, so the same rows and the same site
file give the same report.
"""

from __future__ import annotations

from metering.alerts.verdict import verdict
from metering.baselines.document import Baseline
from metering.baselines.monthly import acts_of
from metering.report.acts import view_acts
from metering.report.beside import formula
from metering.report.facts import Facts
from metering.report.parts import ContractView, Formula, Rows, Typical
from metering.report.proposals import changes_of
from metering.report.typical import typical
from metering.report.values import events_of, valued
from metering.savings.assess import assess, totals
from metering.savings.conditions import Conditions, conditions
from metering.savings.day import published
from metering.savings.hot_water import split
from metering.savings.sufficiency import doubts
from metering.site.contracts import Contract
from metering.site.model import Site
from metering.units import SHOWN_UNIT, UNITS


def view_contract(rows: Rows, site: Site, contract: Contract) -> ContractView:
    """The report on the contract."""
    building = site.buildings[contract.building]
    carrier = site.meters[contract.building, contract.meter].carrier
    unit = SHOWN_UNIT[carrier]
    under = conditions(site, contract)
    empty = ContractView(
        contract,
        building.name or building.id,
        carrier,
        unit,
        UNITS[unit].scale,
        "waiting",
        events=events_of(site, contract, {}),
        conditions=under.digest,
    )
    if rows.document is None:
        acts = acts_of(rows.unknowns, site.zone)
        return view_acts(rows, site, empty, under, acts) or empty._replace(absent={"total": "no_baseline"})
    baseline = Baseline.from_document(rows.document)
    if not rows.savings or sum(day.expected for day in rows.savings) <= 0:
        return empty._replace(baseline=baseline, doubts=doubts(baseline), absent={"total": "no_days"})
    return _view_days(rows, site, empty, baseline, under)


def _view_days(
    rows: Rows, site: Site, empty: ContractView, baseline: Baseline, under: Conditions
) -> ContractView:
    """The report on a contract with daily figures."""
    contract = empty.contract
    figures = [published(day) for day in rows.savings]
    saving = assess(baseline, totals(figures))
    first, last = figures[0].date, figures[-1].date
    begin = contract.reporting.from_.toordinal()
    facts = Facts(rows, baseline, under)
    outages = facts.outages(begin, last)
    low, _ = saving.interval
    view = empty._replace(
        verdict=verdict(contract, low_pct=100 * low, savings_pct=100 * saving.share, above=rows.above),
        first=first,
        last=last,
        days=saving.days,
        missing=last - begin + 1 - saving.days - len(outages),
        baseline=baseline,
        total=saving,
        unadjusted=assess(baseline, totals(day.unadjusted for day in figures)),
        estimated=saving.totals.estimated,
        outages=outages,
        doubts=saving.doubts,
        changes=changes_of(facts, figures, empty.carrier),
        events=events_of(site, contract, {day.date: day.expected for day in figures}),
    )
    typically, by_formula = typical(facts, site, view), formula(facts, site, view)
    reasons = {"typical": typically, "formula": by_formula}
    view = view._replace(
        typical=typically if isinstance(typically, Typical) else None,
        formula=by_formula if isinstance(by_formula, Formula) else None,
        absent={name: why for name, why in reasons.items() if isinstance(why, str)},
    )
    view = valued(view, site, figures)
    if empty.carrier == "heat":
        metered = all(day.date in rows.litres for day in figures)
        litres = sum(rows.litres[day.date] for day in figures) if metered else None
        view = view._replace(hot_water=split(baseline, used=saving.used, days=saving.days, litres=litres))
    return view
