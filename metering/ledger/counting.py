"""Keeping a reading: what the register counted is booked, and each day is compared with a usual one.

A register that shows one amount for hours and then makes a sudden step was frozen, not idle: the step is booked over
the whole time. A register that counts ten times as fast or as slow from one day to the next is flagged until that
ends: its pulse weight may have changed, which only a person can know.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from metering import flags as f
from metering.ledger.booking import GAP_MS, Booked, book, mark
from metering.ledger.state import Rules, State
from metering.times import DAY_MS, HOUR_MS

GRACE_MS: Final = HOUR_MS
"""Added to the time that the bound is applied to: a meter may deliver what an earlier hour did not (rounding of its
archive, jitter of its clock)."""

_SUDDEN_IN_GAP: Final = 4
"""A step over at most `GAP_MS` is sudden from this many times the usual rate."""
_SUDDEN_OVER_GAP: Final = 2
"""The same over a longer gap, in which hours even out."""
SIMILAR_STEP: Final = 3
"""Exception: a step below this many times the last one is not sudden (a coarse step in summer, a switching load)."""
_NEAR_BOUND: Final = 4
"""Before any usual day is known, a step is sudden above the bound divided by this."""

UNCHANGED_MS: Final = 6 * HOUR_MS
"""A display that shows one amount for at least this long may be frozen."""
_FROZEN_SHARE: Final = 3
"""It was frozen if the step that ends this time is above the usual use of the time divided by this. A heating register
that starts in autumn makes an ordinary step, not one of a whole summer."""
CATCH_UP_LIMIT: Final = 4
"""A frozen display catches up at most this many times the usual use of the time that it was frozen."""

_TENFOLD: Final = ((7, 14), (70, 140), (700, 1400))
"""Ratio (at least, at most) of a day to the usual day after a change of the pulse weight or of the register's unit:
x10, x100 or x1000, or as little, with the scatter of days (0.7 to 1.4)."""
_TENFOLD_ENDED: Final = 3
"""The change has ended if a day is within this factor of the usual day again."""


def within_bound(rules: Rules, t0: int, v0: int, t1: int, v1: int) -> bool:
    """Whether a register at `v0` may show `v1` later: it did not run backwards, nor faster than the meter's bound."""
    return v1 - v0 >= 0 and (v1 - v0) * HOUR_MS <= rules.max_per_hour * (t1 - t0 + GRACE_MS)


def follows(rules: Rules, state: State, t: int, v: int) -> bool:
    """Whether (t, v) may be the anchor's register: it is within the bound, or a frozen display catches up."""
    if within_bound(rules, state.t, state.v, t, v):
        return True
    return (
        state.t - state.unchanged_since >= UNCHANGED_MS
        and 0 <= (v - state.v) * DAY_MS <= CATCH_UP_LIMIT * state.usual * (t - state.unchanged_since)
        and within_bound(rules, state.unchanged_since, state.v, t, v)
    )


def sudden(rules: Rules, state: State, t: int, v: int) -> bool:
    """Whether the register counted far more since the anchor than is usual."""
    step, duration = v - state.v, t - state.t
    if state.usual == 0:
        # The anchor itself may be a stray: a step that doubles the register and is near the bound must be confirmed.
        near_bound = _NEAR_BOUND * step * HOUR_MS > rules.max_per_hour * (duration + GRACE_MS)
        return near_bound and state.last_step == 0 and v > 2 * state.v
    factor = _SUDDEN_OVER_GAP if duration > GAP_MS else _SUDDEN_IN_GAP
    return step >= SIMILAR_STEP * state.last_step and step * DAY_MS > factor * state.usual * duration


def keep(rules: Rules, state: State, t: int, v: int, flags: int, booked: Booked) -> State:
    """Book what the register counted from the anchor to (t, v), and make that the anchor."""
    step = v - state.v
    flags |= state.next_flags
    state = _close_day(state, t, booked)
    if state.pulse:
        flags |= f.PULSE
    unchanged_since, start = state.unchanged_since, state.t
    if step > 0:
        if (
            state.t - unchanged_since >= UNCHANGED_MS
            and sudden(rules, state, t, v)
            and _FROZEN_SHARE * step * DAY_MS > state.usual * (t - unchanged_since)
        ):
            start = unchanged_since
            flags |= f.FROZEN
            booked.add_finding("frozen", start, t, amount=step)
            for hour in range(start // HOUR_MS, (state.t - 1) // HOUR_MS + 1):
                mark(booked, hour, f.FROZEN)
        unchanged_since = t
    book(start, t, step, flags, booked)
    if t - start > GAP_MS:
        state = replace(state, day=0)
        if step > 0 and t - start > DAY_MS - GAP_MS:
            state = _compare_day(state, step * DAY_MS // (t - start), start, booked)
    return replace(
        state,
        t=t,
        v=v,
        unchanged_since=unchanged_since,
        next_flags=0,
        day_total=state.day_total + step,
        last_step=step or state.last_step,
    )


def _close_day(state: State, t: int, booked: Booked) -> State:
    """Begin the UTC day of the interval that ends at `t`; a complete day before it is compared with the usual one."""
    day = (t - 1) // DAY_MS
    if day == state.day:
        return state
    if state.day == 0 and state.t - day * DAY_MS > GAP_MS:
        return state  # readings begin too late in the day to sum it
    if state.day == 0 or state.t < (state.day + 1) * DAY_MS - GAP_MS or state.day_total == 0:
        return replace(state, day=day, day_total=0)
    state = _compare_day(state, state.day_total, state.day * DAY_MS, booked)
    return replace(state, day=day, day_total=0)


def _compare_day(state: State, total: int, start: int, booked: Booked) -> State:
    """Compare the use of a day that began at `start` with the usual one."""
    usual = state.usual
    if usual == 0:
        return replace(state, usual=total)
    high, low = max(total, usual), min(total, usual)
    if state.pulse:
        if high < _TENFOLD_ENDED * low:
            return replace(state, unusual_since=0, pulse=False)
        return state
    if state.unusual_since and any(least * low <= high <= most * low for least, most in _TENFOLD):
        booked.add_finding("pulse_weight", state.unusual_since, state.t, amount=total, usual=usual)
        for hour in range(state.unusual_since // HOUR_MS, (state.t - 1) // HOUR_MS + 1):
            mark(booked, hour, f.PULSE)
        return replace(state, pulse=True)
    if high > 2 * low and not state.unusual_since:
        # Heating may have stopped at noon, or a change begun: the next day decides, against the same usual day.
        return replace(state, unusual_since=start)
    return replace(state, usual=total, unusual_since=0)
