"""The exam's houses through captures and the whole pipeline, compared with the exam's own figures."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from kvartal.replay import replay
from metering.baselines.fit import fit_period
from metering.savings.compare import compare
from metering.site.model import parse_site
from simulators.exam.export import captures, site_toml
from simulators.exam.houses import Examined, simulate
from simulators.exam.sit import known
from simulators.exam.traits import Traits, draw_traits
from storage.sqlite_reader import Reader

_KINDS: Final = ("heat", "light", "school_heat", "school_light")


def pick(houses: int, seed: int) -> list[Traits]:
    """Houses of an exam: every kind of meter in turn, and within a kind every quality of data in turn."""
    drawn = draw_traits(np.random.default_rng(seed), 40 * houses + 400)
    by_quality = [
        [t for t in drawn if (t.kind, t.quality) == (kind, quality)]
        for quality in ("gaps", "coarse", "clean")
        for kind in _KINDS
    ]
    in_turn = (t for rank in range(len(drawn)) for some in by_quality for t in some[rank : rank + 1])
    return list(islice(in_turn, houses))


def differing(
    houses: int, seed: int, *, progress: Callable[[int], None] = lambda _done: None
) -> tuple[dict[str, Any], list[str]]:
    """Run houses of an exam both ways; returns `({"houses", "agree"}, texts of the differences)`.

    Args:
        houses: How many.
        seed: Seed of everything simulated.
        progress: Called with the number of houses done.
    """
    picked = pick(houses, seed)
    examined = [h for batch in simulate(picked, seed=seed, keep={t.number for t in picked}) for h in batch]
    texts: list[str] = []
    unlike: set[str] = set()
    with TemporaryDirectory() as directory:
        for done, house in enumerate(examined, start=1):
            unequal = differences(house, Path(directory) / f"{house.traits.name}.db")
            texts += unequal
            if unequal:
                unlike.add(house.traits.name)
            progress(done)
    return {"houses": len(examined), "agree": len(examined) - len(unlike)}, texts


def differences(house: Examined, db: Path) -> list[str]:
    """Texts of the differences between the pipeline and the exam for a house; empty if they agree to the Wh.

    Each day's use and temperature, the baseline's document, and the totals of the reporting year with their interval
    are compared.

    Args:
        house: The house with its register.
        db: Path of the pipeline's store, which is created.
    """
    name, traits = house.traits.name, house.traits
    replay(captures(house), site=parse_site(site_toml([house])), db=db)
    texts: list[str] = []

    def agree(what: str, exam: object, pipeline: object) -> None:
        if exam != pipeline:
            texts.append(
                f"{name} ({traits.kind}, {traits.quality}): {what}: exam {exam}, pipeline {pipeline}"
            )

    reader = Reader(db)
    try:
        first, last = house.baseline.first, house.reporting.last
        days = {day.date: day.used for day in reader.days(name, "main", "energy", first, last)}
        weather = {day.date: day.mean_mc for day in reader.weather_days(name, min(house.days.temps_mc), last)}
        for what, mine, theirs in (
            ("use", house.days.used, days),
            ("temperature", house.days.temps_mc, weather),
        ):
            unlike = [d for d in range(first, last + 1) if mine.get(d) != theirs.get(d)]
            agree(f"days of {what} that differ", [], unlike[:5])
        baseline = fit_period(house.days, house.baseline, **known(traits))
        compared = compare(house.days, baseline, house.reporting)
        position = reader.position(name)
        agree("baselines", [baseline.id], reader.baseline_ids(name))
        for what, exam, pipeline in (
            ("days", compared.days, position and position.days),
            ("expected use [Wh]", compared.expected, position and position.expected),
            ("use [Wh]", compared.used, position and position.used),
            ("half-width [Wh]", compared.half_width, position and position.half_width),
            ("grade", compared.grade, position and position.grade),
        ):
            agree(what, exam, pipeline)
    finally:
        reader.close()
    return texts
