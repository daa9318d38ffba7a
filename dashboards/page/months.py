"""Months of dated rows: the rows of each, its first and last day, and the months beside it."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from metering.times import month_start, next_month


class Dated(Protocol):
    """A row with the ordinal of its local date."""

    @property
    def date(self) -> int: ...


_Row = TypeVar("_Row", bound=Dated)


def by_month(rows: Iterable[_Row]) -> Iterator[tuple[dt.date, list[_Row]]]:
    """(first day of a month, the rows of it), from rows in the order of their dates."""
    for first, group in itertools.groupby(rows, key=lambda row: month_start(row.date)):
        yield dt.date.fromordinal(first), list(group)


def month_id(date: dt.date) -> str:
    """The month of a date as addresses name it: `2025-01`."""
    return date.strftime("%Y-%m")


def month_bounds(first: dt.date) -> tuple[int, int]:
    """Ordinals of the first and the last day of the month that begins on `first`."""
    return first.toordinal(), next_month(first).toordinal() - 1


def beside(first: dt.date) -> dict[str, str]:
    """Ids of the month that begins on `first`, and of the months before and after it."""
    return {
        "month": month_id(first),
        "previous": month_id(first - dt.timedelta(days=1)),
        "next": month_id(next_month(first)),
    }
