"""Everything that is to be said of one contract, out of the store's rows: what the command prints and the page shows.

`rows_of` reads the rows, `view_contract` computes from them and the site file alone. Nothing in here is kept:
the same rows and the same site file give the same view. Words are in `dashboards.words.contract`.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from dashboards.contract_beside import Facts, changes_of, formula, typical
from dashboards.contract_parts import ContractView as ContractView
from dashboards.contract_parts import Event, Formula, Payback, Total, Typical
from dashboards.contract_parts import Rows as Rows
from dashboards.contract_rows import verdict
from metering.alerts.energy import Figure
from metering.baselines.document import Baseline
from metering.baselines.fit import Unfit
from metering.baselines.monthly import Act, acts_of, fit_months
from metering.events import Savings
from metering.periods import Period
from metering.savings.compare import DAYS_PER_MONTH, NoDays
from metering.savings.conditions import Conditions, adjustment, conditions
from metering.savings.hot_water import split
from metering.savings.monthly import compare_months
from metering.savings.sufficiency import Doubt, doubts
from metering.savings.uncertainty import ADJUSTED_SHARE, grade, width_90
from metering.savings.worth import Unpriced, emission, factors_of, simple_payback_years, worth
from metering.site.contracts import Contract
from metering.site.model import Site
from metering.units import SHOWN_UNIT, UNITS
from storage.sqlite_reader import Reader

WALK_BACK: Final = 200
"""Days of weather before a period that its heating season may rest on."""


def rows_of(reader: Reader, site: Site, contract: Contract) -> Rows:
    """The rows of a contract."""
    meter = site.meters[contract.building, contract.meter]
    first, end = contract.baseline.from_.toordinal(), dt.date.max.toordinal()
    waters = [m for m in site.buildings[contract.building].meter if m.carrier == "hot_water"]
    litres: dict[int, int] = {}
    if meter.carrier == "heat" and len(waters) == 1:
        held = reader.days(contract.building, waters[0].id, "volume", first, end)
        litres = {day.date: day.used for day in held if day.used is not None}
    return Rows(
        reader.savings(contract.id, contract.reporting.from_.toordinal(), end),
        reader.days(contract.building, contract.meter, meter.quantity, first, end),
        reader.weather_days(contract.building, first - WALK_BACK, end),
        reader.baseline(contract.id),
        reader.position(contract.id),
        any(a.kind == "above_baseline" and a.subject == contract.id for a in reader.alerts()),
        litres,
        reader.unknowns(contract.building, contract.meter, meter.quantity),
    )


def view_contract(rows: Rows, site: Site, contract: Contract) -> ContractView:
    """What is to be said of the contract."""
    building = site.buildings[contract.building]
    carrier = site.meters[contract.building, contract.meter].carrier
    unit = SHOWN_UNIT[carrier]
    here = conditions(site, contract)
    empty = ContractView(
        contract,
        building.name or building.id,
        carrier,
        unit,
        UNITS[unit].scale,
        "waiting",
        events=_events(site, contract, {}),
        conditions=here.digest,
    )
    if rows.document is None:
        acts = acts_of(rows.unknowns, site.zone)
        return _monthly(rows, site, empty, here, acts) or empty._replace(absent={"total": "no_baseline"})
    baseline = Baseline.from_document(rows.document)
    if not rows.savings or sum(day.expected for day in rows.savings) <= 0:
        return empty._replace(baseline=baseline, doubts=doubts(baseline), absent={"total": "no_days"})
    return _full(rows, site, empty, baseline, here)


def _full(rows: Rows, site: Site, empty: ContractView, baseline: Baseline, here: Conditions) -> ContractView:
    contract = empty.contract
    total, found = _total(baseline, rows.savings, adjusted=True)
    first, last = rows.savings[0].date, rows.savings[-1].date
    low, _ = total.interval
    figures = [Figure(day.date, day.expected, day.used) for day in rows.savings]
    facts = Facts(rows, baseline, here)
    outages = facts.outages(contract.reporting.from_.toordinal(), last)
    absent: dict[str, str] = {}
    view = empty._replace(
        verdict=verdict(contract, low_pct=100 * low, savings_pct=100 * total.share, above=rows.above),
        first=first,
        last=last,
        days=len(rows.savings),
        missing=last - contract.reporting.from_.toordinal() + 1 - len(rows.savings) - len(outages),
        baseline=baseline,
        total=total,
        unadjusted=_total(baseline, rows.savings, adjusted=False)[0],
        estimated=sum(day.estimated for day in rows.savings),
        outages=outages,
        doubts=found,
        changes=changes_of(facts, figures, empty.carrier),
        events=_events(site, contract, {day.date: day.expected for day in rows.savings}),
    )
    typically, by_formula = typical(facts, site, view), formula(facts, site, view)
    absent |= {n: why for n, why in (("typical", typically), ("formula", by_formula)) if isinstance(why, str)}
    view = view._replace(
        typical=typically if isinstance(typically, Typical) else None,
        formula=by_formula if isinstance(by_formula, Formula) else None,
    )
    view = _valued(view, site, figures, absent)
    if empty.carrier == "heat":
        dates = [day.date for day in rows.savings]
        known = all(date in rows.litres for date in dates)
        litres = sum(rows.litres[date] for date in dates) if known else None
        view = view._replace(hot_water=split(baseline, used=total.used, days=len(dates), litres=litres))
    return view._replace(absent=absent)


def _monthly(
    rows: Rows, site: Site, empty: ContractView, here: Conditions, acts: Sequence[Act]
) -> ContractView | None:
    """The view of a meter of which only acts are known; None where they do not bear a baseline.

    The baseline is fitted on the acts of its period alone whenever it is asked for; its id tells whether it is
    the same. Nothing in here is of a day.
    """
    contract = empty.contract
    assert contract.baseline.to is not None
    base = Period(contract.baseline.from_.toordinal(), contract.baseline.to.toordinal())
    temps = {day.date: day.mean_mc for day in rows.weather if day.mean_mc is not None}
    try:
        baseline = fit_months(
            [act for act in acts if base.first <= act.first and act.last <= base.last],
            temps.get,
            unit="l" if empty.unit == "m3" else "Wh",
            latitude=site.site.latitude if empty.carrier == "electricity" else None,
        )
    except Unfit:
        return None
    size = added = 0

    def wanted(date: int, temp: int | None, before: int | None) -> int:
        nonlocal size, added
        held = here.expected(baseline, temp, before, heated=None, date=date)
        size += abs(held.adjustment)
        added += held.adjustment
        return held.adjusted

    begin = contract.reporting.from_.toordinal()
    end = (contract.reporting.to or dt.date.max).toordinal()
    told = [act for act in acts if act.first >= begin and act.last <= end]
    try:
        reporting = Period(begin, told[-1].last if told else begin)
        compared = compare_months(told, baseline, reporting, temps.get, wanted)
        plain = compare_months(told, baseline, reporting, temps.get)
    except NoDays:
        return empty._replace(baseline=baseline, doubts=doubts(baseline), absent={"total": "no_days"})
    adjusted = ADJUSTED_SHARE * size
    width = compared.width._replace(total=math.hypot(compared.half_width, adjusted), adjusted=adjusted)
    graded = grade(
        baseline, expected_total=compared.expected, used_total=compared.used, half_width=width.total
    )
    total = Total(
        compared.expected,
        compared.used,
        width,
        "D" if any(doubt.disqualifies for doubt in compared.doubts) else graded,
    )
    counted = [act for act in told if not baseline.needs_weather or _known(act, temps)]
    figures: list[Figure] = []
    daily: dict[int, int] = {}
    for act in counted:
        days = {
            date: here.expected(
                baseline, temps.get(date), temps.get(date - 1), heated=None, date=date
            ).adjusted
            for date in range(act.first, act.last + 1)
        }
        daily |= days
        figures.append(Figure(act.last, sum(days.values()), act.used))
    facts = Facts(rows, baseline, here, counted)
    view = empty._replace(
        verdict=verdict(
            contract, low_pct=100 * total.interval[0], savings_pct=100 * total.share, above=False
        ),
        first=counted[0].first,
        last=counted[-1].last,
        days=compared.days,
        missing=compared.missing_reporting,
        baseline=baseline,
        total=total,
        unadjusted=Total(plain.expected, plain.used, plain.width, plain.grade),
        doubts=compared.doubts,
        events=_events(site, contract, daily),
    )
    absent = {"formula": "monthly"}
    typically = typical(facts, site, view)
    if isinstance(typically, str):
        absent["typical"] = typically
    else:
        view = view._replace(typical=typically)
    view = _valued(view, site, figures, absent)
    return view._replace(absent=absent)


def _known(act: Act, temps: Mapping[int, int]) -> bool:
    return all(date in temps for date in range(act.first, act.last + 1))


def _total(baseline: Baseline, days: Sequence[Savings], *, adjusted: bool) -> tuple[Total, tuple[Doubt, ...]]:
    """The totals as the watch over the contract sums them (`streams.steps.watch`), and the doubts."""
    expected = used = estimated = strange = size = 0
    for day in days:
        wanted = day.expected - (0 if adjusted else day.adjustment)
        expected += wanted
        used += day.used
        estimated += day.estimated
        strange += wanted if day.extrapolated else 0
        size += abs(day.adjustment) if adjusted else 0
    width = width_90(
        baseline,
        days=len(days),
        months=len(days) / DAYS_PER_MONTH,
        expected_total=expected,
        estimated_total=estimated,
        extrapolated_total=strange,
        adjusted_total=size,
    )
    found = doubts(
        baseline,
        expected_total=expected,
        used_total=used,
        extrapolated_total=strange,
        estimated_total=estimated,
    )
    graded = grade(baseline, expected_total=expected, used_total=used, half_width=width.total)
    return Total(expected, used, width, "D" if any(d.disqualifies for d in found) else graded), found


def _events(site: Site, contract: Contract, expected: Mapping[int, int]) -> tuple[Event, ...]:
    meter = site.meters[contract.building, contract.meter]
    made = [adjustment(each, meter) for each in contract.event]
    return tuple(
        Event(each, sum(each.added(date, use) for date, use in expected.items()) if each.approved_by else 0)
        for each in made
    )


def _valued(
    view: ContractView, site: Site, figures: Sequence[Figure], absent: dict[str, str]
) -> ContractView:
    """The view with money, CO2 and payback."""
    assert view.total is not None
    contract, half_width = view.contract, view.total.width.total
    avoided = {day.date: day.expected - day.used for day in figures}
    try:
        carbon = emission(view.carrier, avoided, factors_of(site))  # type: ignore[arg-type]
        every = emission(view.carrier, {d.date: d.expected for d in figures}, factors_of(site))  # type: ignore[arg-type]
        share = Decimal(repr(half_width)) / view.total.expected
        view = view._replace(emission=carbon, emission_half_width=every.kg * share)
    except Unpriced:
        absent["emission"] = "no_factor"
    tariff = site.tariffs.get(contract.tariff or "")
    if tariff is None:
        absent["money"] = absent["payback"] = "no_tariff"
        return view
    held = worth(figures, tariff, half_width=half_width)
    sources = dict.fromkeys(price.source for price in tariff.prices if price.source)
    view = view._replace(money=held, price_sources=tuple(sources))
    if contract.investment_rub is None:
        absent["payback"] = "no_investment"
        return view
    years = [
        simple_payback_years(contract.investment_rub, money, view.days)
        for money in (held.money, held.money + held.half_width, held.money - held.half_width)
    ]
    return view._replace(payback=Payback(contract.investment_rub, *years))
