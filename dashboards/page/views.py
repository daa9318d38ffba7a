"""What the page's JSON holds, made from the figures of a store."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

from dashboards import wording
from dashboards.portfolio import SHOWN_UNIT, Row, portfolio
from dashboards.wording import Lang, pick
from metering import flags
from metering.baseline import Baseline
from metering.events import Alert
from metering.quantities import QUANTITIES
from metering.site import Contract, Site
from metering.times import HOUR_MS, day_bounds, from_ms, iso
from metering.units import UNITS
from storage.sqlite_reader import Reader

_Z90 = 1.645


def portfolio_view(reader: Reader, site: Site, lang: Lang) -> dict[str, Any]:
    """The start page: contracts, alerts, accounting."""
    rows = portfolio(reader, site)
    urgency = {"above": 0, "not_proved": 1, "below": 2, "waiting": 3, "proved": 4}
    shown = sorted(rows, key=lambda row: urgency[row.verdict])
    money = sum(float(row.money_year) for row in rows if row.money_year is not None)
    return {
        "site": site.site.name or site.site.id,
        "currency": wording.unit(site.site.currency, lang),
        "rows": [_row(row, site, lang) for row in shown],
        "money_year": wording.number(money, lang),
        "proved": sum(1 for row in rows if row.verdict in ("proved", "below")),
        "contracts": len(rows),
        "alerts": [_alert(alert, site, lang) for alert in reader.alerts()],
        "accounting": _accounting(reader, lang),
    }


def _row(row: Row, site: Site, lang: Lang) -> dict[str, Any]:
    contract, position = row.contract, row.position
    promised = contract.guaranteed_savings_pct
    return {
        "contract": contract.id,
        "building": contract.building,
        "house": row.building_name,
        "measure": wording.measure(contract.measure, lang),
        "programme": contract.programme,
        "promised": promised,
        "promised_text": "—" if promised is None else wording.percent(promised, lang, 0),
        "savings": row.savings_pct,
        "lo": row.interval_pct[0] if row.interval_pct else None,
        "hi": row.interval_pct[1] if row.interval_pct else None,
        "savings_text": "—" if row.savings_pct is None else wording.percent(row.savings_pct, lang),
        "interval_text": "" if row.interval_pct is None else wording.interval(*row.interval_pct, lang),
        "avoided_text": (
            "—"
            if row.avoided is None
            else f"{wording.number(row.avoided, lang)}\u202f{wording.unit(row.unit, lang)}"
        ),
        "money_text": (
            "—"
            if row.money_year is None
            else f"{wording.number(float(row.money_year), lang)}\u202f{wording.unit(site.site.currency, lang)}"
        ),
        "verdict": row.verdict,
        "verdict_text": pick(wording.VERDICTS[row.verdict], lang),
        "grade": position.grade if position is not None else "—",
        "through": wording.date(position.last, lang) if position is not None else "—",
    }


def _alert(alert: Alert, site: Site, lang: Lang) -> dict[str, Any]:
    opened = from_ms(alert.opened).astimezone(site.zone).date().toordinal()
    return {
        "kind": alert.kind,
        "building": alert.building,
        "subject": alert.subject,
        "text": wording.sentence(alert, site, lang),
        "since": wording.date(opened, lang),
        "money": wording.money(alert.money, site.site.currency, lang) if alert.money else "",
    }


def _accounting(reader: Reader, lang: Lang) -> dict[str, Any]:
    counts = reader.counts()
    reasons = {
        name.removeprefix("rejected:"): n for name, n in counts.items() if name.startswith("rejected:")
    }
    names = ("received", "accepted", "duplicate", "rejected")
    return {**{name: wording.number(counts.get(name, 0), lang) for name in names}, "reasons": reasons}


def contract_view(reader: Reader, site: Site, contract: Contract, lang: Lang) -> dict[str, Any]:
    """The story of one contract: before, the measure, after; expected against used."""
    (row,) = (row for row in portfolio(reader, site) if row.contract.id == contract.id)
    meter = site.meters[contract.building, contract.meter]
    unit = SHOWN_UNIT[meter.carrier]
    scale = float(UNITS[unit].scale)
    assert contract.baseline.to is not None
    first = contract.baseline.from_.toordinal()
    last = row.position.last if row.position is not None else contract.baseline.to.toordinal()
    days = reader.days(contract.building, contract.meter, meter.quantity, first, last)
    # The season of the first day rests on the weather of the months before it.
    temps = {day.date: day.mean_mc for day in reader.weather_days(contract.building, first - 200, last)}
    document = reader.baseline(contract.id)
    baseline = Baseline.from_document(document) if document is not None else None
    used = {day.date: day.used for day in days}
    dates = list(range(first, last + 1))
    expected: list[float | None] = []
    for date in dates:
        temp = temps.get(date)
        known = baseline is not None and (temp is not None or not baseline.needs_weather)
        value = None
        if baseline is not None and known:
            heated = baseline.heated(date, temps.get)
            use = used.get(date)
            # A day without supply is no saving, so nothing is expected of it.
            if use is None or not baseline.outage(use, heated=heated):
                value = baseline.expected(temp, temps.get(date - 1), heated=heated, date=date)
        expected.append(None if value is None else round(value / scale, 3))
    band = None
    if baseline is not None:
        # Of a week's mean: the scatter of a day, less by the independent days among seven.
        rho = min(max(baseline.rho, 0.0), 0.95)
        independent = max(1.0, 7 * (1 - rho) / (1 + rho))
        band = round(_Z90 * baseline.rmse / math.sqrt(independent) / scale, 3)
    flagged = [day for day in days if day.used is None]
    return {
        **_row(row, site, lang),
        "unit": wording.unit(unit, lang),
        "meter": contract.meter,
        "quantity": meter.quantity,
        "meter_name": meter.name or meter.id,
        "dates": dates,
        "epoch": [int(dt.datetime.combine(_date(d), dt.time(), dt.UTC).timestamp()) for d in dates],
        "used": [None if (u := used.get(d)) is None else round(u / scale, 3) for d in dates],
        "expected": expected,
        "temps": [None if (t := temps.get(d)) is None else round(t / 1000, 1) for d in dates],
        "band": band,
        "retrofit": [
            int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp())
            for day in (contract.baseline.to + dt.timedelta(days=1), contract.reporting.from_)
        ],
        "reporting": wording.date(contract.reporting.from_.toordinal(), lang),
        "days": row.position.days if row.position is not None else 0,
        "days_missing": row.position.days_missing if row.position is not None else 0,
        "estimated_text": _estimated(row, lang),
        "unclear_days": [[wording.date(d.date, lang), d.date, flags.names(d.flags)] for d in flagged[-20:]],
        "baseline": json.loads(document) if document is not None else None,
        "alerts": [
            _alert(alert, site, lang)
            for alert in reader.alerts()
            if alert.building == contract.building and alert.subject in ("", contract.id, contract.meter)
        ],
        "neighbours": [
            {"contract": c.id, "measure": wording.measure(c.measure, lang)}
            for c in site.contract
            if c.building == contract.building
        ],
    }


def _estimated(row: Row, lang: Lang) -> str:
    position = row.position
    if position is None or not position.used:
        return "—"
    return wording.percent(100 * position.estimated / position.used, lang)


def _date(ordinal: int) -> dt.date:
    return dt.date.fromordinal(ordinal)


def day_view(
    reader: Reader, site: Site, building: str, meter: str, quantity: str, date: int, lang: Lang
) -> dict[str, Any]:
    """One day of a register: its hours with their flags and the readings behind them."""
    start, end = day_bounds(date, site.zone)
    point = site.meters[building, meter]
    unit = SHOWN_UNIT[point.carrier]
    scale = float(UNITS[unit].scale)
    digits = 3 if unit == "Gcal" else 1

    def local(ms: int) -> str:
        return from_ms(ms).astimezone(site.zone).strftime("%H:%M")

    def shown(amount: int) -> str:
        return wording.number(amount / scale, lang, digits)

    found = reader.days(building, meter, quantity, date, date)
    return {
        "house": site.buildings[building].name or building,
        "building": building,
        "meter": meter,
        "meter_name": point.name or meter,
        "date": wording.date(date, lang),
        "ordinal": date,
        "unit": wording.unit(unit, lang),
        "base": QUANTITIES[quantity].base,
        "used": shown(found[0].used) if found and found[0].used is not None else "—",
        "coverage": wording.percent(100 * found[0].coverage, lang, 0) if found else "—",
        "hours": [
            [local(hour * HOUR_MS), shown(amount), flags.names(note)]
            for hour, amount, note in reader.hours(
                building, meter, quantity, start // HOUR_MS, end // HOUR_MS
            )
        ],
        "unknown": [
            [iso(block.start), iso(block.end), shown(block.amount)]
            for block in reader.unknowns(building, meter, quantity)
            if block.start < end and block.end > start
        ],
        "readings": [
            [from_ms(t).astimezone(site.zone).strftime("%d.%m %H:%M:%S"), shown(amount), amount]
            for t, amount in reader.readings(building, meter, quantity, start, end)
        ],
    }


def accounting_view(reader: Reader, lang: Lang) -> dict[str, Any]:
    """What became of every reading, and what is in doubt."""

    def when(ms: int) -> str:
        return iso(ms).replace("T", " ")

    return {
        "accounting": _accounting(reader, lang),
        "registers": [
            [r.building, r.meter, r.quantity, wording.number(r.accepted, lang), wording.number(r.duplicate, lang)]
            for r in reader.registers()
        ],
        "rejected": [
            [when(r["received_at"]), r["topic"], r["reason"], r["detail"], _excerpt(r["payload"])]
            for r in reader.rejected(limit=100)
        ],
        "findings": [
            [f["building"], f["meter"], wording.finding(f["kind"], lang), when(f["start"]), when(f["end"]), f["detail"]]
            for f in reader.findings(limit=100)
        ],
        "restatements": [
            [
                r["building"], r["meter"], wording.date(r["date"], lang), r["old"], r["new"], r["cause"],
                when(r["learned_at"]),
            ]
            for r in reader.restatements(limit=100)
        ],
    }  # fmt: skip


def _excerpt(payload: bytes) -> str:
    text = payload[:300].decode("utf-8", errors="replace")
    return text + (" …" if len(payload) > 300 else "")
