"""Numbers, amounts, dates and instants as text."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from dashboards.words import numbers
from metering.times import to_ms

EVENING = to_ms(dt.datetime(2025, 1, 31, 22, 30, tzinfo=dt.UTC))
MOSCOW = ZoneInfo("Europe/Moscow")


@pytest.mark.parametrize(
    ("russian", "english", "expected_ru", "expected_en"),
    [
        (
            numbers.number(1234567.8, "ru", 1),
            numbers.number(1234567.8, "en", 1),
            "1 234 567,8",
            "1 234 567.8",
        ),
        (numbers.number(-0.04, "ru", 1), numbers.number(-2, "en"), "0,0", "−2"),
        (numbers.percent(12.34, "ru"), numbers.percent(12.34, "en", 0), "12,3 %", "12 %"),
        (
            numbers.percent_range(-1, 14.5, "ru"),
            numbers.percent_range(-1, 14.5, "en"),
            "−1,0…14,5 %",
            "−1.0…14.5 %",
        ),
        (
            numbers.quantity_range(4900, 5300, "Gcal", "ru"),
            numbers.quantity_range(4900, 5300, "Gcal", "en"),
            "4 900…5 300 Гкал",
            "4 900…5 300 Gcal",
        ),
        (
            numbers.large(14_600_000, "RUB", "ru"),
            numbers.large(999_499, "RUB", "en"),
            "14,6 млн ₽",
            "999 k RUB",
        ),
        (numbers.large(9_999, "RUB", "ru"), numbers.large(-99_950_000, "RUB", "en"), "9 999 ₽", "−100 M RUB"),
        (numbers.money(12_345_60, "RUB", "ru"), numbers.money(-150, "RUB", "en"), "12 346 ₽", "−2 RUB"),
        (
            numbers.month(dt.date(2025, 5, 9), "ru"),
            numbers.month(dt.date(2025, 5, 9), "en"),
            "май 2025",
            "May 2025",
        ),
        (
            numbers.date_at(EVENING, MOSCOW, "ru"),
            numbers.date_at(EVENING, MOSCOW, "en"),
            "01.02.2025",
            "2025-02-01",
        ),
        (
            numbers.moment(EVENING, MOSCOW, "ru"),
            numbers.moment(EVENING, MOSCOW, "en"),
            "01.02.2025 01:30",
            "2025-02-01 01:30",
        ),
        (numbers.quantity(1, "лампа", "ru"), numbers.quantity(1, "m3/h", "en"), "1 лампа", "1 m³/h"),
    ],
)
def test_rows(russian: str, english: str, expected_ru: str, expected_en: str) -> None:
    assert (russian.replace("\u202f", " "), english.replace("\u202f", " ")) == (expected_ru, expected_en)
