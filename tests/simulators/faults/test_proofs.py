"""Deleting needs proof, and no register dies in silence: one row is one register.

A row's id is `group-name`, with `_` for spaces: `pytest tests/simulators/faults/test_proofs.py -k "silences-24_h"`.
`python bench/proofs.py` prints what each row gives. The many rows of unit changes run in `make check` only, but for
some of each.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from simulators.faults.proofs.judge import Made, entered, run
from simulators.faults.proofs.table import KNOWN, ROWS

_QUICK_UNITS = 12
_ORDER_STRIDE = 6


def params(groups: Mapping[str, Mapping[str, Made]]) -> list[object]:
    return [
        pytest.param(made, id=f"{group}-{name}".replace(",", "").replace(" ", "_"))
        for group, rows in groups.items()
        for name, made in rows.items()
    ]


def quick() -> Mapping[str, Mapping[str, Made]]:
    """All rows but of the unit changes every twelfth."""
    return {
        group: dict(list(rows.items())[:: _QUICK_UNITS if group == "units" else 1])
        for group, rows in ROWS.items()
    }


@pytest.mark.parametrize("made", params(quick()))
def test_what_a_register_counted_is_kept_or_asked_about(made: Made) -> None:
    assert run(made) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "made", params({"units": {name: row for name, row in ROWS["units"].items() if name not in KNOWN}})
)
def test_a_unit_that_changes_in_any_season_is_kept_or_asked_about(made: Made) -> None:
    assert run(made) == []


@pytest.mark.slow
@pytest.mark.parametrize("made", params(quick())[::_ORDER_STRIDE])
def test_a_row_ends_the_same_in_another_order(made: Made) -> None:
    row = made()
    assert entered(row, random.Random(1)) == entered(row)


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_failure_still_fails(name: str) -> None:
    assert run(next(rows[name] for rows in ROWS.values() if name in rows)) != []
