"""Savings of monthly acts against a baseline of months."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from metering.baselines.document import Baseline
from metering.baselines.monthly import Act
from metering.baselines.season import TempOf
from metering.periods import Period
from metering.savings.compare import Compared, NoDays, settled

ExpectedOf = Callable[[int, int | None, int | None], int]
"""(date, temperature [m°C], that of the day before) -> expected use of the day [base units]."""


def compare_months(
    acts: Sequence[Act],
    baseline: Baseline,
    reporting: Period,
    temp_of: TempOf,
    expected_of: ExpectedOf | None = None,
) -> Compared:
    """Avoided use over the acts within `reporting` that have the weather that the model needs.

    Expected use of days is summed to that of the acts; there are no daily figures.

    Args:
        acts: Ascending and without overlap.
        baseline: A baseline of months (`fit_months`).
        reporting: The reporting period; an act that extends beyond it does not count.
        temp_of: Mean outdoor temperature of any date [m°C], or None.
        expected_of: Expected use of a day; None: the baseline's own.

    Raises:
        NoDays: no act counts.
    """
    days = expected = used = extrapolated = extrapolated_total = counted = fitted = 0
    for act in acts:
        fitted += act.last - act.first + 1 if baseline.first <= act.first and act.last <= baseline.last else 0
        if act.first < reporting.first or act.last > reporting.last:
            continue
        dates = range(act.first, act.last + 1)
        temps = [temp_of(date) for date in dates]
        if baseline.needs_weather and None in temps:
            continue
        counted += 1
        days += len(dates)
        used += act.used
        for date, temp in zip(dates, temps, strict=True):
            before = temp_of(date - 1)
            if expected_of is None:
                of_day = baseline.expected(temp, before, date=date)
            else:
                of_day = expected_of(date, temp, before)
            expected += of_day
            if baseline.extrapolated(temp, before):
                extrapolated += 1
                extrapolated_total += of_day
    if not counted:
        need = "and a temperature for each of its days" if baseline.needs_weather else "in it"
        raise NoDays(f"no act lies within {reporting} {need}")
    return settled(
        baseline,
        days=days,
        expected=expected,
        used=used,
        extrapolated=extrapolated,
        extrapolated_total=extrapolated_total,
        missing_baseline=baseline.last - baseline.first + 1 - fitted,
        missing_reporting=reporting.days - days,
    )
