"""Changes of use: when they began, how large they are, and few false ones."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest

from metering.alerts.changes import changes
from metering.savings.day import Figure

FIRST = dt.date(2023, 7, 1).toordinal()


def figures(seed, change=0.0, at=200, n=365, cv=0.08, rho=0.5):
    rng = np.random.default_rng(seed)
    z = 0.0
    days = []
    for i in range(n):
        z = rho * z + rng.normal(0, cv * math.sqrt(1 - rho**2))
        expected = 5_000_000 + round(3_000_000 * math.cos(i / 58))
        days.append(Figure(FIRST + i, expected, round(expected * (0.8 + z + (change if i >= at else 0.0)))))
    return days


def test_a_change_is_found_dated_and_sized():
    for seed in range(10):
        found = changes(figures(seed, change=0.3), rho=0.5, cvrmse=0.08)
        assert [each.kind for each in found] == ["more_use"]
        assert found[0].noticed - FIRST - 200 <= 14
        assert abs(found[0].began - FIRST - 200) <= 5
        assert found[0].share == pytest.approx(0.3, abs=max(found[0].half_width, 0.1))


def test_less_use_is_a_change_too():
    assert [each.kind for each in changes(figures(1, change=-0.3), rho=0.5, cvrmse=0.08)] == ["less_use"]


def test_calm_years_raise_little():
    false = sum(len(changes(figures(seed), rho=0.5, cvrmse=0.08)) for seed in range(60))
    assert false <= 15


def test_a_month_is_too_short_to_tell():
    assert changes(figures(1, change=0.5, at=10, n=29), rho=0.5, cvrmse=0.08) == []
