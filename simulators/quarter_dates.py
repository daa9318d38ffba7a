"""The calendar of the quarter: one baseline year, a retrofit, one reporting year, a live fortnight.

It ends before any wall clock that the demo may run on. Instants of the simulation are hours since `BEGIN`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final

from metering.times import next_month

MOSCOW: Final = dt.timezone(dt.timedelta(hours=3))
"""Moscow time has had no summer time since 2014."""

BEGIN: Final = dt.datetime(2023, 9, 10, tzinfo=MOSCOW)
"""The simulation warms up from here."""
FIRST: Final = dt.datetime(2023, 9, 30, tzinfo=MOSCOW)
"""First reading of the archives."""
BASELINE: Final = (dt.date(2023, 10, 1), dt.date(2024, 9, 30))
RETROFIT: Final = dt.date(2024, 10, 8)
"""First day with the measures."""
REPORTING: Final = (dt.date(2024, 10, 15), dt.date(2025, 10, 14))
ARCHIVES_END: Final = dt.datetime(2025, 10, 15, tzinfo=MOSCOW)
LIVE_END: Final = dt.datetime(2025, 10, 29, tzinfo=MOSCOW)
BROKEN: Final = dt.date(2025, 3, 12)
"""First day with one house's regulator stuck open."""
ROLLOVER: Final = dt.datetime(2025, 2, 11, 3, tzinfo=MOSCOW)
"""One electricity register passes its last digit here, on a winter night of the reporting year."""
SILENT: Final = dt.datetime(2025, 10, 25, 18, tzinfo=MOSCOW)
"""From here on one meter sends nothing."""


def hour_of(moment: dt.datetime) -> int:
    """Hours of the simulation before `moment`."""
    return int((moment - BEGIN) / dt.timedelta(hours=1))


def iso(hour: int) -> str:
    """The beginning of an hour of the simulation, with its offset."""
    return (BEGIN + dt.timedelta(hours=hour)).isoformat()


def archive_months() -> Iterator[tuple[int, int]]:
    """Hours [first, end) of each month's archive, from `FIRST` to `ARCHIVES_END` (its own hour included)."""
    begin = FIRST
    while begin < ARCHIVES_END:
        end = min(next_month(begin), ARCHIVES_END)
        last = 1 if end == ARCHIVES_END else 0
        yield hour_of(begin), hour_of(end) + last
        begin = end
