"""The embedded runner: the whole pipeline in one process over one transactional store.

Messages are taken in batches. A batch is decoded, goes through the steps in memory, and is committed with
everything it changed (parts of state, figures, counts) in one transaction. Only then may the caller
acknowledge it to the broker: what is acknowledged is on disk, and what a crash undid comes again.
"""

from __future__ import annotations

from collections.abc import Iterable

from metering.events import Awaited, Decoded, Fitted, Ruled, StationReadings, Tick
from metering.ledger.weather import copy_to_buildings
from metering.site.model import Site
from streams.contract import Decode, Message, Store
from streams.engine import Batch, Engine
from streams.shelf import Cache

_CACHED = 4_000
_CACHED_PER_METER = 12
"""Parts kept in memory: what an hourly meter touches in three days, and some for contracts."""


def cached_for(site: Site) -> int:
    """How many parts are kept in memory for a site."""
    return _CACHED + _CACHED_PER_METER * len(site.meters)


class Embedded:
    """Runs the pipeline over a store. One thread at a time."""

    def __init__(self, *, site: Site, store: Store, decode: Decode, most_cached: int | None = None) -> None:
        """
        Args:
            site: The site.
            store: Keeps state, events and counts.
            decode: Decodes messages.
            most_cached: Parts kept in memory; by default as many as the site needs.
        """
        self._engine = Engine(site)
        self._store = store
        self._decode = decode
        self._most = most_cached
        self._cache = Cache(store, self._engine.steps, self._most_cached())

    def use(self, site: Site, decode: Decode) -> None:
        """Go on with another site over the same state, between two batches."""
        self._engine.use(site)
        self._decode = decode
        self._cache.fit(self._most_cached())

    def _most_cached(self) -> int:
        return cached_for(self._engine.site) if self._most is None else self._most

    def take(self, messages: Iterable[Message]) -> Batch:
        """Decode a batch of messages, run the pipeline over it and commit. On disk when this returns."""
        batch = Batch()
        now = 0
        for message in messages:
            now = max(now, message.received_at)
            for event in self._decode(
                message.topic, message.payload, received_at=message.received_at, retain=message.retain
            ):
                self._feed(event, batch)
        return self._commit(batch, now)

    def enter(self, events: Iterable[Decoded | Ruled | Awaited], now: int) -> Batch:
        """The same for what is decoded already (an archive, the site file's declarations, rulings). `now` in ms."""
        batch = Batch()
        for event in events:
            self._feed(event, batch)
        return self._commit(batch, now)

    def adopt(self, fitted: Fitted) -> Batch:
        """Adopt a baseline that was fitted elsewhere. Adopting the one in force changes no figure."""
        batch = Batch()
        self._engine.feed(fitted, self._cache, batch)
        return self._commit(batch, fitted.received_at)

    def tick(self, now: int) -> Batch:
        """Send a tick to every building. `now` in ms."""
        batch = Batch()
        for building in self._engine.site.buildings:
            self._engine.feed(Tick(building=building, received_at=now), self._cache, batch)
        return self._commit(batch, now)

    def _feed(self, event: Decoded | Ruled | Awaited, batch: Batch) -> None:
        if isinstance(event, StationReadings):
            for each in copy_to_buildings(event, self._engine.site):
                self._engine.feed(each, self._cache, batch)
        else:
            self._engine.feed(event, self._cache, batch)

    def _commit(self, batch: Batch, now: int) -> Batch:
        self._engine.finish(self._cache, batch, now)
        parts = self._cache.take_changed()
        if parts or batch.events:
            self._store.commit(parts=parts, events=batch.events, counts=batch.counts)
        self._cache.committed()
        return batch
