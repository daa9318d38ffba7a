"""Heating and hot water in one meter, separated by the volume of hot water or else by the summer.

If the volume is metered, hot water is volume times the heat of a litre. Otherwise it is the use of days without
heating: hot water and its circulation together, which a house has all year.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from metering.baselines.document import Baseline
from metering.savings.uncertainty import t_quantile
from metering.units import WH_PER_GCAL

WH_PER_LITRE: Final = 0.06 * (WH_PER_GCAL / 1000)
"""0.06 Gcal/m3: water heated by 50-55 K and the losses of risers (docs/sources.md#hot-water; norms 0.051-0.066)."""

_NORM_SPREAD: Final = 0.12
"""Half-width of that figure, a share of it: the norms' range."""


class Split(NamedTuple):
    """Heat of a period by purpose [Wh]."""

    heating: int
    hot_water: int
    """Hot water and its circulation."""
    half_width: float
    """Half-width of the 90 % interval of either part."""
    source: str
    """`volume` or `days without heat`."""


def split(baseline: Baseline, *, used: int, days: int, litres: int | None = None) -> Split | None:
    """The use of a period by purpose; None without a volume and without a base.

    Args:
        baseline: A heat meter's baseline; its base (out of season if it has a season) is a day of hot water.
        used: Heat of the period [Wh].
        days: Its days.
        litres: Hot water of the period [l]; None if it is not metered.
    """
    if litres is not None:
        water = min(litres * WH_PER_LITRE, float(used))
        return Split(used - round(water), round(water), _NORM_SPREAD * water, "volume")
    first = baseline.form.coefficients[0]
    if (
        "heating" not in baseline.form.coefficients
        or first not in ("base", "base_off")
        or baseline.model == "heating_2p"
    ):
        return None
    water = min(days * float(baseline.parameters[first]), float(used))
    half = (
        t_quantile(baseline.metrics.n_prime - baseline.k)
        * days
        * math.sqrt(max(baseline.residuals.covariance[0][0], 0.0))
    )
    return Split(used - round(water), round(water), half, "days without heat")
