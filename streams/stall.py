"""When a reader of the log is stalled. Pure: the clock and the offsets are passed in."""

from __future__ import annotations

from collections.abc import Mapping


class Stall:
    """Notices that messages wait while none is applied."""

    def __init__(self, longest_s: float) -> None:
        """
        Args:
            longest_s: How long messages may wait while none is applied [s].
        """
        self._longest_s = longest_s
        self._applied: Mapping[int, int] | None = None
        self._since = 0.0

    def lasts(
        self, now_s: float, applied: Mapping[int, int], ends: Mapping[int, int] | None, *, busy: bool
    ) -> bool:
        """Whether the reader has been stalled for too long.

        Args:
            now_s: A monotonic clock [s].
            applied: Offset applied last, by partition.
            ends: Offset after the log's last message, for the reader's partitions; None if the log does not answer,
                which counts as waiting.
            busy: Whether the sink is taking a batch: a restart would not help.
        """
        waiting = ends is None or any(applied.get(partition, -1) < end - 1 for partition, end in ends.items())
        if applied != self._applied or busy or not waiting:
            self._applied, self._since = dict(applied), now_s
        return now_s - self._since > self._longest_s
