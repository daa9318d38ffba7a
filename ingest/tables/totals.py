"""Rows of totals in a table: what they add up is energy already, and no use of their own. Pure.

Theory of operation
-------------------
A row of totals has a label (`Итого`, `Всего`, `Total`; means and extremes have one too) in some cell beside its values,
or it has none and is stamped like the next row. Then its values tell: each counted quantity is the sum of the rows
before it (all of them, or those since the last totals), or of all rows below if it is the first. In a table of
register readings it is the use between the first and the last reading, so that the register seems to jump back, or the
sum of the readings.

Equal sums may be chance. Sums must agree to within the rounding of what they add up, and the agreement must be
unlikely: two quantities agree, the sum is long (fifty times the rounding, either way) or five times the greatest row.
Two ordinary rows may well add up to the third: a row after less than five is a total only if it is the last one, if
two quantities agree, or if another row has the same time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

_LABEL: Final = re.compile(
    r"(?:подытог|итог)[ои]?\b|итогов(?:ая сумма|ое)\b|всего\b|сумма\b|∑|Σ|средн\w*\b|мин(?:имум|\.)|макс(?:имум|\.)"
    r"|(?:sub-?|grand )?totals?\b|sum\b|average\b|mean\b|minimum\b|maximum\b",
    re.IGNORECASE,
)
_FEW: Final = 5
"""With fewer rows than this, agreement of one quantity is not enough."""
_LONG: Final = 50
_FAR: Final = 5
"""See above. No row of 4,800 tables of 96 chance values is taken for a total with these (steady, spiky and coarse)."""
_CLEAR: Final = 4
"""Multiple of the rounding below which agreement says nothing."""
_BACK: Final = Decimal("0.9")
"""A register that jumps back shows less than this share of its last reading."""


class _Sums:
    """The sums of one meter's rows since some row."""

    def __init__(self, first: int) -> None:
        self.first = first
        """Number of the first row."""
        self.rows = 0
        self.of: dict[str, Decimal] = {}
        self.greatest: dict[str, Decimal] = {}
        self.counted: Counter[str] = Counter()

    def add(self, values: Mapping[str, Decimal]) -> None:
        self.rows += 1
        for quantity, value in values.items():
            if quantity not in self.of:
                self.of[quantity], self.greatest[quantity] = value, value
            else:
                self.of[quantity] += value
                if value > self.greatest[quantity]:
                    self.greatest[quantity] = value
            if value:
                self.counted[quantity] += 1


class _Doubt(NamedTuple):
    """A row that may be one of totals."""

    row: int
    time: object
    values: Mapping[str, Decimal]
    why: str


class _Meter:
    """The rows of one meter."""

    def __init__(self, row: int, values: Mapping[str, Decimal]) -> None:
        self.all = self.since = _Sums(row)
        self.first_row, self.first_values = row, values
        self.start: dict[str, Decimal] = {}
        """First value of each quantity."""
        self.last: dict[str, Decimal] = {}
        self.last_row = row
        self.steps: dict[str, Decimal] = {}
        """Greatest step of each quantity."""
        self.last_time: object = None
        self.in_doubt: _Doubt | None = None
        """The last row, if it is a total unless a row of another time follows. It is in no sum yet."""

    def below_first(self) -> _Sums:
        """The sums of the rows below the first."""
        below = _Sums(self.first_row + 1)
        below.rows = self.all.rows - 1
        below.greatest = self.all.greatest
        for quantity, total in self.all.of.items():
            first = self.first_values.get(quantity, Decimal(0))
            below.of[quantity] = total - first
            below.counted[quantity] = self.all.counted[quantity] - (first != 0)
        return below


class TotalsFinder:
    """Finds the rows of totals, row after row of a table."""

    def __init__(self, *, registers: bool) -> None:
        self._registers = registers
        self._meters: dict[object, _Meter] = {}
        self._places: dict[str, int] = {}
        """The decimal places of each quantity."""
        self._found: dict[int, str] = {}
        self._labels: dict[int, list[tuple[int, str]]] = {}
        """Position -> (row, label). A column that has such a word in most rows has no labels of totals."""
        self._rows = 0

    def add(
        self,
        row: int,
        meter: object,
        time: object,
        values: Mapping[str, Decimal],
        beside: Sequence[tuple[int, Any]],
    ) -> None:
        """Add a row.

        Args:
            row: Its number.
            meter: Names the meter.
            time: Its time, in any form that is the same for the same time.
            values: Its values by counted quantity.
            beside: (position, content) of its cells without values and time.
        """
        self._rows += 1
        for at, cell in beside:
            if isinstance(cell, str) and _LABEL.match(text := cell.strip()) is not None:
                self._labels.setdefault(at, []).append((row, text[:40]))
        if values:
            self._add(row, meter, time, values)

    def boundary(self, meter: object) -> None:
        """A row of totals that has no time stands here."""
        known = self._meters.get(meter)
        if known is not None:
            known.since = _Sums(known.last_row + 1)

    def _add(self, row: int, meter: object, time: object, values: Mapping[str, Decimal]) -> None:
        known = self._meters.get(meter)
        if known is None:
            known = self._meters[meter] = _Meter(row, values)
        doubt, known.in_doubt = known.in_doubt, None
        if doubt is not None:
            if doubt.time == time:
                self._take_total(known, doubt.row, doubt.why)
            else:
                self._take_reading(known, doubt.row, doubt.time, doubt.values)
        why = self._why(known, values) if known.all.rows > 1 else None
        if why is None:
            self._take_reading(known, row, time, values)
        elif why[1] or time == known.last_time:
            self._take_total(known, row, why[0])
        else:
            known.in_doubt = _Doubt(row, time, values, why[0])

    def _take_total(self, known: _Meter, row: int, why: str) -> None:
        self._found[row] = why
        known.since = _Sums(row + 1)

    def _take_reading(self, known: _Meter, row: int, time: object, values: Mapping[str, Decimal]) -> None:
        for quantity, value in values.items():
            places = -int(value.as_tuple().exponent)
            if places > self._places.get(quantity, 0):
                self._places[quantity] = places
            if not self._registers:
                continue
            known.start.setdefault(quantity, value)
            step = value - known.last.get(quantity, value)
            known.steps[quantity] = max(known.steps.get(quantity, step), step)
            known.last[quantity] = value
        known.all.add(values)
        if known.since is not known.all:
            known.since.add(values)
        known.last_row, known.last_time = row, time

    def found(self) -> dict[int, str]:
        """The rows of totals -> why they are none of readings. To be called when all rows are added."""
        found = dict(self._found)
        for meter in self._meters.values():
            if meter.in_doubt is not None:
                found[meter.in_doubt.row] = meter.in_doubt.why
            rest = meter.below_first()
            if (
                not self._registers
                and rest.rows >= _FEW
                and self._adds_up(rest, meter.first_values, far=False)
            ):
                text = f"its values are the sums of rows {rest.first} to {meter.last_row}"
                found.setdefault(meter.first_row, text)
        for at, labels in self._labels.items():
            if len(labels) * 2 <= self._rows:
                found |= {row: f"{label!r} in column {at + 1}" for row, label in labels}
        return found

    def _why(self, known: _Meter, values: Mapping[str, Decimal]) -> tuple[str, bool] | None:
        """Why a row is a total, and whether it is one even if more rows follow."""
        if self._registers and self._is_use(known, values):
            return f"its values are the use between rows {known.first_row} and {known.last_row}", False
        for sums in (known.since, known.all) if known.since is not known.all else (known.all,):
            if sums.rows > 1 and self._adds_up(sums, values):
                text = f"its values are the sums of rows {sums.first} to {known.last_row}"
                return text, sums.rows >= _FEW or self._agreeing(sums, values) > 1
        return None

    def _digit(self, quantity: str) -> Decimal:
        """The finest digit of a quantity's values."""
        return Decimal(1).scaleb(-self._places.get(quantity, 0))

    def _tolerance(self, sums: _Sums, quantity: str) -> Decimal:
        """How far the sum of rounded values may be from the rounded sum of the values."""
        return self._digit(quantity) * Decimal(min(sums.rows / 2 + 0.5, 0.9 * sums.rows**0.5 + 0.5))

    def _agreeing(self, sums: _Sums, values: Mapping[str, Decimal]) -> int:
        """The number of quantities whose agreement says something."""
        return sum(
            sums.counted[quantity] > 1 and value >= _CLEAR * self._tolerance(sums, quantity)
            for quantity, value in values.items()
        )

    def _adds_up(self, sums: _Sums, values: Mapping[str, Decimal], *, far: bool = True) -> bool:
        """Whether values are sums, and not by chance."""
        by_chance = True
        for quantity, value in values.items():
            total = sums.of.get(quantity)
            if total is None or value + value < total:  # the second is only quick
                return False
            tolerance = self._tolerance(sums, quantity)
            if abs(value - total) > tolerance:
                return False
            if value > 0 and sums.counted[quantity] > 1:
                is_long = value >= _LONG * 2 * tolerance
                is_far = far and value >= max(_FAR * sums.greatest[quantity], _CLEAR * tolerance)
                by_chance = by_chance and not is_long and not is_far
        return not by_chance or self._agreeing(sums, values) > 1

    def _is_use(self, known: _Meter, values: Mapping[str, Decimal]) -> bool:
        """Whether values are what registers counted from the first row to the last; the registers then jump back."""
        agreeing, long = 0, False
        for quantity, value in values.items():
            last = known.last.get(quantity)
            if last is None:
                return False
            use, digit = last - known.start[quantity], self._digit(quantity)
            more = known.steps[quantity] * Decimal("1.5") if known.all.rows >= _FEW else Decimal(0)
            if not use - digit <= value <= use + digit + more or value >= last * _BACK:
                return False
            agreeing += value > 0
            long = long or value >= _LONG * 2 * digit
        return agreeing > 1 or (agreeing == 1 and long)
