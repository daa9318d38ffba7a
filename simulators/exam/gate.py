"""The gate: several exams pooled, and the limits that their figures exceed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from simulators.exam.scoring import Mark, failures, score
from simulators.exam.sit import sit

SEEDS: Final = 4
"""Seeds that the gate pools."""


def pass_gate(houses: int, seed: int, progress: Callable[[int], None]) -> tuple[dict[str, Any], list[str]]:
    """The exams of the seeds `seed`..`seed + SEEDS - 1`: their pooled document, and the limits that do not hold.

    Args:
        houses: Houses of each exam.
        seed: The first seed.
        progress: Called with the number of houses done.
    """
    begun = time.process_time()
    marks: list[Mark] = []
    for turn in range(SEEDS):

        def report(done: int, before: int = turn * houses) -> None:
            progress(before + done)

        marks += sit(houses, seed + turn, report)
    return score(marks, seconds=time.process_time() - begun), failures(marks)
