"""The no-loss MQTT source: messages out of the broker, acknowledged only after they are durable.

Theory of operation
-------------------
paho's thread only appends messages to a bounded deque; everything else happens in the thread that calls `take`.
The session is persistent under a fixed client id, and acknowledgements are manual: what is not acknowledged
comes again after a reconnect. Each rule below was measured (docs/sources.md#mqtt-receiver):

- MQTT 3.1.1 with clean_session=False: paho's v5 path costs 1.8 times the CPU per message.
- Subscribe on every connect, not only when the broker has no session: topic filters may have changed.
- An exception in `on_message` would kill paho's thread while `is_connected()` stays true. So the callback
  keeps its failure for `take` to raise, liveness is the time of the last packet, and a thread that died all
  the same is started again by `take`.
- An acknowledgement goes only to the connection that the message came in on, in order of arrival. A connection
  is a generation: it ends when paho notices that it is lost, and what it delivered and nobody took is dropped,
  because the broker delivers it again.
- When the consumer is slow it takes less and acknowledges less; the broker's window fills and it queues. A
  broker without a window (or publishers with QoS 0) fills the deque instead; then paho's thread waits, TCP
  pushes back, and in the worst case the broker drops the connection and delivers again on the next one.
- Only QoS 1 is safe from loss, and QoS 2 arrives as QoS 1. A QoS 0 message has nothing to acknowledge.
"""

from __future__ import annotations

import random
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

# More than any broker's window that is bounded at all (mosquitto: 20, ours 1000), and what memory can bear.
MOST_WAITING: Final = 10_000
MOST_WAITING_BYTES: Final = 64 << 20
_NO_FILTER: Final = "kvartal/nothing"
_STOP_S: Final = 2.0


class Message(NamedTuple):
    """One message as it came in."""

    topic: str
    payload: bytes
    received_at: int
    """By the clock of the pipeline [ms]."""
    retain: bool
    mid: int
    """The broker's number of the delivery; 0 for QoS 0."""
    generation: int
    """The connection it came in on."""


class _Client(mqtt.Client):
    """paho's client that also reports answered pings: an idle broker is alive too."""

    ponged: Callable[[], None]

    def _handle_pingresp(self) -> MQTTErrorCode:
        self.ponged()
        return super()._handle_pingresp()


class MqttSource:
    """Takes messages from a broker without losing any.

    Args:
        host: The broker's host.
        port: The broker's port.
        client_id: Fixed; the broker keeps the session under it, and two processes must not share one.
        filters: MQTT topic filters to subscribe to.
        clock: The time of the pipeline [ms], for `Message.received_at`.
        username: For the broker; None if it needs none.
        password: For the broker.
        tls: Whether to use TLS, or the context for it (client certificates, own authorities).
        session: Whether the broker keeps a session for us; False for a connection that only publishes.
        keepalive_s: A connection without a packet for one and a half times this is lost [s].
    """

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
        tls: bool | ssl.SSLContext = False,
        keepalive_s: int = 30,
        session: bool = True,
    ) -> None:
        self.host, self.port = host, port
        self._filters = list(filters)
        self._unwanted: list[str] = []
        """Earlier filters, which the broker may still have in our session."""
        self._clock = clock
        self._keepalive = keepalive_s
        self._arrived: deque[Message] = deque()
        # Written by one thread each, so that neither needs a lock for the difference.
        self._bytes_in = 0
        self._bytes_out = 0
        self._wake = threading.Event()
        self._room = threading.Event()
        self._generation = 0
        self._acking = threading.RLock()
        self._connected = threading.Event()
        self._subscribed = threading.Event()
        self._answered = threading.Event()
        self._answers: set[int] = set()
        """Numbers of the requests to unsubscribe that the broker has answered."""
        self._started = self._stopping = False
        self._failure: Exception | None = None
        self.refused: str | None = None
        """Why the broker turned us away, if it did."""
        self.last_packet = 0.0
        """Monotonic time of the last sign of life of the broker [s]."""
        self._client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=not session,
            protocol=mqtt.MQTTv311,
            manual_ack=True,
        )
        if username is not None:
            self._client.username_pw_set(username, password)
        if tls:
            self._client.tls_set_context(tls if tls is not True else ssl.create_default_context())
        # paho doubles the first delay up to the last. A first delay of our own keeps the consumers of a
        # restarted broker from coming back in step.
        first = random.uniform(0.5, 1.5)  # no secret hangs on it
        self._client.reconnect_delay_set(min_delay=first, max_delay=30)  # type: ignore[arg-type] # any number does
        self._client.ponged = self._heard
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_unsubscribe = self._on_unsubscribe
        self._client.on_message = self._on_message

    def start(self) -> None:
        """Connect in the background, and retry for ever; `refused` is the reason if the broker turns us away."""
        self._client.connect_async(self.host, self.port, keepalive=self._keepalive)
        self._client.loop_start()
        self._started = True

    def wait_subscribed(self, timeout_s: float) -> bool:
        """Whether the broker confirms the subscription within `timeout_s`."""
        return self._subscribed.wait(timeout_s)

    @property
    def connected(self) -> bool:
        """Whether a packet of the broker came within one and a half keep-alive intervals."""
        return self._connected.is_set() and time.monotonic() - self.last_packet < 1.5 * self._keepalive + 5

    @property
    def waiting(self) -> int:
        """Messages that arrived and were not taken yet."""
        return len(self._arrived)

    def take(self, limit: int, timeout_s: float) -> list[Message]:
        """Up to `limit` messages in order of arrival; waits for the first one up to `timeout_s`.

        Raises:
            Exception: a failure of the callback (a bug, or the clock's), raised once.
        """
        if not self._arrived:
            if self._started and not self._stopping:
                self._client.loop_start()  # does nothing while paho's thread lives
            self._wake.clear()
            if not self._arrived and self._failure is None:
                self._wake.wait(timeout_s)
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        taken: list[Message] = []
        while len(taken) < limit:
            try:
                message = self._arrived.popleft()
            except IndexError:
                break
            self._bytes_out += len(message.payload)
            if message.generation == self._generation or not message.mid:
                taken.append(message)
        self._room.set()
        return taken

    def ack(self, messages: Sequence[Message]) -> None:
        """Acknowledge messages that are durable, in order of arrival; those of a lost connection come again."""
        with self._acking:
            for message in messages:
                if message.mid and message.generation == self._generation:
                    self._client.ack(message.mid, 1)

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish something of our own (alerts), QoS 1; queued while there is no connection."""
        self._client.publish(topic, payload, qos=1)

    def follow(self, filters: Sequence[str]) -> None:
        """Subscribe to these filters from now on, and to no others; messages that arrived before are still taken."""
        before, self._filters = self._filters, list(filters)
        self._unwanted = [topic for topic in (*self._unwanted, *before) if topic not in filters]
        if not self._connected.is_set():
            return  # each connection subscribes to the current filters
        new = [topic for topic in filters if topic not in before]
        gone = [topic for topic in before if topic not in filters]
        if new:
            self._subscribed.clear()
            self._client.subscribe([(topic, 1) for topic in new])
        if gone:
            self._client.unsubscribe(gone)

    def stop(self) -> None:
        """Disconnect cleanly, after the acknowledgements given so far. The session stays and queues for us."""
        self._stopping = True
        self._room.set()
        if self._connected.is_set():
            # mosquitto drops what it has not read yet of a connection when the next one with our id comes in.
            # It answers in order, so after the answer to a request that changes nothing it has read them all.
            _, asked = self._client.unsubscribe(_NO_FILTER)
            deadline = time.monotonic() + _STOP_S
            while asked not in self._answers and time.monotonic() < deadline:
                self._answered.clear()
                if asked not in self._answers:
                    self._answered.wait(max(0.0, deadline - time.monotonic()))
        self._client.disconnect()
        self._client.loop_stop()

    # paho's thread from here on: nothing below may raise or take long.

    def _heard(self) -> None:
        self.last_packet = time.monotonic()

    def _next_generation(self) -> None:
        # Under the lock, so that no acknowledgement is on its way to paho between the check and the change.
        # paho drops what is left of the old connection when it opens the next.
        with self._acking:
            self._generation += 1
        self._answers.clear()

    def _on_connect(self, client: mqtt.Client, _user: Any, _flags: Any, reason: Any, _props: Any) -> None:
        if reason.is_failure:
            self.refused = str(reason)
            return
        self.refused = None
        self._next_generation()
        self._heard()
        sock = client.socket()
        if isinstance(sock, socket.socket):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._filters:
            client.subscribe([(topic, 1) for topic in self._filters])
        if self._unwanted:
            client.unsubscribe(self._unwanted)
        self._connected.set()

    def _on_disconnect(
        self, _client: mqtt.Client, _user: Any, _flags: Any, _reason: Any, _props: Any
    ) -> None:
        self._next_generation()
        self._connected.clear()
        self._subscribed.clear()

    def _on_subscribe(self, _client: mqtt.Client, _user: Any, _mid: int, reasons: Any, _props: Any) -> None:
        self._heard()
        if any(reason.is_failure for reason in reasons):
            self.refused = "the broker does not let us subscribe: " + ", ".join(self._filters)
            return
        self._subscribed.set()

    def _on_unsubscribe(self, _client: mqtt.Client, _user: Any, mid: int, _reasons: Any, _props: Any) -> None:
        self._answers.add(mid)
        self._answered.set()

    def _full(self) -> bool:
        return len(self._arrived) >= MOST_WAITING or self._bytes_in - self._bytes_out >= MOST_WAITING_BYTES

    def _on_message(self, _client: mqtt.Client, _user: Any, message: mqtt.MQTTMessage) -> None:
        try:
            self._heard()
            while self._full() and not self._stopping:
                self._room.clear()
                if self._full() and not self._stopping:
                    self._room.wait()
            try:
                topic = message.topic
            except UnicodeDecodeError:
                topic = repr(message._topic)  # a topic that is not UTF-8 is rejected later, not lost here
            payload = bytes(message.payload)
            self._bytes_in += len(payload)
            self._arrived.append(
                Message(topic, payload, self._clock(), message.retain, message.mid, self._generation)
            )
        except Exception as error:  # it would kill paho's thread; `take` raises it where it is seen
            self._failure = error
        self._wake.set()
