"""Whether the values of a column fit its unit, by the meter's bound: kWh under a heading of Gcal do not. Pure.

The ledger does not book a use above the bound. If most of a column is above it, the column has another unit than its
heading, or the bound is wrong: a person decides, and until then none of the column is read. A few of its values would
be below the bound even in the wrong unit, and would be booked a thousandfold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Final, NamedTuple

from metering.events import Readings
from metering.site.model import Site
from metering.times import HOUR_MS
from metering.units import UNITS, Unit

SAMPLE: Final = 20_000
"""Rows of a table by which its columns are judged."""
_MOST: Final = 0.5
_FEW: Final = 0.05
"""Share of values above the bound at which another unit still fits."""
_NOTHING: Final = 1e-4
"""Share of the bound below which a usual use is none that a meter would be read for."""
_LEAST: Final = 3
"""A column of fewer values is not judged by them. Of a register, an exchange makes a step or two that no bound allows.
"""

_SHORTEST_HOURS: Final = 0.25
"""Usual time between register readings, at least [h]."""

Key = tuple[str, str, str]
"""Building, meter, quantity."""


class Misfit(NamedTuple):
    """A column whose values do not fit its unit."""

    values: int
    """Values (of a register: steps) other than zero."""
    above: int
    """How many of them are above the bound."""
    bound: int
    """[base units per hour]"""
    median: float
    """Of the values, by hour [base units per hour]."""
    is_taken: bool
    """Whether the column is too short to be judged: its values are taken, and the ledger does not book them."""
    fits: tuple[str, ...]
    """Names of the units in which the column would fit, the largest first."""

    def sentence(self, key: Key, unit: Unit, column: str, archive: str) -> str:
        """What is wrong and what would explain it."""
        building, meter, quantity = key
        per = f"{unit.name}/h"
        bound, middle = (f"{value / float(unit.scale):.4g} {per}" for value in (self.bound, self.median))
        text = (
            f"column {column!r}: {self.above} of {self.values} values of {building}/{meter} {quantity} are above what "
            f"the meter's bound allows ({bound}; their median is {middle}), "
            + ("and not booked" if self.is_taken else "and none of the column is taken")
        )
        if not self.fits:
            advice = "check max_power_kw of the meter and `decimal` of the archive"
            return f"{text}. No other unit would explain it: {advice}"
        factors = (f"{name} (a factor of {float(unit.scale / UNITS[name].scale):.6g})" for name in self.fits)
        units = " or ".join(f'units = {{ {quantity} = "{name}" }}' for name in self.fits)
        return (
            f"{text}. They fit as {' or as '.join(factors)}: if they are, set {units} in [[archive]] {archive!r}; "
            f"if they are {unit.name}, correct max_power_kw of the meter"
        )


def misfits(events: Iterable[Readings], site: Site, units: Mapping[Key, Unit]) -> dict[Key, Misfit]:
    """The columns of a table whose values do not fit their unit.

    Args:
        events: The readings of the table, or of its first rows.
        site: The site.
        units: The unit of each column.
    """
    rates: dict[Key, list[float]] = {}
    counts: dict[Key, list[tuple[int, int]]] = {}
    for event in events:
        if event.nature == "interval":
            rows = zip(event.starts, event.times, event.amounts, strict=True)
            rates.setdefault(event.register, []).extend(
                amount * HOUR_MS / (end - start) for start, end, amount in rows if amount
            )
        elif event.nature == "register":
            counts.setdefault(event.register, []).extend(zip(event.times, event.amounts, strict=True))
    for key, readings in counts.items():
        steps = pairwise(sorted(readings))
        uses = [
            (after - before) * HOUR_MS / (end - start)
            for (start, before), (end, after) in steps
            if end > start
        ]
        if len(uses := [use for use in uses if use > 0]) >= _LEAST:
            rates[key] = uses
    results = {}
    for key, uses in rates.items():
        bound = site.meters[key[:2]].max_per_hour_of(key[2])
        above = sum(use > bound for use in uses)
        if above > _MOST * len(uses):
            fits = _fitting(uses, bound, units[key])
            results[key] = Misfit(len(uses), above, bound, median(uses), len(uses) < _LEAST, fits)
    return results


def may_not_fit(values: Sequence[float], bound: float, hours: float | None) -> bool:
    """Whether a column is worth the exact question; quick, and rather yes than no.

    Args:
        values: Of the column, in its order.
        bound: Of the meter, in the column's unit per hour.
        hours: Shortest interval of a row; None if the values are register readings.
    """
    if hours is None:
        mean = abs(values[-1] - values[0]) / max(len(values) - 1, 1)
        return mean > bound * _SHORTEST_HOURS
    uses = [value for value in values if value]
    return sum(value > bound * hours for value in uses) > _MOST * len(uses)


def _fitting(uses: list[float], bound: int, unit: Unit) -> tuple[str, ...]:
    """Names of the smaller units of the same quantity in which uses do not exceed a bound, and are not next to nothing.

    Any values would fit a unit that is small enough.
    """
    names = []
    smaller = [
        other for other in UNITS.values() if other.quantity == unit.quantity and other.scale < unit.scale
    ]
    for other in sorted(smaller, key=lambda other: other.scale, reverse=True):
        factor = float(other.scale / unit.scale)
        above = sum(use * factor > bound for use in uses)
        if above <= _FEW * len(uses) and median(uses) * factor >= bound * _NOTHING:
            names.append(other.name)
    return tuple(names)
