"""The order of day, month and year in a column of dates, told from the whole column or not at all. Pure.

Theory of operation
-------------------
`03/04/2026` is the third of April or the fourth of March. No row can tell, so no row is asked: all dates of a column
are read in each possible order, and

1. an order in which one of them is no date is impossible (`13/04/2026` is no month/day/year);
2. of those that are left, the one whose dates follow each other as the rows of such a table do (day after day in a
   table of hours or days, month after month in one of months) while those of the others do not;
3. else the order that the way of writing implies: dots are day.month.year, a year of four digits in front is ISO 8601;
4. else none: `UnclearDates` says which rows, and how to state the order.

Rows that contradict each other are unclear as well. Dates of Excel have no order, but Excel may have read them in the
wrong one before it stored them: they are checked by rule 2 and never turned round.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import pairwise
from statistics import median
from typing import Final, Literal, NamedTuple, TypeAlias

Order: TypeAlias = Literal["dmy", "mdy", "ymd", "ydm"]
Pace: TypeAlias = Literal["day", "month"]
"""How the dates of a table follow each other."""

ORDERS: Final[dict[Order, str]] = {
    "dmy": "day/month/year",
    "mdy": "month/day/year",
    "ymd": "year/month/day",
    "ydm": "year/day/month",
}

_NUMBERS: Final = re.compile(
    r"(?:(?P<a>\d{1,2})(?P<mark>[./-])(?P<b>\d{1,2})[./-](?P<c>\d{4}|\d{2})"
    r"|(?P<y>\d{4})[./-](?P<b2>\d{1,2})[./-](?P<c2>\d{1,2}))",
    re.ASCII,
)
_NEXT_DAYS: Final = 3
"""Median step of dates that follow each other day by day [d]: some days may be missing."""
_MONTH_DAYS: Final = (27, 32)
"""Median step of dates that follow each other month by month [d]."""

_AS_THEY_STAND: Final = "With an order stated, dates of Excel are taken as they stand"


class UnclearDates(ValueError):
    """The order of day, month and year cannot be told. The text names rows and dates."""


class DateOrder(NamedTuple):
    """The orders in which dates are read."""

    short: Order = "dmy"
    """Of dates with the year last, or with a year of two digits."""
    long: Order = "ymd"
    """Of dates with a year of four digits in front."""


USUAL: Final = DateOrder()


class Written(NamedTuple):
    """A date as it is written."""

    numbers: tuple[int, int, int]
    form: Literal["last", "two", "first"]
    """Year of four digits last, year of two digits at either end, year of four digits in front."""
    dotted: bool = False

    @property
    def orders(self) -> tuple[Order, ...]:
        """The orders that the form allows."""
        if self.form == "first":
            return ("ymd", "ydm")
        return ("dmy", "mdy", "ymd") if self.form == "two" else ("dmy", "mdy")

    def read(self, order: Order) -> dt.date | None:
        """The date in an order; None if there is no such date, or the form does not allow the order."""
        if order not in self.orders:
            return None
        parts = dict(zip(order, self.numbers, strict=True))
        year = parts["y"] + 2000 if self.form == "two" else parts["y"]
        try:
            return dt.date(year, parts["m"], parts["d"])
        except ValueError:
            return None

    def read_by(self, order: DateOrder) -> dt.date | None:
        """The date by the orders of its column."""
        return _read(self, order.long if self.form == "first" else order.short)


@lru_cache(maxsize=4096)
def _read(date: Written, order: Order) -> dt.date | None:
    return date.read(order)


@lru_cache(maxsize=4096)  # the dates of ten years: each occurs in many rows of a table of hours
def written(text: str) -> Written | None:
    """The numbers of a date that is written in numbers; None if the text is something else."""
    match = _NUMBERS.fullmatch(text)
    if match is None:
        return None
    if match["y"] is not None:
        return Written((int(match["y"]), int(match["b2"]), int(match["c2"])), "first")
    form: Literal["last", "two"] = "last" if len(match["c"]) == 4 else "two"
    return Written((int(match["a"]), int(match["b"]), int(match["c"])), form, match["mark"] == ".")


def stated(order: Order) -> DateOrder:
    """The orders of a column whose order is stated. A year of four digits in front cannot be day or month."""
    return DateOrder("dmy", order) if order == "ydm" else DateOrder(order)


class DateColumn:
    """Gathers the dates of a column and tells their order."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, Written | dt.date], int] = {}
        """(text, date) -> the first row that has it."""
        self._seen: set[tuple[object, str]] = set()
        self._count = 0

    def add(self, row: int, text: str, date: Written | dt.date, meter: object = None) -> None:
        """Add the date of a row; a `datetime.date` is one that Excel stored."""
        self._rows.setdefault((text, date), row)
        self._seen.add((meter, text))
        self._count += 1

    @property
    def has_order(self) -> bool:
        """Whether the column has dates by which it tells the order of those of other columns."""
        return any(isinstance(date, Written) and date.form != "first" for _, date in self._rows)

    def order(self, *, pace: Pace | None, latest: dt.date, like: DateOrder | None = None) -> DateOrder:
        """The orders of the column.

        Args:
            pace: How its dates follow each other; None if that is not known. Then they do so by days if there are
                several rows of a date.
            latest: A date after it lies ahead: an order in which all dates do is impossible.
            like: The orders of another column of the table, for dates that themselves do not tell.

        Raises:
            UnclearDates: the order cannot be told.
        """
        several = self._count > len(self._seen)
        pace = pace or ("day" if several else None)
        short: dict[tuple[str, Written], int] = {}
        long: dict[tuple[str, Written], int] = {}
        excel: dict[tuple[str, Written], int] = {}
        for (text, date), row in self._rows.items():
            if isinstance(date, Written):
                (long if date.form == "first" else short)[text, date] = row
            else:
                excel[text, Written((date.year, date.month, date.day), "first")] = row
        _check_excel(excel, short, pace, several=several)
        return DateOrder(
            _tell(short, pace, latest, several=several, like=like and like.short) if short else USUAL.short,
            _tell(long, pace, latest, several=several, like=None) if long else USUAL.long,
        )


_WRONG_SHARE: Final = 20
"""One date in so many may be none, if the order of the others is the usual one of their form and they follow each
other in it."""


def _tell(
    rows: Mapping[tuple[str, Written], int],
    pace: Pace | None,
    latest: dt.date,
    *,
    several: bool,
    like: Order | None,
) -> Order:
    """The order of dates of one form or of two."""
    orders = tuple(order for order in ORDERS if any(order in date.orders for _, date in rows))
    dates = {
        order: {key: date for key in rows if (date := key[1].read(order)) is not None} for order in orders
    }
    meant = [key for key in rows if any(key in dates[order] for order in orders)]
    usual: Order | None = "ymd" if orders[:1] == ("ymd",) else None
    if all(date.dotted for _, date in meant):
        usual = usual or "dmy"
    if not meant:
        return usual or "dmy"
    misfits = {order: next((key for key in meant if key not in dates[order]), None) for order in orders}
    possible = [
        order for order in orders if misfits[order] is None and min(dates[order].values()) <= latest
    ] or [order for order in orders if misfits[order] is None]
    if not possible:
        one, other = sorted((rows[key], key) for order in orders[:2] if (key := misfits[order]) is not None)
        raise UnclearDates(
            f"rows contradict each other: row {one[0]} {one[1][0]!r} can only be {_can_be(one[1][1])}, "
            f"row {other[0]} {other[1][0]!r} only {_can_be(other[1][1])}"
        )
    following = [order for order in orders if _follow(dates[order].values(), pace, least=1 if several else 2)]
    if len(possible) == 1 or len({tuple(dates[order].values()) for order in possible}) == 1:
        order = possible[0]
        if following and order not in following and len(rows) > 2:
            wrong = sum(key not in dates[following[0]] for key in meant)
            if following == [usual] and wrong <= max(1, len(meant) // _WRONG_SHARE):
                return following[0]  # dots mean day first, and the dates agree: the few others are no dates
            key = misfits[following[0]]
            if key is not None:
                raise UnclearDates(
                    f"rows contradict each other: read as {ORDERS[following[0]]} the dates follow each other, but "
                    f"row {rows[key]} {key[0]!r} can only be {_can_be(key[1])}"
                )
        return order
    better = [order for order in possible if order in following]
    if usual in better or (len(better) == 1 and usual != "ymd"):
        return usual if usual in better and usual is not None else better[0]
    if not better:
        weak = [order for order in possible if _follow(dates[order].values(), pace, least=1)]
        if usual in possible and usual is not None and (not weak or usual in weak):
            return usual
        if like in possible and like is not None:
            return like
    first, last = meant[0], meant[-1]
    where = f"row {rows[first]} {first[0]!r}"
    if last != first:
        where += f" to row {rows[last]} {last[0]!r}"
    raise UnclearDates(
        f"{where} are dates as {' and as '.join(ORDERS[order] for order in possible)}"
        + (f", and follow each other only as {ORDERS[better[0]]}" if len(better) == 1 else "")
    )


def _check_excel(
    excel: Mapping[tuple[str, Written], int],
    texts: Mapping[tuple[str, Written], int],
    pace: Pace | None,
    *,
    several: bool,
) -> None:
    """Refuse dates in which Excel took the day for the month when it read the file.

    It leaves the others, whose day is above 12, as texts.
    """
    if len(excel) < 2 or any(date.numbers[2] > 12 for _, date in excel):
        return
    row, text = next((row, text) for (text, _), row in excel.items())
    least = 1 if several else 2
    stored, turned = (
        _follow([read for _, date in excel if (read := date.read(order))], pace, least=least)
        for order in ("ymd", "ydm")
    )
    if turned and not stored:
        raise UnclearDates(
            f"the dates from row {row} ({text}) on follow each other only with day and month exchanged, as when Excel "
            f"takes the day for the month: read the text into Excel anew. {_AS_THEY_STAND}"
        )
    if not stored and len(texts) > 1 and all(max(date.numbers[:2]) > 12 for _, date in texts):
        other_row, other = next((row, text) for (text, _), row in texts.items())
        raise UnclearDates(
            f"row {row} is the date {text} and row {other_row} the text {other!r}: all dates have a day up to 12, all "
            "texts a greater one, as when Excel takes the day for the month: read the text into Excel anew. "
            f"{_AS_THEY_STAND}"
        )


def _follow(dates: Iterable[dt.date], pace: Pace | None, *, least: int) -> bool:
    """Whether dates follow each other at a pace, in at least so many steps."""
    distinct = sorted(set(dates))
    steps = [(b - a).days for a, b in pairwise(distinct)]
    if pace is None or len(steps) < least:
        return False
    if pace == "day":
        return bool(median(steps) <= _NEXT_DAYS)
    months = {(date.year, date.month) for date in distinct}
    return len(months) == len(distinct) and bool(_MONTH_DAYS[0] <= median(steps) <= _MONTH_DAYS[1])


def _can_be(date: Written) -> str:
    return " or ".join(ORDERS[order] for order in date.orders if date.read(order) is not None)
