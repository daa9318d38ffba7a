"""How sure a saving is: the 90 % interval of avoided use, and the grade that goes with it.

Theory of operation
-------------------
The avoided use S = sum(expected) - sum(used) is wrong for two reasons: the days of the reporting period
scatter about the model as those of the baseline period did, and the model's coefficients are themselves
estimates. Daily residuals are correlated (0.3-0.8 for heat), so that n days hold only
n' = n (1 - rho) / (1 + rho) independent ones; n' is always used (facts/mv.md 3.3: taking n below rho 0.5,
as others do, makes intervals up to 1.7 times too narrow).

- FSU: ASHRAE G14-2014 and Reddy & Claridge 2000, with the polynomial of Sun & Baltazar 2013 for daily
  models evaluated at the length of the *reporting* period (nmecr's fix of June 2026):
  dS = t_(0.95, n'-k) a(M) CVRMSE sum(expected) sqrt((n / n') (1 + 2 / n') / m).
- HAC: dS^2 = t^2 (m s^2 f + m^2 x' V x), with s^2 the variance of a day's residual, f its long-run factor, x the
  mean terms of the reporting period and V the autocorrelation-consistent covariance of the coefficients.

All widths are absolute (base units), so that a saving of zero has one too.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final, Literal

from scipy.special import stdtrit

from metering.baseline import Baseline

Grade = Literal["A", "B", "C", "D"]

CONFIDENCE: Final = 0.90

_LONGEST_MONTHS: Final = 60.0
"""Sun & Baltazar derived the polynomial for reporting periods of up to five years."""


@lru_cache(maxsize=65_536)
def t_quantile(degrees: float) -> float:
    """Student's t that leaves 5 % on each side, for `degrees` of freedom (at least 1)."""
    return float(stdtrit(max(degrees, 1.0), 0.5 + CONFIDENCE / 2))


def sun_baltazar(months: float) -> float:
    """a(M) of Sun & Baltazar 2013 for daily models; M = months of the reporting period."""
    m = min(max(months, 0.0), _LONGEST_MONTHS)
    return -0.00024 * m * m + 0.03535 * m + 1.00286


def half_width_90(
    baseline: Baseline, *, days: int, months: float, expected_total: int, used_total: int
) -> float:
    """Half-width of the 90 % interval of avoided use by ASHRAE-14 with n' [base units], from totals alone.

    Args:
        baseline: The frozen baseline.
        days: Days of the reporting period with a figure, m.
        months: Length of the reporting period [months], M.
        expected_total: Sum of expected use [base units].
        used_total: Sum of use; the width does not depend on it, the caller always has it.
    """
    if days <= 0:
        return 0.0
    n, n_prime = baseline.n, baseline.n_prime
    scatter = baseline.cvrmse * abs(expected_total)
    return (
        t_quantile(n_prime - baseline.k)
        * sun_baltazar(months)
        * scatter
        * math.sqrt(n / n_prime * (1.0 + 2.0 / n_prime) / days)
    )


def hac_half_width_90(baseline: Baseline, *, days: int, expected_total: int) -> float:
    """Half-width of the 90 % interval by HAC [base units].

    The terms of the reporting period follow from its totals: there is at most one hinge, so its sum is
    (expected - days * base) / heating.
    """
    if days <= 0:
        return 0.0
    x = [float(days)]
    if len(baseline.terms) > 1:
        x.append((expected_total - days * baseline.parameters["base"]) / baseline.parameters["heating"])
    coefficients = sum(a * b * baseline.covariance[i][j] for i, a in enumerate(x) for j, b in enumerate(x))
    # Scatter grows with use, as in FSU: a winter month scatters more than a mean one.
    size = abs(expected_total) / days / baseline.mean
    noise = days * (baseline.rmse * size) ** 2 * baseline.long_run
    return t_quantile(baseline.n_prime - baseline.k) * math.sqrt(noise + max(coefficients, 0.0))


def larger_half_width_90(
    baseline: Baseline, *, days: int, months: float, expected_total: int, used_total: int
) -> float:
    """The larger of FSU and HAC [base units]: the width of figures that are not streamed."""
    fsu = half_width_90(
        baseline, days=days, months=months, expected_total=expected_total, used_total=used_total
    )
    return max(fsu, hac_half_width_90(baseline, days=days, expected_total=expected_total))


def interval(*, expected_total: int, used_total: int, half_width: float) -> tuple[float, float]:
    """The 90 % interval of avoided use as shares of expected use; infinite where nothing was expected."""
    if expected_total <= 0:
        return -math.inf, math.inf
    avoided = expected_total - used_total
    return (avoided - half_width) / expected_total, (avoided + half_width) / expected_total


def grade(baseline: Baseline, *, expected_total: int, used_total: int, half_width: float) -> Grade:
    """How much weight the saving bears (facts/mv.md 3.4, grades of the product).

    A: CV(RMSE) at most 10 %, |NMBE| at most 0.5 %, half-width at most a quarter of the saving.
    B: CV(RMSE) at most 25 %, half-width at most half of the saving.
    C: the interval excludes zero: a year's saving may be paid, a month's not.
    D: not settled: the interval includes zero, or the residuals hold fewer independent days than
    the model has parameters plus two.
    """
    avoided = abs(expected_total - used_total)
    if baseline.n_prime <= baseline.k + 2 or half_width >= avoided:
        return "D"
    share = half_width / avoided
    if baseline.cvrmse <= 0.10 and abs(baseline.nmbe) <= 0.005 and share <= 0.25:
        return "A"
    if baseline.cvrmse <= 0.25 and share <= 0.50:
        return "B"
    return "C"
