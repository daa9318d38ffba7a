"""One day of a register: its hours, the readings behind them, and what the gauges of the meter showed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, NamedTuple

from dashboards.page.amounts import ABSENT, Shown, degrees, shown
from dashboards.page.months import month_id
from dashboards.page.notes import day_notes
from dashboards.words.lang import Lang, pick
from dashboards.words.names import counted, house_name
from dashboards.words.numbers import date as date_text
from dashboards.words.numbers import month, number, percent, unit
from dashboards.words.terms import QUANTITIES as QUANTITY_WORDS
from dashboards.words.terms import flag_text, measure
from metering import flags
from metering.site.contracts import Contract
from metering.site.meters import Meter
from metering.site.model import Site
from metering.times import HOUR_MS, day_bounds, from_ms
from metering.units import QUANTITIES
from storage.sqlite_reader import Reader


class _Register(NamedTuple):
    """The register whose day is shown, and the store it is read from."""

    reader: Reader
    site: Site
    building: str
    meter: Meter
    quantity: str
    start: int
    """Bounds of the local day [ms]."""
    end: int

    @property
    def key(self) -> tuple[str, str, str]:
        return self.building, self.meter.id, self.quantity

    @property
    def how(self) -> Shown:
        return shown(self.meter, self.quantity)

    def local(self, ms: int, pattern: str = "%H:%M") -> str:
        return from_ms(ms).astimezone(self.site.zone).strftime(pattern)

    def hour(self, hour: int) -> str:
        """`10:00–11:00`, of an hour since 1970."""
        return f"{self.local(hour * HOUR_MS)}–{self.local((hour + 1) * HOUR_MS)}"


def day_view(
    reader: Reader, site: Site, building: str, meter: Meter, quantity: str, date: int, lang: Lang
) -> dict[str, Any]:
    """One day of a register, with the figures of the contracts that rest on it."""
    register = _Register(reader, site, building, meter, quantity, *day_bounds(date, site.zone))
    how, first = register.how, dt.date.fromordinal(date)
    day = next(iter(reader.days(*register.key, date, date)), None)
    weather = next(iter(reader.weather_days(building, date, date)), None)
    temp = None if weather is None else weather.mean_mc
    contracts = site.contracts_of.get((building, meter.id), ()) if quantity == meter.quantity else ()
    return {
        "house": house_name(site, building),
        "building": building,
        "meter": meter.id,
        "meter_name": meter.name or meter.id,
        "quantity": quantity,
        "what": counted(meter, quantity, lang),
        "contracts": [contract.id for contract in contracts],
        "date": date_text(date, lang),
        "month": month_id(first),
        "month_name": month(first, lang),
        "ordinal": date,
        "unit": unit(how.unit, lang),
        "base": unit(QUANTITIES[quantity].base, lang),
        "used": ABSENT if day is None else how.text(day.used, lang),
        "temp": ABSENT if temp is None else f"{degrees(temp, lang)}\u202f°C",
        "coverage": percent(100 * day.coverage, lang, 0) if day is not None else ABSENT,
        "notes": day_notes(day, how, lang) if day is not None and (day.flags or day.used is None) else [],
        "figures": _figures(register, contracts, date, lang),
        "hours": _hours(register, lang),
        "unknown": _unknown(register, lang),
        "readings": [
            [register.local(ms, "%d.%m %H:%M:%S"), how.number(amount, lang), number(amount, lang)]
            for ms, amount in reader.ledger.readings(*register.key, register.start, register.end)
        ],
        "gauges": _gauges(register, lang),
    }


def _figures(
    register: _Register, contracts: Iterable[Contract], date: int, lang: Lang
) -> list[dict[str, Any]]:
    how = register.how
    return [
        {
            "contract": contract.id,
            "measure": measure(contract.measure, lang),
            "expected": how.text(figure.expected, lang),
            "avoided": how.text(figure.expected - figure.used, lang),
            "saves": figure.expected >= figure.used,
            "extrapolated": figure.extrapolated,
        }
        for contract in contracts
        for figure in register.reader.savings(contract.id, date, date)
    ]


def _hours(register: _Register, lang: Lang) -> list[dict[str, Any]]:
    """The hours of the day with their flags; `share` is of the largest hour."""
    hours = register.reader.hours(*register.key, register.start // HOUR_MS, register.end // HOUR_MS)
    most = max((amount for _, amount, _ in hours), default=0)
    return [
        {
            "hour": register.hour(hour),
            "amount": register.how.number(amount, lang),
            "share": round(amount / most, 3) if most > 0 else 0,
            "flags": flag_text(flags.names(bits), lang),
            "measured": bits == 0,
        }
        for hour, amount, bits in hours
    ]


def _unknown(register: _Register, lang: Lang) -> list[list[str]]:
    """Blocks known only in total that touch the day: from, to, amount."""
    return [
        [
            register.local(block.start, "%d.%m %H:%M"),
            register.local(block.end, "%d.%m %H:%M"),
            register.how.number(block.amount, lang),
        ]
        for block in register.reader.unknowns(*register.key)
        if block.start < register.end and block.end > register.start
    ]


def _gauges(register: _Register, lang: Lang) -> dict[str, Any]:
    """The hours of a meter's gauges side by side: mean, lowest and highest, and the covered share of the hour."""
    first, end = register.start // HOUR_MS, register.end // HOUR_MS
    columns = {}
    for quantity, meant in QUANTITIES.items():
        if meant.nature == "gauge":
            hours = register.reader.gauges(register.building, register.meter.id, quantity, first, end)
            if hours:
                columns[quantity] = {hour[0]: hour for hour in hours}

    def cell(quantity: str, hour: int) -> dict[str, Any] | None:
        row = columns[quantity].get(hour)
        if row is None:
            return None
        how, (_, mean, low, high, covered, _) = shown(register.meter, quantity), row
        share = covered / HOUR_MS
        return {
            "mean": how.number(mean, lang),
            "range": f"{how.number(low, lang)}…{how.number(high, lang)}",
            "partly": "" if share >= 1 else percent(100 * share, lang, 0),
        }

    return {
        "columns": [
            f"{pick(QUANTITY_WORDS[name], lang)}, {unit(shown(register.meter, name).unit, lang)}"
            for name in columns
        ],
        "hours": [
            [register.hour(hour), [cell(name, hour) for name in columns]]
            for hour in range(first, end)
            if any(hour in hours for hours in columns.values())
        ],
    }
