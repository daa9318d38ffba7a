"""The figures of findings in words: rows, and what the pipeline really finds on meters that do wrong."""

from __future__ import annotations

import string
from pathlib import Path

import pytest

from dashboards.words.findings import DETAILS, finding_text
from kvartal.replay import replay
from metering.findings import AMOUNTS, FIGURES, MEANINGS
from metering.site.model import parse_site
from simulators.faults.messages import SITE, messages
from simulators.faults.table import documented
from storage.sqlite_reader import Reader


def wh(amount: int) -> str:
    return f"{amount} Wh"


@pytest.mark.parametrize(
    ("kind", "figures", "russian", "english"),
    [
        ("standstill", {"days": 5}, "дней без расхода: 5", "days without use: 5"),
        (
            "standstill",
            {"days": 1, "flows": 1},
            "дней без расхода: 1, хотя расходомер показывает проток",
            "days without use: 1, although the meter's own flow is not zero",
        ),
        (
            "balance",
            {"days": 31, "meters": "lift, light", "subs": 310_000, "main": 279_000},
            "за 31 дн. подсчётчики lift, light насчитали 310000 Wh, общий счётчик 279000 Wh",
            "over 31 days the sub-meters lift, light count 310000 Wh, the main meter 279000 Wh",
        ),
        (
            "reset",
            {"before": 900, "after": 0, "readings": 4},
            "показание перешло с 900 Wh на 0 Wh; принято после показаний: 4",
            "the register went from 900 Wh to 0 Wh; believed after 4 readings",
        ),
        (
            "conflict",
            {"other": 7},
            "другой расход за то же время: 7 Wh",
            "another use of the same time: 7 Wh",
        ),
        ("frozen", {"text": "stored before"}, "stored before", "stored before"),
    ],
)
def test_rows(kind: str, figures: dict[str, int | str], russian: str, english: str) -> None:
    assert finding_text(kind, figures, wh, "ru") == russian
    assert finding_text(kind, figures, wh, "en") == english


def test_the_words_name_known_kinds_and_figures_only() -> None:
    assert set(DETAILS) <= set(MEANINGS)
    assert set(FIGURES) >= AMOUNTS
    for rows in DETAILS.values():
        for name, *sentences in rows:
            for sentence in sentences:
                named = {field for _, field, _, _ in string.Formatter().parse(sentence) if field}
                assert named <= set(FIGURES)
            assert name in FIGURES


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
def test_what_the_ledger_finds_has_words_in_both_languages(fault: str, tmp_path: Path) -> None:
    replay(messages(documented(fault)), site=parse_site(SITE), db=tmp_path / "k.db")
    reader = Reader(tmp_path / "k.db")
    findings = reader.findings()
    reader.close()
    assert findings
    for finding in findings:
        assert set(finding["figures"]) <= set(FIGURES)
        russian, english = (
            finding_text(finding["kind"], finding["figures"], wh, lang) for lang in ("ru", "en")
        )
        assert russian != english
