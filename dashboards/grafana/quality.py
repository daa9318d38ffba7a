"""The quality of the measurements: panels on the data behind the figures above them."""

from __future__ import annotations

from typing import Final

from dashboards.grafana import panels as g
from metering.units import WH_PER_GCAL
from storage import schema

QUALITY: Final = (
    g.lines(
        "Полнота данных",
        "Доля суток, за которую расход известен, по счётчикам. Единица — сутки известны целиком.",
        (0, 0, 12, 8),
        [
            g.target(
                f"SELECT mean(coverage) FROM {schema.DAY} WHERE {g.HELD} "
                "GROUP BY time(1d), building, meter fill(none)",
                alias="$tag_building $tag_meter",
            )
        ],
        unit="percentunit",
        decimals=0,
        steps=[("red", None), ("yellow", 0.9), ("green", 0.99)],
        custom={"lineWidth": 1, "axisSoftMin": 0, "thresholdsStyle": {"mode": "dashed"}},
    ),
    g.table(
        "Энергия, известная только суммой",
        "Перерывы длиннее 6 часов: сколько энергии прошло, известно, а по часам — нет.",
        (12, 0, 6, 8),
        f"SELECT sum(unknown_wh) {g.per(float(WH_PER_GCAL))} AS gcal, sum(unknown_wh) / 1000.0 AS kwh, "
        f"sum(held) AS blocks FROM {schema.UNKNOWN} WHERE {g.HELD} AND quantity = 'energy' GROUP BY building, meter",
        columns=[
            g.column("building", "Дом (код)"),
            g.column("meter", "Счётчик"),
            g.column("gcal", "Гкал", "none", 2),
            g.column("kwh", "то же, кВт·ч", "none", 0),
            g.column("blocks", "Перерывов", "none", 0),
        ],
        sort="Гкал",
    ),
    g.panel(
        "timeseries",
        "Отклонено показаний",
        "По причинам. Что означает причина, написано в docs/payloads.md; само сообщение хранится и может быть "
        "принято заново.",
        (18, 0, 6, 8),
        [
            g.target(
                f"SELECT sum(readings) FROM {schema.REJECTED} WHERE $timeFilter "
                "GROUP BY time($__interval), reason fill(none)",
                alias="$tag_reason",
            )
        ],
        decimals=0,
        custom={"drawStyle": "bars", "fillOpacity": 80, "stacking": {"mode": "normal", "group": "A"}},
        options={
            "tooltip": {"mode": "multi", "sort": "desc"},
            "legend": {
                "displayMode": "table",
                "placement": "bottom",
                "showLegend": True,
                "calcs": ["sum"],
            },
        },
        least_interval="1h",
    ),
    g.table(
        "Последние показания",
        "Время самого свежего принятого показания каждого регистра и сколько показаний принято и пришло повторно "
        "за показанное время.",
        (0, 8, 8, 8),
        f"SELECT max(last_ms) AS last, sum(accepted) AS accepted, sum(duplicate) AS duplicate "
        f"FROM {schema.COUNTED} WHERE {g.HOUSES} AND $timeFilter GROUP BY building, meter",
        columns=[
            g.column("building", "Дом (код)"),
            g.column("meter", "Счётчик"),
            g.column("last", "Последнее показание", "dateTimeFromNow"),
            g.column("accepted", "Принято", "none", 0),
            g.column("duplicate", "Повторно", "none", 0),
        ],
    ),
    g.table(
        "Сомнения в показаниях",
        "Что счётчик или передача сделали не так: скачки, сбросы, замены, противоречия. Нужен взгляд человека.",
        (8, 8, 8, 8),
        f"SELECT kind, building, meter, detail FROM {schema.FINDING} WHERE {g.HELD} ORDER BY time DESC LIMIT 200",
        columns=[
            g.column("kind", "Что", words=g.FINDING_NAMES),
            g.column("building", "Дом (код)"),
            g.column("meter", "Счётчик"),
            g.column("detail", "Подробности"),
        ],
    ),
    g.table(
        "Пересчитанные сутки",
        "Опубликованный расход суток изменился, потому что пришло более позднее показание: было и стало.",
        (16, 8, 8, 8),
        f"SELECT date_ms, building, meter, old / 1000.0 AS old, new / 1000.0 AS new, cause "
        f"FROM {schema.RESTATED} WHERE {g.HOUSES} AND (what = 'use' OR what = '') AND contract = '' "
        f"AND $timeFilter ORDER BY time DESC LIMIT 200",
        columns=[
            g.column("date_ms", "Сутки", "time:DD.MM.YYYY"),
            g.column("building", "Дом (код)"),
            g.column("meter", "Счётчик"),
            g.column("old", "Было, кВт·ч или м³", "none", 1),
            g.column("new", "Стало, кВт·ч или м³", "none", 1),
            g.column("cause", "Почему"),
        ],
    ),
    g.outdoors((0, 16, 24, 7), g.HELD),
)
"""From the top of the grid; `panels.below` moves them below other panels."""
