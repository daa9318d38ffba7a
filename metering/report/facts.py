"""Days, weather and conditions of a contract by date, from its rows."""

from __future__ import annotations

from collections.abc import Sequence

from metering.baselines.document import Baseline
from metering.baselines.monthly import Act
from metering.periods import DailyUse
from metering.report.parts import Rows
from metering.savings.conditions import Conditions
from metering.savings.day import expected, supplied


class Facts:
    """Days, weather and seasons of a contract by date."""

    def __init__(
        self, rows: Rows, baseline: Baseline, conditions: Conditions, acts: Sequence[Act] = ()
    ) -> None:
        self.used = {day.date: day.used for day in rows.days if day.used is not None}
        self.temps = {day.date: day.mean_mc for day in rows.weather if day.mean_mc is not None}
        self.litres = rows.litres
        self.baseline = baseline
        self.conditions = conditions
        self.figures = [day.date for day in rows.savings]
        self.acts = tuple(acts)

    def heated(self, date: int) -> bool:
        """Whether heat was supplied."""
        return supplied(self.baseline, self.conditions, date, self.temps.get)

    def outages(self, first: int, last: int) -> tuple[int, ...]:
        """Days with a use that have no figure because nothing was supplied."""
        counted = set(self.figures)
        return tuple(
            date
            for date in range(first, last + 1)
            if date in self.used and date not in counted and self._outage(date)
        )

    def _outage(self, date: int) -> bool:
        use = expected(self.baseline, self.conditions, date, self.temps.get, used=self.used[date])
        return use == "outage"

    def days(self) -> DailyUse:
        """Use and weather for comparisons off the stream."""
        return DailyUse(self.used, self.temps, seasons=self.conditions.seasons)
