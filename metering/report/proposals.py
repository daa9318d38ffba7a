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
    """The changes of use in the days, oldest first.

    A measure saves more of one part of the use than of the other: heating and not hot water, lamps and not lifts.
    The saved share then follows the season, which is not an event. So heat is judged separately in and out of the
    heating season, and other use after its seasonal pattern is removed.
    """
    if carrier == "heat":
        on = {day.date for day in days if facts.heated(day.date)}
        groups = [[d for d in days if d.date in on], [d for d in days if d.date not in on]]
    else:
        groups = [_levelled(facts.baseline, days)]
    proposed = [
        change
        for group in groups
        for change in changes(group, rho=facts.baseline.metrics.rho, cvrmse=facts.baseline.metrics.cvrmse)
    ]
    return tuple(sorted(proposed, key=lambda change: change.began))


def _levelled(baseline: Baseline, days: Sequence[Figure]) -> list[Figure]:
    """Remove the seasonal pattern from the savings, so that a seasonal difference is not reported as a change.

    Use is modelled as a (the base's part of expected use) + b (the rest), by least squares. Steps of either share
    are fitted too, each at the week that explains most, as long as it explains a tenth of the remaining squares:
    otherwise a change could pass for a season. Only a and b level the days. If the days do not determine them, the
    days stay unchanged.
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
    # The same saving on every day remains, and the difference of each day from its pattern.
    whole = float(pattern.sum() / expected.sum())
    shown = np.rint(expected * whole + used - pattern).astype(np.int64)
    return [Figure(day.date, day.expected, use) for day, use in zip(days, shown.tolist(), strict=True)]


def _left(columns: NDArray[np.float64], used: NDArray[np.float64]) -> float:
    """Sum of squares that the columns do not explain."""
    residual = used - columns @ np.linalg.lstsq(columns, used, rcond=None)[0]
    return float(residual @ residual)


_LEAST_LEVEL_DAYS = 180
"""Half a year [d]: fewer days do not show the seasons well enough to separate two parts."""
_MOST_STEPS = 3
_LEAST_STEP = 0.10
"""Share of the remaining squares that a step must explain."""
