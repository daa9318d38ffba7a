"""Spikes, other registers' counts, and what is pending: deleting needs proof."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from metering.events import Exchange
from metering.ledger.state import Rules
from metering.times import HOUR_MS
from simulators.faults.proofs.judge import DELETING, QUESTION, Made, Row
from simulators.faults.proofs.registers import (
    KWH,
    counting,
    cut,
    total,
)

HOUSE: Final = Rules(1_000 * KWH)


def _spike(
    values: int, kwh: int, counts: bool, silent_before: int = 0, silent_after: int = 0, back: bool = True
) -> Row:
    """`values` readings that are `kwh` too high, counting on or not, and then the count before them (if `back`)."""
    clean = counting([2 * KWH] * 480)
    sent = list(clean)
    for k in range(values):
        t, v = clean[300 + k]
        sent[300 + k] = (t, (v if counts else clean[300][1]) + kwh * KWH)
    spans = [(300 - silent_before - 0.5, 299.5)] * bool(silent_before)
    spans += [(299.5 + values, 299.5 + values + silent_after)] * bool(silent_after)
    sent = cut(sent, *spans)
    if not back:
        sent = [(t, v) for t, v in sent if t < clean[300 + values][0]]
        end = clean[299 + values][1] - clean[0][1]
        # Nothing contradicts it: it is energy once it is confirmed, and pending before.
        return Row(
            HOUSE,
            sent,
            end + kwh * KWH,
            withheld=kwh * KWH + 2 * KWH * (values + silent_before),
            never=DELETING,
        )
    return Row(
        HOUSE,
        sent,
        total(clean),
        asks=frozenset({"spike_dropped", *QUESTION, "reset", "exchange"}),
        withheld=10 * KWH if values > 3 else 0,
        excused=QUESTION if values > 3 else frozenset(),
    )


def _register_changed(
    start_kwh: int, declared: bool, base_wh: int, gap_h: int = 0, bound: int = 1_000
) -> Row:
    """Another register from hour 300 on, which shows `start_kwh` more (less, if below zero) than the old one did."""
    uses = [base_wh] * 600
    old = counting(uses)
    sent = [(t, v + (start_kwh * KWH if k >= 300 else 0)) for k, (t, v) in enumerate(old)]
    sent = cut(sent, (300 - gap_h - 0.5, 299.5)) if gap_h else sent
    rules = Rules(bound * KWH)
    if declared:
        fact = Exchange(
            at=sent[0][0] + 300 * HOUR_MS - HOUR_MS // 2,
            final=old[299][1] + base_wh // 2,
            initial=old[299][1] + base_wh // 2 + start_kwh * KWH,
        )
        return Row(rules, sent, total(old), never=frozenset({*QUESTION, "exchange", "reset"}), facts=(fact,))
    last = 299 - gap_h
    lost = old[300][1] - old[last][1]
    if start_kwh < 0:
        return Row(rules, sent, total(old) - lost, asks=frozenset({"exchange", "reset"}), beyond=lost)
    if start_kwh * KWH + base_wh > bound * KWH * (301 - last):
        return Row(rules, sent, total(old) - lost, asks=frozenset({"exchange"}), beyond=lost)
    # The bound allows it, so that it is energy with a question.
    return Row(rules, sent, total(old) + start_kwh * KWH, asks=QUESTION, never=DELETING)


def _spikes_and_exchanges() -> Iterator[tuple[str, Made]]:
    for values in (1, 2):
        for kwh in (40, 500):
            for counts in (True, False):
                name = f"{values} too high by {kwh} kWh, {'counting' if counts else 'the same'}"
                yield name, partial(_spike, values, kwh, counts)
    yield "one too high after 24 h of silence", partial(_spike, 1, 500, True, 24)
    yield "one too high before 24 h of silence", partial(_spike, 1, 500, True, 0, 24)
    yield "one too high between two silences", partial(_spike, 1, 500, True, 24, 24)
    yield "two too high after 24 h of silence", partial(_spike, 2, 500, True, 24)
    for values in (3, 6, 30):
        yield f"{values} too high by 500 kWh, counting, then back", partial(_spike, values, 500, True)
    for values in (1, 2, 3, 6):
        yield f"{values} too high by 500 kWh at the end", partial(_spike, values, 500, True, 0, 0, False)
        yield f"{values} too high after silence at the end", partial(_spike, values, 500, True, 24, 0, False)
    for base in (2000, 200):
        yield f"another register, 900 kWh above, {base} Wh/h", partial(_register_changed, 900, False, base)
        yield f"another register, 60 kWh above, {base} Wh/h", partial(_register_changed, 60, False, base)
        yield (
            f"another register, 20 MWh above in 24 h of silence, {base} Wh/h",
            partial(_register_changed, 20_000, False, base, 24),
        )
        yield f"another register, 90 MWh above, {base} Wh/h", partial(_register_changed, 90_000, False, base)
        yield (
            f"another register, 90 MWh above in 24 h of silence, {base} Wh/h",
            partial(_register_changed, 90_000, False, base, 24),
        )
        yield f"another register, 5 MWh below, {base} Wh/h", partial(_register_changed, -5_000, False, base)
        yield (
            f"another register, 9990 kWh below in silence, {base} Wh/h",
            partial(_register_changed, -9_990, False, base, 24),
        )
        yield f"declared exchange, 900 kWh above, {base} Wh/h", partial(_register_changed, 900, True, base)
        yield f"declared exchange, 5 MWh below, {base} Wh/h", partial(_register_changed, -5_000, True, base)


SPIKES: Final[dict[str, Made]] = dict(_spikes_and_exchanges())
