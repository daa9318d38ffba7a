"""Tables that people export: read, refused with a reason, and the published results found in them."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ingest.tables.energy import TableError, read_table
from kvartal.tables import fit_table, savings_table
from metering.savings.compare import Period, compare, fit_period

DATA = Path(__file__).parents[1] / "data"
UTC = ZoneInfo("UTC")
KEYS = [
    "model", "n", "expected", "used", "avoided", "avoided_pct", "interval_90_pct", "cvrmse", "nmbe", "r2",
    "self_bias_pct", "days_missing",
]  # fmt: skip


def period(text):
    first, last = (dt.date.fromisoformat(each).toordinal() for each in text.split(".."))
    return Period(first, last)


def day(text):
    return dt.date.fromisoformat(text).toordinal()


def table(tmp_path, text, zone="UTC"):
    file = tmp_path / "meter.csv"
    file.write_text(text, encoding="utf-8")
    return read_table(file, ZoneInfo(zone))


def hours(start, count, *, skip=(), offset="", step_minutes=60, value="1.5", temp="4.0"):
    begin = dt.datetime.fromisoformat(start)
    rows = ["timestamp,value,temperature"]
    for i in range(count):
        if i not in skip:
            rows.append(
                f"{(begin + i * dt.timedelta(minutes=step_minutes)).isoformat()}{offset},{value},{temp}"
            )
    return "\n".join(rows) + "\n"


def test_the_authors_of_nmecr_find_the_same_saving():
    """Their TOWT model: 7.41 % (facts: baseline 2012-03..2013-02, performance 2014-03..2015-02)."""
    held = read_table(DATA / "nmecr_eload_daily_2012_2015.csv", UTC)
    result = savings_table(held, period("2012-03-01..2013-02-28"), period("2014-03-01..2015-02-28"))
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
    held = read_table(DATA / "opendsm_il-gas-hdd-only-daily.csv", UTC)
    result = savings_table(held, period("2015-12-26..2016-12-24"), period("2017-01-01..2017-12-31"))
    low, high = result["interval_90_pct"]
    assert low < 10.0 < high
    assert result["model"] == "heating_3p"


def test_an_hourly_home_runs_through():
    held = read_table(DATA / "opendsm_uk-gas-hdd-only-hourly-sample-0.csv", ZoneInfo("Europe/London"))
    assert held.hourly
    result = savings_table(held, period("2020-06-01..2021-05-31"), period("2021-06-01..2022-05-31"))
    low, high = result["interval_90_pct"]
    assert low < result["avoided_pct"] < high
    assert abs(result["self_bias_pct"]) <= 0.05
    assert 0.2 < result["cvrmse"] < 0.6


def test_a_fit_hands_out_the_document():
    held = read_table(DATA / "nmecr_eload_daily_2012_2015.csv", UTC)
    result = fit_table(held, period("2012-03-01..2013-02-28"))
    assert result["model"] == result["baseline"]["model"] == "heating_3p"
    assert result["parameters"]["base"] * held.scale == pytest.approx(
        result["baseline"]["parameters"]["base"]
    )
    assert result["n"] == 365
    assert result["days_missing"] == {"baseline": 0}


@pytest.mark.parametrize(
    ("zone", "start", "count", "whole"),
    [
        ("UTC", "2025-03-30T00:00", 24, ["2025-03-30"]),
        ("Europe/Helsinki", "2025-03-30T00:00", 3, []),
        ("Europe/Moscow", "2025-03-30T00:00", 48, ["2025-03-30", "2025-03-31"]),
    ],
)
def test_naive_hours_are_local(tmp_path, zone, start, count, whole):
    held = table(tmp_path, hours(start, count), zone)
    assert list(held.days.used) == [day(each) for each in whole]


def test_a_day_of_23_and_one_of_25_hours(tmp_path):
    spring = table(tmp_path, hours("2025-03-29T22:00", 23, offset="+00:00"), "Europe/Helsinki")
    assert spring.days.used == {day("2025-03-30"): round(23 * 1.5 * spring.scale)}
    autumn = table(tmp_path, hours("2025-10-25T21:00", 25, offset="+00:00"), "Europe/Helsinki")
    assert autumn.days.used == {day("2025-10-26"): round(25 * 1.5 * autumn.scale)}
    short = table(tmp_path, hours("2025-10-25T21:00", 24, offset="+00:00"), "Europe/Helsinki")
    assert short.days.used == {}


def test_the_hour_that_summer_time_repeats_is_two_hours(tmp_path):
    stamps = [0, 1, 2, 3, 3, *range(4, 24)]
    text = "timestamp,value,temperature\n" + "".join(
        f"2025-10-26T{h:02}:00,{i},5\n" for i, h in enumerate(stamps)
    )
    held = table(tmp_path, text, "Europe/Helsinki")
    assert held.days.used == {day("2025-10-26"): round(sum(range(25)) * held.scale)}


def test_a_missing_hour_makes_the_day_missing(tmp_path):
    held = table(tmp_path, hours("2025-01-01T00:00", 72, skip=(30,)))
    assert list(held.days.used) == [day("2025-01-01"), day("2025-01-03")]


def test_half_hours_are_summed(tmp_path):
    held = table(tmp_path, hours("2025-01-01T00:00", 48, step_minutes=30))
    assert held.days.used == {day("2025-01-01"): round(72 * held.scale)}


def test_temperature_needs_half_the_hours(tmp_path):
    rows = ["timestamp,value,temperature"]
    for h in range(48):
        temp = h % 24 if h < 24 or h >= 40 else ""
        rows.append(f"2025-01-{1 + h // 24:02}T{h % 24:02}:00,1,{temp}")
    held = table(tmp_path, "\n".join(rows))
    assert held.days.temps_mc == {day("2025-01-01"): 11_500}


@pytest.mark.parametrize("stamp", ["{}", "{} 00:00:00", "{}T00:00:00+00:00", "{}T01:00:00"])
def test_daily_rows_keep_their_dates(tmp_path, stamp):
    dates = ["2025-03-29", "2025-03-30", "2025-03-31"]
    text = "temperature,x,timestamp,value\n" + "".join(f"-3.25,?,{stamp.format(d)},7.5\n" for d in dates)
    for zone in ("UTC", "Europe/Moscow", "America/Chicago"):
        held = table(tmp_path, text, zone)
        assert list(held.days.used) == [day(d) for d in dates]
        assert set(held.days.temps_mc.values()) == {-3_250}
        assert not held.hourly


def test_rows_may_come_in_any_order_and_twice(tmp_path):
    text = hours("2025-01-01T00:00", 48)
    head, *rows = text.splitlines()
    mixed = "\n".join([head, *rows[30:], *rows[:30], rows[5]])
    assert table(tmp_path, mixed).days == table(tmp_path, text).days


HEAD = "timestamp,value,temperature\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"line 1: there is no column 'timestamp'; found nothing"),
        ("timestamp,value,temp\n2025-01-01,1,2\n", r"no column 'temperature'; found timestamp, value, temp"),
        (HEAD + "2025-01-01,1,2\n", r"1 rows; at least two"),
        (HEAD + "2025-01-01,1,2\n2025-01-02,abc,2\n", r"line 3: value 'abc' is not a number; expected energy"),
        (HEAD + "2025-01-01,inf,2\n2025-01-02,1,2\n", r"line 2: value 'inf'"),
        (HEAD + "2025-01-01,1,2\n2025-01-02,1,cold\n", r"line 3: temperature 'cold' is not a number"),
        (HEAD + "2025-01-01,1,2\n2025-01-02,1,99\n", r"line 3: temperature '99' .* between -70 and 70"),
        (HEAD + "01.01.2025,1,2\n2025-01-02,1,2\n", r"line 2: timestamp '01.01.2025' .* ISO 8601"),
        (HEAD + "2025-01-01,1,2\n2025-01-02T00:00Z,1,2\n", r"line 3: .* some timestamps carry an offset"),
        (HEAD + "2025-01-01,1,2\n2025-01-08,1,2\n", r"7 days, 0:00:00; expected a day, an hour"),
        (HEAD + "2025-01-01,1,2\n2025-01-01,1,2\n", r"all timestamps are 2025-01-01"),
        (HEAD + "2025-01-01,1,2\n2025-01-02,1,2\n2025-01-02,3,2\n", r"line 4: day 2025-01-02 is already on line 3"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_place(tmp_path, text, says):
    with pytest.raises(TableError, match=r"meter\.csv: .*" + says):
        table(tmp_path, text)


def test_a_local_time_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(TableError, match=r"line 5: .* does not exist in Europe/Helsinki"):
        table(tmp_path, hours("2025-03-30T00:00", 24), "Europe/Helsinki")


def test_no_file_is_refused(tmp_path):
    with pytest.raises(TableError, match="there is no such file"):
        read_table(tmp_path / "none.csv", UTC)


def test_a_period_that_the_file_does_not_hold_is_refused():
    held = read_table(DATA / "nmecr_eload_daily_2012_2015.csv", UTC)
    with pytest.raises(TableError, match=r"has 0 days .*2012-03-01\.\.2015-02-28"):
        fit_table(held, period("2020-01-01..2020-12-31"))
    with pytest.raises(TableError, match=r"reporting period: no day of 2020"):
        savings_table(held, period("2012-03-01..2013-02-28"), period("2020-01-01..2020-12-31"))


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
        held = compare(days, baseline, hidden)
        expected += held.expected
        used += held.used
    assert expected == pytest.approx(used, rel=0.01)


@pytest.mark.parametrize("saved", [0.20, 0.35, 0.40])
def test_injected_savings_are_recovered_at_a_measured_building(saved):
    held = read_table(DATA / "nmecr_eload_daily_2012_2015.csv", UTC)
    baseline = fit_period(held.days, period("2013-03-01..2014-02-28"))
    after = period("2014-03-01..2015-02-28")
    placebo = compare(held.days, baseline, after).share
    spared = {d: round(u * (1 - saved)) if d >= after.first else u for d, u in held.days.used.items()}
    found = compare(held.days._replace(used=spared), baseline, after).share
    assert found == pytest.approx(saved + placebo, abs=0.01)


def test_a_table_with_a_heating_season_finds_it(tmp_path):
    """District heat: the rule of five days turns a step of heat on and off; the CSV tells it by itself."""
    rng = random.Random(1)
    temps, rows, on = [], [], True
    for i in range(800):
        temps.append(5.5 - 12 * math.cos(2 * math.pi * (i + 258) / 365.25) + rng.gauss(0, 2.5))
        five = sum(temps[max(0, i - 5) : max(1, i)]) / min(max(1, i), 5)
        on = five <= 8.5 if on else five < 8.0
        use = 2.0 + (1.5 + 0.35 * max(0.0, 9 - temps[-1]) if on else 0.0)
        rows.append(f"{dt.date(2023, 9, 1) + dt.timedelta(i)},{use * rng.gauss(1, 0.03):.4f},{temps[-1]:.2f}")
    held = table(tmp_path, HEAD + "\n".join(rows) + "\n")
    result = savings_table(held, period("2023-10-01..2024-09-30"), period("2024-10-15..2025-10-14"))
    assert result["model"] == "heating_season"
    assert result["avoided_pct"] == pytest.approx(0.0, abs=1.0)
