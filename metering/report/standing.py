"""Where a contract stands: its saving and interval in percent, money a year and verdict; and many together."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from metering.alerts.verdict import Verdict, verdict
from metering.events import Position, Savings
from metering.savings.day import published
from metering.savings.portfolio import ContractTotal, Portfolio, combine
from metering.savings.uncertainty import interval
from metering.savings.worth import price_digest, worth, yearly
from metering.site.contracts import Contract
from metering.site.model import Site
from metering.site.parts import Tariff
from metering.units import SHOWN_UNIT, UNITS


class Standing(NamedTuple):
    """One contract of the portfolio, with its promise, its saving and the interval."""

    contract: Contract
    building_name: str
    carrier: str
    unit: str
    """The unit that people know this carrier by."""
    position: Position | None
    savings_pct: float | None
    interval_pct: tuple[float, float] | None
    """90 % interval of the saving [%]."""
    avoided: float | None
    """Avoided energy use to date [unit]."""
    money_year: Decimal | None
    """Avoided cost a year at today's pace [currency units], None without a tariff."""
    verdict: Verdict
    money_year_half_width: Decimal | None = None
    """Half-width of its 90 % interval [currency units]; None without a tariff or without bound."""


def standing(contract: Contract, site: Site, position: Position | None, *, above: bool) -> Standing:
    """Where the contract stands.

    Args:
        contract: The contract.
        site: The site file.
        position: Its position with money by the site's tariff (`repriced`); None before its first reporting day.
        above: Whether its alert about use above the baseline is open.
    """
    building = site.buildings[contract.building]
    carrier = site.meters[contract.building, contract.meter].carrier
    unit = SHOWN_UNIT[carrier]
    name = building.name or building.id
    if position is None or position.expected <= 0:
        return Standing(contract, name, carrier, unit, position, None, None, None, None, "waiting")
    avoided = position.expected - position.used
    low, high = (
        100 * edge
        for edge in interval(
            expected_total=position.expected, used_total=position.used, half_width=position.half_width
        )
    )
    pct = 100 * avoided / position.expected
    money, width = (
        None if each is None else yearly(Decimal(each) / 100, position.days)
        for each in (position.money, position.money_half_width)
    )
    judged = verdict(contract, low_pct=low, savings_pct=pct, above=above)
    shown = float(avoided / UNITS[unit].scale)
    return Standing(contract, name, carrier, unit, position, pct, (low, high), shown, money, judged, width)


def has_prices(position: Position, tariff: Tariff | None) -> bool:
    """Whether the money of the position is by the prices of the tariff.

    A position of an older store has no money. A position from before a change of the tariff has money by other
    prices.
    """
    return position.prices == price_digest(tariff)


def repriced(position: Position, tariff: Tariff | None, days: Iterable[Savings]) -> Position:
    """The position with the money of its days by the tariff.

    Args:
        position: The position.
        tariff: The tariff of the contract in the site file.
        days: The published days of the position; not read without a tariff.
    """
    if tariff is None:
        return replace(position, money=None, money_half_width=None, prices="")
    value = worth((published(day) for day in days), tariff, half_width=position.half_width)
    return replace(
        position,
        money=value.hundredths,
        money_half_width=value.half_width_hundredths,
        prices=price_digest(tariff),
    )


def by_carrier(standings: Iterable[Standing]) -> dict[str, Portfolio]:
    """The contracts with a position together, by carrier: only energy of one kind is added up."""
    totals: dict[str, list[ContractTotal]] = {}
    for each in standings:
        of_carrier = totals.setdefault(each.carrier, [])
        if each.position is not None:
            of_carrier.append(
                ContractTotal(each.position.expected, each.position.used, each.position.half_width)
            )
    return {carrier: combine(of_carrier) for carrier, of_carrier in totals.items()}


def money_together(standings: Iterable[Standing]) -> Portfolio:
    """The avoided cost a year of the contracts with a tariff [hundredths], with its half-width."""
    return combine(
        ContractTotal(
            round(100 * each.money_year),
            0,
            math.inf if each.money_year_half_width is None else 100 * float(each.money_year_half_width),
        )
        for each in standings
        if each.money_year is not None
    )
