"""What the demo prints: the head of its table and the account of its readings."""

from __future__ import annotations

from typing import Final

from dashboards.words.lang import Lang

TABLE: Final[dict[Lang, tuple[str, ...]]] = {
    "ru": ("Дом", "Мера", "Обещано", "Измерено, 90 %", "Истина", "₽/год", "Вывод"),
    "en": ("House", "Measure", "Promised", "Measured, 90 %", "Truth", "RUB/year", "Verdict"),
}

ACCOUNTING: Final[dict[Lang, str]] = {
    "ru": "получено {received} = принято {accepted} + дубли {duplicate} + отклонено {rejected}; потеряно {lost}",
    "en": "received {received} = accepted {accepted} + duplicates {duplicate} + rejected {rejected}; lost {lost}",
}
