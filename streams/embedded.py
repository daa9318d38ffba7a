"""The embedded runner: the whole pipeline in one process over one transactional store.

Messages are taken in batches. A batch is decoded, goes through the steps in memory, and is committed with
everything it changed (parts of state, figures, counts) in one transaction. Only then may the caller
acknowledge it to the broker: what is acknowledged is on disk, and what a crash undid comes again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from metering.events import Alert, Awaited, Counted, Declared, Event, Fitted, Readings, Rejected, Tick
from metering.parts import PartName
from metering.site.model import Site
from streams.pipeline import pipeline
from streams.shelf import Cache, Kept
from streams.step import advance, takers

_CACHED = 4_000
_CACHED_PER_METER = 12
"""Parts kept in memory: what an hourly meter touches in three days, and some for contracts."""


def cached_for(site: Site) -> int:
    """How many parts are kept in memory for a site."""
    return _CACHED + _CACHED_PER_METER * len(site.meters)


class Store(Kept, Protocol):
    """What the runner needs of the embedded store."""

    def commit(
        self,
        *,
        parts: Mapping[tuple[str, PartName], bytes | None],
        events: Iterable[Event],
        counts: Mapping[str, int],
    ) -> None:
        """Keep all of it in one transaction, on disk when this returns."""
        ...


class Message(Protocol):
    """One message as it came from the broker or a capture."""

    @property
    def topic(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def received_at(self) -> int: ...
    @property
    def retain(self) -> bool: ...


class Decode(Protocol):
    """`ingest.decode.Decoder.decode`, passed in by the roof."""

    def __call__(
        self, topic: str, payload: bytes, *, received_at: int, retain: bool = False
    ) -> Sequence[Readings | Declared | Rejected]: ...


class Embedded:
    """Runs the pipeline over a store. One thread at a time."""

    def __init__(
        self,
        *,
        site: Site,
        store: Store,
        decode: Decode,
        copy_to_buildings: Callable[[Readings, Site], Sequence[Readings]],
        most_cached: int | None = None,
    ) -> None:
        self._site = site
        self._store = store
        self._decode = decode
        self._copy = copy_to_buildings
        self._most = most_cached
        steps = pipeline(site)
        self._steps = takers(steps)
        self._cache = Cache(store, steps, self._most_cached())

    def use(self, site: Site, decode: Decode) -> None:
        """Go on with another site over the same state, between two batches. The types of parts depend on no site."""
        self._site, self._decode = site, decode
        self._steps = takers(pipeline(site))
        self._cache.fit(self._most_cached())

    def _most_cached(self) -> int:
        return cached_for(self._site) if self._most is None else self._most

    def take(self, messages: Iterable[Message]) -> Batch:
        """Decode a batch of messages, run the pipeline over it and commit. On disk when this returns."""
        batch = Batch()
        now = 0
        for message in messages:
            now = max(now, message.received_at)
            for result in self._decode(
                message.topic, message.payload, received_at=message.received_at, retain=message.retain
            ):
                self._run(batch, result)
        return self._close(batch, now)

    def enter(self, results: Iterable[Readings | Declared | Rejected | Awaited], now: int) -> Batch:
        """The same for what is decoded already (an archive, the site file's declarations). `now` in ms."""
        batch = Batch()
        for result in results:
            self._run(batch, result)
        return self._close(batch, now)

    def _run(self, batch: Batch, result: Readings | Declared | Rejected | Awaited) -> None:
        if isinstance(result, Rejected):
            batch.reject(result)
            return
        copies: Sequence[Readings | Declared | Awaited] = (result,)
        if isinstance(result, Readings) and not result.building:
            copies = self._copy(result, self._site) or copies
        for event in copies:
            batch.touched.add(event.building)
            batch.keep(advance(self._steps, self._cache, event))

    def _close(self, batch: Batch, now: int) -> Batch:
        for building in sorted(batch.touched):
            batch.keep(advance(self._steps, self._cache, Tick(building, now)))
        self._commit(batch)
        return batch

    def adopt(self, fitted: Fitted) -> Batch:
        """Adopt a baseline that was fitted elsewhere. Adopting the one in force changes no figure.

        Its document is stored even if no day of the reporting period has a figure yet.
        """
        batch = Batch()
        batch.keep([fitted, *advance(self._steps, self._cache, fitted)])
        self._commit(batch)
        return batch

    def tick(self, now: int) -> Batch:
        """Let every building know what time it is [ms]."""
        batch = Batch()
        for building in self._site.buildings:
            batch.keep(advance(self._steps, self._cache, Tick(building, now)))
        self._commit(batch)
        return batch

    def _commit(self, batch: Batch) -> None:
        parts = self._cache.take_changed()
        if parts or batch.events:
            self._store.commit(parts=parts, events=batch.events, counts=batch.counts)
        self._cache.committed()


class Batch:
    """What one batch brought forth."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.counts: dict[str, int] = {}
        self.touched: set[str] = set()

    def keep(self, events: Iterable[Event]) -> None:
        """Note events for the commit and count their readings. A step may reject some."""
        for event in events:
            if isinstance(event, Rejected):
                self.reject(event)
                continue
            self.events.append(event)
            if isinstance(event, Counted):
                self._add("accepted", event.accepted)
                self._add("duplicate", event.duplicate)
                self._add("received", event.accepted + event.duplicate)

    def reject(self, rejected: Rejected) -> None:
        """Note a rejection: stored whole, and counted by reason."""
        self.events.append(rejected)
        self._add("received", rejected.readings)
        self._add("rejected", rejected.readings)
        self._add(f"rejected:{rejected.reason}", rejected.readings)

    def _add(self, name: str, n: int) -> None:
        if n:
            self.counts[name] = self.counts.get(name, 0) + n

    @property
    def alerts(self) -> list[Alert]:
        """Alerts that were opened, updated or resolved."""
        return [event for event in self.events if isinstance(event, Alert)]
