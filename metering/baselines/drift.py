"""The drift between years: how much a house's use changes from one year to the next without any measure.

Residuals of one baseline year cannot show it, yet it is often the largest part of a saving's uncertainty (measured,
docs/sources.md#intervals-of-the-market: a drift of 2 % takes the ASHRAE-14 interval from 80 % coverage to 52 %).
With three baseline years or more it is the house's own history; with fewer, a prior stands in for it and is named in
every result.

The prior (decision 010) is built from evidence, before any exam: occupants make the use of a single dwelling
uncertain by 15-20 % (Pettersson 1994, Energy and Buildings 21:209-218), taken as 95 %, so 9 % of standard deviation;
two years with new occupants or habits differ by 9 % * sqrt(2); averaged over the flats of a house (about
100 that move independently) 1.3 %. What all flats share is bounded by measured 12-to-12-month placebos of district
heat (docs/sources.md#placebos-of-district-heat: mean |bias| 0.94 %, so 1.2 %). Together 1.75 %.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from metering.times import DAYS_A_YEAR

PRIOR_SD: Final = 0.0175
"""Standard deviation of the change of a house's yearly use between two years, a share of use."""

PRIOR_YEARS: Final = 5.0
"""Weight of the prior [years of history]: its sources are known to about a third (1 / sqrt(2 * 5))."""

OWN_YEARS: Final = 3
"""Years of history needed to estimate drift from the house itself instead of the prior. Two years have one degree of
freedom, whose t (6.3) is too large to be useful; they are mixed with the prior."""

REMNANT_YEARS: Final = 0.25
"""Weight of the prior beside a history of `OWN_YEARS` or more [years]. Subtracting the noise of days from the variance
of years leaves nothing for some of the houses that drift little, and too little on average; this compensates.
Without it such houses are covered in 87 %, with a whole year in 96 % (decision 010)."""

PRIOR_SOURCE: Final = (
    "prior 1.75 %: Pettersson 1994 (Energy and Buildings 21:209-218), placebos of district heat"
)

_LEAST_YEAR: Final = 300
"""Days that make a year of history."""


class Drift(NamedTuple):
    """The drift of a baseline against another year."""

    sd: float
    """Standard deviation of the change against another year, a share of use."""
    degrees: float
    """Degrees of freedom behind `sd`: the prior's years and those of history."""
    years: int
    """Years of history."""
    source: str


PRIOR: Final = Drift(PRIOR_SD, PRIOR_YEARS, 1, PRIOR_SOURCE)
"""The drift of a house with less than two years of history."""


def drift_of(dates: NDArray[np.int64], residual: NDArray[np.float64], mean: float, day_sd: float) -> Drift:
    """The drift of another year against the baseline.

    Yearly levels are taken as independent about the house's own mean, with variance s2; another year then differs
    from the mean of Y baseline years by s2 (1 + 1 / Y). s2 is the variance of the years beyond their sampling noise,
    with Y - 1 degrees of freedom; Student's t with these degrees covers another year for any s2 of the house. The
    prior weighs `PRIOR_YEARS` beside two years and `REMNANT_YEARS` from `OWN_YEARS` on.

    Args:
        dates: Ordinals of the fitted days, ascending.
        residual: Their residuals [base units].
        mean: Mean use of a day [base units].
        day_sd: Long-run standard deviation of a day's residual [base units].
    """
    level = PRIOR_SD**2 / 2
    number = ((dates - dates[0]) / DAYS_A_YEAR).astype(np.int64)
    means, noise = [], []
    for year in range(int(number[-1]) + 1):
        of_year = residual[number == year]
        if len(of_year) >= _LEAST_YEAR:
            means.append(float(of_year.mean()) / mean)
            noise.append((day_sd / mean) ** 2 / len(of_year))
    years = len(means)
    if years < 2:
        return PRIOR
    own = max(float(np.var(means)) * years - sum(noise) * (1 - 1 / years), 0.0)
    weight = PRIOR_YEARS if years < OWN_YEARS else REMNANT_YEARS
    degrees = weight + years - 1
    level = (weight * level + own) / degrees
    source = f"{years} baseline years, and with a weight of {weight:g} years the {PRIOR_SOURCE}"
    return Drift(math.sqrt(level * (1 + 1 / years)), degrees, years, source)
