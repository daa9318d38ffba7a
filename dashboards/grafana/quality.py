"""How good the measurements are: the panels that say what the figures above them may rest on."""

from __future__ import annotations

from typing import Final

from dashboards.grafana import panels as g
from storage import schema

_HOUSE: Final = "building =~ /^${building:regex}$/"
_HELD: Final = f"held = 1 AND {_HOUSE} AND $timeFilter"


def quality(y: int) -> list[g.Json]:
    """The panels, from the row `y` on."""
    return [
        g.lines(
            "Полнота данных",
            "Доля суток, за которую расход известен, по счётчикам. Единица — сутки известны целиком.",
            (0, y, 12, 8),
            [
                g.target(
                    f"SELECT mean(coverage) FROM {schema.DAY} WHERE {_HELD} "
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
            (12, y, 6, 8),
            f"SELECT sum(unknown_wh) / 1163000.0 AS gcal, sum(unknown_wh) / 1000.0 AS kwh, sum(held) AS blocks "
            f"FROM {schema.UNKNOWN} WHERE {_HELD} AND quantity = 'energy' GROUP BY building, meter",
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
            (18, y, 6, 8),
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
            (0, y + 8, 8, 8),
            f"SELECT max(last_ms) AS last, sum(accepted) AS accepted, sum(duplicate) AS duplicate "
            f"FROM {schema.COUNTED} WHERE {_HOUSE} AND $timeFilter GROUP BY building, meter",
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
            (8, y + 8, 8, 8),
            f"SELECT kind, building, meter, detail FROM {schema.FINDING} WHERE {_HELD} ORDER BY time DESC LIMIT 200",
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
            (16, y + 8, 8, 8),
            f"SELECT date_ms, building, meter, old / 1000.0 AS old, new / 1000.0 AS new, cause "
            f"FROM {schema.RESTATED} WHERE {_HOUSE} AND $timeFilter ORDER BY time DESC LIMIT 200",
            columns=[
                g.column("date_ms", "Сутки", "time:DD.MM.YYYY"),
                g.column("building", "Дом (код)"),
                g.column("meter", "Счётчик"),
                g.column("old", "Было, кВт·ч или м³", "none", 1),
                g.column("new", "Стало, кВт·ч или м³", "none", 1),
                g.column("cause", "Почему"),
            ],
        ),
        g.lines(
            "Наружная температура",
            "Средняя за сутки, по метеостанции дома.",
            (0, y + 16, 24, 7),
            [
                g.target(
                    f"SELECT mean(mean_c) FROM {schema.WEATHER_DAY} WHERE {_HELD} "
                    "GROUP BY time(1d), station fill(none)",
                    alias="$tag_station",
                )
            ],
            unit="celsius",
            decimals=1,
        ),
    ]
