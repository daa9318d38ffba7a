"""Rows of totals are no energy: by their label, or because they are what the other rows add up to."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal

import pytest

from ingest.tables.totals import TotalsFinder

D = Decimal


def totals(
    rows: list[tuple[str, ...]], *, registers: bool = False, labels: dict[int, str] | None = None
) -> dict[int, str]:
    """The rows of totals in a table of (time, energy, volume); rows are numbered from 1."""
    finder = TotalsFinder(registers=registers)
    for number, (time, *values) in enumerate(rows, start=1):
        counted = {
            quantity: D(value) for quantity, value in zip(("energy", "volume"), values, strict=False) if value
        }
        finder.add(number, None, time, counted, [(0, (labels or {}).get(number, ""))])
    return finder.found()


def use(*values: str) -> list[tuple[str, ...]]:
    return [(str(day), value) for day, value in enumerate(values, start=1)]


WEEK = ("0.61", "0.58", "0.63", "0.57", "0.66", "0.60", "0.64")


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        # 4.29 Gcal of a week, and the same stamped with the next day.
        (use(*WEEK, "4.29"), {8: "its values are the sums of rows 1 to 7"}),
        # Printed from values with more digits, and with fewer.
        (use(*WEEK, "4.287"), {8: "its values are the sums of rows 1 to 7"}),
        (use(*WEEK, "4.30"), {8: "its values are the sums of rows 1 to 7"}),
        (use(*WEEK, "4.40"), {}),
        # On top, in the middle, on each page, and at the end again.
        (use("4.29", *WEEK), {1: "its values are the sums of rows 2 to 8"}),
        (
            use(*WEEK, "4.29", *WEEK, "4.29", "8.58"),
            {
                8: "its values are the sums of rows 1 to 7",
                16: "its values are the sums of rows 9 to 15",
                17: "its values are the sums of rows 1 to 15",
            },
        ),
        # Of few rows only the last is a total, or one that another row shares the time with.
        (use("1.21", "1.33", "2.54"), {3: "its values are the sums of rows 1 to 2"}),
        (use("1.21", "1.33", "2.54", "2.60"), {}),
        (
            [("1", "1.21"), ("2", "1.33"), ("3", "2.54"), ("3", "1.30"), ("4", "1.41")],
            {3: "its values are the sums of rows 1 to 2"},
        ),
        # Two quantities agree.
        (
            [("1", "0.22", "3.1"), ("2", "0.11", "2.0"), ("3", "0.33", "5.1"), ("4", "0.10", "2.2")],
            {3: "its values are the sums of rows 1 to 2"},
        ),
        ([("1", "0.22", "3.1"), ("2", "0.11", "2.0"), ("3", "0.33", "5.9"), ("4", "0.10", "2.2")], {}),
        # Coarse steps agree by chance, and so do zeros.
        (use("0.1", "0.1", "0.2"), {}),
        (use("0", "0", "1", "0", "0", "1"), {}),
        (use("0", "1", "0", "1", "2"), {}),
        (use("0", "0", "0", "0", "0", "0"), {}),
        (use(*("1",) * 24, "24"), {25: "its values are the sums of rows 1 to 24"}),
        (use("5.5", "5.5"), {}),
    ],
    ids=str,
)
def test_use(rows: list[tuple[str, ...]], found: dict[int, str]) -> None:
    assert totals(rows) == found


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (
            use("100.00", "100.61", "101.19", "101.82", "1.82"),
            {5: "its values are the use between rows 1 and 4"},
        ),
        # The use since a reading before the first row.
        (
            use("100.00", "100.61", "101.19", "101.82", "102.39", "2.99"),
            {6: "its values are the use between rows 1 and 5"},
        ),
        # The readings were added up.
        (
            use("100.1", "100.6", "101.1", "101.8", "102.3", "505.9"),
            {6: "its values are the sums of rows 1 to 5"},
        ),
        # An exchange and a reset at the end.
        (use("100.00", "100.61", "101.19", "101.82", "0.35"), {}),
        (use("100.00", "100.61", "101.19", "101.82", "0.00"), {}),
        # A register from zero goes on, or falls back a little.
        (use("0.00", "0.61", "1.19", "1.82", "2.41"), {}),
        (use("0.00", "0.61", "1.19", "1.82", "2.41", "3.02", "2.95"), {}),
        # An exchange within.
        (use("100.00", "100.61", "101.19", "1.19", "1.82", "2.40"), {}),
    ],
    ids=str,
)
def test_registers(rows: list[tuple[str, ...]], found: dict[int, str]) -> None:
    assert totals(rows, registers=True) == found


@pytest.mark.parametrize(
    "label", ["Итого", "ИТОГО за март", "Всего:", "Total", "Подытог", "Sum", "Среднее", "Макс."]
)
def test_a_label_beside_the_values(label: str) -> None:
    assert totals(use("0.6", "0.7", "9.9"), labels={3: label}) == {3: f"{label!r} in column 1"}


@pytest.mark.parametrize("label", ["Итоговая ул., 5", "Totalizer", "Суммарный", "Максимов"])
def test_what_is_no_label(label: str) -> None:
    assert totals(use("0.6", "0.7", "9.9"), labels={3: label}) == {}


def test_a_column_of_such_words_has_no_labels() -> None:
    assert totals(use("0.6", "0.7", "9.9"), labels=dict.fromkeys((1, 2, 3), "Total")) == {}


def test_ordinary_tables_have_no_totals() -> None:
    rng = random.Random(9)
    hours = dt.timedelta(hours=1)
    for digits in (0, 1, 2, 3):
        for mean in (0.05, 0.5, 5.0, 50.0):
            for _ in range(40):
                rows = [(str(n * hours), f"{rng.expovariate(1 / mean):.{digits}f}") for n in range(96)]
                assert totals(rows) == {}, rows
