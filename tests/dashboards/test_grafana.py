"""The Grafana dashboard: what is in the files, and that every query in them answers on a real InfluxDB."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dashboards.panels
from dashboards.panels import FILES, as_text
from metering.events import Alert, Day, Position, Rejected, Savings, Unknown, Unknowns, WeatherDay
from storage import schema
from storage.influx import InfluxSink
from storage.influx_reader import InfluxFigures

FOLDER = Path(dashboards.panels.__file__).parent / "grafana"
DATE = 739_000
MS = (DATE - 719_163) * 86_400_000
KNOWN_UNITS = {
    "short", "none", "percent", "percentunit", "celsius", "currencyRUB",
    "suffix: Гкал", "suffix: Гкал/сут",
}  # fmt: skip


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for name in FILES:
        for panel in json.loads((FOLDER / name).read_text(encoding="utf-8"))["panels"]:
            yield name, panel


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_what_the_code_makes(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == as_text(FILES[name]())


@pytest.mark.parametrize(
    ("name", "panel"), list(panels()), ids=lambda x: x if isinstance(x, str) else x["title"]
)
def test_a_panel_is_complete(name: str, panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"]
    assert panel["targets"]
    assert panel["datasource"]["uid"] == "${datasource}"
    units = [panel["fieldConfig"]["defaults"]["unit"]]
    for override in panel["fieldConfig"]["overrides"]:
        units += [p["value"] for p in override["properties"] if p["id"] == "unit"]
    assert set(units) <= KNOWN_UNITS


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for _, panel in panels():
        grid = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & taken
        assert grid["x"] + grid["w"] <= 24
        taken |= cells


def runnable(query: str) -> str:
    """The query as Grafana sends it: its macros and variables filled in."""
    first, last = (DATE - 719_163 - 400) * 86_400, (DATE - 719_163 + 400) * 86_400
    query = query.replace("$timeFilter", f"time >= {first}s AND time <= {last}s")
    query = query.replace("${building:regex}", "(b01|b02)")
    assert "$" not in re.sub(r"/\^.*?\$/", "", query), f"a macro is left in {query}"
    return query


@pytest.fixture(scope="module")
def figures(influxd: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxFigures]:
    influxd.create("grafana")
    outbox = tmp_path_factory.mktemp("grafana") / "outbox.db"
    sink = InfluxSink(url=influxd.url, token="any", org="kvartal", bucket="grafana", outbox=outbox)
    who = ("b01", "heat", "energy")
    sink.write(
        [
            *(Savings("b01", "c1", DATE + i, 10_000_000, 8_000_000, 0, -4_000, False, "ab12", 0) for i in range(5)),
            *(Day(*who, DATE + i, 8_000_000, 8_000_000, 0, 0, 1.0, 0, 0) for i in range(5)),
            *(WeatherDay("b01", "spb", DATE + i, -4_000, 1.0, 0) for i in range(5)),
            Position("b01", "c1", DATE, DATE + 4, 5, 0, 50_000_000, 40_000_000, 2_000_000.0, 0, "B", "ab12", 0),
            Alert("b01", "c1", "no_saving", MS, "open", 0, 10, 250_000, {"days": 60}),
            Unknowns(*who, (Unknown(MS, MS + 10**8, 5_000_000, 2),), (), 0, 0),
            Rejected("t", b"x", "not_json", "no", MS),
        ]
    )  # fmt: skip
    assert sink.drain(20)
    assert sink.dead() == []
    reader = InfluxFigures(url=influxd.url, database="grafana")
    yield reader
    reader.close()
    sink.close()


@pytest.mark.parametrize(
    ("name", "panel"), list(panels()), ids=lambda x: x if isinstance(x, str) else x["title"]
)
def test_every_query_returns_rows(figures: InfluxFigures, name: str, panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        assert figures.query(runnable(target["query"])), target["query"]


def test_the_building_variable_offers_the_buildings(figures: InfluxFigures) -> None:
    variables = {v["name"]: v for v in FILES["portfolio.json"]()["templating"]["list"]}
    assert [row["value"] for row in figures.query(variables["building"]["query"])] == ["b01"]


def test_the_table_shows_what_was_measured(figures: InfluxFigures) -> None:
    table = next(panel for _, panel in panels() if panel["type"] == "table")
    (row,) = figures.query(runnable(table["targets"][0]["query"]))
    assert row["savings"] == pytest.approx(20.0)
    assert (row["lo"], row["hi"]) == (pytest.approx(16.0), pytest.approx(24.0))
    assert row["avoided"] == pytest.approx(10_000_000 / 1_163_000)


def test_queries_use_names_of_the_schema_only() -> None:
    names = {value for key, value in vars(schema).items() if key.isupper() and isinstance(value, str)}
    for _, panel in panels():
        for target in panel["targets"]:
            (measurement,) = re.findall(r"FROM (\w+)", target["query"])
            assert measurement in names
