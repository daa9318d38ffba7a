"""Savings of tables that people export agree with the published results."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
from zoneinfo import ZoneInfo

import pytest

from ingest.tables.energy import TableError
from kvartal.tables import fit_table, read_table, savings_table
from metering.baselines.fit import fit_period
from metering.periods import Period
from metering.savings.compare import compare
from tests.dates import day, period
from tests.places import DATA

UTC = ZoneInfo("UTC")
KEYS = [
    "model", "n", "expected", "used", "avoided", "avoided_pct", "interval_90_pct", "cvrmse", "nmbe", "r2",
    "self_bias_pct", "days_missing",
]  # fmt: skip


def test_the_authors_of_nmecr_find_the_same_saving():
    """Their TOWT model: 7.41 % (docs/sources.md#an-example-by-nmecr: baseline 2012-03..2013-02, performance 2014-03..2015-02)."""
    table = read_table(DATA / "nmecr_eload_daily_2012_2015.csv", UTC)
    result = savings_table(table, period("2012-03-01..2013-02-28"), period("2014-03-01..2015-02-28"))
    assert list(result) == KEYS
    assert result["avoided_pct"] == pytest.approx(7.4, abs=0.5)
    low, high = result["interval_90_pct"]
    assert low < 7.41 < high
    assert result["n"] == 365
    assert result["used"] == pytest.approx(5_103_905.04)
    assert result["expected"] - result["used"] == pytest.approx(result["avoided"])
    assert abs(result["self_bias_pct"]) <= 0.05
    assert result["days_missing"] == {"baseline": 0, "reporting": 0}
    assert json.loads(json.dumps(result)) == result


def test_the_known_effect_of_the_opendsm_gas_sample_lies_in_the_interval():
    table = read_table(DATA / "opendsm_il-gas-hdd-only-daily.csv", UTC)
    result = savings_table(table, period("2015-12-26..2016-12-24"), period("2017-01-01..2017-12-31"))
    low, high = result["interval_90_pct"]
    assert low < 10.0 < high
    assert result["model"] == "heating_3p"


def test_an_hourly_home_runs_through():
    table = read_table(DATA / "opendsm_uk-gas-hdd-only-hourly-sample-0.csv", ZoneInfo("Europe/London"))
    assert table.hourly
    result = savings_table(table, period("2020-06-01..2021-05-31"), period("2021-06-01..2022-05-31"))
    low, high = result["interval_90_pct"]
    assert low < result["avoided_pct"] < high
    assert abs(result["self_bias_pct"]) <= 0.05
    assert 0.2 < result["cvrmse"] < 0.6


def test_a_fit_hands_out_the_document():
    table = read_table(DATA / "nmecr_eload_daily_2012_2015.csv", UTC)
    result = fit_table(table, period("2012-03-01..2013-02-28"))
    assert result["model"] == result["baseline"]["model"] == "heating_3p"
    assert result["parameters"]["base"] * table.scale == pytest.approx(
        result["baseline"]["parameters"]["base"]
    )
    assert result["n"] == 365
    assert result["days_missing"] == {"baseline": 0}


def test_no_file_is_refused(tmp_path):
    with pytest.raises(TableError, match="there is no such file"):
        read_table(tmp_path / "none.csv", UTC)


def test_a_period_that_the_file_does_not_hold_is_refused():
    table = read_table(DATA / "nmecr_eload_daily_2012_2015.csv", UTC)
    with pytest.raises(TableError, match=r"has 0 days .*2012-03-01\.\.2015-02-28"):
        fit_table(table, period("2020-01-01..2020-12-31"))
    with pytest.raises(TableError, match=r"reporting period: no day of 2020"):
        savings_table(table, period("2012-03-01..2013-02-28"), period("2020-01-01..2020-12-31"))


@pytest.mark.parametrize(
    ("file", "first"),
    [
        ("nmecr_eload_daily_2012_2015.csv", "2012-03-01"),
        ("nmecr_eload_daily_2012_2015.csv", "2013-03-01"),
        ("opendsm_il-gas-hdd-only-daily.csv", "2015-12-26"),
        ("opendsm_il-electricity-cdd-hdd-daily.csv", "2015-12-26"),
        ("opendsm_uk-gas-hdd-only-hourly-sample-0.csv", "2021-06-01"),
    ],
)
def test_twelve_hold_outs_of_a_measured_year_sum_to_its_use(file, first):
    """Each 30 days expected by a baseline that has not seen them; no home with its own boiler gets a season."""
    days = read_table(DATA / file, UTC).days
    begin = day(first)
    expected = used = 0
    for month in range(12):
        hidden = Period(begin + 30 * month, begin + 30 * month + 29)
        seen = days._replace(
            used={d: u for d, u in days.used.items() if not hidden.first <= d <= hidden.last}
        )
        baseline = fit_period(seen, Period(begin, begin + 364))
        assert not baseline.needs_season
        compared = compare(days, baseline, hidden)
        expected += compared.expected
        used += compared.used
    assert expected == pytest.approx(used, rel=0.01)


@pytest.mark.parametrize("saved", [0.20, 0.35, 0.40])
def test_injected_savings_are_recovered_at_a_measured_building(saved):
    table = read_table(DATA / "nmecr_eload_daily_2012_2015.csv", UTC)
    baseline = fit_period(table.days, period("2013-03-01..2014-02-28"))
    after = period("2014-03-01..2015-02-28")
    placebo = compare(table.days, baseline, after).share
    spared = {d: round(u * (1 - saved)) if d >= after.first else u for d, u in table.days.used.items()}
    recovered = compare(table.days._replace(used=spared), baseline, after).share
    assert recovered == pytest.approx(saved + placebo, abs=0.01)


def test_a_table_with_a_heating_season_finds_it(tmp_path):
    """District heat: the rule of five days turns a step of heat on and off, and the CSV alone shows it."""
    rng = random.Random(1)
    temps, rows, on = [], [], True
    for i in range(800):
        temps.append(5.5 - 12 * math.cos(2 * math.pi * (i + 258) / 365.25) + rng.gauss(0, 2.5))
        five = sum(temps[max(0, i - 5) : max(1, i)]) / min(max(1, i), 5)
        on = five <= 8.5 if on else five < 8.0
        use = 2.0 + (1.5 + 0.35 * max(0.0, 9 - temps[-1]) if on else 0.0)
        rows.append(f"{dt.date(2023, 9, 1) + dt.timedelta(i)},{use * rng.gauss(1, 0.03):.4f},{temps[-1]:.2f}")
    file = tmp_path / "meter.csv"
    file.write_text("timestamp,value,temperature\n" + "\n".join(rows) + "\n", encoding="utf-8")
    result = savings_table(
        read_table(file, UTC), period("2023-10-01..2024-09-30"), period("2024-10-15..2025-10-14")
    )
    assert result["model"] == "heating_season"
    assert result["avoided_pct"] == pytest.approx(0.0, abs=1.0)
