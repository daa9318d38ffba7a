"""Rows of a meter's archive or of monthly acts -> readings or rejections, by the field map of the site file. Pure.

Theory of operation
-------------------
A table has a header somewhere near its top; the row in which all named columns are found is it. Each row below
says something of one meter and one time: of an hour, a day or a month (`interval`) or of an instant (`register`).
Every cell that holds something, in a column that is mapped, is one reading: it is accepted or rejected by itself,
with the row and the column named. A row whose time cannot be read (a line of totals, a signature) is rejected
whole and counts its cells.

Use of an interval keeps its interval, for the ledger to book as it stands. A gauge's mean over an interval is a
reading at its middle.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from ingest.decode import FUTURE_MS
from ingest.instants import EARLIEST_MS
from ingest.sheets import Row
from metering.clocks import clock
from metering.events import Nature, Readings, Rejected
from metering.quantities import QUANTITIES
from metering.site import Archive, Site
from metering.times import DAY_MS, HOUR_MS, UTC, to_ms
from metering.units import UNITS, AbsurdValue, Unit, to_amount

_HEADER_WITHIN: Final = 60
"""The header stands within so many rows that hold anything."""
_PER_EVENT: Final = 744
"""Readings of one event: a month of hours."""
_NOTHING: Final = frozenset(
    {"", "-", "--", "—", "–", "н/д", "нет", "нет данных", "n/a", "none", "null", "***"}
)
_NO_ERROR: Final = frozenset({"", "0", "0.0", "00", "0000", "-", "нет", "ок", "ok", "норма"})

_DATE: Final = re.compile(
    r"(?P<d>\d{1,2})[./-](?P<m>\d{1,2})[./-](?P<y>\d{4}|\d{2})"
    r"(?:[ T]+(?P<H>\d{1,2})(?::(?P<M>\d{2})(?::(?P<S>\d{2}))?)?)?",
    re.ASCII,
)
_MONTH: Final = re.compile(r"(?:(?P<m>\d{1,2})[./-](?P<y>\d{4})|(?P<y2>\d{4})[./-](?P<m2>\d{1,2}))", re.ASCII)
_NAMED: Final = re.compile(r"(?P<name>[а-яё]{3,9})\.?\s+(?P<y>\d{4})(?:\s*г(?:\.|ода?)?)?")
_MONTHS: Final = ("янв", "фев", "мар", "апр", "ма", "июн", "июл", "авг", "сен", "окт", "ноя", "дек")
_NUMBER: Final = re.compile(r"[+-]?(\d{1,19}(\.\d{0,19})?|\.\d{1,19})([eE][+-]?\d{1,2})?", re.ASCII)
_NOT_A_COLUMN: Final = frozenset({"time", "meter", "error", "run_time"})
_SPACES: Final = str.maketrans("", "", " \u00a0\u202f'")


class NoHeader(ValueError):
    """The columns of the field map are not in the table."""


class Tally:
    """What a person wants to know of a table beside its readings."""

    def __init__(self) -> None:
        self.rows = 0
        self.rows_with_error = 0
        """Rows whose meter reported an error code. Their values are taken."""
        self.rows_cut_short = 0
        """Rows whose run time is shorter than the interval. Their values are taken."""
        self.too_late = 0


class _Columns(NamedTuple):
    """Positions of the columns."""

    time: int
    meter: int | None
    error: int | None
    run_time: int | None
    values: tuple[tuple[str, int, str], ...]
    """(quantity, position, name as the site file has it)."""


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
        NoHeader: the table does not have the columns of the field map.
    """
    table = _Table(archive, site, meter, name, received_at, backfill, tally)
    iterator = iter(rows)
    columns = _find(iterator, archive, table)
    for row in iterator:
        tally.rows += 1
        yield from table.row(row, columns)
    yield from table.flush()


def _find(rows: Iterator[Row], archive: Archive, table: _Table) -> _Columns:
    """Read up to the header; where all columns are given by number there is none to be found."""
    wanted = archive.columns
    if all(isinstance(where, int) for where in wanted.values()):
        return _columns({key: int(where) - 1 for key, where in wanted.items()}, wanted)
    names = {key: _plain(where) for key, where in wanted.items() if isinstance(where, str)}
    nearest: tuple[int, list[str]] = (-1, [])
    for position, row in enumerate(rows):
        cells = [_plain(cell) for cell in row.cells]
        found = {key: cells.index(name) for key, name in names.items() if name in cells}
        if len(found) == len(names):
            numbered = {key: where - 1 for key, where in wanted.items() if isinstance(where, int)}
            return _columns(found | numbered, wanted)
        if len(found) > nearest[0]:
            missing = [str(wanted[key]) for key in names if key not in found]
            nearest = (len(found), missing)
        if position >= _HEADER_WITHIN:
            break
    raise NoHeader(
        f"no row has the columns {', '.join(repr(str(w)) for w in wanted.values())}; "
        f"the nearest lacks {', '.join(repr(m) for m in nearest[1])}"
    )


def _columns(found: Mapping[str, int], wanted: Mapping[str, str | int]) -> _Columns:
    values = tuple(
        (key, position, str(wanted[key])) for key, position in found.items() if key not in _NOT_A_COLUMN
    )
    return _Columns(found["time"], found.get("meter"), found.get("error"), found.get("run_time"), values)


def _plain(cell: Any) -> str:
    return " ".join(str(cell).split()).casefold()


class _Table:
    """Turns rows into events; what belongs together is gathered."""

    def __init__(
        self,
        archive: Archive,
        site: Site,
        meter: tuple[str, str] | None,
        name: str,
        received_at: int,
        backfill: bool,
        tally: Tally,
    ) -> None:
        self._archive, self._site, self._meter = archive, site, meter
        self._name, self._received_at, self._tally = name, received_at, tally
        self._earliest = EARLIEST_MS
        self._horizon = -1 if backfill else received_at - site.site.lateness_days * DAY_MS
        self._zone = site.zone if archive.timezone is None else clock(archive.timezone)
        self._last: dict[tuple[str, str], int] = {}
        self._gathered: dict[tuple[str, str, str], list[tuple[int, int, int]]] = {}
        self._units: dict[tuple[str, str, str], Unit] = {}
        self._encoder = msgspec.json.Encoder(enc_hook=str)

    def row(self, row: Row, columns: _Columns) -> Iterator[Readings | Rejected]:
        """What one row brings forth: mostly nothing yet."""
        cells = row.cells
        said = [
            (quantity, cells[at], column)
            for quantity, at, column in columns.values
            if at < len(cells) and not _empty(cells[at])
        ]
        if not said:
            return
        try:
            where = self._where(cells, columns)
            start, end = self._span(cells[columns.time] if columns.time < len(cells) else None, where)
        except _Bad as bad:
            yield self._rejected(row, bad, len(said), f"row {row.number}")
            return
        self._note(cells, columns, start, end)
        first = True
        for quantity, cell, column in said:
            try:
                self._reading(where, quantity, cell, start, end)
            except (_Bad, AbsurdValue) as bad:
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

    def _where(self, cells: Sequence[Any], columns: _Columns) -> tuple[str, str]:
        if columns.meter is None:
            assert self._meter is not None
            return self._meter
        text = str(cells[columns.meter]).strip() if columns.meter < len(cells) else ""
        building, _, meter = text.partition("/")
        if (building, meter) not in self._site.meters:
            raise _Bad("unknown_meter", f"the site file has no meter {text!r} (expected building/meter)")
        if self._site.meters[building, meter].virtual is not None:
            raise _Bad("virtual_meter", f"{text} is computed from others")
        return building, meter

    def _span(self, cell: Any, where: tuple[str, str]) -> tuple[int, int]:
        """The interval that a row is about [ms]; of a register both are its instant."""
        local = _local(cell)
        if local is None:
            raise _Bad("bad_time", f"{cell!r:.40} is not a time")
        if local.tzinfo is not None:
            at = to_ms(local.astimezone(UTC))
        else:
            at = _instant(local, self._zone)
            last = self._last.get(where)
            if last is not None and at <= last < _instant(local, self._zone, again=True):
                at = _instant(local, self._zone, again=True)
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

    def _interval(self, local: dt.datetime, at: int) -> tuple[int, int]:
        ends = self._archive.stamp == "end"
        if self._archive.interval == "hour":
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

    def _note(self, cells: Sequence[Any], columns: _Columns, start: int, end: int) -> None:
        at = columns.error
        if at is not None and at < len(cells) and _plain(cells[at]) not in _NO_ERROR:
            self._tally.rows_with_error += 1
        at = columns.run_time
        if at is not None and at < len(cells) and self._archive.kind == "interval":
            try:
                hours = _number(cells[at], self._archive.decimal)
            except _Bad:
                return
            self._tally.rows_cut_short += float(hours) * HOUR_MS < 0.99 * (end - start)

    def _reading(self, where: tuple[str, str], quantity: str, cell: Any, start: int, end: int) -> None:
        key = (*where, quantity)
        unit = self._units.get(key)
        if unit is None:
            unit = self._units[key] = self._unit(where, quantity)
        amount = to_amount(_number(cell, self._archive.decimal), unit)
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
        detail = f"{where}: {bad}"
        return Rejected(f"import/{self._name}", payload, bad.reason, detail, self._received_at, readings)


def _empty(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and cell.strip().casefold() in _NOTHING)


def _number(cell: Any, decimal: str | None) -> int | float | Decimal:
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return cell
    if not isinstance(cell, str):
        raise _Bad("bad_value", f"{cell!r:.40} is not a number")
    text = cell.translate(_SPACES)
    mark = decimal
    if mark is None:
        mark = "," if text.rfind(",") > text.rfind(".") else "."
    other = "." if mark == "," else ","
    text = text.replace(other, "").replace(mark, ".")
    if _NUMBER.fullmatch(text) is None:
        raise _Bad("bad_value", f"{cell!r:.40} is not a number")
    return Decimal(text)


def _local(cell: Any) -> dt.datetime | None:
    """The time of a cell, as it stands on the clock."""
    if isinstance(cell, dt.datetime):
        return cell
    if isinstance(cell, dt.date):
        return dt.datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001 - a clock's own time
    if not isinstance(cell, str):
        return None
    text = cell.strip()
    try:
        if (found := _DATE.fullmatch(text)) is not None:
            year = int(found["y"])
            hour = int(found["H"] or 0)
            late = hour == 24
            moment = dt.datetime(  # noqa: DTZ001
                year + 2000 if year < 100 else year, int(found["m"]), int(found["d"]),
                0 if late else hour, int(found["M"] or 0), int(found["S"] or 0),
            )  # fmt: skip
            return moment + dt.timedelta(days=late)
        if (found := _MONTH.fullmatch(text)) is not None:
            return dt.datetime(int(found["y"] or found["y2"]), int(found["m"] or found["m2"]), 1)  # noqa: DTZ001
        if (found := _NAMED.fullmatch(text.casefold())) is not None:
            for number, beginning in enumerate(_MONTHS, start=1):
                if found["name"].startswith(beginning):
                    return dt.datetime(int(found["y"]), number, 1)  # noqa: DTZ001
            return None
        return dt.datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None


def _instant(local: dt.datetime, zone: ZoneInfo, *, again: bool = False) -> int:
    return to_ms(local.replace(tzinfo=zone, fold=again).astimezone(UTC))
