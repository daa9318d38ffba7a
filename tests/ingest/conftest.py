"""What the tests of the source share: a gateway that publishes, and sources that are stopped at the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from ingest.mosquitto import Mosquitto
from ingest.source import MqttSource


class Gateway:
    """Publishes with QoS 1 and sends again, over reconnects, what the broker has not acknowledged."""

    def __init__(self, broker: Mosquitto) -> None:
        self.taken: set[int] = set()
        """Packet ids that the broker acknowledged."""
        self._changed = threading.Condition()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="gateway", clean_session=False, protocol=mqtt.MQTTv311
        )
        self._client.max_inflight_messages_set(200)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_publish = self._on_publish
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()

    def publish(self, topic: str, payload: bytes, **options: Any) -> None:
        options.setdefault("qos", 1)
        self._client.publish(topic, payload, **options)

    def wait(self, count: int, timeout_s: float = 30) -> None:
        """Until the broker has acknowledged `count` messages in all."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.taken) >= count, timeout_s), len(self.taken)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_publish(self, _client: Any, _user: Any, mid: int, _reason: Any, _props: Any) -> None:
        with self._changed:
            self.taken.add(mid)
            self._changed.notify_all()


@pytest.fixture
def gateway(mosquitto: Mosquitto) -> Iterator[Gateway]:
    publisher = Gateway(mosquitto)
    yield publisher
    publisher.close()


@pytest.fixture
def open_source(mosquitto: Mosquitto) -> Iterator[Callable[..., MqttSource]]:
    """Opens subscribed sources on the fixture's broker."""
    opened: list[MqttSource] = []

    def open_one(**options: Any) -> MqttSource:
        arguments: dict[str, Any] = {
            "host": mosquitto.host,
            "port": mosquitto.port,
            "client_id": "kvartal",
            "filters": ["m/#"],
            "clock": lambda: 1_700_000_000_000,
        }
        source = MqttSource(**(arguments | options))
        opened.append(source)
        source.start()
        return source

    yield open_one
    for source in opened:
        source.stop()
