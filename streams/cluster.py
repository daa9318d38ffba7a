"""The Faust runner: the same steps, over Kafka. The only file that knows Faust.

Theory of operation
-------------------
One agent reads the log of readings, message by message, in the order of its partition. A message goes
through the steps over a cache of decoded parts; what they bring forth goes to the sink; then the changed
parts go to one plain Faust table (never a window: those close by the wall clock). Faust's cost is per
message and per table write, so parts are written in chunks of a few days.

Faust delivers at least once, and a table's changelog is not atomic with the offset or with itself: after a
crash a message comes again, and of its table writes any first few may be there. Both are made harmless:

- an entry carries the offset that wrote it and what it held before, and the last write of a message is its
  partition's *applied* offset. An entry whose offset is newer than the applied one belongs to a message that
  was not finished: it is read as it was before. At most one message of a partition can be unfinished, because
  a partition is worked off in order.
- a message whose offset is not newer than the applied one is passed over.
- the sink gets the events before the table is written, and upserts by key.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import faust
import msgspec

from metering.events import Event, Fitted, Readings, Rejected, Tick
from metering.site import Site
from streams.pipeline import pipeline
from streams.shelf import Cache
from streams.step import advance

log = logging.getLogger("kvartal.worker")
# It reports each time its buffer has more than a hundred table writes, which is every archive message.
logging.getLogger("faust.transport.producer").setLevel(logging.ERROR)

APP: Final = "kvartal-worker"
TABLE: Final = "state"
CHANGELOG: Final = f"{APP}-{TABLE}-changelog"
_DAYS_A_CHUNK: Final = 8
_MOST_CACHED: Final = 60_000


class Sink(Protocol):
    """Takes events; they are on disk when it returns."""

    def write(self, events: Sequence[Event]) -> None: ...


class Entry(msgspec.Struct, array_like=True):
    """One chunk of parts in the table."""

    offset: int
    """Offset of the message that wrote it."""
    parts: dict[str, bytes]
    before: dict[str, bytes]
    """The parts before that message."""


_LOGGED = msgspec.msgpack.Decoder(Readings | Tick | Fitted)
_ENTRY = msgspec.msgpack.Decoder(Entry)
_encode = msgspec.msgpack.Encoder().encode


def chunk_of(part: str) -> str:
    """The chunk that a part belongs to: parts named by a day share one with their neighbours."""
    return str(int(part) // _DAYS_A_CHUNK) if part.isdigit() else "-"


class TableParts:
    """Parts of state in a table of chunks; survives a crash between any two writes."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self._applied: dict[int, int] = {}
        self.partition = 0
        """Partition of the message being worked on."""

    def applied(self, partition: int) -> int:
        """Offset of the last message of the partition that was applied whole; -1 before the first."""
        if partition not in self._applied:
            raw = self._table.get(_applied_key(partition))
            self._applied[partition] = int(raw) if raw else -1
        return self._applied[partition]

    def forget(self) -> None:
        """The table may have been recovered anew."""
        self._applied.clear()

    def _entry(self, key: str, chunk: str) -> dict[str, bytes]:
        raw = self._table.get(f"{key}#{chunk}".encode())
        if not raw:
            return {}
        entry = _ENTRY.decode(raw)
        return entry.parts if entry.offset <= self.applied(self.partition) else entry.before

    def part(self, key: str, part: str) -> bytes | None:
        """One part as it was when the last whole message had been applied."""
        return self._entry(key, chunk_of(part)).get(part)

    def commit(self, parts: dict[tuple[str, str], bytes | None], partition: int, offset: int) -> None:
        """Write changed parts, and last the offset that makes them count."""
        chunks: dict[tuple[str, str], dict[str, bytes | None]] = {}
        for (key, part), blob in parts.items():
            chunks.setdefault((key, chunk_of(part)), {})[part] = blob
        for (key, chunk), changed in chunks.items():
            before = self._entry(key, chunk)
            after = {name: blob for name, blob in {**before, **changed}.items() if blob is not None}
            self._table[f"{key}#{chunk}".encode()] = _encode(Entry(offset, after, before))
        self._table[_applied_key(partition)] = str(offset).encode()
        self._applied[partition] = offset


def _applied_key(partition: int) -> bytes:
    return f"@{partition}".encode()


class Applier:
    """Applies log messages to the state, one after the other. Knows nothing of Faust: tests drive it too."""

    def __init__(self, *, site: Site, parts: TableParts, sink: Sink) -> None:
        self._steps = pipeline(site)
        self._parts = parts
        self._sink = sink
        self._cache = Cache(parts, self._steps, _MOST_CACHED)

    def forget(self) -> None:
        """Read everything anew: partitions moved."""
        self._parts.forget()
        self._cache.forget()

    def apply(self, value: bytes, *, partition: int, offset: int) -> bool:
        """Apply one message of the log; returns whether it was new."""
        if offset <= self._parts.applied(partition):
            return False
        self._parts.partition = partition
        try:
            event = _LOGGED.decode(value)
        except msgspec.DecodeError:
            detail = traceback.format_exc(limit=-1)
            self._sink.write([Rejected("(event log)", value, "decoder_error", detail, 0)])
            self._parts.commit({}, partition, offset)
            return True
        events = advance(self._steps, self._cache, event)
        if isinstance(event, Readings):
            events += advance(self._steps, self._cache, Tick(event.building, event.received_at))
        if events:
            self._sink.write(events)
        self._parts.commit(self._cache.take_changed(), partition, offset)
        self._cache.committed()
        return True


class Worker:
    """A Faust worker in a thread of its own."""

    def __init__(
        self,
        *,
        bootstrap: str,
        partitions: int,
        site: Site,
        sink: Sink,
        topic: str,
        data: str,
        store: str = "memory://",
    ) -> None:
        """
        Args:
            bootstrap: Bootstrap servers of Kafka.
            partitions: Partitions of the log, fixed for its life.
            site: The site.
            sink: Takes the events.
            topic: The topic of the log.
            data: Directory of the table store.
            store: Faust's table store, `memory://` or `rocksdb://`.
        """
        self.applied: dict[int, int] = {}
        """Offset applied last, by partition."""
        self.failed: BaseException | None = None
        self._ready = threading.Event()
        self._stop: Callable[[], None] = lambda: None
        self._settings = {"bootstrap": bootstrap, "partitions": partitions, "store": store, "data": data}
        self._topic = topic
        self._site, self._sink = site, sink
        self._thread = threading.Thread(target=self._run, name="faust", daemon=True)

    def start(self, timeout_s: float = 60.0) -> bool:
        """Start; returns whether the worker has its partitions within `timeout_s`."""
        self._thread.start()
        return self._ready.wait(timeout_s) and self.failed is None

    def stop(self, timeout_s: float = 30.0) -> None:
        """Stop cleanly."""
        self._stop()
        self._thread.join(timeout_s)

    @property
    def running(self) -> bool:
        """Whether the thread is alive."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            self.failed = error
            log.exception("the worker ended")
        finally:
            self._ready.set()

    async def _main(self) -> None:
        app = self._app()
        topic = app.topic(
            self._topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        )
        table = app.Table(
            TABLE,
            default=bytes,
            partitions=self._settings["partitions"],
            key_type=bytes,
            value_type=bytes,
        )
        parts = TableParts(table)
        applier = Applier(site=self._site, parts=parts, sink=self._sink)

        loop = asyncio.get_running_loop()
        stopping = asyncio.Event()

        async def agent(stream: Any) -> None:
            async for event in stream.events():
                message = event.message
                pause = 1.0
                while True:
                    try:
                        applier.apply(event.value, partition=message.partition, offset=message.offset)
                        break
                    except OSError as error:
                        # The sink is away: hold this partition until it is back; nothing is passed over.
                        applier.forget()
                        log.warning("the sink did not take a message, again in %.0f s: %s", pause, error)
                        await asyncio.sleep(pause)
                        pause = min(60.0, 2 * pause)
                    except BaseException as error:
                        # A bug. Faust would restart the agent and pass the message over: end instead.
                        self.failed = error
                        log.exception("a message could not be applied; the worker ends")
                        stopping.set()
                        await asyncio.Event().wait()
                self.applied[message.partition] = message.offset

        app.agent(topic, name="apply", concurrency=1)(agent)

        async def assigned(_app: Any, assigned: Any, **_: Any) -> None:
            applier.forget()
            self._ready.set()

        app.on_partitions_assigned.connect(assigned)

        def stop() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(stopping.set)

        self._stop = stop
        app.finalize()
        app.loop = loop
        await app.start()
        try:
            await stopping.wait()
        finally:
            await app.stop()

    def _app(self) -> Any:
        settings: dict[str, Any] = {
            "broker": f"kafka://{self._settings['bootstrap']}",
            "store": self._settings["store"],
            "datadir": self._settings["data"],
            "key_serializer": "raw",
            "value_serializer": "raw",
            "processing_guarantee": "at_least_once",
            "topic_partitions": self._settings["partitions"],
            "topic_allow_declare": False,
            "topic_disable_leader": True,
            "table_standby_replicas": 0,
            "web_enabled": False,
            "logging_config": None,
            "broker_session_timeout": 30.0,
            "broker_heartbeat_interval": 3.0,
            "broker_commit_interval": 2.0,
            "producer_linger": 0.02,
            "producer_max_request_size": 4 << 20,
            "stream_wait_empty": False,
        }
        return faust.App(APP, **settings)
