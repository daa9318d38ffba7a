"""The time of a reading, as payloads write it."""

from __future__ import annotations

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

from metering.times import DAY_MS, UTC, to_ms

EARLIEST_MS: Final = to_ms(dt.datetime(2000, 1, 1, tzinfo=UTC))
"""An earlier time is of a clock that was not set, usually 1970 before the first time signal [ms]."""

FUTURE_MS: Final = 15 * 60_000
"""How far ahead of its arrival a reading may be stamped, because clocks drift [ms]."""
FIRST_YEAR: Final = 1999
LAST_YEAR: Final = 9998
"""Years of a time that can be moved between zones and may lie in or after 2000; the calendar's ends cannot be moved."""

_fromisoformat = dt.datetime.fromisoformat
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=UTC)

# The size of a count since 1970 decides its unit: below 1e11 it is seconds (1e11 s is the year 5138, and as
# milliseconds it is 1973), and each finer unit lies three digits further.
_SECONDS_BELOW: Final = 10**11
_LARGEST_COUNT: Final = 10**20


class BadTime(ValueError):
    """The time cannot be read, or cannot be right."""


def instant(value: object, zone: ZoneInfo, *, again: bool = False) -> int:
    """The instant of `value` [ms since 1970 UTC]; finer digits are cut off.

    Args:
        value: ISO 8601 text with an offset or `Z`, or a number of s, ms, us or ns since 1970; its magnitude
            decides which. Text without an offset is local time: in an hour that occurs twice the first
            occurrence, and a time that the clocks skip counts on from the hour before.
        zone: The clock of text without an offset.
        again: Take the second occurrence of an hour that occurs twice.

    Raises:
        BadTime: `value` is neither, or lies before 2000.
    """
    if isinstance(value, str):
        try:
            moment = _fromisoformat(value)
        except ValueError:
            raise BadTime(f"{value[:40]!r} is not an ISO 8601 time") from None
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise BadTime(f"{value!r:.40} lies before 2000 or beyond the calendar")
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone, fold=again).astimezone(UTC)
        delta = moment - _EPOCH
        ms = delta.days * DAY_MS + delta.seconds * 1000 + delta.microseconds // 1000
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        ms = _from_count(value)
    else:
        raise BadTime(f"{value!r:.40} is not a time")
    if ms < EARLIEST_MS:
        raise BadTime(f"{value!r:.40} lies before 2000")
    return ms


def _from_count(value: int | float) -> int:
    if not -_LARGEST_COUNT < value < _LARGEST_COUNT:
        raise BadTime("the number is no count of s, ms, us or ns since 1970")
    size = abs(value)
    if size < _SECONDS_BELOW:
        # Through the shortest decimal: 1.001 s is 1001 ms, though the float lies a hair below it.
        return value * 1000 if isinstance(value, int) else int(round(value * 1000, 3))
    if size < _SECONDS_BELOW * 1000:
        return int(value)
    if size < _SECONDS_BELOW * 1_000_000:
        return int(value // 1000)
    return int(value // 1_000_000)
