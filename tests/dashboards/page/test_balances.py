"""Balances in sentences."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from dashboards.page.amounts import Shown
from dashboards.page.balances import balance_text

SPAN = (dt.date(2026, 1, 1), dt.date(2026, 1, 3))
KNOWN = {
    "difference": -500,
    "main": 1000,
    "sub_meters": 1500,
    "days": 3,
    "days_missing": 0,
    "days_untold": 0,
    "unknown": 0,
}


@pytest.mark.parametrize(
    ("balance", "text"),
    [
        (
            {"difference": None, "days_missing": 3, "days_untold": 3, "days": 0, "unknown": 0},
            "there is no day of which all meters are known. Nothing is known of 3 days.",
        ),
        (
            KNOWN,
            "3 days are fully known: the main meter counted 1.0 kWh, its sub-meters together 1.5 kWh; "
            "the main meter counted 0.5 kWh less (50.0 %).",
        ),
        (
            KNOWN
            | {"difference": 0, "main": 0, "sub_meters": 0, "days": 1, "days_missing": 2, "unknown": 300},
            "1 days are fully known: the main meter counted 0.0 kWh, its sub-meters together 0.0 kWh; the main meter "
            "counted 0.0 kWh more (—). Another 2 days are known only in total: the main meter counted 0.3 kWh more.",
        ),
    ],
)
def test_a_balance_claims_only_what_is_known(balance: dict[str, Any], text: str) -> None:
    written = balance_text(balance, Shown("kWh", 1000.0, 1), SPAN, "en").replace("\u202f", " ")
    assert written.startswith("From 2026-01-01 to 2026-01-03 ")
    assert written.endswith(text)
