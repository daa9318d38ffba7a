"""The meters of a house: what each counted by month and day, what of it is unknown and why, and what changed later."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable
from typing import Any

from dashboards.balance import balances
from dashboards.page.accounts import findings_view, restatements_view
from dashboards.page.amounts import Shown, shown
from dashboards.page.days import day_notes
from dashboards.words import wording
from dashboards.words.wording import Lang, pick
from metering import flags
from metering.events import Day
from metering.site.meters import Building, Meter
from metering.site.model import Site
from metering.times import HOUR_MS, day_bounds, from_ms
from metering.units import QUANTITIES
from storage.sqlite_reader import Reader

_FIRST, _LAST = dt.date(1970, 1, 2).toordinal(), dt.date(2200, 1, 1).toordinal()
_BALANCE_DAYS = 30
_NEWEST = 20
"""Restatements and doubts of one house on its page; all of them are among the accounts."""


def building_view(reader: Reader, site: Site, building: Building, lang: Lang) -> dict[str, Any]:
    """The meters of one house side by side: energy beside volumes, gauges, and the balance of sub-meters."""
    held = {(r.meter, r.quantity): r for r in reader.ledger.registers() if r.building == building.id}
    rows, gauges = [], []
    for meter in building.meter:
        others = [q for q in QUANTITIES if (meter.id, q) in held and q != meter.quantity]
        quantities = [meter.quantity, *others]
        for quantity in quantities:
            how = shown(meter, quantity)
            if QUANTITIES[quantity].nature == "gauge":
                register = held[meter.id, quantity]
                gauges += _gauge_row(reader, site, building, meter, quantity, how, register.last_time, lang)
                continue
            days = reader.days(building.id, meter.id, quantity, _FIRST, _LAST)
            found = held.get((meter.id, quantity))
            rows.append(
                {
                    **_names(meter, quantity, lang),
                    "month": months_of(days, how, lang)[-1] if days else None,
                    "last_day": how.text(days[-1].used, lang) if days else "—",
                    "last_date": wording.date(days[-1].date, lang) if days else "—",
                    "unit": wording.unit(how.unit, lang),
                    "last_reading": (
                        _moment(found.last_time, site, lang)
                        if found is not None and found.last_time is not None
                        else "—"
                    ),
                }
            )
    return {
        "building": building.id,
        "house": building.name or building.id,
        "contracts": [
            {"contract": c.id, "measure": wording.measure(c.measure, lang)}
            for c in site.contract
            if c.building == building.id
        ],
        "meters": rows,
        "gauges": gauges,
        "balances": _balances(reader, site, building, lang),
        "findings": findings_view(reader.findings(limit=_NEWEST, building=building.id), site, lang),
        "restatements": restatements_view(
            reader.restatements(limit=_NEWEST, building=building.id), site, lang
        ),
        "limit": _NEWEST,
    }


def _names(meter: Meter, quantity: str, lang: Lang) -> dict[str, Any]:
    carrier = pick(wording.CARRIERS[meter.carrier], lang)
    return {
        "meter": meter.id,
        "name": meter.name or meter.id,
        "quantity": quantity,
        "what": carrier if quantity == meter.quantity else pick(wording.QUANTITIES[quantity], lang),
        "parent": meter.parent,
        "virtual": meter.virtual is not None,
    }


def _gauge_row(
    reader: Reader,
    site: Site,
    building: Building,
    meter: Meter,
    quantity: str,
    how: Shown,
    last_time: int | None,
    lang: Lang,
) -> list[dict[str, Any]]:
    """What a gauge showed on the last day that it said anything."""
    if last_time is None:
        return []
    date = from_ms(last_time - 1).astimezone(site.zone).date().toordinal()
    start, end = day_bounds(date, site.zone)
    hours = reader.gauges(building.id, meter.id, quantity, start // HOUR_MS, end // HOUR_MS)
    covered = sum(hour[4] for hour in hours)
    if not covered:
        return []
    mean = sum(hour[1] * hour[4] for hour in hours) / covered
    return [
        {
            **_names(meter, quantity, lang),
            "mean": how.text(mean, lang),
            "low": how.text(min(hour[2] for hour in hours), lang),
            "high": how.text(max(hour[3] for hour in hours), lang),
            "coverage": wording.percent(100 * covered / (end - start), lang, 0),
            "date": wording.date(date, lang),
            "ordinal": date,
        }
    ]


def _balances(reader: Reader, site: Site, building: Building, lang: Lang) -> list[dict[str, Any]]:
    """What a main meter counted beyond its sub-meters in its last days, in a sentence."""
    found = []
    for each in balances(reader, site, building=building.id):
        if each["to"] is None:
            continue
        last = dt.date.fromisoformat(each["to"])
        first = max(dt.date.fromisoformat(each["from"]), last - dt.timedelta(days=_BALANCE_DAYS - 1))
        (recent,) = (
            b
            for b in balances(reader, site, building=building.id, first=first, last=last)
            if b["meter"] == each["meter"]
        )
        meter = site.meters[building.id, recent["meter"]]
        how = shown(meter, meter.quantity)
        found.append(
            {
                "meter": recent["meter"],
                "name": meter.name or meter.id,
                "subs": [site.meters[building.id, sub].name or sub for sub in recent["subs"]],
                "text": balance_text(recent, how, (first, last), lang),
            }
        )
    return found


def balance_text(held: dict[str, Any], how: Shown, span: tuple[dt.date, dt.date], lang: Lang) -> str:
    """The balance in sentences: days that are known, what is known only in total, and what nobody can tell."""
    words = {name: pick(pair, lang) for name, pair in wording.BALANCES.items()}
    first, last = (wording.date(each.toordinal(), lang) for each in span)
    rest, total = held["difference"], held["days_missing"] - held["days_untold"]
    if rest is None:
        said = [words["none"].format(first=first, last=last)]
    else:
        said = [
            words["known"].format(
                first=first,
                last=last,
                days=held["days"],
                main=how.text(held["main"], lang),
                subs=how.text(held["sub_meters"], lang),
                rest=how.text(abs(rest), lang),
                share=wording.percent(100 * abs(rest) / held["main"], lang) if held["main"] else "—",
                side=words["more" if rest >= 0 else "less"],
            )
        ]
    if total:
        unknown = held["unknown"]
        side = words["more" if unknown >= 0 else "less"]
        said.append(words["unknown"].format(days=total, rest=how.text(abs(unknown), lang), side=side))
    if held["days_untold"]:
        said.append(words["untold"].format(days=held["days_untold"]))
    return " ".join(said)


def meter_view(
    reader: Reader, site: Site, building: Building, meter: Meter, quantity: str, lang: Lang
) -> dict[str, Any]:
    """A register's months, newest first."""
    days = reader.days(building.id, meter.id, quantity, _FIRST, _LAST)
    how = shown(meter, quantity)
    return {
        "building": building.id,
        "house": building.name or building.id,
        **_names(meter, quantity, lang),
        "unit": wording.unit(how.unit, lang),
        "months": months_of(days, how, lang)[::-1],
    }


def months_of(days: Iterable[Day], how: Shown, lang: Lang) -> list[dict[str, Any]]:
    """Days of a register by month: what is known by day, what only in total, and every doubt in words."""
    found = []
    for name, group in itertools.groupby(days, key=lambda day: _date(day.date).strftime("%Y-%m")):
        held = list(group)
        used = sum(day.used for day in held if day.used is not None)
        missing = [day for day in held if day.used is None]
        loose = sum(day.known for day in missing)
        # A block within one day is a part of that day's use; one beyond it is energy of no certain day.
        unknown = sum(day.unknown for day in missing)
        estimated = sum(day.estimated for day in held)
        bits = 0
        for day in held:
            bits |= day.flags
        found.append(
            {
                "month": name,
                "name": wording.month(int(name[:4]), int(name[5:]), lang),
                "used": how.number(used + loose, lang),
                "unknown": how.number(unknown, lang) if unknown else "",
                "days": len(held) - len(missing),
                "days_missing": len(missing),
                "estimated": how.number(estimated, lang) if estimated else "",
                "flags": wording.doubts(flags.names(bits), lang),
                "measured": bits == 0 and not missing,
            }
        )
    return found


def meter_month_view(
    reader: Reader, site: Site, building: Building, meter: Meter, quantity: str, first: dt.date, lang: Lang
) -> dict[str, Any]:
    """The days of one month of a register: use, the part known only in total, doubts and later changes in words."""
    after = (first + dt.timedelta(days=32)).replace(day=1)
    how = shown(meter, quantity)
    span = (first.toordinal(), after.toordinal() - 1)
    changed: dict[int, list[str]] = {}
    for r in reader.restatements(limit=10_000, building=building.id, meter=meter.id, dates=span):
        if r["quantity"] == quantity:
            changed.setdefault(r["date"], []).append(_restated(r, how, site, lang))
    return {
        "building": building.id,
        "house": building.name or building.id,
        **_names(meter, quantity, lang),
        "month": first.strftime("%Y-%m"),
        "month_name": wording.month(first.year, first.month, lang),
        "previous": (first - dt.timedelta(days=1)).strftime("%Y-%m"),
        "next": after.strftime("%Y-%m"),
        "unit": wording.unit(how.unit, lang),
        "rows": [
            {
                "ordinal": day.date,
                "date": wording.date(day.date, lang),
                "used": how.number(day.used, lang),
                "coverage": wording.percent(100 * day.coverage, lang, 0),
                "notes": day_notes(day, how, lang),
                "restated": changed.get(day.date, []),
                "measured": day.flags == 0 and day.used is not None,
            }
            for day in reader.days(building.id, meter.id, quantity, *span)
        ],
    }


def _restated(row: dict[str, Any], how: Shown, site: Site, lang: Lang) -> str:
    return pick(wording.PARTS["restated"], lang).format(
        old=pick(wording.NOT_KNOWN, lang) if row["old"] is None else how.text(row["old"], lang),
        new=pick(wording.NOT_KNOWN, lang) if row["new"] is None else how.text(row["new"], lang),
        cause=wording.cause(row["cause"], lang),
        when=_moment(row["learned_at"], site, lang),
    )


def _moment(ms: int, site: Site, lang: Lang) -> str:
    return wording.moment(from_ms(ms).astimezone(site.zone), lang)


def _date(ordinal: int) -> dt.date:
    return dt.date.fromordinal(ordinal)
