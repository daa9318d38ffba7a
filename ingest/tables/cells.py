"""What a cell of a table says: nothing, a number, a time, a time of day, a length of time. Pure.

Times are what a meter's own clock showed, without a zone; the table's clock gives them one (`ingest.tables.archives`).
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any, Final

_NOTHING: Final = frozenset({"", "н/д", "н.д.", "нд", "нет", "нет данных", "n/a", "nan", "none", "null"})
_RULES: Final = "-—–−_=*. "
"""What lines between rows, and cells without a value, are drawn of."""
_NO_ERROR: Final = frozenset({"нет", "нет нс", "нет ошибок", "ок", "ok", "норма", "норм", "0x0", "none"})

_EXCEL_EPOCH: Final = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - a clock's own time
_EXCEL_DAYS: Final = (36_526, 73_051)
"""A time that Excel was not told to show as one is a number of days: of this century, 2000 to 2099."""
_CLOCK: Final = r"(?P<H>\d{1,2})(?:[:.](?P<M>\d{2})(?:[:.](?P<S>\d{2})(?:[.,]\d+)?)?)?"
_DATE: Final = re.compile(
    r"(?P<d>\d{1,2})[./-](?P<m>\d{1,2})[./-](?P<y>\d{4}|\d{2})"
    r"(?:[ T]+(?P<H>\d{1,2})(?::(?P<M>\d{2})(?::(?P<S>\d{2}))?)?)?",
    re.ASCII,
)
_YEAR_FIRST: Final = re.compile(r"(?P<y>\d{4})[./-](?P<m>\d{1,2})[./-](?P<d>\d{1,2})", re.ASCII)
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
_OF_THE_DAY: Final = re.compile(rf"{_CLOCK}(?: ?ч\.?)?", re.ASCII)
_FROM_TO: Final = re.compile(
    r"(?P<H>\d{1,2})(?::(?P<M>\d{2}))? ?[-–—…] ?(?P<H2>\d{1,2})(?::(?P<M2>\d{2}))?(?: ?ч\.?)?", re.ASCII
)

_NUMBER: Final = re.compile(r"[+-]?(\d{1,19}(\.\d{0,19})?|\.\d{1,19})([eE][+-]?\d{1,2})?", re.ASCII)
_SPACES: Final = " \u00a0\u2009\u202f'"
_GROUPED: Final = {
    mark: re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:[{_SPACES}{other}]\d{{3}})+(?:[{mark}]\d*)?", re.ASCII)
    for mark, other in ((",", "."), (".", ","))
}
_UNGROUPED: Final = {
    mark: str.maketrans(mark, ".", _SPACES + other) for mark, other in ((",", "."), (".", ","))
}


class BadCell(ValueError):
    """The cell holds something that is not what its column is for."""


def is_empty(cell: Any) -> bool:
    """Whether the cell holds nothing: no text, a dash, a rule drawn of dashes, or words for no value."""
    if cell is None:
        return True
    if not isinstance(cell, str):
        return False
    if "0" <= cell[:1] <= "9":
        return False
    text = cell.strip().casefold()
    return text in _NOTHING or not text.strip(_RULES)


def says_error(cell: Any) -> bool:
    """Whether a cell of error codes holds one. Noughts are none, however many and however grouped."""
    if is_empty(cell):
        return False
    text = " ".join(str(cell).split()).casefold()
    return text not in _NO_ERROR and bool(text.strip(_RULES + "0,;/|"))


def number(cell: Any, decimal: str | None) -> int | float | Decimal:
    """The number in a cell.

    Args:
        cell: As the table has it.
        decimal: The mark before the fraction, where it is known; else the later of `,` and `.` is it. The other
            one, and spaces, count as groups of thousands, and only where thousands stand behind them.

    Raises:
        BadCell: it is not a number.
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


def is_number(cell: Any, decimal: str | None) -> bool:
    """Whether `number` reads the cell."""
    try:
        number(cell, decimal)
    except BadCell:
        return False
    return True


def local_time(cell: Any, *, ends: bool = False) -> dt.datetime | None:
    """The time in a cell, as it stands on the clock; None where it is none.

    Args:
        cell: As the table has it. Of an Excel time, which is a float, what is less than a second is noise.
        ends: Of `01.01.2025 0-1` take the second, not the first.
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
    text = cell.strip()
    try:
        if (found := _DATE.fullmatch(text)) is not None:
            return _moment(found, int(found["H"] or 0), int(found["M"] or 0), int(found["S"] or 0))
        text = " ".join(text.split())
        if (found := _MONTH.fullmatch(text)) is not None:
            return dt.datetime(int(found["y"] or found["y2"]), int(found["m"] or found["m2"]), 1)  # noqa: DTZ001
        if (found := _NAMED.fullmatch(text.casefold())) is not None:
            return _named(found)
        if (found := _YEAR_FIRST.fullmatch(text)) is not None:
            return _moment(found, 0, 0, 0)
        if (found := _DATE_FIRST.fullmatch(text) or _CLOCK_FIRST.fullmatch(text)) is not None:
            date = _DATE.fullmatch(found["date"]) or _YEAR_FIRST.fullmatch(found["date"])
            day = None if date is None else _moment(date, 0, 0, 0)
            of_day = time_of_day(found["clock"], ends=ends)
            if day is not None and of_day is not None:
                return day + of_day
        return dt.datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None


def time_of_day(cell: Any, *, ends: bool = False) -> dt.timedelta | None:
    """The time since midnight in a cell: `23:00`, an Excel time, the number of an hour, `23-24`; else None.

    Args:
        cell: As the table has it.
        ends: Of two times take the second, not the first.
    """
    if isinstance(cell, dt.datetime):
        cell = cell.time()
    if isinstance(cell, dt.time):
        return dt.timedelta(hours=cell.hour, minutes=cell.minute, seconds=cell.second)
    hours = dt.timedelta(hours=24)
    found: dt.timedelta | None = None
    if isinstance(cell, dt.timedelta):
        found = cell
    elif isinstance(cell, (int, float)) and not isinstance(cell, bool):
        if 0 < cell < 1:
            found = dt.timedelta(seconds=round(cell * 86_400))
        elif 0 <= cell <= 24 and cell == int(cell):
            found = dt.timedelta(hours=int(cell))
    elif isinstance(cell, str):
        text = " ".join(cell.split())
        if (said := _OF_THE_DAY.fullmatch(text)) is not None:
            found = _since_midnight(said["H"], said["M"], said["S"])
        elif (said := _FROM_TO.fullmatch(text)) is not None:
            first, last = _since_midnight(said["H"], said["M"]), _since_midnight(said["H2"], said["M2"])
            if first is not None and last is not None and last <= hours:
                found = first if not ends else last if last > first else last + hours
    return found if found is not None and dt.timedelta(0) <= found <= hours else None


def hours_run(cell: Any, decimal: str | None, unit: str) -> float | None:
    """The run time in a cell [h]; None where it holds none.

    Args:
        cell: As the table has it: a number, `23:45`, or an Excel length of time.
        decimal: As for `number`.
        unit: What a number counts: `h`, `min` or `s`.
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


def _moment(date: re.Match[str], hour: int, minute: int, second: int) -> dt.datetime:
    """A date and a time, of which 24:00 is the end of the day."""
    year = int(date["y"])
    if year < 100:
        year += 2000
    if hour == 24 and not minute and not second:
        return dt.datetime(year, int(date["m"]), int(date["d"])) + dt.timedelta(days=1)  # noqa: DTZ001
    return dt.datetime(year, int(date["m"]), int(date["d"]), hour, minute, second)  # noqa: DTZ001


def _named(found: re.Match[str]) -> dt.datetime | None:
    year = int(found["y"])
    for month, beginnings in enumerate(_MONTHS, start=1):
        if found["name"].startswith(beginnings):
            return dt.datetime(year + 2000 if year < 100 else year, month, int(found["d"] or 1))  # noqa: DTZ001
    return None


def _since_midnight(hour: str, minute: str | None, second: str | None = None) -> dt.timedelta | None:
    if int(minute or 0) > 59 or int(second or 0) > 59:
        return None
    return dt.timedelta(hours=int(hour), minutes=int(minute or 0), seconds=int(second or 0))
