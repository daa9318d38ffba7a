"""The exam on paper: through captures and the whole pipeline it is the same to the Wh; anybody can be scored."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest.captures import read_captures
from kvartal.replay import replay
from metering.site.model import parse_site
from simulators.exam.export import BadFigures, captures, export, score_figures, site_toml, truth
from simulators.exam.houses import Examined, simulate
from simulators.exam.traits import draw_traits
from storage.sqlite_reader import Reader

SEED = 21


@pytest.fixture(scope="module")
def houses() -> list[Examined]:
    drawn = [
        t for t in draw_traits(np.random.default_rng(SEED), 400) if t.baseline_years == 1 and t.begins == 10
    ]
    picked = [
        next(t for t in drawn if t.heats == heats and t.quality == quality)
        for heats in (True, False)
        for quality in ("gaps", "coarse")
    ]
    return [h for batch in simulate(picked, seed=SEED, keep={t.number for t in picked}) for h in batch]


def test_houses_go_through_the_whole_pipeline_and_agree_to_the_wh(
    houses: list[Examined], tmp_path: Path
) -> None:
    site = parse_site(site_toml(houses))
    db = tmp_path / "exam.db"
    told = replay((capture for house in houses for capture in captures(house)), site=site, db=db)
    assert told["rejected"] == 0
    assert told["received"] == told["accepted"]
    reader = Reader(db)
    for house in houses:
        name, (first, last) = house.traits.name, (house.baseline.first, house.reporting.last)
        days = {day.date: day.used for day in reader.days(name, "main", "energy", first, last)}
        assert {date: used for date, used in days.items() if used is not None} == house.days.used
        temps = {day.date: day.mean_mc for day in reader.weather_days(name, first - 40, last)}
        assert {date: temp for date, temp in temps.items() if temp is not None} == house.days.temps_mc
    reader.close()


def test_only_kept_registers_can_be_exported() -> None:
    traits = [t for t in draw_traits(np.random.default_rng(1), 60) if t.group == (False, 1, 10)][:1]
    house = next(simulate(traits, seed=1))[0]
    with pytest.raises(ValueError, match="was not kept"):
        next(captures(house))


def test_an_exam_is_written_and_its_truth_scores_full_marks(tmp_path: Path) -> None:
    done: list[int] = []
    export(3, 8, directory=tmp_path / "paper", progress=done.append)
    assert done == [1, 2, 3]
    site = parse_site((tmp_path / "paper" / "site.toml").read_text(encoding="utf-8"))
    true = json.loads((tmp_path / "paper" / "truth.json").read_text(encoding="utf-8"))
    assert set(site.contracts) == set(true)
    first = next(read_captures(tmp_path / "paper" / "captures.jsonl"))
    assert first.topic.startswith("kvartal/v1/weather/")
    figures = {
        "houses": [
            {
                "house": house,
                "savings_pct": known["true_savings_pct"],
                "interval_90_pct": [known["true_savings_pct"] - 2, known["true_savings_pct"] + 2],
            }
            for house, known in true.items()
        ]
    }
    total = score_figures(true, figures)["total"]
    assert (total["houses"], total["bias_pp"], total["coverage"]) == (3, 0.0, 1.0)


def entry(house: str, **changed: Any) -> dict[str, Any]:
    return {"house": house, "savings_pct": 5.0, "interval_90_pct": [1.0, 9.0], **changed}


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ([], "a list 'houses'"),
        ({"houses": [{"house": "a"}]}, r"houses\[0\]: expected"),
        ({"houses": [entry("a", interval_90_pct=[1.0])]}, r"houses\[0\]: expected"),
        ({"houses": [entry("z")]}, "'z' is no house"),
        ({"houses": [entry("a"), entry("a")]}, "'a' has two figures"),
        ({"houses": [entry("a", interval_90_pct=[9.0, 1.0])]}, "has the interval"),
        ({"houses": [entry("a", savings_pct="nan")]}, "has the interval"),
        ({"houses": [entry("a")]}, "no figure for 1 of 2 houses, among them 'b'"),
    ],
)
def test_bad_figures_are_refused_with_the_reason(figures: Any, said: str) -> None:
    true = {name: {"true_savings_pct": 5.0, "oracle_savings_pct": 4.0, "strata": []} for name in "ab"}
    with pytest.raises(BadFigures, match=said):
        score_figures(true, figures)


def test_the_truth_names_every_house(houses: list[Examined]) -> None:
    assert set(truth(houses)) == {house.traits.name for house in houses}
