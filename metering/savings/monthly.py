"""Savings of monthly acts against a baseline of months.

Expected use of days is summed to that of the acts. The use of an act is not divided among its days, so there are no
daily figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from metering.baselines.document import Baseline
from metering.baselines.monthly import Act
from metering.baselines.season import TempOf
from metering.periods import Period
from metering.savings.assess import Totals, totals
from metering.savings.compare import Compared, NoDays
from metering.savings.conditions import Conditions
from metering.savings.day import Figure


class ActFigure(NamedTuple):
    """An act and what was expected of it."""

    act: Act
    days: tuple[Figure, ...]
    """Expected use of each of its days; their use is 0."""

    @property
    def figure(self) -> Figure:
        """Expected use and use of the act, dated with its last day."""
        return Figure(self.act.last, sum(day.expected for day in self.days), self.act.used)


def figures_of_acts(
    acts: Iterable[Act],
    baseline: Baseline,
    reporting: Period,
    temp_of: TempOf,
    conditions: Conditions | None = None,
) -> list[ActFigure]:
    """The acts within `reporting` that have the weather that the model needs.

    Args:
        acts: Ascending and without overlap; an act that extends beyond the period does not count.
        baseline: A baseline of months (`fit_months`).
        reporting: The reporting period.
        temp_of: Mean outdoor temperature of any date [m°C], or None.
        conditions: The contract's conditions; None: those of no contract.
    """
    under = conditions or Conditions()
    figures = []
    for act in acts:
        if act.first < reporting.first or act.last > reporting.last:
            continue
        dates = range(act.first, act.last + 1)
        if baseline.needs_weather and any(temp_of(date) is None for date in dates):
            continue
        figures.append(ActFigure(act, tuple(_expected(baseline, under, date, temp_of) for date in dates)))
    return figures


def _expected(baseline: Baseline, conditions: Conditions, date: int, temp_of: TempOf) -> Figure:
    """The day without its use. A day without supply stays in its act, whose use includes that day's."""
    use = conditions.expected(baseline, temp_of(date), temp_of(date - 1), heated=None, date=date)
    return Figure(date, use.adjusted, 0, 0, use.extrapolated, use.adjustment)


def totals_of_acts(figures: Sequence[ActFigure], *, adjusted: bool = True) -> Totals:
    """The totals of the acts; `adjusted=False`: as the baseline alone gives them."""
    days = [day if adjusted else day.unadjusted for each in figures for day in each.days]
    return totals(days)._replace(used=sum(each.act.used for each in figures))


def compare_months(
    acts: Sequence[Act],
    baseline: Baseline,
    reporting: Period,
    temp_of: TempOf,
    conditions: Conditions | None = None,
) -> Compared:
    """Avoided use over the acts that count; arguments as in `figures_of_acts`.

    Raises:
        NoDays: no act counts.
    """
    figures = figures_of_acts(acts, baseline, reporting, temp_of, conditions)
    if not figures:
        need = "and a temperature for each of its days" if baseline.needs_weather else "in it"
        raise NoDays(f"no act lies within {reporting} {need}")
    fitted = sum(
        act.last - act.first + 1 for act in acts if baseline.first <= act.first and act.last <= baseline.last
    )
    total = totals_of_acts(figures)
    return Compared.of(
        baseline,
        total,
        missing_baseline=baseline.last - baseline.first + 1 - fitted,
        missing_reporting=reporting.days - total.days,
    )
