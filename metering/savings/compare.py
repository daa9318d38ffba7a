"""Savings of a reporting period against a baseline period: the whole comparison, off the stream."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from metering.baselines.document import Baseline
from metering.baselines.models import many_days, term_columns
from metering.periods import DailyUse, Period
from metering.refusal import Refusal
from metering.savings.assess import Saving, Totals, assess, totals
from metering.savings.conditions import Conditions
from metering.savings.day import Figure, figure
from metering.savings.uncertainty import t_quantile


class NoDays(Refusal):
    """The reporting period has no day with a figure."""

    status = 1


@dataclass(frozen=True)
class Compared(Saving):
    """The saving of a reporting period, and the days of both periods that are missing in it."""

    outages: int
    """Days without supply: they have no figure and are not missing either."""
    missing_baseline: int
    """Days of the baseline period that were not fitted, outages apart."""
    missing_reporting: int

    @classmethod
    def of(
        cls,
        baseline: Baseline,
        total: Totals,
        *,
        outages: int = 0,
        missing_baseline: int,
        missing_reporting: int,
    ) -> Compared:
        """The comparison with these totals, judged."""
        saving = assess(baseline, total)
        return cls(
            baseline,
            total,
            saving.width,
            saving.doubts,
            saving.grade,
            outages,
            missing_baseline,
            missing_reporting,
        )


def compare(
    days: DailyUse, baseline: Baseline, reporting: Period, conditions: Conditions | None = None
) -> Compared:
    """Avoided use over the days of `reporting` that have a figure (`metering.savings.day`).

    Args:
        days: Use and weather of both periods.
        baseline: The frozen baseline.
        reporting: The reporting period.
        conditions: The contract's conditions; None: those of no contract, with the seasons of `days`.

    Raises:
        NoDays: there is no such day.
    """
    if conditions is None:
        conditions = Conditions(seasons=days.seasons)
    figures: list[Figure] = []
    outages = 0
    for date in range(reporting.first, reporting.last + 1):
        of_day = figure(
            baseline,
            conditions,
            date,
            days.temps_mc.get,
            used=days.used.get(date),
            estimated=days.estimated.get(date, 0),
        )
        if isinstance(of_day, Figure):
            figures.append(of_day)
        elif of_day == "outage":
            outages += 1
    if not figures:
        need = "a complete use and a temperature" if baseline.needs_weather else "a complete use"
        raise NoDays(f"no day of {reporting} has {need}")
    return Compared.of(
        baseline,
        totals(figures),
        outages=outages,
        missing_baseline=baseline.last - baseline.first + 1 - baseline.n - len(baseline.outages),
        missing_reporting=reporting.days - len(figures) - outages,
    )


class Normalised(NamedTuple):
    """Savings in one same weather, out of a baseline of the time before and one of the time after."""

    before: int
    """Use of the time before, in that weather [base units]."""
    after: int
    half_width: float
    """Half-width of the 90 % interval of (before - after) [base units]."""
    unseen: float
    """Share of the days whose weather lies outside the range of either baseline."""

    @property
    def avoided(self) -> int:
        """Use of the time before minus that of the time after."""
        return self.before - self.after


def normalised(before: Baseline, after: Baseline, weather: DailyUse, period: Period) -> Normalised:
    """Normalised savings: both baselines in the weather of `period` (a typical year), u^2 = u_before^2 + u_after^2.

    The uses of `weather` are not looked at. Each width is that of the coefficients alone (no reporting day
    scatters here) and the drift between the two years, once.

    Raises:
        NoDays: a day of the period lacks a temperature that a model needs.
    """
    sums = []
    unseen = 0
    widths = []
    for baseline in (before, after):
        dates = np.arange(period.first, period.last + 1)
        temps = [weather.temps_mc.get(date) for date in dates.tolist()]
        if baseline.needs_weather and None in temps:
            raise NoDays(
                f"{period}: {temps.count(None)} days have no temperature; a typical year has them all"
            )
        temp = np.array([temp or 0 for temp in temps])
        earlier = np.array(
            [weather.temps_mc.get(d - 1, t) for d, t in zip(dates.tolist(), temp.tolist(), strict=True)]
        )
        on = np.array(
            [baseline.heated(d, weather.temps_mc.get, weather.seasons) is True for d in dates.tolist()]
        )
        columns = term_columns(
            baseline.form, baseline.parameters, temp, earlier, on.astype(np.float64), dates
        )
        sums.append(int(many_days(baseline.form, baseline.parameters, columns).sum()))
        total = columns.sum(axis=0)
        variance = float(total @ np.array(baseline.residuals.covariance) @ total)
        widths.append(t_quantile(baseline.metrics.n_prime - baseline.k) * math.sqrt(max(variance, 0.0)))
        unseen = max(
            unseen,
            sum(baseline.extrapolated(t, e) for t, e in zip(temp.tolist(), earlier.tolist(), strict=True)),
        )
    drift = (
        max(t_quantile(each.between_years.degrees) * each.between_years.sd for each in (before, after))
        * sums[0]
    )
    return Normalised(sums[0], sums[1], math.hypot(*widths, drift), unseen / period.days)
