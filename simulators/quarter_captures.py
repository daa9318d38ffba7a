"""The messages of the quarter, as gateways publish them: archives with honest dirt, then a live fortnight."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ingest.captures import Capture
from metering.times import to_ms
from metering.units import WH_PER_GCAL
from simulators.meter import Register
from simulators.quarter_dates import (
    ARCHIVES_END,
    FIRST,
    LIVE_END,
    ROLLOVER,
    SILENT,
    archive_months,
    hour_of,
    iso,
)
from simulators.quarter_houses import Simulated
from simulators.weather import Floats

_ROLLS: Final = 3
"""Which house (from 0) has the electricity register that rolls over."""
_WEATHER: Final = "kvartal/v1/weather/spb"


@dataclass(frozen=True)
class Point:
    """One meter of one house."""

    building: str
    meter: str
    unit: str
    shown: Floats
    """Register at each hour from the simulation's beginning on [unit]."""

    @property
    def topic(self) -> str:
        """Where its readings are published."""
        return f"kvartal/v1/{self.building}/{self.meter}/readings"


def archives(simulated: Simulated, buildings: Sequence[str], seed: int) -> Iterator[Capture]:
    """The meters' archives as gateways deliver them: weather first, then house by house, month by month.

    With honest dirt: repeated messages, broken payloads, an unknown meter, a null, a reading from the
    future, a stray zero, gaps of 3 and of 20 hours, and months out of order.

    Args:
        simulated: What happened.
        buildings: Ids of the houses.
        seed: Seed of the dirt.
    """
    rng = np.random.default_rng((seed, 7))
    at = to_ms(ARCHIVES_END)
    months = list(archive_months())
    for first, end in months:
        yield Capture(_WEATHER, _weather(simulated, first, end), at)
    for house, building in enumerate(buildings):
        for point in points(simulated, building, house, seed):
            order = list(range(len(months)))
            if rng.random() < 0.3:
                late = int(rng.integers(1, len(order) - 1))
                order[late], order[late + 1] = order[late + 1], order[late]
            gaps = _gaps(rng)
            for month in order:
                payload = _archive(point, *months[month], gaps, rng)
                yield Capture(point.topic, payload, at)
                if rng.random() < 0.04:
                    yield Capture(point.topic, payload, at)
        yield from _dirt(building, at, rng)


def live(simulated: Simulated, buildings: Sequence[str], seed: int) -> Iterator[Capture]:
    """The fortnight after the archives, hour by hour; one meter falls silent before its end.

    The arguments are those of `archives`.
    """
    everywhere = [point for n, b in enumerate(buildings) for point in points(simulated, b, n, seed)]
    moment = ARCHIVES_END
    silent = (buildings[1 % len(buildings)], "light")
    while moment < LIVE_END:
        moment += dt.timedelta(hours=1)
        hour = hour_of(moment)
        at = to_ms(moment) + 5_000
        yield Capture(_WEATHER, _weather(simulated, hour, hour + 1), at)
        for point in everywhere:
            if (point.building, point.meter) == silent and moment > SILENT:
                continue
            body = {"unit": point.unit, "time": iso(hour), "value": float(point.shown[hour])}
            yield Capture(point.topic, json.dumps(body).encode(), at)


def points(simulated: Simulated, building: str, house: int, seed: int) -> tuple[Point, Point]:
    """The heat meter and the electricity meter of a house (its number from 0)."""
    rng = np.random.default_rng((seed, 11, house))
    heat = Register("Gcal", WH_PER_GCAL, 0.001, 7, float(np.round(rng.uniform(2_000, 60_000), 3)))
    start = float(np.round(rng.uniform(20_000, 700_000), 1))
    if house == _ROLLS:
        start = round(10**6 - float(simulated.light[: hour_of(ROLLOVER), house].sum()) / 1000, 1)
    light = Register("kWh", 1_000, 0.1, 6, start)
    return (
        Point(building, "heat", heat.unit, heat.shown(simulated.heat[:, house])),
        Point(building, "light", light.unit, light.shown(simulated.light[:, house])),
    )


def _weather(simulated: Simulated, first: int, end: int) -> bytes:
    temps = simulated.temp_c[first:end]
    readings = [[iso(first + i), round(float(temp), 1)] for i, temp in enumerate(temps)]
    return json.dumps({"unit": "°C", "readings": readings}, ensure_ascii=False).encode()


def _archive(
    point: Point, first: int, end: int, gaps: list[tuple[int, int]], rng: np.random.Generator
) -> bytes:
    hours = [h for h in range(first, end) if not any(a <= h < b for a, b in gaps)]
    readings = [[iso(h), float(point.shown[h])] for h in hours]
    if rng.random() < 0.02 and len(readings) > 100:
        readings[int(rng.integers(10, 90))][1] = 0.0
    return json.dumps({"unit": point.unit, "readings": readings}).encode()


def _dirt(building: str, at: int, rng: np.random.Generator) -> Iterator[Capture]:
    topic = f"kvartal/v1/{building}/heat/readings"
    bodies = (
        (topic, b'{"unit": "Gcal", "readings": [["2025-10-14T'),
        (topic, b'{"status": "online"}'),
        (topic, b'{"unit": "Gcal", "time": "2025-10-14T12:30:00+03:00", "value": null}'),
        (topic, b'{"unit": "Gcal", "time": "2025-10-14T12:31:00+03:00", "value": NaN}'),
        (topic, b'{"unit": "Gcal", "time": "2027-01-01T00:00:00+03:00", "value": 1.0}'),
        (topic, b'{"unit": "Gcal", "time": "1970-01-01T00:00:07Z", "value": 4711.0}'),
        (f"kvartal/v1/{building}/boiler/readings", b'{"unit": "kWh", "time": 1760000000, "value": 3}'),
    )
    for body_topic, body in bodies:
        if rng.random() < 0.35:
            yield Capture(body_topic, body, at)


def _gaps(rng: np.random.Generator) -> list[tuple[int, int]]:
    """Hours without readings: sometimes three, sometimes twenty."""
    span = hour_of(ARCHIVES_END) - hour_of(FIRST) - 48
    gaps = []
    for chance, length in ((0.6, 3), (0.4, 20)):
        if rng.random() < chance:
            first = hour_of(FIRST) + 24 + int(rng.integers(0, span))
            gaps.append((first, first + length))
    return gaps
