"""Sub-meters and virtual meters by the command line: days, balance, findings, audit."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pytest

from ingest.captures import read_captures
from kvartal.audit import audit_store
from kvartal.files import read_site
from kvartal.replay import replay
from storage.sqlite_reader import Reader
from tests.commands import capture, kvartal
from tests.places import ROOT
from tests.sites import building, meter, site_text, source

SITE = site_text(
    source("kvartal/v1/{building}/{meter}/readings", backfill=True),
    building(
        meter("main", "electricity", "kWh"),
        meter("lift", "electricity", "kWh", parent="main"),
        meter("flats", "electricity", "kWh", virtual={"plus": ["main"], "minus": ["lift"]}),
    ),
)


MANUAL = (ROOT / "docs" / "meters.md").read_text(encoding="utf-8")


def day_of(meter: str, day: int, use: int, start: int, hours: range) -> str:
    """A day of January's hourly readings, from midnight to midnight."""
    rows = [[f"2026-01-{day:02d}T{h:02d}:00:00+03:00", start + use * h] for h in hours if h < 24]
    rows += [[f"2026-01-{day + 1:02d}T00:00:00+03:00", start + use * 24]] if 24 in hours else []
    payload = {"unit": "kWh", "readings": rows}
    return capture(payload, "2026-02-03T12:00:00+03:00", topic=f"kvartal/v1/b01/{meter}/readings")


ALL = range(25)


def lines(meter: str, use: int, days: range, *, silent: tuple[int, ...] = ()) -> list[str]:
    return [day_of(meter, d, use, 1000 + 24 * use * (d - 1), ALL) for d in days if d not in silent]


class House:
    def __init__(self, directory: Path) -> None:
        self.site, self.db, self._captures = (directory / name for name in ("s.toml", "k.db", "c.jsonl"))
        self.site.write_text(SITE, encoding="utf-8")

    def replay(self, lines: list[str]) -> dict[str, object]:
        self._captures.write_text("".join(lines), encoding="utf-8")
        counts = replay(read_captures(self._captures), site=read_site(self.site), db=self.db)
        assert audit_store(self.db).faults == []
        return counts

    def balance(self, *options: str) -> dict[str, Any]:
        done = kvartal("balance", "--site", self.site, "--db", self.db, *options)
        assert done.returncode == 0, done.stderr.decode()
        result: dict[str, Any] = json.loads(done.stdout)
        return result


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_difference_of_meters_and_the_balance_with_its_unknown_part(house: House) -> None:
    house.replay(lines("main", 10, range(1, 8)) + lines("lift", 2, range(2, 8), silent=(4, 5)))
    reader = Reader(house.db)
    first = dt.date(2026, 1, 1).toordinal()
    flats = {day.date - first + 1: day.used for day in reader.days("b01", "flats", "energy", 1, 10**6)}
    reader.close()
    assert flats == {2: 192_000, 3: 192_000, 4: None, 5: None, 6: 192_000, 7: 192_000}
    result = house.balance("--by-day")
    assert result == {
        "building": "b01", "meter": "main", "subs": ["lift"], "unit": "Wh",
        "from": "2026-01-01", "to": "2026-01-07", "days": 4, "main": 960_000, "sub_meters": 192_000,
        "difference": 768_000, "days_missing": 3, "unknown": 384_000, "days_untold": 1,
        "by_day": [
            ["2026-01-01", None], ["2026-01-02", 192_000], ["2026-01-03", 192_000], ["2026-01-04", None],
            ["2026-01-05", None], ["2026-01-06", 192_000], ["2026-01-07", 192_000],
        ],
    }  # fmt: skip
    documented = next(line for line in MANUAL.splitlines() if line.startswith("{"))
    assert json.loads(documented) == {name: value for name, value in result.items() if name != "by_day"}
    nothing = house.balance("--period", "2026-01-01..2026-01-01")
    assert (nothing["days"], nothing["difference"], nothing["days_missing"]) == (0, None, 1)


def test_the_ledger_has_hours_of_registers_only(house: House) -> None:
    house.replay(lines("main", 10, range(1, 3)) + lines("lift", 2, range(1, 3)))
    rows = csv.DictReader(io.StringIO(kvartal("ledger", "--db", house.db).stdout.decode()))
    assert {row["meter"] for row in rows} == {"main", "lift"}


def test_a_virtual_meter_takes_no_readings(house: House) -> None:
    counts = house.replay(lines("flats", 2, range(1, 2)))
    assert counts["reasons"] == {"virtual_meter": counts["received"]}


def test_a_part_that_is_more_than_the_whole_is_found(house: House) -> None:
    house.replay(lines("main", 10, range(1, 25)) + lines("lift", 11, range(1, 25)))
    reader = Reader(house.db)
    [finding] = [each for each in reader.findings() if each["kind"] == "balance"]
    reader.close()
    assert finding["meter"] == "main"
    assert finding["figures"] == {"days": 24, "meters": "lift", "subs": 6_336_000, "main": 5_760_000}


def days_of(house: House, meter: str) -> list[tuple[int, int | None]]:
    reader = Reader(house.db)
    result = [(day.date, day.used) for day in reader.days("b01", meter, "energy", 1, 10**6)]
    reader.close()
    return result


def test_a_virtual_meter_that_is_declared_later_gets_its_members_history(house: House) -> None:
    """Also one of virtual meters, and one that is made of others than before."""
    readings = lines("main", 10, range(1, 6)) + lines("lift", 2, range(2, 6))
    house.site.write_text(SITE.replace('virtual = { plus = ["main"], minus = ["lift"] }', ""))
    house.replay(readings)
    assert days_of(house, "flats") == []
    twice = """
  [[building.meter]]
  id = "again"
  carrier = "electricity"
  unit = "kWh"
  virtual = { plus = ["flats", "lift"] }
"""
    house.site.write_text(SITE + twice)
    house.replay(readings[:1])
    first = dt.date(2026, 1, 2).toordinal()
    assert days_of(house, "flats") == [(first + i, 192_000) for i in range(4)]
    assert days_of(house, "again") == [(first + i, 240_000) for i in range(4)]
    house.site.write_text(SITE.replace('plus = ["main"], minus = ["lift"]', 'plus = ["main", "lift"]'))
    house.replay(readings[:1])
    assert days_of(house, "flats") == [(first + i, 288_000) for i in range(4)]


def test_a_parent_that_is_declared_later_is_judged_over_its_history(house: House) -> None:
    readings = lines("main", 10, range(1, 25)) + lines("lift", 11, range(1, 25))
    house.site.write_text(SITE.replace('  parent = "main"\n', ""))
    house.replay(readings)
    assert "balance" not in kinds(house)
    house.site.write_text(SITE)
    house.replay(readings[:1])
    assert "balance" in kinds(house)


def kinds(house: House) -> set[str]:
    reader = Reader(house.db)
    result = {finding["kind"] for finding in reader.findings()}
    reader.close()
    return result
