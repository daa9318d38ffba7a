"""What a contract's saving is worth, and what its declared events added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from metering.report.parts import ContractView, DeclaredEvent, Payback
from metering.savings.conditions import adjustment
from metering.savings.day import Figure
from metering.savings.worth import Unpriced, emission, factors_of, simple_payback_years, worth
from metering.site.contracts import Contract
from metering.site.model import Site


def events_of(site: Site, contract: Contract, expected: Mapping[int, int]) -> tuple[DeclaredEvent, ...]:
    """The declared events of the contract with what each added.

    Args:
        site: The site file.
        contract: The contract.
        expected: Expected use by date ordinal of the days that count [base units].
    """
    meter = site.meters[contract.building, contract.meter]
    declared = [adjustment(each, meter) for each in contract.event]
    return tuple(
        DeclaredEvent(
            each, sum(each.added(date, use) for date, use in expected.items()) if each.approved_by else 0
        )
        for each in declared
    )


def valued(view: ContractView, site: Site, figures: Sequence[Figure]) -> ContractView:
    """The report with money, CO2 and payback of the figures; `absent` gives the reason of each missing part."""
    view = _with_emission(view, site, figures)
    contract = view.contract
    tariff = site.tariffs.get(contract.tariff or "")
    if tariff is None:
        return view._replace(absent={**view.absent, "money": "no_tariff", "payback": "no_tariff"})
    assert view.total is not None
    value = worth(figures, tariff, half_width=view.total.half_width)
    sources = dict.fromkeys(price.source for price in tariff.prices if price.source)
    view = view._replace(money=value, price_sources=tuple(sources))
    if contract.investment_rub is None:
        return view._replace(absent={**view.absent, "payback": "no_investment"})
    years = [
        simple_payback_years(contract.investment_rub, money, view.days)
        for money in (value.money, value.money + value.half_width, value.money - value.half_width)
    ]
    return view._replace(payback=Payback(contract.investment_rub, *years))


def _with_emission(view: ContractView, site: Site, figures: Sequence[Figure]) -> ContractView:
    assert view.total is not None
    factors = factors_of(site)
    try:
        carbon = emission(view.carrier, {d.date: d.expected - d.used for d in figures}, factors)
        of_expected = emission(view.carrier, {d.date: d.expected for d in figures}, factors)
    except Unpriced:
        return view._replace(absent={**view.absent, "emission": "no_factor"})
    share = Decimal(repr(view.total.half_width)) / view.total.expected
    return view._replace(emission=carbon, emission_half_width=of_expected.kg * share)
