"""The portfolio dashboard: what every contract saved, what is wrong, and how good the measurements are."""

from __future__ import annotations

from typing import Final

from dashboards.grafana import panels as g
from dashboards.grafana.quality import quality
from storage import schema

UID: Final = "kvartal-portfolio"

_HOUSE: Final = "building =~ /^${building:regex}$/"
_HELD: Final = f"held = 1 AND {_HOUSE} AND $timeFilter"

_SUPPLIES: Final = (
    ("Тепло", "Гкал", g.per(1_163_000.0), "carrier = 'heat'"),
    ("Электроэнергия", "кВт·ч", g.per(1_000.0), "carrier = 'electricity'"),
    ("Вода и газ", "м³", g.per(1_000.0), "carrier =~ /^(cold_water|hot_water|gas)$/"),
)
"""Heading, unit, base units in it, and which contracts: nobody adds Gcal to kWh or m³."""


def portfolio() -> g.Json:
    """The portfolio dashboard."""
    panels = [_standings(y=4), *_overview(y=0)]
    y = 13
    for heading, unit, scale, which in _SUPPLIES[:-1]:
        panels += [g.row(heading, y), *_supply(heading, unit, scale, which, y + 1)]
        y += 10
    heading, unit, scale, which = _SUPPLIES[-1]
    panels.append(g.row(heading, y, panels=_supply(heading, unit, scale, which, y + 1)))
    panels += [g.row("Тревоги", y + 1), _alerts(y + 2)]
    panels += [g.row("Качество данных", y + 10), *quality(y + 11)]
    return g.dashboard(
        UID,
        "Kvartal: дома и экономия",
        "Сколько дома сэкономили на самом деле, насколько это точно и полны ли данные.",
        panels,
        [g.chosen("building", "Дом", g.BUILDINGS, several=True)],
        links=[g.link("Один дом", "kvartal-house")],
    )


def _standings(y: int) -> g.Json:
    to_house = {
        "id": "links",
        "value": [
            {
                "title": "Открыть дом",
                "url": "/d/kvartal-house?var-building=${__data.fields.building}&var-contract=${__data.fields.contract}",
            }
        ],
    }
    fields = (
        "last(house) AS house, last(measure) AS measure, last(guarantee_pct) AS guarantee, "
        "last(savings_pct) AS savings, last(lo_pct) AS lo, last(hi_pct) AS hi, last(proved) AS proved, "
        "last(avoided_gcal) AS gcal, last(avoided_kwh) AS kwh, last(avoided_m3) AS m3, "
        "last(money) / 100.0 AS money, last(money_year) / 100.0 AS money_year, last(days) AS days, "
        "last(last_ms) AS until, last(grade) AS grade"
    )
    return g.table(
        "Сколько сэкономлено на самом деле",
        "По каждому договору с начала отчётного периода: измеренная экономия и границы, между которыми она лежит с "
        "вероятностью 90 %. Где между ними ноль, экономия не доказана. От выбранного времени не зависит.",
        (0, y, 24, 9),
        f"SELECT {fields} FROM {schema.STANDING} WHERE {_HOUSE} GROUP BY building, contract",
        columns=[
            g.column("house", "Дом", properties=[to_house]),
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


def _overview(y: int) -> list[g.Json]:
    standing = f"FROM {schema.STANDING} WHERE {_HOUSE}"
    return [
        g.number(
            "Сэкономлено тепла",
            "С начала отчётных периодов, по всем договорам на тепло: ожидалось в эту погоду без мер, минус расход.",
            (0, y, 5, 4),
            f"SELECT sum(avoided_gcal) {standing}",
            unit="suffix: Гкал",
            decimals=0,
        ),
        g.number(
            "Сэкономлено денег",
            "Та же экономия по тарифам договоров, в деньгах, за всё время.",
            (5, y, 5, 4),
            f"SELECT sum(money) / 100.0 {standing}",
            unit="currencyRUB",
            decimals=0,
        ),
        g.number(
            "Экономия доказана",
            "Число договоров, у которых экономия доказана: ноль лежит вне 90 % интервала.",
            (10, y, 4, 4),
            f"SELECT sum(proved) {standing}",
            unit="none",
            decimals=0,
        ),
        g.number(
            "Договоров с данными",
            "Число договоров, по которым уже есть хотя бы один день экономии.",
            (14, y, 4, 4),
            f"SELECT count(proved) {standing}",
            unit="none",
            decimals=0,
        ),
        g.number(
            "Открытых тревог",
            "Сколько причин требует внимания сейчас.",
            (18, y, 6, 4),
            f"SELECT sum(open) FROM {schema.ALERT} WHERE {_HOUSE}",
            unit="none",
            decimals=0,
            steps=[("green", None), ("yellow", 1), ("red", 5)],
        ),
    ]


def _supply(heading: str, unit: str, scale: str, which: str, y: int) -> list[g.Json]:
    where = f"FROM {schema.SAVINGS} WHERE {which} AND {_HELD} GROUP BY time(1d) fill(none)"
    name = heading.lower()
    return [
        g.lines(
            f"Ожидалось и израсходовано: {name}",
            "Пунктир — сколько дома израсходовали бы без мер в эту же погоду; сплошная — сколько израсходовали.",
            (0, y, 12, 9),
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
            (12, y, 6, 9),
            [g.target(f"SELECT cumulative_sum(sum(avoided)) {scale} {where}", alias="сэкономлено")],
            unit=f"suffix: {unit}",
            decimals=0,
            custom={"fillOpacity": 10},
        ),
        g.lines(
            f"Сэкономлено денег нарастающим итогом: {name}",
            "То же по тарифам договоров на каждый день. Договоры без тарифа не входят.",
            (18, y, 6, 9),
            [g.target(f"SELECT cumulative_sum(sum(money)) / 100.0 {where}", alias="сэкономлено")],
            unit="currencyRUB",
            decimals=0,
            custom={"fillOpacity": 10},
        ),
    ]


def _alerts(y: int) -> g.Json:
    return g.table(
        "Открытые тревоги",
        "Одна причина — одна тревога, с деньгами. Открывает и закрывает их Kvartal; от выбранного времени не зависят.",
        (0, y, 24, 8),
        f"SELECT opened_ms, house, kind, subject, money / 100.0 AS money, changed_ms FROM {schema.ALERT} "
        f"WHERE open = 1 AND {_HOUSE}",
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
