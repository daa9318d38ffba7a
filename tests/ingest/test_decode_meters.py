"""What else a meter says: other quantities, an exchange, times by a clock of its own."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from ingest.decode import Decoder, as_line
from metering.events import Declared, Exchange, Readings, Rejected
from metering.site.model import SiteError, parse_site
from metering.times import DAY_MS, HOUR_MS, BadClock, clock, to_ms
from tests.sites import building, meter, site_text, station

TEXT = site_text(
    station(),
    building(
        meter(),
        meter("summer", "electricity", "kWh", timezone="MSK-3MSD,M3.5.0,M10.5.0/3"),
        meter("helsinki", "electricity", "kWh", timezone="Europe/Helsinki"),
    ),
)
SITE = parse_site(TEXT)
NOON = to_ms(dt.datetime.fromisoformat("2026-10-26T12:00:00Z"))


def at(text: str) -> int:
    return to_ms(dt.datetime.fromisoformat(text))


def decode(
    payload: Any, meter: str = "heat", received_at: int = NOON
) -> list[Readings | Declared | Rejected]:
    topic = f"kvartal/v1/b01/{meter}/readings"
    return Decoder(SITE).decode(topic, json.dumps(payload).encode(), received_at=received_at)


@pytest.mark.parametrize(
    ("quantity", "unit", "value", "nature", "amount"),
    [
        ("supply_temperature", None, 71.4, "gauge", 71_400),
        ("return_temperature", "°C", 44, "gauge", 44_000),
        ("flow", None, 2.5, "gauge", 2_500),
        ("flow", "l/h", 2.5, "gauge", 2),
        ("power", "Gcal/h", 1, "gauge", 1_163_000),
        ("volume", None, 12.5, "register", 12_500),
        ("energy", None, 1, "register", 1_163_000),
    ],
)
def test_a_meter_measures_more_than_its_register(
    quantity: str, unit: str | None, value: float, nature: Any, amount: int
) -> None:
    payload = {"quantity": quantity, "readings": [["2026-10-26T00:00:00Z", value]]}
    (result,) = decode(payload if unit is None else payload | {"unit": unit})
    expected = Readings(
        building="b01",
        meter="heat",
        quantity=quantity,
        nature=nature,
        times=(NOON - DAY_MS // 2,),
        amounts=(amount,),
        received_at=NOON,
    )
    assert result == expected


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"quantity": "happiness", "time": "2026-10-26T00:00:00Z", "value": 1}, "unknown_quantity"),
        ({"quantity": 7, "time": "2026-10-26T00:00:00Z", "value": 1}, "unknown_quantity"),
        ({"quantity": "outdoor_temperature", "time": "2026-10-26T00:00:00Z", "value": 1}, "unknown_quantity"),
        ({"quantity": "flow", "unit": "Gcal", "time": "2026-10-26T00:00:00Z", "value": 1}, "wrong_unit"),
        ({"exchange": {}}, "bad_exchange"),
        ({"exchange": 5}, "no_reading"),
        ({"exchange": {"time": "2026-10-26T00:00:00Z", "old_final": 1}}, "bad_exchange"),
        ({"exchange": {"time": "2026-10-26T00:00:00Z", "old_final": 1, "new_initial": 0, "by": "x"}}, "bad_exchange"),
        ({"exchange": {"time": "yesterday", "old_final": 1, "new_initial": 0}}, "bad_time"),
        ({"exchange": {"time": "2027-10-26T00:00:00Z", "old_final": 1, "new_initial": 0}}, "from_future"),
        ({"exchange": {"time": "2026-10-26T00:00:00Z", "old_final": "NaN", "new_initial": 0}}, "bad_value"),
        (
            {"quantity": "flow", "exchange": {"time": "2026-10-26T00:00:00Z", "old_final": 1, "new_initial": 0}},
            "bad_exchange",
        ),
        (
            {"unit": "m3", "exchange": {"time": "2026-10-26T00:00:00Z", "old_final": 1, "new_initial": 0}},
            "wrong_unit",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_it_is_said(payload: Any, reason: str) -> None:
    (result,) = decode(payload)
    assert isinstance(result, Rejected)
    assert (result.reason, result.readings) == (reason, 1)


def test_without_a_site_file_the_unit_of_an_exchange_must_be_a_registers() -> None:
    declaration = {"time": "2025-01-01T00:00:00+03:00", "old_final": 10, "new_initial": 0}
    payload = json.dumps({"unit": "°C", "exchange": declaration}).encode()
    (result,) = Decoder().decode("kvartal/v1/b01/heat/readings", payload, received_at=NOON)
    assert isinstance(result, Rejected)
    assert (result.reason, result.detail) == ("bad_exchange", "temperature is not counted by a register")


def test_an_exchange_is_declared_however_late() -> None:
    declaration = {"time": "2025-01-01T00:00:00+03:00", "old_final": 10, "new_initial": "0.001"}
    (result,) = decode({"unit": "Gcal", "exchange": declaration})
    exchange = Exchange(at=at("2024-12-31T21:00:00Z"), final=11_630_000, initial=1_163)
    assert result == Declared(
        building="b01",
        meter="heat",
        quantity="energy",
        exchanges=(exchange,),
        by_site=False,
        received_at=NOON,
    )
    assert as_line(result) == {
        "exchange": {
            "building": "b01", "meter": "heat", "quantity": "energy", "time": "2024-12-31T21:00:00Z",
            "old_final": 11_630_000, "new_initial": 1_163, "unit": "Wh",
        }
    }  # fmt: skip


def times(result: list[Readings | Declared | Rejected]) -> list[int]:
    (readings,) = result
    assert isinstance(readings, Readings), readings
    return list(readings.times)


@pytest.mark.parametrize(
    ("meter", "first", "shift_h"),
    [
        ("summer", "2026-10-24T22:00:00Z", 4),
        ("helsinki", "2026-10-24T22:00:00Z", 3),
    ],
)
def test_an_archive_over_the_night_when_the_clocks_go_back(meter: str, first: str, shift_h: int) -> None:
    """Local stamps without an offset: one of them twice, and the order tells which is which."""
    start = at(first)
    zone = clock(SITE.meters["b01", meter].timezone or "")
    stamps = [
        dt.datetime.fromtimestamp((start + i * HOUR_MS) / 1000, zone).strftime("%Y-%m-%dT%H:%M")
        for i in range(8)
    ]
    assert len(set(stamps)) == 7
    assert dt.datetime.fromtimestamp(start / 1000, zone).utcoffset() == dt.timedelta(hours=shift_h)
    result = decode({"readings": [[stamp, i] for i, stamp in enumerate(stamps)]}, meter)
    assert times(result) == [start + i * HOUR_MS for i in range(8)]


@pytest.mark.parametrize("minutes_later", [0, 1, 20])
@pytest.mark.parametrize("meter", ["summer", "helsinki"])
@pytest.mark.parametrize("start", ["2026-03-28T20:00:00Z", "2026-10-24T20:00:00Z"])
def test_single_readings_over_both_nights_when_they_come_as_they_are_made(
    meter: str, minutes_later: int, start: str
) -> None:
    zone = clock(SITE.meters["b01", meter].timezone or "")
    for quarter in range(40):
        true = at(start) + quarter * HOUR_MS // 4
        stamp = dt.datetime.fromtimestamp(true / 1000, zone).strftime("%Y-%m-%dT%H:%M:%S")
        result = decode({"time": stamp, "value": 1}, meter, true + minutes_later * 60_000)
        assert times(result) == [true], stamp


def test_without_its_clock_a_meter_on_summer_time_is_from_the_future() -> None:
    """Why the clock must be declared: at noon of July its stamps are an hour ahead of their arrival."""
    noon = at("2026-07-01T12:00:00+03:00")
    (rejected,) = decode({"time": "2026-07-01T13:00:00", "value": 1}, "heat", noon)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == "from_future"
    assert times(decode({"time": "2026-07-01T13:00:00", "value": 1}, "summer", noon)) == [noon]


@pytest.mark.parametrize("name", ["MSK", "Mars/Olympus", "MSK-3MSD,M3.5", "MSK-3MSD,M13.5.0,M10.5.0", ""])
def test_what_is_no_clock(name: str) -> None:
    with pytest.raises(BadClock):
        clock(name)
    with pytest.raises(SiteError, match="timezone"):
        parse_site(TEXT.replace("Europe/Helsinki", name))


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ('unit = "m3"', "does not measure energy"),
        ("old_final = -1", "old_final"),
        ('quantity = "flow"', "quantity"),
    ],
)
def test_an_exchange_in_the_site_file_is_checked(lines: str, error: str) -> None:
    declared = {"at": "2026-03-02T11:30:00", "old_final": "1288.412", "new_initial": "0"}
    name, value = lines.split(" = ")
    declaration = {**{key: f"{text}" for key, text in declared.items()}, name: value}
    table = "\n".join(f"{key} = {text}" for key, text in declaration.items())
    site = TEXT.replace('unit = "Gcal"\n', f'unit = "Gcal"\n[[building.meter.exchange]]\n{table}\n', 1)
    with pytest.raises(SiteError, match=error):
        parse_site(site)
