"""The gate of the exam: limits on Kvartal's score over the pooled houses of several seeds."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from simulators.exam.scoring import Mark, by_stratum, metrics, score
from simulators.exam.sit import sit

SEEDS: Final = 4
"""Seeds that the gate pools."""
OBSERVABLE: Final = ("kind", "noise", "rho", "quality")
"""Families of strata that can be observed at the meter; each has a limit."""


class Limit(NamedTuple):
    """One limit of the gate on the total."""

    name: str
    holds: Callable[[dict[str, Any]], bool]


LIMITS: Final = (
    Limit("coverage within 88-92 %", lambda total: 0.88 <= total["coverage"] <= 0.92),
    Limit("|bias| at most 0.3 points", lambda total: abs(total["bias_pp"]) <= 0.3),
    Limit("width ratio at most 1.5", lambda total: (total["width_ratio"] or math.inf) <= 1.5),
    Limit("false significance at most 7 %", lambda total: (total["false_significant"] or 0.0) <= 0.07),
)


def failures(marks: Sequence[Mark]) -> list[str]:
    """Limits that the pooled houses break; empty if they pass.

    A stratum of n houses that is defined by observables must cover 90 % ± (3 points + 2 standard errors).
    In drift strata only houses with three baseline years are judged.
    """
    total = metrics(marks)
    broken = [f"{limit.name}: {_shown(total)}" for limit in LIMITS if not limit.holds(total)]
    for name, members in by_stratum(marks).items():
        family = name.split(":")[0]
        if family == "drift":
            members = [mark for mark in members if "history:3" in mark.strata]
        elif family not in OBSERVABLE:
            continue
        if not members:
            continue
        coverage = metrics(members)["coverage"]
        room = 0.03 + 2 * math.sqrt(0.9 * 0.1 / len(members))
        if abs(coverage - 0.90) > room:
            broken.append(
                f"{name}: coverage {coverage:.3f} of {len(members)} houses, allowed 0.900 ± {room:.3f}"
            )
    return broken


def _shown(total: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in total.items() if name != "detection")


def pass_gate(houses: int, seed: int, progress: Callable[[int], None]) -> tuple[dict[str, Any], list[str]]:
    """`SEEDS` exams pooled: the document, and the limits that are broken."""
    begun = time.process_time()
    marks: list[Mark] = []
    for turn in range(SEEDS):

        def pooled(done: int, before: int = turn * houses) -> None:
            progress(before + done)

        marks += sit(houses, seed + turn, pooled)
    return score(marks, seconds=time.process_time() - begun), failures(marks)
