"""Sentences: an alert, what a house saved, a balance of meters, a day of a meter."""

from __future__ import annotations

from typing import Final

from dashboards.words.lang import Lang, pick
from dashboards.words.names import house_name, meter_name
from dashboards.words.numbers import moment, money, number, percent
from dashboards.words.terms import measure
from metering.events import Alert
from metering.site.model import Site

ALERTS: Final[dict[str, tuple[str, str]]] = {
    "meter_silent": (
        "{where}: {subject} молчит {hours} ч; последнее показание {last}",
        "{where}: {subject} has been silent for {hours} h; last reading {last}",
    ),
    "register_stalled": (
        "{where}: {subject}: с {since} показания не принимаются в расчёт: они не продолжают прежние; проверьте границу "
        "мощности, единицу и замену счётчика",
        "{where}: {subject}: readings since {since} are not counted, for they do not follow from those before; check "
        "the bound, the unit and whether the meter was exchanged",
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

STORIES: Final[dict[str, tuple[str, str]]] = {
    "saved": (
        "С {since} израсходовано на {avoided} меньше, чем без меры{weather}.",
        "Since {since} the use was {avoided} less than without the measure{weather}.",
    ),
    "overspent": (
        "С {since} израсходовано на {avoided} больше, чем без меры{weather}.",
        "Since {since} the use was {avoided} more than without the measure{weather}.",
    ),
    "weather": (" в ту же погоду", " in the same weather"),
    "money": ("По тарифу это {money}.", "By the tariff that is {money}."),
    "above": (
        "Но с {since} расход выше базового: перерасход {money}.",
        "But since {since} the use has been above the baseline: an excess of {money}.",
    ),
    "waiting": (
        "Отчётный период начинается {since}; первых цифр ещё нет.",
        "The reporting period begins on {since}; there are no figures yet.",
    ),
}
"""What a house saved, in sentences."""

DAY_PARTS: Final[dict[str, tuple[str, str]]] = {
    "unknown": ("{amount} известно только суммой", "{amount} known only in total"),
    "known": ("по часам известно {amount}", "{amount} known by hour"),
    "estimated": ("{amount} — оценка", "{amount} estimated"),
    "restated": (
        "пересчитано: было {old}, стало {new}; {cause}, {when}",
        "restated: was {old}, is {new}; {cause}, {when}",
    ),
}
"""Notes on a day of a meter."""

BALANCES: Final[dict[str, tuple[str, str]]] = {
    "known": (
        "С {first} по {last} известны полностью {days} дн.: общий счётчик показал {main}, "
        "подсчётчики вместе {subs}; общий {side} на {rest} ({share}).",
        "From {first} to {last} {days} days are fully known: the main meter counted {main}, "
        "its sub-meters together {subs}; the main meter counted {rest} {side} ({share}).",
    ),
    "more": ("больше", "more"),
    "less": ("меньше", "less"),
    "none": (
        "С {first} по {last} нет дня, за который известны все счётчики.",
        "From {first} to {last} there is no day of which all meters are known.",
    ),
    "unknown": (
        "Ещё {days} дн. известны только суммой: общий счётчик показал на {rest} {side}.",
        "Another {days} days are known only in total: the main meter counted {rest} {side}.",
    ),
    "untold": ("О {days} дн. сказать нечего.", "Nothing is known of {days} days."),
}
"""A main meter compared with its sub-meters."""


def sentence(alert: Alert, site: Site, lang: Lang) -> str:
    """An alert in one sentence: house, measure or meter, and the figures of its detail."""
    contract = site.contracts.get(alert.subject)
    detail = alert.detail

    def pct(name: str) -> str:
        return percent(float(detail.get(name, 0)), lang)

    since_ms = int(detail.get("since_ms", 0))
    last_ms = int(detail.get("last_reading_ms", 0))
    return pick(ALERTS[alert.kind], lang).format(
        where=house_name(site, alert.building),
        subject=alert.subject if contract is not None else _meter(alert, site, lang),
        since=moment(since_ms, site.zone, lang) if since_ms else "—",
        measure=measure(contract.measure, lang) if contract is not None else "",
        hours=detail.get("hours", 0),
        last=moment(last_ms, site.zone, lang) if last_ms else "—",
        savings=pct("savings_pct"),
        lo=number(float(detail.get("lo_pct", 0)), lang, 1),
        hi=pct("hi_pct"),
        guarantee=pct("guarantee_pct"),
        excess=pct("excess_pct"),
        days=detail.get("days", 0),
        money=money(alert.money, site.site.currency, lang),
    )


def _meter(alert: Alert, site: Site, lang: Lang) -> str:
    if not alert.subject:
        return pick(("весь дом (все счётчики)", "the whole house (all meters)"), lang)
    return meter_name(site, alert.building, alert.subject)
