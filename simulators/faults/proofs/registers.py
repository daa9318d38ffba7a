"""Registers and what is done to them. Times are hours after the first reading."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

from metering.times import HOUR_MS, to_ms
from simulators.faults.clean import CleanMeter

Sent: TypeAlias = list[tuple[int, int]]
"""(instant [ms], amount in the unit that the site file declares [Wh or l]), ascending."""
KWH: Final = 1000

BEGIN: Final = 1_767_225_600_000
"""2026-01-01, a Thursday [ms]."""


def counting(uses: Iterable[int], start: int = 10_000_000, step_h: float = 1, begin: int = BEGIN) -> Sent:
    """A register that counts `uses` [Wh or l], one a reading."""
    sent = [(begin, start)]
    for use in uses:
        t, v = sent[-1]
        sent.append((t + round(step_h * HOUR_MS), v + use))
    return sent


def total(sent: Sent) -> int:
    """What a register counted that never fell."""
    return sent[-1][1] - sent[0][1]


def cut(sent: Sent, *spans: tuple[float, float]) -> Sent:
    """Without the readings that lie within any of the spans, both ends excluded."""
    first = sent[0][0]
    within = [(first + a * HOUR_MS, first + b * HOUR_MS) for a, b in spans]
    return [(t, v) for t, v in sent if not any(a < t < b for a, b in within)]


def frozen(sent: Sent, *spans: tuple[float, float]) -> Sent:
    """With a display that stands still from the first reading of each span until its end, excluded."""
    first = sent[0][0]
    made = list(sent)
    for a, b in spans:
        start, end = first + a * HOUR_MS, first + b * HOUR_MS
        inside = [k for k, (t, _) in enumerate(made) if start <= t < end]
        for k in inside:
            made[k] = (made[k][0], made[inside[0]][1])
    return made


def in_unit(sent: Sent, num: int, den: int, step: int, start_h: float, end_h: float = 10**9) -> Sent:
    """With values of `[start_h, end_h)` in a unit in which they read num/den times as much, in steps of `step`."""
    first = sent[0][0]
    return [
        (t, v * num // den // step * step if start_h <= (t - first) / HOUR_MS < end_h else v) for t, v in sent
    ]


class Fallen(NamedTuple):
    """A register that goes on from older values."""

    sent: Sent
    least: int
    """What its readings say that it counted at least: the sum of their increases [Wh or l]."""
    counted: int
    """What it did count [Wh or l]."""
    slight: int
    """Sum of the falls that the next reading made good at once, as after a stray value [Wh or l]."""


def falling_back(sent: Sent, every: int, back: int, *, at_once: bool = False) -> Fallen:
    """A register that after a power cut goes on from the value that it showed some readings before.

    Args:
        sent: The register without power cuts.
        every: Readings from one cut to the next.
        back: How many readings before its last one it goes on from.
        at_once: Whether it is read when the power returns, before it has counted again.

    """
    uses = [w - v for (_, v), (_, w) in pairwise(sent)]
    made = [sent[0]]
    counted = 0
    for k, use in enumerate(uses):
        if k % every == every - 1 and k > back:
            saved = made[-1 - back][1]
            use = 0 if at_once else use
            made.append((sent[k + 1][0], saved + use))
        else:
            made.append((sent[k + 1][0], made[-1][1] + use))
        counted += use
    steps = [w - v for (_, v), (_, w) in pairwise(made)]
    slight = sum(-step for step, after in pairwise(steps) if -after < step < 0)
    return Fallen(made, sum(max(0, step) for step in steps), counted, slight)


def sent_by(meter: CleanMeter) -> Sent:
    """The readings of a clean meter."""
    readings = meter.readings()
    return list(zip(readings.times, readings.amounts, strict=True))


def hours_to(meter: CleanMeter, date: dt.date) -> float:
    """Hours from a clean meter's beginning to the local midnight at which a date begins."""
    midnight = to_ms(dt.datetime.combine(date, dt.time(), dt.UTC))
    return (midnight - to_ms(dt.datetime.combine(meter.first, dt.time(), dt.UTC))) / HOUR_MS
