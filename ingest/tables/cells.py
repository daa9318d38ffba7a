"""The content of a table's cell: nothing, a number, a time, a time of day, a length of time. Pure.

Times are those of the meter's clock, without a zone (`ingest.tables.spans` adds it).
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from ingest.tables.dates import USUAL, DateOrder, Written, written
from metering.units import Unit, UnknownUnit, unit_named

_NOTHING: Final = frozenset({"", "н/д", "н.д.", "нд", "нет", "нет данных", "n/a", "nan", "none", "null"})
_RULES: Final = "-—–−_=*. "
"""Characters of lines between rows and of cells without a value."""
_NO_ERROR: Final = frozenset({"нет", "нет нс", "нет ошибок", "ок", "ok", "норма", "норм", "0x0", "none"})

_EXCEL_EPOCH: Final = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - a clock's own time
_EXCEL_DAYS: Final = (36_526, 73_051)
"""An Excel time without a time format is a number of days; this range is 2000 to 2099."""
_CLOCK: Final = r"(?P<H>\d{1,2})(?:[:.](?P<M>\d{2})(?:[:.](?P<S>\d{2})(?:[.,]\d+)?)?)?"
_DATE_FIRST: Final = re.compile(r"(?P<date>[\d./-]{6,10})(?:г\.?)?[ /,;T]+(?P<clock>\d[^/]*)", re.ASCII)
_CLOCK_FIRST: Final = re.compile(
    r"(?P<clock>\d{1,2}:\d{2}(?::\d{2})?)[ /,;]+(?P<date>[\d./-]{6,10})", re.ASCII
)
_MONTH: Final = re.compile(r"(?:(?P<m>\d{1,2})[./-](?P<y>\d{4})|(?P<y2>\d{4})[./-](?P<m2>\d{1,2}))", re.ASCII)
_NAMED: Final = re.compile(
    r"(?:за )?(?:(?P<d>\d{1,2})[. -]+)?(?P<name>[а-яё]{3,9}|[a-z]{3,9})[. ,-]*(?P<y>\d{4}|\d{2})(?: ?г(?:\.|ода?)?)?"
)
_MONTHS: Final = (
    ("янв", "jan"), ("фев", "feb"), ("мар", "mar"), ("апр", "apr"), ("май", "мая", "мае", "may"), ("июн", "jun"),
    ("июл", "jul"), ("авг", "aug"), ("сен", "sep"), ("окт", "oct"), ("ноя", "nov"), ("дек", "dec"),
)  # fmt: skip
_OF_THE_DAY: Final = re.compile(rf"{_CLOCK}(?: ?(?:ч\.?|(?P<half>[AaPp])\.?[Mm]\.?))?", re.ASCII)
_FROM_TO: Final = re.compile(
    r"(?P<H>\d{1,2})(?::(?P<M>\d{2}))? ?[-–—…] ?(?P<H2>\d{1,2})(?::(?P<M2>\d{2}))?(?: ?ч\.?)?", re.ASCII
)

_NUMBER: Final = re.compile(r"[+-]?(\d{1,19}(\.\d{0,19})?|\.\d{1,19})([eE][+-]?\d{1,2})?", re.ASCII)
_WITH_UNIT: Final = re.compile(
    r"(?P<number>[^A-Za-zА-Яа-яЁё°]*\d)\s*(?P<unit>[A-Za-zА-Яа-яЁё°][^\d]*\d?(?:/[^\d]+)?)"
)
_SPACES: Final = " \u00a0\u2009\u202f'"
_GROUPED: Final = {
    mark: re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:[{_SPACES}{other}]\d{{3}})+(?:[{mark}]\d*)?", re.ASCII)
    for mark, other in ((",", "."), (".", ","))
}
_UNGROUPED: Final = {
    mark: str.maketrans(mark, ".", _SPACES + other) for mark, other in ((",", "."), (".", ","))
}


_LONGEST_DATE: Final = len("31.12.2025")


class BadCell(ValueError):
    """The content of the cell does not fit its column."""


def is_empty(cell: Any) -> bool:
    """Whether the cell is empty: no text, a dash, a line of dashes, or words for no value."""
    if cell is None:
        return True
    if not isinstance(cell, str):
        return False
    if "0" <= cell[:1] <= "9":
        return False
    text = cell.strip().casefold()
    return text in _NOTHING or not text.strip(_RULES)


def says_error(cell: Any) -> bool:
    """Whether a cell of error codes has one. Zeros are no error code, in any number and grouping."""
    if is_empty(cell):
        return False
    text = " ".join(str(cell).split()).casefold()
    return text not in _NO_ERROR and bool(text.strip(_RULES + "0,;/|"))


def number(cell: Any, decimal: str | None) -> int | float | Decimal:
    """The number in a cell.

    Args:
        cell: As the table has it.
        decimal: The mark before the fraction, or None if it is unknown: then the later of `,` and `.`. The other
            one and spaces separate groups of thousands, if three digits follow each.

    Raises:
        BadCell: the cell is not a number.
    """
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return cell
    if not isinstance(cell, str):
        raise BadCell(f"{cell!r:.40} is not a number")
    text = cell.strip().replace("−", "-")
    mark = decimal
    if mark is None:
        mark = "," if text.rfind(",") > text.rfind(".") else "."
    if ("." if mark == "," else ",") not in text:
        plain = text.replace(",", ".")
        if _NUMBER.fullmatch(plain) is not None:
            return Decimal(plain)
    if _GROUPED[mark].fullmatch(text) is not None:
        return Decimal(text.translate(_UNGROUPED[mark]))
    raise BadCell(f"{cell!r:.40} is not a number")


def with_unit(cell: Any) -> tuple[str, Unit] | None:
    """The text of the number in a cell that has its unit behind it, as in `145 кВт·ч`, and the unit; else None."""
    match = _WITH_UNIT.fullmatch(cell.strip()) if isinstance(cell, str) else None
    if match is None:
        return None
    try:
        return match["number"], unit_named(spelled(match["unit"]))
    except UnknownUnit:
        return None


def spelled(text: str) -> str:
    """The name of a unit as the table of units spells it: `кВт*ч.` is `квт·ч`."""
    return text.casefold().strip(".:").replace("*", "·").replace("квт.ч", "квт·ч")


def is_number(cell: Any, decimal: str | None) -> bool:
    """Whether `number` reads the cell."""
    try:
        number(cell, decimal)
    except BadCell:
        return False
    return True


def local_time(cell: Any, *, ends: bool = False, order: DateOrder = USUAL) -> dt.datetime | None:
    """The time in a cell, as the clock showed it, or None.

    Args:
        cell: As the table has it. An Excel time is a float: fractions of its seconds are noise.
        ends: Take the second time of `01.01.2025 0-1`, not the first.
        order: The order of day, month and year in the cell's column.
    """
    if isinstance(cell, dt.datetime):
        if cell.microsecond and cell.year < dt.MAXYEAR:
            return (cell + dt.timedelta(milliseconds=500)).replace(microsecond=0)
        return cell
    if isinstance(cell, dt.date):
        return dt.datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001 - a clock's own time
    if isinstance(cell, (int, float)) and _EXCEL_DAYS[0] <= cell < _EXCEL_DAYS[1]:
        return _EXCEL_EPOCH + dt.timedelta(seconds=round(cell * 86_400))
    if not isinstance(cell, str):
        return None
    text = " ".join(cell.split())
    try:
        parts = _dated(text)
        if parts is not None:
            _, date, clock = parts
            day = date.read_by(order)
            if day is None:
                return None
            if clock is None:
                return dt.datetime(day.year, day.month, day.day)  # noqa: DTZ001
            of_day = _clock(clock, ends)
            if of_day is not None:
                return dt.datetime(day.year, day.month, day.day) + of_day  # noqa: DTZ001
        if (match := _MONTH.fullmatch(text)) is not None:
            return dt.datetime(int(match["y"] or match["y2"]), int(match["m"] or match["m2"]), 1)  # noqa: DTZ001
        if (match := _NAMED.fullmatch(text.casefold())) is not None:
            return _named(match)
        return dt.datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None


def date_of(cell: Any) -> tuple[str, Written | dt.date] | None:
    """The text of the date in a cell and its numbers, if it is written in numbers or Excel stored it; else None."""
    if isinstance(cell, dt.date):
        return f"{cell:%Y-%m-%d}", dt.date(cell.year, cell.month, cell.day)
    parts = _dated(" ".join(cell.split())) if isinstance(cell, str) else None
    return None if parts is None else parts[:2]


def _dated(text: str) -> tuple[str, Written, str | None] | None:
    """The text of a date in numbers, the date, and the text of the time beside it."""
    if len(text) <= _LONGEST_DATE and (date := written(text)) is not None:
        return text, date, None
    if (match := _DATE_FIRST.fullmatch(text) or _CLOCK_FIRST.fullmatch(text)) is not None:
        part, clock = match.group("date", "clock")
        date = written(part)
        if date is not None:
            return part, date, clock
    return None


def time_of_day(cell: Any, *, ends: bool = False) -> dt.timedelta | None:
    """The time since midnight in a cell: `23:00`, an Excel time, the number of an hour, `23-24`; else None.

    Args:
        cell: As the table has it.
        ends: Take the second of two times, not the first.
    """
    if isinstance(cell, dt.datetime):
        cell = cell.time()
    if isinstance(cell, dt.time):
        return dt.timedelta(hours=cell.hour, minutes=cell.minute, seconds=cell.second)
    since: dt.timedelta | None = None
    if isinstance(cell, dt.timedelta):
        since = cell
    elif isinstance(cell, (int, float)) and not isinstance(cell, bool):
        if 0 < cell < 1:
            since = dt.timedelta(seconds=round(cell * 86_400))
        elif 0 <= cell <= 24 and cell == int(cell):
            since = dt.timedelta(hours=int(cell))
    elif isinstance(cell, str):
        return _clock(cell, ends)
    return since if since is not None and dt.timedelta(0) <= since <= dt.timedelta(hours=24) else None


@lru_cache(maxsize=4096)
def _clock(text: str, ends: bool) -> dt.timedelta | None:
    """`time_of_day` of a text."""
    text = " ".join(text.split())
    day = dt.timedelta(hours=24)
    since: dt.timedelta | None = None
    if (match := _OF_THE_DAY.fullmatch(text)) is not None:
        hour: str | None = match["H"]
        if match["half"] is not None:
            hour = _of_twelve(match["H"], match["half"])
        since = None if hour is None else _since_midnight(hour, match["M"], match["S"])
    elif (match := _FROM_TO.fullmatch(text)) is not None:
        first, last = _since_midnight(match["H"], match["M"]), _since_midnight(match["H2"], match["M2"])
        if first is not None and last is not None and last <= day:
            since = first if not ends else last if last > first else last + day
    return since if since is not None and since <= day else None


def hours_run(cell: Any, decimal: str | None, unit: str) -> float | None:
    """The run time in a cell [h], or None.

    Args:
        cell: As the table has it: a number, `23:45`, or an Excel length of time.
        decimal: As for `number`.
        unit: Unit of a plain number: `h`, `min` or `s`.
    """
    if isinstance(cell, dt.time):
        cell = dt.timedelta(hours=cell.hour, minutes=cell.minute, seconds=cell.second)
    if isinstance(cell, dt.timedelta):
        return float(cell.total_seconds()) / 3600
    if isinstance(cell, str) and ":" in cell:
        hours, *rest = cell.strip().split(":")
        if not (hours.isdecimal() and len(rest) <= 2 and all(part.isdecimal() for part in rest)):
            return None
        return int(hours) + sum(int(part) / 60.0**place for place, part in enumerate(rest, start=1))
    try:
        return float(number(cell, decimal)) / {"h": 1, "min": 60, "s": 3600}[unit]
    except BadCell:
        return None


def _named(match: re.Match[str]) -> dt.datetime | None:
    year = int(match["y"])
    for month, beginnings in enumerate(_MONTHS, start=1):
        if match["name"].startswith(beginnings):
            return dt.datetime(year + 2000 if year < 100 else year, month, int(match["d"] or 1))  # noqa: DTZ001
    return None


def _of_twelve(hour: str, half: str) -> str | None:
    """The hour of the day of an hour before or after noon: 12 AM is 0, 12 PM is 12."""
    if not 1 <= int(hour) <= 12:
        return None
    return str(int(hour) % 12 + 12 * (half in "Pp"))


def _since_midnight(hour: str, minute: str | None, second: str | None = None) -> dt.timedelta | None:
    if int(minute or 0) > 59 or int(second or 0) > 59:
        return None
    return dt.timedelta(hours=int(hour), minutes=int(minute or 0), seconds=int(second or 0))
