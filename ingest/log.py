"""The event log: readings, rejections and ticks on Kafka, keyed by building.

`publish` returns when every message has its delivery report, so that MQTT may be acknowledged then (law 4).
Topics are created explicitly with a fixed number of partitions: the partition of a building must never move.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from metering.events import Readings, Rejected, Tick

READINGS: Final = "kvartal-readings"
REJECTED: Final = "kvartal-rejected"

_encode = msgspec.msgpack.Encoder().encode


class NotDelivered(OSError):
    """The log did not take a message: nothing of the batch may be acknowledged."""


class EventLog:
    """Publishes events to the log."""

    def __init__(self, *, bootstrap: str, idempotent: bool = True, timeout_s: float = 30.0) -> None:
        self._timeout_s = timeout_s
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "acks": "all",
                "enable.idempotence": idempotent,
                "linger.ms": 5,
                "message.timeout.ms": int(timeout_s * 1000),
                "partitioner": "murmur2_random",
                "log.connection.close": False,
            }
        )
        self.delivered: dict[int, int] = {}
        """Newest offset delivered, by partition of the readings topic."""

    def publish(self, events: Sequence[Readings | Rejected | Tick]) -> None:
        """Publish events; on the log, replicated, when this returns.

        Raises:
            NotDelivered: at least one was not taken in time.
        """
        failed: list[str] = []

        def report(error: KafkaError | None, message: Any) -> None:
            if error is not None:
                failed.append(str(error))
            elif message.topic() == READINGS:
                partition = message.partition()
                self.delivered[partition] = max(self.delivered.get(partition, -1), message.offset())

        for event in events:
            topic = REJECTED if isinstance(event, Rejected) else READINGS
            key = event.topic if isinstance(event, Rejected) else event.building
            while True:
                try:
                    self._producer.produce(topic, value=_encode(event), key=key.encode(), on_delivery=report)
                    break
                except BufferError:
                    self._producer.poll(0.1)
        left = self._producer.flush(self._timeout_s)
        if failed or left:
            raise NotDelivered(f"the event log did not take {len(failed) + left} messages: {failed[:1]}")


def create_topics(
    bootstrap: str,
    *,
    partitions: int,
    replicas: int = 1,
    changelogs: Sequence[str] = (),
    timeout_s: float = 30.0,
) -> None:
    """Create the log's topics where they are missing, and check their partitions.

    Args:
        bootstrap: Bootstrap servers.
        partitions: Partitions of the readings topic and of the changelogs.
        replicas: Replication factor.
        changelogs: Compacted topics of the workers' state, with as many partitions.
        timeout_s: How long to wait for the cluster.

    Raises:
        NotDelivered: the cluster cannot be reached, or a topic has another number of partitions.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap})
    wanted = [
        NewTopic(READINGS, partitions, replicas, config={"retention.ms": "-1"}),
        NewTopic(REJECTED, partitions, replicas),
        *(
            NewTopic(
                name,
                partitions,
                replicas,
                config={"cleanup.policy": "compact", "max.message.bytes": "4194304"},
            )
            for name in changelogs
        ),
    ]
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            present = admin.list_topics(timeout=5).topics
            break
        except KafkaException as error:
            if time.monotonic() > deadline:
                raise NotDelivered(f"Kafka at {bootstrap} cannot be reached: {error}") from None
    for topic in wanted:
        found = present.get(topic.topic)
        if found is not None and len(found.partitions) != topic.num_partitions:
            raise NotDelivered(
                f"topic {topic.topic} has {len(found.partitions)} partitions, KVARTAL_PARTITIONS says "
                f"{topic.num_partitions}: the number is fixed for the life of the log"
            )
    missing = [topic for topic in wanted if topic.topic not in present]
    if missing:
        for name, future in admin.create_topics(missing, operation_timeout=timeout_s).items():
            try:
                future.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise NotDelivered(f"topic {name} cannot be created: {error}") from None


class MockKafka:
    """librdkafka's mock cluster, in this process: the broker of `demo --engine faust` and of tests.

    It keeps everything in memory, forgets a partition's oldest messages past about 5 MB, creates topics by
    itself with 4 partitions, and cannot create them on request. It is no place for real readings.
    """

    PARTITIONS: Final = 4

    def __init__(self) -> None:
        self._owner = Producer(
            {"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log.connection.close": False}
        )
        brokers = self._owner.list_topics(timeout=10).brokers
        self.bootstrap = ",".join(f"{b.host}:{b.port}" for b in brokers.values())

    def create(self, topics: Sequence[str]) -> None:
        """Have topics created by asking for them."""
        for topic in topics:
            self._owner.list_topics(topic, timeout=10)

    def close(self) -> None:
        """End the cluster."""
        self._owner.flush(1)
        del self._owner
