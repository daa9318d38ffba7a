"""Days off by calendar."""

from __future__ import annotations

import datetime as dt

import pytest

from metering.baselines.calendars import day_off
from tests.dates import day

DAY = dt.date(2024, 9, 20).today()


@pytest.mark.parametrize(
    ("date", "calendar", "off"),
    [
        ("2025-01-03", "week", False),
        ("2025-01-03", "ru", True),
        ("2025-01-04", "week", True),
        ("2025-07-15", "ru", False),
        ("2025-07-15", "ru_school", True),
        ("2025-09-02", "ru_school", False),
        ("2025-03-24", "ru_school", True),
        ("2025-03-24", "ru_school+2", False),
        ("2025-04-01", "ru_school+2", True),
        ("2025-01-09", "ru_school-3", True),
        ("2025-09-01", "ru_school+3", False),
    ],
)
def test_days_off(date, calendar, off):
    assert day_off(day(date), calendar) is off


def test_an_unknown_calendar_is_refused():
    with pytest.raises(ValueError, match="'mars' is not known; known are week, ru, ru_school"):
        day_off(DAY, "mars")
