"""When a reader counts as stalled: rows of (seconds, applied, ends, busy) -> stalled."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from streams.stall import Stall

Look = tuple[float, Mapping[int, int], Mapping[int, int] | None, bool]


@pytest.mark.parametrize(
    ("looks", "stalled"),
    [
        ([(0, {0: 4}, {0: 5}, False), (99, {0: 4}, {0: 5}, False)], False),
        ([(0, {0: 4}, {0: 9}, False), (10, {0: 4}, {0: 9}, False)], False),
        ([(0, {0: 4}, {0: 9}, False), (11, {0: 4}, {0: 9}, False)], True),
        ([(0, {0: 4}, {0: 9}, False), (9, {0: 5}, {0: 9}, False), (18, {0: 5}, {0: 9}, False)], False),
        ([(0, {0: 4}, {0: 5}, False), (90, {0: 4}, {0: 9}, False)], True),
        ([(0, {0: 4}, {0: 9}, False), (99, {0: 4}, {0: 9}, True)], False),
        ([(0, {0: 4}, None, False), (11, {0: 4}, None, False)], True),
        ([(0, {}, {}, False), (99, {}, {}, False)], False),
        ([(0, {}, {3: 1}, False), (11, {}, {3: 1}, False)], True),
    ],
    ids=[
        "idle",
        "not yet",
        "stalled",
        "moved",
        "since the last move",
        "busy",
        "silence",
        "no share",
        "never began",
    ],
)
def test_a_stall(looks: list[Look], stalled: bool) -> None:
    stall = Stall(10)
    for now, applied, ends, busy in looks:
        result = stall.lasts(now, applied, ends, busy=busy)
    assert result is stalled
