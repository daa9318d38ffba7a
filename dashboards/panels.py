"""Grafana's dashboard as code: classic JSON, InfluxQL only, names from `storage.schema`.

`python -m dashboards.panels` writes dashboards/grafana/*.json; a test compares the files with this code and
runs every query against a real InfluxDB.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from storage import schema

_DATASOURCE: Final = {"type": "influxdb", "uid": "${datasource}"}
_FOLDER: Final = Path(__file__).parent / "grafana"
_WH_PER_GCAL: Final = 1_163_000


def _target(query: str, ref: str = "A", *, table: bool = False, alias: str = "") -> dict[str, Any]:
    return {
        "refId": ref,
        "datasource": _DATASOURCE,
        "rawQuery": True,
        "query": query,
        "resultFormat": "table" if table else "time_series",
        "alias": alias,
    }


def _panel(
    kind: str,
    title: str,
    description: str,
    grid: tuple[int, int, int, int],
    targets: list[dict[str, Any]],
    *,
    unit: str = "short",
    decimals: int | None = None,
    steps: list[tuple[str, float | None]] | None = None,
    overrides: list[dict[str, Any]] | None = None,
    options: dict[str, Any] | None = None,
    custom: dict[str, Any] | None = None,
    transformations: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    x, y, w, h = grid
    thresholds = [{"color": color, "value": value} for color, value in steps or [("green", None)]]
    defaults: dict[str, Any] = {
        "unit": unit,
        "thresholds": {"mode": "absolute", "steps": thresholds},
        "custom": custom or {},
    }
    if decimals is not None:
        defaults["decimals"] = decimals
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": _DATASOURCE,
        "gridPos": {"x": x, "y": y, "w": w, "h": h},
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": overrides or []},
        "options": options or {},
        "transformations": transformations or [],
    }


def _unit_of(name: str, unit: str, title: str | None = None, decimals: int = 1) -> dict[str, Any]:
    properties: list[dict[str, Any]] = [
        {"id": "unit", "value": unit},
        {"id": "decimals", "value": decimals},
    ]
    if title is not None:
        properties.append({"id": "displayName", "value": title})
    return {"matcher": {"id": "byName", "options": name}, "properties": properties}


def portfolio() -> dict[str, Any]:
    """The portfolio dashboard."""
    house = "building =~ /^${building:regex}$/"
    held = f"held = 1 AND {house} AND $timeFilter"
    gcal = f"/ {_WH_PER_GCAL}"
    dashed = {
        "matcher": {"id": "byName", "options": "ожидалось без меры"},
        "properties": [
            {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 6]}},
            {"id": "color", "value": {"mode": "fixed", "fixedColor": "text"}},
        ],
    }
    panels = [
        _panel(
            "table",
            "Сколько сэкономлено на самом деле",
            "По каждому договору: измеренная экономия за отчётный период и её 90 % интервал. "
            "Интервал, в который входит ноль, означает: экономия не доказана.",
            (0, 0, 24, 9),
            [
                _target(
                    "SELECT last(savings_pct) AS savings, last(lo_pct) AS lo, last(hi_pct) AS hi, "
                    f"last(avoided) {gcal} AS avoided, last(days) AS days, last(grade) AS grade FROM {schema.POSITION} "
                    f"WHERE {house} AND $timeFilter GROUP BY building, contract",
                    table=True,
                )
            ],
            steps=[("red", None), ("yellow", 0), ("green", 5)],
            overrides=[
                _unit_of("building", "none", "Дом", 0),
                _unit_of("contract", "none", "Договор", 0),
                {
                    "matcher": {"id": "byName", "options": "savings"},
                    "properties": [
                        {"id": "unit", "value": "percent"},
                        {"id": "decimals", "value": 1},
                        {"id": "displayName", "value": "Сэкономлено"},
                        {"id": "custom.cellOptions", "value": {"type": "color-text"}},
                    ],
                },
                _unit_of("lo", "percent", "не меньше (90 %)"),
                _unit_of("hi", "percent", "не больше (90 %)"),
                _unit_of("avoided", "suffix: Гкал", "Сэкономлено энергии", 0),
                _unit_of("days", "none", "Дней с данными", 0),
                _unit_of("grade", "none", "Оценка надёжности", 0),
            ],
            options={"showHeader": True, "sortBy": [{"displayName": "Сэкономлено", "desc": False}]},
            transformations=[{"id": "organize", "options": {"excludeByName": {"Time": True, "time": True}}}],
        ),
        _panel(
            "timeseries",
            "Ожидалось и израсходовано",
            "Пунктир — сколько дома израсходовали бы без мер в эту же погоду; сплошная — сколько израсходовали.",
            (0, 9, 16, 10),
            [
                _target(
                    f"SELECT sum(expected) {gcal} FROM {schema.SAVINGS} WHERE {held} GROUP BY time(1d) fill(none)",
                    "A",
                    alias="ожидалось без меры",
                ),
                _target(
                    f"SELECT sum(used) {gcal} FROM {schema.SAVINGS} WHERE {held} GROUP BY time(1d) fill(none)",
                    "B",
                    alias="израсходовано",
                ),
            ],
            unit="suffix: Гкал/сут",
            decimals=1,
            overrides=[dashed],
            custom={"lineWidth": 2, "fillOpacity": 5, "spanNulls": False, "axisSoftMin": 0},
            options={"tooltip": {"mode": "multi"}, "legend": {"displayMode": "list", "placement": "bottom"}},
        ),
        _panel(
            "timeseries",
            "Сэкономлено с начала периода",
            "Нарастающая сумма разности между ожидавшимся и израсходованным за показанное время.",
            (16, 9, 8, 10),
            [
                _target(
                    f"SELECT cumulative_sum(sum(avoided)) {gcal} FROM {schema.SAVINGS} WHERE {held} "
                    "GROUP BY time(1d), contract fill(none)",
                    alias="$tag_contract",
                )
            ],
            unit="suffix: Гкал",
            decimals=0,
            custom={"lineWidth": 2},
            options={"legend": {"displayMode": "list", "placement": "bottom"}},
        ),
        _panel(
            "table",
            "Открытые тревоги",
            "Одна причина — одна тревога, с деньгами. Открывает и закрывает их Kvartal; здесь их видно.",
            (0, 19, 16, 8),
            [
                _target(
                    f"SELECT kind, subject, money / 100 AS money, state, building FROM {schema.ALERT} "
                    f"WHERE open = 1 AND {house} AND time > now() - 3650d",
                    table=True,
                )
            ],
            overrides=[
                _unit_of("money", "currencyRUB", "Цена вопроса", 0),
                _unit_of("building", "none", "Дом", 0),
                _unit_of("subject", "none", "Договор или счётчик", 0),
                _unit_of("kind", "none", "Причина", 0),
                _unit_of("state", "none", "Состояние", 0),
            ],
            options={"showHeader": True},
        ),
        _panel(
            "stat",
            "Энергия, известная только суммой",
            "Разрывы длиннее 6 часов: сколько энергии прошло, известно, а по часам — нет.",
            (16, 19, 4, 8),
            [_target(f"SELECT sum(unknown_wh) {gcal} FROM {schema.UNKNOWN} WHERE {held}")],
            unit="suffix: Гкал",
            decimals=1,
            steps=[("green", None), ("yellow", 1), ("red", 100)],
            options={"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value"},
        ),
        _panel(
            "stat",
            "Отклонено показаний",
            "По причинам: что именно не так, видно на странице «Учёт показаний».",
            (20, 19, 4, 8),
            [
                _target(
                    f"SELECT sum(readings) FROM {schema.REJECTED} WHERE $timeFilter GROUP BY reason",
                    alias="$tag_reason",
                )
            ],
            decimals=0,
            steps=[("green", None), ("yellow", 1)],
            options={"reduceOptions": {"calcs": ["sum"]}, "colorMode": "value"},
        ),
        _panel(
            "timeseries",
            "Полнота данных",
            "Доля суток, за которую расход известен, по счётчикам.",
            (0, 27, 12, 8),
            [
                _target(
                    f"SELECT mean(coverage) FROM {schema.DAY} WHERE {held} "
                    "GROUP BY time(1d), building, meter fill(none)",
                    alias="$tag_building $tag_meter",
                )
            ],
            unit="percentunit",
            decimals=0,
            custom={"lineWidth": 1},
            options={"legend": {"displayMode": "list", "placement": "bottom"}},
        ),
        _panel(
            "timeseries",
            "Наружная температура",
            "Средняя за сутки, по метеостанции дома.",
            (12, 27, 12, 8),
            [
                _target(
                    f"SELECT mean(mean_c) FROM {schema.WEATHER_DAY} WHERE {held} GROUP BY time(1d), station fill(none)",
                    alias="$tag_station",
                )
            ],
            unit="celsius",
            decimals=1,
            custom={"lineWidth": 2},
            options={"legend": {"displayMode": "list", "placement": "bottom"}},
        ),
    ]
    for number, panel in enumerate(panels, 1):
        panel["id"] = number
    return {
        "uid": "kvartal-portfolio",
        "title": "Kvartal: дома и экономия",
        "description": "Сколько дома сэкономили на самом деле, насколько это точно и полны ли данные.",
        "tags": ["kvartal"],
        "schemaVersion": 41,
        "version": 1,
        "editable": False,
        "timezone": "browser",
        "refresh": "1m",
        "time": {"from": "now-1y", "to": "now"},
        "templating": {
            "list": [
                {
                    "name": "datasource",
                    "label": "Источник",
                    "type": "datasource",
                    "query": "influxdb",
                    "current": {},
                    "hide": 0,
                },
                {
                    "name": "building",
                    "label": "Дом",
                    "type": "query",
                    "datasource": _DATASOURCE,
                    "query": f'SHOW TAG VALUES FROM {schema.DAY} WITH KEY = "building"',
                    "refresh": 2,
                    "multi": True,
                    "includeAll": True,
                    "allValue": ".*",
                    "current": {"text": "All", "value": "$__all"},
                    "sort": 1,
                },
            ]
        },
        "annotations": {"list": []},
        "links": [],
        "panels": panels,
    }


def as_text(dashboard: dict[str, Any]) -> str:
    """The dashboard as its file holds it."""
    return json.dumps(dashboard, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


FILES: Final = {"portfolio.json": portfolio}


def write(folder: Path = _FOLDER) -> None:
    """Write every dashboard's file."""
    for name, make in FILES.items():
        (folder / name).write_text(as_text(make()), encoding="utf-8")


if __name__ == "__main__":
    write()
