"""The order of day, month and year: told from the whole column, or not at all."""

from __future__ import annotations

import datetime as dt

import pytest

from ingest.tables.cells import date_of
from ingest.tables.dates import DateColumn, DateOrder, Pace, UnclearDates

LATEST = dt.date(2026, 11, 24)


def days(form: str, first: dt.date, n: int, *, each: int = 1, step: int = 1) -> list[str]:
    """`n` dates written by `form`, each in `each` rows."""
    return [f"{first + dt.timedelta(days=step * (i // each)):{form}}" for i in range(n * each)]


def months(form: str, year: int, n: int) -> list[str]:
    return [f"{dt.date(year, m, 1):{form}}" for m in range(1, n + 1)]


def column(cells: list[str] | list[dt.date | str]) -> DateColumn:
    dates = DateColumn()
    for row, cell in enumerate(cells, start=2):
        found = date_of(cell)
        assert found is not None, cell
        dates.add(row, *found)
    return dates


APRIL = dt.date(2026, 4, 1)


@pytest.mark.parametrize(
    ("cells", "pace", "order"),
    [
        # A value above 12 decides.
        (["03/04/2026", "13/04/2026"], "day", "dmy"),
        (["03/04/2026", "04/13/2026"], "day", "mdy"),
        (days("%m/%d/%Y", APRIL, 60), "day", "mdy"),
        (days("%d/%m/%Y", APRIL, 60), "day", "dmy"),
        (days("%m.%d.%Y", APRIL, 60), "day", "mdy"),
        (days("%m-%d-%Y", APRIL, 60, each=24), "day", "mdy"),
        (days("%m/%d/%y", APRIL, 60), "day", "mdy"),
        (days("%y/%m/%d", APRIL, 60), "day", "ymd"),
        (days("%y.%m.%d", dt.date(2025, 12, 30), 12), "day", "ymd"),
        # Ten days, none above 12: the rows of a table of days or hours follow each other day by day.
        (days("%m/%d/%Y", APRIL, 10), "day", "mdy"),
        (days("%d/%m/%Y", APRIL, 10), "day", "dmy"),
        (days("%m/%d/%Y", APRIL, 10, each=24), "day", "mdy"),
        (days("%m.%d.%Y", APRIL, 10, each=24), "day", "mdy"),
        (days("%m.%d.%y", APRIL, 10), "day", "mdy"),
        (days("%d.%m.%Y", APRIL, 10), "day", "dmy"),
        (days("%y-%m-%d", APRIL, 10), "day", "ymd"),
        (days("%d-%m-%y", APRIL, 10), "day", "dmy"),
        (list(reversed(days("%m/%d/%Y", APRIL, 10))), "day", "mdy"),
        (days("%m/%d/%Y", APRIL, 2, each=24), "day", "mdy"),
        (days("%m/%d/%Y", APRIL, 5, step=2), "day", "mdy"),
        (days("%m/%d/%Y", APRIL, 4, each=6), None, "mdy"),
        # Months follow each other month by month.
        (months("%m/%d/%Y", 2026, 6), "month", "mdy"),
        (months("%d/%m/%Y", 2026, 6), "month", "dmy"),
        (months("%d.%m.%Y", 2026, 6), "month", "dmy"),
        (["31-01-25", "28-02-25", "31-03-25"], "month", "dmy"),
        # Dots without evidence: day first.
        (["03.04.2026"], "day", "dmy"),
        (["03.04.2026"] * 24, "day", "dmy"),
        (months("%d.%m.%Y", 2026, 6), None, "dmy"),
        # One date in both orders, and cells that are dates in none.
        (["04/04/2026"], "day", "dmy"),
        (["45.45.2026", "03.04.2026"], "day", "dmy"),
        (["31/01/2026", "99/99/2026"], "day", "dmy"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else str(value),
)
def test_the_order_is_told_from_the_column(cells: list[str], pace: Pace | None, order: str) -> None:
    assert column(cells).order(pace=pace, latest=LATEST).short == order


@pytest.mark.parametrize(
    ("cells", "pace", "words"),
    [
        (["03/04/2026"], "day", "row 2 '03/04/2026' are dates as day/month/year and as month/day/year"),
        (["03/04/2026", "05/06/2026"], "day", "row 2 '03/04/2026' to row 3 '05/06/2026' are dates as"),
        (["03-04-26"] * 24, "day", "as day/month/year and as month/day/year and as year/month/day"),
        (days("%m/%d/%Y", APRIL, 6), None, "are dates as"),
        # A pair of rows is not enough against dots, and enough to ask.
        (["04.01.2026", "04.02.2026"], "day", "follow each other only as|are dates as"),
        (
            ["13/04/2026", "04/14/2026"],
            "day",
            "row 2 '13/04/2026' can only be day/month/year, row 3 '04/14/2026'",
        ),
        (["13.04.2026", "04.14.2026"], "day", "contradict"),
        (["31.01.2026", "02/13/2026"], "day", "contradict"),
        # Nine days that follow each other as month/day/year, and one that cannot.
        (
            [*days("%m/%d/%Y", APRIL, 9), "13/04/2026"],
            "day",
            "row 11 '13/04/2026' can only be day/month/year",
        ),
        # A year of four digits in front, with the day before the month.
        (days("%Y-%d-%m", APRIL, 10), "day", "follow each other only as year/day/month"),
        (["2026-13-04", "2026-04-14"], "day", "contradict"),
        # What Excel makes of days of April that it reads as month/day.
        (
            [dt.date(2026, d, 4) for d in range(1, 11)],
            "day",
            "row 2 .2026-01-04. on follow each other only with day and month exchanged",
        ),
        (
            [*(dt.date(2026, d, 4) for d in range(11, 13)), "13/04/2026", "14/04/2026"],
            "day",
            "row 4 the text '13/04/2026'",
        ),
        ([dt.date(2026, 1, m) for m in range(1, 7)], "month", "exchanged"),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, list) else str(value),
)
def test_or_it_is_not_told(cells: list[str], pace: Pace | None, words: str) -> None:
    with pytest.raises(UnclearDates, match=words):
        column(cells).order(pace=pace, latest=LATEST)


@pytest.mark.parametrize(
    "cells",
    [
        [dt.date(2026, 4, d) for d in range(1, 11)],
        [dt.date(2026, m, 1) for m in range(1, 11)],
        days("%Y-%m-%d", APRIL, 10),
        ["2026-04-03"],
    ],
)
@pytest.mark.parametrize("pace", ["day", None])
def test_iso_dates_and_those_of_excel_are_as_they_stand(cells: list[str], pace: Pace | None) -> None:
    if pace == "day" and isinstance(cells[0], dt.date) and cells[1] == dt.date(2026, 2, 1):
        pace = "month"
    assert column(cells).order(pace=pace, latest=LATEST) == DateOrder()


def test_dates_beside_others_are_written_as_they_are() -> None:
    beside = DateOrder("mdy")
    assert column(["03/04/2026"]).order(pace=None, latest=LATEST, like=beside).short == "mdy"
    assert column(["13/04/2026"]).order(pace=None, latest=LATEST, like=beside).short == "dmy"
