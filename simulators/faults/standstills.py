"""Displays that stand still and then catch up."""

from __future__ import annotations

from typing import Final

from simulators.faults.cases import Case, Fault
from simulators.faults.gaps import cut, loaded


def _frozen(days: float, hours: float) -> Fault:
    def made(case: Case) -> None:
        i, j = case.growing(days), case.at(days + hours / 24)
        for k in range(i + 1, max(i + 2, j)):
            case.sent[k] = case.sent[k]._replace(value=case.v[i])
        case.around(i + 1, max(i + 1, j - 1))

    return made


def _frozen_36_h_ends_in_a_gap(case: Case) -> None:
    _frozen(30.4, 36)(case)
    j = case.at(30.4 + 1.5)
    cut(case, j - 1, j + 8)


def _frozen_36_h_with_a_zero_in_it(case: Case) -> None:
    _frozen(30.4, 36)(case)
    case.put(case.at(31), 0)


def _frozen_with_a_load(days: float, hours: float, times: float) -> Fault:
    def made(case: Case) -> None:
        i, j = loaded(case, days, hours, times)
        for k in range(i + 1, j):
            case.sent[k] = case.sent[k]._replace(value=case.sent[i].value)

    return made


def _frozen_as_the_use_grows(case: Case) -> None:
    """Frozen from day 25 to day 45; from day 30 on the use is three times as high."""
    i, j = case.growing(25), case.at(45)
    base = case.at(30)
    start = case.v[base]
    for k in range(base, len(case.v)):
        case.v[k] = start + (case.v[k] - start) * 3
        case.sent[k] = case.sent[k]._replace(value=case.v[k])
    case.impossible |= case.meter.digits is not None and case.v[-1] >= 10**case.meter.digits
    for k in range(i + 1, j):
        case.sent[k] = case.sent[k]._replace(value=case.v[i])
    case.around(i + 1, j - 1)


STANDSTILLS: Final[dict[str, Fault]] = {
    "frozen 2 h": _frozen(30.4, 2),
    "frozen 5 h": _frozen(30.4, 5),
    "frozen 8 h": _frozen(30.4, 8),
    "frozen over midnight": _frozen(30.8, 12),
    "frozen 24 h": _frozen(30.4, 24),
    "frozen 36 h": _frozen(30.4, 36),
    "frozen 72 h": _frozen(30.4, 72),
    "frozen 7 d": _frozen(30.4, 168),
    "frozen 36 h, ends in a gap": _frozen_36_h_ends_in_a_gap,
    "frozen 36 h with a zero in it": _frozen_36_h_with_a_zero_in_it,
    "frozen 20 d": _frozen(30.4, 480),
    "frozen 24 h, a load of x50 in it": _frozen_with_a_load(30.2, 24, 50),
    "frozen 72 h, a load of x200 in it": _frozen_with_a_load(30.2, 72, 200),
    "frozen 20 d, the use grows in it": _frozen_as_the_use_grows,
}
