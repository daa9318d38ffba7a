"""Registers that go on from an older value after a power cut."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Final

from simulators.faults import rhythms as use
from simulators.faults.clean import CleanMeter, every
from simulators.faults.proofs.judge import Made, Row
from simulators.faults.proofs.registers import (
    falling_back,
    sent_by,
)
from simulators.faults.rhythms import Rhythm

_FELL: Final = frozenset({"restored", "reset", "exchange", "fell_back"})
"""Findings of a register that goes on from an older value."""


def _power_cuts(rhythm: Rhythm, minutes: int, apart: int, back: int, at_once: bool, resolution: str) -> Row:
    meter = CleanMeter("power cuts", "electricity", "kWh", resolution, rhythm, every(minutes), days=100)
    sent, least, counted, slight = falling_back(sent_by(meter), apart, back, at_once=at_once)
    falls = any(w < v for (_, v), (_, w) in pairwise(sent))
    # A fall that the next reading makes good may as well have been a stray value.
    stray = {"spike_dropped"} if slight else set()
    return Row(
        rules=meter.rules,
        sent=sent,
        truth=least,
        asks=_FELL | stray if falls else frozenset(),
        withheld=slight,
        beyond=counted - least,
    )


def _falls() -> Iterator[tuple[str, Made]]:
    for minutes, week in ((60, 168), (15, 672), (1440, 7)):
        for back in (1, 2, 3):
            if minutes == 1440 and back > 1:
                continue
            for at_once in (False, True):
                state = "read at once" if at_once else "read later"
                yield (
                    f"goes on from {back} readings before, weekly, every {minutes} min, {state}",
                    partial(_power_cuts, use.house, minutes, week, back, at_once, "0.01"),
                )
    yield "goes on from a day before, hourly", partial(_power_cuts, use.house, 60, 168, 24, False, "0.01")
    yield "goes on from a day before, hourly, 1 kWh", partial(_power_cuts, use.house, 60, 168, 24, False, "1")
    yield "goes on from 3 readings before, once", partial(_power_cuts, use.house, 60, 1_300, 3, False, "0.01")
    yield (
        "goes on from 3 readings before, flat rate",
        partial(_power_cuts, use.flat_rate, 60, 168, 3, False, "0.01"),
    )
    yield (
        "goes on from a day before, daily, flat rate",
        partial(_power_cuts, use.flat_rate, 1440, 7, 1, True, "0.1"),
    )
    yield (
        "goes on from 3 readings before, heat pump",
        partial(_power_cuts, use.heat_pump, 60, 168, 3, False, "0.1"),
    )


POWER_CUTS: Final[dict[str, Made]] = dict(_falls())
