"""When a reader counts as standing still: rows of (seconds, applied, ends, held) -> stands still."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from streams.stall import Standstill

Look = tuple[float, Mapping[int, int], Mapping[int, int] | None, bool]


@pytest.mark.parametrize(
    ("looks", "still"),
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
        "still",
        "moved",
        "since the last move",
        "held",
        "silence",
        "no share",
        "never began",
    ],
)
def test_standing_still(looks: list[Look], still: bool) -> None:
    standstill = Standstill(10)
    for now, applied, ends, held in looks:
        found = standstill.look(now, applied, ends, held=held)
    assert found is still
