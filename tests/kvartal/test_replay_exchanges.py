"""Exchanges that people declare, from the site file or a message, through the whole pipeline."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.commands import capture, kvartal
from tests.sites import building, meter, site_text

SITE = site_text(
    building(meter("heat", "heat", "kWh")),
)
EXCHANGE = """
[[building.meter.exchange]]
at = 2026-01-02T12:30:00
old_final = "1745"
new_initial = "5"
"""
MESSAGE = {
    "unit": "kWh",
    "exchange": {"time": "2026-01-02T12:30:00+03:00", "old_final": 1745, "new_initial": 5},
}
"""The old register counts 20 kWh an hour from 1000 on, the new one from 5 at half past twelve."""


def readings() -> list[list[object]]:
    old = [[f"2026-01-0{1 + h // 24}T{h % 24:02d}:00:00+03:00", 1000 + 20 * h] for h in range(37)]
    new = [[f"2026-01-0{1 + h // 24}T{h % 24:02d}:00:00+03:00", 15 + 20 * (h - 37)] for h in range(37, 60)]
    return [*old, *new]


def run(tmp_path: Path, lines: list[str], site: str, db: str = "k.db") -> list[dict[str, str]]:
    (tmp_path / "site.toml").write_text(site, encoding="utf-8")
    (tmp_path / "c.jsonl").write_text("".join(lines), encoding="utf-8")
    at = str(tmp_path / db)
    done = kvartal("replay", str(tmp_path / "c.jsonl"), "--site", str(tmp_path / "site.toml"), "--db", at)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["received"] == counts["accepted"] + counts["duplicate"] + counts["rejected"]
    audit = kvartal("audit", "--db", at)
    assert audit.returncode == 0, audit.stderr
    return list(csv.DictReader(io.StringIO(kvartal("ledger", "--db", at).stdout.decode())))


def total(rows: list[dict[str, str]]) -> int:
    return sum(int(row["amount"]) for row in rows)


ARCHIVE = capture({"unit": "kWh", "readings": readings()}, "2026-01-03T12:00:00+03:00")
DECLARED = capture(MESSAGE, "2026-01-03T13:00:00+03:00")


def test_without_a_declaration_the_hour_between_is_lost(tmp_path: Path) -> None:
    assert total(run(tmp_path, [ARCHIVE], SITE)) == (36 + 22) * 20_000


@pytest.mark.parametrize("lines", [[ARCHIVE, DECLARED], [DECLARED, ARCHIVE], [DECLARED, ARCHIVE, DECLARED]])
def test_an_exchange_told_by_message_at_any_time(tmp_path: Path, lines: list[str]) -> None:
    rows = run(tmp_path, lines, SITE)
    assert total(rows) == 59 * 20_000 + 15_000
    assert {row["flags"] for row in rows} == {"measured", "exchange"}


def test_an_exchange_in_the_site_file_restates_and_is_void_when_it_is_taken_out(tmp_path: Path) -> None:
    before = run(tmp_path, [ARCHIVE], SITE)
    with_it = run(tmp_path, [ARCHIVE], SITE + EXCHANGE)
    assert total(with_it) == 59 * 20_000 + 15_000
    by_message = run(tmp_path, [ARCHIVE, DECLARED], SITE, "other.db")
    assert with_it == by_message
    assert run(tmp_path, [ARCHIVE], SITE) == before
    restated = kvartal("restatements", "--db", str(tmp_path / "k.db"))
    assert restated.returncode == 0
