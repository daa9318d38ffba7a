"""Doubts about a baseline and the saving it gives."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np

from metering.baselines.fit import fit_period
from metering.periods import DailyUse, Period
from metering.savings.compare import compare
from metering.savings.sufficiency import doubts

FIRST = dt.date(2023, 7, 1).toordinal()
N = 820
BASE = Period(FIRST + 80, FIRST + 445)
REPORT = Period(FIRST + 446, FIRST + 810)


def house(seed=1, saved=0.0, noise=0.04, rho=0.5):
    """A house with a season; from the reporting period on its heating (not its hot water) saves a share."""
    rng = np.random.default_rng(seed)
    season = 5.5 - 12.0 * np.cos(2 * np.pi * (np.arange(N) + 166) / 365.25)
    temp, ar = np.zeros(N), np.zeros(N)
    for day in range(1, N):
        temp[day] = 0.75 * temp[day - 1] + rng.normal(0, 2.8)
        ar[day] = rho * ar[day - 1] + rng.normal(0, noise * math.sqrt(1 - rho**2))
    temp += season
    five = np.array([temp[max(0, i - 5) : max(1, i)].mean() for i in range(N)])
    heat = np.where(five < 8, 3.5e5 * np.maximum(19 - temp, 0), 0.0)
    heat[446:] *= 1 - saved
    use = (2.4e6 + heat) * np.exp(ar)
    return DailyUse(
        {FIRST + i: round(use[i]) for i in range(N)}, {FIRST + i: round(1000 * temp[i]) for i in range(N)}
    )


def test_doubts():
    days = house()
    baseline = fit_period(days, BASE)
    assert doubts(baseline) == ()
    half = fit_period(days, Period(BASE.first, BASE.first + 180))
    assert [(d.kind, d.disqualifies) for d in doubts(half)] == [("short_period", True)]
    assert compare(house(saved=0.5), half, REPORT).grade == "D"
    holes = DailyUse({d: u for d, u in days.used.items() if d % 5}, days.temps_mc)
    assert [d.kind for d in doubts(fit_period(holes, BASE))] == ["few_days"]
    strange = doubts(baseline, expected_total=100, used_total=100, extrapolated_total=5, estimated_total=20)
    assert [(d.kind, d.got, d.disqualifies) for d in strange] == [
        ("unseen_weather", 0.05, False),
        ("many_estimates", 0.2, False),
    ]
    assert doubts(baseline, expected_total=100, extrapolated_total=11)[0].disqualifies
