"""The months of a register and the days of one: use, the parts known only in total, notes and later changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final

from dashboards.page.amounts import Shown, shown
from dashboards.page.months import beside, by_month, month_bounds, month_id
from dashboards.page.notes import day_notes, restated_note
from dashboards.words.lang import Lang
from dashboards.words.names import counted, house_name
from dashboards.words.numbers import date, moment, month, percent, unit
from dashboards.words.numbers import quantity as quantity_text
from dashboards.words.statement import STATEMENT
from dashboards.words.terms import flag_text, term
from metering import flags
from metering.events import Day
from metering.ledger.statement import Statement
from metering.site.meters import Building, Meter
from metering.site.model import Site
from metering.units import QUANTITIES
from storage.sqlite_reader import Reader

ALL_DAYS: Final = (dt.date(1970, 1, 2).toordinal(), dt.date(2200, 1, 1).toordinal())
"""Ordinals of the first and the last date of which a store can have days."""
_RESTATEMENTS: Final = 10_000
"""Restatements of one register in one month that are read at most."""


def register_names(meter: Meter, quantity: str, lang: Lang) -> dict[str, Any]:
    """What a register is called, and how its meter stands among the meters of the house."""
    return {
        "meter": meter.id,
        "name": meter.name or meter.id,
        "quantity": quantity,
        "what": counted(meter, quantity, lang),
        "parent": meter.parent,
        "virtual": meter.virtual is not None,
    }


def meter_view(
    reader: Reader, site: Site, building: Building, meter: Meter, quantity: str, lang: Lang
) -> dict[str, Any]:
    """A register's months, newest first."""
    how = shown(meter, quantity)
    return {
        "building": building.id,
        "house": house_name(site, building.id),
        **register_names(meter, quantity, lang),
        "unit": unit(how.unit, lang),
        "months": months_of(reader.days(building.id, meter.id, quantity, *ALL_DAYS), how, lang)[::-1],
        "statement": statement_view(
            reader.ledger.statement(building.id, meter.id, quantity),
            how,
            QUANTITIES[quantity].base,
            site,
            lang,
        ),
    }


def statement_view(
    stated: Statement | None, how: Shown, base: str, site: Site, lang: Lang
) -> list[dict[str, str]]:
    """The statement of a register in rows: what, when, how much, exactly how much; none for a virtual meter."""
    if stated is None:
        return []
    rows: list[tuple[str, int | None, int]] = [
        ("last", stated.last.at, stated.last.amount),
        ("first", stated.first.at, stated.first.amount),
        ("difference", None, stated.difference),
        ("booked", None, stated.booked),
        ("unknown", None, stated.unknown),
        *((f"not {part.reason}", part.at, part.amount) for part in stated.named),
    ]
    if stated.left:
        rows.append(("left", None, stated.left))
    return [
        {
            "what": term(STATEMENT, what, lang),
            "when": "" if at is None else moment(at, site.zone, lang),
            "amount": how.number(amount, lang),
            "exact": quantity_text(amount, base, lang),
        }
        for what, at, amount in rows
    ]


def months_of(days: Iterable[Day], how: Shown, lang: Lang) -> list[dict[str, Any]]:
    """Days of a register by month: the use known by day, the use known only in total, and all flags in words."""
    return [_month(first, rows, how, lang) for first, rows in by_month(days)]


def _month(first: dt.date, days: list[Day], how: Shown, lang: Lang) -> dict[str, Any]:
    incomplete = [day for day in days if day.used is None]
    used = sum(day.used for day in days if day.used is not None)
    known_by_hour = sum(day.known for day in incomplete)
    # A block within one day is a part of that day's use; a longer one is energy that belongs to no single day.
    unknown = sum(day.unknown for day in incomplete)
    estimated = sum(day.estimated for day in days)
    bits = 0
    for day in days:
        bits |= day.flags
    return {
        "month": month_id(first),
        "name": month(first, lang),
        "used": how.number(used + known_by_hour, lang),
        "unknown": how.number(unknown, lang) if unknown else "",
        "days": len(days) - len(incomplete),
        "days_missing": len(incomplete),
        "estimated": how.number(estimated, lang) if estimated else "",
        "flags": flag_text(flags.names(bits), lang),
        "measured": bits == 0 and not incomplete,
    }


def meter_month_view(
    reader: Reader, site: Site, building: Building, meter: Meter, quantity: str, first: dt.date, lang: Lang
) -> dict[str, Any]:
    """The days of the month that begins on `first`."""
    how, span = shown(meter, quantity), month_bounds(first)
    changed: dict[int, list[str]] = {}
    for row in reader.restatements(limit=_RESTATEMENTS, building=building.id, meter=meter.id, dates=span):
        told = row["what"] not in ("known", "estimated")  # they follow from the use
        if row["quantity"] == quantity and not row["contract"] and told:
            changed.setdefault(row["date"], []).append(restated_note(row, how, site, lang))
    return {
        "building": building.id,
        "house": house_name(site, building.id),
        **register_names(meter, quantity, lang),
        "month_name": month(first, lang),
        **beside(first),
        "unit": unit(how.unit, lang),
        "rows": [
            {
                "ordinal": day.date,
                "date": date(day.date, lang),
                "used": how.number(day.used, lang),
                "coverage": percent(100 * day.coverage, lang, 0),
                "notes": day_notes(day, how, lang),
                "restated": changed.get(day.date, []),
                "measured": day.flags == 0 and day.used is not None,
            }
            for day in reader.days(building.id, meter.id, quantity, *span)
        ],
    }
