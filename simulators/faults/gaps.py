"""Readings that never come, alone or beside a stray value."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from metering.times import HOUR_MS
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


def loaded(case: Case, days: float, hours: float, times: float) -> tuple[int, int]:
    """A load of `times` the usual rate within six hours (or two readings) amid `hours` from `days` on.

    Returns:
        The first and the last reading of these hours.
    """
    i = case.growing(days)
    end = case.t[i] + hours * HOUR_MS
    j = next((k for k in range(i + 3, len(case.t) - 2) if case.t[k] >= end), len(case.t) - 2)
    a, b = case.t[i], case.t[j]
    steps = max(1, 360 // case.meter.every)
    middle = max(i, (i + j) // 2 - steps // 2)
    last = min(j - 1, middle + steps)
    span_h = (case.t[last] - case.t[middle]) / HOUR_MS
    rate = min(Decimal(str(case.meter.daily)) / 24 * Decimal(times), case.bound(1) / 2)
    case.use_more(middle, last, rate * Decimal(span_h))
    case.touch(a, b)
    return i, j


def _silent_with_a_load(days: float, hours: float, times: float) -> Fault:
    def made(case: Case) -> None:
        i, j = loaded(case, days, hours, times)
        cut(case, i + 1, j)

    return made


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
    "24 h silent, a load of x50 in it": _silent_with_a_load(30.2, 24, 50),
    "24 h silent, a load of x400 in it": _silent_with_a_load(30.2, 24, 400),
    "5 d silent, a load of x50 in it": _silent_with_a_load(30.2, 120, 50),
    "12 h silent, a load of x20 in it": _silent_with_a_load(30.2, 12, 20),
}
