"""Tables of use and temperature: read from files, with the documents of `kvartal fit` and `kvartal savings`."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ingest.tables.energy import (
    COLUMNS,
    WEATHER_COLUMNS,
    Table,
    TableError,
    outdoor_days,
    table_of,
    unreadable,
)
from metering.baselines.document import Baseline
from metering.baselines.fit import Unfit, fit_period
from metering.baselines.monthly import Act, fit_months
from metering.periods import Period
from metering.savings.compare import Compared, NoDays, compare
from metering.savings.monthly import compare_months


def read_table(path: Path, zone: ZoneInfo, weather: Path | None = None) -> Table:
    """The days of use in a file, or its acts.

    Args:
        path: A CSV file with a header.
        zone: Zone of the days, and of timestamps that carry no offset.
        weather: A CSV with `timestamp,temperature` (daily or hourly); its days replace those of the file.

    Raises:
        TableError: names file, line, column and value, and the form expected.
    """
    outside = None
    if weather is not None:
        outside = outdoor_days(_text(weather, WEATHER_COLUMNS), file=str(weather), zone=zone)
    columns = COLUMNS if outside is None else COLUMNS[:2]
    return table_of(_text(path, columns), file=str(path), zone=zone, outside=outside)


def _text(path: Path, columns: tuple[str, ...]) -> str:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return file.read()
    except FileNotFoundError:
        raise TableError(
            f"{path}: there is no such file (expected a CSV with {', '.join(columns)})"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(str(path), error) from None


def fit_table(table: Table, baseline: Period) -> dict[str, Any]:
    """The baseline fitted on the period, as the JSON of `kvartal fit`.

    Raises:
        TableError: no baseline can be fitted on the period.
    """
    fitted = _fitted(table, baseline)
    document = json.loads(fitted.document)
    return {
        "model": fitted.model,
        "n": fitted.n,
        "parameters": _in_file_units(fitted, table),
        "mean": fitted.metrics.mean / table.scale,
        **_metrics(fitted),
        "days_missing": {"baseline": _missing(fitted, table, baseline)},
        "id": fitted.id,
        "baseline": document,
    }


def savings_table(table: Table, baseline: Period, reporting: Period) -> dict[str, Any]:
    """Savings of the reporting period, as the JSON of `kvartal savings`.

    Raises:
        TableError: a period cannot be compared.
    """
    fitted = _fitted(table, baseline)
    try:
        if table.acts:
            result = compare_months(table.acts, fitted, reporting, table.days.temps_mc.get)
        else:
            result = compare(table.days, fitted, reporting)
    except NoDays as error:
        raise TableError(f"{table.file}: reporting period: {error}") from None
    low, high = result.interval
    if not math.isfinite(result.share):
        raise TableError(
            f"{table.file}: the baseline expects no use over {reporting}, so there is no percentage"
        )
    return {
        "model": fitted.model,
        "n": fitted.n,
        "expected": result.expected / table.scale,
        "used": result.used / table.scale,
        "avoided": result.avoided / table.scale,
        "avoided_pct": 100 * result.share,
        "interval_90_pct": [100 * low, 100 * high],
        **_metrics(fitted),
        "days_missing": {"baseline": result.missing_baseline, "reporting": result.missing_reporting},
        **(_of_months(result) if table.acts else {}),
    }


def _of_months(result: Compared) -> dict[str, Any]:
    """Further keys of a monthly comparison: its resolution, grade and findings."""
    return {
        "resolution": "month",
        "grade": result.grade,
        "findings": [
            {"kind": each.kind, "got": each.got, "limit": each.limit, "disqualifies": each.disqualifies}
            for each in result.doubts
        ],
    }


def _missing(fitted: Baseline, table: Table, baseline: Period) -> int:
    """Days of the baseline period that were not fitted on."""
    if table.acts:
        return baseline.days - sum(act.last - act.first + 1 for act in _within(table.acts, baseline))
    return baseline.days - fitted.n - len(fitted.outages)


def _within(acts: tuple[Act, ...], period: Period) -> list[Act]:
    return [act for act in acts if period.first <= act.first and act.last <= period.last]


def _fitted(table: Table, baseline: Period) -> Baseline:
    try:
        if table.acts:
            temp_of = table.days.temps_mc.get
            return fit_months(_within(table.acts, baseline), temp_of, unit=table.unit)
        return fit_period(table.days, baseline, unit=table.unit, calendar="week")
    except Unfit as error:
        if table.acts:
            present = f"acts in the file: {_date(table.acts[0].first)}..{_date(table.acts[-1].last)}"
        elif table.days.used:
            present = (
                f"complete days in the file: {_date(min(table.days.used))}..{_date(max(table.days.used))}"
            )
        else:
            present = "complete days in the file: none"
        raise TableError(f"{table.file}: {error} ({present})") from None


def _metrics(fitted: Baseline) -> dict[str, float]:
    return {
        "cvrmse": fitted.metrics.cvrmse,
        "nmbe": fitted.metrics.nmbe,
        "r2": fitted.metrics.r2,
        "self_bias_pct": 100 * fitted.metrics.self_bias,
    }


def _in_file_units(fitted: Baseline, table: Table) -> dict[str, float | str]:
    linear = fitted.form.coefficients
    return {
        name: float(value) / table.scale if name in linear else value
        for name, value in fitted.parameters.items()
    }


def _date(ordinal: int) -> str:
    return dt.date.fromordinal(ordinal).isoformat()
