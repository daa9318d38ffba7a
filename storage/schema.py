"""Names of measurements, tags and fields in InfluxDB. Dashboards and queries use these names only.

Integers are base units (Wh, l); `money` is in hundredths of the site's currency. Flags, grades, versions and
entries of the site file are fields, never tags, so that a correction overwrites. A withdrawn figure stays as a point
whose `held` is 0, because Influx has no upsert that deletes. Its amounts are 0, so that sums over all points are right
as well as sums over `held = 1`.
"""

from __future__ import annotations

from typing import Final

from metering.units import QUANTITIES, SHOWN_UNIT

HOUR: Final = "hour"
UNKNOWN: Final = "unknown"
GAUGE: Final = "gauge"
DAY: Final = "day"
WEATHER_DAY: Final = "weather_day"
SAVINGS: Final = "savings"
POSITION: Final = "position"
"""A contract's position by its last day: how the interval narrowed."""
STANDING: Final = "standing"
"""A contract's current position: one point at the epoch, overwritten. It may be older than the newest `position`,
whose last day may have been withdrawn. Without any days it is withdrawn itself: no day has a figure."""
BASELINE: Final = "baseline"
"""Frozen baselines with their documents: one point an id, at the epoch."""
ALERT: Final = "alert"
FINDING: Final = "finding"
RESTATED: Final = "restated"
COUNTED: Final = "counted"
REJECTED: Final = "rejected"
CHAIN: Final = "chain"
"""Ends of the hash chains over messages: one point a building or station, at the epoch, overwritten."""
NOTIFIED: Final = "notified"
"""Notifications sent: one point a key, at the epoch."""
PROBE: Final = "probe"
"""Written by the sink to see whether the server takes anything at all."""

TAGS: Final[dict[str, tuple[str, ...]]] = {
    HOUR: ("building", "meter", "quantity"),
    UNKNOWN: ("building", "meter", "quantity"),
    GAUGE: ("building", "meter", "quantity"),
    DAY: ("building", "meter", "quantity"),
    WEATHER_DAY: ("building", "station"),
    SAVINGS: ("building", "contract"),
    POSITION: ("building", "contract"),
    STANDING: ("building", "contract"),
    BASELINE: ("building", "contract"),
    ALERT: ("building", "subject", "kind"),
    FINDING: ("building", "meter", "quantity", "kind"),
    RESTATED: ("building", "meter", "quantity", "what", "contract"),
    COUNTED: ("building", "meter", "quantity"),
    REJECTED: ("reason",),
    CHAIN: ("kind", "subject"),
    NOTIFIED: ("key",),
    PROBE: (),
}

_SUFFIX_OF_BASE: Final = {"Wh": "wh", "l": "l", "m°C": "mc", "l/h": "lh", "W": "w"}
SUFFIX: Final = {name: _SUFFIX_OF_BASE[quantity.base] for name, quantity in QUANTITIES.items()}
"""Ending of a quantity's fields: its base unit."""

AVOIDED: Final = {carrier: f"avoided_{unit.lower()}" for carrier, unit in SHOWN_UNIT.items()}
"""Field of a contract's avoided use in the unit that people know its carrier by."""
