"""`kvartal contract` and `kvartal portfolio` over stores that the pipeline filled."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kvartal.replay import replay
from metering.savings.uncertainty import interval
from metering.site.model import parse_site
from simulators.quarter import Quarter
from storage.sqlite_reader import Reader
from tests.sites import archive, building, contract, meter, site_text, source, station, tariff

EXTRA = """
  [[contract.event]]
  from = 2024-12-01
  to = 2024-12-31
  total = "-2500"
  reason = "lift out of order"
  author = "Ivanova"
  approved_by = "Petrov"

[[co2]]
carrier = "electricity"
from = 2024-01-01
kg = "0.4"
unit = "kWh"
source = "grid operator 2024"
"""


class Served(NamedTuple):
    site: Path
    db: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "kvartal", *arguments, "--site", str(self.site), "--db", str(self.db)],
            capture_output=True,
            timeout=120,
            check=False,
            text=True,
            encoding="utf-8",
        )

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def quarter(tmp_path_factory: pytest.TempPathFactory) -> Served:
    directory = tmp_path_factory.mktemp("contract")
    made = Quarter(houses=2, seed=1)
    text = made.site_toml() + EXTRA
    file, db = directory / "site.toml", directory / "kvartal.db"
    file.write_text(text, encoding="utf-8")
    replay(made.archives(), site=parse_site(text), db=db)
    return Served(file, db)


def test_the_command_says_what_the_stream_found(quarter: Served) -> None:
    for contract_id, unit in (("c-b01-heat", 1_163_000), ("c-b02-light", 1_000)):
        got = quarter.json("contract", contract_id)
        position = Reader(quarter.db).position(contract_id)
        assert position is not None
        low, high = interval(
            expected_total=position.expected, used_total=position.used, half_width=position.half_width
        )
        assert got["saving"]["interval_90_pct"] == pytest.approx([100 * low, 100 * high], abs=1e-9)
        assert got["saving"]["expected"] == pytest.approx(position.expected / unit, abs=1e-5)
        assert got["saving"]["grade"] == position.grade
        assert got["versions"]["baseline"] == position.baseline_id
        assert got["days"] == position.days


def test_what_the_site_file_says_is_in_it(quarter: Served) -> None:
    got = quarter.json("contract", "c-b02-light")
    (event,) = got["events"]
    assert (event["added"], event["approved_by"]) == (-2500, "Petrov")
    assert got["unadjusted"]["expected"] - got["saving"]["expected"] == pytest.approx(2500)
    assert got["co2"]["t"] == pytest.approx(0.0004 * got["saving"]["avoided"], abs=1e-3)
    assert got["co2"]["sources"] == ["grid operator 2024"]
    assert got["absent"]["formula"]["reason"] == "not_heat"


@pytest.mark.parametrize(("lang", "words"), [("ru", "экономия доказана"), ("en", "saving proved")])
def test_lines_for_people(quarter: Served, lang: str, words: str) -> None:
    done = quarter.run("contract", "c-b01-heat", "--lang", lang)
    assert done.returncode == 0, done.stderr
    assert words in done.stdout.splitlines()[1]


def test_a_contract_that_is_not_there(quarter: Served) -> None:
    done = quarter.run("contract", "c9")
    assert done.returncode == 2
    assert "c-b01-heat, c-b02-heat, c-b02-light" in done.stderr


def test_a_portfolio_is_the_sum_of_its_contracts(quarter: Served) -> None:
    ones = [quarter.json("contract", c)["saving"] for c in ("c-b01-heat", "c-b02-heat")]
    whole = quarter.json("portfolio", "--by", "quarter")["groups"]
    assert [group["id"] for group in whole] == ["quarter-137"]
    heat = next(each for each in whole[0]["carriers"] if each["carrier"] == "heat")
    assert heat["avoided"] == pytest.approx(sum(one["avoided"] for one in ones), abs=1e-5)
    common = 0.01 * sum(abs(one["avoided"]) for one in ones)
    assert heat["half_width_90"] == pytest.approx(
        math.hypot(common, *(one["half_width_90"] for one in ones)), rel=1e-6
    )
    programmes = quarter.json("portfolio", "--by", "programme")["groups"]
    assert [group["name"] for group in programmes] == ["Тёплый город", "Эффективный свет"]
    buildings = quarter.json("portfolio", "--by", "building")["groups"]
    assert [group["contracts"] for group in buildings] == [1, 2]
    assert sum(group["money"]["saved"] for group in buildings) == pytest.approx(whole[0]["money"]["saved"])
    assert "saving proved" in quarter.run("portfolio", "--lang", "en").stdout


ACTS_SITE = site_text(
    source("k/{building}/{meter}"),
    source("w/{station}"),
    station(),
    archive({"time": "month", "energy": "Gcal"}, id="acts", interval="month"),
    tariff(("2023-01-01", "2500")),
    building(meter(), station="spb"),
    contract(baseline="2024-01-01..2024-12-31", reporting="2025-01-01..", tariff="heat"),
)


@pytest.fixture(scope="module")
def acts(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A house of which only monthly acts are known, and the weather of its station."""
    directory = tmp_path_factory.mktemp("acts")
    rng = random.Random(5)
    months: dict[str, float] = {}
    weather = ["timestamp,temperature"]
    for date in range(dt.date(2023, 12, 25).toordinal(), dt.date(2026, 1, 3).toordinal()):
        day = dt.date.fromordinal(date)
        temp = 6 - 12 * math.cos(2 * math.pi * (day.timetuple().tm_yday - 20) / 365) + rng.gauss(0, 2.5)
        weather += [f"{day}T{hour:02}:00,{temp:.2f}" for hour in range(0, 24, 3)]
        saved = 0.75 if day.year == 2025 else 1.0
        use = 2.6 + 0.4 * saved * max(0.0, 16 - temp)
        months[f"{day:%Y-%m}"] = months.get(f"{day:%Y-%m}", 0.0) + use
    file, db = directory / "site.toml", directory / "kvartal.db"
    table, air = directory / "acts.csv", directory / "weather.csv"
    file.write_text(ACTS_SITE, encoding="utf-8")
    table.write_text(
        "month,Gcal\n"
        + "".join(
            f"{m},{v * rng.gauss(1, 0.01):.2f}\n" for m, v in months.items() if m[:4] in ("2024", "2025")
        ),
        encoding="utf-8",
    )
    air.write_text("\n".join(weather) + "\n", encoding="utf-8")
    served = Served(file, db)
    for arguments in (
        ("import", str(table), "--meter", "b01/heat", "--backfill"),
        ("import", str(air), "--station", "spb"),
    ):
        done = served.run(*arguments)
        assert done.returncode == 0, done.stderr
    return served


def test_a_contract_of_monthly_acts(acts: Served) -> None:
    got = acts.json("contract", "c1")
    assert got["resolution"] == "month"
    assert got["period"] == {"first": "2025-01-01", "last": "2025-12-31"}
    assert (got["days"], got["days_missing"]) == (365, 0)
    low, high = got["saving"]["interval_90_pct"]
    # A quarter of the heating is about 15 % of all heat here.
    assert low < got["saving"]["avoided_pct"] < high
    assert got["saving"]["avoided_pct"] == pytest.approx(15.5, abs=2)
    assert got["saving"]["grade"] in "ABC"
    assert got["verdict"] == "proved"
    assert got["money"]["saved"] == pytest.approx(2500 * got["saving"]["avoided"], rel=1e-6)
    assert got["typical_year"]["avoided"] == pytest.approx(got["saving"]["avoided"], rel=0.1)
    assert got["absent"]["formula"]["reason"] == "monthly"
    assert got["proposed_changes"] == []
    words = acts.run("contract", "c1", "--lang", "en").stdout
    assert "of 12 monthly acts" in words
    assert Reader(acts.db).savings("c1", 0, 10**6) == []
