"""The report on a contract whose meter is known by monthly acts only: nothing in it is about a single day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from metering.alerts.verdict import verdict
from metering.baselines.document import Baseline
from metering.baselines.fit import Unfit
from metering.baselines.monthly import Act, fit_months
from metering.baselines.season import TempOf
from metering.periods import Period
from metering.report.facts import Facts
from metering.report.parts import ContractView, Rows, Typical
from metering.report.typical import typical
from metering.report.values import events_of, valued
from metering.savings.assess import assess
from metering.savings.conditions import Conditions
from metering.savings.monthly import figures_of_acts, totals_of_acts
from metering.savings.sufficiency import doubts
from metering.site.model import Site


def view_acts(
    rows: Rows, site: Site, empty: ContractView, under: Conditions, acts: Sequence[Act]
) -> ContractView | None:
    """The report, or None if the acts do not bear a baseline.

    The baseline is fitted each time on the acts of its period alone; its id shows whether it is the same.

    Args:
        rows: The contract's rows.
        site: The site file.
        empty: The report without figures.
        under: The contract's conditions.
        acts: Ascending and without overlap.
    """
    contract = empty.contract
    temps = {day.date: day.mean_mc for day in rows.weather if day.mean_mc is not None}
    baseline = _fitted(site, empty, acts, temps.get)
    if baseline is None:
        return None
    begin = contract.reporting.from_.toordinal()
    end = (contract.reporting.to or dt.date.max).toordinal()
    within = [act for act in acts if act.first >= begin and act.last <= end]
    figures = figures_of_acts(within, baseline, Period(begin, end), temps.get, under)
    if not figures:
        return empty._replace(baseline=baseline, doubts=doubts(baseline), absent={"total": "no_days"})
    saving = assess(baseline, totals_of_acts(figures))
    reported = Period(begin, within[-1].last)
    view = empty._replace(
        verdict=verdict(
            contract, low_pct=100 * saving.interval[0], savings_pct=100 * saving.share, above=False
        ),
        first=figures[0].act.first,
        last=figures[-1].act.last,
        days=saving.days,
        missing=reported.days - saving.days,
        baseline=baseline,
        total=saving,
        unadjusted=assess(baseline, totals_of_acts(figures, adjusted=False)),
        doubts=saving.doubts,
        events=events_of(site, contract, {day.date: day.expected for each in figures for day in each.days}),
        absent={"formula": "monthly"},
    )
    typically = typical(Facts(rows, baseline, under, [each.act for each in figures]), site, view)
    if isinstance(typically, Typical):
        view = view._replace(typical=typically)
    else:
        view = view._replace(absent={**view.absent, "typical": typically})
    return valued(view, site, [each.figure for each in figures])


def _fitted(site: Site, empty: ContractView, acts: Sequence[Act], temp_of: TempOf) -> Baseline | None:
    contract = empty.contract
    assert contract.baseline.to is not None
    first, last = contract.baseline.from_.toordinal(), contract.baseline.to.toordinal()
    try:
        return fit_months(
            [act for act in acts if first <= act.first and act.last <= last],
            temp_of,
            unit="l" if empty.unit == "m3" else "Wh",
            latitude=site.site.latitude if empty.carrier == "electricity" else None,
        )
    except Unfit:
        return None
