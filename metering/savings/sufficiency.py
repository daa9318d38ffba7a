"""Whether the days bear a saving: doubts about a baseline and its reporting period; some disqualify it."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from metering.baselines.document import Baseline

Kind = Literal[
    "short_period", "few_days", "few_independent_days", "unseen_weather", "many_estimates", "weak_model"
]

LEAST_PERIOD_DAYS: Final = 329
"""A baseline period must hold a whole cycle of the weather (CalTRACK 2.x: 365 days, 329 at the least)."""
LEAST_COVERAGE: Final = 0.9
"""Share of the baseline period's days with a use (CalTRACK 2.x: 90 %)."""
MOST_UNSEEN: Final = 0.10
"""Share of expected use on days whose weather was never seen."""
MOST_ESTIMATED: Final = 0.10
"""Share of use that rests on interpolation."""
MOST_CVRMSE: Final = 1.0
"""CalTRACK's limit for a building in a portfolio."""


class Doubt(NamedTuple):
    """One reason to doubt a saving."""

    kind: Kind
    got: float
    limit: float
    disqualifies: bool
    """Whether the saving must not be settled (grade D)."""


def doubts(
    baseline: Baseline,
    *,
    expected_total: int = 0,
    used_total: int = 0,
    extrapolated_total: int = 0,
    estimated_total: int = 0,
) -> tuple[Doubt, ...]:
    """The doubts about a baseline and, if totals are given, about its reporting period.

    Args:
        baseline: The frozen baseline.
        expected_total: Expected use of the reporting period [base units].
        used_total: Its use.
        extrapolated_total: Expected use of its days outside the fitted weather.
        estimated_total: The part of its use that rests on interpolation.
    """
    reasons: list[Doubt] = []
    period = baseline.last - baseline.first + 1
    if period < LEAST_PERIOD_DAYS and baseline.needs_weather:
        reasons.append(Doubt("short_period", period, LEAST_PERIOD_DAYS, True))
    if baseline.resolution == "day":
        coverage = baseline.n / max(period - len(baseline.outages), 1)
        if coverage < LEAST_COVERAGE:
            reasons.append(Doubt("few_days", coverage, LEAST_COVERAGE, True))
    if baseline.metrics.n_prime <= baseline.k + 2:
        reasons.append(Doubt("few_independent_days", baseline.metrics.n_prime, baseline.k + 2, True))
    if baseline.metrics.cvrmse > MOST_CVRMSE:
        reasons.append(Doubt("weak_model", baseline.metrics.cvrmse, MOST_CVRMSE, True))
    if expected_total > 0 and extrapolated_total > 0:
        share = extrapolated_total / expected_total
        reasons.append(Doubt("unseen_weather", share, MOST_UNSEEN, share > MOST_UNSEEN))
    if used_total > 0 and estimated_total > MOST_ESTIMATED * used_total:
        reasons.append(Doubt("many_estimates", estimated_total / used_total, MOST_ESTIMATED, False))
    return tuple(reasons)
