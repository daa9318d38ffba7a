"""The verdict on a contract."""

from __future__ import annotations

import pytest

from metering.alerts.verdict import Verdict, verdict
from tests.sites import build_site, building, contract, meter


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
    guaranteed = {} if promise is None else {"guaranteed_savings_pct": promise}
    terms = contract(baseline="2024-01-01..2024-12-31", reporting="2025-01-01..", **guaranteed)
    judged = build_site(building(meter()), terms).contracts["c1"]
    assert verdict(judged, low_pct=low, savings_pct=saved, above=above) == expected
