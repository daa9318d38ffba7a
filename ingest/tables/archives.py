"""Rows of a meter's archive or of monthly acts -> readings or rejections, by the field map of the site file. Pure.

Theory of operation
-------------------
A table has a header somewhere near its top; the row in which all named columns are found is it. Each row below
says something of one meter and one time: of an hour, a day or a month (`interval`) or of an instant (`register`).
Every cell that holds something, in a column that is mapped, is one reading: it is accepted or rejected by itself,
with the row and the column named. A row whose time cannot be read (a line of totals, a signature) is rejected
whole and counts its cells; the header's own rows, its units, its column numbers and its copies on later pages are
no readings.

A unit is what the site file's field map says, else what the header says, else the meter's own.

Use of an interval keeps its interval, for the ledger to book as it stands. A gauge's mean over an interval is a
reading at its middle.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from ingest.decode import FUTURE_MS
from ingest.instants import EARLIEST_MS, FIRST_YEAR, LAST_YEAR
from ingest.tables.cells import BadCell, hours_run, is_empty, local_time, number, says_error, time_of_day
from ingest.tables.headers import Columns, find_columns, plain_row, run_time_unit, unit_over
from ingest.tables.sheets import Row
from metering.clocks import clock
from metering.events import Nature, Readings, Rejected
from metering.quantities import QUANTITIES
from metering.site.model import Archive, Site
from metering.times import DAY_MS, HOUR_MS, UTC, to_ms
from metering.units import UNITS, AbsurdValue, Unit, to_amount

_PER_EVENT: Final = 744
"""Readings of one event: a month of hours."""
_OFF_THE_HOUR_MS: Final = 60_000
"""An hour of an archive may be stamped so much before or after the full hour (00:59:59) and mean it."""


class Tally:
    """What a person wants to know of a table beside its readings."""

    def __init__(self) -> None:
        self.rows = 0
        self.rows_with_error = 0
        """Rows whose meter reported an error code. Their values are taken."""
        self.rows_cut_short = 0
        """Rows whose run time is shorter than the interval. Their values are taken."""
        self.too_late = 0


class _Bad(ValueError):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def archive_events(
    rows: Iterable[Row],
    *,
    archive: Archive,
    site: Site,
    meter: tuple[str, str] | None,
    name: str,
    received_at: int,
    backfill: bool,
    tally: Tally,
) -> Iterator[Readings | Rejected]:
    """The readings and rejections of a table.

    Args:
        rows: The rows, the header among them.
        archive: The field map.
        site: The site.
        meter: Building and meter; None where a column says it.
        name: Of the file, for what is rejected.
        received_at: When it is brought in [ms].
        backfill: Whether readings older than the site's lateness horizon are welcome.
        tally: Counts the rows.

    Raises:
        ingest.tables.headers.NoHeader: the table does not have the columns of the field map.
    """
    iterator = iter(rows)
    columns = find_columns(iterator, archive)
    table = _Table(archive, columns, site, meter, name, received_at, backfill, tally)
    for row in iterator:
        tally.rows += 1
        yield from table.row(row)
    yield from table.flush()


class _Table:
    """Turns rows into events; what belongs together is gathered."""

    def __init__(
        self,
        archive: Archive,
        columns: Columns,
        site: Site,
        meter: tuple[str, str] | None,
        name: str,
        received_at: int,
        backfill: bool,
        tally: Tally,
    ) -> None:
        self._archive, self._columns, self._site, self._meter = archive, columns, site, meter
        self._name, self._received_at, self._tally = name, received_at, tally
        self._earliest = EARLIEST_MS
        self._horizon = -1 if backfill else received_at - site.site.lateness_days * DAY_MS
        self._zone = site.zone if archive.timezone is None else clock(archive.timezone)
        self._last: dict[tuple[str, str], int] = {}
        self._newest_first: dict[tuple[str, str], bool] = {}
        self._date: Any = None
        """The date above, where times of day have a column of their own and the date is written once a day."""
        self._ends = archive.stamp == "end"
        self._header = set(columns.rows)
        self._said = dict(columns.said)
        self._begun = False
        self._gathered: dict[tuple[str, str, str], list[tuple[int, int, int]]] = {}
        self._units: dict[tuple[str, str, str], Unit] = {}
        self._encoder = msgspec.json.Encoder(enc_hook=str)

    def row(self, row: Row) -> Iterator[Readings | Rejected]:
        """What one row brings forth: mostly nothing yet."""
        cells = row.cells
        width = len(cells)
        said = [
            (quantity, cells[at], column)
            for quantity, at, column in self._columns.values
            if at < width and not is_empty(cells[at])
        ]
        if not said:
            self._carry(cells)
            return
        try:
            where = self._where(cells)
            start, end = self._span(cells, where)
        except _Bad as bad:
            if self._is_header(cells, said):
                return
            yield self._rejected(row, bad, len(said), f"row {row.number}")
            return
        self._begun = True
        self._note(cells, start, end)
        first = True
        for quantity, cell, column in said:
            try:
                self._reading(where, quantity, cell, start, end)
            except (_Bad, BadCell, AbsurdValue) as bad:
                reason = bad if isinstance(bad, _Bad) else _Bad("bad_value", str(bad))
                yield self._rejected(row, reason, 1, f"row {row.number}, column {column!r}", whole=first)
                first = False
                continue
            key = (*where, quantity)
            if len(self._gathered[key]) >= _PER_EVENT:
                yield self._event(key)

    def flush(self) -> Iterator[Readings]:
        """What was gathered and not told yet."""
        for key in list(self._gathered):
            if self._gathered[key]:
                yield self._event(key)

    def _is_header(self, cells: Sequence[Any], said: Sequence[tuple[str, Any, str]]) -> bool:
        """Whether a row without a time belongs to the header: its units, its numbers, or all of it on a new page."""
        row = plain_row(cells)
        if row in self._header:
            return True
        time = row[self._columns.time] if self._columns.time < len(row) else ""
        numbers = [cell.removesuffix(".0") for cell in row if cell]
        if time and len(numbers) > 1 and numbers == [str(n) for n in range(1, len(numbers) + 1)]:
            return True
        if self._begun or any(character.isdecimal() for character in time):
            return False
        for _, cell, _ in said:
            try:
                number(cell, self._archive.decimal)
            except BadCell:
                continue
            return False
        self._header.add(row)
        for at in self._said:
            if at < len(row) and row[at]:
                self._said[at] = f"{self._said[at]} {row[at]}"
        return True

    def _where(self, cells: Sequence[Any]) -> tuple[str, str]:
        at = self._columns.meter
        if at is None:
            assert self._meter is not None
            return self._meter
        text = str(cells[at]).strip() if at < len(cells) else ""
        building, _, meter = text.partition("/")
        if (building, meter) not in self._site.meters:
            raise _Bad("unknown_meter", f"the site file has no meter {text!r} (expected building/meter)")
        if self._site.meters[building, meter].virtual is not None:
            raise _Bad("virtual_meter", f"{text} is computed from others")
        return building, meter

    def _carry(self, cells: Sequence[Any]) -> None:
        """Keep a date that stands alone in its row, above its hours."""
        at = self._columns.time
        if self._columns.time_of_day is not None and at < len(cells) and local_time(cells[at]) is not None:
            self._date = cells[at]

    def _local(self, cells: Sequence[Any]) -> tuple[dt.datetime, Any]:
        """The time of a row on its clock, and the cell that says it."""
        at, clock_at = self._columns.time, self._columns.time_of_day
        cell = cells[at] if at < len(cells) else None
        if clock_at is None:
            local = local_time(cell, ends=self._ends)
            if local is None:
                raise _Bad("bad_time", f"{cell!r:.40} is not a time")
            return local, cell
        if is_empty(cell):
            cell = self._date
        local = local_time(cell)
        if local is None:
            raise _Bad("bad_time", f"{cell!r:.40} is not a date")
        self._date = cell
        clock_cell = cells[clock_at] if clock_at < len(cells) else None
        of_day = time_of_day(clock_cell, ends=self._ends)
        if of_day is None:
            raise _Bad("bad_time", f"{clock_cell!r:.40} is not a time of day")
        if local.year < dt.MAXYEAR:
            local = local.replace(hour=0, minute=0, second=0) + of_day
        return local, f"{cell} {clock_cell}"

    def _span(self, cells: Sequence[Any], where: tuple[str, str]) -> tuple[int, int]:
        """The interval that a row is about [ms]; of a register both are its instant."""
        local, cell = self._local(cells)
        # The ends of the calendar cannot be moved between zones (01.01.0001 is how .NET writes no time).
        if not FIRST_YEAR <= local.year <= LAST_YEAR:
            raise _Bad("bad_time", f"{cell!r:.40} lies before 2000 or beyond the calendar")
        at = self._told_by_order(local, cell, where)
        self._last[where] = at
        if self._archive.kind == "register":
            start = end = at
        else:
            start, end = self._interval(local, at)
        if end < self._earliest:
            raise _Bad("bad_time", f"{cell!r:.40} lies before 2000")
        if end > self._received_at + FUTURE_MS:
            raise _Bad("from_future", f"{cell!r:.40} lies ahead")
        if end < self._horizon:
            self._tally.too_late += 1
            raise _Bad("too_late", f"{cell!r:.40} is {(self._received_at - end) / DAY_MS:.1f} d old")
        return start, end

    def _told_by_order(self, local: dt.datetime, cell: Any, where: tuple[str, str]) -> int:
        """The instant of a time on the clock: of an hour that comes twice, the rows before tell which it is."""
        if local.tzinfo is not None:
            return to_ms(local.astimezone(UTC))
        at = _instant(local, self._zone)
        last = self._last.get(where)
        if last is None:
            return at
        newest_first = self._newest_first.get(where)
        if newest_first is None and at != last:
            newest_first = self._newest_first[where] = at < last
        if at > last and not newest_first:
            return at
        again = _instant(local, self._zone, again=True)
        if again != at:
            if newest_first:
                return again if again < last else at
            return again if at <= last < again else at
        if (
            at < last < at + DAY_MS
            and newest_first is False
            and self._archive.kind == "interval"
            and self._archive.interval == "hour"
            and local.time() == dt.time()
            and not (isinstance(cell, str) and ":" in cell)
        ):
            # "01.01.2025" below its own hours: their total.
            raise _Bad("bad_time", f"{cell!r:.40} is a day in a table of hours")
        return at

    def _interval(self, local: dt.datetime, at: int) -> tuple[int, int]:
        ends = self._ends
        if self._archive.interval == "hour":
            past = (local.minute * 60 + local.second) * 1000
            if past >= HOUR_MS - _OFF_THE_HOUR_MS:
                at += HOUR_MS - past
            elif past < _OFF_THE_HOUR_MS:
                at -= past
            return (at - HOUR_MS, at) if ends else (at, at + HOUR_MS)
        day = local.replace(hour=0, minute=0, second=0, microsecond=0)
        if self._archive.interval == "day":
            first = day - dt.timedelta(days=1) if ends and local == day else day
            after = first + dt.timedelta(days=1)
        else:
            first = day.replace(day=1)
            if ends and local == first:
                first = (first - dt.timedelta(days=1)).replace(day=1)
            after = (first + dt.timedelta(days=32)).replace(day=1)
        return _instant(first, self._zone), _instant(after, self._zone)

    def _note(self, cells: Sequence[Any], start: int, end: int) -> None:
        at = self._columns.error
        if at is not None and at < len(cells) and says_error(cells[at]):
            self._tally.rows_with_error += 1
        at = self._columns.run_time
        if at is not None and at < len(cells) and self._archive.kind == "interval":
            hours = hours_run(cells[at], self._archive.decimal, run_time_unit(self._said[at]))
            if hours is not None and hours * HOUR_MS < 0.99 * (end - start):
                self._tally.rows_cut_short += 1

    def _reading(self, where: tuple[str, str], quantity: str, cell: Any, start: int, end: int) -> None:
        key = (*where, quantity)
        unit = self._units.get(key)
        if unit is None:
            unit = self._units[key] = self._unit(where, quantity)
        amount = to_amount(number(cell, self._archive.decimal), unit)
        if QUANTITIES[quantity].nature == "gauge":
            middle = start + (end - start) // 2
            self._gathered.setdefault(key, []).append((middle, amount, middle))
            return
        if self._archive.kind == "interval" and amount < 0:
            raise _Bad("bad_value", f"{cell!r:.40}: nothing is used backwards")
        self._gathered.setdefault(key, []).append((end, amount, start))

    def _unit(self, where: tuple[str, str], quantity: str) -> Unit:
        meter = self._site.meters[where]
        named = self._archive.units.get(quantity)
        if named is not None:
            return UNITS[named]
        for name, at, _ in self._columns.values:
            if name == quantity and (over := unit_over(self._said[at], quantity)) is not None:
                return over
        return UNITS[meter.unit if quantity == meter.quantity else QUANTITIES[quantity].unit]

    def _event(self, key: tuple[str, str, str]) -> Readings:
        building, meter, quantity = key
        gathered, self._gathered[key] = self._gathered[key], []
        nature: Nature = QUANTITIES[quantity].nature
        starts: tuple[int, ...] = ()
        if nature == "register" and self._archive.kind == "interval":
            nature, starts = "interval", tuple(start for _, _, start in gathered)
        return Readings(
            building,
            meter,
            quantity,
            nature,
            tuple(t for t, _, _ in gathered),
            tuple(v for _, v, _ in gathered),
            self._received_at,
            starts=starts,
        )

    def _rejected(self, row: Row, bad: _Bad, readings: int, where: str, *, whole: bool = True) -> Rejected:
        payload = self._encoder.encode(list(row.cells)) if whole else b""
        detail = f"{where}: {bad}" + ("" if whole else " (payload: see the first rejection of the row)")
        topic = "/".join(("import", *(self._meter or ()), self._name))
        return Rejected(topic, payload, bad.reason, detail, self._received_at, readings)


def _instant(local: dt.datetime, zone: ZoneInfo, *, again: bool = False) -> int:
    return to_ms(local.replace(tzinfo=zone, fold=again).astimezone(UTC))
