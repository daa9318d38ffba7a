"""Every fault on every meter, entered straight into the ledger; what fails is in `simulators.faults.known`.

`make test` takes every fault on every fifth meter; `make check` takes the whole table, and enters the fifth in
another order as well.
An id is `fault-meter`, with `_` for spaces.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from simulators.faults.cases import clean
from simulators.faults.known import KNOWN
from simulators.faults.meters import METERS, Meter
from simulators.faults.table import REGISTER_FAULTS, cases, spoiled
from simulators.faults.verdicts import broken_laws, entered, judge, ledger

CASES = tuple(cases())
STRIDE = 5


def rows(pairs: Iterable[tuple[str, Meter]]) -> list[object]:
    return [
        pytest.param(fault, meter, id=f"{fault}-{meter.name}".replace(",", "").replace(" ", "_"))
        for fault, meter in pairs
    ]


def quick() -> tuple[tuple[str, Meter], ...]:
    """A spread: of each fault every fifth meter, beginning with another one for each fault."""
    order = {fault: i for i, fault in enumerate(REGISTER_FAULTS)}
    possible: dict[str, list[Meter]] = {}
    for fault, meter in CASES:
        possible.setdefault(fault, []).append(meter)
    return tuple(
        (fault, meter)
        for fault, meters in possible.items()
        for meter in meters[order[fault] % min(STRIDE, len(meters)) :: STRIDE]
    )


def check(fault: str, meter: Meter) -> None:
    case = spoiled(fault, meter)
    parts = entered(case)
    assert broken_laws(parts) == []
    verdict = judge(case, ledger(parts))
    reason = KNOWN.get((fault, meter.name))
    assert verdict.passes == (reason is None), f"{verdict}; known: {reason}"


@pytest.mark.parametrize(("fault", "meter"), rows(quick()))
def test_a_fault_on_some_meters(fault: str, meter: Meter) -> None:
    check(fault, meter)


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "meter"), rows(CASES))
def test_a_fault_on_every_meter(fault: str, meter: Meter) -> None:
    check(fault, meter)


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "meter"), rows(quick()))
def test_a_fault_ends_the_same_in_another_order(fault: str, meter: Meter) -> None:
    case = spoiled(fault, meter)
    assert entered(case, random.Random(1)) == entered(case)


def test_the_spread_has_every_fault() -> None:
    assert {fault for fault, _ in quick()} == set(REGISTER_FAULTS)


def test_every_known_failure_is_a_case() -> None:
    assert set(KNOWN) <= {(fault, meter.name) for fault, meter in CASES}


@pytest.mark.parametrize("meter", METERS, ids=lambda meter: meter.name.replace(" ", "_"))
def test_clean_readings_raise_no_doubt(meter: Meter) -> None:
    case = clean(meter)
    parts = entered(case)
    assert broken_laws(parts) == []
    verdict = judge(case, ledger(parts))
    assert verdict.passes
    assert verdict.flagged == 0
