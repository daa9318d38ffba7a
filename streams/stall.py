"""When a reader of the log stands still. Pure: the clock and the offsets are passed in."""

from __future__ import annotations

from collections.abc import Mapping


class Standstill:
    """Notices that messages wait while nothing is applied."""

    def __init__(self, longest_s: float) -> None:
        """
        Args:
            longest_s: For so long that may be so [s].
        """
        self._longest_s = longest_s
        self._applied: Mapping[int, int] | None = None
        self._since = 0.0

    def look(
        self, now_s: float, applied: Mapping[int, int], ends: Mapping[int, int] | None, *, held: bool
    ) -> bool:
        """Whether the reader has stood still for too long.

        Args:
            now_s: A monotonic clock [s].
            applied: Offset applied last, by partition.
            ends: Offset after the log's last message, for the reader's partitions; None where nobody answers,
                which is no sign of life.
            held: Whether somebody else, whose absence a new start does not mend, has the work at hand.
        """
        waiting = ends is None or any(applied.get(partition, -1) < end - 1 for partition, end in ends.items())
        if applied != self._applied or held or not waiting:
            self._applied, self._since = dict(applied), now_s
        return now_s - self._since > self._longest_s
