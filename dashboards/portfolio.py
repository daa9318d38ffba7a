"""The portfolio: one row a contract, with what was promised, what was measured, and how sure that is."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from metering.events import Position
from metering.site import Contract, Site
from metering.uncertainty import interval
from metering.units import UNITS
from storage.contract import Figures

Verdict = Literal["proved", "below", "not_proved", "above", "waiting"]

SHOWN_UNIT: Final = {"heat": "Gcal", "electricity": "kWh", "cold_water": "m3", "hot_water": "m3", "gas": "m3"}


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


def portfolio(figures: Figures, site: Site) -> list[Row]:
    """The site's contracts in the order of the site file."""
    above = {alert.subject for alert in figures.alerts() if alert.kind == "above_baseline"}
    return [_row(figures.position(c.id), c, site, above=c.id in above) for c in site.contract]


def _row(position: Position | None, contract: Contract, site: Site, *, above: bool) -> Row:
    building = site.buildings[contract.building]
    carrier = site.meters[contract.building, contract.meter].carrier
    unit = SHOWN_UNIT[carrier]
    name = building.name or building.id
    if position is None or position.expected <= 0:
        return Row(contract, name, carrier, unit, position, None, None, None, None, "waiting")
    avoided = position.expected - position.used
    lo, hi = (
        100 * edge
        for edge in interval(
            expected_total=position.expected, used_total=position.used, half_width=position.half_width
        )
    )
    pct = 100 * avoided / position.expected
    money = None
    tariff = site.tariffs.get(contract.tariff or "")
    if tariff is not None:
        money = tariff.money(avoided, dt.date.fromordinal(position.last)) * 365 / position.days
    scale = UNITS[unit].scale
    judged = verdict(contract, low_pct=lo, savings_pct=pct, above=above)
    return Row(contract, name, carrier, unit, position, pct, (lo, hi), float(avoided / scale), money, judged)


def verdict(contract: Contract, *, low_pct: float, savings_pct: float, above: bool) -> Verdict:
    """What is said of a contract whose saving has this lower end of the 90 % interval [%]."""
    if above:
        return "above"
    if low_pct <= 0:
        return "not_proved"
    if contract.guaranteed_savings_pct is not None and savings_pct < contract.guaranteed_savings_pct:
        return "below"
    return "proved"
