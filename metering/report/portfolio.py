"""Contracts together: by building, programme or the whole quarter, with what they share (`savings.portfolio`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from metering.alerts.verdict import Verdict
from metering.report.parts import ContractView
from metering.savings.portfolio import ContractTotal, Portfolio, combine
from metering.savings.worth import yearly
from metering.site.model import Site
from metering.units import SHOWN_UNIT

By = Literal["building", "programme", "quarter"]


class CarrierTotal(NamedTuple):
    """The contracts of a group on one carrier: only energy of one kind is added up."""

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
        return self.total.interval

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
    """Contracts without a figure yet; no sum includes them."""
    carriers: tuple[CarrierTotal, ...]
    money: Portfolio | None
    """Saved money [hundredths of the currency] with its half-width; None if no contract has a tariff."""
    priced: int
    """Contracts behind the money."""
    kg: Portfolio | None
    """Avoided CO2 [kg]; None if no carrier has a factor."""
    investment: Decimal
    payback_years: Decimal | None
    """Investments over the yearly money of the contracts that have both."""


def view_portfolio(views: Iterable[ContractView], site: Site, by: By) -> list[Group]:
    """The contracts' reports, added up, in the order of the site file."""
    grouped: dict[str, list[ContractView]] = {}
    for view in views:
        grouped.setdefault(_key(view, site, by), []).append(view)
    return [_group(key, members, site, by) for key, members in grouped.items()]


def _key(view: ContractView, site: Site, by: By) -> str:
    if by == "building":
        return view.contract.building
    return view.contract.programme if by == "programme" else site.site.id


def _group(key: str, views: Sequence[ContractView], site: Site, by: By) -> Group:
    name = {"building": views[0].building_name, "programme": key, "quarter": site.site.name or key}[by]
    judged = [view for view in views if view.total is not None]
    money = [
        ContractTotal(round(100 * view.money.money), 0, float(100 * view.money.half_width))
        for view in judged
        if view.money is not None
    ]
    kg = [
        ContractTotal(round(view.emission.kg), 0, float(view.emission_half_width))
        for view in judged
        if view.emission is not None and view.emission_half_width is not None
    ]
    paid = [
        (view.payback.investment, yearly(view.money.money, view.days))
        for view in judged
        if view.payback is not None and view.money is not None
    ]
    invested = sum((investment for investment, _ in paid), Decimal(0))
    saved = sum((a_year for _, a_year in paid), Decimal(0))
    return Group(
        key,
        name,
        contracts=len(views),
        waiting=len(views) - len(judged),
        carriers=tuple(
            _carrier(carrier, [view for view in judged if view.carrier == carrier])
            for carrier in dict.fromkeys(view.carrier for view in judged)
        ),
        money=combine(money) if money else None,
        priced=len(money),
        kg=combine(kg) if kg else None,
        investment=invested,
        payback_years=invested / saved if invested and saved > 0 else None,
    )


def _carrier(carrier: str, views: Sequence[ContractView]) -> CarrierTotal:
    totals = [view.total for view in views if view.total is not None]
    return CarrierTotal(
        carrier,
        SHOWN_UNIT[carrier],
        combine(ContractTotal(each.expected, each.used, each.half_width) for each in totals),
        sum(view.estimated for view in views),
        dict(sorted(Counter(each.grade for each in totals).items())),
    )
