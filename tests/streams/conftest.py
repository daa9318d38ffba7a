"""What the tests of the cluster share: a Kafka mock cluster, workers on it, and figures to compare."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.log import READINGS, REJECTED, RULINGS, EventLog, MockKafka
from metering.events import Event
from metering.site.model import Site
from storage.sqlite import Store
from streams.engine import Batch
from streams.worker import CHANGELOG, Worker


@pytest.fixture
def collected() -> Iterator[None]:
    """Collects what paho, Faust and aiokafka leave to the garbage collector, while the test's filters hold."""
    yield
    gc.collect()


@pytest.fixture
def kafka(collected: None) -> Iterator[MockKafka]:
    cluster = MockKafka()
    cluster.create([READINGS, REJECTED, RULINGS, CHANGELOG])
    yield cluster
    cluster.close()


@pytest.fixture
def event_log(kafka: MockKafka) -> EventLog:
    return EventLog(bootstrap=kafka.bootstrap)


class StoreSink:
    """The embedded store as a sink, several workers' if need be."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._store = Store(path)
        self._lock = threading.Lock()

    def write(self, events: Iterable[Event]) -> None:
        batch = Batch()
        batch.keep(events)
        with self._lock:
            self._store.commit(parts={}, events=batch.events, counts=batch.counts)

    def close(self) -> None:
        self._store.close()


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[StoreSink]:
    made = StoreSink(tmp_path / "faust.db")
    yield made
    made.close()


@pytest.fixture
def start_worker(kafka: MockKafka, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Starts workers on the cluster, and stops them at the end."""
    started: list[Worker] = []

    def start(site: Site, sink: Any, **options: Any) -> Worker:
        arguments: dict[str, Any] = {
            "bootstrap": kafka.bootstrap,
            "partitions": MockKafka.PARTITIONS,
            "topic": READINGS,
            "data": str(tmp_path / "faust"),
            "session_s": 6.0,
        }
        worker = Worker(site=site, sink=sink, **(arguments | options))
        started.append(worker)
        assert worker.start(60), worker.failed
        return worker

    yield start
    for worker in started:
        worker.stop()
