"""A table of use and temperature -> days of use, or acts of months. Pure.

A table is a CSV with the columns `timestamp,value,temperature`: energy per interval in any one unit, stamped
at the interval's start, and °C. Intervals are days, hours, or equal parts of an hour. Other columns are not
read. A day needs all of its intervals (23 or 25 hours when the clocks change) or it is missing.

Rows a month apart are acts: the use of a month, stamped at its first day, with the month's mean temperature (or the
days' temperatures from a weather table). Then all figures are of months, and there are none of days.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from metering.baselines.monthly import Act
from metering.ledger.weather import day_mean
from metering.periods import DailyUse
from metering.refusal import Refusal
from metering.times import HOUR_MS, date_of, day_bounds, next_month, to_ms

COLUMNS: Final = ("timestamp", "value", "temperature")
WEATHER_COLUMNS: Final = ("timestamp", "temperature")

_MISSING: Final = frozenset({"", "nan", "na", "n/a", "null", "none", "-"})

_LARGEST_DIGITS: Final = 9
"""Daily uses are stored as integers of about nine digits, whatever the file's unit."""

LONGEST_ACT_DAYS: Final = 62
"""An act ends where the next begins; if that is farther away, a month is missing [d]."""

SHORTEST_MONTH: Final = dt.timedelta(days=27, hours=22)
LONGEST_MONTH: Final = dt.timedelta(days=31, hours=2)
"""Range of steps that are months, including changes of the clocks."""

_ABSURD_C: Final = 70.0


class TableError(Refusal):
    """The table cannot be used. The text names the file, the line, the column and the value."""


class Table(NamedTuple):
    """The days of one meter."""

    file: str
    days: DailyUse
    scale: int
    """Integer units in one unit of the file."""
    hourly: bool
    acts: tuple[Act, ...] = ()
    """The acts of a monthly table, which has no days."""

    @property
    def unit(self) -> str:
        """Name of the integer unit, for the baseline document."""
        return f"1/{self.scale} of the file's unit" if self.scale > 1 else "the file's unit"


class _Row(NamedTuple):
    line: int
    time: dt.datetime
    value: float | None
    temp_mc: int | None


def table_of(text: str, *, file: str, zone: ZoneInfo, outside: Mapping[int, int] | None = None) -> Table:
    """The days of use in a table, or its acts.

    Args:
        text: A CSV with a header.
        file: Name of the file, for errors.
        zone: Zone of the days, and of timestamps that carry no offset.
        outside: Mean outdoor temperatures by day [m°C]; they replace those of the table.

    Raises:
        TableError: names file, line, column and value, and the form expected.
    """
    rows = list(_rows(text, file, COLUMNS if outside is None else COLUMNS[:2]))
    if len(rows) < 2:
        raise TableError(
            f"{file}: {len(rows)} rows; at least two are needed to tell the length of an interval"
        )
    step = _step(file, rows)
    if step > dt.timedelta(days=1):
        return _acts(file, rows, zone, outside)
    if step == dt.timedelta(days=1):
        dated = list(_dated(file, rows, zone))
        uses = {date: row.value for row, date in dated if row.value is not None}
        temps = {date: row.temp_mc for row, date in dated if row.temp_mc is not None}
    else:
        placed = list(_placed(file, rows, zone))
        uses, temps = _daily_uses(placed, zone, step), _daily_temps(placed, zone)
    scale = _scale(uses)
    used = {date: round(value * scale) for date, value in sorted(uses.items())}
    days = DailyUse(used, temps if outside is None else outside)
    return Table(file, days, scale, hourly=step < dt.timedelta(days=1))


def outdoor_days(text: str, *, file: str, zone: ZoneInfo) -> dict[int, int]:
    """Mean temperatures of the days of a weather table [m°C].

    Args:
        text: A CSV with the columns `timestamp,temperature`, daily or hourly.
        file: Name of the file, for errors.
        zone: Zone of the days, and of timestamps that carry no offset.

    Raises:
        TableError: names file, line, column and value, and the form expected.
    """
    rows = list(_rows(text, file, WEATHER_COLUMNS))
    if len(rows) < 2:
        raise TableError(f"{file}: {len(rows)} rows; at least two are needed")
    if _step(file, rows) == dt.timedelta(days=1):
        return {date: row.temp_mc for row, date in _dated(file, rows, zone) if row.temp_mc is not None}
    return dict(sorted(_daily_temps(list(_placed(file, rows, zone)), zone).items()))


def _daily_uses(placed: list[tuple[_Row, int]], zone: ZoneInfo, step: dt.timedelta) -> dict[int, float]:
    """Sums of the days that have a value for each of their intervals."""
    by_day: dict[int, list[float]] = {}
    for row, at in placed:
        if row.value is not None:
            by_day.setdefault(date_of(at, zone), []).append(row.value)
    step_ms = step // dt.timedelta(milliseconds=1)
    uses = {}
    for date, values in by_day.items():
        start, end = day_bounds(date, zone)
        if len(values) == (end - start) // step_ms:
            uses[date] = math.fsum(values)
    return uses


def _daily_temps(placed: list[tuple[_Row, int]], zone: ZoneInfo) -> dict[int, int]:
    """Mean temperatures of the days that have enough of them [m°C]."""
    by_day: dict[int, tuple[list[int], list[int]]] = {}
    for row, at in placed:
        if row.temp_mc is not None:
            times, temps = by_day.setdefault(date_of(at, zone), ([], []))
            times.append(at)
            temps.append(row.temp_mc)
    means = {date: day_mean(date, zone, times, temps)[0] for date, (times, temps) in by_day.items()}
    return {date: mean for date, mean in means.items() if mean is not None}


def _acts(file: str, rows: list[_Row], zone: ZoneInfo, outside: Mapping[int, int] | None) -> Table:
    """A monthly table: each row's act goes to the next row's first day, or a month on."""
    dated = sorted((date, row) for row, date in _dated(file, rows, zone))
    scale = _scale({date: row.value for date, row in dated if row.value is not None})
    temps: dict[int, int] = {}
    acts = []
    for (date, row), following in zip(dated, [*(d for d, _ in dated[1:]), None], strict=True):
        last = _month_on(date) - 1
        if following is not None and following - date <= LONGEST_ACT_DAYS:
            last = following - 1
        if row.temp_mc is not None:
            temps |= dict.fromkeys(range(date, last + 1), row.temp_mc)
        if row.value is not None:
            acts.append(Act(date, last, round(row.value * scale)))
    return Table(
        file, DailyUse({}, temps if outside is None else outside), scale, hourly=False, acts=tuple(acts)
    )


def _month_on(date: int) -> int:
    """The same day of the next month, or that month's last."""
    day = dt.date.fromordinal(date)
    first = next_month(day)
    longest = (next_month(first) - first).days
    return first.replace(day=min(day.day, longest)).toordinal()


def _rows(text: str, file: str, columns: tuple[str, ...]) -> Iterator[_Row]:
    """Rows of the table with their line numbers, in its order; columns not named in `columns` are empty."""
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = names
        for column in columns:
            if column not in names:
                raise TableError(
                    f"{file}: line 1: there is no column {column!r}; found {', '.join(names) or 'nothing'}; "
                    f"expected {', '.join(columns)} (comma-separated)"
                )
        for row in reader:
            yield _row({name: row[name] for name in columns}, file, reader.line_num)
    except csv.Error as error:
        raise unreadable(file, error) from None


def _row(cells: Mapping[str, str | None], file: str, line: int) -> _Row:
    where = f"{file}: line {line}"
    temp = _number(cells.get("temperature"), f"{where}: temperature", "°C")
    if temp is not None and abs(temp) > _ABSURD_C:
        raise TableError(
            f"{where}: temperature {cells['temperature']!r} is no outdoor temperature; "
            f"expected °C between -{_ABSURD_C:.0f} and {_ABSURD_C:.0f}"
        )
    return _Row(
        line,
        _time(cells["timestamp"], where),
        _number(cells.get("value"), f"{where}: value", "energy of the interval"),
        None if temp is None else round(temp * 1000),
    )


def unreadable(file: str, error: Exception) -> TableError:
    """The error of a file that is not a CSV in UTF-8."""
    return TableError(f"{file}: cannot be read as CSV in UTF-8: {error}")


def _number(text: str | None, where: str, what: str) -> float | None:
    """The number in a cell, or None if the cell marks a missing value."""
    if text is None or text.strip().casefold() in _MISSING:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise TableError(
            f"{where} {text!r} is not a number; expected {what} with a decimal point, or nothing"
        )
    return number


def _time(text: str | None, where: str) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat((text or "").strip())
    except ValueError:
        raise TableError(
            f"{where}: timestamp {text!r} is not understood; expected ISO 8601, "
            "for example 2025-01-31T00:00:00+03:00 or 2025-01-31"
        ) from None


def _step(file: str, rows: list[_Row]) -> dt.timedelta:
    """Length of the file's intervals: its commonest step."""
    aware = {row.time.tzinfo is not None for row in rows}
    if len(aware) > 1:
        odd = next(row for row in rows if (row.time.tzinfo is None) != (rows[0].time.tzinfo is None))
        raise TableError(
            f"{file}: line {odd.line}: timestamp {odd.time.isoformat()!r}: some timestamps carry an offset "
            "and some do not; expected all or none"
        )
    times = sorted(row.time for row in rows)
    steps = Counter(b - a for a, b in pairwise(times) if b > a)
    if not steps:
        raise TableError(f"{file}: all timestamps are {times[0].isoformat()}; expected one row an interval")
    step = steps.most_common(1)[0][0]
    hour, day = dt.timedelta(hours=1), dt.timedelta(days=1)
    if SHORTEST_MONTH <= step <= LONGEST_MONTH:
        return step
    if step != day and (step > hour or hour % step):
        raise TableError(
            f"{file}: the commonest step between timestamps is {step}; "
            "expected a day, an hour, an equal part of an hour, or a month"
        )
    return step


def _dated(file: str, rows: list[_Row], zone: ZoneInfo) -> Iterator[tuple[_Row, int]]:
    """Rows of a daily table with their local dates: the date of the day's middle.

    So a file stamped 00:00 UTC, or 01:00 by a summer time, keeps its dates.
    """
    seen: dict[int, _Row] = {}
    for row in rows:
        middle = row.time + dt.timedelta(hours=12)
        date = (middle if middle.tzinfo is None else middle.astimezone(zone)).toordinal()
        if _new(file, seen.setdefault(date, row), row, f"day {_date(date)}"):
            yield row, date


def _placed(file: str, rows: list[_Row], zone: ZoneInfo) -> Iterator[tuple[_Row, int]]:
    """Rows of an hourly table with their instants [ms]."""
    seen: dict[int, _Row] = {}
    for row in rows:
        time = row.time
        if time.tzinfo is None:
            at = to_ms(time.replace(tzinfo=zone))
            later = to_ms(time.replace(tzinfo=zone, fold=1))
            if later - at == HOUR_MS and at in seen and seen[at].line != row.line:
                at = later  # the hour that summer time repeats
            elif later < at:
                raise TableError(
                    f"{file}: line {row.line}: timestamp {time.isoformat()!r} does not exist in {zone.key}, where the "
                    "clocks go forward; expected local time, timestamps with an offset, or another --tz"
                )
        else:
            at = to_ms(time)
        if _new(file, seen.setdefault(at, row), row, f"timestamp {time.isoformat()!r}"):
            yield row, at


def _new(file: str, first: _Row, row: _Row, what: str) -> bool:
    """Whether the row is the first of its interval; a repeated row must have the same values."""
    if first is row:
        return True
    if (first.value, first.temp_mc) != (row.value, row.temp_mc):
        raise TableError(
            f"{file}: line {row.line}: {what} is already on line {first.line} with value {first.value}; "
            f"got {row.value}; expected one row an interval"
        )
    return False


def _scale(uses: dict[int, float]) -> int:
    """The power of ten that turns the file's daily uses into integers of about nine digits."""
    largest = max((abs(value) for value in uses.values()), default=0.0)
    if largest <= 0.0:
        return 1
    scale: int = 10 ** max(0, _LARGEST_DIGITS - 1 - math.floor(math.log10(largest)))
    return scale


def _date(ordinal: int) -> str:
    return dt.date.fromordinal(ordinal).isoformat()
