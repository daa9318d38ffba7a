"""The Faust runner: the same steps, over Kafka. The only file that knows Faust.

Theory of operation
-------------------
One agent reads the log of readings, each partition in its order. Messages are taken into memory as long as more
of them wait, up to a bound; then the batch (`streams.batches`) is made durable, in this order:

1. the events that the steps emitted go to the sink, which upserts by key;
2. the changed parts go to one plain Faust table (never a window: those close by the wall clock), a partition's
   *applied* offset last (`streams.chunks`);
3. the changelog's delivery reports are awaited;
4. the messages are acknowledged, and Faust commits their offsets now and then.

Step 3 is ours because Faust lacks it: before it commits offsets it flushes its producer, but ends the flush when no
message went out for 0.1 s. A slow broker and a crash could then lose state whose messages count as read. With step 3,
whatever dies, a message whose effects are not in the changelog comes again, one whose effects are there is passed over
by its offset, and a batch that was half written is read as before it.

Faust may also commit past a message that a rebalance took from it. So the offset to go on from is taken from the state.
It is committed before Faust seeks to the committed offset. A message that comes too early while the log still has the
ones before it ends the worker.

Another site comes into force between two batches. Ingest may know it before the worker does: a message of a meter
that the site does not know ends the batch before it and waits a moment for a site that does. Then it is put aside as
rejected.

A rebalance drops the batch at hand, unacknowledged: the partition's new owner begins from the changelog. While the
sink is away everything waits and nothing is passed over. A bug in a step, a crash in Faust and a consumer that is
stalled while the log grows (faust-streaming #175) end the worker with `failed`: the process manager starts it again,
and nothing is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import faust
import faust.streams

from metering.site.model import Site
from streams.applier import Applier
from streams.batches import Batches, Out, Renewal, pass_on
from streams.chunks import TableParts
from streams.contract import Sink, Sites
from streams.stall import Stall

log = logging.getLogger("kvartal.worker")
# It reports each time its buffer has more than a hundred table writes, which is every batch.
logging.getLogger("faust.transport.producer").setLevel(logging.ERROR)

APP: Final = "kvartal-worker"
TABLE: Final = "state"
CHANGELOG: Final = f"{APP}-{TABLE}-changelog"

_LOOK_EVERY_S: Final = 15.0


class Stalled(RuntimeError):
    """Messages wait on the log, and none was applied for too long."""


class WrongLog(RuntimeError):
    """The log is not the one that the state was made from."""


class Worker:
    """A Faust worker in a thread and an event loop of its own."""

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
        stalled_s: float = 300.0,
        session_s: float = 30.0,
        rejected: str | None = None,
        sites: Sites | None = None,
        patience_s: float = 10.0,
    ) -> None:
        """
        Args:
            bootstrap: Bootstrap servers of Kafka.
            partitions: Partitions of the log, fixed for its life.
            site: The site.
            sink: Takes the events; called from a thread, one call at a time. An OSError means "again later".
            topic: The topic of the log.
            data: Directory of the table store.
            store: Faust's table store, `memory://` or `rocksdb://` (needs rocksdict).
            stalled_s: The worker ends when messages wait and none was applied for this time [s].
            rejected: The topic of rejections from ingest, which go to the sink unchanged; None if another process
                reads it. It has as many partitions.
            sites: Gives another site while the worker runs; None if the site never changes.
            patience_s: How long after the log took it a message of something unknown to the site waits for a site
                that knows it, before it is put aside as rejected [s].
            session_s: Time without a heartbeat after which Kafka gives its partitions to another worker [s].
        """
        self.applied: dict[int, int] = {}
        """Offset applied last, by partition; from the table if no message came since the start."""
        self.failed: BaseException | None = None
        self._ready = threading.Event()
        self._moved = threading.Condition()
        self._stop: Callable[[], None] = lambda: None
        self._bootstrap, self._partitions, self._topic = bootstrap, partitions, topic
        self._store, self._data, self._stalled_s = store, data, stalled_s
        self._session_s, self._rejected = session_s, rejected
        self._site, self._sink = site, sink
        self._sites, self._patience_s = sites, patience_s
        self._thread = threading.Thread(target=self._run, name="faust", daemon=True)

    def start(self, timeout_s: float = 60.0) -> bool:
        """Start; returns whether the worker has its partitions and its state within `timeout_s`."""
        self._thread.start()
        return self._ready.wait(timeout_s) and self.failed is None

    def stop(self, timeout_s: float = 30.0) -> None:
        """Stop cleanly; what was not applied stays on the log."""
        self._stop()
        self._thread.join(timeout_s)

    @property
    def running(self) -> bool:
        """Whether the thread is alive."""
        return self._thread.is_alive()

    def reached(self, offsets: Mapping[int, int]) -> bool:
        """Whether everything up to these offsets, by partition, has been applied and is durable."""
        return all(self.applied.get(partition, -1) >= offset for partition, offset in offsets.items())

    def wait_applied(self, offsets: Mapping[int, int], timeout_s: float) -> bool:
        """Wait until `reached`; returns whether it was within `timeout_s`. Ends early if the worker failed."""
        with self._moved:
            self._moved.wait_for(lambda: self.failed is not None or self.reached(offsets), timeout_s)
        return self.reached(offsets)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            self._fail(error)
        finally:
            self._ready.set()

    def _fail(self, error: BaseException) -> None:
        log.error("the worker ends: %r", error, exc_info=error)
        with self._moved:
            self.failed = self.failed or error
            self._moved.notify_all()

    def _advance(self, applied: Mapping[int, int]) -> None:
        with self._moved:
            self.applied.update(applied)
            self._moved.notify_all()

    async def _main(self) -> None:
        app = self._app()
        topic = app.topic(
            self._topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        )
        table = app.Table(TABLE, default=bytes, partitions=self._partitions, key_type=bytes, value_type=bytes)
        written = _Written(table)
        parts = TableParts(written, written.at)
        applier = Applier(site=self._site, parts=parts, sink=self._sink, partitions=self._partitions)
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()

        def stop() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                loop.call_soon_threadsafe(stopping.set)

        def moved(event: Any) -> bool:
            rebalanced: bool = event.message.generation_id != app.consumer_generation_id
            return rebalanced or not app.flow_control.is_active()

        async def earliest(message: Any) -> int:
            first: int = (await app.consumer.earliest_offsets(message.tp))[message.tp]
            return first

        out = Out(self._sink)
        batches = Batches(
            applier=applier,
            written=written,
            out=out,
            renewal=Renewal(applier, self._sites, self._patience_s),
            advanced=self._advance,
            moved=moved,
            earliest=earliest,
        )

        async def ends_the_worker(work: Awaitable[None]) -> None:
            try:
                await work
            except Exception as error:
                # Faust would restart the agent and pass the message over.
                self._fail(error)
                stopping.set()
                await asyncio.Event().wait()

        async def apply(stream: Any) -> None:
            await ends_the_worker(batches.run(stream.noack()))

        async def apply_rejected(stream: Any) -> None:
            await ends_the_worker(pass_on(stream.noack(), out))

        async def assigned(_app: Any, assigned: Any, **_: Any) -> None:
            applier.forget()
            if not assigned:
                self._ready.set()

        async def recovered() -> None:
            # Called after the table is recovered and before Faust seeks to the committed offsets.
            applier.forget()
            try:
                self._advance(await self._begin_where_the_state_ends(app, parts))
            except Exception as error:  # Faust would swallow it and go on
                self._fail(error)
                stopping.set()
            self._ready.set()

        app.agent(topic, name="apply", concurrency=1)(apply)
        if self._rejected is not None:
            rejected = app.topic(
                self._rejected, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
            )
            app.agent(rejected, name="pass-on", concurrency=1)(apply_rejected)
        app.on_partitions_assigned.connect(assigned)
        table.on_recover(recovered)
        self._stop = stop
        app.finalize()
        app.loop = loop
        await self._run_until(stopping, app, out)

    async def _run_until(self, stopping: asyncio.Event, app: Any, out: Out) -> None:
        """Run the app until `stopping`, and stop it.

        Raises:
            Stalled: messages wait and none is applied.
            RuntimeError: Faust stopped by itself, or whatever it crashed with.
        """
        await app.start()
        watch = asyncio.ensure_future(self._watch(app, out))
        try:
            await asyncio.wait(
                [asyncio.ensure_future(stopping.wait()), asyncio.ensure_future(app.wait()), watch],
                return_when=asyncio.FIRST_COMPLETED,
            )
            if watch.done():
                watch.result()
            if not stopping.is_set():
                raise app.crash_reason or RuntimeError("Faust stopped by itself")
        finally:
            watch.cancel()
            await app.stop()

    async def _begin_where_the_state_ends(self, app: Any, parts: TableParts) -> dict[int, int]:
        """Commit the offsets that follow what the table holds; returns the offset applied last, by partition.

        Raises:
            WrongLog: the log ends before what has been applied.
        """
        ours = {tp for tp in app.consumer.assignment() if tp.topic == self._topic}
        if not ours:
            return {}
        applied = {tp: parts.applied(tp.partition) for tp in ours}
        for tp, end in (await app.consumer.highwaters(*ours)).items():
            if end <= applied[tp]:
                raise WrongLog(
                    f"partition {tp.partition} of {tp.topic} ends at offset {end}, but {applied[tp]} has been "
                    f"applied: the topic was created again; delete {CHANGELOG} to start over"
                )
        await app.consumer._commit({tp: offset + 1 for tp, offset in applied.items()})
        for tp, offset in applied.items():
            # aiokafka's seek to what is committed leaves out an offset of 0.
            await app.consumer.seek(tp, offset + 1)
        return {tp.partition: offset for tp, offset in applied.items()}

    async def _watch(self, app: Any, out: Out) -> None:
        """Raise `Stalled` if messages wait and none is applied for too long."""
        stall = Stall(self._stalled_s)
        while True:
            await asyncio.sleep(min(_LOOK_EVERY_S, self._stalled_s / 4))
            ends: Mapping[int, int] | None = None
            with contextlib.suppress(Exception):  # whatever went wrong, nobody answered
                ours = {tp for tp in app.consumer.assignment() if tp.topic == self._topic}
                newest = await asyncio.wait_for(app.consumer.highwaters(*ours), 10) if ours else {}
                ends = {tp.partition: end for tp, end in newest.items()}
            if stall.lasts(time.monotonic(), self.applied, ends, busy=out.busy):
                raise Stalled(f"applied {self.applied} of {ends}, and nothing for {self._stalled_s:.0f} s")

    def _app(self) -> Any:
        settings: dict[str, Any] = {
            "broker": f"kafka://{self._bootstrap}",
            "store": self._store,
            "datadir": self._data,
            "key_serializer": "raw",
            "value_serializer": "raw",
            "processing_guarantee": "at_least_once",
            "topic_partitions": self._partitions,
            "topic_allow_declare": False,
            "topic_disable_leader": True,
            "table_standby_replicas": 0,
            "web_enabled": False,
            "logging_config": None,
            "broker_session_timeout": self._session_s,
            "broker_heartbeat_interval": self._session_s / 10,
            "broker_commit_interval": 2.0,
            # A batch's writes go out together and are awaited: lingering would only make it wait.
            "producer_linger": 0.0,
            "producer_max_request_size": 4 << 20,
            "stream_wait_empty": False,
        }
        return faust.App(APP, **settings)


class _Written:
    """The Faust table as a mapping that remembers the delivery reports of what was written to it."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self._reports: list[Any] = []
        self._events: dict[int, Any] = {}

    def met(self, event: Any) -> None:
        """Note an event of its partition."""
        self._events[event.message.partition] = event

    def at(self, partition: int) -> None:
        """Read and write in this partition from here on.

        Faust takes a table's partition from the event at hand, and a batch holds events of several. There is
        no public way to say it, but the pinned version has this one.
        """
        event = self._events.get(partition)
        faust.streams._current_event.set(None if event is None else weakref.ref(event))

    def get(self, key: bytes, /) -> bytes | None:
        value: bytes | None = self._table.data.get(key)
        return value

    def __setitem__(self, key: bytes, value: bytes, /) -> None:
        partition = self._table.partition_for_key(key)
        self._reports.append(self._table.send_changelog(partition, key, value))
        self._table.data[key] = value

    async def delivered(self) -> None:
        """Wait until the changelog has all that was written.

        Raises:
            Exception: it did not take a write.
        """
        reports, self._reports = self._reports, []
        if reports:
            await asyncio.gather(*reports)
