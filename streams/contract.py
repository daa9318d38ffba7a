"""What the runners need from outside: messages and their decoder, a store or a sink, and newer sites. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from metering.events import Decoded, Event
from metering.messages import Log
from metering.parts import PartName
from metering.site.model import Site


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
    ) -> Sequence[Decoded]: ...


class Kept(Protocol):
    """Where parts are kept between batches."""

    def part(self, key: str, part: PartName) -> bytes | None:
        """One part of state, as it was committed.

        Args:
            key: The text that the key is stored under (`streams.shelf.stored`).
            part: Name of the part.
        """
        ...


class Store(Kept, Protocol):
    """The embedded store: `storage.sqlite.Store`."""

    def commit(
        self,
        *,
        parts: Mapping[tuple[str, PartName], bytes | None],
        events: Iterable[Event],
        counts: Mapping[str, int],
        log: Log | None = None,
    ) -> None:
        """Keep all of it in one transaction, on disk when this returns."""
        ...


class Sink(Protocol):
    """Takes events; they are safe when it returns."""

    def write(self, events: Sequence[Event]) -> None: ...


class Sites(Protocol):
    """Gives another site while a worker runs: `kvartal.site_watch.SiteWatch`."""

    def take(self) -> Site | None:
        """Returns a newly loaded site once, or None if nothing has changed. Returns at once."""
        ...

    def hurry(self) -> None:
        """Look for a newer site now: a message names something that this one does not know."""
        ...
