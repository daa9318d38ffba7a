"""Keeps the publisher of a log with short memory from running ahead of the log's reader.

Kafka keeps everything and needs none of this. The mock cluster of the demo and of tests forgets a partition's
oldest messages past about 5 MB, so the messages on their way are bounded by the offsets that the worker has applied.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol


class LogReader(Protocol):
    """The reader of the log: `streams.worker.Worker`."""

    def wait_applied(self, offsets: Mapping[int, int], timeout_s: float) -> bool: ...

    @property
    def failed(self) -> BaseException | None: ...


class Pace:
    """Counts the messages between the publisher and the reader. One thread at a time."""

    def __init__(
        self,
        *,
        reader: LogReader,
        delivered: Mapping[int, int],
        most: int,
        on_applied: Callable[[int], None] = lambda messages: None,
    ) -> None:
        """
        Args:
            reader: The reader of the log.
            delivered: Newest offset delivered, by partition, as it grows (`EventLog.delivered`).
            most: How many messages may be on their way.
            on_applied: Called with the number of further messages that have been applied.
        """
        self._reader, self._delivered, self._most, self._on_applied = reader, delivered, most, on_applied
        self._waiting: deque[tuple[dict[int, int], int]] = deque()
        self._on_their_way = 0

    def sent(self, messages: int, stopped: Callable[[], bool] = lambda: False) -> None:
        """Note published messages; wait until few enough are on their way, or `stopped`.

        Raises:
            RuntimeError: the reader failed.
        """
        self._waiting.append((dict(self._delivered), messages))
        self._on_their_way += messages
        self.settle()
        while self._on_their_way > self._most and not stopped():
            self._settle_next(0.1)

    def settle(self) -> None:
        """Report what has been applied meanwhile, without waiting."""
        while self._waiting and self._settle_next(0.0):
            pass

    def _settle_next(self, timeout_s: float) -> bool:
        if self._reader.failed is not None:
            raise RuntimeError("the worker failed") from self._reader.failed
        offsets, messages = self._waiting[0]
        if not self._reader.wait_applied(offsets, timeout_s):
            return False
        self._waiting.popleft()
        self._on_their_way -= messages
        self._on_applied(messages)
        return True
