"""The scores of Kvartal, the textbook and opendsm on the same houses, as one table.

The documents' tables are generated from this (`bench/exam.py --write`), so no figure in them is typed by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from simulators.exam.houses import simulate
from simulators.exam.rivals import NoOpendsm, opendsm, textbook
from simulators.exam.scoring import Mark, metrics
from simulators.exam.sit import Judge, kvartal, mark
from simulators.exam.traits import draw_traits

OPENDSM_HOUSES: Final = 40
"""opendsm needs a second or more for a house."""

_HEAD: Final = (
    "| judge | houses | bias, points | RMSE, points | coverage of the 90 % interval | width over the oracle's "
    '| false "significant" at 0 % | found at 5 / 10 / 20 % |\n|---|---|---|---|---|---|---|---|\n'
)


def take(
    houses: int,
    seed: int,
    judges: Mapping[str, Judge],
    *,
    most: int | None = None,
    drift: float = 1.0,
    progress: Callable[[int], None] = lambda _done: None,
) -> dict[str, list[Mark]]:
    """The marks of several judges on the same houses.

    Args:
        houses: How many are drawn.
        seed: Seed of everything simulated.
        judges: Whose claims are marked, by name.
        most: Only houses with a number below this are judged; all if None.
        drift: Factor on the drift of yearly levels.
        progress: Called with the number of houses done.
    """
    picked = draw_traits(np.random.default_rng(seed), houses)[:most]
    marks: dict[str, list[Mark]] = {name: [] for name in judges}
    done = 0
    for batch in simulate(picked, seed=seed, drift=drift):
        for house in batch:
            for name, judge in judges.items():
                marks[name].append(mark(house, judge(house)))
            done += 1
            progress(done)
    return marks


class Taken(NamedTuple):
    """The exam as several judges took it."""

    marks: Mapping[str, Sequence[Mark]]
    """By judge, in the order of the table."""
    note: str
    """Which judge is missing and why; empty if none is."""


OURS: Final = "Kvartal"
TEXTBOOK: Final = "3 parameters and ASHRAE-14 (textbook)"
OPENDSM: Final = "opendsm, default"
OPENDSM_PLAIN: Final = "opendsm, season splits off"


def take_all(houses: int, seed: int, progress: Callable[[int], None] = lambda _done: None) -> Taken:
    """Kvartal, the textbook and opendsm on the same houses, and Kvartal on houses that drift half and twice as much.

    Args:
        houses: How many, for Kvartal, the textbook and the two other drifts.
        seed: Seed of everything simulated.
        progress: Called with the number of houses done, of `3 * houses` and the few for opendsm.
    """
    done = 0

    def counted(count: int) -> None:
        progress(done + count)

    both: dict[str, Judge] = {OURS: kvartal, TEXTBOOK: textbook}
    rows = dict(take(houses, seed, both, progress=counted))
    done += houses
    for name, drift in (("halved", 0.5), ("doubled", 2.0)):
        name_of_row = f"{OURS}, drift between years {name}"
        rows |= take(houses, seed, {name_of_row: kvartal}, drift=drift, progress=counted)
        done += houses
    few = min(OPENDSM_HOUSES, houses)
    try:
        rivals = {OPENDSM: opendsm(splits=True), OPENDSM_PLAIN: opendsm(splits=False)}
    except NoOpendsm as error:
        return Taken(rows, f"Not in this table: opendsm. {error}")
    same = {f"{name}, {few} houses": judge for name, judge in {**both, **rivals}.items()}
    return Taken(rows | take(few, seed, same, progress=counted), "")


def exam_table(houses: int, seed: int, progress: Callable[[int], None] = lambda _done: None) -> str:
    """The table as Markdown; without the rows of opendsm, with a note, if it is not installed.

    The arguments are those of `take_all`.
    """
    return long_form(take_all(houses, seed, progress))


def long_form(taken: Taken) -> str:
    """Every judge and every figure."""
    note = f"\n{taken.note}\n" if taken.note else ""
    return _HEAD + "".join(_row(name, marks) for name, marks in taken.marks.items()) + note


def short_form(taken: Taken) -> str:
    """The most important figures; the rows with other drifts are in the long form only."""
    head = (
        "| | houses | typical error, points | the 90 % interval holds the truth in "
        "| claims a saving where nothing was done |\n|---|---|---|---|---|\n"
    )
    lines = []
    for name, marks in taken.marks.items():
        total = metrics(marks)
        if "drift" not in name:
            lines.append(
                f"| {name} | {total['houses']} | {total['rmse_pp']:.1f} | {_percent(total['coverage'])} "
                f"| {_percent(total['false_significant'])} |\n"
            )
    return head + "".join(lines) + (f"\n{taken.note}\n" if taken.note else "")


def _row(name: str, marks: Sequence[Mark]) -> str:
    total = metrics(marks)
    detected = " / ".join(_percent(total["detection"][at]) for at in ("5", "10", "20"))
    return (
        f"| {name} | {total['houses']} | {total['bias_pp']:+.2f} | {total['rmse_pp']:.2f} "
        f"| {_percent(total['coverage'], 1)} | {_number(total['width_ratio'])} "
        f"| {_percent(total['false_significant'], 1)} | {detected} |\n"
    )


def _percent(share: Any, places: int = 0) -> str:
    return "–" if share is None else f"{100 * share:.{places}f} %"


def _number(value: Any) -> str:
    return "–" if value is None else f"{value:.2f}"
