"""Silences and frozen displays with a load inside: what the register counted is energy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Final

from metering.events import Exchange
from metering.ledger.state import Fact, Interval, Rules
from metering.times import DAY_MS, HOUR_MS
from simulators.faults.proofs.judge import DELETING, QUESTION, Made, Row
from simulators.faults.proofs.registers import (
    BEGIN,
    KWH,
    counting,
    cut,
    frozen,
    total,
)

HOUSE: Final = Rules(1_000 * KWH)


def _burst(silent: bool, gap_h: int, kwh_per_h: int, base_kwh: int, rules: Rules, after: int = 24) -> Row:
    """`base_kwh` every hour for ten days, then a gap with six hours at `kwh_per_h` in it, then on for `after` hours."""
    uses = [base_kwh * KWH] * (240 + gap_h + after)
    middle = 240 + gap_h // 2
    uses[middle - 3 : middle + 3] = [kwh_per_h * KWH] * 6
    sent = counting(uses)
    # One load of 24 h is asked about if it is many usual days.
    large = 6 * kwh_per_h > 4 * base_kwh * gap_h
    return Row(
        rules=rules,
        sent=(cut if silent else frozen)(sent, (240, 240 + gap_h)),
        truth=total(sent),
        asks=QUESTION if large and base_kwh and after >= 4 else frozenset(),
        never=DELETING,
        withheld=0 if after >= 4 else total(sent),
        block=(BEGIN + 240 * HOUR_MS, BEGIN + (240 + gap_h) * HOUR_MS) if silent and after >= 4 else None,
    )


def _bursts() -> Iterator[tuple[str, Made]]:
    yield "24 h silent, six at 100 kWh/h", partial(_burst, True, 24, 100, 2, HOUSE)
    yield "24 h frozen, six at 100 kWh/h", partial(_burst, False, 24, 100, 2, HOUSE)
    for way, silent in (("silent", True), ("frozen", False)):
        for gap, kwh, base in (
            (8, 60, 2),
            (12, 20, 2),
            (24, 400, 2),
            (48, 100, 2),
            (240, 150, 2),
            (24, 9, 0),
            (72, 300, 30),
        ):
            yield (
                f"{gap} h {way}, six at {kwh} kWh/h over {base}",
                partial(_burst, silent, gap, kwh, base, HOUSE),
            )
        yield f"24 h {way}, bound 120 kW", partial(_burst, silent, 24, 100, 2, Rules(120 * KWH))
        yield (
            f"24 h {way}, seven digits",
            partial(_burst, silent, 24, 100, 2, Rules(1_000 * KWH, 10**7 * KWH)),
        )
        for after in (0, 1, 2, 5):
            yield f"24 h {way}, {after} readings after it", partial(_burst, silent, 24, 100, 2, HOUSE, after)


def _burst_with_facts(facts: tuple[Fact, ...]) -> Row:
    return replace(
        _burst(True, 24, 100, 2, HOUSE), asks=frozenset(), never=frozenset(), block=None, facts=facts
    )


def _facts() -> Iterator[tuple[str, Made]]:
    start, end = BEGIN + 240 * HOUR_MS, BEGIN + 264 * HOUR_MS
    count = 10_000 * KWH + 72 * 2 * KWH
    day_rows = Interval(at=end, start=start, amount=636 * KWH)
    three = Exchange(at=BEGIN + 72 * HOUR_MS, final=count, initial=count)
    yield "24 h silent, a row of the day", lambda: _burst_with_facts((day_rows,))
    yield "24 h silent, an exchange declared before", lambda: _burst_with_facts((three,))
    yield "24 h silent, a raised bound", partial(_burst, True, 24, 100, 2, Rules(3_000 * KWH))


def _long_frozen(days: int, kw: int, bound: int) -> Row:
    """A display that stands still for days while the load goes on, and catches up in one reading."""
    sent = counting([2 * KWH] * 240 + [kw * KWH] * (days * 24) + [2 * KWH] * 240)
    return Row(
        Rules(bound * KWH),
        frozen(sent, (240, 240 + days * 24)),
        total(sent),
        asks=QUESTION,
        never=DELETING,
        block=(BEGIN + 240 * HOUR_MS, BEGIN + 240 * HOUR_MS + days * DAY_MS),
    )


def _standing() -> Iterator[tuple[str, Made]]:
    for days, kw, bound in ((2, 12, 15), (20, 12, 15), (60, 14, 15), (5, 90, 100)):
        yield f"frozen {days} d at {kw} kW, bound {bound} kW", partial(_long_frozen, days, kw, bound)


SILENCES: Final[dict[str, Made]] = dict([*_bursts(), *_facts(), *_standing()])
