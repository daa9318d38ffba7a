"""A day's figure: what was expected of the day and what was used, or why the day has no figure.

One rule for the stream, the contract's report and the file commands:

- a day without a use has no figure (`missing`);
- a day of a declared outage has none (`outage`);
- a day without a temperature has none if the model needs one (`missing`);
- a day out of the heating season whose use is too low for any supply has none (`outage`, `Baseline.outage`);
- every other day has one: the baseline's expected use, adjusted by the contract's conditions.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from metering.baselines.document import Baseline
from metering.baselines.season import DECLARED, USUAL, TempOf
from metering.baselines.season import heated as heated_on
from metering.events import Savings
from metering.savings.conditions import Conditions, Expected

Absent = Literal["missing", "outage"]
"""Why a day has no figure: a measurement is missing, or nothing was supplied."""


class Figure(NamedTuple):
    """One day of a reporting period [base units]."""

    date: int
    """Ordinal."""
    expected: int
    """Expected use, adjusted by the contract's conditions."""
    used: int
    estimated: int = 0
    """The part of the use that rests on interpolation."""
    extrapolated: bool = False
    """Whether the day's weather lies outside the range of the baseline period."""
    adjustment: int = 0
    """The part of `expected` that the conditions added to the baseline's."""

    @property
    def unadjusted(self) -> Figure:
        """The figure as the baseline alone gives it."""
        return self._replace(expected=self.expected - self.adjustment, adjustment=0)


def expected(
    baseline: Baseline, conditions: Conditions, date: int, temp_of: TempOf, *, used: int | None = None
) -> Expected | Absent:
    """Expected use of a day, or why nothing is expected of it.

    Args:
        baseline: The frozen baseline.
        conditions: The contract's conditions.
        date: Ordinal of the day.
        temp_of: Mean outdoor temperature of any date [m°C], or None.
        used: Use of the day [base units], which shows an outage; None if it is unknown.
    """
    if conditions.outages and conditions.out(date):
        return "outage"
    temp = temp_of(date)
    if temp is None and baseline.needs_weather:
        return "missing"
    heated = baseline.heated(date, temp_of, conditions.seasons)
    if used is not None and baseline.outage(used, heated=heated):
        return "outage"
    return conditions.expected(baseline, temp, temp_of(date - 1), heated=heated, date=date)


def figure(
    baseline: Baseline,
    conditions: Conditions,
    date: int,
    temp_of: TempOf,
    *,
    used: int | None,
    estimated: int = 0,
) -> Figure | Absent:
    """The day's figure, or why the day has none; arguments as in `expected` and `Figure`."""
    if used is None:
        return "missing"
    use = expected(baseline, conditions, date, temp_of, used=used)
    if isinstance(use, str):
        return use
    plain, adjusted, extrapolated = use
    return Figure(date, adjusted, used, estimated, extrapolated, adjusted - plain)


def published(savings: Savings) -> Figure:
    """The figure of a published day."""
    return Figure(
        savings.date,
        savings.expected,
        savings.used,
        savings.estimated,
        savings.extrapolated,
        savings.adjustment,
    )


def supplied(baseline: Baseline, conditions: Conditions, date: int, temp_of: TempOf) -> bool:
    """Whether heat was supplied: by the baseline's rule, else as declared, else by the usual rule."""
    heated = baseline.heated(date, temp_of, conditions.seasons)
    if heated is not None:
        return heated
    rule = DECLARED if conditions.seasons else USUAL.name
    return heated_on(date, temp_of, rule=rule, declared=conditions.seasons)
