"""A batch through both runners: what is counted, and which buildings get a tick."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from metering.events import Counted, Event, Readings, Rejected, StationReadings, Tick
from metering.ledger.weather import copy_to_buildings
from metering.parts import PartName
from metering.times import HOUR_MS
from streams.applier import Applier
from streams.chunks import TableParts
from streams.codec import encode
from streams.embedded import Embedded
from streams.engine import Batch, Engine, Input
from streams.shelf import Cache
from tests.sites import build_site, building, meter, station

SITE = build_site(
    station(),
    station("idle"),
    building(meter("heat", "heat", "kWh"), station="spb"),
    building(id="b02", station="spb"),
)


class Memory:
    """A store in memory."""

    def __init__(self) -> None:
        self.parts: dict[tuple[str, str], bytes] = {}
        self.events: list[Event] = []

    def part(self, key: str, part: PartName) -> bytes | None:
        return self.parts.get((key, part))

    def commit(self, *, parts: Any, events: Iterable[Event], counts: Any, log: Any = None) -> None:
        self.parts |= {at: blob for at, blob in parts.items() if blob is not None}
        self.events += events

    def write(self, events: Iterable[Event]) -> None:
        self.events += events


def heat(*amounts: int, building: str = "b01") -> Readings:
    times = tuple(range(HOUR_MS, HOUR_MS * (len(amounts) + 1), HOUR_MS))
    return Readings(
        building=building,
        meter="heat",
        quantity="energy",
        nature="register",
        times=times,
        amounts=amounts,
        received_at=times[-1],
    )


@pytest.mark.parametrize(
    ("events", "counts", "ticked"),
    [
        ([], {}, {}),
        ([Tick(building="b01", received_at=5)], {}, {}),
        ([Rejected(topic="t", payload=b"x", reason="not_json", detail="", received_at=5, readings=2)], {"received": 2, "rejected": 2, "rejected:not_json": 2}, {}),
        ([heat(1, 2), heat(1, 2)], {"received": 4, "accepted": 2, "duplicate": 2}, {"b01": 2 * HOUR_MS}),
        ([heat(1, 2), heat(1)], {"received": 3, "accepted": 2, "duplicate": 1}, {"b01": 2 * HOUR_MS}),
        # Two buildings have the station's temperatures; they are counted once.
        (
            copy_to_buildings(StationReadings(station="spb", times=(HOUR_MS,), temps_mc=(1,), received_at=9), SITE),
            {"received": 1, "accepted": 1},
            {"b01": 9, "b02": 9},
        ),
        # No building uses the station: its readings are counted, and no building gets a tick.
        ([StationReadings(station="idle", times=(HOUR_MS,), temps_mc=(1,), received_at=9)] * 2, {"received": 2, "accepted": 1, "duplicate": 1}, {}),
    ],
)  # fmt: skip
def test_a_batch(events: list[Input], counts: dict[str, int], ticked: dict[str, int]) -> None:
    engine, batch = Engine(SITE), Batch()
    shelf = Cache(Memory(), engine.steps, 1000)
    for event in events:
        engine.feed(event, shelf, batch)
    assert (batch.counts, batch.touched) == (counts, ticked)
    engine.finish(shelf, batch)
    assert batch.touched == {}


def counted(events: Iterable[Event]) -> list[tuple[str, str, int, int]]:
    return [(e.building, e.meter, e.accepted, e.duplicate) for e in events if isinstance(e, Counted)]


def test_a_station_of_no_building_is_known_by_its_old_bytes() -> None:
    """The first version wrote `Readings` with an empty building on the log."""
    new = StationReadings(station="idle", times=(HOUR_MS,), temps_mc=(1,), received_at=9)
    old = ["Readings", "", "idle", "outdoor_temperature", "gauge", [HOUR_MS], [1], 9]
    sink = Memory()
    applier = Applier(site=SITE, parts=TableParts({}), sink=sink)
    for offset, event in enumerate((old, new)):
        assert applier.apply(encode(event), partition=0, offset=offset)
    assert counted(sink.events) == [("", "idle", 1, 0), ("", "idle", 0, 1)]


def test_the_embedded_runner_copies_a_station_to_its_buildings() -> None:
    store = Memory()
    runner = Embedded(site=SITE, store=store, decode=lambda *_, **__: [])
    runner.enter([StationReadings(station="spb", times=(HOUR_MS,), temps_mc=(1,), received_at=9)], 9)
    assert counted(store.events) == [("", "spb", 1, 0)]
    stored = {key for key, _ in store.parts if key.startswith("weather/")}
    assert stored == {"weather/b01/spb", "weather/b02/spb"}
