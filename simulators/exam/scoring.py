"""Scores claims of savings against the truth: bias, coverage, width, false alarms, detection; by strata.

The claims may be Kvartal's, a textbook's, or of anybody who took the exam.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

DETECTED_AT: Final = (5, 10, 20)
"""True savings for which the rate of detection is reported [%]."""
_NEAR_PP: Final = 2.5
"""A house counts for a rate of detection if its true saving is within this distance [points]."""
_ORACLE_QUANTILE: Final = 0.90


class Mark(NamedTuple):
    """One house's claim beside its truth; all shares of the use without the measure."""

    house: str
    true: float
    oracle: float
    """The oracle's estimate."""
    estimate: float
    low: float
    high: float
    strata: tuple[str, ...] = ()
    """`family:value`."""

    @property
    def covered(self) -> bool:
        """Whether the interval contains the truth."""
        return self.low <= self.true <= self.high

    @property
    def significant(self) -> bool:
        """Whether the interval excludes zero, so that a saving is claimed."""
        return self.low > 0.0


def _share(hits: Iterable[bool]) -> float | None:
    counted = list(hits)
    return sum(counted) / len(counted) if counted else None


def oracle_half_width(marks: Sequence[Mark]) -> float:
    """The oracle's half-width: the 90th percentile of its absolute error."""
    return float(np.quantile([abs(mark.oracle - mark.true) for mark in marks], _ORACLE_QUANTILE))


def metrics(marks: Sequence[Mark]) -> dict[str, Any]:
    """The figures of one stratum: points for bias and RMSE, shares for the rest; None if no house counts for it."""
    if not marks:
        raise ValueError("a stratum without houses has no figures")
    error = np.array([mark.estimate - mark.true for mark in marks])
    half = float(np.mean([(mark.high - mark.low) / 2 for mark in marks]))
    oracle = oracle_half_width(marks)
    return {
        "houses": len(marks),
        "bias_pp": round(100 * float(error.mean()), 3),
        "rmse_pp": round(100 * math.sqrt(float((error**2).mean())), 3),
        "coverage": _rounded(_share(mark.covered for mark in marks)),
        "width_ratio": round(half / oracle, 3) if oracle > 0 else None,
        "false_significant": _rounded(_share(mark.significant for mark in marks if mark.true == 0.0)),
        "detection": {
            str(pct): _rounded(
                _share(mark.significant for mark in marks if abs(100 * mark.true - pct) <= _NEAR_PP)
            )
            for pct in DETECTED_AT
        },
    }


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def by_stratum(marks: Sequence[Mark]) -> dict[str, list[Mark]]:
    """The houses of each stratum, strata in order of their names."""
    strata: dict[str, list[Mark]] = {}
    for mark in marks:
        for stratum in mark.strata:
            strata.setdefault(stratum, []).append(mark)
    return dict(sorted(strata.items()))


def score(marks: Sequence[Mark], *, seconds: float) -> dict[str, Any]:
    """The exam's document: total, strata and time."""
    return {
        "total": metrics(marks),
        "strata": {name: metrics(members) for name, members in by_stratum(marks).items()},
        "seconds": round(seconds, 1),
    }
