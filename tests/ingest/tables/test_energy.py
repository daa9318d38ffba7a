"""Tables of use and temperature that people export: their days, or the reason why they cannot be read."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from ingest.tables.energy import TableError, table_of
from tests.dates import day


def table(text, zone="UTC"):
    return table_of(text, file="meter.csv", zone=ZoneInfo(zone))


def hours(start, count, *, skip=(), offset="", step_minutes=60, value="1.5", temp="4.0"):
    begin = dt.datetime.fromisoformat(start)
    rows = ["timestamp,value,temperature"]
    for i in range(count):
        if i not in skip:
            rows.append(
                f"{(begin + i * dt.timedelta(minutes=step_minutes)).isoformat()}{offset},{value},{temp}"
            )
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("zone", "start", "count", "whole"),
    [
        ("UTC", "2025-03-30T00:00", 24, ["2025-03-30"]),
        ("Europe/Helsinki", "2025-03-30T00:00", 3, []),
        ("Europe/Moscow", "2025-03-30T00:00", 48, ["2025-03-30", "2025-03-31"]),
    ],
)
def test_naive_hours_are_local(zone, start, count, whole):
    read = table(hours(start, count), zone)
    assert list(read.days.used) == [day(each) for each in whole]


def test_a_day_of_23_and_one_of_25_hours():
    spring = table(hours("2025-03-29T22:00", 23, offset="+00:00"), "Europe/Helsinki")
    assert spring.days.used == {day("2025-03-30"): round(23 * 1.5 * spring.scale)}
    autumn = table(hours("2025-10-25T21:00", 25, offset="+00:00"), "Europe/Helsinki")
    assert autumn.days.used == {day("2025-10-26"): round(25 * 1.5 * autumn.scale)}
    short = table(hours("2025-10-25T21:00", 24, offset="+00:00"), "Europe/Helsinki")
    assert short.days.used == {}


def test_the_hour_that_summer_time_repeats_is_two_hours():
    stamps = [0, 1, 2, 3, 3, *range(4, 24)]
    text = "timestamp,value,temperature\n" + "".join(
        f"2025-10-26T{h:02}:00,{i},5\n" for i, h in enumerate(stamps)
    )
    read = table(text, "Europe/Helsinki")
    assert read.days.used == {day("2025-10-26"): round(sum(range(25)) * read.scale)}


def test_a_missing_hour_makes_the_day_missing():
    read = table(hours("2025-01-01T00:00", 72, skip=(30,)))
    assert list(read.days.used) == [day("2025-01-01"), day("2025-01-03")]


def test_half_hours_are_summed():
    read = table(hours("2025-01-01T00:00", 48, step_minutes=30))
    assert read.days.used == {day("2025-01-01"): round(72 * read.scale)}


def test_temperature_needs_half_the_hours():
    rows = ["timestamp,value,temperature"]
    for h in range(48):
        temp = h % 24 if h < 24 or h >= 40 else ""
        rows.append(f"2025-01-{1 + h // 24:02}T{h % 24:02}:00,1,{temp}")
    read = table("\n".join(rows))
    assert read.days.temps_mc == {day("2025-01-01"): 11_500}


@pytest.mark.parametrize("stamp", ["{}", "{} 00:00:00", "{}T00:00:00+00:00", "{}T01:00:00"])
def test_daily_rows_keep_their_dates(stamp):
    dates = ["2025-03-29", "2025-03-30", "2025-03-31"]
    text = "temperature,x,timestamp,value\n" + "".join(f"-3.25,?,{stamp.format(d)},7.5\n" for d in dates)
    for zone in ("UTC", "Europe/Moscow", "America/Chicago"):
        read = table(text, zone)
        assert list(read.days.used) == [day(d) for d in dates]
        assert set(read.days.temps_mc.values()) == {-3_250}
        assert not read.hourly


def test_rows_may_come_in_any_order_and_twice():
    text = hours("2025-01-01T00:00", 48)
    head, *rows = text.splitlines()
    mixed = "\n".join([head, *rows[30:], *rows[:30], rows[5]])
    assert table(mixed).days == table(text).days


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
def test_what_cannot_be_read_is_refused_with_its_place(text, says):
    with pytest.raises(TableError, match=r"meter\.csv: .*" + says):
        table(text)


def test_a_local_time_that_does_not_exist_is_refused():
    with pytest.raises(TableError, match=r"line 5: .* does not exist in Europe/Helsinki"):
        table(hours("2025-03-30T00:00", 24), "Europe/Helsinki")
