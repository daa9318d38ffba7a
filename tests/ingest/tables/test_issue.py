"""When a table was issued, by its own lines."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from ingest.tables.dates import USUAL, DateOrder
from ingest.tables.issue import issue_of, read_issue


@pytest.mark.parametrize(
    ("cells", "time"),
    [
        (["Отчёт сформирован 05.02.2026 10:15"], "2026-02-05 10:15"),
        (["Отчет сформирован: 05.02.2026 в 10:15:30"], "2026-02-05 10:15:30"),
        (["Дата формирования отчёта", None, "05.02.2026"], "2026-02-05"),
        (["Дата печати:", dt.datetime(2026, 2, 5, 10, 15)], "2026-02-05 10:15"),  # noqa: DTZ001
        (["Период с 01.01.2026 по 31.01.2026, сформирован 05.02.2026 г."], "2026-02-05"),
        (["Акт № 12 сдачи-приёмки от 05.02.2026"], "2026-02-05"),
        (["Исправленный акт № 12/1 от 5 марта 2026 г."], "2026-03-05"),
        (["Issued: 2026-02-05T10:15:00"], "2026-02-05 10:15:00"),
        (["Report created on 2026-02-05, 10:15"], "2026-02-05 10:15"),
        (["Считано 05.02.26 10:15"], "2026-02-05 10:15"),
    ],
    ids=str,
)
def test_a_line_that_says_it(cells: list[Any], time: str) -> None:
    text = issue_of(cells, None)
    assert text is not None
    assert read_issue(text, USUAL) == dt.datetime.fromisoformat(time)


@pytest.mark.parametrize(
    "cells",
    [
        ["Период с 01.01.2026 по 31.01.2026"],
        ["Договор № 5 от 01.01.2020"],
        ["Дата отчёта 31.01.2026"],
        ["Дата поверки", "01.01.2024"],
        ["Дата печати"],
        ["Контакт для вопросов от 05.02.2026"],
        ["Контактный телефон 12.34.56"],
        [],
    ],
    ids=str,
)
def test_a_line_that_does_not(cells: list[Any]) -> None:
    assert issue_of(cells, None) is None


def test_words_of_the_archive_and_the_order_of_the_table() -> None:
    text = issue_of(["Отчёт по состоянию на  03/04/2026 12:00"], "Отчёт по состоянию  на")
    assert text == "03/04/2026 12:00"
    assert read_issue(text, DateOrder("mdy")) == dt.datetime(2026, 3, 4, 12)  # noqa: DTZ001
