"""Who takes the exam how well: Kvartal, the textbook and opendsm on the same houses, as one table.

The document is generated (`exam_table`), so that no figure in it is typed by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from simulators.exam import Judge, kvartal, mark
from simulators.exam_houses import simulate
from simulators.rivals import NoOpendsm, opendsm, textbook
from simulators.scoring import Mark, metrics
from simulators.traits import draw_traits

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
        judges: Whose figures are marked, by name.
        most: Only houses with a number below this are judged; all where None.
        drift: How much yearly levels move, over what the exam says.
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


def exam_table(houses: int, seed: int, progress: Callable[[int], None] = lambda _done: None) -> str:
    """The table as Markdown; without the rows of opendsm, and saying so, where it is not installed.

    Args:
        houses: How many, for Kvartal, the textbook and the two other drifts.
        seed: Seed of everything simulated.
        progress: Called with the number of houses done, of `3 * houses` and the few for opendsm.
    """
    done = 0

    def told(count: int) -> None:
        progress(done + count)

    both: dict[str, Judge] = {"Kvartal": kvartal, "3 parameters and ASHRAE-14 (textbook)": textbook}
    rows = dict(take(houses, seed, both, progress=told))
    done += houses
    for name, drift in (("halved", 0.5), ("doubled", 2.0)):
        told_name = f"Kvartal, drift between years {name}"
        rows |= take(houses, seed, {told_name: kvartal}, drift=drift, progress=told)
        done += houses
    note = ""
    few = min(OPENDSM_HOUSES, houses)
    try:
        rival: dict[str, Judge] = {
            f"opendsm, default ({few} houses)": opendsm(splits=True),
            f"opendsm, season splits off ({few} houses)": opendsm(splits=False),
        }
    except NoOpendsm as error:
        note = f"\nWithout opendsm: {error}\n"
    else:
        same: dict[str, Judge] = {f"{name} ({few} houses)": judge for name, judge in both.items()}
        rows |= take(few, seed, {**same, **rival}, progress=told)
    return _HEAD + "".join(_row(name, marks) for name, marks in rows.items()) + note


def _row(name: str, marks: Sequence[Mark]) -> str:
    told = metrics(marks)
    found = " / ".join(_percent(told["detection"][at]) for at in ("5", "10", "20"))
    return (
        f"| {name} | {told['houses']} | {told['bias_pp']:+.2f} | {told['rmse_pp']:.2f} "
        f"| {_percent(told['coverage'], 1)} | {_number(told['width_ratio'])} "
        f"| {_percent(told['false_significant'], 1)} | {found} |\n"
    )


def _percent(share: Any, places: int = 0) -> str:
    return "–" if share is None else f"{100 * share:.{places}f} %"


def _number(value: Any) -> str:
    return "–" if value is None else f"{value:.2f}"
