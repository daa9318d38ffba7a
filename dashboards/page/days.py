"""What stands behind a figure: months, their days, a day's hours, and the readings of the meter."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from dashboards.page.amounts import Shown, shown
from dashboards.words import wording
from dashboards.words.wording import Lang, pick
from metering import flags
from metering.events import Day, Savings
from metering.savings.worth import money_of as priced
from metering.site.contracts import Contract
from metering.site.meters import Meter
from metering.site.model import Site
from metering.times import HOUR_MS, day_bounds, from_ms, iso
from metering.units import QUANTITIES, SHOWN_UNIT, UNITS
from storage.sqlite_reader import Reader


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
    return priced(((day.date, day.expected - day.used) for day in savings), tariff)


def month_view(reader: Reader, site: Site, contract: Contract, first: dt.date, lang: Lang) -> dict[str, Any]:
    """The days of one month of a contract, that of its first day."""
    after = (first + dt.timedelta(days=32)).replace(day=1)
    last = after.toordinal() - 1
    meter = site.meters[contract.building, contract.meter]
    how = shown(meter, meter.quantity)
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
                "used": how.number(day.used, lang),
                "expected": how.number(None if figure is None else figure.expected, lang),
                "avoided": how.number(None if figure is None else figure.expected - figure.used, lang),
                "saves": figure is None or figure.expected >= figure.used,
                "coverage": wording.percent(100 * day.coverage, lang, 0),
                "notes": day_notes(day, how, lang),
                "measured": day.flags == 0 and day.used is not None,
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
        "unit": wording.unit(how.unit, lang),
        "rows": rows,
    }


def day_notes(day: Day, how: Shown, lang: Lang) -> Sequence[str]:
    """What is to be said of a day of a register: its doubts, and what of it is not known by hour."""
    notes = [] if day.flags == 0 and day.used is None else [wording.doubts(flags.names(day.flags), lang)]
    if day.unknown:
        notes.append(pick(wording.PARTS["unknown"], lang).format(amount=how.text(day.unknown, lang)))
    if day.used is None:
        notes.append(pick(wording.PARTS["known"], lang).format(amount=how.text(day.known, lang)))
    if day.estimated:
        notes.append(pick(wording.PARTS["estimated"], lang).format(amount=how.text(day.estimated, lang)))
    return notes


def day_view(
    reader: Reader, site: Site, building: str, point: Meter, quantity: str, date: int, lang: Lang
) -> dict[str, Any]:
    """One day of a register: its hours with their flags and the readings behind them; what the gauges showed."""
    start, end = day_bounds(date, site.zone)
    meter, how = point.id, shown(point, quantity)

    def local(ms: int, pattern: str = "%H:%M") -> str:
        return from_ms(ms).astimezone(site.zone).strftime(pattern)

    hours = reader.hours(building, meter, quantity, start // HOUR_MS, end // HOUR_MS)
    most = max((amount for _, amount, _ in hours), default=0)
    found = reader.days(building, meter, quantity, date, date)
    day = found[0] if found else None
    figures = []
    contracts = site.contracts_of.get((building, meter), ()) if quantity == point.quantity else ()
    for contract in contracts:
        for figure in reader.savings(contract.id, date, date):
            figures.append(
                {
                    "contract": contract.id,
                    "measure": wording.measure(contract.measure, lang),
                    "expected": how.text(figure.expected, lang),
                    "avoided": how.text(figure.expected - figure.used, lang),
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
        "quantity": quantity,
        "what": pick(
            wording.CARRIERS[point.carrier] if quantity == point.quantity else wording.QUANTITIES[quantity],
            lang,
        ),
        "contracts": [contract.id for contract in contracts],
        "date": wording.date(date, lang),
        "month": _date(date).strftime("%Y-%m"),
        "month_name": wording.month(_date(date).year, _date(date).month, lang),
        "ordinal": date,
        "unit": wording.unit(how.unit, lang),
        "base": wording.unit(QUANTITIES[quantity].base, lang),
        "used": "—" if day is None else how.text(day.used, lang),
        "temp": "—" if temp is None else f"{wording.number(temp / 1000, lang, 1)}\u202f°C",
        "coverage": wording.percent(100 * day.coverage, lang, 0) if day is not None else "—",
        "notes": day_notes(day, how, lang) if day is not None and (day.flags or day.used is None) else [],
        "figures": figures,
        "hours": [
            {
                "hour": f"{local(hour * HOUR_MS)}–{local((hour + 1) * HOUR_MS)}",
                "amount": how.number(amount, lang),
                "share": round(amount / most, 3) if most > 0 else 0,
                "flags": wording.doubts(flags.names(note), lang),
                "measured": note == 0,
            }
            for hour, amount, note in hours
        ],
        "unknown": [
            [
                local(block.start, "%d.%m %H:%M"),
                local(block.end, "%d.%m %H:%M"),
                how.number(block.amount, lang),
            ]
            for block in reader.unknowns(building, meter, quantity)
            if block.start < end and block.end > start
        ],
        "readings": [
            [local(t, "%d.%m %H:%M:%S"), how.number(amount, lang), wording.number(amount, lang)]
            for t, amount in reader.ledger.readings(building, meter, quantity, start, end)
        ],
        "gauges": _gauges(reader, site, building, point, (start, end), lang),
    }


def _gauges(
    reader: Reader, site: Site, building: str, meter: Meter, span: tuple[int, int], lang: Lang
) -> dict[str, Any]:
    """The hours of a meter's gauges side by side: mean, lowest and highest, and whether readings cover the hour."""
    first, end = span[0] // HOUR_MS, span[1] // HOUR_MS
    columns = {}
    for quantity, meant in QUANTITIES.items():
        if meant.nature == "gauge":
            hours = reader.gauges(building, meter.id, quantity, first, end)
            if hours:
                columns[quantity] = {hour[0]: hour for hour in hours}

    def cell(quantity: str, hour: int) -> dict[str, Any] | None:
        held = columns[quantity].get(hour)
        if held is None:
            return None
        how, (_, mean, low, high, covered, _) = shown(meter, quantity), held
        share = covered / HOUR_MS
        return {
            "mean": how.number(mean, lang),
            "range": f"{how.number(low, lang)}…{how.number(high, lang)}",
            "partly": "" if share >= 1 else wording.percent(100 * share, lang, 0),
        }

    def local(hour: int) -> str:
        return from_ms(hour * HOUR_MS).astimezone(site.zone).strftime("%H:%M")

    return {
        "columns": [
            f"{pick(wording.QUANTITIES[q], lang)}, {wording.unit(shown(meter, q).unit, lang)}"
            for q in columns
        ],
        "hours": [
            [f"{local(hour)}–{local(hour + 1)}", [cell(q, hour) for q in columns]]
            for hour in range(first, end)
            if any(hour in held for held in columns.values())
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
            for t, amount in reader.ledger.readings(building, meter.id, quantity, start, end)
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
