"""The meters of one house side by side: registers, gauges, balances of sub-meters, doubts and restated days."""

from __future__ import annotations

from typing import Any, Final

from dashboards.page.accounts import findings_view, restatements_view
from dashboards.page.amounts import ABSENT, shown
from dashboards.page.balances import balances_view
from dashboards.page.contract_row import contracts_of
from dashboards.page.meters import ALL_DAYS, months_of, register_names
from dashboards.words.lang import Lang
from dashboards.words.names import house_name
from dashboards.words.numbers import date, moment, percent, unit
from metering.site.meters import Building, Meter
from metering.site.model import Site
from metering.times import HOUR_MS, date_of, day_bounds
from metering.units import QUANTITIES
from storage.sqlite_reader import Reader

_NEWEST: Final = 20
"""Restatements and doubts of one house on its page; all of them are among the accounts."""


def building_view(reader: Reader, site: Site, building: Building, lang: Lang) -> dict[str, Any]:
    """The page of one house."""
    last_times = {
        (register.meter, register.quantity): register.last_time
        for register in reader.ledger.registers()
        if register.building == building.id
    }
    meters, gauges = [], []
    for meter in building.meter:
        others = [q for q in QUANTITIES if (meter.id, q) in last_times and q != meter.quantity]
        for quantity in (meter.quantity, *others):
            last_time = last_times.get((meter.id, quantity))
            if QUANTITIES[quantity].nature == "register":
                meters.append(_register_row(reader, site, building, meter, quantity, last_time, lang))
            elif last_time is not None:
                gauges += _gauge_rows(reader, site, building, meter, quantity, last_time, lang)
    return {
        "building": building.id,
        "house": house_name(site, building.id),
        "contracts": contracts_of(site, building.id, lang),
        "meters": meters,
        "gauges": gauges,
        "balances": balances_view(reader, site, building, lang),
        "findings": findings_view(reader.findings(limit=_NEWEST, building=building.id), site, lang),
        "restatements": restatements_view(
            reader.restatements(limit=_NEWEST, building=building.id, main=True), site, lang
        ),
        "limit": _NEWEST,
    }


def _register_row(
    reader: Reader,
    site: Site,
    building: Building,
    meter: Meter,
    quantity: str,
    last_time: int | None,
    lang: Lang,
) -> dict[str, Any]:
    """The newest month and day of a register, and its last reading (`last_time` [ms])."""
    how = shown(meter, quantity)
    days = reader.days(building.id, meter.id, quantity, *ALL_DAYS)
    return {
        **register_names(meter, quantity, lang),
        "month": months_of(days, how, lang)[-1] if days else None,
        "last_day": how.text(days[-1].used, lang) if days else ABSENT,
        "last_date": date(days[-1].date, lang) if days else ABSENT,
        "unit": unit(how.unit, lang),
        "last_reading": ABSENT if last_time is None else moment(last_time, site.zone, lang),
    }


def _gauge_rows(
    reader: Reader, site: Site, building: Building, meter: Meter, quantity: str, last_time: int, lang: Lang
) -> list[dict[str, Any]]:
    """The mean, lowest and highest value of a gauge on its last day with readings; no row without such a day."""
    day, how = date_of(last_time - 1, site.zone), shown(meter, quantity)
    start, end = day_bounds(day, site.zone)
    hours = reader.gauges(building.id, meter.id, quantity, start // HOUR_MS, end // HOUR_MS)
    covered = sum(hour[4] for hour in hours)
    if not covered:
        return []
    return [
        {
            **register_names(meter, quantity, lang),
            "mean": how.text(sum(hour[1] * hour[4] for hour in hours) / covered, lang),
            "low": how.text(min(hour[2] for hour in hours), lang),
            "high": how.text(max(hour[3] for hour in hours), lang),
            "coverage": percent(100 * covered / (end - start), lang, 0),
            "date": date(day, lang),
            "ordinal": day,
        }
    ]
