"""Lighting by day type, hour and darkness (M5), out of hourly use.

Each hour of the baseline period falls into one of 96 cells: working day or day off, hour of the local day, sun up or
down. A cell is the *mean* of its hours, not their median: a baseline must reproduce its own total. Expected use of
a later day is the sum of its hours' cells; the sun and the calendar need no measurement, so the frozen baseline
predicts days from their dates alone.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from zoneinfo import ZoneInfo

import numpy as np

from metering.baselines.calendars import day_off
from metering.baselines.daylight import hours_of_day
from metering.baselines.document import LEAST_DAYS, Baseline, NoUse, TooFewDays, freeze, require_self_bias
from metering.baselines.models import CELLS, MODELS, cell_at, many_days, term_columns
from metering.savings.compare import Period
from metering.times import HOUR_MS, day_bounds


def fit_lighting_hours(
    hours: Mapping[int, int],
    period: Period,
    *,
    zone: ZoneInfo,
    latitude: float,
    longitude: float,
    calendar: str = "week",
    unit: str = "Wh",
) -> Baseline:
    """The hourly profile of a meter without weather, as a frozen baseline.

    Args:
        hours: Use by hour (hours since 1970 UTC) [base units]; only days with all of their hours are fitted on.
        period: Local dates.
        zone: The site's time zone.
        latitude: Of the site [degrees].
        longitude: Of the site [degrees].
        calendar: Which days are days off.
        unit: Name of the base unit.

    Raises:
        TooFewDays: less than a month of complete days.
        NoUse: the sum of use is not positive.
    """
    dates: list[int] = []
    used: list[int] = []
    sums, counts = [0] * CELLS, [0] * CELLS
    for date in range(period.first, period.last + 1):
        start, end = day_bounds(date, zone)
        span = range(start // HOUR_MS, end // HOUR_MS)
        if any(hour not in hours for hour in span):
            continue
        dates.append(date)
        used.append(sum(hours[hour] for hour in span))
        off = day_off(date, calendar)
        for at, (hour, dark) in zip(span, hours_of_day(date, zone, latitude, longitude), strict=True):
            cell = cell_at(off, hour, dark)
            sums[cell] += hours[at]
            counts[cell] += 1
    if len(dates) < LEAST_DAYS:
        raise TooFewDays(
            f"{period} has {len(dates)} days with all their hours; at least {LEAST_DAYS} are needed"
        )
    if sum(used) <= 0:
        raise NoUse(f"the meter counted {sum(used)} {unit} over {len(dates)} days; a baseline needs some use")
    cells = [_cell(sums, counts, cell) for cell in range(CELLS)]
    parameters: dict[str, float | str] = {
        "scale": 1.0,
        "latitude": latitude,
        "longitude": longitude,
        "calendar": calendar,
        "profile": " ".join(f"{value:.3f}" for value in cells),
        "timezone": zone.key,
    }
    model, none = MODELS["lighting_by_hour"], np.zeros(len(dates), dtype=np.int64)
    when = np.array(dates)
    columns = term_columns(model, parameters, none, none, np.zeros(len(dates)), when)
    facts = np.column_stack([when, np.array(used)]).astype("<i8").tobytes()
    baseline = freeze(
        model="lighting_by_hour",
        parameters=parameters,
        columns=columns,
        used=np.array(used, dtype=np.float64),
        expected=many_days(model, parameters, columns),
        when=when,
        resolution="day",
        first=period.first,
        last=period.last,
        unit=unit,
        facts=hashlib.sha256(facts).hexdigest()[:16],
        weather=(None, None),
    )
    again = int(baseline.expected_days(none, none, dates=when).sum())
    require_self_bias(baseline, again, math.fsum(used))
    return baseline


def _cell(sums: list[int], counts: list[int], cell: int) -> float:
    """Mean of a cell; where it was never met, of the same hour in the other light, on the other days, or of all."""
    for other in (cell, cell ^ 1, (cell + CELLS // 2) % CELLS, (cell + CELLS // 2) % CELLS ^ 1):
        if counts[other]:
            return sums[other] / counts[other]
    return sum(sums) / sum(counts)
