"""`kvartal import`: archives and acts into the ledger, by the command."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import openpyxl

from metering.site.sources import Archive
from metering.units import QUANTITIES
from tests.commands import kvartal
from tests.sites import archive, building, meter, site_text

SITE = site_text(
    building(meter()),
    archive({"time": "Дата", "energy": "Q", "supply_temperature": "t1"}, id="hours"),
    archive({"time": "Дата", "energy": "Q"}, id="counts", kind="register"),
    archive({"time": "Месяц", "energy": "Гкал"}, id="acts", interval="month"),
    archive({"time": "Дата", "energy": "Q, Гкал", "supply_temperature": "t1"}, id="days", interval="day"),
)


class Shop:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.site = directory / "site.toml"
        self.site.write_text(SITE, encoding="utf-8")
        self.db = directory / "k.db"

    def bring(self, text: str, archive: str, *options: str) -> dict[str, Any]:
        file = self.directory / f"{archive}.csv"
        file.write_text(text, encoding="utf-8")
        done = kvartal(
            "import", str(file), "--meter", "b01/heat", "--archive", archive,
            "--site", str(self.site), "--db", str(self.db), *options,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        counts: dict[str, Any] = json.loads(done.stdout)
        assert counts["received"] == counts["accepted"] + counts["duplicate"] + counts["rejected"]
        audit = kvartal("audit", "--db", str(self.db))
        assert audit.returncode == 0, audit.stderr.decode()
        return counts

    def ledger(self) -> list[dict[str, str]]:
        done = kvartal("ledger", "--db", str(self.db))
        assert done.returncode == 0
        return list(csv.DictReader(io.StringIO(done.stdout.decode())))


def hours(n: int, day: int = 1) -> str:
    rows = (f"{day + h // 24:02d}.03.2025 {h % 24:02d}:00;0,1;70,5\n" for h in range(n))
    return "Дата;Q;t1\n" + "".join(rows)


def test_an_archive_that_grows_and_is_brought_again(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    first = shop.bring(hours(30), "hours", "--backfill")
    assert (first["rows"], first["accepted"], first["duplicate"]) == (30, 60, 0)
    before = shop.ledger()
    again = shop.bring(hours(30), "hours", "--backfill")
    assert (again["accepted"], again["duplicate"]) == (0, 60)
    assert shop.ledger() == before
    more = shop.bring(hours(48), "hours", "--backfill")
    assert (more["accepted"], more["duplicate"]) == (36, 60)
    rows = shop.ledger()
    assert [row["amount"] for row in rows] == ["116300"] * 48
    assert {row["flags"] for row in rows} == {"measured"}
    whole = Shop(tmp_path / "whole") if (tmp_path / "whole").mkdir() is None else shop
    whole.bring(hours(48), "hours", "--backfill")
    assert whole.ledger() == rows


def test_history_without_leave_is_too_late_and_the_command_says_what_to_do(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    counts = shop.bring(hours(3), "hours")
    assert counts["reasons"] == {"too_late": 6}
    file = str(tmp_path / "hours.csv")
    done = kvartal("import", file, "--meter", "b01/heat", "--archive", "hours", "--site", str(shop.site),
                   "--db", str(shop.db))  # fmt: skip
    assert b"--backfill" in done.stderr


def test_a_register_archive_is_what_messages_with_the_same_readings_are(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    readings = [[f"2025-03-01T{h:02d}:00:00+03:00", 100 + h / 10] for h in range(24)]
    shop.bring(
        "Дата;Q\n" + "".join(f"{time};{str(value).replace('.', ',')}\n" for time, value in readings),
        "counts",
        "--backfill",
    )
    message = {
        "topic": "kvartal/v1/b01/heat/readings",
        "payload": json.dumps({"unit": "Gcal", "readings": readings}),
        "received_at": "2025-03-02T00:00:00+03:00",
        "retain": False,
    }
    captures = tmp_path / "c.jsonl"
    captures.write_text(json.dumps(message) + "\n", encoding="utf-8")
    site = tmp_path / "with_source.toml"
    source = '[[source]]\ntopic = "kvartal/v1/{building}/{meter}/readings"\n'
    site.write_text(SITE + source, encoding="utf-8")
    done = kvartal("replay", str(captures), "--site", str(site), "--db", str(tmp_path / "other.db"))
    assert json.loads(done.stdout)["accepted"] == 24, done.stderr
    other = kvartal("ledger", "--db", str(tmp_path / "other.db"))
    assert other.stdout == kvartal("ledger", "--db", str(shop.db)).stdout


def test_twelve_acts_are_twelve_known_totals_and_no_hours(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    text = "Месяц;Гкал\n" + "".join(f"{m:02d}.2024;{100 + m},25\n" for m in range(1, 13)) + "Всего;1281\n"
    counts = shop.bring(text, "acts", "--backfill")
    assert (counts["accepted"], counts["reasons"]) == (12, {"bad_time": 1})
    rows = shop.ledger()
    assert len(rows) == 12
    assert rows[0] | {"amount": ""} == {
        "building": "b01", "meter": "heat", "quantity": "energy", "start": "2023-12-31T21:00:00Z",
        "end": "2024-01-31T21:00:00Z", "unit": "Wh", "amount": "", "flags": "unknown",
    }  # fmt: skip
    assert sum(int(row["amount"]) for row in rows) == (1281 * 1_163_000)


def test_what_cannot_be_is_said_with_what_is_expected(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    (tmp_path / "x.csv").write_text("a;b\n1;2\n", encoding="utf-8")
    common = ["--site", str(shop.site), "--db", str(shop.db)]
    for arguments, words in (
        ([str(tmp_path / "x.csv"), "--meter", "b01/heat", "--archive", "hours"], "the nearest lacks"),
        ([str(tmp_path / "x.csv"), "--meter", "b01/heat"], "hours, counts, acts"),
        ([str(tmp_path / "x.csv"), "--meter", "b01/cold", "--archive", "hours"], "b01/heat"),
        ([str(tmp_path / "none.csv"), "--meter", "b01/heat", "--archive", "hours"], "cannot be read"),
    ):
        done = kvartal("import", *arguments, *common)
        assert done.returncode == 2, done.stdout
        assert words in done.stderr.decode()


def test_ctrl_c_loses_nothing_and_the_next_run_goes_on(tmp_path: Path) -> None:
    rows = "".join(
        f"{dt.datetime(2020, 1, 1) + dt.timedelta(hours=n):%d.%m.%Y %H:%M};0,{n % 9};70\n"  # noqa: DTZ001
        for n in range(36_000)
    )
    (tmp_path / "whole").mkdir()
    broken, whole = Shop(tmp_path), Shop(tmp_path / "whole")
    file = tmp_path / "long.csv"
    file.write_text("Дата;Q;t1\n" + rows, encoding="utf-8")
    command = [
        sys.executable, "-m", "kvartal", "import", str(file), "--meter", "b01/heat", "--archive", "hours",
        "--site", str(broken.site), "--db", str(broken.db), "--backfill",
    ]  # fmt: skip
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        while running.poll() is None and not accepted(broken.db):
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    finally:
        running.kill()
    assert (running.returncode, out) == (130, b"")
    assert b"the same command goes on from there" in err
    kept = accepted(broken.db)
    assert 0 < kept < 72_000
    text = file.read_text(encoding="utf-8")
    on = broken.bring(text, "hours", "--backfill")
    assert (on["accepted"], on["duplicate"]) == (72_000 - kept, kept)
    whole.bring(text, "hours", "--backfill")
    for command_name in ("ledger", "gauges"):
        one, other = (kvartal(command_name, "--db", str(shop.db)) for shop in (broken, whole))
        assert one.stdout == other.stdout
        assert one.returncode == 0


def accepted(db: Path) -> int:
    """Readings that the store has taken."""
    if not db.exists():
        return 0
    store = sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)
    try:
        (n,) = store.execute("SELECT coalesce(sum(accepted), 0) FROM register").fetchone()
    except sqlite3.OperationalError:  # it is being made
        return 0
    finally:
        store.close()
    return int(n)


def test_a_file_that_is_no_table_is_refused_in_words(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    book = openpyxl.Workbook()
    book.create_sheet("Часы")
    book.save(tmp_path / "book.xlsx")
    (tmp_path / "web.xls").write_text("<html><table><tr><td>Дата</td></tr></table></html>", encoding="utf-8")
    (tmp_path / "torn.xlsx").write_bytes((tmp_path / "book.xlsx").read_bytes()[:500])
    for name, words in (
        ("book.xlsx", "may name another of Sheet, Часы"),
        ("web.xls", "save it from there as .xlsx"),
        ("torn.xlsx", "not an Excel file that can be read"),
    ):
        done = kvartal(
            "import", str(tmp_path / name), "--meter", "b01/heat", "--archive", "hours",
            "--site", str(shop.site), "--db", str(shop.db),
        )  # fmt: skip
        assert done.returncode == 2, done.stdout
        assert words in done.stderr.decode()


def days(n: int, form: str = "%d.%m.%Y", value: float = 0.4) -> str:
    first = dt.date(2025, 4, 1)
    rows = (f"{first + dt.timedelta(days=d):{form}};{value + d / 100:.2f};70\n" for d in range(n))
    return "Дата;Q, Гкал;t1\n" + "".join(rows)


def test_ten_days_of_an_american_table_are_ten_days(tmp_path: Path) -> None:
    (tmp_path / "ru").mkdir()
    american, russian = Shop(tmp_path), Shop(tmp_path / "ru")
    american.bring(days(10, "%m/%d/%Y"), "days", "--backfill")
    russian.bring(days(10), "days", "--backfill")
    rows = american.ledger()
    assert len(rows) == 10
    assert rows == russian.ledger()


def imported(shop: Shop, text: str, archive: str, *options: str) -> tuple[int, dict[str, Any], str]:
    """Status, answer and message of an import."""
    file = shop.directory / "file.csv"
    file.write_text(text, encoding="utf-8")
    done = kvartal(
        "import", str(file), "--meter", "b01/heat", "--archive", archive, "--backfill",
        "--site", str(shop.site), "--db", str(shop.db), *options,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr.decode()


def test_a_table_whose_dates_do_not_tell_is_refused_and_nothing_is_imported(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    status, _, message = imported(shop, days(1, "%m/%d/%Y"), "days")
    assert status == 2
    for words in (
        "file.csv: archive 'days': column 'Дата': row 2 '04/01/2025'",
        "--dates dmy",
        '`dates = "dmy"`',
    ):
        assert words in message
    assert not shop.db.exists()
    status, counts, _ = imported(shop, days(1, "%m/%d/%Y"), "days", "--dates", "mdy")
    assert (status, counts["accepted"]) == (0, 2)
    assert shop.ledger()[0]["start"] == "2025-03-31T21:00:00Z"


def test_a_row_of_totals_adds_no_energy(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    counts = shop.bring(days(9) + "10.04.2025;3,96;70\n", "days", "--backfill")
    assert (counts["accepted"], counts["reasons"], counts["totals_rows"]) == (18, {"totals": 2}, 1)
    assert sum(int(row["amount"]) for row in shop.ledger()) == round(3.96 * 1_163_000)


def test_kilowatt_hours_under_gigacalories_are_said_to_be_so(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    status, counts, message = imported(shop, days(10, value=400), "days")
    assert (status, counts["accepted"], counts["reasons"]) == (1, 10, {"implausible": 10})
    assert (
        "column 'Q, Гкал': 10 of 10 values of b01/heat energy are above what the meter's bound allows"
        in message
    )
    assert (
        "They fit as GJ (a factor of 4.1868) or as kWh (a factor of 1163): if they are, set units = "
        in message
    )
    shop.site.write_text(
        SITE.replace('id = "days"', 'id = "days"\nunits = { energy = "kWh" }'), encoding="utf-8"
    )
    status, counts, _ = imported(shop, days(10, value=400), "days")
    assert (status, counts["accepted"], counts["duplicate"]) == (0, 10, 10)
    assert len(shop.ledger()) == 10


def test_a_time_of_issue_that_cannot_be_is_refused(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    for mapped, instant, words in (
        ("days", "2062-01-01T00:00:00Z", "ahead of the import"),
        ("days", "yesterday", "--issued: got 'yesterday'"),
        ("counts", "2025-05-01T00:00:00Z", "a time of issue is of intervals"),
    ):
        status, _, message = imported(
            shop, hours(3) if mapped == "counts" else days(3), mapped, "--issued", instant
        )
        assert status == 2
        assert words in message


def test_the_help_has_every_key_of_an_archive() -> None:
    help_text = kvartal("import", "--help").stdout.decode()
    assert "[[archive]]" in help_text
    for key in Archive.model_fields:
        assert f"   {key} " in help_text
    for name in ("time", "time_of_day", "meter", "issued", "error", "run_time", *QUANTITIES):
        assert name == "outdoor_temperature" or name in help_text


def test_a_corrected_act_replaces_the_first_one_and_is_restated(tmp_path: Path) -> None:
    """A smaller use stood for ever: 61.204 Gcal stayed when the act was corrected to 63.900."""
    shop = Shop(tmp_path)
    acts = "Месяц;Гкал\n01.03.2025;{}\n01.04.2025;70\n"
    shop.bring(acts.format("61,204"), "acts", "--backfill")
    assert shop.bring(acts.format("63,900"), "acts", "--backfill")["accepted"] == 1
    march, april = (int(row["amount"]) for row in shop.ledger())
    assert (march, april) == (63_900 * 1163, 70_000 * 1163)
    # The first file once more says nothing new.
    assert shop.bring(acts.format("61,204"), "acts", "--backfill")["duplicate"] == 2
    assert int(shop.ledger()[0]["amount"]) == march


def test_the_time_of_issue_decides_and_not_the_order_of_imports(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    acts = "Месяц;Гкал\n01.03.2025;{}\n"
    shop.bring(acts.format("63,900"), "acts", "--backfill", "--issued", "2025-05-10T00:00:00Z")
    shop.bring(acts.format("61,204"), "acts", "--backfill", "--issued", "2025-04-10T00:00:00Z")
    assert [int(row["amount"]) for row in shop.ledger()] == [63_900 * 1163]


def test_a_daily_archive_read_at_noon_is_completed_by_the_next_one(tmp_path: Path) -> None:
    """The day's row of noon stood for ever: the month lost the afternoons."""
    shop = Shop(tmp_path)
    site = SITE + archive({"time": "Дата", "energy": "Q"}, id="daily", interval="day")
    shop.site.write_text(site, encoding="utf-8")
    rows = ["01.03.2025;2,0", "02.03.2025;2,1", "03.03.2025;0,9"]
    shop.bring("\n".join(["Дата;Q", *rows]) + "\n", "daily", "--backfill")
    rows[2] = "03.03.2025;2,2"
    shop.bring("\n".join(["Дата;Q", *rows, "04.03.2025;1,0"]) + "\n", "daily", "--backfill")
    assert [int(row["amount"]) for row in shop.ledger()] == [2_326_000, 2_442_300, 2_558_600, 1_163_000]
    done = kvartal("restatements", "--db", str(shop.db))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["date"], line["what"], line["old"], line["new"]) for line in lines] == [
        ("2025-03-03", "use", 1_046_700, 2_558_600),
        ("2025-03-03", "unknown", 1_046_700, 2_558_600),
    ]
    assert all(line["cause"].startswith("archive") for line in lines)
