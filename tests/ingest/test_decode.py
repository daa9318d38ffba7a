"""Payloads as rows: what goes in, which readings or reasons come out."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from ingest.decode import MOST_BYTES, Decoder, as_line
from metering.events import Readings, Rejected, StationReadings
from metering.ledger.weather import copy_to_buildings
from metering.site.model import SiteError
from metering.times import DAY_MS, HOUR_MS, UTC, to_ms
from tests.sites import build_site, building, meter, source, station

SITE = build_site(
    source("kvartal/v1/{building}/{meter}/readings"),
    source("archive/+/{building}/{meter}", backfill=True),
    source("kvartal/v1/weather/{station}"),
    station(),
    station("idle"),
    building(meter(), meter("water", "cold_water", "m3"), station="spb"),
    building(id="b02", station="spb"),
)
NOW = to_ms(dt.datetime(2026, 2, 1, tzinfo=UTC))
T = to_ms(dt.datetime(2025, 12, 31, 21, tzinfo=UTC))
HEAT = "kvartal/v1/b01/heat/readings"
SPB = "kvartal/v1/weather/spb"


def decode(payload: Any, topic: str = HEAT, **options: Any) -> list[Readings | Rejected]:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Decoder(SITE).decode(topic, raw, received_at=options.pop("received_at", NOW), **options)


def readings(*pairs: tuple[int, int], meter: str = "heat", quantity: str = "energy") -> Readings:
    times, amounts = zip(*pairs, strict=True)
    return Readings(
        building="b01",
        meter=meter,
        quantity=quantity,
        nature="register",
        times=times,
        amounts=amounts,
        received_at=NOW,
    )


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        pytest.param(
            {
                "unit": "Gcal",
                "readings": [["2026-01-01T00:00:00+03:00", 1234.567], ["2025-12-31T22:00:00Z", 1235]],
            },
            [(T, 1_435_801_421), (T + HOUR_MS, 1_436_305_000)],
            id="a list of pairs",
        ),
        pytest.param(
            {"time": "2026-01-01T00:00:00+03:00", "value": 1, "unit": "MWh"},
            [(T, 1_000_000)],
            id="one reading",
        ),
        pytest.param(
            {"time": "2026-01-01T00:00:00Z", "value": 1},
            [(T + 3 * HOUR_MS, 1_163_000)],
            id="the meter's unit",
        ),
        pytest.param(
            {"time": "2026-01-01T00:00:00", "value": 1}, [(T, 1_163_000)], id="local time of the site"
        ),
        pytest.param(
            {"time": "2026-01-01 00:00+0300", "value": 1}, [(T, 1_163_000)], id="other ISO spellings"
        ),
        pytest.param({"time": T // 1000, "value": 1}, [(T, 1_163_000)], id="epoch s"),
        pytest.param(
            {"time": T / 1000 + 0.001, "value": 1}, [(T + 1, 1_163_000)], id="epoch s with a fraction"
        ),
        pytest.param({"time": T, "value": 1}, [(T, 1_163_000)], id="epoch ms"),
        pytest.param({"time": T * 1000, "value": 1}, [(T, 1_163_000)], id="epoch us"),
        pytest.param({"time": T * 1_000_000, "value": 1}, [(T, 1_163_000)], id="epoch ns"),
        pytest.param({"time": T, "value": "1234.567"}, [(T, 1_435_801_421)], id="value as text"),
        pytest.param(
            {"time": T, "value": " 1e3 ", "unit": "кВтч"}, [(T, 1_000_000)], id="text with an exponent"
        ),
        pytest.param(
            {"time": T, "value": 1, "unit": "ГДж"}, [(T, 277_778)], id="a unit in Russian, rounded once"
        ),
        pytest.param({"time": T, "value": -0.0}, [(T, 0)], id="minus zero"),
        pytest.param(
            {"time": T, "value": 1, "readings": None, "extra": {"a": [1]}}, [(T, 1_163_000)], id="more keys"
        ),
    ],
)
def test_reads(payload: Any, expected: list[tuple[int, int]]) -> None:
    assert decode(payload) == [readings(*expected)]


@pytest.mark.parametrize(
    ("payload", "amounts"),
    [
        ({"temperature_c": -12.34, "time": T}, (-12_340,)),
        ({"value": "-0.5", "unit": "°C", "time": T}, (-500,)),
        ({"unit": "C", "readings": [[T, 1.5], [T + 1, 2]]}, (1_500, 2_000)),
        ({"readings": [[T, 1.5]]}, (1_500,)),
    ],
)
def test_reads_a_station(payload: Any, amounts: tuple[int, ...]) -> None:
    times = tuple(range(T, T + len(amounts)))
    assert decode(payload, SPB) == [
        StationReadings(station="spb", times=times, temps_mc=amounts, received_at=NOW)
    ]


NESTED = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    ("topic", "payload", "reason", "count"),
    [
        ("meters/b01", {"value": 1}, "unknown_topic", 1),
        ("kvartal/v1/b01/heat/readings/x", {"value": 1}, "unknown_topic", 1),
        ("kvartal/v1//heat/readings", {"value": 1}, "unknown_topic", 1),
        ("kvartal/v1/b99/heat/readings", {"readings": [[T, 1], [T, 2]]}, "unknown_meter", 2),
        ("kvartal/v1/b01/gas/readings", {"time": T, "value": 1}, "unknown_meter", 1),
        ("kvartal/v1/weather/msk", {"time": T, "temperature_c": 1}, "unknown_station", 1),
        (HEAT, b" " * (MOST_BYTES + 1), "too_large", 1),
        (HEAT, NESTED, "too_deep", 1),
        (HEAT, b"", "not_json", 1),
        (HEAT, b"\xff\xfe", "not_json", 1),
        (HEAT, b'{"value": NaN}', "not_json", 1),
        (HEAT, b'{"time": 1, "value": 1e999}', "not_json", 1),
        (HEAT, b'{"time": 1, "value": ', "not_json", 1),
        (HEAT, b"12.5", "no_reading", 1),
        (HEAT, {"status": "online"}, "no_reading", 1),
        (HEAT, {"unit": "Gcal", "readings": []}, "no_reading", 1),
        (HEAT, {"readings": {"a": 1}}, "no_reading", 1),
        (HEAT, {"readings": [{"time": T, "value": 1}]}, "no_reading", 1),
        (HEAT, {"readings": ["ab"]}, "no_reading", 1),
        (HEAT, {"readings": [[T]]}, "no_reading", 1),
        (HEAT, {"readings": [10**400]}, "no_reading", 1),
        (HEAT, {"value": 1}, "no_time", 1),
        (HEAT, {"readings": [[None, 1]]}, "no_time", 1),
        (HEAT, {"time": "yesterday", "value": 1}, "bad_time", 1),
        (HEAT, {"time": True, "value": 1}, "bad_time", 1),
        (HEAT, {"time": [], "value": 1}, "bad_time", 1),
        (HEAT, {"time": 0, "value": 1}, "bad_time", 1),
        (HEAT, {"time": 10**400, "value": 1}, "bad_time", 1),
        (HEAT, {"time": "1970-01-01T00:00:07", "value": 1}, "bad_time", 1),
        (HEAT, {"time": "0001-01-01T00:00:00", "value": 1}, "bad_time", 1),
        (HEAT, {"time": "9999-12-31T23:59:59", "value": 1}, "bad_time", 1),
        (HEAT, {"time": T, "value": None}, "bad_value", 1),
        (HEAT, {"time": T, "value": True}, "bad_value", 1),
        (HEAT, {"time": T, "value": [1]}, "bad_value", 1),
        (HEAT, {"time": T, "value": 2**53 + 1}, "bad_value", 1),
        (HEAT, {"time": T, "value": 1e10}, "bad_value", 1),
        (HEAT, {"time": T, "value": -1.5e308}, "bad_value", 1),
        (HEAT, {"time": T, "value": 10**400}, "bad_value", 1),
        *((HEAT, {"time": T, "value": text}, "bad_value", 1) for text in ("", "NaN", "inf", "1_000", "12,5", "１２")),
        (HEAT, {"time": T, "value": "1e-999999999", "unit": "GJ"}, "bad_value", 1),
        (HEAT, {"time": T, "value": "1e999999999"}, "bad_value", 1),
        (HEAT, {"unit": "furlong", "readings": [[T, 1], [T, 2], [T, 3]]}, "unknown_unit", 3),
        (HEAT, {"unit": 7, "readings": [[T, 1]]}, "unknown_unit", 1),
        (HEAT, {"unit": "m3", "readings": [[T, 1], [T, 2]]}, "wrong_unit", 2),
        (HEAT, {"temperature_c": 5, "time": T}, "wrong_unit", 1),
        (SPB, {"value": 5, "unit": "kWh", "time": T}, "wrong_unit", 1),
        (HEAT, {"time": NOW - 45 * DAY_MS - 1, "value": 1}, "too_late", 1),
        (HEAT, {"time": NOW + 15 * 60_000 + 1, "value": 1}, "from_future", 1),
        (HEAT, {"time": "2105-01-01", "value": None}, "from_future", 1),
    ],
)  # fmt: skip
def test_rejects_whole(topic: str, payload: Any, reason: str, count: int) -> None:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    (result,) = decode(raw, topic)
    assert isinstance(result, Rejected)
    assert (result.reason, result.readings, result.topic, result.payload) == (reason, count, topic, raw)
    assert 0 < len(result.detail) <= 400


@pytest.mark.parametrize(
    ("ahead", "kept"),
    [(15 * 60_000, True), (15 * 60_000 + 1, False), (-45 * DAY_MS, True), (-45 * DAY_MS - 1, False)],
)
def test_lateness_is_judged_from_the_message_alone(ahead: int, kept: bool) -> None:
    (result,) = decode({"time": NOW + ahead, "value": 1})
    assert isinstance(result, Readings) is kept


def test_a_backfilling_source_may_send_history_but_not_the_future() -> None:
    old, ahead = NOW - 4000 * DAY_MS, NOW + HOUR_MS
    results = decode({"readings": [[old, 1], [ahead, 2]]}, "archive/gw7/b01/heat")
    assert [r.reason for r in results if isinstance(r, Rejected)] == ["from_future"]
    assert results[1] == readings((old, 1_163_000))


def test_a_bad_reading_does_not_spoil_its_neighbours() -> None:
    payload = {"readings": [[T, 1], [None, 2], [T + 1, None], "x", [T + 2, 3]]}
    *bad, good = decode(payload)
    assert good == readings((T, 1_163_000), (T + 2, 3_489_000))
    assert [(r.reason, r.readings) for r in bad if isinstance(r, Rejected)] == [
        ("no_time", 1),
        ("bad_value", 1),
        ("no_reading", 1),
    ]
    # The payload is kept once, however many of its readings are bad.
    assert [r.payload for r in bad if isinstance(r, Rejected)] == [json.dumps(payload).encode(), b"", b""]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"value": 1}, "stale_retained"),
        ({"readings": [[None, 1]]}, "stale_retained"),
        ({"time": T, "value": 1}, None),
    ],
)
def test_a_retained_message_needs_a_time_of_its_own(payload: Any, reason: str | None) -> None:
    (result,) = decode(payload, retain=True)
    assert (result.reason if isinstance(result, Rejected) else None) == reason


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        (
            "2025-10-26T02:30:00",
            dt.datetime(2025, 10, 26, 0, 30, tzinfo=UTC),
        ),  # comes twice: the first, summer time
        (
            "2025-03-30T02:30:00",
            dt.datetime(2025, 3, 30, 1, 30, tzinfo=UTC),
        ),  # skipped: counted from winter time
    ],
)
def test_local_time_where_the_clocks_change(local: str, utc: dt.datetime) -> None:
    site = build_site(
        station(),
        timezone="Europe/Berlin",
        lateness_days=400,
    )
    (result,) = Decoder(site).decode(
        SPB, json.dumps({"temperature_c": 1, "time": local}).encode(), received_at=NOW
    )
    assert isinstance(result, StationReadings)
    assert result.times == (to_ms(utc),)


def test_without_a_site_file_the_payload_names_its_unit() -> None:
    decoder = Decoder()
    payload = {"time": T, "value": "5.50", "unit": "m3"}
    (result,) = decoder.decode("kvartal/v1/any/w1/readings", json.dumps(payload).encode(), received_at=NOW)
    assert result == Readings(
        building="any",
        meter="w1",
        quantity="volume",
        nature="register",
        times=(T,),
        amounts=(5_500,),
        received_at=NOW,
    )
    del payload["unit"]
    (result,) = decoder.decode("kvartal/v1/any/w1/readings", json.dumps(payload).encode(), received_at=NOW)
    assert isinstance(result, Rejected)
    assert result.reason == "no_unit"


def test_lines_carry_the_value_and_unit_of_the_payload() -> None:
    payload = json.dumps(
        {"unit": "Гкал", "readings": [[T, 1234.567], [T + 1, "1.50"], [T + 2, 1e-7], [T, None]]}
    )
    lines = [as_line(r) for r in Decoder(SITE).carried(HEAT, payload.encode(), received_at=NOW)]
    assert lines[0] == {
        "reading": {
            "building": "b01",
            "meter": "heat",
            "quantity": "energy",
            "time": "2025-12-31T21:00:00Z",
            "value": "1234.567",
            "unit": "Gcal",
            "nature": "register",
        }
    }
    assert [line["reading"]["value"] for line in lines[1:3]] == ["1.50", "0.0000001"]  # type: ignore[index]
    assert lines[3] == {"rejected": {"reason": "bad_value", "detail": "None is not a number"}}


def test_a_station_is_copied_to_every_building_that_uses_it_and_counted_once() -> None:
    (spb,) = decode({"temperature_c": 1, "time": T}, SPB)
    (idle,) = decode({"temperature_c": 1, "time": T}, "kvartal/v1/weather/idle")
    assert isinstance(spb, StationReadings)
    assert isinstance(idle, StationReadings)
    assert [(r.building, r.meter, r.copy, r.amounts) for r in copy_to_buildings(spb, SITE)] == [
        ("b01", "spb", False, (1000,)),
        ("b02", "spb", True, (1000,)),
    ]
    assert copy_to_buildings(idle, SITE) == [idle]


def test_an_unknown_format_stops_the_start() -> None:
    site = build_site(
        source("x/{building}/{meter}", format="morse"),
    )
    with pytest.raises(SiteError, match=r"source\[0\]\.format.*allowed are kvartal, got 'morse'"):
        Decoder(site)


def test_a_bug_in_the_decoder_is_a_rejection_with_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: Any) -> int:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("ingest.judge.to_amount", broken)
    (result,) = decode({"readings": [[T, 1], [T, 2]]})
    assert isinstance(result, Rejected)
    assert (result.reason, result.readings) == ("decoder_error", 2)
    assert "ZeroDivisionError: a bug" in result.detail
