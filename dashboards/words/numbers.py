"""Numbers, amounts with their units, dates and local instants as text."""

from __future__ import annotations

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

from dashboards.words.lang import Lang, pick
from metering.times import date_of, from_ms

UNITS: Final[dict[str, tuple[str, str]]] = {
    "Wh": ("Вт·ч", "Wh"),
    "l": ("л", "l"),
    "Gcal": ("Гкал", "Gcal"),
    "MWh": ("МВт·ч", "MWh"),
    "kWh": ("кВт·ч", "kWh"),
    "m3": ("м³", "m³"),
    "RUB": ("₽", "RUB"),
    "m3/h": ("м³/ч", "m³/h"),
    "kW": ("кВт", "kW"),
}

_MONTHS: Final[dict[Lang, tuple[str, ...]]] = {
    "ru": (
        "январь", "февраль", "март", "апрель", "май", "июнь",
        "июль", "август", "сентябрь", "октябрь", "ноябрь", "декабрь",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
}  # fmt: skip


def unit(name: str, lang: Lang) -> str:
    """How a unit is written."""
    return pick(UNITS.get(name, (name, name)), lang)


def number(value: float, lang: Lang, digits: int = 0) -> str:
    """A number with thin spaces between thousands, and a decimal comma in Russian; a true minus sign."""
    text = f"{abs(value):,.{digits}f}".replace(",", "\u202f")
    if lang == "ru":
        text = text.replace(".", ",")
    negative = round(value, digits) < 0
    return f"−{text}" if negative else text


def decimals_of(unit: str) -> int:
    """Decimals of the use of a month or more, by unit."""
    return 1 if unit == "Gcal" else 0


def percent(value: float, lang: Lang, digits: int = 1) -> str:
    """`12,3 %`"""
    return f"{number(value, lang, digits)}\u202f%"


def percent_range(lo: float, hi: float, lang: Lang) -> str:
    """`10,1…14,5 %`"""
    return f"{number(lo, lang, 1)}…{percent(hi, lang)}"


def quantity(value: float, name: str, lang: Lang, digits: int = 0) -> str:
    """A number with its unit: `4 900 Гкал`."""
    return f"{number(value, lang, digits)}\u202f{unit(name, lang)}"


def quantity_range(lo: float, hi: float, name: str, lang: Lang, digits: int = 0) -> str:
    """`4 900…5 300 Гкал`"""
    return f"{number(lo, lang, digits)}…{quantity(hi, name, lang, digits)}"


def large(value: float, name: str, lang: Lang) -> str:
    """An amount in short: `14,6 млн ₽`, `328 тыс. ₽`."""
    size = abs(value)
    if size >= 999_500:
        text, word = number(value / 1e6, lang, 1 if size < 99.95e6 else 0), pick(("млн", "M"), lang)
    elif size >= 10_000:
        text, word = number(value / 1e3, lang), pick(("тыс.", "k"), lang)
    else:
        return quantity(value, name, lang)
    return f"{text}\u202f{word}\u202f{unit(name, lang)}"


def money(hundredths: int, currency: str, lang: Lang) -> str:
    """An amount of money [hundredths], in whole currency units."""
    return f"{number(hundredths / 100, lang)}\u202f{unit(currency, lang)}"


def date(ordinal: int, lang: Lang) -> str:
    """`15.10.2024` or `2024-10-15`."""
    day = dt.date.fromordinal(ordinal)
    return day.strftime("%d.%m.%Y") if lang == "ru" else day.isoformat()


def month(first: dt.date, lang: Lang) -> str:
    """`январь 2025`, the month of a date."""
    return f"{_MONTHS[lang][first.month - 1]} {first.year}"


def date_at(ms: int, zone: ZoneInfo, lang: Lang) -> str:
    """The local date of an instant [ms since 1970 UTC]."""
    return date(date_of(ms, zone), lang)


def moment(ms: int, zone: ZoneInfo, lang: Lang) -> str:
    """An instant [ms since 1970 UTC] by local time: `15.10.2024 07:30` or `2024-10-15 07:30`."""
    local = from_ms(ms).astimezone(zone)
    return local.strftime("%d.%m.%Y %H:%M" if lang == "ru" else "%Y-%m-%d %H:%M")
