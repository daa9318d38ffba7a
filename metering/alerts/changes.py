"""Changes of use that the weather does not explain: CUSUM over the days of the reporting period, and proposed events.

Theory of operation
-------------------
The day's relative residual z = (expected - used) / expected is compared with its own mean since the burn-in. Two sums
collect what exceeds the mean by more than k standard deviations, one for savings lost, one for savings won:

    C = max(0, C + sign * (z - mean) - k s)          alarm if C > h s

Daily residuals are correlated, so the textbook's k = 0.5, h = 5 gives a false alarm every 69-196 days; k = 1,
h = 12 gives one in more than 700 and finds a loss of 35 % in 4-6 days, 20 % in 10-14 (docs/sources.md#cumulative-sums).
An alarm proposes an event: from the day that splits the days before the alarm best (least squares), of the size by
which the days since then differ from before. A person confirms or rejects it; no figure is adjusted automatically.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from metering.savings.day import Figure

BURN_IN: Final = 30
"""Days that set the mean and the scatter."""
SLACK_SDS: Final = 1.0
ALARM_SDS: Final = 12.0
LEAST_SHARE: Final = 0.02
"""Lower bound of the daily scatter, set by meter resolution and weather-station error [share of expected use]."""


class Change(NamedTuple):
    """A proposed non-routine event."""

    kind: Literal["more_use", "less_use"]
    began: int
    """Ordinal of the first day of the changed use."""
    noticed: int
    """Ordinal of the day of the alarm."""
    share: float
    """Change of use as a share of expected use; positive is more use."""
    per_day: float
    """The same for a mean day [base units]."""
    half_width: float
    """Half-width of the 90 % interval of `share`, with the scatter's autocorrelation."""


def changes(days: Sequence[Figure], *, rho: float, cvrmse: float) -> list[Change]:
    """The changes that the days show, oldest first; each starts a new burn-in from the day it was noticed.

    Args:
        days: The reporting period's days with a figure, ascending.
        rho: Correlation of consecutive residuals (`Baseline.rho`).
        cvrmse: Scatter of a day about the baseline (`Baseline.cvrmse`): a calm burn-in does not narrow it.
    """
    proposed: list[Change] = []
    start = 0
    spread = math.sqrt((1 + max(rho, 0.0)) / (1 - min(max(rho, 0.0), 0.95)))
    while True:
        change = _first(days, start, spread, max(cvrmse, LEAST_SHARE))
        if change is None:
            return proposed
        proposed.append(change[0])
        start = change[1]


def _first(days: Sequence[Figure], start: int, spread: float, least: float) -> tuple[Change, int] | None:
    shares = [(d.expected - d.used) / d.expected if d.expected > 0 else 0.0 for d in days]
    burn = shares[start : start + BURN_IN]
    if len(burn) < BURN_IN:
        return None
    mean = math.fsum(burn) / BURN_IN
    # Robust, so that one odd day of the burn-in does not hide a change: 1.4826 times the median deviation.
    sd = max(1.4826 * sorted(abs(z - mean) for z in burn)[BURN_IN // 2], least)
    up = down = 0.0
    for at in range(start + BURN_IN, len(days)):
        z = shares[at] - mean
        up = max(0.0, up + z - SLACK_SDS * sd)
        down = max(0.0, down - z - SLACK_SDS * sd)
        if max(up, down) > ALARM_SDS * sd:
            began = _split(shares[start : at + 1]) + start
            since = shares[began : at + 1]
            share = mean - math.fsum(since) / len(since)
            scatter = sd * spread * math.sqrt(1 / len(since) + 1 / BURN_IN)
            expected = math.fsum(d.expected for d in days[began : at + 1]) / len(since)
            change = Change(
                "less_use" if up > down else "more_use",
                days[began].date,
                days[at].date,
                share,
                share * expected,
                1.645 * scatter,
            )
            return change, at + 1
    return None


def _split(shares: Sequence[float]) -> int:
    """Index from which on the mean of `shares` differs most from the mean before (least squares of two means)."""
    n, whole = len(shares), math.fsum(shares)
    best, began, after = -1.0, n - 1, 0.0
    for count in range(1, n):
        after += shares[n - count]
        step = after / count - (whole - after) / (n - count)
        gain = step * step * count * (n - count) / n
        if gain > best:
            best, began = gain, n - count
    return began
