"""The exam on paper: a site file, captures, the truth in a file of its own, and marks for anybody's claims.

The export has hourly readings of registers and stations, as a gateway would deliver them. A day that is missing
from the exam's daily values is missing here too: the register's readings within the gap are left out.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from ingest.captures import Capture, write_capture
from metering.periods import Period
from metering.times import next_month, to_ms
from simulators.exam.houses import WH_PER_UNIT, Examined, simulate
from simulators.exam.scoring import Mark, score
from simulators.exam.traits import draw_traits

_MOSCOW: Final = dt.timezone(dt.timedelta(hours=3))
_MOST_KW: Final = {"Gcal": 5000, "kWh": 300}
"""Plausibility bound of a meter by the unit of its register [kW]."""

_SITE: Final = """\
[site]
id = "exam"
name = "Экзамен"
timezone = "Europe/Moscow"
latitude = 59.94
longitude = 30.31
retention_days = 3000

[[source]]
topic = "kvartal/v1/{building}/{meter}/readings"
backfill = true

[[source]]
topic = "kvartal/v1/weather/{station}"
backfill = true
"""


class BadFigures(ValueError):
    """The figures do not fit the exam; the text says which and why."""


def site_toml(houses: list[Examined]) -> str:
    """A site file with a building, a station and a contract for each house."""
    lines = [_SITE]
    for house in houses:
        lines.append(f'[[station]]\nid = "{house.traits.name}"\n')
    for house in houses:
        traits = house.traits
        unit = "Gcal" if traits.heats else "kWh"
        lines.append(
            f'[[building]]\nid = "{traits.name}"\nkind = "{traits.building_kind}"\nstation = "{traits.name}"\n\n'
            f'  [[building.meter]]\n  id = "main"\n  carrier = "{traits.carrier}"\n  unit = "{unit}"\n  digits = 9\n'
            f"  max_power_kw = {_MOST_KW[unit]}\n"
        )
    for house in houses:
        name = house.traits.name
        lines.append(
            f'[[contract]]\nid = "{name}"\nbuilding = "{name}"\nmeter = "main"\n'
            f"baseline = {_period(house.baseline)}\nreporting = {_period(house.reporting)}\n"
        )
    return "\n".join(lines)


def _period(period: Period) -> str:
    first, last = dt.date.fromordinal(period.first), dt.date.fromordinal(period.last)
    return f"{{ from = {first}, to = {last} }}"


def captures(house: Examined) -> Iterator[Capture]:
    """The archives of the house's station and meter, a message a month, as they arrive after the reporting year.

    Raises:
        ValueError: the house was simulated without keeping its register.
    """
    hourly = house.hourly
    if hourly is None:
        raise ValueError(f"the register of {house.traits.name} was not kept (simulate(..., keep=...))")
    name = house.traits.name
    begin = dt.datetime.combine(hourly.start, dt.time(), _MOSCOW)
    at = to_ms(begin + dt.timedelta(hours=len(hourly.steps) - 1))
    resolution = hourly.step_wh / WH_PER_UNIT[hourly.unit]
    places = max(0, round(-np.log10(resolution)))
    stamps = [(begin + dt.timedelta(hours=hour)).isoformat() for hour in range(len(hourly.steps))]
    for month in _months(begin, len(stamps)):
        temps = [[stamps[h], int(hourly.temps_mc[h]) / 1000] for h in month if h < len(hourly.temps_mc)]
        known = [pair for h, pair in zip(month, temps, strict=False) if not hourly.no_weather[h]]
        if known:
            yield _capture(f"kvartal/v1/weather/{name}", "°C", known, at)
        shown = [
            [stamps[h], round(int(hourly.steps[h]) * resolution, places)]
            for h in month
            if not hourly.silent[h]
        ]
        if shown:
            yield _capture(f"kvartal/v1/{name}/main/readings", hourly.unit, shown, at)


def _capture(topic: str, unit: str, readings: list[list[Any]], at: int) -> Capture:
    return Capture(
        topic, json.dumps({"unit": unit, "readings": readings}, ensure_ascii=False).encode(), at, False
    )


def _months(begin: dt.datetime, hours: int) -> Iterator[range]:
    first = 0
    while first < hours:
        here = begin + dt.timedelta(hours=first)
        after = next_month(here.replace(hour=0))
        end = min(hours, first + round((after - here) / dt.timedelta(hours=1)))
        yield range(first, end)
        first = end


def truth(houses: list[Examined]) -> dict[str, Any]:
    """The true saving, known to the examiner only, by house [%]."""
    return {
        house.traits.name: {
            "true_savings_pct": 100 * house.true_share,
            "oracle_savings_pct": 100 * house.oracle_share,
            "strata": [
                f"kind:{house.traits.kind}",
                f"measure:{house.traits.measure}",
                f"drift:{house.traits.drift}",
                f"quality:{house.traits.quality}",
                f"history:{house.traits.baseline_years}",
            ],
        }
        for house in houses
    }


def export(
    houses: int, seed: int, *, directory: Path, progress: Callable[[int], None] = lambda _done: None
) -> None:
    """Write `site.toml`, `captures.jsonl` and `truth.json` of an exam into `directory`.

    Raises:
        OSError: a file cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    written: list[Examined] = []
    with (directory / "captures.jsonl").open("w", encoding="utf-8") as out:
        traits = draw_traits(np.random.default_rng(seed), houses)
        for batch in simulate(traits, seed=seed, keep=range(houses)):
            for house in batch:
                for capture in captures(house):
                    write_capture(capture, out)
                written.append(house)
                progress(len(written))
    (directory / "site.toml").write_text(site_toml(written), encoding="utf-8")
    document = json.dumps(truth(written), ensure_ascii=False, indent=1) + "\n"
    (directory / "truth.json").write_text(document, encoding="utf-8")


def score_figures(true: Mapping[str, Any], figures: Any) -> dict[str, Any]:
    """Marks for figures of savings: the exam's document.

    Args:
        true: The document of `truth`.
        figures: `{"houses": [{"house": "e00001", "savings_pct": 7.4, "interval_90_pct": [lo, hi]}, ...]}`;
            one entry for every house of the exam.

    Raises:
        BadFigures: an entry is not understood, is not of a house of the exam, is double, or is missing.
    """
    listed = figures.get("houses") if isinstance(figures, dict) else None
    if not isinstance(listed, list):
        raise BadFigures("expected an object with a list 'houses'")
    marks: dict[str, Mark] = {}
    for position, entry in enumerate(listed):
        where = f"houses[{position}]"
        try:
            name = entry["house"]
            low, high = (float(edge) / 100 for edge in entry["interval_90_pct"])
            estimate = float(entry["savings_pct"]) / 100
        except (KeyError, TypeError, ValueError) as error:
            raise BadFigures(
                f"{where}: expected 'house', 'savings_pct' and 'interval_90_pct': [lo, hi]; {error!r}"
            ) from None
        if name not in true:
            raise BadFigures(f"{where}: {name!r} is no house of this exam")
        if name in marks:
            raise BadFigures(f"{where}: {name!r} has two figures")
        if not np.isfinite([low, high, estimate]).all() or low > high:
            raise BadFigures(f"{where}: {name!r} has the interval {entry['interval_90_pct']}")
        known = true[name]
        marks[name] = Mark(
            name,
            known["true_savings_pct"] / 100,
            known["oracle_savings_pct"] / 100,
            estimate,
            low,
            high,
            tuple(known["strata"]),
        )
    missing = sorted(set(true) - set(marks))
    if missing:
        raise BadFigures(f"no figure for {len(missing)} of {len(true)} houses, among them {missing[0]!r}")
    return score(list(marks.values()), seconds=0.0)
