"""The portfolio dashboard: what every contract saved, what is wrong, and how good the measurements are."""

from __future__ import annotations

from typing import Final

from dashboards.grafana import panels as g
from dashboards.grafana.quality import QUALITY
from metering.units import WH_PER_GCAL
from storage import schema

UID: Final = "kvartal-portfolio"

_SUPPLIES: Final = (
    ("Тепло", "Гкал", g.per(float(WH_PER_GCAL)), "carrier = 'heat'"),
    ("Электроэнергия", "кВт·ч", g.per(1_000.0), "carrier = 'electricity'"),
    ("Вода и газ", "м³", g.per(1_000.0), "carrier =~ /^(cold_water|hot_water|gas)$/"),
)
"""Heading, unit, base units in it, and which contracts: Gcal, kWh and m³ are never added."""

_TO_HOUSE: Final = {
    "id": "links",
    "value": [
        {
            "title": "Открыть дом",
            "url": "/d/kvartal-house?var-building=${__data.fields.building}&var-contract=${__data.fields.contract}",
        }
    ],
}
_FIELDS: Final = (
    "last(house) AS house, last(measure) AS measure, last(guarantee_pct) AS guarantee, "
    "last(savings_pct) AS savings, last(lo_pct) AS lo, last(hi_pct) AS hi, last(proved) AS proved, "
    "last(avoided_gcal) AS gcal, last(avoided_kwh) AS kwh, last(avoided_m3) AS m3, "
    "last(money) / 100.0 AS money, last(money_year) / 100.0 AS money_year, last(days) AS days, "
    "last(last_ms) AS until, last(grade) AS grade"
)
_STANDINGS: Final = g.table(
    "Сколько сэкономлено на самом деле",
    "По каждому договору с начала отчётного периода: измеренная экономия и границы, между которыми она лежит с "
    "вероятностью 90 %. Где между ними ноль, экономия не доказана. От выбранного времени не зависит.",
    (0, 4, 24, 9),
    f"SELECT {_FIELDS} FROM {schema.STANDING} WHERE days > 0 AND {g.HOUSES} GROUP BY building, contract",
    columns=[
        g.column("house", "Дом", properties=[_TO_HOUSE]),
        g.column("building", "Дом (код)"),
        g.column("contract", "Договор"),
        g.column("measure", "Мера", words=g.MEASURE_NAMES),
        g.column("guarantee", "Обещано", "percent", 1),
        g.column(
            "savings",
            "Сэкономлено",
            "percent",
            1,
            properties=[{"id": "custom.cellOptions", "value": {"type": "color-text"}}],
        ),
        g.column("lo", "не меньше (90 %)", "percent", 1),
        g.column("hi", "не больше (90 %)", "percent", 1),
        g.column(
            "proved",
            "Вывод",
            words={"1": "экономия доказана", "0": "экономия не доказана"},
            colours={"1": "green", "0": "orange"},
        ),
        g.column("gcal", "Тепло", "suffix: Гкал", 0),
        g.column("kwh", "Электроэнергия", "suffix: кВт·ч", 0),
        g.column("m3", "Вода, газ", "suffix: м³", 0),
        g.column("money", "Сэкономлено денег", "currencyRUB", 0),
        g.column("money_year", "Денег в год", "currencyRUB", 0),
        g.column("days", "Дней с данными", "none", 0),
        g.column("until", "Данные по", "time:DD.MM.YYYY"),
        g.column(
            "grade",
            "Надёжность",
            words={grade: grade for grade in "ABCD"},
            colours={"A": "green", "B": "green", "C": "yellow", "D": "red"},
        ),
    ],
    sort="Денег в год",
    steps=[("red", None), ("yellow", 0), ("green", 5)],
)

_STANDING: Final = f"FROM {schema.STANDING} WHERE days > 0 AND {g.HOUSES}"
_OVERVIEW: Final = (
    g.number(
        "Сэкономлено тепла",
        "С начала отчётных периодов, по всем договорам на тепло: ожидалось в эту погоду без мер, минус расход.",
        (0, 0, 5, 4),
        f"SELECT sum(avoided_gcal) {_STANDING}",
        unit="suffix: Гкал",
        decimals=0,
    ),
    g.number(
        "Сэкономлено денег",
        "Та же экономия по тарифам договоров, в деньгах, за всё время.",
        (5, 0, 5, 4),
        f"SELECT sum(money) / 100.0 {_STANDING}",
        unit="currencyRUB",
        decimals=0,
    ),
    g.number(
        "Экономия доказана",
        "Число договоров, у которых экономия доказана: ноль лежит вне 90 % интервала.",
        (10, 0, 4, 4),
        f"SELECT sum(proved) {_STANDING}",
        unit="none",
        decimals=0,
    ),
    g.number(
        "Договоров с данными",
        "Число договоров, по которым уже есть хотя бы один день экономии.",
        (14, 0, 4, 4),
        f"SELECT count(proved) {_STANDING}",
        unit="none",
        decimals=0,
    ),
    g.number(
        "Открытых тревог",
        "Сколько причин требует внимания сейчас.",
        (18, 0, 6, 4),
        f"SELECT sum(open) FROM {schema.ALERT} WHERE {g.HOUSES}",
        unit="none",
        decimals=0,
        steps=[("green", None), ("yellow", 1), ("red", 5)],
    ),
)

_ALERTS: Final = g.table(
    "Открытые тревоги",
    "Одна причина — одна тревога, с деньгами. Открывает и закрывает их Kvartal; от выбранного времени не зависят.",
    (0, 0, 24, 8),
    f"SELECT opened_ms, house, kind, subject, money / 100.0 AS money, changed_ms FROM {schema.ALERT} "
    f"WHERE open = 1 AND {g.HOUSES}",
    columns=[
        g.column("opened_ms", "Открыта", "time:DD.MM.YYYY"),
        g.column("house", "Дом"),
        g.column("kind", "Причина", words=g.KINDS),
        g.column("subject", "Договор или счётчик"),
        g.column("money", "Цена вопроса", "currencyRUB", 0),
        g.column("changed_ms", "По данным на", "time:DD.MM.YYYY HH:mm"),
    ],
    sort="Цена вопроса",
)


def portfolio() -> g.Json:
    """The portfolio dashboard."""
    panels: list[g.Json] = [_STANDINGS, *_OVERVIEW]
    y = 13
    *open_rows, shut = _SUPPLIES
    for supply in open_rows:
        panels += [g.row(supply[0], y), *g.below(_supply(*supply), y + 1)]
        y += 10
    panels.append(g.row(shut[0], y, panels=g.below(_supply(*shut), y + 1)))
    panels += [g.row("Тревоги", y + 1), *g.below([_ALERTS], y + 2)]
    panels += [g.row("Качество данных", y + 10), *g.below(QUALITY, y + 11)]
    return g.dashboard(
        UID,
        "Kvartal: дома и экономия",
        "Сколько дома сэкономили на самом деле, насколько это точно и полны ли данные.",
        panels,
        [g.chosen("building", "Дом", g.BUILDINGS, several=True)],
        links=[g.link("Один дом", "kvartal-house")],
    )


def _supply(heading: str, unit: str, scale: str, which: str) -> list[g.Json]:
    """Expected use against use, and what was saved, of the contracts on one supply."""
    where = f"FROM {schema.SAVINGS} WHERE {which} AND {g.HELD} GROUP BY time(1d) fill(none)"
    name = heading.lower()
    return [
        g.lines(
            f"Ожидалось и израсходовано: {name}",
            "Пунктир — сколько дома израсходовали бы без мер в эту же погоду; сплошная — сколько израсходовали.",
            (0, 0, 12, 9),
            [
                g.target(f"SELECT sum(expected) {scale} {where}", "A", alias="ожидалось без меры"),
                g.target(f"SELECT sum(used) {scale} {where}", "B", alias="израсходовано"),
            ],
            unit=f"suffix: {unit}/сут",
            decimals=1,
            overrides=[g.dashed("ожидалось без меры")],
            custom={"axisSoftMin": 0},
        ),
        g.lines(
            f"Сэкономлено нарастающим итогом: {name}",
            "Разность между ожидавшимся и израсходованным, сложенная с начала показанного времени.",
            (12, 0, 6, 9),
            [g.target(f"SELECT cumulative_sum(sum(avoided)) {scale} {where}", alias="сэкономлено")],
            unit=f"suffix: {unit}",
            decimals=0,
            custom={"fillOpacity": 10},
        ),
        g.lines(
            f"Сэкономлено денег нарастающим итогом: {name}",
            "То же по тарифам договоров на каждый день. Договоры без тарифа не входят.",
            (18, 0, 6, 9),
            [g.target(f"SELECT cumulative_sum(sum(money)) / 100.0 {where}", alias="сэкономлено")],
            unit="currencyRUB",
            decimals=0,
            custom={"fillOpacity": 10},
        ),
    ]
