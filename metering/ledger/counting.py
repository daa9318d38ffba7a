"""Keeping a reading: what the register counted is booked, and each day is compared with the usual ones.

A register that shows one amount for hours and then makes a sudden step was frozen, not idle: the step is booked over
the whole time.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from metering import flags as f
from metering.ledger.booking import GAP_MS, Booked, book, mark
from metering.ledger.state import Leap, Rules, State
from metering.ledger.usual import SLACK_MS, compare_day, learn_day, learn_rate, rounded
from metering.times import DAY_MS, HOUR_MS

GRACE_MS: Final = HOUR_MS
"""Added to the time that the bound is applied to: a meter may deliver what an earlier hour did not (rounding of its
archive, jitter of its clock)."""

_SUDDEN_IN_GAP: Final = 4
"""A step over at most `GAP_MS` is sudden from this many times the usual rate."""
_SUDDEN_OVER_GAP: Final = 2
"""The same over a longer gap, in which hours even out."""
_AS_BEFORE: Final = (3, 2)
"""Exception: a step of at most 3/2 of the highest known rate is not sudden..."""
_AS_BEFORE_OVER_GAP: Final = (5, 4)
"""...nor is one over a longer gap of at most 5/4 of the largest known day."""
_SIMILAR_STEP: Final = 3
"""Exception: nor is one below this many times the last step (a coarse step in summer, a switching load)."""
_NEAR_BOUND: Final = 4
"""Before any usual day is known, a step is sudden above the bound divided by this."""

_SEVERAL_DAYS: Final = 2
"""The mean of more days than this says nothing of a change of the pulse weight: months differ tenfold."""
LEAP_DAYS: Final = 7
"""Days within which a register may return to the count before a leap."""

UNCHANGED_MS: Final = 6 * HOUR_MS
"""A display that shows one amount for at least this long may be frozen."""
_FROZEN_SHARE: Final = 3
"""It was frozen if the step that ends this time is above the usual use of the time divided by this. A heating register
that starts in autumn makes an ordinary step, not one of a whole summer."""


def converted(state: State, sent: int) -> int:
    """An amount as sent, in the unit of the epoch's start [base units].

    A coarser unit rounds down: an amount that is below the anchor by less than one of its units is the anchor's.
    """
    v = sent * state.num // state.den
    return state.v if v < state.v <= v + state.num // state.den and state.num > state.den else v


def within_bound(rules: Rules, t0: int, v0: int, t1: int, v1: int) -> bool:
    """Whether a register at `v0` may show `v1` later: it did not run backwards, nor faster than the meter's bound."""
    return v1 - v0 >= 0 and (v1 - v0) * HOUR_MS <= rules.max_per_hour * (t1 - t0 + GRACE_MS)


def follows(rules: Rules, state: State, t: int, v: int) -> bool:
    """Whether (t, v) may be the anchor's register: it is within the bound since the register last moved."""
    return within_bound(rules, min(state.unchanged_since, state.t), state.v, t, v)


def sudden(rules: Rules, state: State, t: int, v: int) -> bool:
    """Whether the register counted far more since the anchor than ever before: later readings must confirm it."""
    step, duration = v - state.v, t - state.t
    if not within_bound(rules, state.t, state.v, t, v):
        return True
    if state.usual == 0:
        # The anchor itself may be a stray: a step that doubles the register and is near the bound must be confirmed.
        near_bound = _NEAR_BOUND * step * HOUR_MS > rules.max_per_hour * (duration + GRACE_MS)
        return near_bound and state.last_step == 0 and v > 2 * state.v
    if step < _SIMILAR_STEP * state.last_step:
        return False
    if duration > GAP_MS:
        num, den = _AS_BEFORE_OVER_GAP
        return step * DAY_MS > _SUDDEN_OVER_GAP * state.usual * duration and (
            den * step * DAY_MS > num * state.most * duration
        )
    num, den = _AS_BEFORE
    return step * DAY_MS > _SUDDEN_IN_GAP * state.usual * duration and (
        den * step * HOUR_MS > num * state.peak * (duration + SLACK_MS)
    )


def keep(
    rules: Rules, state: State, t: int, v: int, flags: int, booked: Booked, *, leaps: bool = False
) -> State:
    """Book what the register counted from the anchor to (t, v), and make that the anchor.

    Args:
        rules: The meter's bounds.
        state: The fold's state.
        t: Time of the reading [ms].
        v: Its amount [base units].
        flags: Flags of the interval.
        booked: Receives it.
        leaps: Whether the step is a leap, which is remembered.
    """
    step, leap = v - state.v, state.leap
    if leap is not None and t - leap.end > LEAP_DAYS * DAY_MS:
        leap = None
    flags |= state.next_flags
    state = _close_day(state, t, booked)
    if state.pulse:
        flags |= f.PULSE
    unchanged_since, start = state.unchanged_since, state.t
    if step > 0:
        if _was_frozen(rules, state, t, v):
            start = unchanged_since
            flags |= f.FROZEN
            booked.add_finding("frozen", start, t, amount=step)
            for hour in range(start // HOUR_MS, (state.t - 1) // HOUR_MS + 1):
                mark(booked, hour, f.FROZEN)
        unchanged_since = t
    book(start, t, step, flags, booked)
    if leaps:
        leap = Leap(state.v, start, t, step, flags, state.peak, state.most)
    if t - start > GAP_MS:
        state = replace(state, day=0)
        mean = step * DAY_MS // (t - start)
        if mean > 0 and t - start > _SEVERAL_DAYS * DAY_MS:
            state = learn_day(state, start // DAY_MS % 7, rounded(mean))
        elif mean > 0 and t - start > DAY_MS - GAP_MS:
            state = compare_day(state, mean, start, booked)
    return replace(
        state,
        t=t,
        v=v,
        unchanged_since=unchanged_since,
        next_flags=0,
        day_total=state.day_total + step,
        last_step=step or state.last_step,
        last_ms=t - start if step else state.last_ms,
        left_out=0,
        stalled=None,
        leap=leap,
        peak=learn_rate(state, step, t - start),
    )


def _was_frozen(rules: Rules, state: State, t: int, v: int) -> bool:
    """Whether the register counted all the time that it showed one amount, rather than since the anchor."""
    if not within_bound(rules, state.t, state.v, t, v):
        return state.unchanged_since < state.t
    return (
        state.t - state.unchanged_since >= UNCHANGED_MS
        and sudden(rules, state, t, v)
        and _FROZEN_SHARE * (v - state.v) * DAY_MS > state.usual * (t - state.unchanged_since)
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
    state = compare_day(state, state.day_total, state.day * DAY_MS, booked)
    return replace(state, day=day, day_total=0)
