"""The gate: limits on the score, and what honest and dishonest claims do."""

import numpy as np
import pytest

from simulators.exam.gate import failures
from simulators.exam.scoring import Mark


def honest(houses: int, *, widen: float = 1.0, strata: tuple[str, ...] = ("kind:heat",)) -> list[Mark]:
    """Figures whose error has the standard deviation that their intervals claim, in nine of ten zero savings."""
    rng = np.random.default_rng(1)
    error, oracle = 0.02 * rng.standard_normal((2, houses))
    error -= error.mean()
    return [
        Mark(
            "e1",
            0.0,
            float(o),
            float(e),
            float(e) - widen * 1.645 * 0.02,
            float(e) + widen * 1.645 * 0.02,
            strata,
        )
        for e, o in zip(error, oracle, strict=True)
    ]


def test_honest_figures_pass_the_gate() -> None:
    assert failures(honest(4000)) == []


@pytest.mark.parametrize(
    ("marks", "broken"),
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
def test_dishonest_ones_do_not_and_the_broken_limit_is_named(marks: list[Mark], broken: str) -> None:
    assert any(failure.startswith(broken) for failure in failures(marks))


@pytest.mark.parametrize("strata", [("drift:calm", "history:1"), ("mass:heavy",)])
def test_what_nobody_can_see_is_not_gated_by_itself(strata: tuple[str, ...]) -> None:
    assert not any(
        ":" in failure.split(" ")[0] for failure in failures(honest(4000, widen=0.7, strata=strata))
    )
