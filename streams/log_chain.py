"""The hash chains of the cluster: over the accepted messages of a building or station, in the order of its partition.

Theory of operation
-------------------
The log in Kafka is kept without limit, so it is the raw messages. What is hashed is a message of the log as it lies
there (`metering.messages`, form `EVENT`): decoded, so no site file enters. A chain is a part of state beside the others
of its building: it is written with the same batch, and a message that comes again is passed over by its offset before
it gets here. A station's chain is over the copy that ingest counts, and lies with the building of that copy.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from metering.events import Chained, Event, Readings, StationReadings
from metering.ledger.weather import TEMPERATURE
from metering.messages import EVENT, Subject, chain_up, genesis
from metering.parts import HEAD
from streams.codec import Logged
from streams.step import Shelf, Step


class ChainEnd(Struct, frozen=True, tag="c", array_like=True):
    """The end of a chain: a part of state."""

    n: int
    head: bytes


CHAIN: Final[Step[str, ChainEnd, Event]] = Step(
    "chain", (), lambda event: (), (ChainEnd,), lambda key, parts, event: ({}, ())
)
"""Not of the pipeline: whether a message was accepted is known when all steps have had it."""


def move_on(shelf: Shelf, event: Logged, value: bytes) -> Chained:
    """Move the chain of an accepted message on.

    Args:
        shelf: The shelf of its partition.
        event: The message.
        value: Its bytes on the log.
    """
    subject, building = _subject(event)
    # The key of a part that such a message changes anyway: no further entry of the table is written.
    key = building if subject.kind == "building" else f"{building}/{subject.id}"
    parts = shelf.parts(CHAIN, key)
    end = parts.get(HEAD)
    n, head = (0, genesis(subject)) if end is None else (end.n, end.head)
    head = chain_up(head, b"", n + 1, [("", value, event.received_at, EVENT)]).head
    shelf.put(CHAIN, key, {HEAD: ChainEnd(n + 1, head)})
    return Chained(
        kind=subject.kind, subject=subject.id, messages=n + 1, head=head.hex(), received_at=event.received_at
    )


def _subject(event: Logged) -> tuple[Subject, str]:
    """Whose chain a message belongs to, and the building whose key it has on the log."""
    if isinstance(event, StationReadings):
        return Subject("station", event.station), ""
    if isinstance(event, Readings) and event.quantity == TEMPERATURE:
        return Subject("station", event.meter), event.building
    return Subject("building", event.building), event.building
