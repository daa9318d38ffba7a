"""Days and periods as they are written."""

from __future__ import annotations

import datetime as dt

from metering.periods import Period


def day(text: str) -> int:
    """The ordinal of `2025-01-31`."""
    return dt.date.fromisoformat(text).toordinal()


def period(text: str) -> Period:
    """The period `2025-01-01..2025-12-31`."""
    first, last = text.split("..")
    return Period(day(first), day(last))
