"""How sure a saving is: the 90 % interval of avoided use, and the grade that goes with it.

Theory of operation
-------------------
The avoided use S = sum(expected) - sum(used) is wrong for several reasons, and each has its part of the width:

- *sampling*: the days of the reporting period scatter about the model as those of the baseline period did, and the
  model's coefficients are themselves estimates. Daily residuals are correlated (0.3-0.8 for heat), so that n
  days hold only n' = n (1 - rho) / (1 + rho) independent ones; n' is always used
  (docs/sources.md#independent-days: taking n below rho 0.5, as others do, makes intervals up to 1.7 times too
  narrow). The larger of
  - FSU: ASHRAE G14-2014 and Reddy & Claridge 2000, with the polynomial of Sun & Baltazar 2013 for daily
    models evaluated at the length of the *reporting* period (nmecr's fix of June 2026):
    dS = t_(0.95, n'-k) a(M) CVRMSE sum(expected) sqrt((n / n') (1 + 2 / n') / m);
  - HAC: dS^2 = t^2 (m s^2 f + x' V x), with s^2 the variance of a day's residual, f its long-run factor, x the sum
    of the terms over the reporting period and V the autocorrelation-consistent covariance of the coefficients;
- *drift* between years, which one baseline year cannot show (`metering.baselines.drift`);
- *estimated* energy: interpolated energy is known in total and only placed by guess;
- *extrapolated* days: weather that the baseline has never seen;
- *adjusted* energy: what changed in the house, and events, as somebody estimated them.

The parts are added in quadrature. All widths are absolute (base units), so that a saving of zero has one too.
Everything follows from totals: a stream asks after every day and pays a microsecond or two.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from scipy.special import stdtrit

from metering.baselines.document import Baseline

Grade = Literal["A", "B", "C", "D"]

CONFIDENCE: Final = 0.90
Z90: Final = 1.6448536269514722
"""Normal quantile that leaves 5 % on each side."""

ESTIMATED_SHARE: Final = 0.10
"""Half-width of energy placed by interpolation, a share of it: a gap of at most 6 h moves energy only between the
days that it touches, and the linear guess is off by about a tenth (hourly heat: its daily swing is +-10-20 %)."""

EXTRAPOLATED_SHARE: Final = 0.10
"""Standard error of a day's expected use outside the fitted weather, a share of it: the slope beyond the last
break point is unknown there (saturation, opened windows); docs/sources.md#saturation (opendsm issue 487)."""

ADJUSTED_SHARE: Final = 0.25
"""Half-width of what was adjusted (`savings.conditions`), a share of it. A judgement: an adjustment is an engineer's
estimate, and use follows persons and area only roughly."""

_LONGEST_MONTHS: Final = 60.0
"""Sun & Baltazar derived the polynomial for reporting periods of up to five years."""

_THEIR_BASELINE_DAYS: Final = 365.0


class Width(NamedTuple):
    """Half-width of the 90 % interval of avoided use and its parts [base units]."""

    total: float
    sampling: float
    drift: float
    estimated: float
    extrapolated: float
    adjusted: float = 0.0


@lru_cache(maxsize=65_536)
def t_quantile(degrees: float) -> float:
    """Student's t that leaves 5 % on each side, for `degrees` of freedom (at least 1)."""
    return float(stdtrit(max(degrees, 1.0), 0.5 + CONFIDENCE / 2))


def sun_baltazar(months: float) -> float:
    """a(M) of Sun & Baltazar 2013 for daily models; M = months of the reporting period."""
    m = min(max(months, 0.0), _LONGEST_MONTHS)
    return -0.00024 * m * m + 0.03535 * m + 1.00286


def sun_baltazar_monthly(months: float) -> float:
    """a(M) of Sun & Baltazar 2013 for monthly models."""
    m = min(max(months, 0.0), _LONGEST_MONTHS)
    return -0.00022 * m * m + 0.03306 * m + 0.94054


def _points(baseline: Baseline, days: int, months: float) -> float:
    """Points of the reporting period, m: its days, or its months for a monthly baseline."""
    return float(days) if baseline.resolution == "day" else months


def fsu_half_width_90(baseline: Baseline, *, days: int, months: float, expected_total: int) -> float:
    """Half-width of the 90 % interval of avoided use by ASHRAE-14 with n' [base units].

    The polynomial stands for sqrt(1 + m / n) at n = 365 (it is within 2 % of it up to three years); for a
    baseline of another length its part beyond 1 is scaled by 365 / n.
    """
    if days <= 0:
        return 0.0
    n, n_prime = baseline.n, baseline.metrics.n_prime
    if baseline.resolution == "day":
        a = sun_baltazar(months)
        a = math.sqrt(1.0 + max(a * a - 1.0, 0.0) * _THEIR_BASELINE_DAYS / n)
    else:
        a = sun_baltazar_monthly(months)
    scatter = baseline.metrics.cvrmse * abs(expected_total)
    points = n / n_prime * (1.0 + 2.0 / n_prime) / _points(baseline, days, months)
    return t_quantile(n_prime - baseline.k) * a * scatter * math.sqrt(points)


def hac_half_width_90(baseline: Baseline, *, days: int, months: float, expected_total: int) -> float:
    """Half-width of the 90 % interval by HAC [base units].

    The sums of the terms over the reporting period are not asked for: all terms but the first base are taken in
    the proportions of the baseline period, scaled so that they give the total. That is exact for one hinge.
    """
    if days <= 0:
        return 0.0
    m = _points(baseline, days, months)
    first = float(baseline.parameters[baseline.form.coefficients[0]])
    level = first * baseline.residuals.terms[0]
    rest = baseline.metrics.mean - level
    scale = (expected_total / m - level) / rest if abs(rest) > 1e-9 * baseline.metrics.mean else 1.0
    x = [m * baseline.residuals.terms[0], *(m * scale * term for term in baseline.residuals.terms[1:])]
    coefficients = sum(
        a * b * baseline.residuals.covariance[i][j] for i, a in enumerate(x) for j, b in enumerate(x)
    )
    # Not scaled with use, as FSU is: a summer month scatters less about its own mean, but the model misses it by
    # about as much energy as a winter month (measured: 2.3 % of a January, 8 % of a July).
    noise = m * baseline.metrics.rmse**2 * baseline.residuals.long_run
    return t_quantile(baseline.metrics.n_prime - baseline.k) * math.sqrt(noise + max(coefficients, 0.0))


def width_90(
    baseline: Baseline,
    *,
    days: int,
    months: float,
    expected_total: int,
    estimated_total: int = 0,
    extrapolated_total: int = 0,
    adjusted_total: int = 0,
) -> Width:
    """The half-width of the 90 % interval of avoided use with its parts [base units].

    Args:
        baseline: The frozen baseline.
        days: Days of the reporting period with a figure, m.
        months: Length of the reporting period [months], M.
        expected_total: Sum of expected use [base units].
        estimated_total: The part of the use that rests on interpolation [base units].
        extrapolated_total: Sum of expected use of the days outside the fitted weather [base units].
        adjusted_total: Sum of the sizes of the days' adjustments [base units].
    """
    sampling = max(
        fsu_half_width_90(baseline, days=days, months=months, expected_total=expected_total),
        hac_half_width_90(baseline, days=days, months=months, expected_total=expected_total),
    )
    drift = t_quantile(baseline.between_years.degrees) * baseline.between_years.sd * abs(expected_total)
    estimated = ESTIMATED_SHARE * abs(estimated_total)
    extrapolated = Z90 * EXTRAPOLATED_SHARE * abs(extrapolated_total)
    adjusted = ADJUSTED_SHARE * abs(adjusted_total)
    return Width(
        math.hypot(sampling, drift, estimated, extrapolated, adjusted),
        sampling,
        drift,
        estimated,
        extrapolated,
        adjusted,
    )


def week_half_width_90(baseline: Baseline) -> float:
    """Half-width of the 90 % band of a week's mean use [base units]: a day's scatter over its independent days."""
    rho = min(max(baseline.metrics.rho, 0.0), 0.95)
    independent = max(1.0, 7 * (1 - rho) / (1 + rho))
    return 1.645 * baseline.metrics.rmse / math.sqrt(independent)


def interval(*, expected_total: int, used_total: int, half_width: float) -> tuple[float, float]:
    """The 90 % interval of the saving as a share of expected use; infinite if nothing was expected.

    What is uncertain is the expected use E, in the numerator and in the denominator: the share 1 - U / E lies between
    its values at E - h and E + h. For a saving of nothing that is -h / E to h / E, for one of a half it is half
    as wide. (Where h reaches E the lower end is that of the numerator alone.)
    """
    if expected_total <= 0:
        return -math.inf, math.inf
    high = 1.0 - used_total / (expected_total + half_width)
    if half_width >= expected_total:
        return (expected_total - used_total - half_width) / expected_total, high
    return 1.0 - used_total / (expected_total - half_width), high


def grade(baseline: Baseline, *, expected_total: int, used_total: int, half_width: float) -> Grade:
    """How much weight the saving bears (docs/sources.md#grades).

    A: CV(RMSE) at most 10 %, |NMBE| at most 0.5 %, half-width at most a quarter of the saving.
    B: CV(RMSE) at most 25 %, half-width at most half of the saving.
    C: the interval excludes zero: a year's saving may be paid, a month's not.
    D: not settled: the interval includes zero, or the residuals hold fewer independent days than
    the model has parameters plus two.
    """
    avoided = abs(expected_total - used_total)
    if baseline.metrics.n_prime <= baseline.k + 2 or half_width >= avoided:
        return "D"
    share = half_width / avoided
    if baseline.metrics.cvrmse <= 0.10 and abs(baseline.metrics.nmbe) <= 0.005 and share <= 0.25:
        return "A"
    if baseline.metrics.cvrmse <= 0.25 and share <= 0.50:
        return "B"
    return "C"
