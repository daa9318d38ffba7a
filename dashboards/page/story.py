"""The story of one contract: before, the measure, after; expected against used; how far to trust it."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any, Final

from dashboards.contract_rows import Row, portfolio
from dashboards.page.days import money_of, months_view
from dashboards.page.houses import alert_view, by_money, row_view
from dashboards.words import wording
from dashboards.words.terms import terms_view
from dashboards.words.wording import Lang, pick
from metering import flags
from metering.baselines.document import Baseline
from metering.events import Alert, Day, Savings
from metering.savings.conditions import Conditions, conditions
from metering.site.contracts import Contract
from metering.site.model import Site
from metering.times import day_bounds, from_ms
from metering.units import SHOWN_UNIT, UNITS
from storage.sqlite_reader import Reader

_Z90: Final = 1.645
_SEASON_DAYS: Final = 200
"""The heating season of a day rests on the weather of at most so many days before it."""


def contract_view(reader: Reader, site: Site, contract: Contract, lang: Lang) -> dict[str, Any]:
    """The page of one contract."""
    # One contract's rows only: a site of a thousand houses must not slow a house down.
    (row,) = portfolio(reader, site.model_copy(update={"contract": (contract,)}))
    meter = site.meters[contract.building, contract.meter]
    unit = SHOWN_UNIT[meter.carrier]
    assert contract.baseline.to is not None
    first = contract.baseline.from_.toordinal()
    reporting = contract.reporting.from_.toordinal()
    last = row.position.last if row.position is not None else contract.baseline.to.toordinal()
    days = reader.days(contract.building, contract.meter, meter.quantity, first, last)
    savings = reader.savings(contract.id, reporting, last)
    money = money_of(savings, site, contract)
    alerts = [
        alert
        for alert in reader.alerts()
        if alert.building == contract.building and alert.subject in ("", contract.id, contract.meter)
    ]
    document = reader.baseline(contract.id)
    baseline = Baseline.from_document(document) if document is not None else None
    money_text = None if money is None else wording.quantity(abs(float(money)), site.site.currency, lang)
    terms = terms_view(reader, site, contract, lang)
    return {
        **row_view(row, site, lang),
        "unit": wording.unit(unit, lang),
        "meter": contract.meter,
        "meter_name": meter.name or meter.id,
        "story": _story(row, contract, baseline, money_text, alerts, site, lang),
        "money_text": money_text or "—",
        "saves": row.avoided is None or row.avoided >= 0,
        "size_text": "—" if row.avoided is None else wording.quantity(abs(row.avoided), unit, lang),
        "reporting": wording.date(reporting, lang),
        **_lines(
            reader,
            contract,
            baseline,
            conditions(site, contract),
            days,
            {day.date: day.expected for day in savings},
            (first, last),
            float(UNITS[unit].scale),
        ),
        "alerts": [alert_view(alert, site, lang) for alert in by_money(alerts)],
        "excess_since": None if (above := _above(alerts)) is None else above.opened // 1000,
        "quality": _quality(reader, site, contract, row, days, savings, lang)
        | {"days_missing": terms["missing"], "outages": terms["outages"]},
        "months": months_view(savings, site, contract, lang),
        "currency": wording.unit(site.site.currency, lang),
        "baseline": None if baseline is None else _baseline(baseline, unit, lang),
        "terms": terms["lines"],
        "changes": terms["changes"],
        "neighbours": [
            {"contract": c.id, "measure": wording.measure(c.measure, lang)}
            for c in site.contract
            if c.building == contract.building
        ],
    }


def _above(alerts: list[Alert]) -> Alert | None:
    return next((alert for alert in alerts if alert.kind == "above_baseline"), None)


def _story(
    row: Row,
    contract: Contract,
    baseline: Baseline | None,
    money_text: str | None,
    alerts: list[Alert],
    site: Site,
    lang: Lang,
) -> str:
    """What the house saved, in plain sentences."""
    since = wording.date(contract.reporting.from_.toordinal(), lang)
    if row.avoided is None:
        return pick(wording.STORIES["waiting"], lang).format(since=since)
    text = pick(wording.STORIES["saved" if row.avoided >= 0 else "overspent"], lang).format(
        since=since,
        avoided=wording.quantity(abs(row.avoided), row.unit, lang),
        weather=(
            pick(wording.STORIES["weather"], lang) if baseline is not None and baseline.needs_weather else ""
        ),
    )
    if money_text is not None:
        text += " " + pick(wording.STORIES["money"], lang).format(money=money_text)
    above = _above(alerts)
    if above is not None:
        text += " " + pick(wording.STORIES["above"], lang).format(
            since=wording.date(from_ms(above.opened).date().toordinal(), lang),
            money=wording.money(above.money, site.site.currency, lang),
        )
    return text


def _lines(
    reader: Reader,
    contract: Contract,
    baseline: Baseline | None,
    here: Conditions,
    days: list[Day],
    figures: dict[int, int],
    period: tuple[int, int],
    scale: float,
) -> dict[str, Any]:
    """The lines of the picture, a point a day of the period; [shown unit], instants in seconds."""
    first, last = period
    assert contract.baseline.to is not None
    weather = reader.weather_days(contract.building, first - _SEASON_DAYS, last)
    temps = {day.date: day.mean_mc for day in weather}
    used = {day.date: day.used for day in days}
    dates = range(first, last + 1)
    expected: list[float | None] = []
    for date in dates:
        value = figures.get(date)
        if value is None and baseline is not None:
            adjusted = date >= contract.reporting.from_.toordinal()
            value = _expected(baseline, here, date, used.get(date), temps, adjusted=adjusted)
        expected.append(None if value is None else round(value / scale, 4))
    return {
        "dates": list(dates),
        "epoch": [_midnight(dt.date.fromordinal(date)) for date in dates],
        "used": [None if (u := used.get(date)) is None else round(u / scale, 4) for date in dates],
        "expected": expected,
        "temps": [None if (t := temps.get(date)) is None else round(t / 1000, 1) for date in dates],
        "band": None if baseline is None else round(_band(baseline) / scale, 4),
        "retrofit": [
            _midnight(contract.baseline.to + dt.timedelta(days=1)),
            _midnight(contract.reporting.from_),
        ],
    }


def _expected(
    baseline: Baseline,
    here: Conditions,
    date: int,
    used: int | None,
    temps: dict[int, int | None],
    *,
    adjusted: bool,
) -> int | None:
    """What is expected of a day without a figure: of the baseline period, or of one whose use is not known."""
    temp = temps.get(date)
    if temp is None and baseline.needs_weather:
        return None
    heated = baseline.heated(date, temps.get, here.seasons)
    # A day without supply is no saving, so nothing is expected of it.
    if here.out(date) or (used is not None and baseline.outage(used, heated=heated)):
        return None
    held = here.expected(baseline, temp, temps.get(date - 1), heated=heated, date=date)
    return held.adjusted if adjusted else held.baseline


def _band(baseline: Baseline) -> float:
    """Half-width of the 90 % band of a week's mean [base units]: a day's scatter over its independent days."""
    rho = min(max(baseline.metrics.rho, 0.0), 0.95)
    independent = max(1.0, 7 * (1 - rho) / (1 + rho))
    return _Z90 * baseline.metrics.rmse / math.sqrt(independent)


def _midnight(day: dt.date) -> int:
    return int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp())


def _quality(
    reader: Reader,
    site: Site,
    contract: Contract,
    row: Row,
    days: list[Day],
    savings: list[Savings],
    lang: Lang,
) -> dict[str, Any]:
    """How far the figure can be trusted."""
    position = row.position
    reporting = contract.reporting.from_.toordinal()
    since = [day for day in days if day.date >= reporting]
    scale = float(UNITS[row.unit].scale)
    start = day_bounds(reporting, site.zone)[0]
    unknown = sum(
        block.amount
        for block in reader.unknowns(
            contract.building, contract.meter, site.meters[contract.building, contract.meter].quantity
        )
        if block.start >= start
    )
    grade = position.grade if position is not None else "—"
    return {
        "grade": grade,
        "grade_text": pick(wording.GRADES.get(grade, (grade, grade)), lang),
        "through": wording.date(position.last, lang) if position is not None else "—",
        "days": position.days if position is not None else 0,
        "coverage": (
            wording.percent(100 * sum(day.coverage for day in since) / len(since), lang) if since else "—"
        ),
        "estimated": (
            wording.percent(100 * position.estimated / position.used, lang)
            if position is not None and position.used > 0
            else "—"
        ),
        "unknown": wording.quantity(unknown / scale, row.unit, lang, 1),
        "extrapolated": sum(1 for day in savings if day.extrapolated),
        "unclear_days": [
            [wording.date(d.date, lang), d.date, wording.doubts(flags.names(d.flags), lang)]
            for d in since
            if d.used is None
        ][-20:],
    }


def _baseline(baseline: Baseline, unit: str, lang: Lang) -> dict[str, Any]:
    """The baseline in figures that a person can check; the whole of it is the document."""
    scale = float(UNITS[unit].scale)
    digits = 3 if unit == "Gcal" else 1
    return {
        "id": baseline.id,
        "model": baseline.model,
        "formula": baseline.form.formula,
        "first": wording.date(baseline.first, lang),
        "last": wording.date(baseline.last, lang),
        "n": baseline.n,
        "mean": wording.quantity(baseline.metrics.mean / scale, unit, lang, digits),
        "cvrmse": wording.percent(100 * baseline.metrics.cvrmse, lang),
        "nmbe": wording.percent(100 * baseline.metrics.nmbe, lang, 3),
        "r2": wording.number(baseline.metrics.r2, lang, 3),
        "parameters": {
            name: wording.number(value, lang, 3) if isinstance(value, float) else str(value)
            for name, value in baseline.parameters.items()
        },
    }
