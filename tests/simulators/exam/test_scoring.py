"""The scorer: figures and truths in, the exam's document out."""

import json

import numpy as np
import pytest

from simulators.exam.gate import failures
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


def honest(houses: int, *, widen: float = 1.0, strata: tuple[str, ...] = ("kind:heat",)) -> list[Mark]:
    """Figures whose error has the standard deviation that their intervals claim, in nine of ten zero savings."""
    rng = np.random.default_rng(1)
    error, oracle = 0.02 * rng.standard_normal((2, houses))
    error -= error.mean()
    return [
        row(0.0, float(e), widen * 1.645 * 0.02, oracle=float(o), strata=strata)
        for e, o in zip(error, oracle, strict=True)
    ]


def test_honest_figures_pass_the_gate() -> None:
    assert failures(honest(4000)) == []


@pytest.mark.parametrize(
    ("marks", "said"),
    [
        (honest(4000, widen=0.7), "coverage within 88-92 %"),
        (honest(4000, widen=1.6), "coverage within 88-92 %"),
        (honest(4000, widen=1.6), "width ratio at most 1.5"),
        (honest(4000, widen=0.7), "false significance at most 7 %"),
        ([m._replace(estimate=m.estimate + 0.004) for m in honest(4000)], "|bias| at most 0.3 points"),
        (honest(4000, widen=0.7), "kind:heat: coverage"),
        (honest(4000, widen=0.7, strata=("drift:calm", "history:3")), "drift:calm: coverage"),
    ],
)
def test_dishonest_ones_do_not_and_are_told_why(marks: list[Mark], said: str) -> None:
    assert any(failure.startswith(said) for failure in failures(marks))


@pytest.mark.parametrize("strata", [("drift:calm", "history:1"), ("mass:heavy",)])
def test_what_nobody_can_see_is_not_gated_by_itself(strata: tuple[str, ...]) -> None:
    assert not any(
        ":" in failure.split(" ")[0] for failure in failures(honest(4000, widen=0.7, strata=strata))
    )
