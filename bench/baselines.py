"""CPU times of fits, predictions and intervals: `python bench/baselines.py [--opendsm]`.

With --opendsm opendsm's daily model also fits the same year (needs `opendsm` and `multimethod<2`).
All times are CPU times of this process, the best of five.
"""

from __future__ import annotations

import argparse
import datetime as dt
import math
import time
from collections.abc import Callable

import numpy as np

from metering.baselines.changepoint import best_heating, to_bins
from metering.baselines.document import Baseline
from metering.baselines.fit import fit
from metering.baselines.models import candidates
from metering.events import Day, WeatherDay
from metering.periods import DailyUse, Period
from metering.savings.compare import compare
from metering.savings.uncertainty import width_90
from metering.site.model import parse_site
from streams.steps.savings import savings_step

FIRST = dt.date(2024, 10, 1).toordinal()
N = 365


SITE = """
[site]
id = "bench"
timezone = "Europe/Moscow"
latitude = 59.94
longitude = 30.31

[[source]]
topic = "kvartal/v1/{building}/{meter}/readings"

[[station]]
id = "spb"

[[building]]
id = "b01"
station = "spb"

  [[building.meter]]
  id = "heat"
  carrier = "heat"
  unit = "Gcal"

[[contract]]
id = "c01"
building = "b01"
meter = "heat"
baseline = { from = 2024-10-01, to = 2025-09-30 }
reporting = { from = 2025-10-15 }
"""


def a_year() -> DailyUse:
    """Two years of a heated house: use [Wh], temperatures [m°C]."""
    rng = np.random.default_rng(1)
    n = 2 * N + 40
    wander = np.zeros(n)
    for day in range(1, n):
        wander[day] = 0.75 * wander[day - 1] + rng.normal(0, 2.8)
    temp = 5.5 - 12.0 * np.cos(2 * np.pi * (np.arange(n) + 218) / 365.25) + wander
    five = np.array([temp[max(0, day - 5) : max(1, day)].mean() for day in range(n)])
    heat = np.where(five < 8.0, 1.5e6 + 4.2e5 * np.maximum(10 - temp, 0), 0.0)
    use = (2.4e6 + heat) * (1 + 0.05 * rng.standard_normal(n))
    first = FIRST - 40
    return DailyUse(
        {first + i: round(use[i]) for i in range(n)}, {first + i: round(1000 * temp[i]) for i in range(n)}
    )


def seconds(run: Callable[[], object], times: int) -> float:
    """CPU seconds of one call, the best of five rounds of `times` calls."""
    rounds = []
    for _ in range(5):
        begun = time.process_time()
        for _ in range(times):
            run()
        rounds.append((time.process_time() - begun) / times)
    return min(rounds)


def step_seconds(days: DailyUse) -> float:
    """CPU seconds of the stream's savings step for a day of weather and use, with its baseline fitted."""
    step = savings_step(parse_site(SITE))
    parts: dict[str, object] = {}

    def feed(date: int) -> None:
        for event in (
            WeatherDay(
                building="b01",
                station="spb",
                date=date,
                mean_mc=days.temps_mc[date],
                coverage=1.0,
                received_at=0,
            ),
            Day(
                building="b01",
                meter="heat",
                quantity="energy",
                date=date,
                used=days.used[date],
                known=days.used[date],
                unknown=0,
                estimated=0,
                coverage=1.0,
                flags=0,
                received_at=0,
            ),
        ):
            parts.update(step.run("c01", parts, event)[0])

    later = FIRST + N + 60
    for date in range(FIRST - 40, later):
        feed(date)
    fitted, rest = dict(parts), range(later, FIRST + 2 * N)

    def run() -> None:
        parts.clear()
        parts.update(fitted)
        for date in rest:
            feed(date)

    return seconds(run, 3) / len(rest)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--opendsm", action="store_true", help="also fit the same year with opendsm")
    asked = parser.parse_args()
    days = a_year()
    dates = list(range(FIRST, FIRST + N))
    year = {
        "dates": dates,
        "used": [days.used[d] for d in dates],
        "temps_mc": [days.temps_mc[d] for d in dates],
        "temps_before_mc": [days.temps_mc[d - 1] for d in dates],
        "first": FIRST,
        "last": FIRST + N - 1,
    }

    def fitted(**more: object) -> Baseline:
        return fit(**year, **more)  # type: ignore[arg-type]

    heat = {"models": candidates("heat"), "temp_of": days.temps_mc.get}
    everything = {"temp_of": days.temps_mc.get, "latitude": 59.94, "calendar": "ru"}
    baseline = fitted(**heat)
    meters = 1_000
    rng = np.random.default_rng(2)
    t = np.tile([days.temps_mc[d] / 1000 for d in dates], (meters, 1))
    y = np.tile(np.array(year["used"], dtype=np.float64), (meters, 1)) * rng.uniform(0.5, 2, (meters, 1))
    reporting = Period(FIRST + N, FIRST + 2 * N - 1)

    rows = [
        ("M2 alone, frozen document included", 1e3 * seconds(lambda: fitted(models=["heating_3p"]), 50), "ms"),
        ("selection for a heat meter", 1e3 * seconds(lambda: fitted(**heat), 30), "ms"),
        ("selection among all models", 1e3 * seconds(lambda: fitted(**everything), 30), "ms"),
        ("M2, fixed lag, vectorised", meters / seconds(lambda: best_heating(to_bins(t, y)), 2), "fits/s"),
        ("expected use of a day", 1e6 * seconds(lambda: baseline.expected(-3_000, -4_000, heated=True), 100_000), "us"),
        ("heating season of a day in April", 1e6 * seconds(
            lambda: baseline.heated(FIRST + 200, days.temps_mc.get), 20_000
        ), "us"),
        ("interval from totals", 1e6 * seconds(
            lambda: width_90(baseline, days=200, months=6.5, expected_total=10**9), 20_000
        ), "us"),
        ("document read again", 1e6 * seconds(lambda: Baseline.from_document(baseline.document), 50_000), "us"),
        ("a reporting year compared, a day", 1e6 * seconds(lambda: compare(days, baseline, reporting), 20) / N, "us"),
        ("savings step of the stream, a day", 1e6 * step_seconds(days), "us"),
    ]  # fmt: skip
    if asked.opendsm:
        rows.append(("opendsm daily model, fit", 1e3 * _opendsm(days, dates), "ms"))
    for name, value, unit in rows:
        digits = max(0, 2 - math.floor(math.log10(value)))
        print(f"{name:40} {value:12,.{digits}f} {unit}")


def _opendsm(days: DailyUse, dates: list[int]) -> float:
    """CPU seconds of opendsm's warm daily fit."""
    import pandas as pd
    from opendsm.eemeter import DailyBaselineData, DailyModel

    frame = pd.DataFrame(
        {
            "temperature": [days.temps_mc[d] / 1000 * 9 / 5 + 32 for d in dates],
            "observed": [days.used[d] / 1000 for d in dates],
        },
        index=pd.DatetimeIndex([dt.date.fromordinal(d) for d in dates], tz="UTC"),
    )
    baseline_days = DailyBaselineData(frame, is_electricity_data=False)
    DailyModel().fit(baseline_days, ignore_disqualification=True)
    return seconds(lambda: DailyModel().fit(baseline_days, ignore_disqualification=True), 1)


if __name__ == "__main__":
    main()
