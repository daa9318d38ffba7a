"""Savings of a reporting period against a baseline period: the whole comparison, off the stream."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from metering.baselines.document import Baseline
from metering.baselines.models import many_days, term_columns
from metering.periods import DailyUse, Period
from metering.refusal import Refusal
from metering.savings.sufficiency import Doubt, doubts
from metering.savings.uncertainty import Grade, Width, grade, interval, t_quantile, width_90
from metering.times import DAYS_A_YEAR

DAYS_PER_MONTH = DAYS_A_YEAR / 12


class NoDays(Refusal):
    """The reporting period has no day with a figure."""

    status = 1


class Compared(NamedTuple):
    """Expected use, use and avoided use of a reporting period."""

    baseline: Baseline
    days: int
    """Days of the reporting period with a figure."""
    expected: int
    used: int
    width: Width
    """Half-width of the 90 % interval of the avoided use and its parts [base units]."""
    extrapolated: int
    """Days whose weather lies outside the range that was fitted on."""
    outages: int
    """Days without supply: they have no figure and are not missing either."""
    missing_baseline: int
    """Days of the baseline period that were not fitted on, outages apart."""
    missing_reporting: int
    doubts: tuple[Doubt, ...]
    grade: Grade
    """`D` too where a doubt disqualifies the saving."""

    @property
    def half_width(self) -> float:
        """Half-width of the 90 % interval of the avoided use [base units]."""
        return self.width.total

    @property
    def avoided(self) -> int:
        """Avoided energy use [base units]; negative where more was used than expected."""
        return self.expected - self.used

    @property
    def share(self) -> float:
        """Avoided use as a share of expected use; nan where nothing was expected."""
        return self.avoided / self.expected if self.expected else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """The 90 % interval of `share`."""
        return interval(expected_total=self.expected, used_total=self.used, half_width=self.half_width)


def compare(days: DailyUse, baseline: Baseline, reporting: Period) -> Compared:
    """Avoided use over the days of `reporting` that have a use and, where the model needs it, a temperature.

    Raises:
        NoDays: there is no such day.
    """
    count = expected = used = estimated = strange = strange_expected = outages = 0
    for date in range(reporting.first, reporting.last + 1):
        use, temp = days.used.get(date), days.temps_mc.get(date)
        if use is None or (temp is None and baseline.needs_weather):
            continue
        on = baseline.heated(date, days.temps_mc.get, days.seasons)
        if baseline.outage(use, heated=on):
            outages += 1
            continue
        before = days.temps_mc.get(date - 1)
        wanted = baseline.expected(temp, before, heated=on, date=date)
        count += 1
        expected += wanted
        used += use
        estimated += days.estimated.get(date, 0)
        if baseline.extrapolated(temp, before):
            strange += 1
            strange_expected += wanted
    if not count:
        need = "a complete use and a temperature" if baseline.needs_weather else "a complete use"
        raise NoDays(f"no day of {reporting} has {need}")
    return settled(
        baseline,
        days=count,
        expected=expected,
        used=used,
        estimated=estimated,
        extrapolated=strange,
        extrapolated_total=strange_expected,
        outages=outages,
        missing_baseline=baseline.last - baseline.first + 1 - baseline.n - len(baseline.outages),
        missing_reporting=reporting.days - count - outages,
    )


def settled(
    baseline: Baseline,
    *,
    days: int,
    expected: int,
    used: int,
    extrapolated: int,
    extrapolated_total: int,
    missing_baseline: int,
    missing_reporting: int,
    estimated: int = 0,
    outages: int = 0,
) -> Compared:
    """Totals of a reporting period with their interval, doubts and grade; the arguments are those of `Compared`.

    Args:
        extrapolated_total: Expected use of the days outside the fitted weather [base units].
        estimated: The part of the use that rests on interpolation [base units].
    """
    width = width_90(
        baseline,
        days=days,
        months=days / DAYS_PER_MONTH,
        expected_total=expected,
        estimated_total=estimated,
        extrapolated_total=extrapolated_total,
    )
    doubted = doubts(
        baseline,
        expected_total=expected,
        used_total=used,
        extrapolated_total=extrapolated_total,
        estimated_total=estimated,
    )
    graded = grade(baseline, expected_total=expected, used_total=used, half_width=width.total)
    return Compared(
        baseline,
        days,
        expected,
        used,
        width,
        extrapolated,
        outages,
        missing_baseline=missing_baseline,
        missing_reporting=missing_reporting,
        doubts=doubted,
        grade="D" if any(doubt.disqualifies for doubt in doubted) else graded,
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
            [_or(weather.temps_mc.get(d - 1), t) for d, t in zip(dates.tolist(), temp.tolist(), strict=True)]
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


def _or(temp: int | None, other: int) -> int:
    return other if temp is None else temp
