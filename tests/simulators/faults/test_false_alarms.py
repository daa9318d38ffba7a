"""What a ledger asks about clean meters: at most one finding a meter-year in the mean, three for any kind."""

from __future__ import annotations

import pytest

from simulators.faults.clean import CLEAN, YEARS, alarms

MEAN_A_YEAR = 1.0
MOST_A_YEAR = 3.0
PENDING = 3
"""Readings at the end that later ones may still have to explain."""


@pytest.mark.slow
def test_a_clean_meter_is_seldom_asked_about() -> None:
    found = {meter.name: alarms(meter) for meter in CLEAN}
    a_year = {name: sum(each.findings.values()) / YEARS for name, each in found.items()}
    assert {name: each.error for name, each in found.items() if each.error} == {}
    assert {name: each.pending for name, each in found.items() if each.pending > PENDING} == {}
    assert {name: rate for name, rate in a_year.items() if rate > MOST_A_YEAR} == {}
    assert sum(a_year.values()) / len(a_year) <= MEAN_A_YEAR
