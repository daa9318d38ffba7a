"""Changes of use that the days show, proposed as events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from metering.alerts.changes import Change, changes
from metering.baselines.document import Baseline
from metering.report.facts import Facts
from metering.savings.day import Figure


def changes_of(facts: Facts, days: Sequence[Figure], carrier: str) -> tuple[Change, ...]:
    """The changes that the days show.

    A measure takes more off one part of the use than off the other: off heating and not off hot water, off
    lamps and not off lifts. The share saved then goes with the season, and that is no event. So heat is judged
    apart in and out of the heating season, and anything else against what the days themselves save of either part.
    """
    if carrier == "heat":
        on = {day.date for day in days if facts.heated(day.date)}
        groups = [[d for d in days if d.date in on], [d for d in days if d.date not in on]]
    else:
        groups = [_levelled(facts.baseline, days)]
    found = [
        change
        for group in groups
        for change in changes(group, rho=facts.baseline.metrics.rho, cvrmse=facts.baseline.metrics.cvrmse)
    ]
    return tuple(sorted(found, key=lambda change: change.began))


def _levelled(baseline: Baseline, days: Sequence[Figure]) -> list[Figure]:
    """The days with that taken out of their use by which their saving differs from the mean saving by season.

    Use is taken as a (the base's part of expected use) + b (the rest), by least squares. Steps of either share are
    fitted along, each at the week that explains most, while it explains a tenth of what is left: a change must not
    pass for a season. Only a and b level the days. Where the days cannot tell them, the days stay as they are.
    """
    base = float(baseline.parameters[baseline.form.coefficients[0]])
    expected = np.array([day.expected for day in days], dtype=np.float64)
    used = np.array([day.used for day in days], dtype=np.float64)
    parts = np.column_stack([np.minimum(base, expected), np.maximum(expected - base, 0.0)])
    columns = parts
    if len(days) < _LEAST_LEVEL_DAYS or np.linalg.matrix_rank(columns / expected.max()) < 2:
        return list(days)
    since = np.arange(len(days))
    left = _left(columns, used)
    for _ in range(_MOST_STEPS):
        tried = [
            np.column_stack([columns, np.where((since >= at)[:, None], parts, 0.0)])
            for at in range(7, len(days) - 6, 7)
        ]
        sums = [_left(each, used) for each in tried]
        best = int(np.argmin(sums))
        if sums[best] > (1 - _LEAST_STEP) * left:
            break
        columns, left = tried[best], sums[best]
    shares = np.linalg.lstsq(columns, used, rcond=None)[0]
    pattern = parts @ shares[:2]
    # What is left is the same saving on every day, and what the day differs from its own pattern.
    whole = float(pattern.sum() / expected.sum())
    shown = np.rint(expected * whole + used - pattern).astype(np.int64)
    return [Figure(day.date, day.expected, use) for day, use in zip(days, shown.tolist(), strict=True)]


def _left(columns: NDArray[np.float64], used: NDArray[np.float64]) -> float:
    """Sum of squares that the columns leave."""
    residual = used - columns @ np.linalg.lstsq(columns, used, rcond=None)[0]
    return float(residual @ residual)


_LEAST_LEVEL_DAYS = 180
"""Half a year: fewer days have seen too little of the seasons to tell two parts."""
_MOST_STEPS = 3
_LEAST_STEP = 0.10
"""Share of the squares left that a step must explain."""
