"""The verdict on a contract."""

from __future__ import annotations

import pytest

from metering.alerts.verdict import Verdict, verdict
from metering.site.model import parse_site

SITE = """
[site]
id = "t"
[[building]]
id = "b01"
  [[building.meter]]
  id = "heat"
  carrier = "heat"
  unit = "Gcal"
[[contract]]
id = "c1"
building = "b01"
meter = "heat"
baseline = {{ from = 2024-01-01, to = 2024-12-31 }}
reporting = {{ from = 2025-01-01 }}
{promise}
"""


@pytest.mark.parametrize(
    ("promise", "low", "saved", "above", "expected"),
    [
        (None, 5.0, 10.0, False, "proved"),
        (None, 0.0, 10.0, False, "not_proved"),
        (10, 5.0, 10.0, False, "proved"),
        (20, 5.0, 10.0, False, "below"),
        (20, -1.0, 10.0, False, "not_proved"),
        (20, 5.0, 10.0, True, "above"),
    ],
)
def test_verdicts(promise: int | None, low: float, saved: float, above: bool, expected: Verdict) -> None:
    line = "" if promise is None else f"guaranteed_savings_pct = {promise}"
    contract = parse_site(SITE.format(promise=line)).contracts["c1"]
    assert verdict(contract, low_pct=low, savings_pct=saved, above=above) == expected
