"""The balance of main meters and their sub-meters, for the page and the command line."""

from __future__ import annotations

import datetime as dt
from typing import Any

from metering.ledger.balance import balance, subs_of
from metering.site.model import Site
from metering.units import QUANTITIES
from storage.contract import Figures


def balances(
    figures: Figures,
    site: Site,
    *,
    building: str | None = None,
    first: dt.date | None = None,
    last: dt.date | None = None,
) -> list[dict[str, Any]]:
    """The balance of every main meter that has sub-meters.

    Args:
        figures: A store.
        site: The site.
        building: Id of the only building to balance; by default all buildings.
        first: First date; by default the main meter's first day.
        last: Last date; by default the main meter's last day.

    Returns:
        Documents with `building`, `meter`, `subs`, `unit` (the base unit of all amounts), `from`, `to`, `days`,
        `main`, `sub_meters`, `difference` (over these days; None without any), `days_missing`, `unknown` (the part
        of the difference over the missing days that is known in total only), `days_untold` (missing days without
        even a known total), and `by_day`: [date, difference or None].
    """
    documents: list[dict[str, Any]] = []
    for house in site.building:
        if building not in (None, house.id):
            continue
        for main, subs in subs_of(house).items():
            quantity = site.meters[house.id, main].quantity
            a = first.toordinal() if first is not None else 1
            z = last.toordinal() if last is not None else dt.date.max.toordinal()
            whole = {day.date: day for day in figures.days(house.id, main, quantity, a, z)}
            if whole:
                a, z = (min(whole) if first is None else a), (max(whole) if last is None else z)
            else:
                z = a - 1
            parts = [
                {day.date: day for day in figures.days(house.id, sub.id, quantity, a, z)} for sub in subs
            ]
            rows, total = balance(whole, parts, a, z)
            documents.append(
                {
                    "building": house.id,
                    "meter": main,
                    "subs": [sub.id for sub in subs],
                    "unit": QUANTITIES[quantity].base,
                    "from": dt.date.fromordinal(a).isoformat() if rows else None,
                    "to": dt.date.fromordinal(z).isoformat() if rows else None,
                    "days": total.days,
                    "main": total.main,
                    "sub_meters": total.subs,
                    "difference": total.difference,
                    "unknown": total.unknown,
                    "days_missing": total.days_missing,
                    "days_untold": total.days_without_total,
                    "by_day": [[dt.date.fromordinal(date).isoformat(), rest] for date, rest in rows],
                }
            )
    return documents
