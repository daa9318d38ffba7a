"""Readings that never come, alone or beside a stray value."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from simulators.faults.cases import Case, Fault


def cut(case: Case, i: int, j: int) -> None:
    """Remove the readings of [i, j)."""
    gone = {case.t[k] for k in range(i, j)}
    case.sent = [s for s in case.sent if s.t not in gone]
    case.touch(case.t[i - 1], case.t[j])


def _gap(days: float, hours: float) -> Fault:
    def made(case: Case) -> None:
        cut(case, case.at(days), case.at(days + hours / 24))

    return made


def _spike_then_silence(case: Case) -> None:
    i = case.growing(20)
    case.put(i, case.v[i] * 10)
    cut(case, i + 1, case.at(20.2 + 1) + 1)


def _zero_then_silence_3_d(case: Case) -> None:
    i = case.growing(20)
    case.put(i, 0)
    cut(case, i + 1, case.at(23.5) + 1)


def _silence_then_zero(case: Case) -> None:
    i = case.growing(20)
    j = case.at(21.5) + 1
    case.put(j, 0)
    cut(case, i + 1, j)


def _silence_then_spike_2_d(case: Case) -> None:
    i = case.growing(20)
    j = case.at(21.5) + 1
    case.put(j, case.v[j] + Decimal(str(case.meter.daily)) * 2)
    cut(case, i + 1, j)


def _silence_then_x10(case: Case) -> None:
    i = case.growing(20)
    j = case.at(21.5) + 1
    case.put(j, case.v[j] * 10)
    cut(case, i + 1, j)


GAPS: Final[dict[str, Fault]] = {
    "gap 3 h": _gap(20, 3),
    "gap 9 h": _gap(20.2, 9),
    "gap 48 h": _gap(20.2, 47),
    "gap 5 d": _gap(20.2, 120),
    "gap 20 d": _gap(20.2, 480),
    "spike then silence": _spike_then_silence,
    "zero then silence 3 d": _zero_then_silence_3_d,
    "silence then zero": _silence_then_zero,
    "silence then spike 2 d": _silence_then_spike_2_d,
    "silence then x10": _silence_then_x10,
}
