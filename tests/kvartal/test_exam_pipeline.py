"""The exam's houses agree with the whole pipeline to the Wh, and a Wh between them would be detected."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kvartal.exam_pipeline import differences, differing, pick
from metering.savings.sufficiency import LEAST_COVERAGE
from simulators.exam.houses import Examined, simulate
from simulators.exam.traits import draw_traits

SEED = 21


def simulated(numbers: set[int], seed: int = SEED) -> list[Examined]:
    traits = [t for t in draw_traits(np.random.default_rng(seed), max(numbers) + 1) if t.number in numbers]
    return [h for batch in simulate(traits, seed=seed, keep=numbers) for h in batch]


@pytest.mark.slow
def test_houses_of_every_kind_agree() -> None:
    picked = pick(8, SEED)
    assert {t.kind for t in picked} == {"heat", "light", "school_heat", "school_light"}
    assert {t.quality for t in picked} == {"gaps", "coarse"}
    done: list[int] = []
    assert differing(8, SEED, progress=done.append) == ({"houses": 8, "agree": 8}, [])
    assert done == list(range(1, 9))


@pytest.fixture(scope="module")
def light() -> Examined:
    number = next(
        t.number
        for t in draw_traits(np.random.default_rng(SEED), 200)
        if t.kind == "light" and t.baseline_years == 1
    )
    return simulated({number})[0]


def test_a_baseline_of_few_days_is_fitted_late_and_is_grade_d(light: Examined, tmp_path: Path) -> None:
    """Sixty days in a row without a reading: 84 % of the baseline period."""
    register = light.hourly
    assert register is not None
    first = light.baseline.first + 100
    lost = set(range(first, first + 60))
    silent = register.silent.copy()
    hour = 24 * (first - register.start.toordinal())
    silent[hour + 1 : hour + 24 * 60] = True
    used = {date: use for date, use in light.days.used.items() if date not in lost}
    house = replace(light, days=light.days._replace(used=used), hourly=replace(register, silent=silent))
    assert sum(d <= light.baseline.last for d in used) < LEAST_COVERAGE * light.baseline.days
    assert differences(house, tmp_path / "few.db") == []


def test_a_watt_hour_is_found(light: Examined, tmp_path: Path) -> None:
    date = light.reporting.first + 3
    used = {**light.days.used, date: light.days.used[date] + 1}
    texts = differences(replace(light, days=light.days._replace(used=used)), tmp_path / "one.db")
    assert [text.split(": ")[1] for text in texts] == ["days of use that differ", "use [Wh]"]


def command(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "kvartal", "exam", *arguments], capture_output=True, timeout=120, check=False
    )


def test_the_exam_on_paper_and_its_marks(tmp_path: Path) -> None:
    paper = tmp_path / "paper"
    assert command("export", str(paper), "--houses", "2", "--seed", "8").returncode == 0
    assert {file.name for file in paper.iterdir()} == {"site.toml", "captures.jsonl", "truth.json"}
    true = json.loads((paper / "truth.json").read_text(encoding="utf-8"))
    figures = [
        {"house": house, "savings_pct": known["true_savings_pct"], "interval_90_pct": [-5, 60]}
        for house, known in true.items()
    ]
    (paper / "figures.json").write_text(json.dumps({"houses": figures}), encoding="utf-8")
    scored = command("score", str(paper / "figures.json"))
    assert json.loads(scored.stdout)["total"]["rmse_pp"] == 0.0
    elsewhere = command("score", str(paper / "figures.json"), "--truth", str(tmp_path / "none.json"))
    assert elsewhere.returncode == 2
    assert b"none.json" in elsewhere.stderr


def test_the_command_says_how_many_agree() -> None:
    done = command("--pipeline", "--houses", "1", "--seed", "4")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"houses": 1, "agree": 1})
