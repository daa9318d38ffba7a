"""Coverage of the interval of monthly acts: the exam's houses, of which only months are known.

    python bench/months.py --houses 800 --seed 77

Houses with a gap in their readings lack an act and are left out, so both periods have twelve whole months.
"""

from __future__ import annotations

import argparse
import datetime as dt
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from metering.baselines.fit import Unfit
from metering.baselines.monthly import Act, fit_months
from metering.periods import Period
from metering.savings.monthly import compare_months
from simulators.exam.houses import Examined, simulate
from simulators.exam.traits import draw_traits
from simulators.weather import LATITUDE


class Sat(NamedTuple):
    """One house's figure compared with the truth [shares]."""

    kind: str
    error: float
    width: float
    covered: bool


def months(house: Examined) -> Iterator[list[int]]:
    """The dates of the house's calendar months."""
    by_month: dict[tuple[int, int], list[int]] = {}
    for date in range(house.baseline.first, house.reporting.last + 1):
        day = dt.date.fromordinal(date)
        by_month.setdefault((day.year, day.month), []).append(date)
    yield from by_month.values()


def sit(house: Examined, *, means: bool) -> Sat | None:
    """The house judged by its acts; None if an act is missing. `means`: only monthly mean temperatures are known."""
    acts: list[Act] = []
    temps = dict(house.days.temps_mc)
    for dates in months(house):
        if all(date in house.days.used for date in dates):
            acts.append(Act(dates[0], dates[-1], sum(house.days.used[date] for date in dates)))
        known = [house.days.temps_mc[date] for date in dates if date in house.days.temps_mc]
        for date in dates if known else ():
            if means or date not in temps:
                temps[date] = round(sum(known) / len(known))

    def within(period: Period) -> list[Act]:
        return [act for act in acts if period.first <= act.first and act.last <= period.last]

    before, after = within(house.baseline), within(house.reporting)
    if len(before) < 12 or len(after) < 12:
        return None
    try:
        baseline = fit_months(before, temps.get, latitude=None if house.traits.heats else LATITUDE)
    except Unfit:
        return None
    compared = compare_months(after, baseline, house.reporting, temps.get)
    low, high = compared.interval
    covered = low <= house.true_share <= high
    return Sat(house.traits.kind, compared.share - house.true_share, high - low, covered)


def row(name: str, sat: list[Sat]) -> str:
    """A line of the table."""
    n = len(sat)
    bias = 100 * math.fsum(each.error for each in sat) / n
    rmse = 100 * math.sqrt(math.fsum(each.error**2 for each in sat) / n)
    half = 50 * math.fsum(each.width for each in sat) / n
    coverage = 100 * sum(each.covered for each in sat) / n
    return f"| {name} | {n} | {coverage:.1f} % | {bias:+.2f} | {rmse:.2f} | {half:.2f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--houses", type=int, default=800)
    parser.add_argument("--seed", type=int, default=77)
    given = parser.parse_args()
    traits = draw_traits(np.random.default_rng(given.seed), given.houses)
    sat_by_means: dict[bool, list[Sat]] = {False: [], True: []}
    for batch in simulate(traits, seed=given.seed):
        for house in batch:
            for means, rows in sat_by_means.items():
                sat = sit(house, means=means)
                if sat is not None:
                    rows.append(sat)
    print("| houses | n | coverage of the 90 % interval | bias, points | RMSE, points | half-width, points |")
    print("|---|---|---|---|---|---|")
    for means, rows in sat_by_means.items():
        name = "mean temperatures of months" if means else "daily weather"
        print(row(name, rows))
        for kind in sorted({each.kind for each in rows}):
            print(row(f"{name}, {kind}", [each for each in rows if each.kind == kind]))


if __name__ == "__main__":
    main()
