"""The embedded service: broker -> pipeline -> store, in one thread, until it is told to stop.

MQTT is acknowledged only after the store has committed (law 4,
docs/laws.md). Ticks let the pipeline know the time, so
that silence is noticed when nothing arrives at all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from ingest.source import Message, MqttSource
from metering.events import Alert
from streams.embedded import Batch, Embedded

_BATCH = 500
_TICK_MS = 60_000


class Told(Protocol):
    """Somebody who wants to know what each batch brought."""

    def __call__(self, messages: list[Message], batch: Batch) -> None: ...


def serve(
    *,
    source: MqttSource,
    runner: Embedded,
    clock: Callable[[], int],
    stop: threading.Event,
    told: Told = lambda messages, batch: None,
    alert: Callable[[list[Alert]], None] = lambda alerts: None,
    refused: Callable[[str], None] = lambda reason: None,
    renew: Callable[[], None] = lambda: None,
) -> None:
    """Take messages, run the pipeline over them, commit, acknowledge; until `stop` is set.

    Args:
        source: The started source.
        runner: The embedded pipeline.
        clock: The time [ms], for ticks.
        stop: Ends the loop after the batch at hand.
        told: Called after each batch is durable and acknowledged.
        alert: Called with alerts that were opened, updated or resolved.
        refused: Called with the reason, each minute that the broker turns us away.
        renew: Called between two batches, where the runner may be given another site.
    """
    ticked = clock()
    while not stop.is_set():
        renew()
        messages = source.take(_BATCH, 0.2)
        if messages:
            batch = runner.take(messages)
            source.ack(messages)
            told(messages, batch)
            if batch.alerts:
                alert(batch.alerts)
        now = clock()
        if now - ticked >= _TICK_MS:
            ticked = now
            if source.refused is not None:
                refused(source.refused)
            batch = runner.tick(now)
            if batch.alerts:
                alert(batch.alerts)
                told([], batch)
