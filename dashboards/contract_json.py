"""The report on a contract as a JSON document: figures in the unit that people know, percent, days, kg, money."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, Final

from dashboards.words.contract import REASONS, change_text, doubt_text, event_text
from dashboards.words.terms import VERDICTS
from metering.report.parts import ContractView, DeclaredEvent, Formula
from metering.savings.assess import Saving


def document(view: ContractView) -> dict[str, Any]:
    """The report as a document. Missing parts are null; `absent` gives the reason of each in words."""
    contract, total = view.contract, view.total
    return {
        "contract": contract.id,
        "building": contract.building,
        "building_name": view.building_name,
        "meter": contract.meter,
        "carrier": view.carrier,
        "programme": contract.programme,
        "measure": contract.measure,
        "unit": view.unit,
        "guaranteed_savings_pct": contract.guaranteed_savings_pct,
        "verdict": view.verdict,
        "verdict_text": _both(VERDICTS[view.verdict]),
        "resolution": "day" if view.baseline is None else view.baseline.resolution,
        "period": None if total is None else {"first": _date(view.first), "last": _date(view.last)},
        "days": view.days,
        "days_missing": view.missing,
        "saving": _total(total, view),
        "unadjusted": _total(view.unadjusted, view),
        "estimated_pct": 100 * view.estimated / total.used if total is not None and total.used else None,
        "typical_year": _typical(view),
        "money": _money(view),
        "co2": _co2(view),
        "payback": _payback(view),
        "formula": _formula(view.formula, view),
        "hot_water": None
        if view.hot_water is None
        else {
            "hot_water": _amount(view.hot_water.hot_water, view),
            "heating": _amount(view.hot_water.heating, view),
            "half_width_90": _amount(view.hot_water.half_width, view),
            "source": view.hot_water.source,
        },
        "drift": None
        if view.baseline is None
        else {"sd_pct": 100 * view.baseline.between_years.sd, "source": view.baseline.between_years.source},
        "outages": [_date(each) for each in view.outages],
        "outages_baseline": [_date(each) for each in view.baseline.outages] if view.baseline else [],
        "findings": [
            {
                "kind": each.kind,
                "got": each.got,
                "limit": each.limit,
                "disqualifies": each.disqualifies,
                "text": {lang: doubt_text(each, lang) for lang in ("ru", "en")},
            }
            for each in view.doubts
        ],
        "proposed_changes": [
            {
                "began": _date(each.began),
                "noticed": _date(each.noticed),
                "direction": each.kind,
                "size_pct": 100 * each.share,
                "half_width_pct": 100 * each.half_width,
                "per_day": _amount(each.per_day, view),
                "applied": False,
                "text": {lang: change_text(each, view, lang) for lang in ("ru", "en")},
            }
            for each in view.changes
        ],
        "events": [_event(each, view) for each in view.events],
        "versions": {
            "baseline": None if view.baseline is None else view.baseline.id,
            "model": None if view.baseline is None else view.baseline.model,
            "conditions": view.conditions,
            "tariff": contract.tariff,
        },
        "absent": {
            _KEYS.get(name, name): {"reason": why, **_both(REASONS[why])} for name, why in view.absent.items()
        },
    }


_KEYS: Final = {"total": "saving", "typical": "typical_year", "emission": "co2"}
"""Keys of the document that are not called as the view's fields are."""


def _both(words: tuple[str, str]) -> dict[str, str]:
    return {"ru": words[0], "en": words[1]}


def _date(ordinal: int) -> str:
    return dt.date.fromordinal(ordinal).isoformat()


def _amount(amount: float, view: ContractView) -> float:
    return round(float(amount) / float(view.scale), 6)


def _total(total: Saving | None, view: ContractView) -> dict[str, Any] | None:
    if total is None:
        return None
    low, high = total.interval
    parts = {name: _amount(value, view) for name, value in total.width._asdict().items() if name != "total"}
    return {
        "expected": _amount(total.expected, view),
        "used": _amount(total.used, view),
        "avoided": _amount(total.avoided, view),
        "half_width_90": _amount(total.width.total, view),
        "half_width_parts": parts,
        "avoided_pct": 100 * total.share if total.expected else 0.0,
        "interval_90_pct": [100 * low, 100 * high],
        "grade": total.grade,
        "proved": low > 0,
    }


def _typical(view: ContractView) -> dict[str, Any] | None:
    if view.typical is None:
        return None
    result = view.typical.result
    return {
        "before": _amount(result.before, view),
        "after": _amount(result.after, view),
        "avoided": _amount(result.avoided, view),
        "half_width_90": _amount(result.half_width, view),
        "proved": result.avoided > result.half_width,
        "weather": view.typical.weather,
        "source": view.typical.source,
    }


def _money(view: ContractView) -> dict[str, Any] | None:
    if view.money is None:
        return None
    return {
        "saved": _decimal(view.money.money, 2),
        "half_width_90": _decimal(view.money.half_width, 2),
        "tariff": view.contract.tariff,
        "sources": list(view.price_sources),
    }


def _co2(view: ContractView) -> dict[str, Any] | None:
    emission = view.emission
    if emission is None or view.emission_half_width is None:
        return None
    return {
        "t": _decimal(emission.kg / 1000, 3),
        "half_width_90": _decimal(view.emission_half_width / 1000, 3),
        "by_factors": [_decimal(emission.low / 1000, 3), _decimal(emission.high / 1000, 3)],
        "sources": list(emission.sources),
    }


def _payback(view: ContractView) -> dict[str, Any] | None:
    payback = view.payback
    if payback is None:
        return None
    return {
        "investment": _decimal(payback.investment, 2),
        "years": _decimal(payback.years, 2),
        "interval_90": [_decimal(payback.soonest, 2), _decimal(payback.latest, 2)],
    }


def _formula(formula: Formula | None, view: ContractView) -> dict[str, Any] | None:
    if formula is None:
        return None
    saving = formula.saving
    return {
        "adjusted": _amount(saving.adjusted, view),
        "used": _amount(saving.used, view),
        "avoided": _amount(saving.avoided, view),
        "avoided_pct": 100 * saving.share,
        "hot_water_baseline": _amount(saving.dhw_base, view),
        "split": saving.split,
        "degree_days": {"baseline": saving.gsop_base_mc / 1000, "reporting": saving.gsop_reporting_mc / 1000},
        "beside": round(formula.beside, 4),
        "inside_interval": formula.inside,
    }


def _event(event: DeclaredEvent, view: ContractView) -> dict[str, Any]:
    adjustment = event.adjustment
    return {
        "from": _date(adjustment.first),
        "to": None if adjustment.last is None else _date(adjustment.last),
        "reason": adjustment.reason,
        "author": adjustment.author,
        "approved_by": adjustment.approved_by or None,
        "counted": bool(adjustment.approved_by),
        "added": _amount(event.added, view),
        "text": {lang: event_text(event, view, lang) for lang in ("ru", "en")},
    }


def _decimal(value: Decimal | None, digits: int) -> float | None:
    return None if value is None else float(round(value, digits))
