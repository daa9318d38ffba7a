"""What a register usually counts, learned from its own days, and doubts about days that differ from it.

The fold compares a step with the register's own past before it believes it at once, and asks a person about energy
that exceeds all of it. Nothing here decides whether a step is energy: that is the meter's bound.

What is learned is the use of the last ordinary day of each weekday (an office rests at weekends), the largest and the
smallest day so far (seasons), and the highest rate (a car charges at 11 kW for two hours a week). The figures are
rounded, and the extremes only widen, so that a late reading changes few checkpoints.

A register that counts ten times as fast or as slow for several days, outside of all that it counted before, is flagged
until that ends: its pulse weight may have changed, which only a person can know.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from metering import flags as f
from metering.ledger.booking import Booked, mark
from metering.ledger.state import State
from metering.times import DAY_MS, HOUR_MS

SLACK_MS: Final = HOUR_MS // 4
"""Added to the time of a step before its rate is taken: one unit of a coarse display may come within seconds."""
_BITS: Final = 5
"""Significant bits of a rounded figure: it is at most a sixteenth above the exact one."""

_TENFOLD: Final = ((5, 20), (50, 200), (500, 2000))
"""Ratio (at least, at most) of a day to the usual day after a change of the pulse weight or of the register's unit:
x10, x100 or x1000, or as little, with the scatter of both days."""
_TENFOLD_DAYS: Final = 4
"""Days in a row before the change is believed, of which the first may have begun as usual: a cold spell, a party or a
holiday is shorter or less even."""
_OUTSIDE: Final = (3, 2)
"""A day is unusual if it is more than 3/2 of the largest day so far, or less than 2/3 of the smallest."""
_ENDED: Final = 3
"""The change has ended if a day is within this factor of the usual day again."""


def rounded(amount: int) -> int:
    """An amount rounded up to `_BITS` significant bits."""
    shift = amount.bit_length() - _BITS
    return amount if shift <= 0 else -(-amount >> shift) << shift


def learn_rate(state: State, step: int, duration: int) -> int:
    """The highest known rate after a step that the ledger keeps [base units per hour]."""
    counted = duration + SLACK_MS
    return state.peak if step * HOUR_MS <= state.peak * counted else rounded(-(-step * HOUR_MS // counted))


def compare_day(state: State, total: int, start: int, booked: Booked) -> State:
    """Compare the use of a day with the usual one, and learn from it.

    Args:
        state: The fold's state.
        total: Use of the day, above zero [base units].
        start: When it began [ms].
        booked: Receives the finding and the flags of a changed pulse weight.
    """
    total = rounded(total)
    weekday = start // DAY_MS % 7
    usual = (state.week[weekday] if state.week else 0) or state.usual
    if usual == 0:
        return learn_day(state, weekday, total)
    high, low = max(total, usual), min(total, usual)
    if state.pulse:
        if high >= _ENDED * low:
            return state
        return learn_day(state, weekday, total)
    num, den = _OUTSIDE
    since = state.unusual_since
    if den * total <= num * state.most and den * state.least <= num * total:
        return learn_day(state, weekday, total)
    if since and not any(least * low <= high <= most * low for least, most in _TENFOLD):
        return learn_day(state, weekday, total)
    since = since or start
    if start - since < (_TENFOLD_DAYS - 1) * DAY_MS:
        return replace(state, unusual_since=since, unusual=total)
    booked.add_finding("pulse_weight", since, state.t, amount=total, usual=usual)
    for hour in range(since // HOUR_MS, (state.t - 1) // HOUR_MS + 1):
        mark(booked, hour, f.PULSE)
    return replace(state, unusual_since=since, unusual=total, pulse=True)


def learn_day(state: State, weekday: int, total: int) -> State:
    """The state after an ordinary day; unusual days before it were no change of the pulse weight.

    Args:
        state: The fold's state.
        weekday: 0 for Thursday.
        total: Use of the day, above zero [base units].
    """
    week = state.week or (0,) * 7
    if week[weekday] != total:
        week = (*week[:weekday], total, *week[weekday + 1 :])
    return replace(
        state,
        usual=total,
        week=week,
        most=max(state.most, state.unusual, total),
        least=min(state.least or total, state.unusual or total, total),
        unusual_since=0,
        unusual=0,
        pulse=False,
    )
