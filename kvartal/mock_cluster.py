"""The whole cluster in one process, for `kvartal demo --engine faust`: ingest, mock Kafka and Faust worker.

librdkafka's mock cluster keeps the log in memory and forgets a partition's oldest messages past about 5 MB. So
the publisher never runs far ahead of the worker, and a message counts as taken when it has been applied.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from ingest.log import READINGS, REJECTED, RULINGS, EventLog, MockKafka
from ingest.source import Message, MqttSource
from kvartal.ingest import publish_all
from kvartal.pace import Pace
from metering.events import Decoded, Event, Rejected
from metering.site.model import Site
from streams.worker import CHANGELOG, Worker

_BATCH: Final = 100
_MOST_ON_THEIR_WAY: Final = 400
"""Messages; gateways' archives carry some kilobytes each, so a partition holds well under a megabyte of them."""


class _OneAtATime:
    """A sink for two threads: the worker writes figures, ingest writes rejections."""

    def __init__(self, write: Callable[[Sequence[Event]], None]) -> None:
        self._write = write
        self._lock = threading.Lock()

    def write(self, events: Sequence[Event]) -> None:
        with self._lock:
            self._write(events)


def serve_on_mock_cluster(
    *,
    source: MqttSource,
    site: Site,
    write: Callable[[Sequence[Event]], None],
    clock: Callable[[], int],
    stop: threading.Event,
    directory: Path,
    on_applied: Callable[[int], None],
) -> None:
    """Run the pipeline through Faust until `stop` is set.

    Args:
        source: The started source.
        site: The site.
        write: Stores events, rejections among them; never called by two threads at once.
        clock: The time [ms], for ticks.
        stop: Ends it.
        directory: Directory for Faust's files.
        on_applied: Called with the number of further messages that are applied and durable.

    Raises:
        RuntimeError: the worker did not start, or failed.
    """
    kafka = MockKafka()
    kafka.create([READINGS, REJECTED, RULINGS, CHANGELOG])
    sink = _OneAtATime(write)
    worker = Worker(
        bootstrap=kafka.bootstrap,
        partitions=MockKafka.PARTITIONS,
        site=site,
        sink=sink,
        topic=READINGS,
        data=str(directory / "faust"),
    )
    try:
        if not worker.start(60):
            raise RuntimeError(f"the Faust worker did not start: {worker.failed!r}")
        event_log = EventLog(bootstrap=kafka.bootstrap)
        pace = Pace(
            reader=worker, delivered=event_log.delivered, most=_MOST_ON_THEIR_WAY, on_applied=on_applied
        )

        def on_published(messages: list[Message], events: list[Decoded]) -> None:
            rejected = [event for event in events if isinstance(event, Rejected)]
            if rejected:
                sink.write(rejected)
            pace.sent(len(messages), stop.is_set)

        publish_all(
            source=source,
            event_log=event_log,
            site=site,
            clock=clock,
            stop=stop,
            on_published=on_published,
            each_round=pace.settle,
            batch=_BATCH,
        )
    finally:
        worker.stop()
        kafka.close()
