"""Savings of a reporting period against a baseline period: the whole comparison, off the stream."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from metering.baseline import Baseline, fit
from metering.uncertainty import Grade, grade, interval, larger_half_width_90

DAYS_PER_MONTH = 365.25 / 12


class Period(NamedTuple):
    """Local days by their ordinals, both ends included."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"{dt.date.fromordinal(self.first)}..{dt.date.fromordinal(self.last)}"


class DailyUse(NamedTuple):
    """Complete days of one meter and the weather, by date ordinal."""

    used: Mapping[int, int]
    """Use of a day [base units]."""
    temps_mc: Mapping[int, int]
    """Mean outdoor temperature of a day [m°C]."""


class NoDays(ValueError):
    """The reporting period has no day with a figure."""


class Compared(NamedTuple):
    """Expected use, use and avoided use of a reporting period."""

    baseline: Baseline
    days: int
    """Days of the reporting period with a figure."""
    expected: int
    used: int
    half_width: float
    """Half-width of the 90 % interval of the avoided use [base units]."""
    extrapolated: int
    """Days whose weather lies outside the range that was fitted on."""
    missing_baseline: int
    """Days of the baseline period that were not fitted on."""
    missing_reporting: int
    grade: Grade

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


def fit_period(days: DailyUse, period: Period, *, unit: str = "Wh") -> Baseline:
    """The baseline fitted on the complete days of `period`.

    Raises:
        Unfit: the days do not bear a baseline (`metering.baseline`).
    """
    dates = [date for date in range(period.first, period.last + 1) if date in days.used]
    return fit(
        dates=dates,
        used=[days.used[date] for date in dates],
        temps_mc=[days.temps_mc.get(date) for date in dates],
        temps_before_mc=[days.temps_mc.get(date - 1) for date in dates],
        first=period.first,
        last=period.last,
        unit=unit,
    )


def compare(days: DailyUse, baseline: Baseline, reporting: Period) -> Compared:
    """Avoided use over the days of `reporting` that have a use and, where the model needs it, a temperature.

    Raises:
        NoDays: there is no such day.
    """
    dates = [
        date
        for date in range(reporting.first, reporting.last + 1)
        if date in days.used and (date in days.temps_mc or not baseline.needs_weather)
    ]
    if not dates:
        need = "a complete use and a temperature" if baseline.needs_weather else "a complete use"
        raise NoDays(f"no day of {reporting} has {need}")
    expected = used = extrapolated = 0
    for date in dates:
        temp, before = days.temps_mc.get(date), days.temps_mc.get(date - 1)
        expected += baseline.expected(temp, before)
        used += days.used[date]
        extrapolated += baseline.extrapolated(temp, before)
    width = larger_half_width_90(
        baseline,
        days=len(dates),
        months=len(dates) / DAYS_PER_MONTH,
        expected_total=expected,
        used_total=used,
    )
    return Compared(
        baseline,
        len(dates),
        expected,
        used,
        width,
        extrapolated,
        missing_baseline=baseline.last - baseline.first + 1 - baseline.n,
        missing_reporting=len(reporting) - len(dates),
        grade=grade(baseline, expected_total=expected, used_total=used, half_width=width),
    )
