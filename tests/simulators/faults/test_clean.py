"""Clean meters: three years without a fault, of every resolution, cadence and rhythm."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from metering.times import HOUR_MS
from simulators.faults.clean import CLEAN, CleanMeter, alarms, by_name

METERS = [pytest.param(meter, id=meter.name.replace(",", "").replace(" ", "_")) for meter in CLEAN]


def test_the_kinds_differ() -> None:
    assert len({meter.name for meter in CLEAN}) == len(CLEAN) > 40
    assert {meter.unit for meter in CLEAN} == {"Wh", "kWh", "MWh", "Gcal", "GJ", "m3"}
    assert {meter.carrier for meter in CLEAN} == {"heat", "electricity", "cold_water", "hot_water", "gas"}


@pytest.mark.slow
@pytest.mark.parametrize("meter", METERS)
def test_a_clean_register_only_counts(meter: CleanMeter) -> None:
    readings = meter.readings()
    steps = list(pairwise(zip(readings.times, readings.counted, strict=True)))
    assert all(t0 < t1 and v0 <= v1 for (t0, v0), (t1, v1) in steps)
    most, grace = meter.rules.max_per_hour, HOUR_MS
    assert all((v1 - v0) * HOUR_MS <= most * (t1 - t0 + grace) for (t0, v0), (t1, v1) in steps)
    assert readings.times[-1] - readings.times[0] >= (meter.days - 2) * 24 * HOUR_MS


def test_a_clean_meter_is_the_same_each_time() -> None:
    meter = replace(by_name("weekend house"), days=30)
    assert meter.readings() == meter.readings()
    assert meter.readings() != replace(meter, draw=1).readings()


@pytest.mark.parametrize(
    "name", ["house", "flat", "house pulse 10", "lift", "yard lamps", "house water 1 m3"]
)
def test_an_even_use_raises_no_doubt(name: str) -> None:
    found = alarms(replace(by_name(name), days=120))
    assert (found.findings, found.error, found.doubted_hours) == ({}, 0, 0)
