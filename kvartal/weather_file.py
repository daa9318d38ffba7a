"""`kvartal import --station`: a CSV of outdoor temperatures as messages of a station."""

from __future__ import annotations

import csv
import datetime as dt
import json
from pathlib import Path
from typing import Final

from ingest.captures import Capture
from kvartal.files import Refused
from metering.site.model import Site
from metering.times import UTC, to_ms

_PER_MESSAGE: Final = 744


def weather_captures(file: Path, site: Site, station: str) -> list[Capture]:
    """Messages that carry the temperatures of the file.

    Args:
        file: CSV with the columns `timestamp` (ISO 8601; without an offset: local time of the site) and
            `temperature` [°C].
        site: The site; one of its sources must have `{station}` in its topic.
        station: Id of the station.

    Raises:
        Refused: names file, line, column, value and what is expected.
    """
    if station not in site.stations:
        raise Refused(f"--station: got {station!r}, the site file has {', '.join(site.stations) or 'none'}")
    topics = [source.topic for source in site.source if "{station}" in source.topic]
    if not topics:
        raise Refused("the site file has no [[source]] with {station} in its topic")
    topic = topics[0].replace("{station}", station)
    readings: list[tuple[int, list[object]]] = []
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            missing = {"timestamp", "temperature"} - set(rows.fieldnames or ())
            if missing:
                raise Refused(
                    f"{file}: has no column {', '.join(sorted(missing))}; expected timestamp,temperature"
                )
            for row in rows:
                where = f"{file}:{rows.line_num}"
                if not (row["temperature"] or "").strip():
                    continue
                readings.append(_reading(row["timestamp"], row["temperature"], where, site))
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{file}: cannot be read: {error}") from None
    captures = []
    for start in range(0, len(readings), _PER_MESSAGE):
        part = readings[start : start + _PER_MESSAGE]
        body = {"unit": "°C", "readings": [pair for _, pair in part]}
        arrived = max(ms for ms, _ in part)
        captures.append(Capture(topic, json.dumps(body, ensure_ascii=False).encode(), arrived))
    return captures


def _reading(time: str, value: str, where: str, site: Site) -> tuple[int, list[object]]:
    try:
        moment = dt.datetime.fromisoformat(time)
    except (TypeError, ValueError):
        raise Refused(f"{where}: timestamp: got {time!r}, expected ISO 8601, e.g. 2025-01-31T12:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=site.zone)
    try:
        temperature = float(value)
    except ValueError:
        raise Refused(f"{where}: temperature: got {value!r}, expected a number in °C") from None
    instant = moment.astimezone(UTC)
    return to_ms(instant), [instant.isoformat(), temperature]
