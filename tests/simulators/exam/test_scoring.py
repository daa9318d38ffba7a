"""The scorer: figures and truths in, the exam's document out."""

import json

import pytest

from simulators.exam.scoring import Mark, by_stratum, metrics, score


def row(
    true: float, estimate: float, half: float, oracle: float | None = None, strata: tuple[str, ...] = ()
) -> Mark:
    return Mark(
        "e1", true, true if oracle is None else oracle, estimate, estimate - half, estimate + half, strata
    )


@pytest.mark.parametrize(
    ("marks", "figures"),
    [
        (
            [row(0.10, 0.12, 0.03, oracle=0.11), row(0.20, 0.19, 0.005, oracle=0.19)],
            {
                "houses": 2,
                "bias_pp": 0.5,
                "rmse_pp": 1.581,
                "coverage": 0.5,
                "width_ratio": 1.75,
                "false_significant": None,
                "detection": {"5": None, "10": 1.0, "20": 1.0},
            },
        ),
        (
            [row(0.0, 0.02, 0.01), row(0.0, -0.02, 0.01), row(0.0, 0.0, 0.01), row(0.05, 0.05, 0.06)],
            {
                "houses": 4,
                "bias_pp": 0.0,
                "rmse_pp": 1.414,
                "coverage": 0.5,
                "width_ratio": None,
                "false_significant": 0.3333,
                "detection": {"5": 0.0, "10": None, "20": None},
            },
        ),
    ],
)
def test_the_figures_of_a_stratum(marks: list[Mark], figures: dict[str, object]) -> None:
    assert metrics(marks) == figures


def test_the_oracles_half_width_is_the_90th_percentile_of_its_error() -> None:
    marks = [row(0.1, 0.1, 0.02, oracle=0.1 + 0.001 * step) for step in range(11)]
    assert metrics(marks)["width_ratio"] == pytest.approx(0.02 / 0.009, abs=0.001)


def test_strata_hold_the_houses_that_name_them_and_the_document_is_json() -> None:
    marks = [
        row(0.1, 0.1, 0.1, strata=("kind:heat",)),
        row(0.0, 0.1, 0.05, strata=("kind:light", "rho:below 0.3")),
    ]
    assert {name: len(members) for name, members in by_stratum(marks).items()} == {
        "kind:heat": 1,
        "kind:light": 1,
        "rho:below 0.3": 1,
    }
    document = json.loads(json.dumps(score(marks, seconds=1.26), allow_nan=False))
    assert set(document) == {"total", "strata", "seconds"}
    assert document["seconds"] == 1.3
    assert document["strata"]["kind:heat"]["coverage"] == 1.0


def test_nobody_is_scored_without_houses() -> None:
    with pytest.raises(ValueError, match="without houses"):
        metrics([])
