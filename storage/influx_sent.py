"""What was told to people, remembered in InfluxDB: the memory that all workers of a cluster share.

A mark is a point at the epoch with the key as its tag. It goes out through the sink, behind the figures; what this
process has marked it knows at once. Every other process knows when InfluxDB does: two workers never have one
building at a time, so they need not know sooner.
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
            figures: Asked for those of other processes and of earlier.
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
                log.warning("what was told is not known now, again in %.0f s: %s", _PAUSE_S, error)
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
        """Wait for InfluxDB no more."""
        self._stop.set()
