"""Tables as Russian heat meters, their readers and suppliers export them, whole."""

from __future__ import annotations

import base64
import datetime as dt
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.tables.archives import Tally, archive_events
from ingest.tables.cells import is_empty
from ingest.tables.headers import NoHeader, plain_row
from ingest.tables.issue import issue_of
from ingest.tables.sheets import NotATable, Row, rows_of, sheet_names
from ingest.tables.survey import Unclear
from metering.events import Readings, Rejected
from metering.site.model import parse_site
from metering.times import HOUR_MS, to_ms
from tests.books import excel
from tests.sites import building, meter, site_text

SITE = site_text(building(meter())) + '[[archive]]\nid = "a"\n'
NOW = to_ms(dt.datetime.fromisoformat("2025-02-10T12:00:00+03:00"))
GCAL = 1_163_000


def ms(text: str) -> int:
    return to_ms(dt.datetime.fromisoformat(f"{text}+03:00"))


class Brought:
    """What became of a table."""

    def __init__(self, content: bytes | list[Row], archive: str) -> None:
        (mapped,) = parse_site(SITE + archive).archive
        self.tally = Tally()
        results = list(
            archive_events(
                lambda: (
                    content
                    if isinstance(content, list)
                    else rows_of(
                        content, encoding=mapped.encoding, delimiter=mapped.delimiter, sheet=mapped.sheet
                    )
                ),
                archive=mapped,
                site=parse_site(SITE + archive),
                meter=("b01", "heat"),
                name="a",
                received_at=NOW,
                backfill=True,
                tally=self.tally,
            )
        )
        self.values: dict[str, list[tuple[int, int]]] = {}
        for event in results:
            if isinstance(event, Readings):
                begins = event.starts or event.times
                self.values.setdefault(event.quantity, []).extend(zip(begins, event.amounts, strict=True))
        self.rejected = [(r.reason, r.readings, r.detail) for r in results if isinstance(r, Rejected)]


def test_vkt7_with_units_in_a_second_row_and_column_numbers_in_a_third() -> None:
    text = """Теплоком ВКТ-7 № 00123456. Часовой архив Тв1
;;;;;
Дата;Q;V1;t1;ВНР;НС
;ГДж;м3;°C;ч;
1;2;3;4;5;6
1.01.25 0:00;0,5;3,5;71,4;1,00;0000
1.01.25 1:00;1,0;3,55;71,0;0,75;0010
Итого за сутки;1,5;7,05;;1,75;
Дата;Q;V1;t1;ВНР;НС
;ГДж;м3;°C;ч;
1;2;3;4;5;6
1.01.25 2:00;1 234,5;-----;н/д;1,00;0
------------;-----;-----;-----;-----;
"""
    got = Brought(
        text.encode("cp1251"),
        'columns = { time = "Дата", energy = "Q", volume = "V1", supply_temperature = "t1", run_time = "ВНР", error = "НС" }',
    )
    start = ms("2025-01-01T00:00")
    # 1 GJ = 1e9/3600 Wh: the meter's unit in the site file is Gcal, the file says GJ.
    assert got.values["energy"] == [
        (start, 138_889),
        (start + HOUR_MS, 277_778),
        (start + 2 * HOUR_MS, 342_916_667),
    ]
    assert [v for _, v in got.values["volume"]] == [3_500, 3_550]
    assert [v for _, v in got.values["supply_temperature"]] == [71_400, 71_000]
    assert got.rejected == [("bad_time", 2, "row 8: 'Итого за сутки' is not a time")]
    assert (got.tally.rows_with_error, got.tally.rows_cut_short) == (1, 1)


def test_tsrv_with_groups_over_columns_merged_dates_and_hours_apart() -> None:
    content = excel(
        [
            ["Взлёт ТСРВ-024. Отчет о теплопотреблении"],
            [None],
            ["Дата", "Час", "Подающий", None, "Обратный", None, "Тепло", "Тр"],
            [None, None, "V, м3", "t, °C", "V, м3", "t, °C", "W, Гкал", "мин"],
            [dt.datetime(2025, 1, 1), 23, 3.5, 70.1, 3.4, 50.2, 0.1, 60],  # noqa: DTZ001
            [None, 24, 3.6, 70.2, 3.5, 50.3, 0.2, 30],
            [dt.datetime(2025, 1, 2), 1, 3.7, 70.3, 3.6, 50.4, 0.3, 60],  # noqa: DTZ001
            ["Итого", None, 10.8, None, 10.5, None, 0.6, 150],
            [None, 2, 3.8, 70.4, 3.7, 50.5, 0.4, 60],
        ],
        merge=("C3:D3", "E3:F3", "A5:A6"),
    )  # fmt: skip
    got = Brought(
        content,
        'columns = { time = "Дата", time_of_day = "Час", energy = "Тепло W, Гкал", volume = "Подающий V, м3", '
        'return_temperature = "обратный t, °C", run_time = "Тр" }\nstamp = "end"',
    )
    start = ms("2025-01-01T22:00")
    assert got.values["energy"] == [(start + i * HOUR_MS, n * GCAL // 10) for i, n in enumerate((1, 2, 3, 4))]
    assert [v for _, v in got.values["volume"]] == [3_500, 3_600, 3_700, 3_800]
    assert [v for _, v in got.values["return_temperature"]] == [50_200, 50_300, 50_400, 50_500]
    assert got.rejected == [("bad_time", 2, "row 8: 'Итого' is not a date")]
    assert got.tally.rows_cut_short == 1


def test_a_name_over_two_columns_is_not_guessed() -> None:
    text = "Дата;t, °C;Q;t, °C\n01.01.2025 00:00;70;1;50\n"
    with pytest.raises(NoHeader, match=r"'t, °C' over the columns 2, 4"):
        Brought(text.encode(), 'columns = { time = "Дата", energy = "Q", supply_temperature = "t, °C" }')


def test_letters_that_look_alike_are_alike() -> None:
    text = "Дата;Q, Гкал;Т1, °С;V, м³\n01.01.2025 00:00;1;70;2\n"  # Cyrillic Т and С
    got = Brought(
        text.encode(),
        'columns = { time = "Дата", energy = "Q, Гкал", supply_temperature = "T1, °C", volume = "V, м3" }',
    )
    assert {quantity: amounts[0][1] for quantity, amounts in got.values.items()} == {
        "energy": GCAL, "supply_temperature": 70_000, "volume": 2_000,
    }  # fmt: skip


def test_tem104_prints_a_table_of_lines_in_the_letters_of_dos() -> None:
    text = """           ТЭМ-104  заводской номер 1234567
┌────────────────┬──────────┬────────┬────────┐
│ Дата    время  │  Q, МВтч │ Т1, °C │ ошибки │
├────────────────┼──────────┼────────┼────────┤
│ 31.01.25 22:59 │    0.125 │   70.5 │00000000│
│ 31.01.25 23:59 │    0.250 │   70.6 │00000100│
├────────────────┼──────────┼────────┼────────┤
│ Всего          │    0.375 │        │        │
└────────────────┴──────────┴────────┴────────┘
"""
    got = Brought(
        text.replace("°", " ").encode("cp866"),
        'columns = { time = "Дата время", energy = "Q, МВтч", supply_temperature = "T1,  C", error = "ошибки" }\n'
        'stamp = "end"',
    )
    assert got.values["energy"] == [(ms("2025-01-31T22:00"), 125_000), (ms("2025-01-31T23:00"), 250_000)]
    assert [reason[:2] for reason in got.rejected] == [("bad_time", 1)]
    assert got.tally.rows_with_error == 1


def test_spt943_books_have_hours_days_and_counters_on_sheets_of_their_own() -> None:
    days: list[list[Any]] = [
        ["Дата", "Q"],
        [None, "Гкал"],
        ["31.01.25 24:00", 2.5],
        ["01.02.25 23:59:59", 2.75],
        ["02.02.25", 3],
    ]
    counters: list[list[Any]] = [["Время", "Q, Гкал"], [dt.datetime(2025, 2, 1, 9, 59, 59, 999_600), 1000.5]]  # noqa: DTZ001
    content = excel([["СПТ943 № 5"], ["Схема", 3]], sheets={"Суточные": days, "Итоговые": counters})
    assert sheet_names(content) == ["Sheet", "Суточные", "Итоговые"]
    got = Brought(
        content,
        'columns = { time = "Дата", energy = "Q" }\ninterval = "day"\nstamp = "end"\nsheet = "Суточные"',
    )
    assert got.values["energy"] == [
        (ms("2025-01-31T00:00"), 2_907_500),
        (ms("2025-02-01T00:00"), 3_198_250),
        # A date alone is the day's first midnight, so of an archive stamped at the end it is the day before.
        (ms("2025-02-01T00:00"), 3_489_000),
    ]
    got = Brought(
        content, 'kind = "register"\ncolumns = { time = "Время", energy = "Q, Гкал" }\nsheet = "Итоговые"'
    )
    assert got.values["energy"] == [(ms("2025-02-01T10:00"), 1_163_581_500)]


def test_a_time_that_excel_was_not_told_to_show_as_one() -> None:
    content = excel([["Дата", "Q"], [45658.0, 1], [45658.0416666667, 2], [2025, 3]])
    got = Brought(content, 'columns = { time = "Дата", energy = "Q" }')
    assert [begin for begin, _ in got.values["energy"]] == [ms("2025-01-01T00:00"), ms("2025-01-01T01:00")]
    assert got.rejected == [("bad_time", 1, "row 4: 2025.0 is not a time")]


# Written by xlwt: Дата | Q, Гкал; a merged line; three hours from 2025-01-01 00:00, of which midnight has no time.
XLS = (
    "c-rk)O-NKx6#nj;JI*-xGoz!Vfeb=gDpE-xit}`^6l6q;=!c**U6i3Qw5S$k*(`&gRnbPUMH5(U`k^0cR}d(*2!ddys7<S&poRK6"
    "=ggbZ$-sdUjQ2gxx%ZxX&b{Z|d+yJBvonF@<ekbCvJi#~3syez7ReM*ex~3D)ms*4GpU!za<Hb5@1=>%bK_y*OApT>&vyz2ZtG{n"
    "f%ilQa2&m3qr;(9L_~ZTQ0zmS(iD3Jt`QZXLi{Qbepq;^@LQt$NO-$QE(&iW-K5%&8MC*p*^cAAMzz!x5m&e;Hg83;1!Z{7aeVfY"
    "O6$7O5j!$)Y>ib^=>klFrnGB#bU4Q4GF<0H+u7L|jW+Hhgu1(1qR}LRH0e|LW`%&SnbrL?<j7Z7u0ZndOXZ$F$h|a`+49SV2F76>"
    "QXJB8l%rL1jYrk$&ALN}^;X@Zx9K=7hcVgJ-D;hVki1DZ>p3)l)zhScWD+6rK=o5i2&KA(imjT0>?F~EkB<V`I{ZtvjzU>b1;mF?"
    "Ect*eD?j->cjL>e=wP3DP$c7WT%-?`4eUECoMQ_zE|MCza2HXXSkwzYFRiYZe5LRpX;NC#S7v8+Oo+|}sjZ=Yngp-S+C}+|l#hSz"
    "zh4#qU~Z!PbXV$haQcloiE29JhRB|u2{fn%b@dA4ftg8_z5TosUh&&j<Td=_y8+8SIg2q5pJW5V(<L4qW$P<>*QNSO^tr_+Qeu5B"
    "v%Znl{$tyx5*&SD*j7q3U0Iqg8ef-a?k05fd}=>q_(;O7*W2FcWo)$A+)N}A5!*(K%`TFEwEa_J7dA?8mmQ#u_!m|qX4Fr<R%1pj"
    "8#6p#GOAc^R2?{Q;J|?c2M%&T`ofmJW^4P>&6hHd{a<IEXu<hS^50@7#^^agpLp9bN@)zIa*CgF`i#u9rB-N@`CrJ`L%qi^f<f_P"
    "B<J|0OSM}3J}Wl#|Gg!YYyS(m`1z0f{{f~@33d"
)


def test_an_xls_of_old_excel() -> None:
    content = zlib.decompress(base64.b85decode(XLS))
    got = Brought(content, 'columns = { time = "Дата", energy = "Q, Гкал" }')
    start = ms("2025-01-01T00:00")
    assert got.values["energy"] == [(start, 0), (start + HOUR_MS, 116_300), (start + 2 * HOUR_MS, 232_600)]
    assert got.rejected == []


def test_an_act_of_an_energy_seller() -> None:
    content = excel(
        [
            ["Акт № 17 сверки потребления тепловой энергии"],
            ["Период", "Тепловая энергия", None, "Теплоноситель, м3"],
            [None, "Гкал", "руб."],
            ["за ноябрь 2024 г.", "120,5", "301 250,00", 12],
            ["Декабрь 2024", "1 020,25", "2 550 625,00", None],
            ["янв.25", 140, 350_000, 14],
            [dt.date(2025, 2, 1), 0, 0, 0],
            ["Итого:", 1280.75, None, 26],
            ["Главный инженер", None, None, None],
        ],
        merge=("B2:C2",),
    )
    got = Brought(
        content,
        'columns = { time = "Период", energy = "Тепловая энергия Гкал", volume = "Теплоноситель, м3" }\n'
        'interval = "month"',
    )
    months = ["2024-11", "2024-12", "2025-01"]
    amounts = (120.5, 1020.25, 140)
    assert got.values["energy"] == [
        (ms(f"{month}-01T00:00"), int(amount * GCAL)) for month, amount in zip(months, amounts, strict=True)
    ]
    assert got.rejected == [
        ("from_future", 2, "row 7: datetime.date(2025, 2, 1) lies ahead"),
        ("bad_time", 2, "row 8: 'Итого:' is not a time"),
    ]


def test_the_total_of_a_day_below_its_hours_is_no_hour() -> None:
    text = "Дата;Q\n01.01.2025 0:00;1\n01.01.2025 1:00;2\n01.01.2025;3\n02.01.2025 0:00;4\n"
    got = Brought(text.encode(), 'columns = { time = "Дата", energy = "Q" }')
    assert [v // GCAL for _, v in got.values["energy"]] == [1, 2, 4]
    assert got.rejected == [("bad_time", 1, "row 4: '01.01.2025' is a day in a table of hours")]


def test_the_autumn_night_of_a_table_with_the_newest_row_first() -> None:
    rows = "".join(f"27.10.2024 {hour}:00;{n}\n" for n, hour in enumerate(["04", "03", "03", "02", "01"]))
    got = Brought(rows.encode(), 'columns = { time = 1, energy = 2 }\ntimezone = "Europe/Helsinki"')
    last = to_ms(dt.datetime.fromisoformat("2024-10-27T04:00:00+02:00"))
    assert got.values["energy"] == [(last - n * HOUR_MS, n * GCAL) for n in range(5)]


@pytest.mark.parametrize(
    ("cell", "stamp", "start"),
    [
        ("1.01.25 0:00", "start", "2025-01-01T00:00"),
        ("01.01.25 00:59:59", "end", "2025-01-01T00:00"),
        ("31-12-24/23:00", "end", "2024-12-31T22:00"),
        ("31.12.24, 24:00", "end", "2024-12-31T23:00"),
        ("2025/01/31 10:00", "start", "2025-01-31T10:00"),
        ("2025.01.31 10:00:00", "start", "2025-01-31T10:00"),
        ("10:00 31.01.2025", "start", "2025-01-31T10:00"),
        ("31.01.2025 10:00-11:00", "start", "2025-01-31T10:00"),
        ("31.01.2025 10:00-11:00", "end", "2025-01-31T10:00"),
        ("31.01.2025 23-24", "end", "2025-01-31T23:00"),
        ("31.01.2025 23-0", "end", "2025-01-31T23:00"),
        ("31.01.2025г. 10 ч", "start", "2025-01-31T10:00"),
        ("31.01.2025  10:00:00.000", "start", "2025-01-31T10:00"),
        ("2025-01-31T10:00:00.000", "start", "2025-01-31T10:00"),
    ],
)
def test_how_an_hour_is_written(cell: str, stamp: str, start: str) -> None:
    got = Brought(
        f"{cell};1\n".encode(), f'columns = {{ time = 1, energy = 2 }}\nstamp = "{stamp}"\ndelimiter = ";"'
    )
    assert got.values.get("energy") == [(ms(start), GCAL)], got.rejected


@pytest.mark.parametrize(
    "cell",
    [
        "31.02.2025 10:00",
        "01.01.2025 25:00",
        "01.01.2025 24:30",
        "01.01.2025 10:75",
        "17",
        "13.2025",
        "щас 2025",
        "31.01.2025 10-99",
    ],
)
def test_what_is_no_time(cell: str) -> None:
    got = Brought(f"01.01.2025 00:00;1\n{cell};1\n".encode(), "columns = { time = 1, energy = 2 }")
    assert [r[:2] for r in got.rejected] == [("bad_time", 1)]


@pytest.mark.parametrize(
    ("cell", "decimal", "amount"),
    [
        ("0,125", None, 145_375),
        ("1 000,5", None, 1_163_581_500),
        ("1.000,5", None, 1_163_581_500),
        ("1,000.5", None, 1_163_581_500),
        ("1\u00a0000,5", ",", 1_163_581_500),
        ("1.000", ",", 1_163_000_000),
        ("+1,5E2", None, 174_450_000),
        ("−0", None, 0),
        # With a decimal comma this would be 125 Gcal; it is 0.125.
        ("0.125", ",", None),
        ("12.5", ",", None),
        ("1 2", None, None),
        ("1,5 2,5", None, None),
        ("1.2.3", None, None),
        ("1,5*", None, None),
        ("#ДЕЛ/0!", None, None),
        ("12:30", None, None),
    ],
)
def test_how_a_number_is_written(cell: str, decimal: str | None, amount: int | None) -> None:
    archive = "columns = { time = 1, energy = 2 }\n" + (f'decimal = "{decimal}"\n' if decimal else "")
    got = Brought(f"01.01.2025 00:00\t{cell}\n".encode(), archive)
    assert [v for _, v in got.values.get("energy", [])] == ([] if amount is None else [amount])
    assert [r[:2] for r in got.rejected] == ([("bad_value", 1)] if amount is None else [])


@pytest.mark.parametrize(
    ("header", "named", "amount"),
    [
        ("Q", "", 1_163_000),
        ("Q, ГДж", "", 277_778),
        ("Q [МВт*ч]", "", 1_000_000),
        ("Q (кВт.ч)", "", 1_000),
        ("Q, Гкал/ч", "", 1_163_000),
        ("Q, ГДж (Гкал)", "", 1_163_000),
        ("Q, тыс. кВтч", "", 1_163_000),
        ("Q, ГДж", 'units = { energy = "MWh" }', 1_000_000),
    ],
)
def test_a_unit_is_the_field_maps_else_the_headers_else_the_meters(
    header: str, named: str, amount: int
) -> None:
    got = Brought(
        f"Дата;{header}\n01.01.2025 00:00;1\n".encode(),
        f'columns = {{ time = "Дата", energy = "{header}" }}\n{named}',
    )
    assert [v for _, v in got.values["energy"]] == [amount]


def test_excel_text_in_two_byte_letters() -> None:
    text = "Дата\tQ, Гкал\r\n01.01.2025 0:00\t0,125\r\n"
    got = Brought(text.encode("utf-16"), 'columns = { time = "Дата", energy = "Q, Гкал" }')
    assert got.values["energy"] == [(ms("2025-01-01T00:00"), 145_375)]


@pytest.mark.parametrize(
    "head", ["<html><table>", '\ufeff<?xml version="1.0"?><Workbook>', " \n<!DOCTYPE html>"]
)
def test_a_web_page_that_calls_itself_excel(head: str) -> None:
    with pytest.raises(NotATable, match=r"save it from there as \.xlsx"):
        list(rows_of(head.encode()))


@pytest.mark.parametrize(
    ("header", "cell", "short"),
    [
        ("Тр", "1", 0), ("Тр", "0,5", 1), ("Тр, мин", "60", 0), ("Тр, мин.", "45", 1), ("Тр, сек", "3600", 0),
        ("Тр", "1:00", 0), ("Тр", "0:59:59", 0), ("Тр", "00:30", 1), ("Тр", "?", 0),
    ],
)  # fmt: skip
def test_how_long_a_meter_ran(header: str, cell: str, short: int) -> None:
    got = Brought(
        f"Дата;Q;{header}\n01.01.2025 00:00;1;{cell}\n".encode(),
        f'columns = {{ time = "Дата", energy = "Q", run_time = "{header}" }}',
    )
    assert got.tally.rows_cut_short == short


CELLS = st.one_of(
    st.none(),
    st.text(max_size=30),
    st.sampled_from(["Дата", "Q", "t1", "1", "2", "3", "Итого", "-", "0,5", "01.01.2025", "01.01.2025 0:00"]),
    st.floats(),
    st.integers(),
    st.booleans(),
    st.datetimes(),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.from_regex(r"\A\d{1,4}[./-]\d{1,2}[./-]\d{1,4}[ T/,]\d{1,2}([:.-]\d{1,3}){0,3}\Z"),
    st.from_regex(r"\A[+-]?\d{1,25}([., ]\d{0,5}){0,3}(e[+-]?\d{1,5})?\Z"),
)


@given(
    st.lists(st.lists(CELLS, max_size=6), max_size=12),
    st.sampled_from(["hour", "day", "month"]),
    st.sampled_from(["start", "end"]),
    st.sampled_from(["interval", "register"]),
    st.booleans(),
)
def test_every_cell_that_holds_something_is_accounted_for(
    rows: list[list[Any]], interval: str, stamp: str, kind: str, apart: bool
) -> None:
    header = ["Дата", "Q", "t1", "Тр", "НС"] + ["Час"] * apart
    begin = ["02.01.2025 00:00" if not apart else "02.01.2025", "1", "2", "", "", "0"]
    of_day = ', time_of_day = "Час"' if apart else ""
    archive = (
        f'columns = {{ time = "Дата"{of_day}, energy = "Q", supply_temperature = "t1", run_time = "Тр", error = "НС" }}\n'
        f'interval = "{interval}"\nstamp = "{stamp}"\nkind = "{kind}"'
    )
    table = [Row(n, cells) for n, cells in enumerate([header, begin, *rows], start=1)]
    try:
        got = Brought(table, archive)
    except Unclear:
        got = Brought(
            [row for row in table if issue_of(row.cells, None) is None], archive + '\ndates = "dmy"'
        )
        rows = [cells for cells in rows if issue_of(cells, None) is None]

    def of_the_header(cells: list[Any]) -> bool:
        row = plain_row(cells)
        numbers = [text.removesuffix(".0") for text in row if text]
        numbered = len(numbers) > 1 and numbers == [str(n + 1) for n in range(len(numbers))]
        return row == plain_row(header) or (numbered and bool(row[0]))

    hold = [
        sum(not is_empty(cell) for cell in cells[1:3]) for cells in [begin, *rows] if not of_the_header(cells)
    ]
    accepted = sum(map(len, got.values.values()))
    assert accepted + sum(readings for _, readings, _ in got.rejected) == sum(hold)
    assert got.values.get("energy") or "implausible" in {reason for reason, _, _ in got.rejected}
