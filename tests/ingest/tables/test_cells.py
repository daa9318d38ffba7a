"""Numbers and times of cells."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.tables.cells import local_time, number
from ingest.tables.dates import DateOrder


@given(
    st.integers(-(10**9), 10**9), st.sampled_from([",", "."]), st.sampled_from(["", " ", "\u00a0", "other"])
)
def test_a_number_reads_back_as_it_was_written(thousandths: int, mark: str, group: str) -> None:
    separator = {",": ".", ".": ","}[mark] if group == "other" else group
    whole, part = divmod(abs(thousandths), 1000)
    grouped = f"{whole:,}".replace(",", separator)
    text = f"{'-' * (thousandths < 0)}{grouped}{mark}{part:03d}"
    assert number(text, mark) == Decimal(thousandths) / 1000
    assert number(text, None) == Decimal(thousandths) / 1000


@pytest.mark.parametrize(
    ("cell", "time"),
    [
        ("3/4/2026 1:00 PM", "2026-03-04 13:00"),
        ("3/4/2026 12:00 AM", "2026-03-04 00:00"),
        ("03/04/2026 12:30:15 pm", "2026-03-04 12:30:15"),
        ("3/4/2026 11 p.m.", "2026-03-04 23:00"),
        ("3/4/2026 24:00", "2026-03-05 00:00"),
        ("3/4/2026 13:00 PM", None),
        ("3/4/2026 0:00 AM", None),
        ("13/4/2026 1:00", None),
        ("2026-03-04 01:00", "2026-03-04 01:00"),
        ("04 Mar 2026", "2026-03-04 00:00"),
    ],
)
def test_times_of_an_american_table(cell: str, time: str | None) -> None:
    expected = None if time is None else dt.datetime.fromisoformat(time)
    assert local_time(cell, order=DateOrder("mdy")) == expected
