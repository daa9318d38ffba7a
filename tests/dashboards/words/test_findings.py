"""Findings speak Russian: rows of details, and what the pipeline really says of meters that do wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboards.words.findings import finding_detail
from kvartal.replay import replay
from metering.site.model import parse_site
from simulators.faults.messages import SITE, messages
from simulators.faults.table import documented
from storage.sqlite_reader import Reader


@pytest.mark.parametrize(
    ("said", "russian"),
    [
        ("days without use: 5", "дней без расхода: 5"),
        (
            "days without use: 1; the meter's own flow says otherwise",
            "дней без расхода: 1, хотя расходомер показывает проток",
        ),
        (
            "on 31 days the sub-meters lift, light count 310000 Wh, the main meter 279000 Wh",
            "за 31 дн. подсчётчики lift, light насчитали 310000 Вт·ч, общий счётчик 279000 Вт·ч",
        ),
        ("something new: 5", "something new: 5"),
    ],
)
def test_rows(said: str, russian: str) -> None:
    assert finding_detail(said, "ru") == russian
    assert finding_detail(said, "en") == said


@pytest.mark.parametrize(
    "fault",
    [
        "stray zero",
        "five-digit rollover",
        "exchange, starting at 0",
        "24 h in MWh for kWh",
        "one time, two values",
        "frozen for 36 h",
        "pulse weight x10",
    ],
)
def test_what_the_ledger_says_has_its_russian(fault: str, tmp_path: Path) -> None:
    replay(messages(documented(fault)), site=parse_site(SITE), db=tmp_path / "k.db")
    reader = Reader(tmp_path / "k.db")
    details = {finding["detail"] for finding in reader.findings()}
    reader.close()
    assert details
    assert {detail for detail in details if finding_detail(detail, "ru") == detail} == set()
