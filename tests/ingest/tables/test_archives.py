"""Tables as meters and suppliers write them: what becomes of each cell."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from ingest.tables.archives import Tally, archive_events
from ingest.tables.headers import NoHeader
from ingest.tables.sheets import NotATable, rows_of
from ingest.tables.survey import Unclear
from metering.events import Readings, Rejected
from metering.site.model import SiteError, parse_site
from metering.site.sources import Archive
from metering.times import HOUR_MS, to_ms
from tests.books import excel
from tests.sites import building, meter, site_text

SITE = site_text(
    building(meter()),
    building(meter(), id="b02"),
)
HOURLY = """
[[archive]]
id = "vkt7"
columns = { time = "Дата и время", energy = "Q, Гкал", volume = "V1, м3", supply_temperature = "t1, °C", run_time = "Tраб, ч", error = "НС" }
"""
NOW = to_ms(dt.datetime.fromisoformat("2026-02-01T12:00:00+03:00"))


def ms(text: str) -> int:
    return to_ms(dt.datetime.fromisoformat(text))


def events(
    content: bytes, archive: str = HOURLY, meter: tuple[str, str] | None = ("b01", "heat"), **options: Any
) -> tuple[list[Readings | Rejected], Tally]:
    site = parse_site(SITE + archive)
    (mapped,) = site.archive
    tally = Tally()
    results = archive_events(
        lambda: rows_of(content, encoding=mapped.encoding, delimiter=mapped.delimiter, sheet=mapped.sheet),
        archive=mapped,
        site=site,
        meter=meter,
        name="a.csv",
        received_at=NOW,
        tally=tally,
        **({"backfill": False} | options),
    )
    return list(results), tally


VKT7 = """Отчёт о теплопотреблении;;;;;
Прибор ВКТ-7 № 12345;;;;;

Дата и время;Q, Гкал;V1,  м3;t1, °C;Tраб, ч;НС
01.01.2026 00:00;0,125;3,50;71,4;1,00;0
01.01.2026 01:00;0,130;3,55;71,0;1,00;0
01.01.2026 02:00;-;3,40;70,5;0,50;17
01.01.2026 03:00;1 000,5;обрыв;70;1;
Итого:;1000,755;10,45;;3,5;
Ответственный;;;;;
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251"])
def test_an_archive_as_a_heat_meter_writes_it(encoding: str) -> None:
    results, tally = events(VKT7.replace("°", "").encode(encoding), HOURLY.replace("°", ""))
    start = ms("2026-01-01T00:00:00+03:00")
    by_quantity = {(r.quantity, r.nature): r for r in results if isinstance(r, Readings)}
    energy = by_quantity["energy", "interval"]
    assert energy.starts == (start, start + HOUR_MS, start + 3 * HOUR_MS)
    assert energy.times == tuple(t + HOUR_MS for t in energy.starts)
    assert energy.amounts == (145_375, 151_190, 1_163_581_500)
    assert by_quantity["volume", "interval"].amounts == (3_500, 3_550, 3_400)
    temperatures = by_quantity["supply_temperature", "gauge"]
    assert temperatures.times == tuple(start + HOUR_MS // 2 + i * HOUR_MS for i in range(4))
    assert temperatures.amounts == (71_400, 71_000, 70_500, 70_000)
    rejected = [(r.reason, r.readings, r.detail) for r in results if isinstance(r, Rejected)]
    assert rejected == [
        ("bad_value", 1, "row 8, column 'V1, м3': 'обрыв' is not a number"),
        ("bad_time", 2, "row 9: 'Итого:' is not a time"),
    ]
    assert (tally.rows, tally.rows_with_error, tally.rows_cut_short) == (6, 1, 1)


def test_an_excel_file_with_real_dates_and_numbers() -> None:
    content = excel(
        [
            ["Архив"],
            [],
            ["Дата и время", "Q, Гкал", "V1, м3", "t1, °C", "Tраб, ч", "НС"],
            [dt.datetime(2026, 1, 1), 0.125, 3.5, 71, 1, 0],  # noqa: DTZ001
            [dt.datetime(2026, 1, 1, 1), 0.13, None, "н/д", 1, 0],  # noqa: DTZ001
        ]
    )
    results, tally = events(content)
    amounts = {r.quantity: r.amounts for r in results if isinstance(r, Readings)}
    assert amounts == {"energy": (145_375, 151_190), "volume": (3_500,), "supply_temperature": (71_000,)}
    assert (tally.rows, tally.rows_with_error) == (2, 0)


ACTS = """
[[archive]]
id = "acts"
columns = { time = "Месяц", energy = "Гкал", volume = "м3" }
interval = "month"
"""


@pytest.mark.parametrize(
    "cells",
    [
        ["Январь 2025 г.", "февраль 2025", "Март 2025 года", "май 2025"],
        ["01.2025", "02.2025", "3.2025", "05.2025"],
        ["2025-01", "2025-02", "2025-03", "2025-05"],
        ["31.01.2025", "28.02.2025", "01.03.2025", "15.05.2025"],
        ["2025-01-01", "2025-02-01", "2025-03-01", "2025-05-31"],
    ],
)
def test_acts_are_months_of_the_place(cells: list[str]) -> None:
    text = "Месяц,Гкал,м3\n" + "".join(f"{cell},{100 + i}.5,{i}\n" for i, cell in enumerate(cells))
    results, _ = events(text.encode(), ACTS, backfill=True)
    energy = next(r for r in results if isinstance(r, Readings) and r.quantity == "energy")
    assert energy.nature == "interval"
    assert energy.starts == tuple(ms(f"2025-{m:02d}-01T00:00:00+03:00") for m in (1, 2, 3, 5))
    assert energy.times == tuple(ms(f"2025-{m:02d}-01T00:00:00+03:00") for m in (2, 3, 4, 6))
    assert energy.amounts == (116_881_500, 118_044_500, 119_207_500, 120_370_500)


@pytest.mark.parametrize(
    ("interval", "stamp", "cell", "span"),
    [
        ("hour", "end", "01.01.2026 01:00", ("2026-01-01T00:00", "2026-01-01T01:00")),
        ("hour", "end", "01.01.2026 24:00", ("2026-01-01T23:00", "2026-01-02T00:00")),
        ("day", "start", "02.01.2026", ("2026-01-02T00:00", "2026-01-03T00:00")),
        ("day", "end", "02.01.2026", ("2026-01-01T00:00", "2026-01-02T00:00")),
        ("day", "end", "02.01.2026 23:00", ("2026-01-02T00:00", "2026-01-03T00:00")),
        ("month", "end", "01.01.2026", ("2025-12-01T00:00", "2026-01-01T00:00")),
        ("month", "end", "31.12.2025", ("2025-12-01T00:00", "2026-01-01T00:00")),
    ],
)
def test_which_interval_a_time_names(interval: str, stamp: str, cell: str, span: tuple[str, str]) -> None:
    archive = f'[[archive]]\nid = "a"\ncolumns = {{ time = 1, energy = 2 }}\ninterval = "{interval}"\nstamp = "{stamp}"\n'
    (event,), _ = events(f"{cell};1\n".encode(), archive, backfill=True)
    assert isinstance(event, Readings)
    assert (event.starts, event.times) == tuple((ms(text + ":00+03:00"),) for text in span)


def test_registers_of_several_meters_by_column_and_number() -> None:
    archive = '[[archive]]\nid = "a"\nkind = "register"\ncolumns = { time = 1, meter = 2, energy = 3 }\nunits = { energy = "MWh" }\n'
    text = "2026-01-01T00:00:00Z\tb01/heat\t5\n2026-01-01T00:00:00Z\tb02/heat\t6\n2026-01-01T00:00:00Z\tb03/heat\t7\n"
    results, _ = events(text.encode(), archive, None)
    assert [(r.building, r.nature, r.amounts, r.starts) for r in results if isinstance(r, Readings)] == [
        ("b01", "register", (5_000_000,), ()),
        ("b02", "register", (6_000_000,), ()),
    ]
    (rejected,) = (r for r in results if isinstance(r, Rejected))
    assert (rejected.reason, rejected.readings) == ("unknown_meter", 1)


def test_what_is_too_old_or_ahead_or_used_backwards() -> None:
    archive = '[[archive]]\nid = "a"\ncolumns = { time = 1, energy = 2 }\n'
    text = "2020-01-01 00:00,1\n2027-01-01 00:00,1\n2026-01-30 00:00,-1\n1999-01-01 00:00,1\n2026-01-30 01:00,1\n"
    results, tally = events(text.encode(), archive)
    reasons = [r.reason for r in results if isinstance(r, Rejected)]
    assert reasons == ["too_late", "from_future", "bad_value", "bad_time"]
    assert tally.too_late == 1
    results, _ = events(text.encode(), archive, backfill=True)
    assert [r.reason for r in results if isinstance(r, Rejected)] == ["from_future", "bad_value", "bad_time"]


def test_the_night_when_the_clocks_go_back() -> None:
    archive = '[[archive]]\nid = "a"\ncolumns = { time = 1, energy = 2 }\ntimezone = "Europe/Helsinki"\n'
    hours = ["01", "02", "03", "03", "04"]
    text = "".join(f"26.10.2025 {hour}:00;1\n" for hour in hours)
    (event,), _ = events(text.encode(), archive, backfill=True)
    assert isinstance(event, Readings)
    first = ms("2025-10-26T01:00:00+03:00")
    assert event.starts == tuple(first + i * HOUR_MS for i in range(5))


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"a;b\n1;2\n", NoHeader, "the nearest lacks"),
        (b"", NoHeader, "no row has"),
        (b"PK\x03\x04 not a zip", NotATable, "not an Excel file"),
    ],
)
def test_what_is_no_table(content: bytes, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        events(content)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("columns = { energy = 1 }", "'time' is missing"),
        ("columns = { time = 1 }", "no quantity"),
        ("columns = { time = 1, joy = 2 }", "'joy' is not known"),
        ('columns = { time = 1, energy = 2 }\nunits = { energy = "m3" }', "does not measure"),
        ('columns = { time = 1, energy = 2 }\nunits = { volume = "m3" }', "not among the columns"),
        ('columns = { time = 1, energy = 2 }\ninterval = "week"', "interval"),
        ('columns = { time = 1, issued = 2, energy = 3 }\nkind = "register"', "'issued' is of intervals"),
    ],
)
def test_a_field_map_is_checked(table: str, words: str) -> None:
    with pytest.raises(SiteError, match=words):
        parse_site(f'{SITE}\n[[archive]]\nid = "a"\n{table}\n')


def test_an_archive_needs_no_more_than_its_columns() -> None:
    assert Archive(id="a", columns={"time": 1, "energy": "Q"}).kind == "interval"


ISSUED = """
[[archive]]
id = "acts"
columns = { time = "Месяц", energy = "Гкал", issued = "Акт от" }
interval = "month"
"""


def test_an_act_says_when_it_was_issued_and_by_whom() -> None:
    text = (
        "Месяц;Гкал;Акт от\n"
        "01.2025;61,204;05.02.2025\n"
        "02.2025;55,1;05.03.2025 10:00\n"
        "01.2025;63,9;05.03.2025 10:00\n"
        "03.2025;40;\n"
        "04.2025;41;вчера\n"
        "05.2025;42;01.01.2062\n"
    )
    results, _ = events(text.encode(), ISSUED, backfill=True, issued=ms("2025-06-01T00:00:00+03:00"))
    stated = [(r.issued, r.amounts, r.source) for r in results if isinstance(r, Readings)]
    assert stated == [
        (ms("2025-02-05T00:00:00+03:00"), (71_180_252,), "acts"),
        (ms("2025-03-05T10:00:00+03:00"), (64_081_300, 74_315_700), "acts"),
        (ms("2025-06-01T00:00:00+03:00"), (46_520_000,), "acts"),
    ]
    rejected = [(r.reason, r.detail) for r in results if isinstance(r, Rejected)]
    assert rejected == [
        ("bad_time", "row 6: 'вчера' is not a time of issue"),
        ("from_future", "row 7: issued '01.01.2062', which lies ahead"),
    ]


def test_registers_and_gauges_are_issued_by_nobody() -> None:
    results, _ = events(VKT7.encode(), issued=ms("2026-01-05T00:00:00+03:00"))
    assert {(r.nature, bool(r.issued), r.source) for r in results if isinstance(r, Readings)} == {
        ("interval", True, "vkt7"),
        ("gauge", False, ""),
    }


def test_archives_of_one_source_correct_each_other() -> None:
    table = "columns = { time = 1, energy = 2 }\n"
    site = parse_site(f'{SITE}[[archive]]\nid = "a"\n{table}[[archive]]\nid = "b"\nsource = "a"\n{table}')
    assert [archive.stated_by for archive in site.archive] == ["a", "a"]


DAILY = '\n[[archive]]\nid = "d"\ninterval = "day"\ncolumns = { time = "Дата", energy = "Q, Гкал" }\n'


def daily(form: str, n: int = 10, value: float = 0.6, above: str = "") -> bytes:
    first = dt.date(2026, 1, 1)
    rows = "".join(f"{first + dt.timedelta(days=d):{form}};{value + d / 100:.2f}\n" for d in range(n))
    return f"{above}Дата;Q, Гкал\n{rows}".encode()


@pytest.mark.parametrize(
    "form", ["%m/%d/%Y", "%d/%m/%Y", "%m.%d.%Y", "%m-%d-%y", "%y-%m-%d", "%d.%m.%y", "%Y-%m-%d"]
)
def test_ten_days_are_ten_days_in_any_order_of_day_and_month(form: str) -> None:
    (event,), _ = events(daily(form), DAILY)
    assert isinstance(event, Readings)
    first = ms("2026-01-01T00:00:00+03:00")
    assert event.starts == tuple(first + 24 * d * HOUR_MS for d in range(10))


def test_a_date_that_does_not_tell_is_refused_and_a_stated_order_is_kept() -> None:
    one = "Дата;Q, Гкал\n01/02/2025;0,6\n".encode()
    with pytest.raises(Unclear, match=r"column 'Дата': row 2 '01/02/2025' .* --dates dmy .* `dates = "):
        events(one, DAILY)
    for order, day in (("mdy", 2), ("dmy", 32)):
        (event,), _ = events(one, f'{DAILY}dates = "{order}"', backfill=True)
        assert isinstance(event, Readings)
        assert event.starts == (ms("2025-01-01T00:00:00+03:00") + (day - 1) * 24 * HOUR_MS,)
        assert events(one, DAILY, order=order, backfill=True)[0] == [event]
    # What is no date in the stated order is rejected, never read in another.
    both = "Дата;Q, Гкал\n01/13/2026;0,6\n13/01/2026;0,7\n".encode()
    with pytest.raises(
        Unclear, match="row 2 '01/13/2026' can only be month/day/year, row 3 '13/01/2026' only day/month"
    ):
        events(both, DAILY)
    results, _ = events(both, DAILY, order="mdy")
    assert [r.amounts for r in results if isinstance(r, Readings)] == [(697_800,)]
    assert [(r.reason, r.detail) for r in results if isinstance(r, Rejected)] == [
        ("bad_time", "row 3: '13/01/2026' is not a time as month/day/year")
    ]


def test_dates_and_hours_in_two_columns_are_told_from_the_column_of_dates() -> None:
    archive = '[[archive]]\nid = "a"\ncolumns = { time = 1, time_of_day = 2, energy = 3 }\n'
    text = "".join(f"{'' if h else f'01/{d:02d}/2026'};{h};0,1\n" for d in (1, 2, 3) for h in range(24))
    (event,), _ = events(text.encode(), archive)
    assert isinstance(event, Readings)
    first = ms("2026-01-01T00:00:00+03:00")
    assert event.starts == tuple(first + h * HOUR_MS for h in range(72))


TOTAL = f"{sum(0.6 + d / 100 for d in range(10)):.2f}"


@pytest.mark.parametrize("date", ["11.01.2026", "10.01.2026", "20.01.2026"])
def test_a_total_stamped_with_a_date_is_no_energy(date: str) -> None:
    results, tally = events(daily("%d.%m.%Y") + f"{date};{TOTAL}\n".encode(), DAILY)
    (readings,) = (r for r in results if isinstance(r, Readings))
    assert sum(readings.amounts) == round(float(TOTAL) * 1_163_000)
    (rejected,) = (r for r in results if isinstance(r, Rejected))
    assert (rejected.reason, rejected.readings, tally.totals_rows) == ("totals", 1, 1)
    assert rejected.detail == "row 12: a row of totals: its values are the sums of rows 2 to 11"
    results, _ = events(daily("%d.%m.%Y") + f"{date};{TOTAL}\n".encode(), DAILY + "totals = false")
    assert not any(isinstance(r, Rejected) for r in results)


def test_a_total_in_excel_whose_sums_are_binary_fractions() -> None:
    cells: list[list[object]] = [["Дата", "Q, Гкал"]]
    cells += [[dt.date(2026, 1, 1 + d), 0.6 + d / 100] for d in range(10)]
    cells.append([dt.date(2026, 1, 11), sum(0.6 + d / 100 for d in range(10))])
    results, _ = events(excel(cells), DAILY)
    assert [r.reason for r in results if isinstance(r, Rejected)] == ["totals"]


def test_totals_count_rows_that_are_too_late_themselves() -> None:
    text = "Дата;Q, Гкал\n" + "".join(f"{d:02d}.12.2025;0,6{d % 10}\n" for d in range(10, 32))
    total = sum(0.6 + d % 10 / 100 for d in range(10, 32))
    results, tally = events(f"{text}01.01.2026;{total:.2f}\n".encode(), DAILY)
    assert tally.too_late == 8
    assert [r.reason for r in results if isinstance(r, Rejected)] == ["too_late"] * 8 + ["totals"]


ABOVE = "Отчёт сформирован: 31.01.2026 12:30\nПериод с 01.01.2026 по 10.01.2026\n\n"


def test_a_line_says_when_the_table_was_issued() -> None:
    (event,), _ = events(daily("%d.%m.%Y", above=ABOVE), DAILY)
    assert isinstance(event, Readings)
    assert (event.issued, event.source) == (ms("2026-01-31T12:30:00+03:00"), "d")
    (event,), _ = events(daily("%d.%m.%Y") + "Напечатано 31.01.2026\n".encode(), DAILY)
    assert isinstance(event, Readings)
    assert event.issued == ms("2026-01-31T00:00:00+03:00")
    # What the person says wins.
    (event,), _ = events(daily("%d.%m.%Y", above=ABOVE), DAILY, issued=NOW)
    assert isinstance(event, Readings)
    assert event.issued == NOW


@pytest.mark.parametrize(
    ("above", "words"),
    [
        (
            "Отчёт сформирован 31.01.2027\n",
            "row 1: issued 2027-01-30T21:00:00Z, which lies before 2000 or ahead",
        ),
        (
            "Сформирован 30.01.2026\nНапечатан 31.01.2026\n",
            "several times of issue: row 1 '30.01.2026', row 2",
        ),
        ("Issued 01/02/2026\n", "the time of issue: row 1 '01/02/2026' are dates as"),
        ("Issued 45.45.2026\n", "'45.45.2026' is not a time of issue"),
    ],
)
def test_a_time_of_issue_that_cannot_be_is_refused(above: str, words: str) -> None:
    with pytest.raises(Unclear, match=words):
        events(daily("%Y-%m-%d", above=above), DAILY)


def test_kilowatt_hours_under_a_heading_of_gigacalories() -> None:
    results, tally = events(daily("%d.%m.%Y", value=700), DAILY)
    assert {r.reason for r in results} == {"implausible"}  # type: ignore[union-attr]
    assert len(results) == 10
    (doubt,) = tally.doubts
    assert doubt.startswith(
        "column 'Q, Гкал': 10 of 10 values of b01/heat energy are above what the meter's bound"
    )
    assert 'They fit as kWh (a factor of 1163): if they are, set units = { energy = "kWh" } in' in doubt
    for unit, doubts in (("kWh", 0), ("MWh", 1), ("GJ", 1)):
        _, tally = events(daily("%d.%m.%Y", value=700), f'{DAILY}units = {{ energy = "{unit}" }}')
        assert len(tally.doubts) == doubts


def test_one_value_above_the_bound_is_one() -> None:
    results, tally = events(daily("%d.%m.%Y") + b"11.01.2026;700\n", DAILY)
    assert (
        sum(len(r.times) for r in results if isinstance(r, Readings)),
        tally.implausible,
        tally.doubts,
    ) == (11, 1, [])


def test_registers_in_another_unit_than_their_heading() -> None:
    text = "Дата;Q, Гкал\n" + "".join(f"2026-01-01 {h:02d}:00;{100_000 + 700 * h}\n" for h in range(10))
    results, tally = events(text.encode(), DAILY + 'kind = "register"')
    assert {r.reason for r in results} == {"implausible"}  # type: ignore[union-attr]
    assert "9 of 9 values of b01/heat energy" in tally.doubts[0]
    # An exchange is no other unit.
    text = "Дата;Q, Гкал\n2026-01-01 00:00;100\n2026-01-01 01:00;100,2\n2026-01-01 02:00;9000\n2026-01-01 03:00;9000,2\n"
    _, tally = events(text.encode(), DAILY + 'kind = "register"')
    assert tally.doubts == []


def test_values_that_name_their_unit() -> None:
    text = "Дата;Q, Гкал\n01.01.2026;0,6 Гкал\n02.01.2026;700 кВт*ч\n03.01.2026;1 700,5кВт·ч\n04.01.2026;7 попугаев\n"
    results, tally = events(text.encode(), DAILY)
    assert [r.amounts for r in results if isinstance(r, Readings)] == [(697_800,)]
    assert [(r.reason, r.detail) for r in results if isinstance(r, Rejected)] == [
        ("wrong_unit", "row 3, column 'Q, Гкал': '700 кВт*ч': the column is in Gcal"),
        ("wrong_unit", "row 4, column 'Q, Гкал': '1 700,5кВт·ч': the column is in Gcal"),
        ("bad_value", "row 5, column 'Q, Гкал': '7 попугаев' is not a number"),
    ]
    assert tally.doubts == [
        "column 'Q, Гкал': 2 values of b01/heat energy name kWh, the column is in Gcal, and none of them is taken: "
        "if they are right, set units = { energy = \"kWh\" } in [[archive]] 'd'"
    ]
    results, tally = events(text.encode(), DAILY + 'units = { energy = "kWh" }')
    assert [r.amounts for r in results if isinstance(r, Readings)] == [(700_000, 1_700_500)]
