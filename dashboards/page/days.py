"""What stands behind a figure: months, their days, a day's hours, and the readings of the meter."""

from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal
from typing import Any, Final

from dashboards import wording
from dashboards.portfolio import SHOWN_UNIT
from dashboards.wording import Lang
from metering import flags
from metering.events import Savings
from metering.quantities import QUANTITIES
from metering.site import Contract, Meter, Site
from metering.times import HOUR_MS, day_bounds, from_ms, iso
from metering.units import UNITS
from storage.sqlite_reader import Reader

DIGITS: Final = {"Gcal": 3, "kWh": 1, "m3": 2}
"""Decimals of a day's or an hour's amount, by unit."""


def months_view(savings: list[Savings], site: Site, contract: Contract, lang: Lang) -> list[dict[str, Any]]:
    """The contract's figures by month."""
    unit = SHOWN_UNIT[site.meters[contract.building, contract.meter].carrier]
    scale = float(UNITS[unit].scale)
    found = []
    for name, days in itertools.groupby(savings, key=lambda day: _date(day.date).strftime("%Y-%m")):
        held = list(days)
        expected, used = sum(d.expected for d in held), sum(d.used for d in held)
        money = money_of(held, site, contract)
        found.append(
            {
                "month": name,
                "name": wording.month(int(name[:4]), int(name[5:]), lang),
                "days": len(held),
                "expected": wording.number(expected / scale, lang, 1 if unit == "Gcal" else 0),
                "used": wording.number(used / scale, lang, 1 if unit == "Gcal" else 0),
                "avoided": wording.number((expected - used) / scale, lang, 1 if unit == "Gcal" else 0),
                "saves": expected >= used,
                "savings": wording.percent(100 * (expected - used) / expected, lang) if expected else "—",
                "money": "—" if money is None else wording.number(float(money), lang),
            }
        )
    return found


def money_of(savings: list[Savings], site: Site, contract: Contract) -> Decimal | None:
    """What the days saved, each at its own price; None without a tariff."""
    tariff = site.tariffs.get(contract.tariff or "")
    if tariff is None:
        return None
    return sum((tariff.money(d.expected - d.used, _date(d.date)) for d in savings), Decimal(0))


def month_view(reader: Reader, site: Site, contract: Contract, first: dt.date, lang: Lang) -> dict[str, Any]:
    """The days of one month of a contract, that of its first day."""
    after = (first + dt.timedelta(days=32)).replace(day=1)
    last = after.toordinal() - 1
    meter = site.meters[contract.building, contract.meter]
    unit = SHOWN_UNIT[meter.carrier]
    scale, digits = float(UNITS[unit].scale), DIGITS[unit]
    figures = {d.date: d for d in reader.savings(contract.id, first.toordinal(), last)}
    temps = {d.date: d.mean_mc for d in reader.weather_days(contract.building, first.toordinal(), last)}
    rows = []
    for day in reader.days(contract.building, contract.meter, meter.quantity, first.toordinal(), last):
        figure = figures.get(day.date)
        temp = temps.get(day.date)
        rows.append(
            {
                "ordinal": day.date,
                "date": wording.date(day.date, lang),
                "temp": "—" if temp is None else wording.number(temp / 1000, lang, 1),
                "used": "—" if day.used is None else wording.number(day.used / scale, lang, digits),
                "expected": "—" if figure is None else wording.number(figure.expected / scale, lang, digits),
                "avoided": (
                    "—"
                    if figure is None
                    else wording.number((figure.expected - figure.used) / scale, lang, digits)
                ),
                "saves": figure is None or figure.expected >= figure.used,
                "coverage": wording.percent(100 * day.coverage, lang, 0),
                "flags": wording.doubts(flags.names(day.flags), lang),
                "measured": day.flags == 0,
            }
        )
    return {
        "house": site.buildings[contract.building].name or contract.building,
        "contract": contract.id,
        "measure": wording.measure(contract.measure, lang),
        "building": contract.building,
        "meter": contract.meter,
        "month": first.strftime("%Y-%m"),
        "name": wording.month(first.year, first.month, lang),
        "previous": (first - dt.timedelta(days=1)).strftime("%Y-%m"),
        "next": after.strftime("%Y-%m"),
        "unit": wording.unit(unit, lang),
        "rows": rows,
    }


def day_view(reader: Reader, site: Site, building: str, meter: str, date: int, lang: Lang) -> dict[str, Any]:
    """One day of a register: its hours with their flags and the readings behind them."""
    start, end = day_bounds(date, site.zone)
    point = site.meters[building, meter]
    quantity = point.quantity
    unit = SHOWN_UNIT[point.carrier]
    scale, digits = float(UNITS[unit].scale), DIGITS[unit]

    def local(ms: int, pattern: str = "%H:%M") -> str:
        return from_ms(ms).astimezone(site.zone).strftime(pattern)

    def shown(amount: int) -> str:
        return wording.number(amount / scale, lang, digits)

    hours = reader.hours(building, meter, quantity, start // HOUR_MS, end // HOUR_MS)
    most = max((amount for _, amount, _ in hours), default=0)
    found = reader.days(building, meter, quantity, date, date)
    day = found[0] if found else None
    figures = []
    for contract in site.contracts_of.get((building, meter), ()):
        for figure in reader.savings(contract.id, date, date):
            figures.append(
                {
                    "contract": contract.id,
                    "measure": wording.measure(contract.measure, lang),
                    "expected": wording.quantity(figure.expected / scale, unit, lang, digits),
                    "avoided": wording.quantity((figure.expected - figure.used) / scale, unit, lang, digits),
                    "saves": figure.expected >= figure.used,
                    "extrapolated": figure.extrapolated,
                }
            )
    (weather,) = reader.weather_days(building, date, date) or (None,)
    temp = None if weather is None else weather.mean_mc
    return {
        "house": site.buildings[building].name or building,
        "building": building,
        "meter": meter,
        "meter_name": point.name or meter,
        "contracts": [contract.id for contract in site.contracts_of.get((building, meter), ())],
        "date": wording.date(date, lang),
        "month": _date(date).strftime("%Y-%m"),
        "month_name": wording.month(_date(date).year, _date(date).month, lang),
        "ordinal": date,
        "unit": wording.unit(unit, lang),
        "base": wording.unit(QUANTITIES[quantity].base, lang),
        "used": "—"
        if day is None or day.used is None
        else f"{shown(day.used)}\u202f{wording.unit(unit, lang)}",
        "temp": "—" if temp is None else f"{wording.number(temp / 1000, lang, 1)}\u202f°C",
        "coverage": wording.percent(100 * day.coverage, lang, 0) if day is not None else "—",
        "figures": figures,
        "hours": [
            {
                "hour": f"{local(hour * HOUR_MS)}–{local((hour + 1) * HOUR_MS)}",
                "amount": shown(amount),
                "share": round(amount / most, 3) if most > 0 else 0,
                "flags": wording.doubts(flags.names(note), lang),
                "measured": note == 0,
            }
            for hour, amount, note in hours
        ],
        "unknown": [
            [local(block.start, "%d.%m %H:%M"), local(block.end, "%d.%m %H:%M"), shown(block.amount)]
            for block in reader.unknowns(building, meter, quantity)
            if block.start < end and block.end > start
        ],
        "readings": [
            [local(t, "%d.%m %H:%M:%S"), shown(amount), wording.number(amount, lang)]
            for t, amount in reader.readings(building, meter, quantity, start, end)
        ],
    }


def register_view(
    reader: Reader, site: Site, building: str, meter: Meter, quantity: str, what: str, first: int, last: int
) -> dict[str, Any]:
    """A register's days, hours or readings of local dates `[first, last]`, as plain figures for programs."""
    start, end = day_bounds(first, site.zone)[0], day_bounds(last, site.zone)[1]
    rows: list[dict[str, Any]]
    if what == "days":
        rows = [
            {
                "date": _date(day.date).isoformat(),
                "used": day.used,
                "known": day.known,
                "unknown": day.unknown,
                "estimated": day.estimated,
                "coverage": day.coverage,
                "flags": flags.names(day.flags),
            }
            for day in reader.days(building, meter.id, quantity, first, last)
        ]
    elif what == "hours":
        rows = [
            {"start": iso(hour * HOUR_MS), "amount": amount, "flags": flags.names(note)}
            for hour, amount, note in reader.hours(
                building, meter.id, quantity, start // HOUR_MS, end // HOUR_MS
            )
        ]
    else:
        rows = [
            {"time": iso(t), "amount": amount}
            for t, amount in reader.readings(building, meter.id, quantity, start, end)
        ]
    return {
        "building": building,
        "meter": meter.id,
        "quantity": quantity,
        "unit": QUANTITIES[quantity].base,
        "first": _date(first).isoformat(),
        "last": _date(last).isoformat(),
        what: rows,
    }


def _date(ordinal: int) -> dt.date:
    return dt.date.fromordinal(ordinal)
