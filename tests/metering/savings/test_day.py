"""A day's figure, or why the day has none."""

from __future__ import annotations

import datetime as dt
import math
import random

import pytest

from metering.baselines.document import Baseline
from metering.baselines.fit import fit_period
from metering.events import Savings
from metering.periods import DailyUse, Period
from metering.savings.adjustments import Adjustment
from metering.savings.conditions import Conditions
from metering.savings.day import Figure, expected, figure, published, supplied
from tests.dates import day

BASE = Period(day("2023-10-01"), day("2024-09-30"))
SEASONS = ((day("2023-10-01"), day("2024-04-30")), (day("2024-10-01"), day("2025-04-30")))
WINTER, SUMMER = day("2025-01-20"), day("2025-06-20")
COLD, MILD, WARM = -30_000, -5_000, 20_000


def house() -> DailyUse:
    """A heated house of declared seasons; two weeks of June have no supply."""
    rng = random.Random(1)
    used, temps = {}, {}
    for date in range(*BASE):
        turn = math.cos(2 * math.pi * (dt.date.fromordinal(date).timetuple().tm_yday - 20) / 365)
        temps[date] = round(6_000 - 12_000 * turn + rng.gauss(0, 2_000))
        heat = max(0, 17_000 - temps[date]) * 450 if date <= SEASONS[0][1] else 0
        used[date] = round(3_000_000 + heat + rng.gauss(0, 200_000))
        if day("2024-06-10") <= date < day("2024-06-24"):
            used[date] = 0
    return DailyUse(used, temps, seasons=SEASONS)


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    fitted = fit_period(house(), BASE)
    assert fitted.needs_season
    assert fitted.outage_below is not None
    return fitted


PLAIN = Conditions(seasons=SEASONS)
OUT = PLAIN._replace(outages=((WINTER, WINTER),))
EVENT = PLAIN._replace(events=(Adjustment(WINTER, WINTER, -700_000, "r", "a", "b"),))


@pytest.mark.parametrize(
    ("date", "used", "temp", "under", "why"),
    [
        (WINTER, None, MILD, PLAIN, "missing"),
        (WINTER, None, MILD, OUT, "missing"),
        (WINTER, 9_000_000, None, PLAIN, "missing"),
        (WINTER, 9_000_000, MILD, OUT, "outage"),
        (WINTER, 9_000_000, None, OUT, "outage"),
        (SUMMER, 0, WARM, PLAIN, "outage"),
        (SUMMER, 0, None, PLAIN, "missing"),
        (WINTER, 0, MILD, PLAIN, None),
        (SUMMER, 3_000_000, WARM, PLAIN, None),
    ],
)
def test_a_day_has_a_figure_or_says_why_not(
    baseline: Baseline, date: int, used: int | None, temp: int | None, under: Conditions, why: str | None
) -> None:
    temps = {} if temp is None else {date: temp}
    of_day = figure(baseline, under, date, temps.get, used=used)
    assert of_day == why if why else isinstance(of_day, Figure)


def test_a_figure_is_the_baselines_with_the_adjustment_of_its_conditions(baseline: Baseline) -> None:
    temps = {WINTER - 1: MILD + 2_000, WINTER: MILD}
    plain = baseline.expected(MILD, MILD + 2_000, heated=True, date=WINTER)
    of_day = figure(baseline, EVENT, WINTER, temps.get, used=8_000_000, estimated=5)
    assert of_day == Figure(WINTER, plain - 700_000, 8_000_000, 5, False, -700_000)
    assert of_day.unadjusted == Figure(WINTER, plain, 8_000_000, 5, False, 0)


@pytest.mark.parametrize(("temp", "outside"), [(MILD, False), (COLD, True)])
def test_weather_that_the_baseline_period_never_had_is_extrapolated(
    baseline: Baseline, temp: int, outside: bool
) -> None:
    of_day = figure(baseline, PLAIN, WINTER, {WINTER - 1: temp, WINTER: temp}.get, used=1)
    assert isinstance(of_day, Figure)
    assert of_day.extrapolated is outside


def test_a_day_of_unknown_use_is_expected_all_the_same(baseline: Baseline) -> None:
    temps = {SUMMER: WARM}
    use = expected(baseline, PLAIN, SUMMER, temps.get)
    assert use == (baseline.expected(WARM, heated=False, date=SUMMER),) * 2 + (use[2],)
    assert expected(baseline, PLAIN, SUMMER, temps.get, used=0) == "outage"


def test_a_published_day_is_its_figure() -> None:
    saved = Savings(
        building="b",
        contract="c",
        date=7,
        expected=100,
        used=90,
        estimated=4,
        temp_mc=None,
        extrapolated=True,
        baseline_id="id",
        received_at=0,
        adjustment=-3,
    )
    assert published(saved) == Figure(7, 100, 90, 4, True, -3)


def test_heat_is_supplied_by_the_baseline_the_declaration_or_the_usual_rule(baseline: Baseline) -> None:
    cold = dict.fromkeys(range(WINTER - 30, WINTER + 1), MILD)
    plain = fit_period(DailyUse(house().used, {}), BASE)
    assert not plain.needs_season
    assert supplied(baseline, PLAIN, WINTER, {}.get)
    assert supplied(plain, PLAIN, WINTER, {}.get)
    assert not supplied(plain, PLAIN, SUMMER, cold.get)
    assert supplied(plain, Conditions(), WINTER, cold.get)
