"""No register dies in silence: bounds that are too low, units and rollovers together, other registers in other units.

What cannot be booked is withheld, and a finding says that the register has stopped. A row never has more energy than
was used, and never a change of unit that nobody made.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from metering.ledger.counting import GRACE_MS
from metering.ledger.state import Rules
from metering.times import HOUR_MS
from simulators.faults.proofs.judge import STALLED, Made, Row
from simulators.faults.proofs.registers import BEGIN, KWH, Sent, counting, cut, total

_QUESTIONS: Final = frozenset({STALLED, "unit_change", "pulse_weight", "leap", "exchange"})
"""Findings that say that the readings after an exchange are of another unit, or of nothing known."""


def _load_above_bound(
    bound_kw: int, load_kw: int, first_kw: int, day: int, days: int, step_h: float, wrap: int | None = None
) -> Row:
    """A load of `first_kw`, from `day` on of `load_kw`, which is more than the site file's bound allows."""
    before, after = int(day * 24 / step_h), int((days - day) * 24 / step_h)
    uses = [int(first_kw * KWH * step_h)] * before + [int(load_kw * KWH * step_h)] * after
    sent = counting(uses, step_h=step_h)
    rules = Rules(bound_kw * KWH, wrap)
    too_fast = load_kw * step_h > bound_kw * (step_h + GRACE_MS / HOUR_MS)
    return Row(
        rules=rules,
        sent=sent,
        truth=total(sent),
        asks=frozenset({STALLED}) if too_fast else frozenset(),
        never=frozenset(
            {"unit_change", "exchange", "reset", "rollover", "pulse_weight"} if too_fast else {"exchange"}
        ),
        withheld=sum(uses[before:]),
    )


def _load_above_bound_for_a_while(silent: bool) -> Row:
    """130 kW for five days under a bound of 60 kW, then 2 kW: the bound forbids the step (an exchange?)."""
    uses = [40 * KWH] * 240 + [130 * KWH] * 120 + [2 * KWH] * 2_000
    sent = counting(uses)
    if silent:
        sent = cut(sent, (238, 360))
    return Row(
        rules=Rules(60 * KWH),
        sent=sent,
        truth=total(sent),
        asks=frozenset({STALLED, "exchange", "leap"}),
        never=frozenset({"unit_change", "reset"}),
        withheld=125 * 130 * KWH,
    )


def _unit_then_rollover(change_h: int, wrap_h: int, digits: int, base_kwh: int, num: int, den: int) -> Row:
    """A register of so many digits; its values come num/den times as large from `change_h` on, it wraps at `wrap_h`."""
    wrap = 10**digits * KWH
    uses = [base_kwh * KWH] * 720
    whole = counting(uses, start=wrap - base_kwh * KWH * wrap_h + base_kwh * KWH // 2)
    sent: Sent = []
    for k, (t, v) in enumerate(whole):
        shown = v % wrap
        sent.append((t, shown * num // den if k >= change_h else shown))
    return Row(
        rules=Rules(1_000 * KWH, wrap),
        sent=sent,
        truth=total(whole),
        allowed=2 * den,
        asks=frozenset({"unit_change"}),
        never=frozenset({"exchange", "reset", STALLED}),
    )


def _exchange_to_another_unit(
    start: int, num: int, den: int, base_wh: int, bound_kw: int, step_h: float = 1
) -> Row:
    """From hour 240 on another meter that shows `start` [Wh as declared] and counts num/den times as fast."""
    steps = int(720 / step_h)
    at = int(240 / step_h)
    old = counting([int(base_wh * step_h)] * steps, step_h=step_h)
    sent = [(t, v if k < at else start + (v - old[at][1]) * num // den) for k, (t, v) in enumerate(old)]
    step = int(base_wh * step_h)
    after = old[-1][1] - old[at][1]
    return Row(
        rules=Rules(bound_kw * KWH),
        sent=sent,
        truth=total(old) - step,
        allowed=2 * den // num + 2,
        asks=_QUESTIONS | {"reset"},
        withheld=after,
        beyond=step,
        # As sent it is within the bound, and nothing before it says in which unit it counts.
        excused=frozenset({"pulse_weight", "leap"}),
    )


def _strays_for_ever(every: int) -> Row:
    """Readings that follow neither the anchor nor each other from day 10 on: two gateways send into one register."""
    a = counting([3 * KWH] * 720, start=10_000 * KWH)
    b = counting([7 * KWH] * 720, start=700_000 * KWH)
    sent = [x if k < 240 or k % every else y for k, (x, y) in enumerate(zip(a, b, strict=True))]
    return Row(Rules(50 * KWH), sent, total(a), asks=frozenset({STALLED, "spike_dropped"}), withheld=total(a))


def _noise() -> Row:
    """A register that sends nonsense from day 10 on: each value far from every other."""
    uses = [3 * KWH] * 239
    sent = counting(uses)
    for k in range(240, 480):
        sent.append((BEGIN + k * HOUR_MS, (k * 7_919_993 % 997_001) * 1_000_003))
    return Row(Rules(50 * KWH), sent, sum(uses), asks=frozenset({STALLED}), beyond=200 * KWH)


def _rows() -> Iterator[tuple[str, Made]]:
    yield "bound 60 kW, 130 kW from day 10", partial(_load_above_bound, 60, 130, 40, 10, 40, 1)
    yield "bound 60 kW, 130 kW from day 10, 15 min", partial(_load_above_bound, 60, 130, 40, 10, 20, 0.25)
    yield "bound 60 kW, 130 kW from day 10, daily", partial(_load_above_bound, 60, 130, 40, 10, 60, 24)
    yield "bound 60 kW, 62 kW from day 10", partial(_load_above_bound, 60, 62, 40, 10, 40, 1)
    yield (
        "bound 60 kW, 130 kW from day 10, five digits",
        partial(_load_above_bound, 60, 130, 40, 10, 40, 1, 10**9 * KWH),
    )
    yield "bound raised to 200 kW, 130 kW from day 10", partial(_load_above_bound, 200, 130, 40, 10, 40, 1)
    for step_h in (1.0, 0.25, 24.0):
        for bound, load in ((10, 40), (1, 40), (10, 10_000), (5, 18)):
            name = f"bound {bound} kW and {load} kW from day one, every {step_h:g} h"
            yield name, partial(_load_above_bound, bound, load, load, 0, 30, step_h)
    yield "above the bound for five days", partial(_load_above_bound_for_a_while, False)
    yield "above the bound for five days of silence", partial(_load_above_bound_for_a_while, True)
    for change, wrap, num, den, unit in (
        (120, 240, 1000, 1, "Wh"), (120, 123, 1000, 1, "Wh"), (240, 120, 1000, 1, "Wh"), (120, 240, 1, 1000, "MWh"),
        (120, 240, 36, 10, "MJ"),
    ):  # fmt: skip
        for base in (2, 30):
            name = f"kWh to {unit} at hour {change}, rollover at hour {wrap}, {base} kWh/h"
            yield name, partial(_unit_then_rollover, change, wrap, 5, base, num, den)
    for start, label in ((0, "0"), (17_000_000, "17,000"), (5_000_000_000, "5 million")):
        for base in (2_000, 300, 40_000):
            name = f"exchange to a meter in Wh that shows {label}, {base} Wh/h"
            yield name, partial(_exchange_to_another_unit, start, 1000, 1, base, 1_000)
            yield f"{name}, bound 60 kW", partial(_exchange_to_another_unit, start, 1000, 1, base, 60)
    yield "exchange to a meter in Wh, daily", partial(_exchange_to_another_unit, 0, 1000, 1, 2_000, 1_000, 24)
    yield "exchange to a meter in MWh", partial(_exchange_to_another_unit, 0, 1, 1000, 20_000, 1_000)
    yield (
        "exchange to a meter in MWh, daily",
        partial(_exchange_to_another_unit, 3_000, 1, 1000, 20_000, 1_000, 24),
    )
    for every in (2, 3):
        yield f"two registers under one name, each {every}.", partial(_strays_for_ever, every)
    yield "nonsense from day 10", _noise


STALLED_REGISTERS: Final[dict[str, Made]] = dict(_rows())
