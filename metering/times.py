"""Instants, hours, local days and the clocks of meters.

Instants are milliseconds since 1970 UTC; no clock is read here. A meter's clock need not be that of its place:
Moscow has had no summer time since 2014, and there are meters there that still switch. Such a clock is a rule as
POSIX writes it, `MSK-3MSD,M3.5.0,M10.5.0/3`.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import struct
from functools import lru_cache
from typing import Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_Day = TypeVar("_Day", bound=dt.date)

UTC: Final = dt.UTC
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
DAYS_A_YEAR: Final = 365.25
"""Days of a year for every figure per year or month (Julian year)."""
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_ORDINAL: Final = _EPOCH.toordinal()
"""Ordinal of 1970-01-01."""
# A rule has a name, an offset and, if the clock switches, a second name and two dates.
_POSIX: Final = re.compile(r"(<[+\-\w]{3,}>|[A-Za-z]{3,})[+-]?\d[\d:]*.*", re.ASCII)


def to_ms(instant: dt.datetime) -> int:
    """An aware datetime as milliseconds since 1970 UTC (finer digits are cut off)."""
    delta = instant - _EPOCH
    return delta.days * DAY_MS + delta.seconds * 1000 + delta.microseconds // 1000


def from_ms(ms: int) -> dt.datetime:
    """Milliseconds since 1970 UTC as an aware UTC datetime."""
    return _EPOCH + dt.timedelta(milliseconds=ms)


def iso(ms: int) -> str:
    """`2026-01-01T00:00:00Z`, with milliseconds only if they are not zero."""
    text = from_ms(ms).replace(tzinfo=None).isoformat(timespec="milliseconds" if ms % 1000 else "seconds")
    return text + "Z"


@lru_cache(maxsize=65_536)
def day_bounds(date: int, zone: ZoneInfo) -> tuple[int, int]:
    """First instant of the local day with ordinal `date`, and of the day after it [ms].

    The day has 23 or 25 hours when the clocks change.
    """
    start = dt.datetime.combine(dt.date.fromordinal(date), dt.time(), tzinfo=zone)
    end = dt.datetime.combine(dt.date.fromordinal(date + 1), dt.time(), tzinfo=zone)
    return to_ms(start.astimezone(UTC)), to_ms(end.astimezone(UTC))


@lru_cache(maxsize=1_048_576)
def date_of_hour(hour: int, zone: ZoneInfo) -> int:
    """Ordinal of the local date on which the UTC hour `hour` (hours since 1970) begins."""
    return (_EPOCH + dt.timedelta(hours=hour)).astimezone(zone).toordinal()


@lru_cache(maxsize=65_536)
def month_start(date: int) -> int:
    """Ordinal of the first day of the month of the date with ordinal `date`."""
    return dt.date.fromordinal(date).replace(day=1).toordinal()


def next_month(day: _Day) -> _Day:
    """First day of the month after that of `day`; of a datetime, at the same time of day."""
    return (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1)


def date_of(ms: int, zone: ZoneInfo) -> int:
    """Ordinal of the local date that holds the instant `ms`."""
    return from_ms(ms).astimezone(zone).toordinal()


def whole_hours(zone: ZoneInfo) -> bool:
    """Whether local midnights of the zone fall on whole UTC hours in the years that meters report."""
    probes = (dt.datetime(year, month, 1, tzinfo=zone) for year in (2015, 2030) for month in (1, 7))
    return all((probe.utcoffset() or dt.timedelta()).total_seconds() % 3600 == 0 for probe in probes)


class BadClock(ValueError):
    """The text names no clock."""


@lru_cache(maxsize=256)
def clock(name: str) -> ZoneInfo:
    """The clock that `name` describes.

    Args:
        name: `Europe/Helsinki`, or a POSIX rule such as `MSK-3MSD,M3.5.0,M10.5.0/3` (west of Greenwich is
            positive there, so Moscow is -3).

    Raises:
        BadClock: `name` is neither.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    if _POSIX.fullmatch(name) is None:
        raise BadClock("neither a zone of the IANA database ('Europe/Moscow') nor a POSIX rule ('MSK-3')")
    try:
        return ZoneInfo.from_file(io.BytesIO(_tzif(name)), key=name)
    except ValueError as error:
        raise BadClock(f"not a POSIX rule of a clock: {error}") from None


def _tzif(rule: str) -> bytes:
    """A file of the zone database with only this rule (RFC 8536): all instants are after its table."""
    counts = struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    body = struct.pack(">lbb", 0, 0, 0) + b"UTC\0"
    part = b"TZif2" + bytes(15) + counts + body
    return part + part + b"\n" + rule.encode("ascii") + b"\n"
