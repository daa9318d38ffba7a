"""One contract of the portfolio, in figures for the picture and in words."""

from __future__ import annotations

import math
from typing import Any

from dashboards.page.amounts import ABSENT
from dashboards.words.lang import Lang, pick
from dashboards.words.numbers import date, percent, percent_range, quantity
from dashboards.words.terms import CARRIERS, VERDICTS, measure
from metering.report.standing import Standing
from metering.site.model import Site


def row_view(row: Standing, site: Site, lang: Lang) -> dict[str, Any]:
    """One contract: promise, saving with its interval [%], money a year, verdict."""
    contract, position, currency = row.contract, row.position, site.site.currency
    promised, money = contract.guaranteed_savings_pct, row.money_year
    lo, hi = row.interval_pct or (None, None)
    return {
        "contract": contract.id,
        "building": contract.building,
        "house": row.building_name,
        "measure": measure(contract.measure, lang),
        "carrier": row.carrier,
        "carrier_text": pick(CARRIERS[row.carrier], lang),
        "programme": contract.programme,
        "promised": promised,
        "promised_text": ABSENT if promised is None else percent(promised, lang, 0),
        "savings": finite(row.savings_pct),
        "lo": finite(lo),
        "hi": finite(hi),
        "savings_text": ABSENT if row.savings_pct is None else percent(row.savings_pct, lang),
        "interval_text": "" if row.interval_pct is None else interval_text(row.interval_pct, lang),
        "lo_text": "" if lo is None else percent(lo, lang),
        "hi_text": "" if hi is None else percent(hi, lang),
        "avoided_text": ABSENT if row.avoided is None else quantity(row.avoided, row.unit, lang),
        "money_year_text": ABSENT if money is None else quantity(float(money), currency, lang),
        "verdict": row.verdict,
        "verdict_text": pick(VERDICTS[row.verdict], lang),
        "grade": ABSENT if position is None else position.grade,
        "through": ABSENT if position is None else date(position.last, lang),
    }


def finite(value: float | None) -> float | None:
    """A figure for the picture; None for one that is missing or without bound."""
    return round(value, 3) if value is not None and math.isfinite(value) else None


def interval_text(bounds: tuple[float, float], lang: Lang) -> str:
    """The bounds of an interval [%]; empty if it is without bound."""
    return percent_range(*bounds, lang) if all(map(math.isfinite, bounds)) else ""


def contracts_of(site: Site, building: str, lang: Lang) -> list[dict[str, str]]:
    """Ids and measures of the contracts of one house."""
    return [
        {"contract": contract.id, "measure": measure(contract.measure, lang)}
        for contract in site.contract
        if contract.building == building
    ]
