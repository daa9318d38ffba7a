"""The embedded runner: the whole pipeline in one process over one transactional store.

Messages are taken in batches. A batch is decoded, goes through the steps in memory, and is committed with
everything it changed (parts of state, figures, counts) in one transaction. Only then may the caller
acknowledge it to the broker: what is acknowledged is on disk, and what a crash undid comes again.

The messages of a batch that were accepted move the hash chains of their buildings and stations on, in the same
transaction (`metering.messages`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from metering.events import Awaited, Declared, Decoded, Fitted, Rejected, Ruled, StationReadings, Tick
from metering.ledger.retention import message_cuts
from metering.ledger.weather import copy_to_buildings
from metering.messages import EVENT, PUBLISHED, RETAINED, Log, SiteText, Subject, digest
from metering.messages import Message as Raw
from metering.site.model import Site
from metering.times import DAY_MS
from streams.codec import encode
from streams.contract import Decode, Message, Store
from streams.engine import Batch, Engine
from streams.shelf import Cache

_CACHED = 4_000
_CACHED_PER_METER = 12
"""Parts kept in memory: what an hourly meter touches in three days, and some for contracts."""

_NONE: Final[Mapping[Subject, Sequence[Raw]]] = {}
_building: Final = lru_cache(maxsize=16_384)(lambda id: Subject("building", id))


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
        self._text = site_text(site)
        self._cut_on = 0
        """UTC day on which messages were cut last."""

    def use(self, site: Site, decode: Decode) -> None:
        """Go on with another site over the same state, between two batches."""
        self._engine.use(site)
        self._decode = decode
        self._text = site_text(site)
        self._cache.fit(self._most_cached())

    def _most_cached(self) -> int:
        return cached_for(self._engine.site) if self._most is None else self._most

    def take(self, messages: Iterable[Message]) -> Batch:
        """Decode a batch of messages, run the pipeline over it and commit. On disk when this returns."""
        batch = Batch()
        accepted: dict[Subject, list[Raw]] = {}
        now = 0
        for message in messages:
            now = max(now, message.received_at)
            before, subject = batch.accepted, None
            for event in self._decode(
                message.topic, message.payload, received_at=message.received_at, retain=message.retain
            ):
                self._feed(event, batch)
                if subject is None and batch.accepted != before:
                    subject = _subject(event)  # a message is of one building or station
            if subject is not None:
                form = RETAINED if message.retain else PUBLISHED
                raw = (message.topic, message.payload, message.received_at, form)
                accepted.setdefault(subject, []).append(raw)
        return self._commit(batch, now, accepted)

    def enter(self, events: Iterable[Decoded | Ruled | Awaited], now: int) -> Batch:
        """The same for what is decoded already (an archive, the site file's declarations, rulings). `now` in ms."""
        batch = Batch()
        accepted: dict[Subject, list[Raw]] = {}
        by_site = False
        for event in events:
            before = batch.accepted
            self._feed(event, batch)
            by_site = by_site or isinstance(event, Awaited) or (isinstance(event, Declared) and event.by_site)
            if batch.accepted != before:
                raw = ("", encode(event), event.received_at, EVENT)
                accepted.setdefault(_subject(event), []).append(raw)
        return self._commit(batch, now, accepted, entered_at=now if by_site else None)

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

    def _commit(
        self,
        batch: Batch,
        now: int,
        accepted: Mapping[Subject, Sequence[Raw]] = _NONE,
        entered_at: int | None = None,
    ) -> Batch:
        self._engine.finish(self._cache, batch, now)
        parts = self._cache.take_changed()
        if parts or batch.events:
            log = Log(self._text, accepted, entered_at, self._cuts(now))
            self._store.commit(parts=parts, events=batch.events, counts=batch.counts, log=log)
        self._cache.committed()
        return batch

    def _cuts(self, now: int) -> dict[Subject, int]:
        """Instants before which messages are deleted, once a UTC day."""
        if now // DAY_MS <= self._cut_on:
            return {}
        self._cut_on = now // DAY_MS
        return message_cuts(self._engine.site, now)


def site_text(site: Site) -> SiteText:
    """A site as its store keeps it: JSON of what its file says."""
    return digest(site.model_dump_json(by_alias=True, exclude_unset=True).encode())


def _subject(event: Decoded | Ruled | Awaited) -> Subject:
    """Whose chain an accepted message belongs to."""
    if isinstance(event, StationReadings):
        return Subject("station", event.station)
    assert not isinstance(event, Rejected), "a rejection accepts nothing"
    return _building(event.building)
