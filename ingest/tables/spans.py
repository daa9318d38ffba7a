"""The interval that a row of an archive is about, by its time and by the rows above it. Pure.

A time is what the meter's clock showed. Of an hour that occurs twice, when the clocks go back, the order of the rows
decides which it is. A date may stand alone above its hours, and a day's total may stand below them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from ingest.instants import EARLIEST_MS, FIRST_YEAR, FUTURE_MS, LAST_YEAR
from ingest.reasons import Reject
from ingest.tables.cells import date_of, is_empty, local_time, time_of_day
from ingest.tables.dates import ORDERS, DateOrder, Written
from ingest.tables.headers import Columns
from metering.site.sources import Archive
from metering.times import DAY_MS, HOUR_MS, UTC, next_month, to_ms

_OFF_THE_HOUR_MS: Final = 60_000
"""Largest difference from the full hour (00:59:59) at which a stamp still means the full hour [ms]."""


class Spans:
    """Reads the times of a table's rows, in the table's order."""

    def __init__(
        self,
        *,
        archive: Archive,
        columns: Columns,
        dates: DateOrder,
        issue_dates: DateOrder,
        zone: ZoneInfo,
        received_at: int,
        horizon: int,
    ) -> None:
        """
        Args:
            archive: The field map.
            columns: Positions of the columns.
            dates: The order of day, month and year in the column of times.
            issue_dates: The same in the column of times of issue.
            zone: The clock of the table's times.
            received_at: When the table is imported [ms].
            horizon: Intervals that end before this are too late [ms].
        """
        self._archive, self._columns, self._zone = archive, columns, zone
        self._dates, self._issue_dates = dates, issue_dates
        self._received_at, self._horizon = received_at, horizon
        self._ends = archive.stamp == "end"
        self._last: dict[tuple[str, str], int] = {}
        """Time of the last row, by meter [ms]."""
        self._newest_first: dict[tuple[str, str], bool] = {}
        self._date: Any = None
        """The cell of the last date, for tables with dates and times of day in two columns."""

    def carry(self, cells: Sequence[Any]) -> None:
        """Keep the date of a row without values, which stands above its hours."""
        at = self._columns.time
        if (
            self._columns.time_of_day is not None
            and at < len(cells)
            and local_time(cells[at], order=self._dates)
        ):
            self._date = cells[at]

    def of(self, cells: Sequence[Any], meter: tuple[str, str]) -> tuple[int, int]:
        """Start and end of a row's interval [ms]; of a register both are its instant.

        Args:
            cells: The row.
            meter: Building and meter.

        Raises:
            Reject: the time cannot be read, lies before 2000 or ahead, or is too late.
        """
        local, cell = self._local(cells)
        # The ends of the calendar cannot be moved between zones (01.01.0001 is how .NET writes a missing time).
        if not FIRST_YEAR <= local.year <= LAST_YEAR:
            raise Reject("bad_time", f"{cell!r:.40} lies before 2000 or beyond the calendar")
        at = self._instant(local, cell, meter)
        self._last[meter] = at
        if self._archive.kind == "register":
            start = end = at
        else:
            start, end = self._interval(local, at)
        if end < EARLIEST_MS:
            raise Reject("bad_time", f"{cell!r:.40} lies before 2000")
        if end > self._received_at + FUTURE_MS:
            raise Reject("from_future", f"{cell!r:.40} lies ahead")
        if end < self._horizon:
            raise Reject("too_late", f"{cell!r:.40} is {(self._received_at - end) / DAY_MS:.1f} d old")
        return start, end

    def issued(self, cells: Sequence[Any]) -> int:
        """When a row says that it was issued [ms]; 0 if it does not.

        Raises:
            Reject: the cell is not a time, or lies before 2000 or ahead.
        """
        at = self._columns.issued
        cell = cells[at] if at is not None and at < len(cells) else None
        if is_empty(cell):
            return 0
        local = local_time(cell, order=self._issue_dates)
        if local is None or not FIRST_YEAR <= local.year <= LAST_YEAR:
            raise Reject("bad_time", f"{cell!r:.40} is not a time of issue")
        issued = _in_zone(local, self._zone) if local.tzinfo is None else to_ms(local.astimezone(UTC))
        if issued < EARLIEST_MS:
            raise Reject("bad_time", f"{cell!r:.40} lies before 2000")
        if issued > self._received_at + FUTURE_MS:
            raise Reject("from_future", f"issued {cell!r:.40}, which lies ahead")
        return issued

    def _local(self, cells: Sequence[Any]) -> tuple[dt.datetime, Any]:
        """The time of a row on its clock, and the text of its cells."""
        at, clock_at = self._columns.time, self._columns.time_of_day
        cell = cells[at] if at < len(cells) else None
        if clock_at is None:
            local = local_time(cell, ends=self._ends, order=self._dates)
            if local is None:
                raise Reject("bad_time", f"{cell!r:.40} is not a time{self._in_order(cell)}")
            return local, cell
        if is_empty(cell):
            cell = self._date
        local = local_time(cell, order=self._dates)
        if local is None:
            raise Reject("bad_time", f"{cell!r:.40} is not a date{self._in_order(cell)}")
        self._date = cell
        clock_cell = cells[clock_at] if clock_at < len(cells) else None
        of_day = time_of_day(clock_cell, ends=self._ends)
        if of_day is None:
            raise Reject("bad_time", f"{clock_cell!r:.40} is not a time of day")
        if local.year < dt.MAXYEAR:
            local = local.replace(hour=0, minute=0, second=0) + of_day
        return local, f"{cell} {clock_cell}"

    def _in_order(self, cell: Any) -> str:
        """The order in which a date is none, for a sentence."""
        date = date_of(cell)
        if date is None or not isinstance(date[1], Written):
            return ""
        return f" as {ORDERS[self._dates.long if date[1].form == 'first' else self._dates.short]}"

    def _instant(self, local: dt.datetime, cell: Any, meter: tuple[str, str]) -> int:
        """The instant of a local time [ms]; the rows above decide about an hour that occurs twice."""
        if local.tzinfo is not None:
            return to_ms(local.astimezone(UTC))
        at = _in_zone(local, self._zone)
        last = self._last.get(meter)
        if last is None:
            return at
        newest_first = self._newest_first.get(meter)
        if newest_first is None and at != last:
            newest_first = self._newest_first[meter] = at < last
        if at > last and not newest_first:
            return at
        again = _in_zone(local, self._zone, again=True)
        if again != at:
            if newest_first:
                return again if again < last else at
            return again if at <= last < again else at
        if at < last < at + DAY_MS and newest_first is False and self._is_day_of_hours(local, cell):
            # "01.01.2025" below its own hours: their total.
            raise Reject("bad_time", f"{cell!r:.40} is a day in a table of hours")
        return at

    def _is_day_of_hours(self, local: dt.datetime, cell: Any) -> bool:
        """Whether the cell is a date without a time in a table of hours."""
        return (
            self._archive.kind == "interval"
            and self._archive.interval == "hour"
            and local.time() == dt.time()
            and not (isinstance(cell, str) and ":" in cell)
        )

    def _interval(self, local: dt.datetime, at: int) -> tuple[int, int]:
        """The hour, day or month that a stamp belongs to [ms]."""
        if self._archive.interval == "hour":
            past = (local.minute * 60 + local.second) * 1000
            if past >= HOUR_MS - _OFF_THE_HOUR_MS:
                at += HOUR_MS - past
            elif past < _OFF_THE_HOUR_MS:
                at -= past
            return (at - HOUR_MS, at) if self._ends else (at, at + HOUR_MS)
        day = local.replace(hour=0, minute=0, second=0, microsecond=0)
        if self._archive.interval == "day":
            first = day - dt.timedelta(days=1) if self._ends and local == day else day
            after = first + dt.timedelta(days=1)
        else:
            first = day.replace(day=1)
            if self._ends and local == first:
                first = (first - dt.timedelta(days=1)).replace(day=1)
            after = next_month(first)
        return _in_zone(first, self._zone), _in_zone(after, self._zone)


def _in_zone(local: dt.datetime, zone: ZoneInfo, *, again: bool = False) -> int:
    return to_ms(local.replace(tzinfo=zone, fold=again).astimezone(UTC))
