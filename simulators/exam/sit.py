"""The exam: the savings of simulated houses, estimated by a judge and marked against the truth.

`run_exam` simulates houses, estimates their savings with Kvartal's own public functions, and scores the estimates.
`sit` yields the marks one by one, so that several seeds can be pooled (`simulators.exam.gate`); with another
`judge` it marks other rules on the same houses.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final, NamedTuple

import numpy as np

from metering.baselines.fit import Unfit, fit_period
from metering.savings.compare import compare
from metering.savings.known import Known, known_of
from simulators.exam.houses import Examined, simulate
from simulators.exam.scoring import Mark, score
from simulators.exam.traits import Traits, draw_traits
from simulators.weather import LATITUDE

_NOISE: Final = (0.04, 0.08, 0.12)
_RHO: Final = (0.3, 0.6)


class Claim(NamedTuple):
    """A judge's estimate of what a house saved: shares of the use expected without the measure."""

    estimate: float
    low: float
    high: float
    noise: float
    """CV(RMSE) of the baseline."""
    rho: float
    """Lag-1 correlation of its residuals."""


Judge = Callable[[Examined], Claim | None]
"""Estimates what a house saved; None if the house's data allow no estimate."""


def known(traits: Traits) -> Known:
    """What the exam's site file declares about the house's meter."""
    return known_of(carrier=traits.carrier, kind=traits.building_kind, latitude=LATITUDE)


def kvartal(house: Examined) -> Claim | None:
    """Kvartal's own claim."""
    try:
        baseline = fit_period(house.days, house.baseline, **known(house.traits))
    except Unfit:
        return None
    compared = compare(house.days, baseline, house.reporting)
    low, high = compared.interval
    return Claim(compared.share, low, high, baseline.metrics.cvrmse, baseline.metrics.rho)


def sit(
    houses: int,
    seed: int,
    progress: Callable[[int], None] = lambda _done: None,
    *,
    drift: float = 1.0,
    judge: Judge = kvartal,
) -> Iterator[Mark]:
    """The marks of `houses` houses.

    Args:
        houses: How many.
        seed: Seed of everything simulated.
        progress: Called with the number of houses done.
        drift: Factor on the drift of yearly levels (0.5 and 2 are published too).
        judge: Whose claims are marked. A house without a claim is marked as "between -100 and 100 %".
    """
    traits = draw_traits(np.random.default_rng(seed), houses)
    done = 0
    for batch in simulate(traits, seed=seed, drift=drift):
        for house in batch:
            yield mark(house, judge(house))
            done += 1
            progress(done)


def mark(house: Examined, claim: Claim | None) -> Mark:
    """The claim beside the truth."""
    traits = house.traits
    strata = [
        f"kind:{traits.kind}",
        f"measure:{traits.measure}",
        f"drift:{traits.drift}",
        f"year:{traits.year}",
        f"quality:{traits.quality}",
        f"history:{traits.baseline_years}",
    ]
    if traits.heats:
        strata += [f"mass:{traits.mass}", f"substation:{'compensated' if traits.compensated else 'plain'}"]
    if traits.measure != "none":
        strata.append(f"shape:{traits.shape}")
    if claim is None:
        return Mark(
            traits.name, house.true_share, house.oracle_share, 0.0, -1.0, 1.0, (*strata, "noise:no figure")
        )
    strata += [f"noise:{_class(claim.noise, _NOISE)}", f"rho:{_class(claim.rho, _RHO)}"]
    return Mark(
        traits.name,
        house.true_share,
        house.oracle_share,
        claim.estimate,
        claim.low,
        claim.high,
        tuple(strata),
    )


def _class(value: float, edges: Collection[float]) -> str:
    """The class that a value falls in, named by its edges."""
    named = [f"below {next(iter(edges)):g}", *(f"from {edge:g}" for edge in edges)]
    return named[sum(value >= edge for edge in edges)]


def run_exam(houses: int, seed: int, progress: Callable[[int], None] = lambda _done: None) -> dict[str, Any]:
    """Score Kvartal on `houses` houses: the document that `kvartal exam --json` prints.

    Args:
        houses: How many, at least 1.
        seed: Seed of everything simulated.
        progress: Called with the number of houses done.
    """
    if houses < 1:
        raise ValueError(f"an exam has at least 1 house, not {houses}")
    begun = time.process_time()
    marks = list(sit(houses, seed, progress))
    return score(marks, seconds=time.process_time() - begun)
