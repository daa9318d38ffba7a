"""How sure a saving is: the 90 % interval of avoided energy use, and its grade.

Fractional savings uncertainty of ASHRAE Guideline 14-2014 (Reddy & Claridge 2000), as an absolute
half-width so that it holds for savings near zero:

    half_width = t_(0.95, n'-k) * a_f * CV(RMSE) * sum(expected) * sqrt((n / n') (1 + 2 / n') / m)

with a_f = -0.00024 M^2 + 0.03535 M + 1.00286 for daily points (Sun & Baltazar 2013) and M the months of the
REPORTING period (nmecr used the baseline's until 2026: 15 % off). For daily points n' always: with n, as
nmecr does below rho 0.5 following G14, the interval was measured up to 1.7 times too narrow.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

from scipy.special import stdtrit

from metering.baseline import Baseline

CONFIDENCE: Final = 0.90


@lru_cache(maxsize=4096)
def t_quantile(degrees: float) -> float:
    """Student's t that cuts off 5 % on each side, for `degrees` of freedom."""
    return float(stdtrit(degrees, 0.5 + CONFIDENCE / 2))


def polynomial(months: float) -> float:
    """a_f of Sun & Baltazar (2013) for daily points and a reporting period of `months`.

    The fit was made for up to 60 months; beyond, its value there is kept.
    """
    months = min(max(months, 0.0), 60.0)
    return -0.00024 * months**2 + 0.03535 * months + 1.00286


def half_width_90(
    baseline: Baseline, *, days: int, months: float, expected_total: float, used_total: float
) -> float:
    """Half-width of the 90 % interval of (expected - used) [the baseline's unit].

    Args:
        baseline: The frozen baseline.
        days: Days of the reporting period that have a figure (m).
        months: Their length in months (M).
        expected_total: Sum of their expected use.
        used_total: Sum of their use; the interval does not depend on it.
    """
    if days <= 0:
        return 0.0
    n, independent = baseline.n, baseline.n_prime
    degrees = max(independent - baseline.k, 1.0)
    per_day = baseline.cvrmse * abs(expected_total)
    spread = math.sqrt((n / independent) * (1 + 2 / independent) / days)
    return t_quantile(round(degrees, 2)) * polynomial(months) * per_day * spread


def grade(baseline: Baseline, *, expected_total: float, used_total: float, half_width: float) -> str:
    """A: settle on it; B: settle with care; C: pay only after a year; D: not settled (facts/mv.md 3.4).

    A needs CV(RMSE) <= 10 %, |NMBE| <= 0.5 % and a half-width of at most 25 % of the saving; B needs
    CV(RMSE) <= 25 % and at most 50 %; C a saving that is proved at all.
    """
    avoided = expected_total - used_total
    if avoided <= 0 or half_width >= avoided:
        return "D"
    share = half_width / avoided
    if baseline.cvrmse <= 0.10 and abs(baseline.nmbe) <= 0.005 and share <= 0.25:
        return "A"
    if baseline.cvrmse <= 0.25 and share <= 0.50:
        return "B"
    return "C"
