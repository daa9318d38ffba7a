"""The cluster's chains: each accepted message once, in the order of the partition, whatever is delivered again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from metering.events import Chained, Event, Readings, StationReadings
from metering.ledger.weather import copy_to_buildings
from metering.messages import EVENT, Subject, chain_up, genesis
from streams.applier import Applier
from streams.chunks import TableParts
from streams.codec import Logged, encode
from tests.sites import build_site, building, meter, station

SITE = build_site(
    building(meter("heat"), station="spb"), building(meter("heat"), id="b02", station="spb"), station("spb")
)
HOUR_MS = 3_600_000


def heat(hour: int, house: str = "b01") -> Readings:
    return Readings(
        building=house,
        meter="heat",
        quantity="energy",
        nature="register",
        times=(hour * HOUR_MS,),
        amounts=(1_000 * hour,),
        received_at=hour * HOUR_MS + 5,
    )


class Sink:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def write(self, events: Sequence[Event]) -> None:
        self.events += events

    def ends(self) -> dict[str, tuple[int, str]]:
        """The newest end of each chain."""
        return {f"{e.kind}/{e.subject}": (e.messages, e.head) for e in self.events if isinstance(e, Chained)}


def deliver(batches: list[list[tuple[int, Logged]]], table: dict[bytes, bytes] | None = None) -> Sink:
    """Messages with their offsets; the worker begins anew with each batch, as after a crash."""
    sink, table = Sink(), {} if table is None else table
    for batch in batches:
        applier = Applier(site=SITE, parts=TableParts(table), sink=sink)
        for offset, event in batch:
            applier.take(encode(event), partition=0, offset=offset)
        sink.write(applier.finish())
        applier.commit()
    return sink


def end_of(subject: Subject, *messages: Logged) -> tuple[int, str]:
    raw = [("", encode(event), event.received_at, EVENT) for event in messages]
    return len(messages), chain_up(genesis(subject), b"", 1, raw).head.hex()


LOG: list[Logged] = [heat(1), heat(2), heat(1, "b02"), heat(2), heat(3)]
"""The fourth only repeats."""
B01 = end_of(Subject("building", "b01"), heat(1), heat(2), heat(3))
B02 = end_of(Subject("building", "b02"), heat(1, "b02"))


@pytest.mark.parametrize(
    "offsets",
    [
        [[0, 1, 2, 3, 4]],
        [[0], [1], [2], [3], [4]],
        [[0, 1], [0, 1, 2], [1, 2, 3, 4]],  # delivered again after a crash
        [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4]],
    ],
)
def test_each_accepted_message_is_in_its_chain_once(offsets: list[list[int]]) -> None:
    sink = deliver([[(offset, LOG[offset]) for offset in batch] for batch in offsets])
    assert sink.ends() == {"building/b01": B01, "building/b02": B02}


def test_a_batch_that_was_not_committed_moves_no_chain() -> None:
    table: dict[bytes, bytes] = {}
    deliver([[(0, LOG[0])]], table)
    lost = Applier(site=SITE, parts=TableParts(table), sink=Sink())
    lost.take(encode(LOG[1]), partition=0, offset=1)
    lost.finish()
    sink = deliver([[(1, LOG[1]), (2, LOG[2]), (3, LOG[3]), (4, LOG[4])]], table)
    assert sink.ends()["building/b01"] == B01


def test_a_chain_needs_no_entry_of_the_table_of_its_own() -> None:
    table: dict[bytes, bytes] = {}
    deliver([[(0, heat(1))]], table)
    assert b"b01#-" in table
    assert not [key for key in table if b"chain" in key]


def test_a_station_is_chained_by_the_copy_that_is_counted() -> None:
    read = StationReadings(station="spb", times=(HOUR_MS,), temps_mc=(1_000,), received_at=9)
    first, second = copy_to_buildings(read, SITE)
    sink = deliver([[(0, first), (1, second)]])
    assert sink.ends() == {"station/spb": end_of(Subject("station", "spb"), first)}
