"""One saving in every place that judges it: the stream's position, the contract's report and the savings command."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from metering.baselines.document import Baseline
from metering.baselines.monthly import acts_of
from metering.baselines.season import USUAL, heated
from metering.events import Alert, Day, Event, Fitted, Position, Savings, Tick, Unknown, WeatherDay
from metering.periods import DailyUse, Period
from metering.report.contract import view_contract
from metering.report.parts import Rows
from metering.savings.assess import Saving
from metering.savings.compare import compare
from metering.savings.conditions import conditions
from metering.savings.monthly import compare_months
from metering.site.model import Site
from metering.times import to_ms
from streams.steps.savings import savings_step
from streams.steps.watch import watch_step
from tests.dates import day, period
from tests.days import day_of
from tests.sites import build_site, building, contract, meter, station

BEFORE, AFTER = period("2023-10-01..2024-09-30"), period("2024-10-15..2025-10-14")


def site(extra: str = "", outage: str = "") -> Site:
    """`extra` is tables of the contract, `outage` a table of the meter."""
    return build_site(
        station(),
        building(
            meter("heat", "heat", "kWh") + outage,
            station="spb",
            persons=400,
            statics=[{"from": "2024-12-01", "persons": 380 if extra else 400}],
        ),
        contract(baseline="2023-10-01..2024-09-30", reporting="2024-10-15..") + extra,
        lateness_days=7,
    )


class House(NamedTuple):
    """Use [Wh] and temperatures [m°C] by date."""

    used: Mapping[int, int]
    temps: Mapping[int, int]
    estimated: Mapping[int, int] = MappingProxyType({})


def house(saved: float = 0.1, colder_mc: int = 0, out: Iterable[int] = ()) -> House:
    """A heated house of about 200 MWh a day in winter, so that the command's integers are its watt-hours."""
    rng = random.Random(3)
    temps, used, noise = {}, {}, 0.0
    for date in range(BEFORE.first - 200, AFTER.last + 1):
        turn = math.cos(2 * math.pi * (dt.date.fromordinal(date).timetuple().tm_yday - 20) / 365)
        temps[date] = round(6_000 - 12_000 * turn + rng.gauss(0, 2_000) - colder_mc * (date >= AFTER.first))
        if date < BEFORE.first:
            continue
        noise = 0.5 * noise + rng.gauss(0, 0.06)
        on = heated(date, temps.get, rule=USUAL.name, declared=())
        heat = max(0, 17_000 - temps[date]) * 5_000 * on * (1 - saved * (date >= AFTER.first))
        used[date] = 0 if date in out else round((30_000_000 + heat) * (1 + noise))
    return House(used, temps)


def facts(of: House) -> list[Event]:
    made: list[Event] = []
    for date in sorted({*of.temps, *of.used}):
        made.append(
            WeatherDay(
                building="b01",
                station="spb",
                date=date,
                mean_mc=of.temps.get(date),
                coverage=1.0,
                received_at=0,
            )
        )
        if (used := of.used.get(date)) is not None:
            estimated = of.estimated.get(date, 0)
            made.append(day_of("heat", date, used, estimated=estimated))
    return [*made, Tick(building="b01", received_at=0)]


def streamed(site: Site, of: House) -> list[Event]:
    """Everything that the savings and the watch steps publish."""
    steps = [savings_step(site), watch_step(site)]
    kept: dict[str, dict[Any, Any]] = {step.name: {} for step in steps}
    made: list[Event] = []
    queue = facts(of)
    for event in queue:
        waiting: list[Event] = [event]
        while waiting:
            current = waiting.pop(0)
            for step in steps:
                if isinstance(current, step.accepts):
                    changed, events = step.run("c1", kept[step.name], current)
                    kept[step.name].update(changed)
                    made += events
                    waiting += events
    return made


OUT = [*range(day("2024-06-10"), day("2024-06-24")), *range(day("2025-06-09"), day("2025-06-23"))]
GAPS = [*range(day("2024-02-01"), day("2024-02-11")), *range(day("2025-01-05"), day("2025-01-12"))]
EVENT = """  [[contract.event]]
  from = 2025-01-01
  to = 2025-01-31
  total = "-90000"
  unit = "kWh"
  reason = "the shop was closed"
  author = "Ivanova"
  approved_by = "Petrov"
"""
DECLARED = "  [[building.meter.outage]]\n  from = 2025-02-03\n  to = 2025-02-09\n"

PLAIN = house()
COLD = house(colder_mc=9_000)
CASES = {
    "plain": (site(), PLAIN),
    "estimates": (site(), PLAIN._replace(estimated={d: PLAIN.used[d] // 2 for d in range(*AFTER, 5)})),
    "days without weather": (
        site(),
        PLAIN._replace(temps={d: t for d, t in PLAIN.temps.items() if d not in GAPS}),
    ),
    "days without use": (
        site(),
        PLAIN._replace(used={d: u for d, u in PLAIN.used.items() if d not in GAPS}),
    ),
    "weather never seen": (site(), COLD),
    "a fortnight without supply": (site(), house(out=OUT)),
    "neither supply nor weather": (
        site(),
        (dark := house(out=OUT))._replace(temps={d: t for d, t in dark.temps.items() if d not in OUT[-3:]}),
    ),
    "declared outage": (site(outage=DECLARED), PLAIN),
    "declared outage without weather": (
        site(outage=DECLARED),
        PLAIN._replace(temps={d: t for d, t in PLAIN.temps.items() if d != day("2025-02-03")}),
    ),
    "statics and an event": (site(extra=EVENT), PLAIN),
}


@pytest.mark.parametrize("case", CASES)
def test_stream_report_and_comparison_agree(case: str, tmp_path: Path) -> None:
    here, of = CASES[case]
    published = streamed(here, of)
    position = [each for each in published if isinstance(each, Position)][-1]
    (fitted,) = [each for each in published if isinstance(each, Fitted)]
    baseline = Baseline.from_document(fitted.document)
    savings = [each for each in published if isinstance(each, Savings)]
    rows = Rows(
        savings,
        [each for each in facts(of) if isinstance(each, Day)],
        [each for each in facts(of) if isinstance(each, WeatherDay)],
        fitted.document,
    )
    contract = here.contracts["c1"]
    view = view_contract(rows, here, contract)
    under = conditions(here, contract)
    days = DailyUse(of.used, of.temps, of.estimated)
    compared = compare(days, baseline, AFTER, under)
    assert view.total is not None
    for saving in (view.total, compared):
        assert (saving.days, saving.expected, saving.used, saving.half_width, saving.grade) == (
            position.days,
            position.expected,
            position.used,
            position.half_width,
            position.grade,
        )
        assert saving.totals.estimated == position.estimated
        assert saving.totals.adjustment == position.adjustment
    assert view.doubts == view.total.doubts == compared.doubts
    assert (view.missing, len(view.outages)) == (compared.missing_reporting, compared.outages)
    assert position.days_missing == compared.missing_reporting + compared.outages
    if under.digest or of.estimated:
        return  # The command knows neither a site file nor estimates.
    got = commanded(of, tmp_path)
    assert (got["expected"], got["used"]) == (position.expected, position.used)
    low, high = view.total.interval
    assert got["interval_90_pct"] == [100 * low, 100 * high]
    assert got["days_missing"]["reporting"] == view.missing


def commanded(of: House, directory: Path) -> dict[str, Any]:
    """What `kvartal savings` prints about the same days."""
    lines = ["timestamp,value,temperature"]
    for date in sorted({*of.temps, *of.used}):
        temp = of.temps.get(date)
        shown = "" if temp is None else f"{temp / 1000:.3f}"
        lines.append(f"{dt.date.fromordinal(date)},{of.used.get(date, '')},{shown}")
    (directory / "days.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    options = ["--baseline", str(BEFORE), "--reporting", str(AFTER), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "kvartal", "savings", str(directory / "days.csv"), *options],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_the_cases_are_what_their_names_say() -> None:
    def missing_and_out(case: str) -> tuple[int, int]:
        here, of = CASES[case]
        (fitted,) = [each for each in streamed(here, of) if isinstance(each, Fitted)]
        under = conditions(here, here.contracts["c1"])
        compared = compare(DailyUse(of.used, of.temps), Baseline.from_document(fitted.document), AFTER, under)
        return compared.missing_reporting, compared.outages

    assert missing_and_out("plain") == (0, 0)
    assert missing_and_out("days without weather") == (7, 0)
    assert missing_and_out("days without use") == (7, 0)
    assert missing_and_out("a fortnight without supply") == (0, 14)
    # Without a temperature nobody can say that the season had ended; a declaration needs none.
    assert missing_and_out("neither supply nor weather") == (3, 11)
    assert missing_and_out("declared outage") == missing_and_out("declared outage without weather") == (0, 7)


def test_an_alert_has_the_interval_of_the_position() -> None:
    """Half of the use is estimated: the saving of 4 % is not proved, and the alert says so like the position."""
    of = house(saved=0.08)
    of = of._replace(estimated={d: of.used[d] // 2 for d in range(AFTER.first, AFTER.last + 1)})
    of = of._replace(
        used={d: u for d, u in of.used.items() if d <= AFTER.first + 60 + 7 * 40 - 1},
        temps={d: t for d, t in of.temps.items() if d <= AFTER.first + 60 + 7 * 40 - 1},
    )
    published = streamed(site(), of)
    position = [each for each in published if isinstance(each, Position)][-1]
    alert = [each for each in published if isinstance(each, Alert)][-1]
    assert alert.detail["days"] == position.days
    low = 100 * (1 - position.used / (position.expected - position.half_width))
    assert alert.kind == "no_saving"
    assert alert.detail["lo_pct"] == round(low, 1)


@pytest.mark.parametrize("extra", ["", EVENT], ids=["plain", "statics and an event"])
def test_report_and_comparison_of_acts_agree(extra: str) -> None:
    here = site(extra=extra)
    contract, of = here.contracts["c1"], house()
    firsts = [dt.date(2023 + (9 + n) // 12, (9 + n) % 12 + 1, 1) for n in range(25)]
    blocks = [
        Unknown(
            start=to_ms(midnight(first, here)),
            end=to_ms(midnight(after, here)),
            amount=used_between(of, first, after),
            flags=0,
        )
        for first, after in pairwise(firsts)
    ]
    rows = Rows(unknowns=blocks, weather=[each for each in facts(of) if isinstance(each, WeatherDay)])
    view = view_contract(rows, here, contract)
    assert view.baseline is not None
    assert view.total is not None
    acts = acts_of(blocks, here.zone)
    within = Period(AFTER.first, acts[-1].last)
    compared = compare_months(acts, view.baseline, within, of.temps.get, conditions(here, contract))
    assert view.total == Saving(*(getattr(compared, field.name) for field in fields(Saving)))
    assert (view.missing, view.doubts) == (compared.missing_reporting, compared.doubts)
    assert view.unadjusted is not None
    assert view.total.expected - view.unadjusted.expected == view.total.totals.adjustment
    assert (view.total.width.adjusted > 0) == bool(extra)


def midnight(date: dt.date, site: Site) -> dt.datetime:
    return dt.datetime.combine(date, dt.time(), site.zone)


def used_between(of: House, first: dt.date, after: dt.date) -> int:
    return sum(of.used[date] for date in range(first.toordinal(), after.toordinal()))
