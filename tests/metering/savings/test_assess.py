"""Totals of figures, and the judgement of totals."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest

from metering.baselines.document import Baseline
from metering.baselines.fit import fit
from metering.savings.assess import DAYS_PER_MONTH, Totals, assess, totals
from metering.savings.day import Figure
from metering.savings.uncertainty import ADJUSTED_SHARE, width_90

DATE = 739_000
DAY = 10_000_000


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    rng = random.Random(1)
    dates = list(range(DATE - 366, DATE))
    return fit(
        dates=dates,
        used=[DAY + rng.randint(-DAY // 10, DAY // 10) for _ in dates],
        temps_mc=[None] * len(dates),
        temps_before_mc=[None] * len(dates),
        first=dates[0],
        last=dates[-1],
    )


@pytest.mark.parametrize(
    ("figures", "total"),
    [
        ([], Totals()),
        ([Figure(1, 10, 7)], Totals(1, 10, 7)),
        (
            [Figure(1, 10, 7, 2, True, 3), Figure(2, 20, 25, 1, False, -4)],
            Totals(2, 30, 32, 3, 10, -1, 7),
        ),
    ],
)
def test_totals(figures: Sequence[Figure], total: Totals) -> None:
    assert totals(figures) == total
    for at in range(len(figures) + 1):
        assert totals(figures[:at]).plus(totals(figures[at:])) == total


def test_a_saving_is_its_totals_with_width_doubts_and_grade(baseline: Baseline) -> None:
    total = Totals(365, 365 * DAY, 300 * DAY, estimated=DAY, adjustment=-4 * DAY, adjusted=4 * DAY)
    saving = assess(baseline, total)
    assert (saving.days, saving.expected, saving.used, saving.avoided) == (
        365,
        365 * DAY,
        300 * DAY,
        65 * DAY,
    )
    assert saving.width == width_90(
        baseline,
        days=365,
        months=365 / DAYS_PER_MONTH,
        expected_total=365 * DAY,
        estimated_total=DAY,
        adjusted_total=4 * DAY,
    )
    assert saving.width.adjusted == ADJUSTED_SHARE * 4 * DAY
    low, high = saving.interval
    assert low < saving.share == 65 / 365 < high
    assert saving.doubts == ()
    assert saving.grade in "AB"


def test_a_doubt_that_disqualifies_is_grade_d(baseline: Baseline) -> None:
    total = Totals(365, 365 * DAY, 100 * DAY)
    assert assess(baseline, total).grade in "AB"
    unseen = assess(baseline, total._replace(extrapolated=40 * DAY))
    assert [(each.kind, each.disqualifies) for each in unseen.doubts] == [("unseen_weather", True)]
    assert unseen.grade == "D"


def test_nothing_expected_has_no_share(baseline: Baseline) -> None:
    saving = assess(baseline, Totals(1, 0, 5))
    assert math.isnan(saving.share)
    assert saving.interval == (-math.inf, math.inf)
