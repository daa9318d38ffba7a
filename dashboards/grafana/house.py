"""One house: the story of its contract, its known hours, and the grounds of the figures."""

from __future__ import annotations

from typing import Final

from dashboards.grafana import panels as g
from storage import schema

UID: Final = "kvartal-house"

_CONTRACT: Final = "contract = '$contract'"
_HOUSE: Final = "building = '$building'"

_STANDING: Final = f"FROM {schema.STANDING} WHERE days > 0 AND {_CONTRACT}"
_SAVED: Final = (
    f"FROM {schema.SAVINGS} WHERE held = 1 AND {_CONTRACT} AND $timeFilter GROUP BY time(1d) fill(none)"
)
_OVER_TIME: Final = f"FROM {schema.POSITION} WHERE {_CONTRACT} AND $timeFilter GROUP BY time(1d) fill(none)"
_STORY: Final = (
    g.number(
        "Сэкономлено",
        "С начала отчётного периода, от расхода, ожидавшегося в эту погоду без меры.",
        (0, 0, 5, 4),
        f"SELECT last(savings_pct) {_STANDING}",
        unit="percent",
        decimals=1,
        steps=[("red", None), ("yellow", 0), ("green", 5)],
    ),
    g.number(
        "Не меньше (90 %)",
        "Нижняя граница 90 % интервала. Ниже нуля: экономия не доказана.",
        (5, 0, 4, 4),
        f"SELECT last(lo_pct) {_STANDING}",
        unit="percent",
        decimals=1,
        steps=[("red", None), ("green", 0)],
    ),
    g.number(
        "Не больше (90 %)",
        "Верхняя граница 90 % интервала.",
        (9, 0, 4, 4),
        f"SELECT last(hi_pct) {_STANDING}",
        unit="percent",
        decimals=1,
    ),
    g.number(
        "Сэкономлено денег",
        "По тарифу договора, с начала отчётного периода.",
        (13, 0, 6, 4),
        f"SELECT last(money) / 100.0 {_STANDING}",
        unit="currencyRUB",
        decimals=0,
    ),
    g.number(
        "Дней с данными",
        "Дни отчётного периода, за которые есть и расход, и погода.",
        (19, 0, 5, 4),
        f"SELECT last(days) {_STANDING}",
        unit="none",
        decimals=0,
    ),
    g.lines(
        "Ожидалось и израсходовано",
        "Пунктир — сколько дом израсходовал бы без меры в эту же погоду; сплошная — сколько израсходовал. "
        "Тепло и электроэнергия в МВт·ч, вода и газ в тысячах м³.",
        (0, 4, 24, 10),
        [
            g.target(f"SELECT sum(expected) / 1000000.0 {_SAVED}", "A", alias="ожидалось без меры"),
            g.target(f"SELECT sum(used) / 1000000.0 {_SAVED}", "B", alias="израсходовано"),
        ],
        unit="suffix: МВт·ч/сут",
        decimals=2,
        overrides=[g.dashed("ожидалось без меры")],
        custom={"axisSoftMin": 0},
    ),
    g.lines(
        "Сэкономлено денег нарастающим итогом",
        "По тарифу на каждый день, с начала показанного времени.",
        (0, 14, 12, 8),
        [g.target(f"SELECT cumulative_sum(sum(money)) / 100.0 {_SAVED}", alias="сэкономлено")],
        unit="currencyRUB",
        decimals=0,
        custom={"fillOpacity": 10},
    ),
    g.lines(
        "Как уточнялась экономия",
        "Каждая точка — что было известно к этому дню: экономия с начала периода и её 90 % интервал.",
        (12, 14, 12, 8),
        [
            g.target(f"SELECT last(savings_pct) {_OVER_TIME}", "A", alias="сэкономлено"),
            g.target(f"SELECT last(lo_pct) {_OVER_TIME}", "B", alias="не меньше (90 %)"),
            g.target(f"SELECT last(hi_pct) {_OVER_TIME}", "C", alias="не больше (90 %)"),
            g.target(f"SELECT last(guarantee_pct) {_OVER_TIME}", "D", alias="обещано"),
        ],
        unit="percent",
        decimals=1,
        overrides=[
            g.dashed("обещано"),
            {
                "matcher": {"id": "byName", "options": "не больше (90 %)"},
                "properties": [
                    {"id": "custom.fillBelowTo", "value": "не меньше (90 %)"},
                    {"id": "custom.lineWidth", "value": 0},
                ],
            },
            {
                "matcher": {"id": "byName", "options": "не меньше (90 %)"},
                "properties": [{"id": "custom.lineWidth", "value": 0}],
            },
        ],
        # A first week's interval may reach to a thousand percent; the picture is about the rest.
        custom={"axisSoftMin": -20, "axisSoftMax": 50, "fillOpacity": 15},
    ),
)

_USE: Final = (
    g.row("Расход по часам и погода", 22),
    g.lines(
        "Средняя мощность",
        "По часам, которые известны. Где линии нет, расход по часам не известен.",
        (0, 23, 16, 9),
        [
            g.target(
                f"SELECT mean(known_wh) / 1000.0 FROM {schema.HOUR} WHERE held = 1 AND {_HOUSE} "
                "AND quantity = 'energy' AND $timeFilter GROUP BY time($__interval), meter fill(none)",
                alias="$tag_meter",
            )
        ],
        unit="kwatt",
        decimals=1,
        custom={"lineWidth": 1, "axisSoftMin": 0},
        least_interval="1h",
    ),
    g.outdoors((16, 23, 8, 9), f"held = 1 AND {_HOUSE} AND $timeFilter"),
)

_GROUND: Final = (
    g.row("На чём это держится", 32),
    g.table(
        "Сутки договора",
        "Каждый день с его расходом: ожидавшимся, настоящим и той частью, которая оценена, а не измерена.",
        (0, 33, 14, 9),
        f"SELECT expected / 1000.0 AS expected, used / 1000.0 AS used, avoided / 1000.0 AS avoided, "
        f"estimated / 1000.0 AS estimated, temp_mc / 1000.0 AS temp, extrapolated FROM {schema.SAVINGS} "
        f"WHERE held = 1 AND {_CONTRACT} AND $timeFilter ORDER BY time DESC LIMIT 400",
        columns=[
            g.column("expected", "Ожидалось, кВт·ч или м³", "none", 0),
            g.column("used", "Израсходовано", "none", 0),
            g.column("avoided", "Сэкономлено", "none", 0),
            g.column("estimated", "из них оценено", "none", 0),
            g.column("temp", "Погода", "celsius", 1),
            g.column(
                "extrapolated",
                "Погода знакома модели",
                words={"0": "да", "1": "нет, такой в базовом году не было"},
                colours={"0": "green", "1": "orange"},
            ),
        ],
        time_column=True,
    ),
    g.table(
        "Тревоги дома",
        "Открытые и закрытые за показанное время.",
        (14, 33, 10, 9),
        f"SELECT kind, subject, state, money / 100.0 AS money FROM {schema.ALERT} "
        f"WHERE {_HOUSE} AND $timeFilter ORDER BY time DESC LIMIT 100",
        columns=[
            g.column("kind", "Причина", words=g.KINDS),
            g.column("subject", "Договор или счётчик"),
            g.column(
                "state",
                "Состояние",
                words={"open": "открыта", "resolved": "закрыта"},
                colours={"open": "red", "resolved": "green"},
            ),
            g.column("money", "Цена вопроса", "currencyRUB", 0),
        ],
        time_column=True,
    ),
    g.table(
        "Базовые модели договора",
        "Модель и документ каждого номера, который называют цифры. По документу ожидавшийся расход "
        "считают вручную.",
        (0, 42, 24, 6),
        f"SELECT baseline_id, fitted_ms, model, first, last, days, cvrmse, r2, document "
        f"FROM {schema.BASELINE} WHERE {_CONTRACT}",
        columns=[
            g.column("baseline_id", "Номер"),
            g.column("fitted_ms", "Построена", "time:DD.MM.YYYY"),
            g.column("model", "Модель"),
            g.column("first", "С"),
            g.column("last", "По"),
            g.column("days", "Суток", "none", 0),
            g.column("cvrmse", "CV(RMSE)", "percentunit", 1),
            g.column("r2", "R²", "none", 3),
            g.column("document", "Документ"),
        ],
        sort="Построена",
    ),
)


def house() -> g.Json:
    """The dashboard of one house."""
    contracts = f'SHOW TAG VALUES FROM {schema.STANDING} WITH KEY = "contract" WHERE {_HOUSE}'
    return g.dashboard(
        UID,
        "Kvartal: один дом",
        "Что мера дала этому дому, насколько это точно, и показания, которыми это доказано.",
        [*_STORY, *_USE, *_GROUND],
        [
            g.chosen("building", "Дом", g.BUILDINGS, several=False),
            g.chosen("contract", "Договор", contracts, several=False),
        ],
        links=[g.link("Все дома", "kvartal-portfolio")],
    )
