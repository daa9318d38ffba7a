"""The publisher of a log that forgets stays near its reader."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from kvartal.pace import Pace


class Slow:
    """A reader that applies one offset of partition 0 each time that it is waited for."""

    def __init__(self) -> None:
        self.applied = -1
        self.failed: BaseException | None = None
        self.waits = 0

    def wait_applied(self, offsets: Mapping[int, int], timeout_s: float) -> bool:
        if timeout_s:
            self.waits += 1
            self.applied += 1
        return self.applied >= offsets.get(0, -1)


def test_no_more_than_so_many_are_on_their_way() -> None:
    reader, delivered, told = Slow(), dict[int, int](), list[int]()
    pace = Pace(reader=reader, delivered=delivered, most=20, on_applied=told.append)
    for offset in range(6):
        delivered[0] = offset
        pace.sent(10)
        assert (offset + 1) * 10 - sum(told) <= 20
    assert reader.waits == 4, "it waits no longer than it must"
    reader.applied = 5
    pace.settle()
    assert sum(told) == 60


def test_what_went_elsewhere_is_applied_at_once() -> None:
    """A batch of rejections moves no offset of the readings."""
    reader, told = Slow(), list[int]()
    Pace(reader=reader, delivered={}, most=0, on_applied=told.append).sent(3)
    assert told == [3]
    assert reader.waits == 0


def test_a_stop_ends_the_wait_and_a_failure_is_told() -> None:
    reader = Slow()
    pace = Pace(reader=reader, delivered={0: 99}, most=0)
    pace.sent(1, lambda: True)
    assert reader.waits == 0
    reader.failed = KeyError("a bug")
    with pytest.raises(RuntimeError, match="failed"):
        pace.settle()
