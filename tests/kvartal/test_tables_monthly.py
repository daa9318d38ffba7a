"""Tables of monthly acts: the same savings as of the days that they sum, less surely, and nothing of a day."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ingest.tables.energy import TableError
from kvartal.tables import fit_table, read_table, savings_table
from tests.dates import day, period
from tests.places import DATA

UTC = ZoneInfo("UTC")
NMECR = DATA / "nmecr_eload_daily_2012_2015.csv"
BASELINE, REPORTING = "2012-03-01..2013-02-28", "2014-03-01..2015-02-28"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """The daily sample as monthly acts with mean temperatures, and its weather."""
    months: dict[str, list[tuple[float, float]]] = {}
    weather = ["timestamp,temperature"]
    with NMECR.open(encoding="utf-8") as text:
        for row in csv.DictReader(text):
            months.setdefault(row["timestamp"][:7], []).append(
                (float(row["value"]), float(row["temperature"]))
            )
            weather.append(f"{row['timestamp']},{row['temperature']}")
    lines = ["timestamp,value,temperature"]
    for month, days in sorted(months.items()):
        mean = sum(t for _, t in days) / len(days)
        lines.append(f"{month}-01,{sum(v for v, _ in days):.3f},{mean:.3f}")
    acts, temps = tmp_path / "acts.csv", tmp_path / "weather.csv"
    acts.write_text("\n".join(lines) + "\n", encoding="utf-8")
    temps.write_text("\n".join(weather) + "\n", encoding="utf-8")
    return acts, temps


@pytest.mark.parametrize("with_weather", [False, True], ids=["mean temperatures", "daily weather"])
def test_months_find_the_saving_that_the_days_find(files: tuple[Path, Path], with_weather: bool) -> None:
    acts, weather = files
    days = savings_table(read_table(NMECR, UTC), period(BASELINE), period(REPORTING))
    table = read_table(acts, UTC, weather if with_weather else None)
    got = savings_table(table, period(BASELINE), period(REPORTING))
    assert list(got)[: len(days)] == list(days)
    assert got["resolution"] == "month"
    assert got["grade"] in "ABCD"
    assert got["n"] == 12
    assert got["used"] == pytest.approx(days["used"])
    assert got["avoided_pct"] == pytest.approx(days["avoided_pct"], abs=1.5)
    low, high = got["interval_90_pct"]
    assert low < 7.41 < high
    assert abs(got["self_bias_pct"]) <= 0.05
    assert got["days_missing"] == {"baseline": 0, "reporting": 0}
    assert json.loads(json.dumps(got)) == got


def test_a_fit_says_that_its_points_are_months(files: tuple[Path, Path]) -> None:
    got = fit_table(read_table(files[0], UTC), period(BASELINE))
    assert got["baseline"]["resolution"] == "month"
    assert (got["n"], got["days_missing"]["baseline"]) == (12, 0)


def test_acts_go_to_the_next_and_a_missing_month_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "acts.csv"
    rows = ["2024-01-25,10,1", "2024-02-25,11,2", "2024-03-25,12,3", "2024-06-25,13,9", "2024-07-25,,9"]
    file.write_text("timestamp,value,temperature\n" + "\n".join(rows) + "\n", encoding="utf-8")
    acts = read_table(file, UTC).acts
    spans = [(a.first, a.last) for a in acts]
    expected = [
        ("2024-01-25", "2024-02-24"), ("2024-02-25", "2024-03-24"), ("2024-03-25", "2024-04-24"),
        ("2024-06-25", "2024-07-24"),
    ]  # fmt: skip
    assert spans == [(day(a), day(b)) for a, b in expected]


def test_an_act_that_reaches_beyond_a_period_does_not_count(files: tuple[Path, Path]) -> None:
    table = read_table(files[0], UTC)
    got = savings_table(table, period(BASELINE), period("2014-02-15..2015-03-10"))
    whole = savings_table(table, period(BASELINE), period(REPORTING))
    assert got["avoided"] == whole["avoided"]
    assert got["days_missing"]["reporting"] == 14 + 10


def test_too_few_acts_are_refused_in_words(files: tuple[Path, Path]) -> None:
    with pytest.raises(
        TableError, match=r"acts\.csv: 6 monthly acts; at least 9 are needed \(acts in the file: 2"
    ):
        savings_table(read_table(files[0], UTC), period("2012-03-01..2012-08-31"), period(REPORTING))


def test_the_command(files: tuple[Path, Path]) -> None:
    acts, weather = map(str, files)
    options = ["--baseline", BASELINE, "--reporting", REPORTING, "--weather", weather, "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "kvartal", "savings", acts, *options],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["resolution"] == "month"
