"""Instants in UTC, and local days with 23, 24 or 25 hours."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from metering.times import HOUR_MS, date_of_hour, day_bounds, iso, to_ms

MOSCOW, HELSINKI = ZoneInfo("Europe/Moscow"), ZoneInfo("Europe/Helsinki")


@pytest.mark.parametrize(
    ("zone", "date", "hours"),
    [
        (MOSCOW, dt.date(2025, 3, 30), 24),
        (HELSINKI, dt.date(2025, 3, 30), 23),
        (HELSINKI, dt.date(2025, 10, 26), 25),
        (HELSINKI, dt.date(2025, 10, 27), 24),
    ],
)
def test_days_have_the_hours_that_the_clocks_give_them(zone: ZoneInfo, date: dt.date, hours: int) -> None:
    start, end = day_bounds(date.toordinal(), zone)
    assert (end - start) // HOUR_MS == hours
    assert date_of_hour(start // HOUR_MS, zone) == date.toordinal()
    assert date_of_hour(end // HOUR_MS, zone) == date.toordinal() + 1


def test_instants_are_written_in_utc() -> None:
    assert iso(to_ms(dt.datetime(2026, 1, 1, tzinfo=MOSCOW))) == "2025-12-31T21:00:00Z"
    assert iso(1_767_225_600_001) == "2026-01-01T00:00:00.001Z"
