"""What a table says as a whole: its columns, the order of its dates, its time of issue, its rows of totals. Pure."""

from __future__ import annotations

import datetime as dt
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from ingest.instants import EARLIEST_MS, FIRST_YEAR, FUTURE_MS, LAST_YEAR
from ingest.tables.cells import BadCell, date_of, is_empty, local_time, number, time_of_day
from ingest.tables.dates import USUAL, DateColumn, DateOrder, Order, Pace, UnclearDates, stated
from ingest.tables.headers import Columns, find_columns
from ingest.tables.issue import issue_of, read_issue
from ingest.tables.sheets import Row
from ingest.tables.totals import TotalsFinder
from metering.site.sources import Archive
from metering.times import UTC, iso, to_ms
from metering.units import QUANTITIES

_PACES: Final[dict[str, Pace]] = {"hour": "day", "day": "day", "month": "month"}


_PLACES: Final = 9
"""Decimal places of an Excel number; those behind them are noise of binary fractions."""


class Unclear(ValueError):
    """The table cannot be read as a whole. The text names rows and the way out."""


class Survey(NamedTuple):
    """What a table says as a whole."""

    columns: Columns
    dates: DateOrder
    """The orders of the column `time`."""
    issue_dates: DateOrder
    """The orders of the column `issued`."""
    issued: int
    """When a line of the table says that it was issued [ms]; 0 if none does."""
    totals: dict[int, str]
    """Rows of totals that have a time -> why they are no readings."""
    values: Mapping[tuple[object, str], Sequence[float]]
    """Values of the quantities that a register counts, in the order and the unit of the table, by the text in the
    column `meter` (or None) and quantity."""


def survey(
    rows: Iterable[Row],
    *,
    archive: Archive,
    zone: ZoneInfo,
    received_at: int,
    order: Order | None = None,
    issue_is_known: bool = False,
) -> Survey:
    """Read a table once for what it says as a whole.

    Args:
        rows: All rows of the table.
        archive: The field map.
        zone: The clock of the table.
        received_at: When it is imported [ms].
        order: The order of day, month and year, if it is stated.
        issue_is_known: Whether the time of issue is given; then no line is asked.

    Raises:
        ingest.tables.headers.NoHeader: the table does not have the columns of the field map.
        Unclear: the order of the dates cannot be told, or the time of issue cannot be read.
    """
    lines = _Lines(archive)
    iterator = iter(rows)
    columns = find_columns(lines.passing(iterator), archive)
    looker = _Looker(archive, columns, lines)
    for row in iterator:
        looker.look_at(row)
    dates = looker.dates
    latest = (dt.datetime.fromtimestamp(received_at / 1000, zone) + dt.timedelta(days=1)).date()
    order = order or archive.dates
    like: DateOrder | None
    if order is not None:
        time_order = issue_order = like = stated(order)
    else:
        pace = _PACES[archive.interval] if archive.kind == "interval" else None
        time_order = _order(dates, "time", archive, pace, latest, None)
        like = time_order if dates.has_order else None
        issue_order = _order(looker.issue_dates, "issued", archive, None, latest, like)
    return Survey(
        columns,
        time_order,
        issue_order,
        0 if issue_is_known or archive.kind == "register" else lines.issued(like, zone, received_at),
        looker.finder.found() if archive.totals else {},
        looker.values,
    )


class _Lines:
    """Lines of a table that are about no reading, and say when it was issued."""

    def __init__(self, archive: Archive) -> None:
        self._words = archive.issued
        self._found: dict[str, int] = {}
        """Text of a time -> the first row that has it."""

    def passing(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows, looked at on their way."""
        for row in rows:
            self.look_at(row)
            yield row

    def look_at(self, row: Row) -> None:
        """Look for the time of issue in a row."""
        if (text := issue_of(row.cells, self._words)) is not None:
            self._found.setdefault(text, row.number)

    def issued(self, like: DateOrder | None, zone: ZoneInfo, received_at: int) -> int:
        """The time of issue [ms], or 0.

        Raises:
            Unclear: the lines have several times, or one that cannot be.
        """
        if not self._found:
            return 0
        out = "state when the file was issued: --issued INSTANT"
        if len(self._found) > 1:
            several = ", ".join(f"row {row} {text!r}" for text, row in self._found.items())
            raise Unclear(f"several times of issue: {several}; {out}")
        ((text, row),) = self._found.items()
        column = DateColumn()
        date = date_of(text)
        if date is not None:
            column.add(row, *date)
        latest = dt.datetime.fromtimestamp(received_at / 1000, zone).date()
        try:
            local = read_issue(text, column.order(pace=None, latest=latest, like=like))
        except UnclearDates as error:
            raise Unclear(f"the time of issue: {error}; {out}") from None
        if local is None or not FIRST_YEAR <= local.year <= LAST_YEAR:
            raise Unclear(f"row {row}: {text!r} is not a time of issue; {out}")
        issued = to_ms(local.replace(tzinfo=zone).astimezone(UTC))
        if not EARLIEST_MS <= issued <= received_at + FUTURE_MS:
            raise Unclear(f"row {row}: issued {iso(issued)}, which lies before 2000 or ahead; {out}")
        return issued


class _Looker:
    """Looks at the rows below the header."""

    def __init__(self, archive: Archive, columns: Columns, lines: _Lines) -> None:
        self._columns, self._lines, self._decimal = columns, lines, archive.decimal
        self.dates, self.issue_dates = DateColumn(), DateColumn()
        self.finder = TotalsFinder(registers=archive.kind == "register")
        self.values: dict[tuple[object, str], array[float]] = {}
        self._counted = [
            (quantity, at) for quantity, at, _ in columns.values if QUANTITIES[quantity].nature == "register"
        ]
        self._measured = [at for _, at, _ in columns.values]
        self._taken = {columns.time, columns.time_of_day, *self._measured}

    def look_at(self, row: Row) -> None:
        """Gather what a row says."""
        cells, columns = row.cells, self._columns
        width = len(cells)
        time = cells[columns.time] if columns.time < width else None
        clock = _cell(cells, columns.time_of_day)
        meter = _cell(cells, columns.meter)
        found = date_of(time)
        measured = any(not is_empty(cells[at]) for at in self._measured if at < width)
        dated = found is not None or local_time(time) is not None
        if columns.time_of_day is not None:
            dated = (dated or is_empty(time)) and (not measured or time_of_day(clock) is not None)
        if not dated:
            self._lines.look_at(row)
            if measured:
                self.finder.boundary(meter)
            return
        if found is not None and (measured or columns.time_of_day is not None):
            self.dates.add(row.number, *found, meter)
        if not measured:
            self._lines.look_at(row)
            return
        if (stated_at := date_of(_cell(cells, columns.issued))) is not None:
            self.issue_dates.add(row.number, *stated_at, meter)
        beside = [(at, cell) for at, cell in enumerate(cells) if at not in self._taken]
        counted = self._count(cells, width)
        for quantity, value in counted.items():
            self.values.setdefault((meter, quantity), array("d")).append(float(value))
        self.finder.add(row.number, meter, (time, clock), counted, beside)

    def _count(self, cells: Sequence[Any], width: int) -> dict[str, Decimal]:
        """The values of the quantities that a register counts, where they are numbers."""
        counted = {}
        for quantity, at in self._counted:
            if at >= width or is_empty(cells[at]):
                continue
            try:
                value = number(cells[at], self._decimal)
            except BadCell:
                continue  # a text, or a value with a unit behind it
            decimal = value if isinstance(value, Decimal) else Decimal(repr(round(value, _PLACES)))
            if decimal.is_finite():
                counted[quantity] = decimal
        return counted


def _cell(cells: Sequence[Any], at: int | None) -> Any:
    return cells[at] if at is not None and at < len(cells) else None


def _order(
    dates: DateColumn,
    key: str,
    archive: Archive,
    pace: Pace | None,
    latest: dt.date,
    like: DateOrder | None,
) -> DateOrder:
    """The orders of a column's dates.

    Raises:
        Unclear: they cannot be told.
    """
    if key not in archive.columns:
        return USUAL
    try:
        return dates.order(pace=pace, latest=latest, like=like)
    except UnclearDates as error:
        raise Unclear(
            f"column {archive.columns[key]!r}: {error}; state the order of day, month and year: --dates dmy (or mdy, "
            f'ymd), or `dates = "dmy"` in [[archive]]'
        ) from None
