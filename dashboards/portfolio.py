"""Contracts together (`metering.report.portfolio`) in words and as a document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboards.contract_view import view_of
from dashboards.words.lang import Lang, pick
from dashboards.words.numbers import decimals_of, money, number, percent, percent_range, unit
from dashboards.words.terms import CARRIERS, VERDICTS
from metering.report.parts import ContractView
from metering.report.portfolio import By, CarrierTotal, Group
from metering.site.model import Site
from metering.units import UNITS
from storage.sqlite_reader import Reader


def views_of(reader: Reader, site: Site) -> list[ContractView]:
    """The views of all contracts of the site."""
    return [view_of(reader, site, each) for each in site.contract]


def lines(groups: Sequence[Group], site: Site, lang: Lang) -> list[str]:
    """The groups for a person: a line for the group, a line a carrier."""
    text: list[str] = []
    for group in groups:
        head = pick(
            (
                f"{group.name or 'без программы'}: договоров {group.contracts}, без цифр {group.waiting}",
                f"{group.name or 'no programme'}: {group.contracts} contracts, {group.waiting} without figures",
            ),
            lang,
        )
        text.append(head)
        text += [f"  {_carrier_text(each, lang)}" for each in group.carriers]
        if group.money is not None:
            saved = (
                f"{number(group.money.avoided / 100, lang)} ± "
                f"{money(round(group.money.half_width), site.site.currency, lang)}"
            )
            if group.payback_years is not None:
                years = number(float(group.payback_years), lang, 1)
                saved += pick((f"; окупаемость {years} г.", f"; payback {years} years"), lang)
            text.append(f"  {saved}")
        if group.kg is not None:
            ton = pick(("т CO₂", "t CO₂"), lang)
            half = number(group.kg.half_width / 1000, lang, 1)
            text.append(f"  {number(group.kg.avoided / 1000, lang, 1)} ± {half}\u202f{ton}")
    return text


def _carrier_text(carrier: CarrierTotal, lang: Lang) -> str:
    scale, digits = float(UNITS[carrier.unit].scale), decimals_of(carrier.unit)
    low, high = carrier.interval
    share = 100 * carrier.total.avoided / carrier.total.expected
    grades = ", ".join(f"{grade} {n}" for grade, n in carrier.grades.items())
    return (
        f"{pick(CARRIERS[carrier.carrier], lang)}: {number(carrier.total.avoided / scale, lang, digits)} ± "
        f"{number(carrier.total.half_width / scale, lang, digits)}\u202f{unit(carrier.unit, lang)}; "
        f"{percent(share, lang)} ({percent_range(100 * low, 100 * high, lang)}); "
        f"{pick(VERDICTS[carrier.verdict], lang)}; {pick(('оценки', 'grades'), lang)} {grades}"
    )


def document(groups: Sequence[Group], by: By, site: Site) -> dict[str, Any]:
    """The groups as JSON."""
    return {
        "by": by,
        "currency": site.site.currency,
        "groups": [
            {
                "id": group.id,
                "name": group.name,
                "contracts": group.contracts,
                "waiting": group.waiting,
                "carriers": [_carrier_document(each) for each in group.carriers],
                "money": None
                if group.money is None
                else {
                    "saved": group.money.avoided / 100,
                    "half_width_90": round(group.money.half_width / 100, 2),
                    "contracts": group.priced,
                },
                "co2": None
                if group.kg is None
                else {
                    "t": group.kg.avoided / 1000,
                    "half_width_90": round(group.kg.half_width / 1000, 3),
                },
                "investment": float(group.investment),
                "payback_years": None
                if group.payback_years is None
                else round(float(group.payback_years), 2),
            }
            for group in groups
        ],
    }


def _carrier_document(carrier: CarrierTotal) -> dict[str, Any]:
    scale = float(UNITS[carrier.unit].scale)
    low, high = carrier.interval
    return {
        "carrier": carrier.carrier,
        "unit": carrier.unit,
        "contracts": carrier.total.contracts,
        "expected": round(carrier.total.expected / scale, 6),
        "used": round(carrier.total.used / scale, 6),
        "avoided": round(carrier.total.avoided / scale, 6),
        "half_width_90": round(carrier.total.half_width / scale, 6),
        "avoided_pct": 100 * carrier.total.avoided / carrier.total.expected,
        "interval_90_pct": [100 * low, 100 * high],
        "verdict": carrier.verdict,
        "verdict_text": dict(zip(("ru", "en"), VERDICTS[carrier.verdict], strict=True)),
        "estimated_pct": 100 * carrier.estimated / carrier.total.used if carrier.total.used else None,
        "grades": carrier.grades,
    }
