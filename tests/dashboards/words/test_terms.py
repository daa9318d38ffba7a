"""Every name of the domain has words in both languages."""

from __future__ import annotations

import pytest

from dashboards.words import terms
from ingest.reasons import REASONS
from metering import findings, flags
from metering.units import QUANTITIES


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (set(flags.NAMES.values()), terms.FLAGS),
        (set(findings.MEANINGS), terms.FINDINGS),
        (set(REASONS), terms.REASONS),
        (set(QUANTITIES), terms.QUANTITIES),
    ],
)
def test_there_are_words_for_everything(known: set[str], words: dict[str, tuple[str, str]]) -> None:
    assert known <= set(words)


@pytest.mark.parametrize(
    ("name", "russian", "english"),
    [
        ("archive", "загружен архив счётчика", "the meter's archive was imported"),
        ("lift was restated", "пересчитан lift", "lift was restated"),
        ("a cause without words", "a cause without words", "a cause without words"),
    ],
)
def test_causes_of_a_restatement(name: str, russian: str, english: str) -> None:
    assert (terms.cause(name, "ru"), terms.cause(name, "en")) == (russian, english)


def test_flags_are_joined() -> None:
    assert terms.flag_text("rollover|partial", "en") == "the register passed its last digit; part of the hour"


def test_a_measure_that_only_the_site_file_names_keeps_its_name() -> None:
    assert terms.measure("новые окна", "en") == "новые окна"
