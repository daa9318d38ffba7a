"""Contracts together: by building, programme or the whole quarter, with what they share (`savings.portfolio`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from dashboards.contract_view import view_of
from dashboards.words.lang import Lang, pick
from dashboards.words.numbers import money, number, percent, percent_range, unit
from dashboards.words.terms import CARRIERS, VERDICTS
from metering.alerts.verdict import Verdict
from metering.report.parts import ContractView
from metering.savings.portfolio import Part, Portfolio, combine
from metering.savings.uncertainty import interval
from metering.savings.worth import yearly
from metering.site.model import Site
from metering.units import SHOWN_UNIT, UNITS
from storage.sqlite_reader import Reader

By = Literal["building", "programme", "quarter"]


class Carrier(NamedTuple):
    """The contracts of a group on one carrier: energy of one kind is added to its kind only."""

    carrier: str
    unit: str
    total: Portfolio
    estimated: int
    """The part of the use that rests on estimates [base units]."""
    grades: dict[str, int]
    """How many contracts have each grade."""

    @property
    def interval(self) -> tuple[float, float]:
        """90 % interval of the avoided use as a share of the expected use."""
        return interval(
            expected_total=self.total.expected,
            used_total=self.total.used,
            half_width=self.total.half_width,
        )

    @property
    def verdict(self) -> Verdict:
        """Whether the saving of the contracts together is proved."""
        return "proved" if self.interval[0] > 0 else "not_proved"


class Group(NamedTuple):
    """Contracts together."""

    id: str
    name: str
    contracts: int
    waiting: int
    """Contracts without a figure yet: they are in no sum."""
    carriers: tuple[Carrier, ...]
    money: Portfolio | None
    """Saved money [hundredths of the currency] with its half-width; None where no contract has a tariff."""
    priced: int
    """Contracts behind the money."""
    kg: Portfolio | None
    """Avoided CO2 [kg]; None where no carrier has a factor."""
    investment: Decimal
    payback_years: Decimal | None
    """Investments over the yearly money of the contracts that have both."""


def view_portfolio(views: Iterable[ContractView], site: Site, by: By) -> list[Group]:
    """The contracts' views, added up, in the order of the site file."""
    grouped: dict[str, list[ContractView]] = {}
    for view in views:
        grouped.setdefault(_key(view, site, by), []).append(view)
    return [_group(key, held, site, by) for key, held in grouped.items()]


def views_of(reader: Reader, site: Site) -> list[ContractView]:
    """The views of all contracts of the site."""
    return [view_of(reader, site, each) for each in site.contract]


def _key(view: ContractView, site: Site, by: By) -> str:
    if by == "building":
        return view.contract.building
    return view.contract.programme if by == "programme" else site.site.id


def _group(key: str, views: Sequence[ContractView], site: Site, by: By) -> Group:
    name = {"building": views[0].building_name, "programme": key, "quarter": site.site.name or key}[by]
    told = [view for view in views if view.total is not None]
    carriers = tuple(
        _carrier(carrier, [view for view in told if view.carrier == carrier])
        for carrier in dict.fromkeys(view.carrier for view in told)
    )
    priced = [view for view in told if view.money is not None]
    saved = invested = Decimal(0)
    for view in priced:
        if view.payback is not None and view.money is not None:
            saved += yearly(view.money.money, view.days)
            invested += view.payback.investment
    return Group(
        key,
        name,
        len(views),
        len(views) - len(told),
        carriers,
        combine(
            Part(round(100 * held.money), 0, float(100 * held.half_width))
            for held in (view.money for view in priced)
            if held is not None
        )
        if priced
        else None,
        len(priced),
        combine(
            Part(round(view.emission.kg), 0, float(view.emission_half_width))
            for view in told
            if view.emission is not None and view.emission_half_width is not None
        )
        if any(view.emission is not None for view in told)
        else None,
        invested,
        invested / saved if invested and saved > 0 else None,
    )


def _carrier(carrier: str, views: Sequence[ContractView]) -> Carrier:
    totals = [view.total for view in views if view.total is not None]
    return Carrier(
        carrier,
        SHOWN_UNIT[carrier],
        combine(Part(each.expected, each.used, each.width.total) for each in totals),
        sum(view.estimated for view in views),
        dict(sorted(Counter(each.grade for each in totals).items())),
    )


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


def _carrier_text(held: Carrier, lang: Lang) -> str:
    scale, digits = float(UNITS[held.unit].scale), 1 if held.unit == "Gcal" else 0
    low, high = held.interval
    share = 100 * held.total.avoided / held.total.expected
    grades = ", ".join(f"{grade} {n}" for grade, n in held.grades.items())
    return (
        f"{pick(CARRIERS[held.carrier], lang)}: {number(held.total.avoided / scale, lang, digits)} ± "
        f"{number(held.total.half_width / scale, lang, digits)}\u202f{unit(held.unit, lang)}; "
        f"{percent(share, lang)} ({percent_range(100 * low, 100 * high, lang)}); "
        f"{pick(VERDICTS[held.verdict], lang)}; {pick(('оценки', 'grades'), lang)} {grades}"
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


def _carrier_document(held: Carrier) -> dict[str, Any]:
    scale = float(UNITS[held.unit].scale)
    low, high = held.interval
    return {
        "carrier": held.carrier,
        "unit": held.unit,
        "contracts": held.total.contracts,
        "expected": round(held.total.expected / scale, 6),
        "used": round(held.total.used / scale, 6),
        "avoided": round(held.total.avoided / scale, 6),
        "half_width_90": round(held.total.half_width / scale, 6),
        "avoided_pct": 100 * held.total.avoided / held.total.expected,
        "interval_90_pct": [100 * low, 100 * high],
        "verdict": held.verdict,
        "verdict_text": dict(zip(("ru", "en"), VERDICTS[held.verdict], strict=True)),
        "estimated_pct": 100 * held.estimated / held.total.used if held.total.used else None,
        "grades": held.grades,
    }
