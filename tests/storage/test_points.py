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
    Chained,
    Counted,
    Day,
    Event,
    Finding,
    Fitted,
    Hours,
    Position,
    Readings,
    RegisterId,
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

WHO = RegisterId("b01", "heat", "energy")
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
            Hours(**WHO.fields(), hours=(482_000, 482_001), amounts=(10, None), flags=(9, 0), frontier=0, received_at=0),
            [
                "hour,building=b01,meter=heat,quantity=energy known_wh=10i,unknown_wh=0i,held=1i,flags=9i "
                "1735200000000000000",
                "hour,building=b01,meter=heat,quantity=energy known_wh=0i,unknown_wh=0i,held=0i,flags=0i "
                "1735203600000000000",
            ],
        ),
        (
            Day(building="b01", meter="cold", quantity="volume", date=DATE, used=None, known=3, unknown=4, estimated=0, coverage=0.5, flags=2, received_at=99),
            [
                "day,building=b01,meter=cold,quantity=volume used_l=0i,complete=0i,known_l=3i,unknown_l=4i,"
                f"estimated_l=0i,coverage=0.5,flags=2i,held=1i {MIDNIGHT}"
            ],
        ),
        (
            Day(**WHO.fields(), date=DATE, used=5, known=5, unknown=0, estimated=0, coverage=1.0, flags=2, received_at=99, withdrawn=True),
            [
                "day,building=b01,meter=heat,quantity=energy used_wh=0i,complete=0i,known_wh=0i,unknown_wh=0i,"
                f"estimated_wh=0i,coverage=0.0,flags=0i,held=0i {MIDNIGHT}"
            ],
        ),
        (
            WeatherDay(building="b01", station="spb", date=DATE, mean_mc=-4_250, coverage=1.0, received_at=0),
            [f"weather_day,building=b01,station=spb mean_c=-4.25,mean_mc=-4250i,held=1i,coverage=1.0 {MIDNIGHT}"],
        ),
        (
            Savings(building="b01", contract="c1", date=DATE, expected=9, used=8, estimated=1, temp_mc=None, extrapolated=True, baseline_id="ab", received_at=0, withdrawn=True),
            [
                "savings,building=b01,contract=c1 expected=0i,used=0i,avoided=0i,money=0i,estimated=0i,temp_mc=0i,"
                f'has_temp=0i,extrapolated=1i,carrier="",baseline_id="ab",flags=0i,adjustment=0i,held=0i {MIDNIGHT}'
            ],
        ),
        (
            Unknowns(**WHO.fields(), added=(Unknown(start=5, end=90, amount=7, flags=2),), withdrawn=(Unknown(start=5, end=80, amount=6, flags=2), Unknown(start=81, end=90, amount=1, flags=2)), frontier=0, received_at=0),
            [
                # Points of earlier versions lie at the start itself.
                "unknown,building=b01,meter=heat,quantity=energy unknown_wh=0i,end_ms=80i,held=0i,flags=0i,"
                "start_ms=5i 5000000",
                "unknown,building=b01,meter=heat,quantity=energy unknown_wh=0i,end_ms=90i,held=0i,flags=0i,"
                "start_ms=81i 81000000",
                "unknown,building=b01,meter=heat,quantity=energy unknown_wh=0i,end_ms=80i,held=0i,flags=0i,"
                "start_ms=5i 5000081",
                "unknown,building=b01,meter=heat,quantity=energy unknown_wh=0i,end_ms=90i,held=0i,flags=0i,"
                "start_ms=81i 81000091",
                "unknown,building=b01,meter=heat,quantity=energy unknown_wh=7i,end_ms=90i,held=1i,flags=2i,"
                "start_ms=5i 5000091",
            ],
        ),
        (Readings(**WHO.fields(), nature="register", times=(1,), amounts=(2,), received_at=3), []),
        (Tick(building="b01", received_at=3), []),
        (
            Fitted(building="b01", contract="c1", baseline_id="ab12", document=b'{"days":365,"first":"2023-01-01","last":"2023-12-31","metrics":{"cvrmse":0.1,"r2":0.9},"model":"mean"}', received_at=3),
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
        parse,
        to_lines(
            Savings(
                building="b01",
                contract="c1",
                date=DATE,
                expected=3_489_000,
                used=1_163_000,
                estimated=0,
                temp_mc=0,
                extrapolated=False,
                baseline_id="ab",
                received_at=0,
            ),
            SITE,
        ),
    )
    assert (line.fields["carrier"], line.fields["money"]) == ("heat", 400_000)
    position = Position(
        building="b01", contract="c1", first=DATE, last=DATE + 72, days=73, days_missing=0, expected=23_260_000, used=11_630_000, half_width=1_163_000.0, estimated=0, grade="B", baseline_id="ab", received_at=0,
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
    position = Position(
        building="b01",
        contract="c2",
        first=DATE,
        last=DATE,
        days=1,
        days_missing=0,
        expected=20_000,
        used=5_000,
        half_width=1.0,
        estimated=0,
        grade="B",
        baseline_id="ab",
        received_at=0,
    )
    _, now = map(parse, to_lines(position, SITE))
    assert now.fields["avoided_kwh"] == 15.0
    assert "avoided_gcal" not in now.fields
    assert now.fields["money"] == 0  # the contract has no tariff


@pytest.mark.parametrize(
    ("expected", "used", "width"), [(0, 0, 5.0), (0, 10, 5.0), (100, 50, math.inf), (100, 50, math.nan)]
)
def test_an_interval_without_end_is_not_shown_as_none(expected: int, used: int, width: float) -> None:
    position = Position(
        building="b01",
        contract="c1",
        first=DATE,
        last=DATE,
        days=1,
        days_missing=0,
        expected=expected,
        used=used,
        half_width=width,
        estimated=0,
        grade="D",
        baseline_id="ab",
        received_at=0,
    )
    for line in map(parse, to_lines(position)):
        assert (line.fields["lo_pct"], line.fields["hi_pct"], line.fields["proved"]) == (-1e6, 1e6, 0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Rejected(topic="t", payload=b"x", reason="not_json", detail="a", received_at=7), Rejected(topic="t", payload=b"y", reason="not_json", detail="a", received_at=7)),
        (Rejected(topic="t", payload=b"x", reason="not_json", detail="a", received_at=7), Rejected(topic="u", payload=b"x", reason="not_json", detail="a", received_at=7)),
        (Rejected(topic="t", payload=b"", reason="bad_time", detail="1", received_at=7), Rejected(topic="t", payload=b"", reason="bad_time", detail="2", received_at=7)),
        (Restated(**WHO.fields(), date=DATE, old=1, new=2, cause="late", learned_at=7), Restated(**WHO.fields(), date=DATE + 1, old=1, new=2, cause="late", learned_at=7)),
        (Counted(**WHO.fields(), accepted=24, duplicate=0, last_time=10, last_amount=5, received_at=7), Counted(**WHO.fields(), accepted=24, duplicate=0, last_time=11, last_amount=5, received_at=7)),
        (Finding(**WHO.fields(), kind="conflict", start=5, end=5, figures={"values": 2}, received_at=7), Finding(**WHO.fields(), kind="conflict", start=5, end=5, figures={"values": 3}, received_at=7)),
        (Hours(**WHO.fields(), hours=(5,), amounts=(1,), flags=(0,), frontier=0, received_at=7), Hours(**WHO.fields(), hours=(6,), amounts=(1,), flags=(0,), frontier=0, received_at=7)),
        (Alert(building="b01", subject="", kind="meter_silent", opened=5, state="open", changed=6, amount=0, money=0, detail={}), Alert(building="b01", subject="", kind="meter_silent", opened=6, state="open", changed=6, amount=0, money=0, detail={})),
    ],
    ids=lambda event: type(event).__name__,
)  # fmt: skip
def test_two_facts_of_one_instant_are_two_points(one: Event, other: Event) -> None:
    def key(event: Event) -> tuple[str, str]:
        (line,) = to_lines(event)
        return line.split(" ")[0], line.rsplit(" ", 1)[1]

    assert key(one) != key(other)
    assert to_lines(one) == to_lines(one)


def test_a_chain_has_one_point_that_moves_on() -> None:
    (one,), (other,) = (
        to_lines(Chained(kind="building", subject="b01", messages=n, head="ab" * n, received_at=n))
        for n in (1, 2)
    )
    assert one == 'chain,kind=building,subject=b01 messages=1i,head="ab",last_ms=1i 0'
    assert (other.split(" ")[0], other[-2:]) == (one.split(" ")[0], one[-2:])


def test_a_finding_that_is_withdrawn_falls_on_its_own_point() -> None:
    found = Finding(**WHO.fields(), kind="spike", start=5, end=9, figures={"text": "12 Gcal"}, received_at=7)
    gone = Finding(
        **WHO.fields(),
        kind="spike",
        start=5,
        end=9,
        figures={"text": "12 Gcal"},
        received_at=99,
        withdrawn=True,
    )
    (before,), (after,) = to_lines(found), to_lines(gone)
    assert before.replace("held=1i", "held=0i") == after


NUMBERS = itertools.count()
TEXT = st.text(max_size=40)
TAG = st.text(min_size=1, max_size=20)


@given(value=TEXT, building=TAG, meter=TAG)
def test_any_text_stays_in_its_field_and_any_tag_in_its_tag(value: str, building: str, meter: str) -> None:
    assume_readable = {"\\": "/"} | {chr(code): "_" for code in (*range(32), 127)}
    (line,) = to_lines(
        Finding(
            building=building,
            meter=meter,
            quantity="energy",
            kind="spike",
            start=5,
            end=9,
            figures={"text": value},
            received_at=7,
        )
    )
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
