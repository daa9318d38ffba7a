"""Names of measurements, tags and fields in InfluxDB. Dashboards and queries use these names only.

Integers are base units (Wh, l). Flags, grades and versions are fields, never tags, so that a correction
overwrites. What was withdrawn stays as a point whose `held` is 0: Influx has no upsert that deletes, and a
sum over `held = 1` is right whatever was withdrawn.
"""

from __future__ import annotations

from typing import Final

HOUR: Final = "hour"
UNKNOWN: Final = "unknown"
DAY: Final = "day"
WEATHER_DAY: Final = "weather_day"
SAVINGS: Final = "savings"
POSITION: Final = "position"
ALERT: Final = "alert"
FINDING: Final = "finding"
RESTATED: Final = "restated"
COUNTED: Final = "counted"
REJECTED: Final = "rejected"

TAGS: Final[dict[str, tuple[str, ...]]] = {
    HOUR: ("building", "meter", "quantity"),
    UNKNOWN: ("building", "meter", "quantity"),
    DAY: ("building", "meter", "quantity"),
    WEATHER_DAY: ("building", "station"),
    SAVINGS: ("building", "contract"),
    POSITION: ("building", "contract"),
    ALERT: ("building", "subject", "kind"),
    FINDING: ("building", "meter", "quantity", "kind"),
    RESTATED: ("building", "meter", "quantity"),
    COUNTED: ("building", "meter", "quantity"),
    REJECTED: ("reason",),
}

SUFFIX: Final = {"energy": "wh", "volume": "l", "temperature": "mc", "outdoor_temperature": "mc"}
"""What the fields of a quantity end in."""
