"""The start page: what the houses saved together, what needs attention, and a row a contract."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from dashboards.contract_rows import Row, portfolio
from dashboards.words import wording
from dashboards.words.wording import Lang, pick
from metering.events import Alert
from metering.savings.portfolio import Part, Portfolio, combine
from metering.savings.uncertainty import interval
from metering.site.model import Site
from metering.times import from_ms
from metering.units import UNITS
from storage.sqlite_reader import Reader

_URGENCY: Final = {"above": 0, "not_proved": 1, "below": 2, "waiting": 3, "proved": 4}
_NOW: Final = {"meter_silent": 0, "above_baseline": 1}
"""Alerts about this week, by urgency; the others are about the whole period."""
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
        "alerts": [alert_view(alert, site, lang) for alert in by_money(alerts)[:_URGENT_ALERTS]],
        "alerts_open": len(alerts),
        "accounting": counts_view(reader, lang),
        "others": [
            {"building": b.id, "house": b.name or b.id} for b in site.building if b.id not in contracted
        ],
    }


def _summary(rows: Sequence[Row], site: Site, lang: Lang) -> dict[str, Any]:
    """The figures that are read first."""
    currency = site.site.currency
    money = combine(part for row in rows if (part := _money_part(row)) is not None)
    dates = [row.position.last for row in rows if row.position is not None]
    return {
        "money": wording.large(money.avoided / 100, currency, lang) if money.contracts else "—",
        "money_interval": (
            f"{wording.large((money.avoided - money.half_width) / 100, currency, lang)} … "
            f"{wording.large((money.avoided + money.half_width) / 100, currency, lang)}"
            if money.contracts and math.isfinite(money.half_width)
            else ""
        ),
        "saves": money.avoided >= 0,
        "carriers": [
            {
                "name": pick(wording.CARRIERS[carrier], lang),
                "avoided": wording.quantity(together.avoided / scale, unit, lang),
                "interval": _bounds(together, scale, unit, lang),
            }
            for carrier, unit, together in _by_carrier(rows)
            for scale in (float(UNITS[unit].scale),)
            if together.contracts
        ],
        "proved": sum(1 for row in rows if row.verdict in ("proved", "below")),
        "contracts": len(rows),
        "houses": len({row.contract.building for row in rows}),
        "through": wording.date(max(dates), lang) if dates else "—",
    }


def _bounds(together: Portfolio, scale: float, unit: str, lang: Lang) -> str:
    if not math.isfinite(together.half_width):
        return ""
    lo, hi = together.avoided - together.half_width, together.avoided + together.half_width
    return wording.range_of(lo / scale, hi / scale, unit, lang)


def _money_part(row: Row) -> Part | None:
    """A contract's avoided cost a year with its uncertainty [hundredths]."""
    if row.money_year is None:
        return None
    half_width = row.money_year_half_width
    width = math.inf if half_width is None else 100 * float(half_width)
    return Part(round(100 * row.money_year), 0, width)


def _by_carrier(rows: Iterable[Row]) -> list[tuple[str, str, Portfolio]]:
    """(carrier, unit, its contracts together), heat first."""
    held: dict[tuple[str, str], list[Part]] = {}
    for row in rows:
        parts = held.setdefault((row.carrier, row.unit), [])
        if row.position is not None:
            parts.append(Part(row.position.expected, row.position.used, row.position.half_width))
    order = list(wording.CARRIERS)
    return [
        (carrier, unit, combine(parts))
        for (carrier, unit), parts in sorted(held.items(), key=lambda item: order.index(item[0][0]))
    ]


def _totals(rows: Sequence[Row], site: Site, lang: Lang) -> list[dict[str, Any]]:
    """A row a carrier, and all money together."""
    found = []
    currency = site.site.currency
    for carrier, unit, together in _by_carrier(rows):
        of_it = [row for row in rows if row.carrier == carrier]
        lo, hi = (
            100 * edge
            for edge in interval(
                expected_total=together.expected, used_total=together.used, half_width=together.half_width
            )
        )
        pct = 100 * together.avoided / together.expected if together.expected > 0 else None
        found.append(
            {
                "name": pick(wording.CARRIERS[carrier], lang),
                "contracts": len(of_it),
                "savings": _finite(pct),
                "lo": _finite(lo),
                "hi": _finite(hi),
                "savings_text": "—" if pct is None else wording.percent(pct, lang),
                "interval_text": _interval_text((lo, hi), lang),
                "avoided_text": wording.quantity(together.avoided / float(UNITS[unit].scale), unit, lang),
                "money_text": _money_text(of_it, currency, lang),
            }
        )
    found.append(
        {
            "name": "",
            "contracts": len(rows),
            "savings": None,
            "lo": None,
            "hi": None,
            "savings_text": "",
            "interval_text": "",
            "avoided_text": "",
            "money_text": _money_text(rows, currency, lang),
        }
    )
    return found


def _money_text(rows: Iterable[Row], currency: str, lang: Lang) -> str:
    held = [row.money_year for row in rows if row.money_year is not None]
    return wording.quantity(float(sum(held)), currency, lang) if held else "—"


def _axis(rows: Iterable[Row], lang: Lang) -> dict[str, Any]:
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
        "ticks": [[tick, wording.percent(tick, lang, 0)] for tick in ticks],
    }


def row_view(row: Row, site: Site, lang: Lang) -> dict[str, Any]:
    """One contract, in figures and in words."""
    contract, position = row.contract, row.position
    promised = contract.guaranteed_savings_pct
    lo, hi = row.interval_pct or (None, None)
    return {
        "contract": contract.id,
        "building": contract.building,
        "house": row.building_name,
        "measure": wording.measure(contract.measure, lang),
        "carrier": row.carrier,
        "carrier_text": pick(wording.CARRIERS[row.carrier], lang),
        "programme": contract.programme,
        "promised": promised,
        "promised_text": "—" if promised is None else wording.percent(promised, lang, 0),
        "savings": _finite(row.savings_pct),
        "lo": _finite(lo),
        "hi": _finite(hi),
        "savings_text": "—" if row.savings_pct is None else wording.percent(row.savings_pct, lang),
        "interval_text": "" if row.interval_pct is None else _interval_text(row.interval_pct, lang),
        "lo_text": "" if lo is None else wording.percent(lo, lang),
        "hi_text": "" if hi is None else wording.percent(hi, lang),
        "avoided_text": "—" if row.avoided is None else wording.quantity(row.avoided, row.unit, lang),
        "money_year_text": (
            "—"
            if row.money_year is None
            else wording.quantity(float(row.money_year), site.site.currency, lang)
        ),
        "verdict": row.verdict,
        "verdict_text": pick(wording.VERDICTS[row.verdict], lang),
        "grade": position.grade if position is not None else "—",
        "through": wording.date(position.last, lang) if position is not None else "—",
    }


def _finite(value: float | None) -> float | None:
    return round(value, 3) if value is not None and math.isfinite(value) else None


def _interval_text(bounds: tuple[float, float], lang: Lang) -> str:
    return wording.interval(*bounds, lang) if all(map(math.isfinite, bounds)) else ""


def by_money(alerts: Iterable[Alert]) -> list[Alert]:
    """Alerts by what they cost, the dearest first; what is wrong right now comes before all."""
    return sorted(alerts, key=lambda alert: (_NOW.get(alert.kind, 9), -alert.money, -alert.opened))


def alert_view(alert: Alert, site: Site, lang: Lang) -> dict[str, Any]:
    """One alert, in words."""
    contracts = [
        contract.id
        for contract in site.contract
        if contract.building == alert.building and alert.subject in ("", contract.id, contract.meter)
    ]
    return {
        "kind": alert.kind,
        "state": alert.state,
        "building": alert.building,
        "subject": alert.subject,
        "contract": contracts[0] if contracts else None,
        "text": wording.sentence(alert, site, lang),
        "since": _local_date(alert.opened, site, lang),
        "changed": _local_date(alert.changed, site, lang),
        "amount": alert.amount,
        "money": wording.money(alert.money, site.site.currency, lang) if alert.money else "",
    }


def _local_date(ms: int, site: Site, lang: Lang) -> str:
    return wording.date(from_ms(ms).astimezone(site.zone).date().toordinal(), lang)


def alerts_view(reader: Reader, site: Site, lang: Lang) -> dict[str, Any]:
    """All alerts: open ones by what they cost, then the resolved ones, newest first."""
    alerts = reader.alerts(open_only=False)
    return {
        "open": [alert_view(a, site, lang) for a in by_money(a for a in alerts if a.state == "open")],
        "resolved": [alert_view(a, site, lang) for a in alerts if a.state == "resolved"],
    }


def counts_view(reader: Reader, lang: Lang) -> dict[str, Any]:
    """received = accepted + duplicate + rejected."""
    counts = reader.counts()
    return {
        name: wording.number(counts.get(name, 0), lang)
        for name in ("received", "accepted", "duplicate", "rejected")
    } | {"reasons": {n.removeprefix("rejected:"): c for n, c in counts.items() if n.startswith("rejected:")}}
