"""The no-loss MQTT source: messages out of the broker, acknowledged only after they are durable.

Theory of operation
-------------------
paho's thread only appends (message, connection generation) to a deque; everything else happens in the
thread that calls `take`. The session is persistent under a fixed client id, and acknowledgements are
manual: what is not acknowledged comes again after a reconnect. Each rule below was measured (facts/mqtt.md):

- MQTT 3.1.1 with clean_session=False: paho's v5 path costs 1.8 times the CPU per message.
- Subscribe on every connect, not only when the broker has no session: topic filters may have changed.
- An exception in `on_message` would kill paho's thread while `is_connected()` stays true, so the callback
  cannot raise, and liveness is the time of the last packet.
- An acknowledgement goes only to the connection that the message came in on, in order of arrival.
- When the consumer is slow it takes less and acknowledges less; the broker's window fills and it queues.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion


class Message(NamedTuple):
    """One message as it came in."""

    topic: str
    payload: bytes
    received_at: int
    """By the clock of the pipeline [ms]."""
    retain: bool
    mid: int
    generation: int
    """The connection it came in on."""


class MqttSource:
    """Takes messages from a broker without losing any."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        client_id: str,
        filters: Sequence[str],
        clock: Callable[[], int],
        username: str | None = None,
        password: str | None = None,
        tls: bool = False,
        keepalive_s: int = 30,
    ) -> None:
        self.host, self.port = host, port
        self._filters = list(filters)
        self._clock = clock
        self._arrived: deque[Message] = deque()
        self._wake = threading.Event()
        self._generation = 0
        self._connected = threading.Event()
        self._subscribed = threading.Event()
        self._keepalive = keepalive_s
        self.refused: str | None = None
        """Why the broker turned us away, if it did."""
        self.last_packet = 0.0
        """Monotonic time of the last sign of life of the broker [s]."""
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=False,
            protocol=mqtt.MQTTv311,
            manual_ack=True,
        )
        if username is not None:
            self._client.username_pw_set(username, password)
        if tls:
            self._client.tls_set_context(ssl.create_default_context())
        self._client.reconnect_delay_set(min_delay=1, max_delay=30)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def start(self) -> None:
        """Connect in the background and go on trying for ever; `refused` says when that cannot help."""
        self._client.connect_async(self.host, self.port, keepalive=self._keepalive)
        self._client.loop_start()

    def wait_subscribed(self, timeout_s: float) -> bool:
        """Whether the subscription stood within `timeout_s`."""
        return self._subscribed.wait(timeout_s)

    @property
    def connected(self) -> bool:
        """Whether the broker has been heard within the keep-alive interval and a half."""
        return self._connected.is_set() and time.monotonic() - self.last_packet < 1.5 * self._keepalive + 5

    def take(self, limit: int, timeout_s: float) -> list[Message]:
        """Up to `limit` messages; waits for the first one up to `timeout_s`."""
        if not self._arrived:
            self._wake.clear()
            if not self._arrived:
                self._wake.wait(timeout_s)
        taken: list[Message] = []
        while len(taken) < limit:
            try:
                taken.append(self._arrived.popleft())
            except IndexError:
                break
        return taken

    def ack(self, messages: Sequence[Message]) -> None:
        """Acknowledge messages that are durable, in order of arrival; those of a lost connection come again."""
        for message in messages:
            if message.generation == self._generation:
                self._client.ack(message.mid, 1)

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish something of our own (alerts), QoS 1; queued while there is no connection."""
        self._client.publish(topic, payload, qos=1)

    @property
    def waiting(self) -> int:
        """Messages that arrived and were not taken yet."""
        return len(self._arrived)

    def stop(self) -> None:
        """Disconnect cleanly. The session stays at the broker and queues for us."""
        self._client.disconnect()
        self._client.loop_stop()

    # paho's thread from here on: nothing below may raise or work.

    def _on_connect(self, client: mqtt.Client, _user: Any, _flags: Any, reason: Any, _props: Any) -> None:
        if reason.is_failure:
            self.refused = str(reason)
            return
        self.refused = None
        self._generation += 1
        # What the old connection delivered and nobody took is delivered again on this one.
        self._arrived.clear()
        self.last_packet = time.monotonic()
        sock = client.socket()
        if isinstance(sock, socket.socket):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._filters:
            client.subscribe([(topic, 1) for topic in self._filters])
        self._connected.set()

    def _on_disconnect(
        self, _client: mqtt.Client, _user: Any, _flags: Any, _reason: Any, _props: Any
    ) -> None:
        self._connected.clear()
        self._subscribed.clear()

    def _on_subscribe(self, _client: mqtt.Client, _user: Any, _mid: int, reasons: Any, _props: Any) -> None:
        self.last_packet = time.monotonic()
        if any(reason.is_failure for reason in reasons):
            self.refused = "the broker does not let us subscribe: " + ", ".join(self._filters)
            return
        self._subscribed.set()

    def _on_message(self, _client: mqtt.Client, _user: Any, message: mqtt.MQTTMessage) -> None:
        self.last_packet = time.monotonic()
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = repr(message._topic)  # a topic that is not UTF-8 is rejected later, not lost here
        self._arrived.append(
            Message(
                topic, bytes(message.payload), self._clock(), message.retain, message.mid, self._generation
            )
        )
        self._wake.set()
