"""The parts of Grafana's dashboards: targets, panels, columns, variables, as classic JSON. Pure.

Variation is a table: a panel is a row with its queries and its looks. The rules that all panels keep (data source
variable, description, threshold colours, legends) are written once, here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Final

from dashboards.words.terms import FINDINGS, MEASURES
from storage import schema

Json = dict[str, Any]
Grid = tuple[int, int, int, int]
"""x, y, width, height in Grafana's grid of 24 columns."""

DATASOURCE: Final = {"type": "influxdb", "uid": "${datasource}"}
# Grafana migrates older dashboards forward; 41 is what its own SDK of 11.6 writes.
SCHEMA_VERSION: Final = 41

GREEN: Final = (("green", None),)

KINDS: Final = {
    "above_baseline": "расход выше базового",
    "no_saving": "экономия не доказана",
    "below_guarantee": "экономия меньше обещанной",
    "meter_silent": "счётчик молчит",
    "register_stalled": "показания не принимаются в расчёт",
}
FINDING_NAMES: Final = {kind: ru for kind, (ru, _) in FINDINGS.items()}
MEASURE_NAMES: Final = {name: ru for name, (ru, _) in MEASURES.items()}


def per(base_units: float) -> str:
    """Division by a float: InfluxDB 3 would divide integers as integers."""
    return f"/ {base_units!r}"


def target(query: str, ref: str = "A", *, table: bool = False, alias: str = "") -> Json:
    """One InfluxQL query of a panel."""
    return {
        "refId": ref,
        "datasource": DATASOURCE,
        "rawQuery": True,
        "query": query,
        "resultFormat": "table" if table else "time_series",
        "alias": alias,
    }


def panel(
    kind: str,
    title: str,
    description: str,
    grid: Grid,
    targets: Sequence[Json],
    *,
    unit: str = "short",
    decimals: int | None = None,
    steps: Sequence[tuple[str, float | None]] = GREEN,
    overrides: Sequence[Json] = (),
    options: Json | None = None,
    custom: Json | None = None,
    transformations: Sequence[Json] = (),
    least_interval: str | None = None,
) -> Json:
    """One panel. `steps` are (colour, from which value); the first from None."""
    x, y, w, h = grid
    defaults: Json = {
        "unit": unit,
        "thresholds": {"mode": "absolute", "steps": [{"color": c, "value": v} for c, v in steps]},
        "custom": custom or {},
    }
    if decimals is not None:
        defaults["decimals"] = decimals
    built: Json = {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "gridPos": {"x": x, "y": y, "w": w, "h": h},
        "targets": list(targets),
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        "options": options or {},
        "transformations": list(transformations),
    }
    if least_interval is not None:
        built["interval"] = least_interval
    return built


def lines(title: str, description: str, grid: Grid, targets: Sequence[Json], **looks: Any) -> Json:
    """A time series."""
    custom = {"lineWidth": 2, "fillOpacity": 0, "spanNulls": False, "showPoints": "auto"} | looks.pop(
        "custom", {}
    )
    options = {
        "tooltip": {"mode": "multi", "sort": "desc"},
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
    }
    return panel("timeseries", title, description, grid, targets, custom=custom, options=options, **looks)


def number(
    title: str, description: str, grid: Grid, query: str, *, calc: str = "lastNotNull", **looks: Any
) -> Json:
    """One big figure."""
    options = {
        "reduceOptions": {"calcs": [calc], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "textMode": "auto",
    }
    return panel("stat", title, description, grid, [target(query)], options=options, **looks)


def table(
    title: str,
    description: str,
    grid: Grid,
    query: str,
    *,
    columns: Sequence[Json],
    sort: str = "",
    time_column: bool = False,
    **looks: Any,
) -> Json:
    """A table; without `time_column`, its instants are in the columns given."""
    options: Json = {"showHeader": True, "cellHeight": "sm"}
    if sort:
        options["sortBy"] = [{"displayName": sort, "desc": True}]
    hidden = {"id": "organize", "options": {"excludeByName": {"Time": True, "time": True}}}
    day = column("Time", "Сутки", "time:DD.MM.YYYY")
    return panel(
        "table",
        title,
        description,
        grid,
        [target(query, table=True)],
        overrides=[day, *columns] if time_column else columns,
        options=options,
        transformations=[] if time_column else [hidden],
        **looks,
    )


def row(title: str, y: int, *, panels: Sequence[Json] = ()) -> Json:
    """A heading; with panels it is collapsed and contains them."""
    return {
        "type": "row",
        "title": title,
        "gridPos": {"x": 0, "y": y, "w": 24, "h": 1},
        "collapsed": bool(panels),
        "panels": list(panels),
    }


def column(
    name: str,
    title: str,
    unit: str = "none",
    decimals: int | None = None,
    *,
    words: dict[str, str] | None = None,
    colours: dict[str, str] | None = None,
    properties: Sequence[Json] = (),
) -> Json:
    """How a field is shown. `words` replace values, and `colours` colour them."""
    looks: list[Json] = [{"id": "displayName", "value": title}, {"id": "unit", "value": unit}]
    if decimals is not None:
        looks.append({"id": "decimals", "value": decimals})
    if words:
        options: Json = {}
        for index, (value, text) in enumerate(words.items()):
            options[value] = {"text": text, "index": index}
            if colours and value in colours:
                options[value]["color"] = colours[value]
        looks.append({"id": "mappings", "value": [{"type": "value", "options": options}]})
        if colours:
            looks.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
    return {"matcher": {"id": "byName", "options": name}, "properties": [*looks, *properties]}


def dashed(name: str) -> Json:
    """The expected use: a grey broken line."""
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [
            {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 6]}},
            {"id": "color", "value": {"mode": "fixed", "fixedColor": "text"}},
        ],
    }


def chosen(name: str, label: str, query: str, *, several: bool) -> Json:
    """A variable whose values come from a query, repeated when the time range changes."""
    variable: Json = {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": query,
        "refresh": 2,
        "multi": several,
        "includeAll": several,
        "sort": 1,
        "hide": 0,
    }
    if several:
        variable |= {"allValue": ".*", "current": {"text": "All", "value": "$__all"}}
    return variable


def below(panels: Sequence[Json], y: int) -> list[Json]:
    """The panels, moved down by `y` rows of the grid."""
    return [panel | {"gridPos": panel["gridPos"] | {"y": panel["gridPos"]["y"] + y}} for panel in panels]


def _numbered(panels: Sequence[Json], ids: Iterator[int]) -> list[Json]:
    """The panels with their ids: a heading's before those of the panels in it."""
    return [
        {**panel, "id": next(ids)}
        | ({"panels": _numbered(panel["panels"], ids)} if "panels" in panel else {})
        for panel in panels
    ]


def dashboard(
    uid: str,
    title: str,
    description: str,
    panels: Sequence[Json],
    variables: Sequence[Json],
    *,
    links: Sequence[Json],
) -> Json:
    """A dashboard with the data source variable first, and the contracts' measures as annotations."""
    source: Json = {
        "name": "datasource",
        "label": "Источник",
        "type": "datasource",
        "query": "influxdb",
        "current": {"text": "Kvartal", "value": "kvartal-influx"},
        "hide": 0,
    }
    measures: Json = {
        "name": "Меры",
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": False,
        "iconColor": "purple",
        "target": {"type": "tags", "tags": ["kvartal"], "matchAny": False, "limit": 200},
    }
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["kvartal"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "1m",
        "time": {"from": "now-1y", "to": "now"},
        "templating": {"list": [source, *variables]},
        "annotations": {"list": [measures]},
        "links": list(links),
        "panels": _numbered(panels, itertools.count(1)),
    }


def link(title: str, uid: str) -> Json:
    """A link to another dashboard that keeps the time range."""
    return {
        "type": "link",
        "title": title,
        "url": f"/d/{uid}",
        "icon": "external link",
        "keepTime": True,
        "includeVars": False,
        "targetBlank": False,
        "asDropdown": False,
        "tags": [],
        "tooltip": "",
    }


def outdoors(grid: Grid, where: str) -> Json:
    """The daily mean of the outdoor temperature by weather station, of the rows that `where` names."""
    query = (
        f"SELECT mean(mean_c) FROM {schema.WEATHER_DAY} WHERE {where} GROUP BY time(1d), station fill(none)"
    )
    return lines(
        "Наружная температура",
        "Средняя за сутки, по метеостанции дома.",
        grid,
        [target(query, alias="$tag_station")],
        unit="celsius",
        decimals=1,
    )


HOUSES: Final = "building =~ /^${building:regex}$/"
"""Condition on the houses that a reader of the portfolio has chosen."""
HELD: Final = f"held = 1 AND {HOUSES} AND $timeFilter"
"""Their rows in the chosen time that later data have not withdrawn."""
BUILDINGS: Final = f'SHOW TAG VALUES FROM {schema.DAY} WITH KEY = "building"'
