"""The start page: what the houses saved together, what needs attention, and a row a contract."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from dashboards.contract_rows import portfolio
from dashboards.page.accounts import counts_view
from dashboards.page.alerts import alert_view, by_urgency
from dashboards.page.amounts import ABSENT
from dashboards.page.contract_row import finite, interval_text, row_view
from dashboards.words.lang import Lang, pick
from dashboards.words.names import house_name
from dashboards.words.numbers import date, large, percent, quantity, quantity_range
from dashboards.words.terms import CARRIERS
from metering.report.standing import Standing, by_carrier, money_together
from metering.savings.portfolio import Portfolio
from metering.site.model import Site
from metering.units import SHOWN_UNIT, UNITS
from storage.sqlite_reader import Reader

_URGENCY: Final = {"above": 0, "not_proved": 1, "below": 2, "waiting": 3, "proved": 4}
_URGENT_ALERTS: Final = 4
"""Alerts on the start page; all of them have a page of their own."""


def portfolio_view(reader: Reader, site: Site, lang: Lang) -> dict[str, Any]:
    """The start page."""
    alerts = reader.alerts()
    contracted = {contract.building for contract in site.contract}
    at_stake = {alert.subject: alert.money for alert in alerts}
    rows = sorted(
        portfolio(reader, site),
        key=lambda row: (_URGENCY[row.verdict], -at_stake.get(row.contract.id, 0), row.building_name),
    )
    return {
        "site": site.site.name or site.site.id,
        "summary": _summary(rows, site, lang),
        "axis": _axis(rows, lang),
        "rows": [row_view(row, site, lang) for row in rows],
        "totals": _totals(rows, site, lang),
        "alerts": [alert_view(alert, site, lang) for alert in by_urgency(alerts)[:_URGENT_ALERTS]],
        "alerts_open": len(alerts),
        "accounting": counts_view(reader, lang),
        "others": [
            {"building": building.id, "house": house_name(site, building.id)}
            for building in site.building
            if building.id not in contracted
        ],
    }


def _summary(rows: Sequence[Standing], site: Site, lang: Lang) -> dict[str, Any]:
    """The figures that are read first."""
    currency = site.site.currency
    money = money_together(rows)
    dates = [row.position.last for row in rows if row.position is not None]
    bounds = [(money.avoided + sign * money.half_width) / 100 for sign in (-1, 1)]
    return {
        "money": large(money.avoided / 100, currency, lang) if money.contracts else ABSENT,
        "money_interval": (
            " … ".join(large(bound, currency, lang) for bound in bounds)
            if money.contracts and math.isfinite(money.half_width)
            else ""
        ),
        "saves": money.avoided >= 0,
        "carriers": [
            {
                "name": pick(CARRIERS[carrier], lang),
                "avoided": quantity(together.avoided / float(UNITS[unit].scale), unit, lang),
                "interval": _bounds(together, unit, lang),
            }
            for carrier, unit, together in _by_carrier(rows)
            if together.contracts
        ],
        "proved": sum(1 for row in rows if row.verdict in ("proved", "below")),
        "contracts": len(rows),
        "houses": len({row.contract.building for row in rows}),
        "through": date(max(dates), lang) if dates else ABSENT,
    }


def _bounds(together: Portfolio, unit: str, lang: Lang) -> str:
    if not math.isfinite(together.half_width):
        return ""
    scale = float(UNITS[unit].scale)
    lo, hi = together.avoided - together.half_width, together.avoided + together.half_width
    return quantity_range(lo / scale, hi / scale, unit, lang)


def _by_carrier(rows: Iterable[Standing]) -> list[tuple[str, str, Portfolio]]:
    """(carrier, unit, its contracts together), heat first."""
    order = list(CARRIERS)
    totals = sorted(by_carrier(rows).items(), key=lambda entry: order.index(entry[0]))
    return [(carrier, SHOWN_UNIT[carrier], together) for carrier, together in totals]


def _totals(rows: Sequence[Standing], site: Site, lang: Lang) -> list[dict[str, Any]]:
    """A row a carrier, and a last one with the money of all contracts."""
    totals: list[dict[str, Any]] = []
    for carrier, unit, together in _by_carrier(rows):
        of_carrier = [row for row in rows if row.carrier == carrier]
        lo, hi = together.interval
        pct = together.saved_pct
        totals.append(
            {
                "name": pick(CARRIERS[carrier], lang),
                "contracts": len(of_carrier),
                "savings": finite(pct),
                "lo": finite(100 * lo),
                "hi": finite(100 * hi),
                "savings_text": ABSENT if pct is None else percent(pct, lang),
                "interval_text": interval_text((100 * lo, 100 * hi), lang),
                "avoided_text": quantity(together.avoided / float(UNITS[unit].scale), unit, lang),
                "money_text": _money_text(of_carrier, site.site.currency, lang),
            }
        )
    texts = ("name", "savings_text", "interval_text", "avoided_text")
    figures = ("savings", "lo", "hi")
    totals.append(
        {
            **dict.fromkeys(texts, ""),
            **dict.fromkeys(figures),
            "contracts": len(rows),
            "money_text": _money_text(rows, site.site.currency, lang),
        }
    )
    return totals


def _money_text(rows: Iterable[Standing], currency: str, lang: Lang) -> str:
    amounts = [row.money_year for row in rows if row.money_year is not None]
    return quantity(float(sum(amounts)), currency, lang) if amounts else ABSENT


def _axis(rows: Iterable[Standing], lang: Lang) -> dict[str, Any]:
    """One scale [%] for the bars of all rows, with round ticks."""
    values = [0.0, 10.0]
    for row in rows:
        values += [v for v in (row.savings_pct, row.contract.guaranteed_savings_pct) if v is not None]
        # An interval without end is drawn to the edge.
        values += [v for v in (row.interval_pct or ()) if -50 <= v <= 100]
    lo, hi = max(-100.0, min(values)), min(100.0, max(values))
    step = next(step for step in (5, 10, 20, 25, 50, 100) if (hi - lo) / step <= 5)
    first, last = math.floor(lo / step), math.ceil(hi / step)
    if lo >= -step / 5:  # a little below zero needs no whole step
        first = 0
    ticks = [step * n for n in range(first, last + 1)]
    return {
        "lo": min(lo, ticks[0]),
        "hi": ticks[-1],
        "ticks": [[tick, percent(tick, lang, 0)] for tick in ticks],
    }
