"""Messages of the log -> events for the sink and changed parts for the table. Knows neither Kafka nor Faust.

Messages are taken one by one into memory, batch after batch: `take` any number, give `finish()` to the sink, then
`commit`. A message that was applied already is passed over. One that cannot be understood, or that speaks of
meters the site file does not hold, becomes a `Rejected` with its bytes, and the next one follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from metering.events import Awaited, Declared, Event, Fitted, Readings, Rejected, Tick
from metering.site.model import Site
from streams.chunks import TableParts
from streams.codec import NotOurs, decode, stranger
from streams.pipeline import pipeline
from streams.shelf import Cache
from streams.step import advance, takers

_MOST_CACHED: Final = 60_000
"""Parts kept decoded, over all partitions (as the embedded runner does)."""


class Sink(Protocol):
    """Takes events; they are safe when it returns."""

    def write(self, events: Sequence[Event]) -> None: ...


class Sites(Protocol):
    """Where another site comes from while we run: `kvartal.site_watch.SiteWatch`."""

    def take(self) -> Site | None:
        """A site that is to be in force from now on, given once; None where nothing has changed. Returns at once."""
        ...

    def hurry(self) -> None:
        """Something was met that the site does not know: look whether there is a newer one."""
        ...


class Stranger(LookupError):
    """A message speaks of something that the site does not know; the text says of what."""


class _Partition:
    """What one batch has done to one partition."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.newest: int | None = None
        """Offset taken last and not committed; None where there is none."""
        self.touched: dict[str, int] = {}
        """Buildings that had readings, and when the last of them was received [ms]."""


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
        self.use(site)
        self._parts = parts
        self._sink = sink
        self._most = most_cached // partitions
        self._partitions: dict[int, _Partition] = {}
        self._events: list[Event] = []

    def use(self, site: Site) -> None:
        """Go on with another site over the same state, between two batches. The types of parts depend on no site."""
        self._site = site
        self._steps = pipeline(site)
        self._takers = takers(self._steps)

    def forget(self) -> None:
        """Drop what was not committed and read everything anew: partitions moved, or the batch failed."""
        self._parts.forget()
        self._partitions.clear()
        self._events = []  # the sink may still be reading the old one

    def _partition(self, number: int) -> _Partition:
        found = self._partitions.get(number)
        if found is None:
            cache = Cache(self._parts.of(number), self._steps, self._most)
            found = self._partitions[number] = _Partition(cache)
        return found

    def expected(self, partition: int) -> int:
        """Offset of the partition's next message that is not applied yet, in memory or for good."""
        on = self._partition(partition)
        return (self._parts.applied(partition) if on.newest is None else on.newest) + 1

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
        try:
            event = decode(value)
        except NotOurs as error:
            on.newest = offset
            detail = f"partition {partition}, offset {offset}: {error}"
            self._events.append(Rejected("(event log)", value, "decoder_error", detail, logged_at))
            return True
        unknown = stranger(event, self._site)
        if unknown is not None and not put_aside and not isinstance(event, Tick):
            raise Stranger(unknown)
        on.newest = offset
        if unknown is not None:
            # The site file has changed since: kept, so that it can be replayed when the meter is back.
            if not isinstance(event, Tick):
                detail = f"partition {partition}, offset {offset}: {unknown} in the site file"
                n = len(event.times) if isinstance(event, Readings) else 1
                self._events.append(
                    Rejected("(event log)", value, "unknown_meter", detail, event.received_at, n)
                )
            return True
        if isinstance(event, Fitted):
            # The stores need its document even if no day of the reporting period has a figure yet.
            self._events.append(event)
        self._events += advance(self._takers, on.cache, event)
        if isinstance(event, Readings | Declared | Awaited) and event.building:
            on.touched[event.building] = max(event.received_at, on.touched.get(event.building, 0))
        return True

    def finish(self) -> Sequence[Event]:
        """End the batch: every building that had readings learns the time. What the sink must take before `commit`."""
        for on in self._partitions.values():
            for building, received_at in on.touched.items():
                self._events += advance(self._takers, on.cache, Tick(building, received_at))
            on.touched.clear()
        return self._events

    def commit(self) -> dict[int, int]:
        """Write the changed parts and forget the batch; returns the offset applied last of each of its partitions."""
        applied: dict[int, int] = {}
        for number, on in self._partitions.items():
            if on.newest is not None:
                self._parts.commit(on.cache.take_changed(), number, on.newest)
                on.cache.committed()
                applied[number], on.newest = on.newest, None
        self._events = []
        return applied

    def apply(self, value: bytes, *, partition: int, offset: int) -> bool:
        """Apply one message as a batch of its own; returns whether it was new."""
        new = self.take(value, partition=partition, offset=offset)
        events = self.finish()
        if events:
            self._sink.write(events)
        self.commit()
        return new
