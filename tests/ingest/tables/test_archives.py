"""Tables as meters and suppliers write them: what becomes of each cell."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from ingest.tables.archives import Tally, archive_events
from ingest.tables.headers import NoHeader
from ingest.tables.sheets import NotATable, rows_of
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
