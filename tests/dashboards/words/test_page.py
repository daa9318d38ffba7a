"""The labels of the page."""

from __future__ import annotations

from dashboards.words.page import LABELS


def test_every_label_exists_in_both_languages_with_the_same_places() -> None:
    places = [
        name for name, (ru, en) in LABELS.items() if sorted(_places(ru)) != sorted(_places(en)) or not ru
    ]
    assert places == []


def _places(text: str) -> list[str]:
    return [part.split("}")[0] for part in text.split("{")[1:]]
