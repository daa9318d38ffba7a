"""Months and the months beside them."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import pytest

from dashboards.page.months import beside, by_month, month_bounds


class Row(NamedTuple):
    date: int


@pytest.mark.parametrize(
    ("first", "days", "previous", "following"),
    [
        (dt.date(2024, 2, 1), 29, "2024-01", "2024-03"),
        (dt.date(2025, 12, 1), 31, "2025-11", "2026-01"),
        (dt.date(2026, 1, 1), 31, "2025-12", "2026-02"),
    ],
)
def test_a_month_knows_its_days_and_its_neighbours(
    first: dt.date, days: int, previous: str, following: str
) -> None:
    begin, end = month_bounds(first)
    assert (begin, end - begin + 1) == (first.toordinal(), days)
    assert beside(first) == {"month": f"{first:%Y-%m}", "previous": previous, "next": following}


def test_rows_are_grouped_by_month() -> None:
    dates = [dt.date(2025, 1, 30), dt.date(2025, 1, 31), dt.date(2025, 2, 1), dt.date(2026, 1, 1)]
    groups = [(first, len(rows)) for first, rows in by_month(Row(date.toordinal()) for date in dates)]
    assert groups == [(dt.date(2025, 1, 1), 2), (dt.date(2025, 2, 1), 1), (dt.date(2026, 1, 1), 1)]
