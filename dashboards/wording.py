"""What people read, in Russian and English: labels, verdicts, sentences, numbers with their units."""

from __future__ import annotations

import datetime as dt
from typing import Final, Literal

from metering.events import Alert
from metering.site import Site

Lang = Literal["ru", "en"]

MEASURES: Final[dict[str, tuple[str, str]]] = {
    "substation": ("ИТП с погодным регулированием", "weather-compensated substation"),
    "led": ("светодиоды и датчики", "LED and presence sensors"),
}

UNITS: Final[dict[str, tuple[str, str]]] = {
    "Gcal": ("Гкал", "Gcal"),
    "MWh": ("МВт·ч", "MWh"),
    "kWh": ("кВт·ч", "kWh"),
    "m3": ("м³", "m³"),
    "RUB": ("₽", "RUB"),
}

VERDICTS: Final[dict[str, tuple[str, str]]] = {
    "proved": ("экономия доказана", "saving proved"),
    "below": ("доказана, но меньше обещанной", "proved, but below the promise"),
    "not_proved": ("экономия не доказана", "saving not proved"),
    "above": ("расход выше базового", "use above the baseline"),
    "waiting": ("данных ещё мало", "not enough data yet"),
}

FINDINGS: Final[dict[str, tuple[str, str]]] = {
    "conflict": ("два значения на один момент", "two values for one instant"),
    "spike_dropped": ("случайный скачок, не учтён", "a stray value, left out"),
    "rollover": ("счётчик перешёл через ноль", "the register passed its last digit"),
    "reset": ("счёт начат заново", "the register began again"),
    "exchange": ("замена счётчика", "meter exchanged"),
    "exchange_contradicted": (
        "заявленная замена не сходится с показаниями",
        "a declared exchange does not fit the readings",
    ),
    "unit_change": ("сменилась единица измерения", "another unit"),
    "frozen": ("стоял, потом наверстал", "stood still, then caught up"),
    "pulse_weight": ("вес импульса?", "pulse weight?"),
    "archive_differs": ("архив расходится со счётчиком", "archive and register contradict each other"),
    "implausible": ("строка архива невозможна", "an impossible row of an archive"),
    "overlap": ("акт на время, посчитанное частью", "an act over a time counted in part"),
    "balance": (
        "части больше целого: субсчётчики насчитали больше общего",
        "parts exceed the whole: sub-meters count more than their main meter",
    ),
    "standstill": ("счётчик стоит", "the register stands still"),
}
"""What a finding is called, by its kind (`metering.findings`)."""

TABLE: Final[dict[Lang, tuple[str, ...]]] = {
    "ru": ("Дом", "Мера", "Обещано", "Измерено, 90 %", "Истина", "₽/год", "Вывод"),
    "en": ("House", "Measure", "Promised", "Measured, 90 %", "Truth", "RUB/year", "Verdict"),
}

ACCOUNTING: Final[dict[Lang, str]] = {
    "ru": "получено {received} = принято {accepted} + дубли {duplicate} + отклонено {rejected}; потеряно {lost}",
    "en": "received {received} = accepted {accepted} + duplicates {duplicate} + rejected {rejected}; lost {lost}",
}


def pick(words: tuple[str, str], lang: Lang) -> str:
    """The Russian or the English of a pair."""
    return words[0 if lang == "ru" else 1]


def measure(name: str, lang: Lang) -> str:
    """What the measure is called; a measure of one's own keeps its name."""
    return pick(MEASURES.get(name, (name, name)), lang)


def finding(kind: str, lang: Lang) -> str:
    """What a finding of the kind is called."""
    return pick(FINDINGS.get(kind, (kind, kind)), lang)


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


def percent(value: float, lang: Lang, digits: int = 1) -> str:
    """`12,3 %`"""
    return f"{number(value, lang, digits)}\u202f%"


def interval(lo: float, hi: float, lang: Lang) -> str:
    """`10,1…14,5 %`"""
    return f"{number(lo, lang, 1)}…{percent(hi, lang)}"


def money(hundredths: int, currency: str, lang: Lang) -> str:
    """An amount of money, in whole currency units."""
    return f"{number(hundredths / 100, lang)}\u202f{unit(currency, lang)}"


def date(ordinal: int, lang: Lang) -> str:
    """`15.10.2024` or `2024-10-15`."""
    day = dt.date.fromordinal(ordinal)
    return day.strftime("%d.%m.%Y") if lang == "ru" else day.isoformat()


_SENTENCES: Final[dict[str, tuple[str, str]]] = {
    "meter_silent": (
        "{where}: {subject} молчит {hours} ч; последнее показание {last}",
        "{where}: {subject} has been silent for {hours} h; last reading {last}",
    ),
    "no_saving": (
        "{where}, {measure}: экономия не доказана: {savings} ({lo}…{hi}) за {days} дн.",
        "{where}, {measure}: saving not proved: {savings} ({lo}…{hi}) over {days} days",
    ),
    "below_guarantee": (
        "{where}, {measure}: экономия {savings} меньше обещанных {guarantee}; недостаёт {money}",
        "{where}, {measure}: saving {savings} is below the promised {guarantee}; short by {money}",
    ),
    "above_baseline": (
        "{where}, {measure}: расход выше базового на {excess} за последние {days} дн.; перерасход {money}",
        "{where}, {measure}: use above the baseline by {excess} over the last {days} days; excess {money}",
    ),
}


def sentence(alert: Alert, site: Site, lang: Lang) -> str:
    """What an alert says to a person."""
    building = site.buildings.get(alert.building)
    where = (building.name or building.id) if building is not None else alert.building
    contract = site.contracts.get(alert.subject)
    detail = alert.detail

    def pct(name: str) -> str:
        return percent(float(detail.get(name, 0)), lang)

    last_ms = int(detail.get("last_reading_ms", 0))
    last = "—"
    if last_ms:
        moment = dt.datetime.fromtimestamp(last_ms / 1000, site.zone)
        last = moment.strftime("%d.%m.%Y %H:%M" if lang == "ru" else "%Y-%m-%d %H:%M")
    subject = alert.subject
    if alert.kind == "meter_silent":
        subject = _meter_name(alert, site, lang)
    return pick(_SENTENCES[alert.kind], lang).format(
        where=where,
        subject=subject,
        measure=measure(contract.measure, lang) if contract is not None else "",
        hours=detail.get("hours", 0),
        last=last,
        savings=pct("savings_pct"),
        lo=number(float(detail.get("lo_pct", 0)), lang, 1),
        hi=pct("hi_pct"),
        guarantee=pct("guarantee_pct"),
        excess=pct("excess_pct"),
        days=detail.get("days", 0),
        money=money(alert.money, site.site.currency, lang),
    )


def _meter_name(alert: Alert, site: Site, lang: Lang) -> str:
    if not alert.subject:
        return pick(("весь дом (все счётчики)", "the whole house (all meters)"), lang)
    meter = site.meters.get((alert.building, alert.subject))
    return (meter.name or meter.id) if meter is not None else alert.subject
