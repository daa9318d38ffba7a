"""Messages of a stream, batch by batch, durable in the order that `streams.worker` states. Knows no Faust.

Streams, events and messages are Faust's: they come as arguments and are used by their attributes alone.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from metering.events import Event, Rejected
from streams.applier import Applier, Stranger
from streams.codec import NotOurs, decode_rejected
from streams.contract import Sink, Sites

log = logging.getLogger("kvartal.worker")

_MOST_MESSAGES: Final = 200
"""In a batch. Beyond some tens the price of a batch no longer shows (docs/decisions/004)."""
_LONGEST_BATCH_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_ASK_EVERY_S: Final = 0.05
_HOPELESS_S: Final = 60.0


class Skipped(RuntimeError):
    """Faust passed over messages that the log has. A new start begins where the state ends."""


class Written(Protocol):
    """The table, with the delivery reports of what was written to it."""

    def met(self, event: Any) -> None:
        """Note an event of its partition."""
        ...

    async def delivered(self) -> None:
        """Wait until the changelog has all that was written."""
        ...


class Out:
    """The sink, one call at a time and until it has taken it."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._turn = asyncio.Lock()
        self.busy = False
        """Whether the sink is taking a batch."""

    async def write(self, events: Sequence[Event]) -> None:
        """Have the sink take events; goes on trying while it is away."""
        if not events:
            return
        async with self._turn:
            self.busy = True
            try:
                await self._write(events)
            finally:
                self.busy = False

    async def _write(self, events: Sequence[Event]) -> None:
        pause = 1.0
        while True:
            try:
                await asyncio.to_thread(self._sink.write, events)
                return
            except OSError as error:
                log.warning("the sink did not take a batch, again in %.0f s: %s", pause, error)
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE_S, 2 * pause)


async def pass_on(stream: Any, out: Out) -> None:
    """The agent of rejections: into the sink as they are."""
    batch: list[Any] = []
    events: list[Event] = []
    async for event in stream.events():
        message = event.message
        batch.append(event)
        try:
            events.append(decode_rejected(event.value or b""))
        except NotOurs as error:
            detail = f"partition {message.partition}, offset {message.offset}: {error}"
            at = round(1000 * message.timestamp)
            events.append(
                Rejected(
                    topic="(event log)",
                    payload=event.value or b"",
                    reason="decoder_error",
                    detail=detail,
                    received_at=at,
                )
            )
        if len(batch) >= _MOST_MESSAGES or stream.channel.empty():
            await out.write(events)
            for taken in batch:
                await stream.ack(taken)
            batch, events = [], []


class Renewal:
    """Brings in another site between two batches, and waits a moment for one if a message needs it."""

    def __init__(self, applier: Applier, sites: Sites | None, patience_s: float) -> None:
        self._applier, self._sites, self._patience_s = applier, sites, patience_s
        self._missed: dict[str, float] = {}
        """Ids that timed out since the last site change: not waited for again before this time [monotonic s]."""

    def hopes(self, unknown: str) -> bool:
        """Whether to end the batch and wait for a newer site file."""
        return self._sites is not None and self._missed.get(unknown, 0.0) <= time.monotonic()

    def renew(self) -> bool:
        """Use the newest site; returns whether there was another one."""
        site = self._sites.take() if self._sites is not None else None
        if site is None:
            return False
        self._applier.use(site)
        self._missed.clear()
        log.info("the new site file is in force")
        return True

    async def wait(self, unknown: str, logged_at: float) -> bool:
        """Wait for another site because of something unknown; whether one came.

        Args:
            unknown: What is unknown.
            logged_at: When the log took the message that names it [s since 1970].
        """
        if self._sites is not None:
            self._sites.hurry()
        ends = time.monotonic() + min(self._patience_s, logged_at + self._patience_s - time.time())
        while not self.renew():
            if time.monotonic() >= ends:
                self._missed[unknown] = time.monotonic() + _HOPELESS_S
                log.warning("%s: messages of it are put aside", unknown)
                return False
            await asyncio.sleep(_ASK_EVERY_S)
        return True


class Batches:
    """Takes messages of a stream and makes them durable batch by batch."""

    def __init__(
        self,
        *,
        applier: Applier,
        written: Written,
        out: Out,
        renewal: Renewal,
        advanced: Callable[[Mapping[int, int]], None],
        moved: Callable[[Any], bool],
        earliest: Callable[[Any], Awaitable[int]],
    ) -> None:
        """
        Args:
            applier: Takes the messages.
            written: The table.
            out: The sink.
            renewal: Gives newer sites.
            advanced: Called with the offset applied last, by partition, when a batch is durable.
            moved: Whether a rebalance came since an event did, or comes now.
            earliest: The first offset that the log still has, in the partition of a message.
        """
        self._applier, self._written, self._out = applier, written, out
        self._renewal, self._advanced = renewal, advanced
        self._moved, self._earliest = moved, earliest

    async def run(self, stream: Any) -> None:
        """Take messages of the stream until the worker stops."""
        self._applier.forget()
        batch: list[Any] = []
        begun = 0.0
        generation = None
        async for event in stream.events():
            message = event.message
            if message.generation_id != generation:
                # A rebalance came between: the state was read again, and what was not acknowledged comes again.
                generation = message.generation_id
                batch = []
            self._written.met(event)
            expected = self._applier.expected(message.partition)
            if message.offset > expected:
                await self._check_gap(message, expected)
            if not batch:
                self._renewal.renew()
                begun = time.monotonic()
            try:
                self._apply(event, put_aside=False)
            except Stranger as stranger:
                unknown = str(stranger)
                if self._renewal.hopes(unknown):
                    if batch:
                        await self._make_durable(stream, batch)
                        batch = []
                    if not await self._apply_later(event, unknown):
                        continue
                    begun = time.monotonic()
                else:
                    self._apply(event, put_aside=True)
            batch.append(event)
            full = len(batch) >= _MOST_MESSAGES or time.monotonic() - begun > _LONGEST_BATCH_S
            if full or stream.channel.empty():
                await self._make_durable(stream, batch)
                batch = []

    def _apply(self, event: Any, *, put_aside: bool) -> None:
        message = event.message
        self._applier.take(
            event.value or b"",  # a tombstone has none
            partition=message.partition,
            offset=message.offset,
            logged_at=round(1000 * message.timestamp),
            put_aside=put_aside,
        )

    async def _apply_later(self, event: Any, unknown: str) -> bool:
        """Apply a message that needs another site, or put it aside; False if a rebalance took it from us."""
        while True:
            came = await self._renewal.wait(unknown, event.message.timestamp)
            if self._moved(event):
                self._applier.forget()
                return False
            self._written.met(event)
            try:
                self._apply(event, put_aside=not came)
                return True
            except Stranger as still:
                unknown = str(still)

    async def _check_gap(self, message: Any, expected: int) -> None:
        first = await self._earliest(message)
        if first < message.offset:
            raise Skipped(f"partition {message.partition}: got offset {message.offset}, expected {expected}")
        log.error("partition %d: the log has lost offsets %d to %d", message.partition, expected, first - 1)

    async def _make_durable(self, stream: Any, batch: list[Any]) -> None:
        await self._out.write(self._applier.finish())
        if self._moved(batch[0]):
            self._applier.forget()
            return
        applied = self._applier.commit()
        await self._written.delivered()
        for event in batch:
            await stream.ack(event)
        self._advanced(applied)
