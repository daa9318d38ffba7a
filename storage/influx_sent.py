"""Notifications sent, remembered in InfluxDB for all workers of a cluster.

A mark is a point at the epoch with the key as its tag. It is written through the sink, after the figures. This
process knows its own marks at once; other processes know them when InfluxDB has them. That is soon enough, because
only one worker has a building at a time.
"""

from __future__ import annotations

import logging
import threading
from typing import Final

from storage import schema
from storage.influx import InfluxSink
from storage.influx_reader import InfluxFigures
from storage.points import series

log = logging.getLogger("kvartal.influx")

_PAUSE_S: Final = 5.0


class InfluxSent:
    """Remembers notifications by key. Called from several threads."""

    def __init__(self, *, sink: InfluxSink, figures: InfluxFigures) -> None:
        """
        Args:
            sink: Takes the marks.
            figures: Asked for marks of other processes and earlier runs.
        """
        self._sink, self._figures = sink, figures
        self._known: set[str] = set()
        self._stop = threading.Event()

    def notified(self, key: str) -> bool:
        """Whether the notification `key` has been sent. Waits while InfluxDB is away; then, at the end, no."""
        while key not in self._known:
            try:
                rows = self._figures.query(
                    f'SELECT at FROM {schema.NOTIFIED} WHERE "key" = $key LIMIT 1', key=key
                )
            except OSError as error:
                log.warning(
                    "sent notifications cannot be read from InfluxDB, again in %.0f s: %s",
                    _PAUSE_S,
                    error,
                )
                if self._stop.wait(_PAUSE_S):
                    return False
                continue
            if not rows:
                return False
            self._known.add(key)
        return True

    def mark_notified(self, key: str, at: int) -> None:
        """Remember that the notification `key` was sent at `at` [ms]."""
        self._sink.write_lines([f"{series(schema.NOTIFIED, key)} at={at}i 0"])
        self._known.add(key)

    def stop(self) -> None:
        """Stop waiting for InfluxDB; pending calls return."""
        self._stop.set()
