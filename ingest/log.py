"""The event log: readings, rejections, rulings and ticks on Kafka, keyed by building.

`publish` returns when every message has its delivery report, so that MQTT may be acknowledged then
(law 4, docs/laws.md).
Topics are created explicitly with a fixed number of partitions: the partition of a building must never move.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from metering.events import Awaited, Decoded, Fitted, Rejected, Ruled, StationReadings, Tick
from metering.ledger.rulings import ruling_id

READINGS: Final = "kvartal-readings"
REJECTED: Final = "kvartal-rejected"
RULINGS: Final = "kvartal-rulings"
"""Every statement of a person about readings, compacted: the list of them. The ledger takes them from `READINGS`, in
order with the readings of their building."""

LONGEST: Final = 4 << 20
"""Longest message [B]. The decoder refuses payloads of more than 1 MiB, and readings become shorter here."""
_MOST_REJECTED: Final = 2 << 20

log = logging.getLogger("kvartal.log")
# librdkafka's own words come through Python's logging, not straight to stderr.
_kafka = logging.getLogger("kvartal.kafka")

_encode = msgspec.msgpack.Encoder().encode


class NotDelivered(OSError):
    """The log did not take a message: no message of the batch may be acknowledged."""


class EventLog:
    """Publishes events to the log. One thread at a time."""

    def __init__(self, *, bootstrap: str, idempotent: bool = True, timeout_s: float = 30.0) -> None:
        """
        Args:
            bootstrap: Bootstrap servers of Kafka.
            idempotent: Whether the broker numbers our messages, so that a retry within a batch does not double
                one; off for brokers that cannot.
            timeout_s: How long the log may take for a batch [s].
        """
        self._timeout_s = timeout_s
        self._settings = {
            "bootstrap.servers": bootstrap,
            "acks": "all",
            "enable.idempotence": idempotent,
            "linger.ms": 5,
            "message.timeout.ms": int(timeout_s * 1000),
            "partitioner": "murmur2_random",
            "message.max.bytes": LONGEST,
            "log.connection.close": False,
        }
        self._producer = Producer(self._settings, logger=_kafka)
        self.delivered: dict[int, int] = {}
        """Newest offset delivered, by partition of the readings topic."""

    def publish(self, events: Sequence[Decoded | Ruled | Tick | Fitted | Awaited]) -> None:
        """Publish events; on the log, replicated, when this returns.

        Raises:
            NotDelivered: at least one was not taken in time. Publish all of them again: the pipeline recognises
                those that were taken as duplicates.
        """
        failed: list[KafkaError] = []

        def report(error: KafkaError | None, message: Any) -> None:
            if error is not None:
                failed.append(error)
            elif message.topic() == READINGS:
                partition = message.partition()
                self.delivered[partition] = max(self.delivered.get(partition, -1), message.offset())

        deadline = time.monotonic() + self._timeout_s
        try:
            for event in events:
                self._produce(event, report, deadline)
            left = self._producer.flush(max(0.0, deadline - time.monotonic()))
        except KafkaException as error:
            failed.append(error.args[0])
            left = 0
        if failed or left:
            why = failed[0].str() if failed else f"no answer within {self._timeout_s:.0f} s"
            missing = max(left, len(failed))
            # Queued messages must not be sent later, after the batch that is published again.
            self._producer.purge()
            self._producer.poll(0)
            if any(error.fatal() or error.code() == KafkaError._FATAL for error in failed):
                self._producer = Producer(self._settings, logger=_kafka)
            raise NotDelivered(f"the event log did not take {missing} messages: {why}")

    def _produce(
        self, event: Decoded | Ruled | Tick | Fitted | Awaited, report: Any, deadline: float
    ) -> None:
        if isinstance(event, Rejected):
            topic, key = REJECTED, event.topic
            if len(event.payload) > _MOST_REJECTED:
                # Kafka bounds the length of a message; of a payload too large to be read the beginning is kept.
                detail = f"{event.detail}; the first {_MOST_REJECTED} of {len(event.payload)} bytes are kept"
                event = msgspec.structs.replace(event, payload=event.payload[:_MOST_REJECTED], detail=detail)
        elif isinstance(event, StationReadings):
            topic, key = READINGS, ""  # of no building; in order with what is on the log
        else:
            topic, key = READINGS, event.building
        if isinstance(event, Ruled):
            for ruling in event.rulings:
                single = msgspec.structs.replace(event, rulings=(ruling,))
                # One key a statement: stating an older one again must not hide a newer one.
                said = f"{event.register}/{ruling_id(event.register, ruling)}/{ruling.stated_at}"
                self._send(RULINGS, f"{said}/{ruling.withdrawn}", _encode(single), report, deadline)
        self._send(topic, key, _encode(event), report, deadline)

    def _send(self, topic: str, key: str, value: bytes, report: Any, deadline: float) -> None:
        while True:
            try:
                self._producer.produce(topic, value=value, key=key.encode(), on_delivery=report)
                return
            except BufferError:
                # The queue is full (100,000 messages): wait until some are delivered.
                self._producer.poll(0.1)
                if time.monotonic() > deadline:
                    raise KafkaException(KafkaError(KafkaError._QUEUE_FULL)) from None


def create_topics(
    bootstrap: str,
    *,
    partitions: int,
    replicas: int = 1,
    changelogs: Sequence[str] = (),
    timeout_s: float = 30.0,
) -> None:
    """Create missing topics of the log, and check the partitions of existing ones.

    Args:
        bootstrap: Bootstrap servers.
        partitions: Partitions of the readings topic and of the changelogs.
        replicas: Replication factor.
        changelogs: Compacted topics of the workers' state, with as many partitions.
        timeout_s: How long to wait for the cluster.

    Raises:
        NotDelivered: the cluster cannot be reached, or a topic has another number of partitions.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap}, logger=_kafka)
    longest = {"max.message.bytes": str(LONGEST)}
    topics = [
        NewTopic(READINGS, partitions, replicas, config={"retention.ms": "-1", **longest}),
        NewTopic(REJECTED, partitions, replicas, config={"retention.ms": "-1", **longest}),
        *(
            NewTopic(
                name,
                partitions,
                replicas,
                config={"cleanup.policy": "compact", **longest},
            )
            for name in (RULINGS, *changelogs)
        ),
    ]
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            present = admin.list_topics(timeout=min(5.0, timeout_s)).topics
            break
        except KafkaException as error:
            if time.monotonic() > deadline:
                raise NotDelivered(f"Kafka at {bootstrap} cannot be reached: {error}") from None
    for topic in topics:
        existing = present.get(topic.topic)
        if existing is not None and len(existing.partitions) != topic.num_partitions:
            raise NotDelivered(
                f"topic {topic.topic} has {len(existing.partitions)} partitions, KVARTAL_PARTITIONS says "
                f"{topic.num_partitions}: the number is fixed for the life of the log"
            )
    missing = [topic for topic in topics if topic.topic not in present]
    if missing:
        for name, future in admin.create_topics(missing, operation_timeout=timeout_s).items():
            try:
                future.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise NotDelivered(f"topic {name} cannot be created: {error}") from None


def read_rulings(bootstrap: str, *, timeout_s: float = 30.0) -> list[bytes]:
    """Every message of the topic of rulings that the log has now, partition by partition.

    Raises:
        NotDelivered: the cluster cannot be reached, or does not answer in time.
    """
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "kvartal-rulings-list", "enable.auto.commit": False},
        logger=_kafka,
    )
    deadline = time.monotonic() + timeout_s
    try:
        listed = consumer.list_topics(RULINGS, timeout=timeout_s).topics[RULINGS].partitions
        ends: dict[int, int] = {}
        for partition in listed:
            first, end = consumer.get_watermark_offsets(TopicPartition(RULINGS, partition), timeout=timeout_s)
            if end > first:
                ends[partition] = end
        consumer.assign([TopicPartition(RULINGS, partition, OFFSET_BEGINNING) for partition in ends])
        messages: list[bytes] = []
        while ends:
            if time.monotonic() > deadline:
                raise NotDelivered(f"Kafka at {bootstrap} did not give the rulings within {timeout_s:.0f} s")
            message = consumer.poll(0.5)
            if message is None:
                # Compaction may have removed the last messages of a partition: its position says so.
                where = consumer.position([TopicPartition(RULINGS, partition) for partition in ends])
                for at in where:
                    if at.offset >= ends[at.partition]:
                        del ends[at.partition]
                continue
            error, value = message.error(), message.value()
            partition, offset = message.partition(), message.offset()
            if error is not None:
                raise KafkaException(error)
            if value:
                messages.append(value)
            if partition is not None and offset is not None and offset + 1 >= ends.get(partition, 0):
                ends.pop(partition, None)
        return messages
    except KafkaException as error:
        raise NotDelivered(f"Kafka at {bootstrap}: {error}") from None
    finally:
        consumer.close()


class MockKafka:
    """librdkafka's mock cluster, in this process: the broker of `demo --engine faust` and of tests.

    It keeps everything in memory, forgets a partition's oldest messages past about 5 MB, creates topics by
    itself with 4 partitions, and cannot create them on request. It is not for real readings.
    """

    PARTITIONS: Final = 4

    def __init__(self) -> None:
        self._owner = Producer(
            {"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log.connection.close": False},
            logger=_kafka,
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
