"""The figures of a contract by month, and the days of one month."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from dashboards.page.amounts import ABSENT, degrees, shown
from dashboards.page.months import beside, by_month, month_bounds, month_id
from dashboards.page.notes import day_notes
from dashboards.words.lang import Lang
from dashboards.words.names import house_name
from dashboards.words.numbers import date, decimals_of, month, number, percent, unit
from dashboards.words.terms import measure
from metering.events import Savings
from metering.savings.worth import money_of as priced
from metering.site.contracts import Contract
from metering.site.model import Site
from metering.units import SHOWN_UNIT, UNITS
from storage.sqlite_reader import Reader


def months_view(savings: list[Savings], site: Site, contract: Contract, lang: Lang) -> list[dict[str, Any]]:
    """Expected use, use, saving and money of each month."""
    shown_unit = SHOWN_UNIT[site.meters[contract.building, contract.meter].carrier]
    scale, digits = float(UNITS[shown_unit].scale), decimals_of(shown_unit)
    rows = []
    for first, days in by_month(savings):
        expected, used = sum(day.expected for day in days), sum(day.used for day in days)
        money = money_of(days, site, contract)
        rows.append(
            {
                "month": month_id(first),
                "name": month(first, lang),
                "days": len(days),
                "expected": number(expected / scale, lang, digits),
                "used": number(used / scale, lang, digits),
                "avoided": number((expected - used) / scale, lang, digits),
                "saves": expected >= used,
                "savings": percent(100 * (expected - used) / expected, lang) if expected else ABSENT,
                "money": ABSENT if money is None else number(float(money), lang),
            }
        )
    return rows


def money_of(savings: list[Savings], site: Site, contract: Contract) -> Decimal | None:
    """The savings of days, each at its own price [currency units]; None without a tariff."""
    tariff = site.tariffs.get(contract.tariff or "")
    if tariff is None:
        return None
    return priced(((day.date, day.expected - day.used) for day in savings), tariff)


def month_view(reader: Reader, site: Site, contract: Contract, first: dt.date, lang: Lang) -> dict[str, Any]:
    """The days of the month that begins on `first`."""
    begin, end = month_bounds(first)
    meter = site.meters[contract.building, contract.meter]
    how = shown(meter, meter.quantity)
    figures = {day.date: day for day in reader.savings(contract.id, begin, end)}
    temps = {day.date: day.mean_mc for day in reader.weather_days(contract.building, begin, end)}
    rows = []
    for day in reader.days(contract.building, contract.meter, meter.quantity, begin, end):
        figure = figures.get(day.date)
        rows.append(
            {
                "ordinal": day.date,
                "date": date(day.date, lang),
                "temp": degrees(temps.get(day.date), lang),
                "used": how.number(day.used, lang),
                "expected": how.number(None if figure is None else figure.expected, lang),
                "avoided": how.number(None if figure is None else figure.expected - figure.used, lang),
                "saves": figure is None or figure.expected >= figure.used,
                "coverage": percent(100 * day.coverage, lang, 0),
                "notes": day_notes(day, how, lang),
                "measured": day.flags == 0 and day.used is not None,
            }
        )
    return {
        "house": house_name(site, contract.building),
        "contract": contract.id,
        "measure": measure(contract.measure, lang),
        "building": contract.building,
        "meter": contract.meter,
        "name": month(first, lang),
        **beside(first),
        "unit": unit(how.unit, lang),
        "rows": rows,
    }
