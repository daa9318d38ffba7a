"""The command line: JSON on stdout, messages on stderr, exit 0, 1 or 2."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dashboards.grafana.annotate import GrafanaRefuses
from dashboards.page.serve import CannotServe
from ingest.broker import NoBroker
from ingest.captures import BadCapture
from ingest.tables.energy import TableError
from metering.baselines.fit import Unfit
from metering.refusal import Refusal
from metering.savings.compare import NoDays
from metering.site.model import SiteError
from storage.sqlite_schema import WrongStore
from tests.commands import capture, kvartal
from tests.places import EXAMPLE as SITE
from tests.places import ROOT
from tests.sites import building, meter, site_text, source

TOPIC = "kvartal/v1/b01/heat/readings"


def lines(output: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def sent(received: str, readings: list[list[Any]], topic: str = TOPIC) -> str:
    return capture({"unit": "kWh", "readings": readings}, received, topic=topic)


@pytest.fixture
def captures(tmp_path: Path) -> Path:
    readings = [[f"2026-01-01T{h:02d}:00:00+03:00", 1000 + 20 * h] for h in range(13)]
    file = tmp_path / "captures.jsonl"
    file.write_text(
        sent("2026-01-01T12:00:00+03:00", readings[:6])
        + sent("2026-01-01T12:00:00+03:00", readings[4:])
        + sent("2026-01-01T12:00:00+03:00", [["2025-01-01T00:00:00Z", 5]])
        + sent("2026-01-01T12:00:00+03:00", [["2026-01-01T06:00:00+03:00", None]])
        + "\n",
        encoding="utf-8",
    )
    return file


def test_help_names_every_command() -> None:
    done = kvartal("--help")
    assert done.returncode == 0
    for command in (
        "demo",
        "run",
        "ingest",
        "worker",
        "decode",
        "replay",
        "ledger",
        "fit",
        "savings",
        "import",
    ):
        assert command in done.stdout.decode()


@pytest.mark.parametrize("command", ["demo", "run", "decode", "replay", "ledger", "fit", "savings", "audit"])
def test_every_command_has_help(command: str) -> None:
    assert kvartal(command, "--help").returncode == 0


def test_the_installed_command_is_the_same_entry() -> None:
    script = "import sys; from kvartal.cli import main; sys.argv = ['kvartal', 'ledger', '--db', 'nowhere.db']; main()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert b"nowhere.db" in done.stderr


def test_help_needs_nothing_that_is_slow_to_import() -> None:
    script = "import sys, kvartal.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=False)
    slow = {"numpy", "pydantic", "msgspec", "paho", "confluent_kafka", "faust", "starlette", "sqlite3"}
    assert not slow & set(done.stdout.decode().split())


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (SiteError, 2), (CannotServe, 2), (NoBroker, 2), (BadCapture, 2), (TableError, 2), (WrongStore, 2),
        (Unfit, 1), (NoDays, 1), (GrafanaRefuses, 1),
    ],
)  # fmt: skip
def test_a_refusal_has_its_status(refusal: type[Refusal], status: int) -> None:
    assert issubclass(refusal, Refusal)
    assert refusal.status == status


def test_a_check_that_fails_exits_with_1_and_says_why() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kvartal", "annotate", "--grafana", "http://127.0.0.1:1", "--site", str(SITE)],
        capture_output=True,
        timeout=60,
        check=False,
        env=os.environ | {"KVARTAL_GRAFANA_TOKEN": "t"},
    )
    assert done.returncode == 1
    assert done.stderr.startswith(b"http://127.0.0.1:1: ")
    assert b"Traceback" not in done.stderr


def test_decode_prints_readings_as_the_payload_wrote_them() -> None:
    payload = b'{"unit": "Gcal", "readings": [["2026-01-01T00:00:00+03:00", 1234.567], ["2026-01-01T01:00:00+03:00", "x"]]}'
    done = kvartal("decode", "--topic", TOPIC, "--received-at", "2026-01-01T00:00:00Z", stdin=payload)
    assert done.returncode == 0, done.stderr
    reading, rejected = lines(done.stdout)
    assert reading == {
        "reading": {
            "building": "b01",
            "meter": "heat",
            "quantity": "energy",
            "time": "2025-12-31T21:00:00Z",
            "value": "1234.567",
            "unit": "Gcal",
            "nature": "register",
        }
    }
    assert rejected["rejected"]["reason"] == "bad_value"


def test_decode_by_the_site_file_knows_its_meters(tmp_path: Path) -> None:
    file = tmp_path / "payload.json"
    file.write_bytes(b'{"time": "2026-01-01T00:00:00Z", "value": 5}')
    arguments = ("--received-at", "2026-01-01T00:00:00Z", "--site", str(SITE), str(file))
    (known,) = lines(kvartal("decode", "--topic", TOPIC, *arguments).stdout)
    assert known["reading"]["unit"] == "Gcal"
    (unknown,) = lines(kvartal("decode", "--topic", "kvartal/v1/b77/heat/readings", *arguments).stdout)
    assert unknown["rejected"]["reason"] == "unknown_meter"


def test_replay_accounts_for_every_reading_and_again_as_duplicates(captures: Path, tmp_path: Path) -> None:
    arguments = ("replay", str(captures), "--site", str(SITE), "--db", str(tmp_path / "k.db"))
    first = json.loads(kvartal(*arguments).stdout)
    assert first == {
        "received": 17, "accepted": 13, "duplicate": 2, "rejected": 2,
        "reasons": {"bad_value": 1, "too_late": 1},
    }  # fmt: skip
    again = json.loads(kvartal(*arguments).stdout)
    assert again == {
        "received": 17, "accepted": 0, "duplicate": 15, "rejected": 2,
        "reasons": {"bad_value": 1, "too_late": 1},
    }  # fmt: skip
    backfilled = json.loads(kvartal(*arguments, "--backfill").stdout)
    assert backfilled["accepted"] == 1


def test_the_ledger_is_the_same_bytes_for_the_same_facts(captures: Path, tmp_path: Path) -> None:
    outputs = []
    for name, text in (
        ("a", captures.read_text()),
        ("b", "\n".join(reversed(captures.read_text().splitlines()))),
    ):
        file, db = tmp_path / f"{name}.jsonl", tmp_path / f"{name}.db"
        file.write_text(text + "\n", encoding="utf-8")
        assert kvartal("replay", str(file), "--site", str(SITE), "--db", str(db)).returncode == 0
        outputs.append(kvartal("ledger", "--db", str(db)).stdout)
    assert outputs[0] == outputs[1]
    rows = list(csv.DictReader(io.StringIO(outputs[0].decode())))
    assert list(rows[0]) == ["building", "meter", "quantity", "start", "end", "unit", "amount", "flags"]
    assert rows[0] == {
        "building": "b01", "meter": "heat", "quantity": "energy", "start": "2025-12-31T21:00:00Z",
        "end": "2025-12-31T22:00:00Z", "unit": "Wh", "amount": "20000", "flags": "measured",
    }  # fmt: skip
    assert sum(int(row["amount"]) for row in rows) == 240_000
    as_json = json.loads(kvartal("ledger", "--db", str(tmp_path / "a.db"), "--format", "json").stdout)
    assert [str(row["amount"]) for row in as_json] == [row["amount"] for row in rows]
    one = kvartal("ledger", "--db", str(tmp_path / "a.db"), "--meter", "b01/heat").stdout
    assert one == outputs[0]


def test_audit_finds_energy_that_was_made(captures: Path, tmp_path: Path) -> None:
    db = tmp_path / "k.db"
    kvartal("replay", str(captures), "--site", str(SITE), "--db", str(db))
    done = kvartal("audit", "--db", str(db))
    assert (done.returncode, json.loads(done.stdout)) == (0, {"registers": 1, "faults": []})
    with sqlite3.connect(db) as connection:
        connection.execute("UPDATE hour SET amount = amount + 1 WHERE hour = (SELECT max(hour) FROM hour)")
    connection.close()
    done = kvartal("audit", "--db", str(db))
    assert done.returncode == 1
    assert "b01/heat/energy" in done.stderr.decode()


def test_savings_of_the_nmecr_building_are_its_authors() -> None:
    done = kvartal(
        "savings", "tests/data/nmecr_eload_daily_2012_2015.csv",
        "--baseline", "2012-03-01..2013-02-28", "--reporting", "2014-03-01..2015-02-28", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["avoided_pct"] == pytest.approx(7.4, abs=0.5)
    lo, hi = document["interval_90_pct"]
    assert lo < document["avoided_pct"] < hi
    assert abs(document["self_bias_pct"]) <= 0.05
    assert {
        "model", "n", "expected", "used", "avoided", "cvrmse", "nmbe", "r2", "days_missing",
    } <= set(document)  # fmt: skip


def test_weather_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "weather.csv"
    rows = [f"2025-01-{d:02d}T{h:02d}:00,{-5 + h / 10}" for d in range(1, 4) for h in range(24)]
    file.write_text("timestamp,temperature\n" + "\n".join(rows) + "\n", encoding="utf-8")
    db = tmp_path / "k.db"
    done = kvartal("import", str(file), "--station", "spb", "--site", str(SITE), "--db", str(db))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["accepted"] == 72
    connection = sqlite3.connect(db)
    days = connection.execute("SELECT mean_mc, coverage FROM weather_day ORDER BY date").fetchall()
    connection.close()
    assert days[0] == (-3850, 1.0)


BAD: list[tuple[tuple[str, ...], str]] = [
    (("replay", "nowhere.jsonl", "--site", str(SITE), "--db", "x.db"), "nowhere.jsonl"),
    (("ledger", "--db", "nowhere.db"), "nowhere.db"),
    (("run", "--site", "nowhere.toml"), "nowhere.toml"),
    (("run",), "KVARTAL_SITE"),
    (("savings", str(ROOT / "tests/data/nmecr_eload_daily_2012_2015.csv"), "--baseline", "2012", "--reporting", "x"), "2012"),
    (("fit", "nowhere.csv", "--baseline", "2012-01-01..2012-12-31"), "nowhere.csv"),
    (("import", "nowhere.csv", "--station", "spb", "--site", str(SITE), "--db", "x.db"), "nowhere.csv: cannot be read"),
    (("decode",), "--topic"),
    (("decode", "--topic", "a", "--received-at", "yesterday"), "yesterday"),
    (("nonsense",), "nonsense"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "named"), BAD, ids=lambda x: "-".join(x[:1]) if isinstance(x, tuple) else ""
)
def test_bad_usage_exits_with_2_and_says_what(arguments: tuple[str, ...], named: str, tmp_path: Path) -> None:
    done = kvartal(*arguments, cwd=tmp_path)
    stderr = done.stderr.decode()
    assert done.returncode == 2, stderr
    assert named in stderr
    assert "Traceback" not in stderr
    assert done.stdout == b""


def test_an_unknown_format_stops_the_start(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(
        SITE.read_text(encoding="utf-8").replace('format = "kvartal"', 'format = "shelly"', 1),
        encoding="utf-8",
    )
    (tmp_path / "none").write_text("")
    done = kvartal("replay", str(tmp_path / "none"), "--site", str(site), "--db", str(tmp_path / "k.db"))
    assert done.returncode == 2
    assert "shelly" in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


def test_a_bad_site_file_names_file_path_value_and_what_is_allowed(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(
        SITE.read_text(encoding="utf-8").replace('carrier = "heat"', 'carrier = "steam"'), encoding="utf-8"
    )
    done = kvartal("run", "--site", str(site))
    stderr = done.stderr.decode()
    assert done.returncode == 2
    for part in (str(site), "building[0].meter[0].carrier", "steam", "electricity"):
        assert part in stderr


def test_what_was_rejected_can_be_replayed_when_the_cause_is_gone(tmp_path: Path) -> None:
    site, db, again = tmp_path / "site.toml", tmp_path / "k.db", tmp_path / "again.jsonl"
    minimal = site_text(source("k/{building}/{meter}"))
    house = building(meter("el", "electricity", "kWh"))
    site.write_text(minimal, encoding="utf-8")
    file = tmp_path / "captures.jsonl"
    bad = [["2026-01-01T00:00:00Z", None], ["2026-01-01T01:00:00Z", "?"], ["2026-01-01T02:00:00Z", 7]]
    file.write_text(
        sent("2026-01-01T12:00:00+00:00", bad, topic="k/b01/el")
        + sent("2026-01-01T12:00:00+00:00", bad, topic="elsewhere"),
        encoding="utf-8",
    )
    options = ("--site", str(site), "--db", str(db))
    assert kvartal("replay", str(file), *options).returncode == 0
    assert {line["topic"] for line in lines(kvartal("rejected", "--db", str(db)).stdout)} == {
        "k/b01/el",
        "elsewhere",
    }

    site.write_text(minimal + house, encoding="utf-8")
    done = kvartal("rejected", "--db", str(db), "--reason", "unknown_meter")
    assert done.returncode == 0
    (line,) = lines(done.stdout)
    assert line["received_at"] == "2026-01-01T12:00:00Z"
    again.write_bytes(done.stdout)
    (counts,) = lines(kvartal("replay", str(again), *options).stdout)
    assert counts["accepted"] == 1
    assert counts["reasons"] == {"bad_value": 2}
    # Two readings of one message were rejected: it is one message.
    assert len(lines(kvartal("rejected", "--db", str(db), "--reason", "bad_value").stdout)) == 1

    done = kvartal("rejected", "--db", str(db), "--reason", "moonshine")
    assert done.returncode == 2
    assert b"unknown_meter" in done.stderr
