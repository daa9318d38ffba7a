"""The portfolio: one row a contract, with its promise, its saving and the interval."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from metering.alerts.verdict import Verdict, verdict
from metering.events import Position
from metering.savings.day import published
from metering.savings.uncertainty import interval
from metering.savings.worth import price_digest, worth, yearly
from metering.site.contracts import Contract
from metering.site.model import Site
from metering.units import SHOWN_UNIT, UNITS
from storage.contract import Figures


class Row(NamedTuple):
    """One contract in the portfolio."""

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


def portfolio(figures: Figures, site: Site) -> list[Row]:
    """The site's contracts in the order of the site file."""
    above = {alert.subject for alert in figures.alerts() if alert.kind == "above_baseline"}
    return [_row(figures, c, site, above=c.id in above) for c in site.contract]


def _money(figures: Figures, position: Position, contract: Contract, site: Site) -> Position:
    """The position with the money of its days by the tariff in the site file.

    A position of an older store has no money. A position from before a change of the tariff has money by other
    prices. In both cases the money is calculated from the stored days.
    """
    tariff = site.tariffs.get(contract.tariff or "")
    if position.prices == price_digest(tariff):
        return position
    if tariff is None:
        return replace(position, money=None, money_half_width=None, prices="")
    days = figures.savings(contract.id, position.first, position.last)
    value = worth((published(day) for day in days), tariff, half_width=position.half_width)
    return replace(
        position,
        money=value.hundredths,
        money_half_width=value.half_width_hundredths,
        prices=price_digest(tariff),
    )


def _row(figures: Figures, contract: Contract, site: Site, *, above: bool) -> Row:
    position = figures.position(contract.id)
    building = site.buildings[contract.building]
    carrier = site.meters[contract.building, contract.meter].carrier
    unit = SHOWN_UNIT[carrier]
    name = building.name or building.id
    if position is None or position.expected <= 0:
        return Row(contract, name, carrier, unit, position, None, None, None, None, "waiting")
    position = _money(figures, position, contract, site)
    avoided = position.expected - position.used
    lo, hi = (
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
    scale = UNITS[unit].scale
    judged = verdict(contract, low_pct=lo, savings_pct=pct, above=above)
    return Row(
        contract, name, carrier, unit, position, pct, (lo, hi), float(avoided / scale), money, judged, width
    )
