"""Numbers of cells."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ingest.tables.cells import number


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
