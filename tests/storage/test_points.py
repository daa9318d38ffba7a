"""Line protocol: rows of event -> line, a round trip through a parser, and through a real influxd."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any, NamedTuple

import pytest
import urllib3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metering.events import (
    Alert,
    Counted,
    Day,
    Event,
    Finding,
    Fitted,
    Hours,
    Position,
    Readings,
    Rejected,
    Restated,
    Savings,
    Tick,
    Unknown,
    Unknowns,
    WeatherDay,
)
from storage import schema
from storage.influx_reader import InfluxFigures
from storage.points import series, text, to_lines
from tests.sites import build_site, building, contract, meter, tariff

WHO = ("b01", "heat", "energy")
DATE = 739_000
MIDNIGHT = "1713916800000000000"
SITE = build_site(
    tariff(("2020-01-01", "2000.00")),
    building(meter(), meter("light", "electricity", "kWh"), name="ул. Мира, 8"),
    contract(
        baseline="2022-01-01..2022-12-31",
        reporting="2023-01-01..",
        measure="substation",
        guaranteed_savings_pct=20,
        tariff="heat",
    ),
    contract("c2", meter="light", baseline="2022-01-01..2022-12-31", reporting="2023-01-01.."),
)


class Line(NamedTuple):
    measurement: str
    tags: dict[str, str]
    fields: dict[str, Any]
    time: int


def parse(line: str) -> Line:
    """A line, read by the rules of the line protocol's reference."""
    head, fields, time = _cut(line)
    measurement, *tags = re.split(r"(?<!\\),", head)
    pairs = [re.split(r"(?<!\\)=", tag, maxsplit=1) for tag in tags]
    return Line(
        measurement,
        {name: re.sub(r"\\([,= ])", r"\1", value) for name, value in pairs},
        {name: _field(value) for name, value in _fields(fields)},
        int(time),
    )


def _cut(line: str) -> tuple[str, str, str]:
    head = re.match(r"(?:[^ \\]|\\.)+", line)
    assert head is not None, line
    fields, time = line[head.end() + 1 :].rsplit(" ", 1)
    return head[0], fields, time


def _fields(fields: str) -> list[tuple[str, str]]:
    found = re.findall(r'([a-z0-9_]+)=("(?:[^"\\]|\\.)*"|[^",]+)(?:,|$)', fields)
    assert ",".join(f"{name}={value}" for name, value in found) == fields, fields
    return found


def _field(value: str) -> int | float | str:
    if value.startswith('"'):
        return re.sub(r'\\(["\\])', r"\1", value[1:-1])
    if value.endswith("i"):
        return int(value[:-1])
    number = float(value)
    assert math.isfinite(number)
    return number


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (
            Hours(*WHO, (482_000, 482_001), (10, None), (9, 0), 0, 0),
            [
                "hour,building=b01,meter=heat,quantity=energy known_wh=10i,unknown_wh=0i,held=1i,flags=9i "
                "1735200000000000000",
                "hour,building=b01,meter=heat,quantity=energy known_wh=0i,unknown_wh=0i,held=0i,flags=0i "
                "1735203600000000000",
            ],
        ),
        (
            Day("b01", "cold", "volume", DATE, None, 3, 4, 0, 0.5, 2, 99),
            [
                "day,building=b01,meter=cold,quantity=volume used_l=0i,complete=0i,known_l=3i,unknown_l=4i,"
                f"estimated_l=0i,coverage=0.5,flags=2i,held=1i {MIDNIGHT}"
            ],
        ),
        (
            Day(*WHO, DATE, 5, 5, 0, 0, 1.0, 2, 99, withdrawn=True),
            [
                "day,building=b01,meter=heat,quantity=energy used_wh=0i,complete=0i,known_wh=0i,unknown_wh=0i,"
                f"estimated_wh=0i,coverage=0.0,flags=0i,held=0i {MIDNIGHT}"
            ],
        ),
        (
            WeatherDay("b01", "spb", DATE, -4_250, 1.0, 0),
            [f"weather_day,building=b01,station=spb mean_c=-4.25,mean_mc=-4250i,held=1i,coverage=1.0 {MIDNIGHT}"],
        ),
        (
            Savings("b01", "c1", DATE, 9, 8, 1, None, True, "ab", 0, withdrawn=True),
            [
                "savings,building=b01,contract=c1 expected=0i,used=0i,avoided=0i,money=0i,estimated=0i,temp_mc=0i,"
                f'has_temp=0i,extrapolated=1i,carrier="",baseline_id="ab",flags=0i,adjustment=0i,held=0i {MIDNIGHT}'
            ],
        ),
        (
            Unknowns(*WHO, (Unknown(5, 90, 7, 2),), (Unknown(5, 80, 6, 2), Unknown(81, 90, 1, 2)), 0, 0),
            [
                "unknown,building=b01,meter=heat,quantity=energy unknown_wh=0i,end_ms=90i,held=0i,flags=0i,"
                "start_ms=81i 81000000",
                "unknown,building=b01,meter=heat,quantity=energy unknown_wh=7i,end_ms=90i,held=1i,flags=2i,"
                "start_ms=5i 5000000",
            ],
        ),
        (Readings(*WHO, "register", (1,), (2,), 3), []),
        (Tick("b01", 3), []),
        (
            Fitted("b01", "c1", "ab12", b'{"days":365,"first":"2023-01-01","last":"2023-12-31","metrics":{"cvrmse":0.1,"r2":0.9},"model":"mean"}', 3),
            [
                'baseline,building=b01,contract=c1 baseline_id="ab12",fitted_ms=3i,model="mean",first="2023-01-01",'
                'last="2023-12-31",days=365i,cvrmse=0.1,r2=0.9,document="{\\"days\\":365,\\"first\\":\\"2023-01-01\\",'
                '\\"last\\":\\"2023-12-31\\",\\"metrics\\":{\\"cvrmse\\":0.1,\\"r2\\":0.9},\\"model\\":\\"mean\\"}" 555681'
            ],
        ),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_an_event_becomes_these_lines(event: Event, lines: list[str]) -> None:
    assert to_lines(event) == lines


def test_the_site_adds_names_money_and_the_unit_that_people_know() -> None:
    (line,) = map(
        parse, to_lines(Savings("b01", "c1", DATE, 3_489_000, 1_163_000, 0, 0, False, "ab", 0), SITE)
    )
    assert (line.fields["carrier"], line.fields["money"]) == ("heat", 400_000)
    position = Position(
        "b01", "c1", DATE, DATE + 72, 73, 0, 23_260_000, 11_630_000, 1_163_000.0, 0, "B", "ab", 0,
        money=900_000, money_half_width=90_000, prices="ef",
    )  # fmt: skip
    over_time, now = map(parse, to_lines(position, SITE))
    assert (over_time.measurement, over_time.time) == (schema.POSITION, int(MIDNIGHT) + 72 * 86_400 * 10**9)
    assert (now.measurement, now.time) == (schema.STANDING, 0)
    assert over_time.fields == now.fields
    shown = {
        name: now.fields[name]
        for name in ("house", "measure", "guarantee_pct", "avoided_gcal", "money", "money_year")
    }
    assert shown == {
        "house": "ул. Мира, 8", "measure": "substation", "guarantee_pct": 20.0,
        "avoided_gcal": 10.0, "money": 900_000, "money_year": round(900_000 / 73 * 365.25),
    }  # fmt: skip
    assert (now.fields["savings_pct"], now.fields["lo_pct"], now.fields["hi_pct"]) == pytest.approx(
        (50.0, 47.368421, 52.380952)
    )


def test_nobody_adds_kilowatt_hours_to_gigacalories() -> None:
    position = Position("b01", "c2", DATE, DATE, 1, 0, 20_000, 5_000, 1.0, 0, "B", "ab", 0)
    _, now = map(parse, to_lines(position, SITE))
    assert now.fields["avoided_kwh"] == 15.0
    assert "avoided_gcal" not in now.fields
    assert now.fields["money"] == 0  # the contract has no tariff


@pytest.mark.parametrize(
    ("expected", "used", "width"), [(0, 0, 5.0), (0, 10, 5.0), (100, 50, math.inf), (100, 50, math.nan)]
)
def test_an_interval_without_end_is_not_shown_as_none(expected: int, used: int, width: float) -> None:
    position = Position("b01", "c1", DATE, DATE, 1, 0, expected, used, width, 0, "D", "ab", 0)
    for line in map(parse, to_lines(position)):
        assert (line.fields["lo_pct"], line.fields["hi_pct"], line.fields["proved"]) == (-1e6, 1e6, 0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Rejected("t", b"x", "not_json", "a", 7), Rejected("t", b"y", "not_json", "a", 7)),
        (Rejected("t", b"x", "not_json", "a", 7), Rejected("u", b"x", "not_json", "a", 7)),
        (Rejected("t", b"", "bad_time", "1", 7), Rejected("t", b"", "bad_time", "2", 7)),
        (Restated(*WHO, DATE, 1, 2, "late", 7), Restated(*WHO, DATE + 1, 1, 2, "late", 7)),
        (Counted(*WHO, 24, 0, 10, 5, 7), Counted(*WHO, 24, 0, 11, 5, 7)),
        (Finding(*WHO, "conflict", 5, 5, {"values": 2}, 7), Finding(*WHO, "conflict", 5, 5, {"values": 3}, 7)),
        (Hours(*WHO, (5,), (1,), (0,), 0, 7), Hours(*WHO, (6,), (1,), (0,), 0, 7)),
        (Alert("b01", "", "meter_silent", 5, "open", 6, 0, 0, {}), Alert("b01", "", "meter_silent", 6, "open", 6, 0, 0, {})),
    ],
    ids=lambda event: type(event).__name__,
)  # fmt: skip
def test_two_facts_of_one_instant_are_two_points(one: Event, other: Event) -> None:
    def key(event: Event) -> tuple[str, str]:
        (line,) = to_lines(event)
        return line.split(" ")[0], line.rsplit(" ", 1)[1]

    assert key(one) != key(other)
    assert to_lines(one) == to_lines(one)


def test_a_finding_that_is_withdrawn_falls_on_its_own_point() -> None:
    found = Finding(*WHO, "spike", 5, 9, {"text": "12 Gcal"}, 7)
    gone = Finding(*WHO, "spike", 5, 9, {"text": "12 Gcal"}, 99, withdrawn=True)
    (before,), (after,) = to_lines(found), to_lines(gone)
    assert before.replace("held=1i", "held=0i") == after


NUMBERS = itertools.count()
TEXT = st.text(max_size=40)
TAG = st.text(min_size=1, max_size=20)


@given(value=TEXT, building=TAG, meter=TAG)
def test_any_text_stays_in_its_field_and_any_tag_in_its_tag(value: str, building: str, meter: str) -> None:
    assume_readable = {"\\": "/"} | {chr(code): "_" for code in (*range(32), 127)}
    (line,) = to_lines(Finding(building, meter, "energy", "spike", 5, 9, {"text": value}, 7))
    assert "\n" not in line
    parsed = parse(line)
    assert parsed.tags["building"] == building.translate(str.maketrans(assume_readable))
    assert parsed.tags["meter"] == meter.translate(str.maketrans(assume_readable))
    spaced = {chr(code): " " for code in (*range(32), 127)}
    assert parsed.fields["detail"] == value.translate(str.maketrans(spaced))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.tuples(TAG, TEXT), min_size=1, max_size=20))
def test_influxd_reads_what_was_meant(
    points_db: tuple[str, InfluxFigures], texts: list[tuple[str, str]]
) -> None:
    url, figures = points_db
    measurement = f"m{next(NUMBERS)}"
    wanted = {}
    body = []
    for number, (tag, value) in enumerate(texts):
        key = measurement + series(schema.REJECTED, tag).removeprefix(schema.REJECTED)
        body.append(f"{key} f={text(value)} {number}")
        wanted[number] = (parse(body[-1]).tags["reason"], parse(body[-1]).fields["f"])
    answer = urllib3.request(
        "POST",
        f"{url}/api/v2/write?bucket=points&org=o&precision=s",
        body="\n".join(body).encode("utf-8", "replace"),
    )
    assert answer.status == 204, answer.data
    rows = figures.query(f"SELECT f, reason FROM {measurement}")
    assert {row["time"]: (row["reason"], row["f"]) for row in rows} == wanted


@pytest.fixture(scope="module")
def points_db(influxd: Any) -> Any:
    influxd.create("points")
    figures = InfluxFigures(url=influxd.url, database="points")
    yield influxd.url, figures
    figures.close()
