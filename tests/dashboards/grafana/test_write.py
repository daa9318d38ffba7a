"""The Grafana dashboards: what is in the files, and that every query in them answers on a real InfluxDB."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dashboards.grafana.write
from dashboards.grafana import panels as grafana_panels
from dashboards.grafana.write import FILES, as_text
from dashboards.words.sentences import ALERTS
from dashboards.words.terms import FINDINGS, MEASURES
from metering import findings
from metering.events import (
    Alert,
    Counted,
    Day,
    Finding,
    Fitted,
    Hours,
    Position,
    RegisterId,
    Rejected,
    Restated,
    Savings,
    Unknown,
    Unknowns,
    WeatherDay,
)
from storage import schema
from storage.influx import InfluxSink
from storage.influx_reader import InfluxFigures
from tests.places import ROOT
from tests.sites import build_site, building, contract, meter, tariff

FOLDER = Path(dashboards.grafana.write.__file__).parent / "provisioned"
DATE = 739_000
DOCUMENT = b'{"days":365,"first":"2022-01-01","last":"2022-12-31","metrics":{"cvrmse":0.1,"r2":0.9},"model":"mean","path":"a\\\\b"}'
MS = (DATE - 719_163) * 86_400_000
CORE_PANELS = {"table", "timeseries", "stat", "row"}
# Unit ids of Grafana's @grafana/data valueFormats; a suffix or a time format is spelt out.
KNOWN_UNITS = {
    "short",
    "none",
    "percent",
    "percentunit",
    "celsius",
    "currencyRUB",
    "kwatt",
    "dateTimeFromNow",
}
SPELT_OUT = re.compile(r"suffix: \S+|time:[DMYHm.: ]+")
# What these hold is of now, whatever the dashboard's time range.
CURRENT = {schema.STANDING, schema.ALERT, schema.BASELINE}
WITH_HELD = {schema.HOUR, schema.UNKNOWN, schema.DAY, schema.WEATHER_DAY, schema.SAVINGS, schema.FINDING}


def dashboard(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return found


def flat(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in panels:
        yield panel
        yield from flat(panel.get("panels", []))


def panels(*, rows: bool = False) -> list[tuple[str, dict[str, Any]]]:
    return [
        (name, panel)
        for name in FILES
        for panel in flat(dashboard(name)["panels"])
        if rows or panel["type"] != "row"
    ]


each_panel = pytest.mark.parametrize(
    ("name", "panel"), panels(), ids=lambda x: x if isinstance(x, str) else x["title"]
)
each_file = pytest.mark.parametrize("name", FILES)


@each_file
def test_the_files_are_what_the_code_makes(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == as_text(FILES[name]())


def test_no_other_file_is_provisioned() -> None:
    assert {file.name for file in FOLDER.iterdir()} == set(FILES)


@each_file
def test_a_dashboard_keeps_the_rules(name: str) -> None:
    found = dashboard(name)
    assert found["editable"] is False
    assert found["schemaVersion"] >= 41
    assert re.fullmatch(r"[a-z-]{1,40}", found["uid"])
    assert found["title"]
    assert found["description"]
    ids = [panel["id"] for panel in flat(found["panels"])]
    assert sorted(ids) == list(range(1, len(ids) + 1))
    source, *others = found["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", "influxdb")
    provisioned = (ROOT / "deploy/grafana/provisioning/datasources/influx.yaml").read_text(encoding="utf-8")
    assert f"uid: {source['current']['value']}\n" in provisioned
    for variable in others:
        assert variable["datasource"]["uid"] == "${datasource}"
        assert variable["refresh"] == 2
        assert variable["label"]


def test_dashboards_have_uids_of_their_own_and_links_lead_to_them() -> None:
    uids = [dashboard(name)["uid"] for name in FILES]
    assert len(set(uids)) == len(uids)
    for name in FILES:
        named = set(re.findall(r"/d/([a-z-]+)", json.dumps(dashboard(name))))
        assert named <= set(uids)
        assert named


@each_panel
def test_a_panel_is_complete(name: str, panel: dict[str, Any]) -> None:
    assert panel["type"] in CORE_PANELS
    assert panel["title"]
    assert len(panel["description"]) > 20
    assert panel["targets"]
    for each in (panel, *panel["targets"]):
        assert each["datasource"] == {"type": "influxdb", "uid": "${datasource}"}
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    defaults = panel["fieldConfig"]["defaults"]
    units = [defaults["unit"]]
    for override in panel["fieldConfig"]["overrides"]:
        units += [p["value"] for p in override["properties"] if p["id"] == "unit"]
    assert [unit for unit in units if unit not in KNOWN_UNITS and not SPELT_OUT.fullmatch(unit)] == []
    steps = defaults["thresholds"]["steps"]
    values = [step["value"] for step in steps[1:]]
    assert steps[0]["value"] is None
    assert values == sorted(values)


@each_file
def test_panels_do_not_overlap(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard(name)["panels"]:
        grid = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & taken, panel["title"]
        assert grid["x"] + grid["w"] <= 24
        taken |= cells


@each_panel
def test_a_query_says_what_it_takes(name: str, panel: dict[str, Any]) -> None:
    names = {value for key, value in vars(schema).items() if key.isupper() and isinstance(value, str)}
    for target in panel["targets"]:
        query = target["query"]
        (measurement,) = re.findall(r"FROM (\w+)", query)
        assert measurement in names
        assert ("$timeFilter" in query) or measurement in CURRENT
        assert "held = 1" in query or measurement not in WITH_HELD
        if panel["type"] == "timeseries":
            assert "GROUP BY time(" in query
            assert "fill(none)" in query  # what is not known is no zero


@each_panel
def test_the_names_of_series_and_columns_are_those_of_the_query(name: str, panel: dict[str, Any]) -> None:
    shown = {"Time"}
    for target in panel["targets"]:
        shown.add(target["alias"])
        select, rest = target["query"].split(" FROM ", 1)
        shown |= set(re.findall(r" AS (\w+)", select)) | set(re.findall(r"\b(\w+)(?:,|$)", select))
        for grouped in re.findall(r"GROUP BY (.*?)(?: fill|$)", rest):
            shown |= set(re.findall(r"\w+", grouped))
    for override in panel["fieldConfig"]["overrides"]:
        assert override["matcher"]["options"] in shown


def test_every_word_of_the_pipeline_has_its_russian() -> None:
    assert set(grafana_panels.KINDS) == set(ALERTS)
    assert set(grafana_panels.FINDING_NAMES) == set(FINDINGS) == set(findings.MEANINGS)
    assert set(grafana_panels.MEASURE_NAMES) == set(MEASURES)


def runnable(query: str) -> str:
    """The query as Grafana sends it: its macros and variables filled in."""
    first, last = (DATE - 719_163 - 400) * 86_400, (DATE - 719_163 + 400) * 86_400
    query = query.replace("$timeFilter", f"time >= {first}s AND time <= {last}s").replace("$__interval", "1h")
    query = query.replace("${building:regex}", "(b01|b02)").replace("$building", "b01")
    query = query.replace("$contract", "c1")
    assert "$" not in re.sub(r"/\^.*?\$/", "", query), f"a macro is left in {query}"
    return query


SITE = build_site(
    tariff(("2020-01-01", "2000.00")),
    building(
        meter(), meter("light", "electricity", "kWh"), meter("cold", "cold_water", "m3"), name="ул. Мира, 8"
    ),
    contract(
        baseline="2022-01-01..2022-12-31",
        reporting="2023-01-01..",
        measure="substation",
        guaranteed_savings_pct=15,
        tariff="heat",
    ),
    contract("c2", meter="light", baseline="2022-01-01..2022-12-31", reporting="2023-01-01.."),
    contract("c3", meter="cold", baseline="2022-01-01..2022-12-31", reporting="2023-01-01.."),
)


@pytest.fixture(scope="module")
def figures(influxd: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxFigures]:
    influxd.create("grafana")
    outbox = tmp_path_factory.mktemp("grafana") / "outbox.db"
    sink = InfluxSink(url=influxd.url, token="any", org="kvartal", bucket="grafana", outbox=outbox, site=SITE)
    who = RegisterId("b01", "heat", "energy")
    days = range(DATE, DATE + 5)
    sink.write(
        [
            *(Savings(building="b01", contract=c, date=day, expected=10_000_000, used=8_000_000, estimated=0, temp_mc=-4_000, extrapolated=False, baseline_id="ab12", received_at=0) for day in days for c in ("c1", "c2", "c3")),
            Savings(building="b01", contract="c1", date=DATE + 5, expected=99_000_000, used=1, estimated=0, temp_mc=-4_000, extrapolated=False, baseline_id="ab12", received_at=0, withdrawn=True),
            *(Day(**who.fields(), date=day, used=8_000_000, known=8_000_000, unknown=0, estimated=0, coverage=1.0, flags=0, received_at=0) for day in days),
            Day(building="b02", meter="heat", quantity="energy", date=DATE, used=1, known=1, unknown=0, estimated=0, coverage=1.0, flags=0, received_at=0),
            *(WeatherDay(building="b01", station="spb", date=day, mean_mc=-4_000, coverage=1.0, received_at=0) for day in days),
            *(Position(building="b01", contract=c, first=DATE, last=DATE + 4, days=5, days_missing=0, expected=50_000_000, used=40_000_000, half_width=2_000_000.0, estimated=0, grade="B", baseline_id="ab12", received_at=0, money=money, money_half_width=money and 350_000, prices="ef" if money else "") for c, money in (("c1", 1_719_690), ("c2", None), ("c3", None))),
            Fitted(building="b01", contract="c1", baseline_id="ab12", document=DOCUMENT, received_at=MS),
            Fitted(building="b01", contract="c1", baseline_id="ab12", document=DOCUMENT, received_at=MS),
            Alert(building="b01", subject="c1", kind="no_saving", opened=MS, state="open", changed=MS, amount=10, money=250_000, detail={"days": 60}),
            Alert(building="b01", subject="heat", kind="meter_silent", opened=MS, state="resolved", changed=MS, amount=0, money=0, detail={"hours": 30}),
            Hours(**who.fields(), hours=(MS // 3_600_000, MS // 3_600_000 + 1), amounts=(120_000, None), flags=(0, 0), frontier=0, received_at=0),
            Unknowns(**who.fields(), added=(Unknown(start=MS, end=MS + 10**8, amount=5_000_000, flags=2),), withdrawn=(), frontier=0, received_at=0),
            Finding(**who.fields(), kind="spike_dropped", start=MS, end=MS + 5, figures={"values": 1, "first": 900}, received_at=MS),
            Finding(**who.fields(), kind="conflict", start=MS, end=MS, figures={"values": 2}, received_at=MS),
            Finding(**who.fields(), kind="conflict", start=MS, end=MS, figures={"values": 2}, received_at=MS, withdrawn=True),
            Restated(**who.fields(), date=DATE, old=1_000, new=2_000, cause="later reading", learned_at=MS),
            Restated(**who.fields(), date=DATE + 1, old=None, new=2_000, cause="later reading", learned_at=MS),
            Counted(**who.fields(), accepted=24, duplicate=0, last_time=MS, last_amount=5, received_at=MS),
            Counted(**who.fields(), accepted=0, duplicate=24, last_time=MS, last_amount=5, received_at=MS),
            *(Rejected(topic="t", payload=str(n).encode(), reason="not_json", detail="no", received_at=MS) for n in range(7)),
        ]
    )  # fmt: skip
    assert sink.drain(20)
    assert sink.dead() == []
    reader = InfluxFigures(url=influxd.url, database="grafana")
    yield reader
    reader.close()
    sink.close()


@each_panel
def test_every_query_returns_rows(figures: InfluxFigures, name: str, panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        rows = figures.query(runnable(target["query"]))
        assert rows, target["query"]
        assert any(value is not None for row in rows for key, value in row.items() if key != "time")


@each_file
def test_variables_offer_what_there_is(figures: InfluxFigures, name: str) -> None:
    offered = {
        variable["name"]: [row["value"] for row in figures.query(runnable(variable["query"]))]
        for variable in dashboard(name)["templating"]["list"][1:]
    }
    assert offered["building"] == ["b01", "b02"]
    assert offered.get("contract", ["c1", "c2", "c3"]) == ["c1", "c2", "c3"]


def answer(figures: InfluxFigures, name: str, title: str) -> list[dict[str, Any]]:
    (panel,) = [p for n, p in panels() if n == name and p["title"] == title]
    (target,) = panel["targets"]
    return figures.query(runnable(target["query"]))


def test_the_table_shows_what_was_measured(figures: InfluxFigures) -> None:
    rows = {
        row["contract"]: row for row in answer(figures, "portfolio.json", "Сколько сэкономлено на самом деле")
    }
    heat = rows["c1"]
    assert (heat["house"], heat["measure"], heat["guarantee"]) == ("ул. Мира, 8", "substation", 15.0)
    assert heat["savings"] == pytest.approx(20.0)
    assert (heat["lo"], heat["hi"], heat["proved"]) == (
        pytest.approx(100 - 40 / 0.48),
        pytest.approx(100 - 40 / 0.52),
        1,
    )
    assert heat["gcal"] == pytest.approx(10_000_000 / 1_163_000)
    assert heat["money"] == pytest.approx(2000 * 10_000_000 / 1_163_000, abs=0.01)
    assert heat["until"] == MS + 4 * 86_400_000
    assert (rows["c2"]["gcal"], rows["c2"]["kwh"]) == (None, 10_000.0)
    assert (rows["c3"]["kwh"], rows["c3"]["m3"]) == (None, 10_000.0)


@pytest.mark.parametrize(
    ("title", "column", "value"),
    [
        ("Сэкономлено тепла", "sum", 10_000_000 / 1_163_000),
        ("Экономия доказана", "sum", 3),
        ("Договоров с данными", "count", 3),
        ("Открытых тревог", "sum", 1),
    ],
)
def test_the_figures_on_top(figures: InfluxFigures, title: str, column: str, value: float) -> None:
    (row,) = answer(figures, "portfolio.json", title)
    assert row[column] == pytest.approx(value)


def test_what_was_withdrawn_is_in_no_sum(figures: InfluxFigures) -> None:
    rows = answer(figures, "portfolio.json", "Сэкономлено нарастающим итогом: тепло")
    assert len(rows) == 5
    assert rows[-1]["cumulative_sum"] == pytest.approx(10_000_000 / 1_163_000)
    money = answer(figures, "portfolio.json", "Сэкономлено денег нарастающим итогом: тепло")
    assert money[-1]["cumulative_sum"] == pytest.approx(2000 * 10_000_000 / 1_163_000, abs=0.05)
    assert [row["kind"] for row in answer(figures, "portfolio.json", "Сомнения в показаниях")] == [
        "spike_dropped"
    ]


def test_every_rejection_of_one_moment_is_counted(figures: InfluxFigures) -> None:
    rows = answer(figures, "portfolio.json", "Отклонено показаний")
    assert [(row["reason"], row["sum"]) for row in rows] == [("not_json", 7)]
    (read,) = answer(figures, "portfolio.json", "Последние показания")
    assert (read["accepted"], read["duplicate"], read["last"]) == (24, 24, MS)


def test_open_alerts_are_open(figures: InfluxFigures) -> None:
    (row,) = answer(figures, "portfolio.json", "Открытые тревоги")
    assert (row["kind"], row["money"], row["house"], row["opened_ms"]) == (
        "no_saving",
        2500.0,
        "ул. Мира, 8",
        MS,
    )
    assert len(answer(figures, "house.json", "Тревоги дома")) == 2


def test_a_baseline_id_is_looked_up(figures: InfluxFigures) -> None:
    (row,) = answer(figures, "house.json", "Базовые модели договора")
    assert (row["baseline_id"], row["fitted_ms"], row["model"], row["days"]) == ("ab12", MS, "mean", 365)
    assert row["document"].encode() == DOCUMENT


def test_power_is_the_mean_of_known_hours(figures: InfluxFigures) -> None:
    (row,) = answer(figures, "house.json", "Средняя мощность")
    assert row["mean"] == pytest.approx(120.0)
