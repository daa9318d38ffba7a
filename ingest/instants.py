"""The time of a reading, as payloads write it."""

from __future__ import annotations

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

from metering.times import UTC, to_ms

EARLIEST_MS: Final = to_ms(dt.datetime(2000, 1, 1, tzinfo=UTC))
"""Before this a clock was not set (1970 before the first time signal is the usual case)."""
_LATEST_MS: Final = to_ms(dt.datetime(2100, 1, 1, tzinfo=UTC))


_fromisoformat = dt.datetime.fromisoformat
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=UTC)


class BadTime(ValueError):
    """The time cannot be read, or cannot be right."""


def instant(value: object, zone: ZoneInfo) -> int:
    """The instant [ms] that `value` names.

    Args:
        value: ISO 8601 text (with an offset or `Z`; without one it is the site's local time, and of an hour
            that comes twice the first), or a number of s, ms, us or ns since 1970, told by its magnitude.
        zone: The site's time zone.

    Raises:
        BadTime: it is neither, or lies before 2000 or after 2100.
    """
    if isinstance(value, str):
        try:
            moment = _fromisoformat(value)
        except ValueError:
            raise BadTime(f"{value[:40]!r} is not an ISO 8601 time") from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone).astimezone(UTC)
        delta = moment - _EPOCH
        ms = delta.days * 86_400_000 + delta.seconds * 1000 + delta.microseconds // 1000
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        ms = _from_number(value)
    else:
        raise BadTime(f"{value!r:.40} is not a time")
    if not EARLIEST_MS <= ms < _LATEST_MS:
        raise BadTime(f"{value!r:.40} lies before 2000 or after 2100")
    return ms


def _from_number(value: float) -> int:
    seconds = abs(value)
    if seconds < 1e11:
        return round(value * 1000)
    if seconds < 1e14:
        return int(value)
    if seconds < 1e17:
        return int(value // 1000)
    if seconds < 1e20:
        return int(value // 1_000_000)
    raise BadTime(f"{value} is no count of s, ms, us or ns since 1970")
