"""Messages of the log -> events for the sink and changed parts for the table. Knows neither Kafka nor Faust.

Messages are taken one by one into memory, batch after batch: `take` any number, give `finish()` to the sink, then
`commit`. A message that was applied already is passed over. One that cannot be understood, or that names
meters that the site file does not have, becomes a `Rejected` with its bytes, and the next one follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from metering.events import Chained, Event, Readings, Rejected, Ruled, StationReadings, Tick
from metering.site.model import Site
from streams.chunks import TableParts
from streams.codec import NotOurs, decode, stranger
from streams.contract import Sink
from streams.engine import Batch, Engine
from streams.log_chain import CHAIN, move_on
from streams.shelf import Cache

_MOST_CACHED: Final = 60_000
"""Parts kept decoded, over all partitions (as the embedded runner does)."""


class Stranger(LookupError):
    """A message names something that the site does not know; the text says what."""


class _Partition:
    """The batch at hand of one partition."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.batch = Batch()
        self.chained: dict[tuple[str, str], Chained] = {}
        """The chains that moved on, by kind and subject."""
        self.newest: int | None = None
        """Offset taken last and not committed; None if there is none."""


class Applier:
    """Applies log messages to the state, in batches. One thread at a time."""

    def __init__(
        self,
        *,
        site: Site,
        parts: TableParts,
        sink: Sink,
        partitions: int = 1,
        most_cached: int = _MOST_CACHED,
    ) -> None:
        """
        Args:
            site: The site.
            parts: The state.
            sink: Gets the events in `apply`.
            partitions: Of the log; they share the cache evenly.
            most_cached: Parts kept decoded.
        """
        self._engine = Engine(site)
        self._parts = parts
        self._sink = sink
        self._most = most_cached // partitions
        self._partitions: dict[int, _Partition] = {}

    def use(self, site: Site) -> None:
        """Go on with another site over the same state, between two batches."""
        self._engine.use(site)

    def forget(self) -> None:
        """Drop what was not committed and read everything again: partitions moved, or the batch failed."""
        self._parts.forget()
        self._partitions.clear()

    def _partition(self, number: int) -> _Partition:
        partition = self._partitions.get(number)
        if partition is None:
            cache = Cache(self._parts.of(number), (*self._engine.steps, CHAIN), self._most)
            partition = self._partitions[number] = _Partition(cache)
        return partition

    def expected(self, partition: int) -> int:
        """Offset of the partition's next message that is not applied yet, in memory or for good."""
        newest = self._partition(partition).newest
        return (self._parts.applied(partition) if newest is None else newest) + 1

    def take(
        self, value: bytes, *, partition: int, offset: int, logged_at: int = 0, put_aside: bool = True
    ) -> bool:
        """Apply one message in memory; returns whether it was new.

        Args:
            value: The message.
            partition: Its partition.
            offset: Its offset; messages of a partition come in order.
            logged_at: When the log took it [ms], for messages that do not say when they were received.
            put_aside: Whether a message of something that the site does not know becomes a `Rejected`.

        Raises:
            Stranger: it is such a message and was not put aside: nothing has been done.
        """
        if offset < self.expected(partition):
            return False
        on = self._partition(partition)
        place = f"partition {partition}, offset {offset}"
        try:
            event = decode(value)
        except NotOurs as error:
            on.newest = offset
            detail = f"{place}: {error}"
            on.batch.keep(
                [
                    Rejected(
                        topic="(event log)",
                        payload=value,
                        reason="decoder_error",
                        detail=detail,
                        received_at=logged_at,
                    )
                ]
            )
            return True
        unknown = stranger(event, self._engine.site)
        if unknown is None:
            before = on.batch.accepted
            self._engine.feed(event, on.cache, on.batch)
            if on.batch.accepted != before:
                chained = move_on(on.cache, event, value)
                on.chained[chained.kind, chained.subject] = chained
        elif not isinstance(event, Tick):
            if not put_aside:
                raise Stranger(unknown)
            # The site file has changed since: kept, so that it can be replayed when the meter is back.
            detail = f"{place}: {unknown} in the site file"
            n = (
                len(event.times)
                if isinstance(event, Readings | StationReadings)
                else int(not isinstance(event, Ruled))
            )
            on.batch.keep(
                [
                    Rejected(
                        topic="(event log)",
                        payload=value,
                        reason="unknown_meter",
                        detail=detail,
                        received_at=event.received_at,
                        readings=n,
                    )
                ]
            )
        on.newest = offset
        return True

    def finish(self) -> Sequence[Event]:
        """End the batch: every building that had readings gets a tick. What the sink must take before `commit`."""
        for on in self._partitions.values():
            self._engine.finish(on.cache, on.batch)
        return [
            event for on in self._partitions.values() for event in (*on.batch.events, *on.chained.values())
        ]

    def commit(self) -> dict[int, int]:
        """Write the changed parts and forget the batch; returns the offset applied last of each of its partitions."""
        applied: dict[int, int] = {}
        for number, on in self._partitions.items():
            if on.newest is not None:
                self._parts.commit(on.cache.take_changed(), number, on.newest)
                on.cache.committed()
                applied[number], on.newest = on.newest, None
                on.batch = Batch()
                on.chained = {}
        return applied

    def apply(self, value: bytes, *, partition: int, offset: int) -> bool:
        """Apply one message as a batch of its own; returns whether it was new."""
        new = self.take(value, partition=partition, offset=offset)
        events = self.finish()
        if events:
            self._sink.write(events)
        self.commit()
        return new
