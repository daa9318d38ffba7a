"""A table of outdoor temperatures -> readings of a weather station, or rejections. Pure.

The table is a CSV with the columns `timestamp` (ISO 8601; without an offset: local time of the site) and
`temperature` [°C]. Other columns are not read, and rows without a temperature carry no reading.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from ingest.instants import EARLIEST_MS, LAST_YEAR
from ingest.tables.archives import PER_EVENT
from metering.events import Rejected, StationReadings
from metering.refusal import Refusal
from metering.times import to_ms
from metering.units import UNITS, AbsurdValue, to_amount


class _Row(NamedTuple):
    line: int
    moment: dt.datetime
    """Aware."""
    celsius: float
    cells: tuple[str, str]


def weather_events(text: str, *, file: str, station: str, zone: ZoneInfo) -> list[StationReadings | Rejected]:
    """The readings and rejections of a table, in its order.

    Nothing is too late or from the future: the newest time of an event's readings is its arrival.

    Args:
        text: The table.
        file: Path of its file, for errors and rejections.
        station: Id of the station.
        zone: Zone of timestamps without an offset.

    Raises:
        Refusal: names file, line, column, value and what is expected.
    """
    rows = list(_rows(text, file, zone))
    topic = f"import/{station}/{file.rpartition('/')[2]}"
    return [
        event
        for start in range(0, len(rows), PER_EVENT)
        for event in _events(rows[start : start + PER_EVENT], station, topic)
    ]


def _events(rows: Sequence[_Row], station: str, topic: str) -> list[StationReadings | Rejected]:
    times: list[int] = []
    amounts: list[int] = []
    faults: list[tuple[_Row, str, str]] = []
    for row in rows:
        text, value = row.cells
        at = to_ms(row.moment)
        if at < EARLIEST_MS or row.moment.year > LAST_YEAR:
            faults.append((row, "bad_time", f"{text!r:.40} lies before 2000 or beyond the calendar"))
            continue
        try:
            amount = to_amount(row.celsius, UNITS["°C"])
        except AbsurdValue as error:
            faults.append((row, "bad_value", f"{value!r:.40}: {error}"))
            continue
        times.append(at)
        amounts.append(amount)
    arrived = max(times or (to_ms(row.moment) for row in rows))
    events: list[StationReadings | Rejected] = [
        Rejected(
            topic=topic,
            payload=msgspec.json.encode(row.cells),
            reason=reason,
            detail=f"line {row.line}: {detail}",
            received_at=arrived,
        )
        for row, reason, detail in faults
    ]
    if times:
        events.append(
            StationReadings(station=station, times=tuple(times), temps_mc=tuple(amounts), received_at=arrived)
        )
    return events


def _rows(text: str, file: str, zone: ZoneInfo) -> Iterator[_Row]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    missing = {"timestamp", "temperature"} - set(rows.fieldnames or ())
    if missing:
        raise Refusal(f"{file}: has no column {', '.join(sorted(missing))}; expected timestamp,temperature")
    try:
        for row in rows:
            if (row["temperature"] or "").strip():
                where = f"{file}:{rows.line_num}"
                yield _row(row["timestamp"], row["temperature"], where, rows.line_num, zone)
    except csv.Error as error:
        raise Refusal(f"{file}: cannot be read: {error}") from None


def _row(time: str, value: str, where: str, line: int, zone: ZoneInfo) -> _Row:
    try:
        moment = dt.datetime.fromisoformat(time)
    except (TypeError, ValueError):
        raise Refusal(f"{where}: timestamp: got {time!r}, expected ISO 8601, e.g. 2025-01-31T12:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    try:
        celsius = float(value)
    except ValueError:
        raise Refusal(f"{where}: temperature: got {value!r}, expected a number in °C") from None
    return _Row(line, moment, celsius, (time, value))
