"""Tables of use and temperature, as people export them, and the savings in them.

A table is a CSV with the columns `timestamp,value,temperature`: energy per interval in any one unit, stamped
at the interval's start, and °C. Intervals are days, hours, or equal parts of an hour. Other columns are not
looked at. A day needs all of its intervals (23 or 25 hours where the clocks change) or it is missing.

Rows a month apart are acts: the use of a month, stamped at its first day, with the month's mean temperature (or with
the days' own, out of a file of weather). Then all figures are of months, and nothing is said of a day.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from metering.baselines.document import Baseline
from metering.baselines.fit import Unfit, fit_period
from metering.baselines.monthly import Act, fit_months
from metering.ledger.weather import day_mean
from metering.periods import DailyUse, Period
from metering.savings.compare import Compared, NoDays, compare
from metering.savings.monthly import compare_months
from metering.times import HOUR_MS, date_of, day_bounds, to_ms

COLUMNS: Final = ("timestamp", "value", "temperature")

_MISSING: Final = frozenset({"", "nan", "na", "n/a", "null", "none", "-"})

_LARGEST_DIGITS: Final = 9
"""Uses of a day are kept as integers of about nine digits, whatever the file's unit."""

LONGEST_ACT_DAYS: Final = 62
"""An act ends where the next begins, unless that is farther away: then a month is missing."""

SHORTEST_MONTH: Final = dt.timedelta(days=27, hours=22)
LONGEST_MONTH: Final = dt.timedelta(days=31, hours=2)
"""Steps that are months, clocks that change included."""

_ABSURD_C: Final = 70.0


class TableError(ValueError):
    """The table cannot be read as it stands; the text names the file, the line, the column and the value."""


class Table(NamedTuple):
    """Days of one meter out of a file."""

    file: str
    days: DailyUse
    scale: int
    """Integer units in one unit of the file."""
    hourly: bool
    acts: tuple[Act, ...] = ()
    """Of a monthly table, which has no days."""

    @property
    def unit(self) -> str:
        """Name of the integer unit, for the baseline document."""
        return f"1/{self.scale} of the file's unit" if self.scale > 1 else "the file's unit"


class _Row(NamedTuple):
    line: int
    time: dt.datetime
    value: float | None
    temp_mc: int | None


def read_table(path: Path, zone: ZoneInfo, weather: Path | None = None) -> Table:
    """The days that the file holds, or its acts.

    Args:
        path: A CSV file with a header.
        zone: Zone of the days, and of timestamps that carry no offset.
        weather: A CSV with `timestamp,temperature` (daily or hourly); its days take the place of the file's.

    Raises:
        TableError: names file, line, column, value, and what is expected there.
    """
    outside = None if weather is None else _weather_days(weather, zone)
    rows = list(_rows(path, COLUMNS if outside is None else COLUMNS[:2]))
    if len(rows) < 2:
        raise TableError(
            f"{path}: {len(rows)} rows; at least two are needed to tell the length of an interval"
        )
    step = _step(path, rows)
    if step > dt.timedelta(days=1):
        return _acts(path, rows, zone, outside)
    uses: dict[int, float] = {}
    temps: dict[int, int] = {}
    if step == dt.timedelta(days=1):
        for row, date in _dated(path, rows, zone):
            if row.value is not None:
                uses[date] = row.value
            if row.temp_mc is not None:
                temps[date] = row.temp_mc
    else:
        by_day: dict[int, list[tuple[int, _Row]]] = {}
        for row, at in _placed(path, rows, zone):
            by_day.setdefault(date_of(at, zone), []).append((at, row))
        step_ms = step // dt.timedelta(milliseconds=1)
        for date, held in by_day.items():
            start, end = day_bounds(date, zone)
            values = [row.value for _, row in held if row.value is not None]
            if len(values) == (end - start) // step_ms:
                uses[date] = math.fsum(values)
            warm = [(at, row.temp_mc) for at, row in held if row.temp_mc is not None]
            mean, _ = day_mean(date, zone, [at for at, _ in warm], [temp for _, temp in warm])
            if mean is not None:
                temps[date] = mean
    scale = _scale(uses)
    used = {date: round(value * scale) for date, value in sorted(uses.items())}
    return Table(
        str(path),
        DailyUse(used, temps if outside is None else outside),
        scale,
        hourly=step < dt.timedelta(days=1),
    )


def _acts(path: Path, rows: list[_Row], zone: ZoneInfo, outside: dict[int, int] | None) -> Table:
    """A monthly table: each row's act goes to the next row's first day, or a month on."""
    dated = sorted((date, row) for row, date in _dated(path, rows, zone))
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
        str(path), DailyUse({}, temps if outside is None else outside), scale, hourly=False, acts=tuple(acts)
    )


def _month_on(date: int) -> int:
    """The same day of the next month, or that month's last."""
    day = dt.date.fromordinal(date)
    first = (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
    longest = ((first + dt.timedelta(days=32)).replace(day=1) - first).days
    return first.replace(day=min(day.day, longest)).toordinal()


def _weather_days(path: Path, zone: ZoneInfo) -> dict[int, int]:
    """Mean temperatures of the days of a file of weather [m°C]."""
    rows = list(_rows(path, (COLUMNS[0], COLUMNS[2])))
    if len(rows) < 2:
        raise TableError(f"{path}: {len(rows)} rows; at least two are needed")
    if _step(path, rows) == dt.timedelta(days=1):
        return {date: row.temp_mc for row, date in _dated(path, rows, zone) if row.temp_mc is not None}
    by_day: dict[int, tuple[list[int], list[int]]] = {}
    for row, at in _placed(path, rows, zone):
        if row.temp_mc is not None:
            times, temps = by_day.setdefault(date_of(at, zone), ([], []))
            times.append(at)
            temps.append(row.temp_mc)
    means = {date: day_mean(date, zone, *held)[0] for date, held in sorted(by_day.items())}
    return {date: mean for date, mean in means.items() if mean is not None}


def fit_table(table: Table, baseline: Period) -> dict[str, Any]:
    """The baseline fitted on the period, as the JSON of `kvartal fit`.

    Raises:
        TableError: the period does not bear a baseline.
    """
    fitted = _fitted(table, baseline)
    document = json.loads(fitted.document)
    return {
        "model": fitted.model,
        "n": fitted.n,
        "parameters": _in_file_units(fitted, table),
        "mean": fitted.metrics.mean / table.scale,
        **_metrics(fitted),
        "days_missing": {"baseline": _missing(fitted, table, baseline)},
        "id": fitted.id,
        "baseline": document,
    }


def savings_table(table: Table, baseline: Period, reporting: Period) -> dict[str, Any]:
    """Savings of the reporting period, as the JSON of `kvartal savings`.

    Raises:
        TableError: a period does not bear the comparison.
    """
    fitted = _fitted(table, baseline)
    try:
        if table.acts:
            result = compare_months(table.acts, fitted, reporting, table.days.temps_mc.get)
        else:
            result = compare(table.days, fitted, reporting)
    except NoDays as error:
        raise TableError(f"{table.file}: reporting period: {error}") from None
    low, high = result.interval
    if not math.isfinite(result.share):
        raise TableError(
            f"{table.file}: the baseline expects no use over {reporting}, so there is no percentage"
        )
    return {
        "model": fitted.model,
        "n": fitted.n,
        "expected": result.expected / table.scale,
        "used": result.used / table.scale,
        "avoided": result.avoided / table.scale,
        "avoided_pct": 100 * result.share,
        "interval_90_pct": [100 * low, 100 * high],
        **_metrics(fitted),
        "days_missing": {"baseline": result.missing_baseline, "reporting": result.missing_reporting},
        **(_of_months(result) if table.acts else {}),
    }


def _of_months(result: Compared) -> dict[str, Any]:
    """What a monthly comparison says besides: that it is one, and how much weight it bears."""
    return {
        "resolution": "month",
        "grade": result.grade,
        "findings": [
            {"kind": each.kind, "got": each.got, "limit": each.limit, "disqualifies": each.disqualifies}
            for each in result.doubts
        ],
    }


def _missing(fitted: Baseline, table: Table, baseline: Period) -> int:
    """Days of the baseline period that were not fitted on."""
    if table.acts:
        return baseline.days - sum(act.last - act.first + 1 for act in _within(table.acts, baseline))
    return baseline.days - fitted.n - len(fitted.outages)


def _within(acts: tuple[Act, ...], period: Period) -> list[Act]:
    return [act for act in acts if period.first <= act.first and act.last <= period.last]


def _fitted(table: Table, baseline: Period) -> Baseline:
    try:
        if table.acts:
            temp_of = table.days.temps_mc.get
            return fit_months(_within(table.acts, baseline), temp_of, unit=table.unit)
        return fit_period(table.days, baseline, unit=table.unit, calendar="week")
    except Unfit as error:
        if table.acts:
            held = f"{_date(table.acts[0].first)}..{_date(table.acts[-1].last)}"
            raise TableError(f"{table.file}: {error} (acts in the file: {held})") from None
        held = f"{_date(min(table.days.used))}..{_date(max(table.days.used))}" if table.days.used else "none"
        raise TableError(f"{table.file}: {error} (complete days in the file: {held})") from None


def _metrics(fitted: Baseline) -> dict[str, float]:
    return {
        "cvrmse": fitted.metrics.cvrmse,
        "nmbe": fitted.metrics.nmbe,
        "r2": fitted.metrics.r2,
        "self_bias_pct": 100 * fitted.metrics.self_bias,
    }


def _in_file_units(fitted: Baseline, table: Table) -> dict[str, float | str]:
    linear = fitted.form.coefficients
    return {
        name: float(value) / table.scale if name in linear else value
        for name, value in fitted.parameters.items()
    }


def _date(ordinal: int) -> str:
    return dt.date.fromordinal(ordinal).isoformat()


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[_Row]:
    """Rows of the file with their line numbers, in the file's order; a column that is not asked for is empty."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.DictReader(text)
            names = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = names
            for column in columns:
                if column not in names:
                    raise TableError(
                        f"{path}: line 1: there is no column {column!r}; found {', '.join(names) or 'nothing'}; "
                        f"expected {', '.join(columns)} (comma-separated)"
                    )
            for row in reader:
                where = f"{path}: line {reader.line_num}"
                asked = {name: row[name] for name in columns}
                temp = _number(asked.get("temperature"), f"{where}: temperature", "°C")
                if temp is not None and abs(temp) > _ABSURD_C:
                    raise TableError(
                        f"{where}: temperature {row['temperature']!r} is no outdoor temperature; "
                        f"expected °C between -{_ABSURD_C:.0f} and {_ABSURD_C:.0f}"
                    )
                yield _Row(
                    reader.line_num,
                    _time(row["timestamp"], where),
                    _number(asked.get("value"), f"{where}: value", "energy of the interval"),
                    None if temp is None else round(temp * 1000),
                )
    except FileNotFoundError:
        raise TableError(
            f"{path}: there is no such file (expected a CSV with {', '.join(columns)})"
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TableError(f"{path}: cannot be read as CSV in UTF-8: {error}") from None


def _number(text: str | None, where: str, what: str) -> float | None:
    """The number in a cell; None where the cell says that there is none."""
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


def _step(path: Path, rows: list[_Row]) -> dt.timedelta:
    """Length of the file's intervals: its commonest step."""
    aware = {row.time.tzinfo is not None for row in rows}
    if len(aware) > 1:
        odd = next(row for row in rows if (row.time.tzinfo is None) != (rows[0].time.tzinfo is None))
        raise TableError(
            f"{path}: line {odd.line}: timestamp {odd.time.isoformat()!r}: some timestamps carry an offset "
            "and some do not; expected all or none"
        )
    times = sorted(row.time for row in rows)
    steps = Counter(b - a for a, b in pairwise(times) if b > a)
    if not steps:
        raise TableError(f"{path}: all timestamps are {times[0].isoformat()}; expected one row an interval")
    step = steps.most_common(1)[0][0]
    hour, day = dt.timedelta(hours=1), dt.timedelta(days=1)
    if SHORTEST_MONTH <= step <= LONGEST_MONTH:
        return step
    if step != day and (step > hour or hour % step):
        raise TableError(
            f"{path}: the commonest step between timestamps is {step}; "
            "expected a day, an hour, an equal part of an hour, or a month"
        )
    return step


def _dated(path: Path, rows: list[_Row], zone: ZoneInfo) -> Iterator[tuple[_Row, int]]:
    """Rows of a daily table with their local dates: a day belongs where its middle lies.

    So a file stamped 00:00 UTC, or 01:00 by a summer time, keeps its dates.
    """
    seen: dict[int, _Row] = {}
    for row in rows:
        middle = row.time + dt.timedelta(hours=12)
        date = (middle if middle.tzinfo is None else middle.astimezone(zone)).toordinal()
        if _new(path, seen.setdefault(date, row), row, f"day {_date(date)}"):
            yield row, date


def _placed(path: Path, rows: list[_Row], zone: ZoneInfo) -> Iterator[tuple[_Row, int]]:
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
                    f"{path}: line {row.line}: timestamp {time.isoformat()!r} does not exist in {zone.key}, where the "
                    "clocks go forward; expected local time, timestamps with an offset, or another --tz"
                )
        else:
            at = to_ms(time)
        if _new(path, seen.setdefault(at, row), row, f"timestamp {time.isoformat()!r}"):
            yield row, at


def _new(path: Path, first: _Row, row: _Row, what: str) -> bool:
    """Whether the row is the first of its interval; a repetition must say the same."""
    if first is row:
        return True
    if (first.value, first.temp_mc) != (row.value, row.temp_mc):
        raise TableError(
            f"{path}: line {row.line}: {what} is already on line {first.line} with value {first.value}; "
            f"got {row.value}; expected one row an interval"
        )
    return False


def _scale(uses: dict[int, float]) -> int:
    """A power of ten that makes integers of about nine digits out of the file's daily uses."""
    largest = max((abs(value) for value in uses.values()), default=0.0)
    if largest <= 0.0:
        return 1
    scale: int = 10 ** max(0, _LARGEST_DIGITS - 1 - math.floor(math.log10(largest)))
    return scale
