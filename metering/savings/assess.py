"""The saving of a period: totals of its figures, with their 90 % interval, doubts and grade.

The only place that judges totals. The watch over a contract, its alerts, its report, monthly acts and the file
commands all ask here, so the same figures get the same interval and grade everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from metering.baselines.document import Baseline
from metering.savings.day import Figure
from metering.savings.sufficiency import Doubt, doubts
from metering.savings.uncertainty import Grade, Width, grade, interval, width_90
from metering.times import DAYS_A_YEAR

DAYS_PER_MONTH: Final = DAYS_A_YEAR / 12


class Totals(NamedTuple):
    """Sums over figures [base units]."""

    days: int = 0
    """Days with a figure."""
    expected: int = 0
    used: int = 0
    estimated: int = 0
    """The part of the use that rests on interpolation."""
    extrapolated: int = 0
    """Expected use of the days whose weather lies outside the range of the baseline period."""
    adjustment: int = 0
    """The part of the expected use that the conditions added."""
    adjusted: int = 0
    """Sum of the sizes of the days' adjustments."""

    def plus(self, more: Totals) -> Totals:
        """The totals of both."""
        return Totals(*(one + other for one, other in zip(self, more, strict=True)))


def totals(figures: Iterable[Figure]) -> Totals:
    """The totals of the figures."""
    days = expected = used = estimated = extrapolated = adjustment = adjusted = 0
    for day in figures:
        days += 1
        expected += day.expected
        used += day.used
        estimated += day.estimated
        if day.extrapolated:
            extrapolated += day.expected
        if day.adjustment:
            adjustment += day.adjustment
            adjusted += abs(day.adjustment)
    return Totals(days, expected, used, estimated, extrapolated, adjustment, adjusted)


@dataclass(frozen=True)
class Saving:
    """Avoided energy use of a period and how sure it is."""

    baseline: Baseline
    totals: Totals
    width: Width
    """Half-width of the 90 % interval of the avoided use and its parts [base units]."""
    doubts: tuple[Doubt, ...]
    grade: Grade
    """`D` too if a doubt disqualifies the saving."""

    @property
    def days(self) -> int:
        """Days with a figure."""
        return self.totals.days

    @property
    def expected(self) -> int:
        """Expected use [base units]."""
        return self.totals.expected

    @property
    def used(self) -> int:
        """Use [base units]."""
        return self.totals.used

    @property
    def half_width(self) -> float:
        """Half-width of the 90 % interval of the avoided use [base units]."""
        return self.width.total

    @property
    def avoided(self) -> int:
        """Avoided energy use [base units]; negative if more was used than expected."""
        return self.expected - self.used

    @property
    def share(self) -> float:
        """Avoided use as a share of expected use; nan if nothing was expected."""
        return self.avoided / self.expected if self.expected else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """The 90 % interval of `share`."""
        return interval(expected_total=self.expected, used_total=self.used, half_width=self.half_width)


def width_of(baseline: Baseline, total: Totals) -> Width:
    """Half-width of the 90 % interval of the totals' avoided use [base units]."""
    return width_90(
        baseline,
        days=total.days,
        months=total.days / DAYS_PER_MONTH,
        expected_total=total.expected,
        estimated_total=total.estimated,
        extrapolated_total=total.extrapolated,
        adjusted_total=total.adjusted,
    )


def assess(baseline: Baseline, total: Totals) -> Saving:
    """The saving in the totals, judged."""
    width = width_of(baseline, total)
    reasons = doubts(
        baseline,
        expected_total=total.expected,
        used_total=total.used,
        extrapolated_total=total.extrapolated,
        estimated_total=total.estimated,
    )
    graded = grade(baseline, expected_total=total.expected, used_total=total.used, half_width=width.total)
    return Saving(
        baseline, total, width, reasons, "D" if any(each.disqualifies for each in reasons) else graded
    )
