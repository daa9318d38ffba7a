"""The picture of one contract: expected use against use, day by day, with the weather and a week's band."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from metering.baselines.document import Baseline
from metering.events import Day, Savings
from metering.periods import SEASON_WEATHER_DAYS
from metering.savings.conditions import Conditions, conditions
from metering.savings.day import expected as expected_use
from metering.savings.uncertainty import week_half_width_90
from metering.site.contracts import Contract
from metering.site.model import Site
from metering.units import SHOWN_UNIT, UNITS
from storage.sqlite_reader import Reader


def chart(
    reader: Reader,
    site: Site,
    contract: Contract,
    baseline: Baseline | None,
    days: Iterable[Day],
    savings: Iterable[Savings],
    period: tuple[int, int],
) -> dict[str, Any]:
    """The lines of the picture, a point a day of the period; [shown unit], instants in seconds.

    Args:
        reader: The store.
        site: The site.
        contract: The contract.
        baseline: Its baseline; without one, only days with a figure have an expected use.
        days: The meter's days of the period.
        savings: The figures of the reporting period.
        period: Ordinals of the first and the last date.
    """
    first, last = period
    assert contract.baseline.to is not None
    scale = float(UNITS[SHOWN_UNIT[site.meters[contract.building, contract.meter].carrier]].scale)
    group = conditions(site, contract)
    weather = reader.weather_days(contract.building, first - SEASON_WEATHER_DAYS, last)
    temps = {day.date: day.mean_mc for day in weather}
    used = {day.date: day.used for day in days}
    figures = {day.date: day.expected for day in savings}
    dates = range(first, last + 1)
    expected: list[float | None] = []
    for date in dates:
        value = figures.get(date)
        if value is None and baseline is not None:
            adjusted = date >= contract.reporting.from_.toordinal()
            value = _expected(baseline, group, date, used.get(date), temps, adjusted=adjusted)
        expected.append(None if value is None else round(value / scale, 4))
    return {
        "dates": list(dates),
        "epoch": [_midnight(dt.date.fromordinal(date)) for date in dates],
        "used": [None if (u := used.get(date)) is None else round(u / scale, 4) for date in dates],
        "expected": expected,
        "temps": [None if (t := temps.get(date)) is None else round(t / 1000, 1) for date in dates],
        "band": None if baseline is None else round(week_half_width_90(baseline) / scale, 4),
        "retrofit": [
            _midnight(contract.baseline.to + dt.timedelta(days=1)),
            _midnight(contract.reporting.from_),
        ],
    }


def _expected(
    baseline: Baseline,
    group: Conditions,
    date: int,
    used: int | None,
    temps: dict[int, int | None],
    *,
    adjusted: bool,
) -> int | None:
    """Expected use of a day without a figure: a day of the baseline period, or one whose use is not known."""
    use = expected_use(baseline, group, date, temps.get, used=used)
    if isinstance(use, str):
        return None
    return use.adjusted if adjusted else use.baseline


def _midnight(day: dt.date) -> int:
    return int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp())
