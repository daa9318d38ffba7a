"""A weather table becomes the readings and rejections that its rows would be as a station's messages."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from ingest.decode import Decoder
from ingest.tables.weather import weather_events
from metering.events import Rejected, StationReadings
from metering.refusal import Refusal
from tests.sites import build_site, source, station

SITE = build_site(
    source("weather/{station}", backfill=True),
    station("w"),
    timezone="Europe/Berlin",
)

ROWS: list[tuple[str, str, str | None]] = [
    ("2025-01-31T12:00", "-5.5", None),
    ("2025-01-31T12:00:00+05:00", "1e1", None),
    ("2025-01-31 13:00:00.123456Z", " 0.0005 ", None),
    ("2025-01-31", "-0", None),
    ("2025-10-26T02:30", "3", None),
    ("2025-10-26T02:45", "4", None),
    ("1999-12-31T23:59:59Z", "3", "bad_time"),
    ("2025-02-01T00:00", "1e300", "bad_value"),
    ("2025-02-01T01:00", "9007199254741", "bad_value"),
    ("0001-01-01T12:00", "3", "bad_time"),
    ("2025-02-01T02:00", "-273", None),
]


def events_of(rows: list[tuple[str, str]]) -> list[StationReadings | Rejected]:
    lines = [f"{time},{value}" for time, value in rows]
    text = "\n".join(("timestamp,temperature", *lines)) + "\n"
    return weather_events(text, file="archive/weather.csv", station="w", zone=SITE.zone)


def as_messages(rows: list[tuple[str, str]]) -> list[StationReadings | Rejected]:
    """What the decoder makes of the rows as messages of the station, 744 rows each."""
    decoder = Decoder(SITE)
    events: list[StationReadings | Rejected] = []
    for start in range(0, len(rows), 744):
        moments = []
        for time, value in rows[start : start + 744]:
            moment = dt.datetime.fromisoformat(time)
            moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=SITE.zone)
            moments.append((moment.astimezone(dt.UTC), float(value)))
        body = {"unit": "°C", "readings": [[moment.isoformat(), value] for moment, value in moments]}
        arrived = max(moment for moment, _ in moments)
        ms = (arrived - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(milliseconds=1)
        results = decoder.decode("weather/w", json.dumps(body).encode(), received_at=ms)
        events += [each for each in results if isinstance(each, (StationReadings, Rejected))]
    return events


def accounted(events: list[StationReadings | Rejected]) -> list[object]:
    return [
        event if isinstance(event, StationReadings) else (event.reason, event.received_at, event.readings)
        for event in events
    ]


@pytest.mark.parametrize(
    "row",
    [
        row for row in ROWS if not row[0].startswith("0001")
    ],  # cannot be moved to UTC, so not written as a message
    ids=lambda row: f"{row[0]},{row[1]}",
)
def test_each_row_is_what_a_message_would_be(row: tuple[str, str, str | None]) -> None:
    time, value, reason = row
    events = events_of([(time, value)])
    assert accounted(events) == accounted(as_messages([(time, value)]))
    assert [event.reason if isinstance(event, Rejected) else None for event in events] == [reason]


def test_a_table_longer_than_a_message_is_the_same_events() -> None:
    start = dt.datetime(2025, 1, 1)  # noqa: DTZ001 - local time of the site
    rows = [((start + dt.timedelta(hours=n)).isoformat(), str((n % 40) / 8 - 20)) for n in range(2000)]
    rows[5] = (rows[5][0], "1e300")
    rows[1000] = ("1999-01-01", "1")
    events = events_of(rows)
    assert accounted(events) == accounted(as_messages(rows))
    assert sum(len(event.times) for event in events if isinstance(event, StationReadings)) == 1998


def test_a_rejection_names_its_line_and_holds_its_cells() -> None:
    rows = [(time, value) for time, value, _ in ROWS]
    events = events_of(rows)
    rejected = [event for event in events if isinstance(event, Rejected)]
    assert [(event.topic, event.reason, event.detail.split(":")[0]) for event in rejected] == [
        ("import/w/weather.csv", reason, f"line {number}")
        for number, (_, _, reason) in enumerate(ROWS, start=2)
        if reason is not None
    ]
    assert [json.loads(event.payload) for event in rejected] == [
        [time, value] for time, value, reason in ROWS if reason is not None
    ]


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e400"])
def test_a_value_that_is_no_number_rejects_its_own_row_alone(value: str) -> None:
    rows = [("2025-01-01T00:00", "1"), ("2025-01-01T01:00", value), ("2025-01-01T02:00", "2")]
    rejected, readings = events_of(rows)
    assert isinstance(rejected, Rejected)
    assert (rejected.reason, rejected.readings) == ("bad_value", 1)
    assert isinstance(readings, StationReadings)
    assert readings.temps_mc == (1000, 2000)


def test_rows_without_a_temperature_carry_no_reading() -> None:
    rows = [("2025-01-01T00:00", ""), ("2025-01-01T01:00", "  ")]
    assert events_of(rows) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time,temperature\n", "weather.csv: has no column timestamp; expected timestamp,temperature"),
        ("timestamp,temperature\n31.01.2025,5\n", "weather.csv:2: timestamp: got '31.01.2025', expected ISO 8601"),
        ("timestamp,temperature\n2025-01-31,cold\n", "weather.csv:2: temperature: got 'cold', expected a number"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        weather_events(text, file="weather.csv", station="w", zone=SITE.zone)
