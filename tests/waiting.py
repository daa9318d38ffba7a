"""Waiting for what other threads, processes and brokers do."""

from __future__ import annotations

import time
from collections.abc import Callable

from ingest.source import Message, MqttSource


def until(holds: Callable[[], bool], timeout_s: float = 60) -> None:
    """Returns as soon as `holds`; fails if it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"it did not come true within {timeout_s} s"
        time.sleep(0.01)


def take(source: MqttSource, count: int, timeout_s: float = 15) -> list[Message]:
    """Exactly `count` messages of a source, not acknowledged."""
    taken: list[Message] = []
    deadline = time.monotonic() + timeout_s
    while len(taken) < count and time.monotonic() < deadline:
        taken += source.take(count - len(taken), 0.1)
    assert len(taken) == count
    return taken
