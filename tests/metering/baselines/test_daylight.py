"""Dark hours of a day by the sun."""

from __future__ import annotations

import pytest

from metering.baselines.daylight import dark_hours
from tests.dates import day


@pytest.mark.parametrize(
    ("date", "latitude", "hours"),
    [
        # Almanac: St Petersburg, sunrise to sunset 5 h 53 min and 18 h 51 min on the solstices.
        ("2025-12-21", 59.94, 24 - 5.88),
        ("2025-06-21", 59.94, 24 - 18.85),
        ("2025-03-20", 0.0, 24 - 12.12),
        ("2025-06-21", 69.65, 0.0),
        ("2025-12-21", 69.65, 24.0),
        ("2025-12-21", -33.87, 24 - 14.41),
        ("2025-06-21", 90.0, 0.0),
    ],
)
def test_dark_hours(date, latitude, hours):
    assert dark_hours(day(date), latitude) == pytest.approx(hours, abs=0.08)
