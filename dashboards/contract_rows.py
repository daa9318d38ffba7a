"""The portfolio out of a store: where each contract of the site stands (`metering.report.standing`)."""

from __future__ import annotations

from metering.report.standing import Standing, has_prices, repriced, standing
from metering.site.contracts import Contract
from metering.site.model import Site
from storage.contract import Figures


def portfolio(figures: Figures, site: Site) -> list[Standing]:
    """The site's contracts in the order of the site file."""
    above = {alert.subject for alert in figures.alerts() if alert.kind == "above_baseline"}
    return [_standing(figures, c, site, above=c.id in above) for c in site.contract]


def _standing(figures: Figures, contract: Contract, site: Site, *, above: bool) -> Standing:
    position = figures.position(contract.id)
    tariff = site.tariffs.get(contract.tariff or "")
    if position is not None and not has_prices(position, tariff):
        days = figures.savings(contract.id, position.first, position.last)
        position = repriced(position, tariff, days)
    return standing(contract, site, position, above=above)
