"""Law 4 (docs/laws.md) with real processes: consumers killed in mid-stream, a broker that goes away, poison in the queue.

The consumer is a process of its own that appends what it took to a file, syncs it, and then acknowledges. A
reading is lost where the broker took it from the gateway and the file does not have it. What mosquitto's own log
says decides whether an acknowledgement was sent that nothing had asked for.
"""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.broker import free_port
from ingest.decode import Decoder
from ingest.mosquitto import Mosquitto
from ingest.source import Message, MqttSource
from metering.events import Readings, Rejected
from tests.waiting import take, until

CONSUMER = """
import os, sys
from ingest.source import MqttSource
source = MqttSource(host="127.0.0.1", port=int(sys.argv[1]), client_id="kvartal", filters=["m/#"], clock=lambda: 0)
source.start()
with open(sys.argv[2], "ab") as log:
    while True:
        messages = source.take(50, 0.2)
        if messages:
            log.write(b"".join(m.payload + b"\\n" for m in messages))
            log.flush()
            os.fsync(log.fileno())
            source.ack(messages)
"""


class Consumer:
    """A consumer process and what it made durable."""

    def __init__(self, port: int, log: Path) -> None:
        self._log = log
        self._process = subprocess.Popen([sys.executable, "-c", CONSUMER, str(port), str(log)])

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def read(self) -> list[int]:
        """The numbers in the file; a line that the kill cut off was not acknowledged and does not count."""
        text = self._log.read_bytes() if self._log.exists() else b""
        return [int(line) for line in text[: text.rfind(b"\n") + 1].split()]


@pytest.fixture
def consume(mosquitto: Mosquitto, tmp_path: Path) -> Iterator[Callable[[], Consumer]]:
    """Starts consumers that write one file."""
    started: list[Consumer] = []

    def start() -> Consumer:
        started.append(Consumer(mosquitto.port, tmp_path / "consumed"))
        return started[-1]

    yield start
    for consumer in started:
        consumer.kill()


@pytest.fixture
def session(mosquitto: Mosquitto) -> None:
    """The consumer's session exists and is on disk before anything is published."""
    source = MqttSource(
        host="127.0.0.1", port=mosquitto.port, client_id="kvartal", filters=["m/#"], clock=lambda: 0
    )
    source.start()
    assert source.wait_subscribed(10)
    source.stop()
    mosquitto.save()


def first_occurrences(numbers: list[int]) -> list[int]:
    return list(dict.fromkeys(numbers))


def test_a_consumer_that_is_killed_in_mid_stream_loses_nothing(
    session: None, gateway: Any, consume: Callable[[], Consumer]
) -> None:
    total, kills = 6_000, 4
    consumer = consume()
    numbers = iter(range(total))
    for round_ in range(1, kills + 2):
        for n in itertools.islice(numbers, total // (kills + 1)):
            gateway.publish("m/a", b"%d" % n)
        # Killed while it works on this round's messages, which are still arriving.
        if round_ <= kills:
            goal = (round_ - 1) * total // (kills + 1) + 200
            until(lambda goal=goal, log=consumer: len(set(log.read())) >= goal, 30)
            consumer.kill()
            consumer = consume()
    gateway.wait(total)
    until(lambda: len(set(consumer.read())) == total, 30)
    assert first_occurrences(consumer.read()) == list(range(total))


def test_a_broker_that_is_restarted_loses_nothing(
    session: None,
    mosquitto: Mosquitto,
    gateway: Any,
    consume: Callable[[], Consumer],
) -> None:
    total = 3_000
    consumer = consume()
    for n in range(total):
        gateway.publish("m/a", b"%d" % n)
        if n in (1_000, 2_000):
            gateway.wait(n - 500)
            mosquitto.stop()
            mosquitto.start()
    gateway.wait(total, 60)
    until(lambda: len(set(consumer.read())) == total, 30)
    # The gateway sends again what the broker had not acknowledged, so numbers may come late, but all come.
    assert sorted(set(consumer.read())) == list(range(total))


def test_poison_is_acknowledged_and_does_not_stop_its_successors(
    session: None, mosquitto: Mosquitto, gateway: Any, open_source: Callable[..., MqttSource]
) -> None:
    poison = [
        b"\xff\x00",
        b"[" * 20_000,
        b'{"readings": [[1e999, {}]]}',
        b"",
        b"\x00" * 100_000,
        b'{"value": NaN}',
    ]
    good = b'{"time": "2026-01-01T00:00:00Z", "value": 1, "unit": "Gcal"}'
    topic = "kvartal/v1/b01/heat/readings"
    source = open_source(filters=["kvartal/v1/+/+/readings"], clock=lambda: 1_767_225_600_000)
    assert source.wait_subscribed(10)
    for payload in [*poison, good, *poison, good]:
        gateway.publish(topic, payload)
    decoder = Decoder()
    results: list[Readings | Rejected] = []
    for _ in range(100):
        messages = source.take(3, 0.2)
        for m in messages:
            results += decoder.decode(m.topic, m.payload, received_at=m.received_at, retain=m.retain)
        source.ack(messages)
        if len(results) == 2 * len(poison) + 2:
            break
    assert [isinstance(r, Readings) for r in results] == [*[False] * len(poison), True] * 2
    source.stop()
    again = open_source(filters=["kvartal/v1/+/+/readings"])
    assert again.wait_subscribed(10)
    assert again.take(1, 0.2) == []


@pytest.fixture
def talkative(tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mosquitto]:
    """A mosquitto that logs every packet."""
    monkeypatch.setattr("ingest.mosquitto.CONF", CONF_WITH_PACKETS)
    broker = Mosquitto(tmp_path / "talkative", port=free_port())
    broker.start()
    yield broker
    broker.stop()


CONF_WITH_PACKETS = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {directory}/
max_inflight_messages 100
log_dest file {directory}/mosquitto.log
log_type all
"""

SENT = re.compile(r"Sending PUBLISH to kvartal \(d\d, q1, r\d, m(\d+)")
ACKED = re.compile(r"Received PUBACK from kvartal \(Mid: (\d+)")
CONNECTED = re.compile(r"New client connected from \S+ as kvartal ")


def test_no_message_is_acknowledged_twice_or_on_another_connection(
    talkative: Mosquitto,
    tmp_path: Path,
) -> None:
    source = MqttSource(
        host="127.0.0.1", port=talkative.port, client_id="kvartal", filters=["m/#"], clock=lambda: 0
    )
    feeder = MqttSource(
        host="127.0.0.1", port=talkative.port, client_id="feeder", filters=[], clock=lambda: 0
    )
    try:
        source.start()
        feeder.start()
        assert source.wait_subscribed(10)
        for n in range(400):
            feeder.publish("m/a", b"%d" % n)
        seen: list[Message] = []
        for round_ in range(8):
            messages = take(source, 30)
            if round_ in (2, 5):
                talkative.stop()  # what was taken belongs to a connection that has ended
                until(lambda: not source.connected)
                talkative.start()
                assert source.wait_subscribed(20)
            source.ack(messages)
            seen += messages
        deadline = time.monotonic() + 30
        # The feeder reconnects when it likes: wait for all of its messages, then for what is delivered again.
        while (more := source.take(50, 0.5)) or len({m.payload for m in seen}) < 400:
            assert time.monotonic() < deadline, len(seen)
            source.ack(more)
            seen += more
        assert {int(m.payload) for m in seen} == set(range(400))
    finally:
        source.stop()
        feeder.stop()
        talkative.stop()
    outstanding: set[str] = set()
    acknowledged = 0
    for line in (tmp_path / "talkative" / "mosquitto.log").read_text().splitlines():
        if CONNECTED.search(line):
            outstanding.clear()
        elif sent := SENT.search(line):
            outstanding.add(sent[1])
        elif acked := ACKED.search(line):
            assert acked[1] in outstanding, f"nothing had asked for this acknowledgement: {line}"
            outstanding.remove(acked[1])
            acknowledged += 1
    # The feeder sends again what the broker had not acknowledged when it stopped: those are further messages.
    assert acknowledged >= 400
    assert not outstanding
