"""Days of a heated house for tests of baselines and savings."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np

from metering.periods import DailyUse, Period

FIRST = dt.date(2023, 7, 1).toordinal()
N = 820
BASE = Period(FIRST + 80, FIRST + 445)
REPORT = Period(FIRST + 446, FIRST + 810)


def house(seed: int = 1, saved: float = 0.0, noise: float = 0.04, rho: float = 0.5) -> DailyUse:
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
