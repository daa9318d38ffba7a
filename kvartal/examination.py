"""`kvartal exam`: the exam, its gate, and the scoring of somebody else's figures."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from kvartal.files import Refused
from simulators.exam.export import BadFigures, score_figures
from simulators.exam.scoring import Mark, failures, score
from simulators.exam.sit import run_exam, sit
from simulators.exam.table import exam_table

SEEDS = 4
"""Seeds that the gate pools."""


def examine(houses: int, seed: int, progress: Callable[[int], None]) -> dict[str, Any]:
    """One exam, scored."""
    return run_exam(houses, seed, progress)


def pass_gate(houses: int, seed: int, progress: Callable[[int], None]) -> tuple[dict[str, Any], list[str]]:
    """`SEEDS` exams pooled: the document, and the limits that do not hold."""
    begun = time.process_time()
    marks: list[Mark] = []
    for turn in range(SEEDS):
        before = turn * houses
        marks += sit(houses, seed + turn, partial(_shifted, progress, before))
    return score(marks, seconds=time.process_time() - begun), failures(marks)


def tabulate(houses: int, seed: int, progress: Callable[[int], None]) -> str:
    """The same houses before Kvartal, the textbook and opendsm, as Markdown."""
    return exam_table(houses, seed, progress)


def _shifted(progress: Callable[[int], None], before: int, done: int) -> None:
    progress(before + done)


def score_file(figures: Path, truth: Path) -> dict[str, Any]:
    """Figures of savings, scored against the truth of an exported exam.

    Raises:
        Refused: a file cannot be read, or does not hold what it should.
    """
    try:
        known, said = (json.loads(path.read_text(encoding="utf-8")) for path in (truth, figures))
    except (OSError, ValueError) as error:
        raise Refused(f"{error}") from None
    try:
        return score_figures(known, said)
    except BadFigures as error:
        raise Refused(f"{figures}: {error}") from None
