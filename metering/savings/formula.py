"""The contract's own arithmetic (M6): savings by degree days, as Russian energy service contracts settle them.

    adjusted = (Q_base - Q_dhw) * GSOP_rep / GSOP_base * A_rep / A_base + Q_dhw * V_rep / V_base

GSOP is the sum of (indoor - outdoor) over the days on which heat was supplied, with the contract's indoor
temperature (docs/sources.md#contract-formula: Minstroy 644/pr for apartment houses, decree 636 for public
ones). The formula has no interval of its own; `FormulaSaving.beside` places its saving
in the regression's.
Exact arithmetic: anyone gets the same watt-hour.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Final, Literal, NamedTuple

from metering.periods import DailyUse, Period
from metering.savings.assess import Saving

INDOOR_MC: Final = 20_000
"""Indoor temperature if the contract names none [m°C] (GOST 30494: 20 °C, 18 °C for warmer regions)."""


class Terms(NamedTuple):
    """Terms of the contract."""

    indoor_mc: int = INDOOR_MC
    dhw_base: int | None = None
    """Heat for hot water in the baseline period [Wh]; None: the mean day without heat, times the days; the
    result names its source."""
    area_ratio: Fraction = Fraction(1)
    """Heated area, reporting over baseline."""
    dhw_ratio: Fraction | None = None
    """Hot water (m3, or persons), reporting over baseline; None: the ratio of days."""


USUAL_TERMS: Final = Terms()


class FormulaSaving(NamedTuple):
    """Savings by the contract's formula [Wh]."""

    days_base: int
    days_reporting: int
    dhw_base: int
    split: Literal["contract", "days without heat"]
    """Source of the heat for hot water."""
    gsop_base_mc: int
    """Degree days of the baseline period [m°C d]."""
    gsop_reporting_mc: int
    adjusted: int
    used: int

    @property
    def avoided(self) -> int:
        """Adjusted minus used [Wh]."""
        return self.adjusted - self.used

    @property
    def share(self) -> float:
        """Avoided as a share of adjusted."""
        return self.avoided / self.adjusted if self.adjusted else float("nan")

    def beside(self, regression: Saving) -> float:
        """Place of this saving in the regression's interval: 0 its middle, -1 and 1 its ends."""
        width = regression.half_width
        return (self.avoided - regression.avoided) / width if width else float("inf")


class NoDegreeDays(ValueError):
    """A period has no day with heat, use and temperature, so the ratio of degree days does not exist."""


def settle(
    days: DailyUse,
    base: Period,
    reporting: Period,
    heated: Callable[[int], bool | None],
    terms: Terms = USUAL_TERMS,
) -> FormulaSaving:
    """The saving of the reporting period by the formula.

    Args:
        days: Use and temperatures; only days that have both count, in both periods.
        base: Baseline period.
        reporting: Reporting period.
        heated: Whether heat was supplied on a date (declared dates, or the rule of `metering.baselines.season`).
        terms: Terms of the contract.

    Raises:
        NoDegreeDays: a period has no degree days.
    """
    first, second = (
        _sums(days, base, heated, terms.indoor_mc),
        _sums(days, reporting, heated, terms.indoor_mc),
    )
    for period, sums in ((base, first), (reporting, second)):
        if sums.gsop_mc <= 0:
            raise NoDegreeDays(
                f"{period}: no day with heat below {terms.indoor_mc / 1000} °C has a use and a temperature"
            )
    if terms.dhw_base is not None:
        dhw, split = Fraction(terms.dhw_base), "contract"
    else:
        dhw, split = (
            Fraction(first.used_off * first.days, first.days_off) if first.days_off else Fraction(0),
            "days without heat",
        )
    dhw = min(dhw, Fraction(first.used))
    dhw_ratio = terms.dhw_ratio if terms.dhw_ratio is not None else Fraction(second.days, first.days)
    adjusted = (first.used - dhw) * Fraction(
        second.gsop_mc, first.gsop_mc
    ) * terms.area_ratio + dhw * dhw_ratio
    return FormulaSaving(
        first.days,
        second.days,
        round(dhw),
        "contract" if split == "contract" else "days without heat",
        first.gsop_mc,
        second.gsop_mc,
        round(adjusted),
        second.used,
    )


class _Sums(NamedTuple):
    days: int
    used: int
    gsop_mc: int
    days_off: int
    used_off: int


def _sums(days: DailyUse, period: Period, heated: Callable[[int], bool | None], indoor_mc: int) -> _Sums:
    count = used = gsop = off = used_off = 0
    for date in range(period.first, period.last + 1):
        use, temp = days.used.get(date), days.temps_mc.get(date)
        if use is None or temp is None:
            continue
        count += 1
        used += use
        if heated(date):
            gsop += max(indoor_mc - temp, 0)
        else:
            off += 1
            used_off += use
    return _Sums(count, used, gsop, off, used_off)
