"""Static factors that changed since the baseline period: heated area, persons, indoor temperature, events.

A baseline gives the use of the house as it was in the baseline period. If the house has changed, its expected use is
adjusted (IPMVP: routine and non-routine adjustments), never the baseline. Both figures are kept, with the reason,
who proposed and who approved it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from metering.baselines.document import Baseline


class Statics(NamedTuple):
    """The house of the reporting period over that of the baseline period."""

    area: Fraction = Fraction(1)
    """Heated area, reporting over baseline: heating grows with it."""
    persons: Fraction = Fraction(1)
    """Residents (or m3 of hot water), reporting over baseline: the base grows with them."""
    indoor_mc: int = 0
    """Indoor temperature, reporting minus baseline [m°C]: a house kept 1 K warmer is heated as if it were 1 K
    colder outside. Only if both are measured; never to excuse a saving by cold flats (GOST 30494)."""


def adjusted(
    baseline: Baseline,
    statics: Statics,
    temp_mc: int,
    before_mc: int | None = None,
    *,
    heated: bool | None = None,
    date: int | None = None,
) -> int:
    """Expected use of one day for the house as it is now [base units]; arguments as in `Baseline.expected`."""
    shift = statics.indoor_mc if heated is not False else 0
    earlier = None if before_mc is None else before_mc - shift
    return scaled(baseline, statics, baseline.expected(temp_mc - shift, earlier, heated=heated, date=date))


def scaled(baseline: Baseline, statics: Statics, whole: int) -> int:
    """Expected use of one day [base units], its base by the persons and the rest by the area.

    Args:
        baseline: The baseline.
        statics: The house as it is now; its indoor temperature has no effect.
        whole: The baseline's expected use of the day [base units].
    """
    first = 0.0
    if baseline.model != "heating_2p":  # its base is the use at 0 °C: heating all of it
        first = float(baseline.parameters[baseline.form.coefficients[0]])
    base = min(round(first), whole)
    # round() of the sum of the two fractions, in integers: the stream asks for every day.
    persons, area = statics.persons, statics.area
    below = persons.denominator * area.denominator
    over = base * persons.numerator * area.denominator + (whole - base) * area.numerator * persons.denominator
    quotient, rest = divmod(over, below)
    return quotient + (2 * rest > below or (2 * rest == below and quotient % 2 == 1))


class Adjustment(NamedTuple):
    """A non-routine adjustment: an event that changed the use of the house and is not a saving."""

    first: int
    """Ordinal of its first day."""
    last: int | None
    """Ordinal of its last day; None if it goes on."""
    per_day: int
    """Added to the expected use of each of its days [base units]; negative for use that went away."""
    reason: str
    author: str
    approved_by: str = ""
    """Who approved it; an adjustment without approval is shown and not counted."""
    share: Fraction = Fraction(0)
    """Added to the expected use of each of its days, a share of it."""
    total: int = 0
    """Added over all of its days together, spread evenly to the last unit [base units]; needs `last`."""

    def added(self, date: int, expected: int) -> int:
        """Addition to the expected use of the day [base units]; 0 outside the event."""
        if date < self.first or (self.last is not None and date > self.last):
            return 0
        added = self.per_day + (round(self.share * expected) if self.share else 0)
        if self.total and self.last is not None:
            days, number = self.last - self.first + 1, date - self.first
            added += self.total * (number + 1) // days - self.total * number // days
        return added
