"""The two languages of what people read: Russian and English."""

from __future__ import annotations

from typing import Literal

Lang = Literal["ru", "en"]


def pick(words: tuple[str, str], lang: Lang) -> str:
    """The Russian or the English of a pair."""
    return words[0 if lang == "ru" else 1]
