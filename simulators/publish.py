"""Publishing captures to a real broker, as gateways do: QoS 1, a bounded window, nothing dropped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from ingest.captures import Capture


class Lost(OSError):
    """The broker did not take a message in time."""


class Publisher:
    """A gateway: publishes captures and counts what the broker acknowledged."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        client_id: str = "kvartal-simulator",
        username: str | None = None,
        password: str | None = None,
        window: int = 200,
    ) -> None:
        self.acknowledged = 0
        """Messages that the broker has taken."""
        self._window = threading.Semaphore(window)
        self._size = window
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False, protocol=mqtt.MQTTv311
        )
        if username is not None:
            self._client.username_pw_set(username, password)
        self._client.max_inflight_messages_set(window)
        self._client.max_queued_messages_set(0)
        self._client.on_publish = self._on_publish
        self._client.connect(host, port, keepalive=30)
        self._client.loop_start()

    def publish(
        self,
        captures: Iterable[Capture],
        *,
        before: Callable[[Capture], None] = lambda _capture: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> int:
        """Publish messages in order; returns how many, when the broker has taken them all.

        Args:
            captures: The messages.
            before: Called with each message before it goes out (a simulator sets its clock here).
            stop: Called before each message; True ends early.

        Raises:
            Lost: the broker took nothing for a minute.
        """
        sent = 0
        for capture in captures:
            if stop():
                break
            if not self._window.acquire(timeout=60):
                raise Lost(f"the broker took no message for 60 s after {self.acknowledged}")
            before(capture)
            self._client.publish(capture.topic, capture.payload, qos=1, retain=capture.retain)
            sent += 1
        deadline = time.monotonic() + 60
        for answered in range(self._size):
            if not self._window.acquire(timeout=max(0.0, deadline - time.monotonic())):
                raise Lost(
                    f"the broker left {self._size - answered} of {sent} messages without an answer for 60 s"
                )
        self._window.release(self._size)
        return sent

    def close(self) -> None:
        """Disconnect cleanly."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_publish(self, _client: Any, _user: Any, _mid: Any, _reason: Any, _props: Any) -> None:
        self.acknowledged += 1
        self._window.release()
