"""Keeping a reading: what the register counted is booked, and each day is compared with a usual one.

A register that stands still for hours and then catches up at once was frozen on the way to us, not idle: what it
catches up is booked over the standstill. A register that from one day to the next counts ten times as fast or as
slow is flagged until it stops: its pulse weight may have changed, but only a person can know.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from metering import flags as f
from metering.ledger.booking import GAP_MS, Booked, book, mark
from metering.ledger.state import Rules, State
from metering.times import DAY_MS, HOUR_MS

# A meter may deliver what an earlier hour still owed it (archive rounding, clock jitter): one hour of grace.
GRACE_MS: Final = HOUR_MS

# A step this many times the usual one is sudden: within `GAP_MS`, and over a longer gap, where hours even out.
_SUDDEN: Final = (4, 2)
# It is not, though, where the register made nearly such a step before (a coarse one in summer, a load that
# switches).
STEPS_AT_ONCE: Final = 3

# A standstill at least this long, ended by a sudden step of at least this share of what would usually have been
# counted meanwhile, was a frozen display. (A heating register that starts in autumn makes an ordinary step, not a
# summer's worth.)
STILL_MS: Final = 6 * HOUR_MS
_CAUGHT_UP_SHARE: Final = 3
# A first step of more than this part of what the bound allows (one of) is not taken on trust.
_NEAR_BOUND: Final = 4
# What a frozen display may catch up, at most: so many times what would usually have been counted meanwhile.
MOST_CAUGHT_UP: Final = 4

# A day so many times the usual one is a matter of the pulse weight, or of a register's unit: x10, x100 or x1000,
# or as little, and the day's scatter (0.7 to 1.4).
_TENFOLD: Final = ((7, 14), (70, 140), (700, 1400))
_HALF_WAY: Final = 3


def within_bound(rules: Rules, t0: int, v0: int, t1: int, v1: int) -> bool:
    return v1 - v0 >= 0 and (v1 - v0) * HOUR_MS <= rules.max_per_hour * (t1 - t0 + GRACE_MS)


def follows(rules: Rules, state: State, t: int, v: int) -> bool:
    """Whether (t, v) may be the anchor's register: within the bound, or what a standstill kept from us."""
    if within_bound(rules, state.t, state.v, t, v):
        return True
    stood = state.t - state.still
    return (
        stood >= STILL_MS
        and 0 <= (v - state.v) * DAY_MS <= MOST_CAUGHT_UP * state.usual * (t - state.still)
        and within_bound(rules, state.still, state.v, t, v)
    )


def sudden(rules: Rules, state: State, t: int, v: int) -> bool:
    """Whether the register counted far more since the anchor than it is used to."""
    delta, since = v - state.v, t - state.t
    if state.usual == 0:
        # Nothing is known yet, not even whether the anchor is a stray: what doubles the register at once, and near
        # the bound, must be confirmed.
        near = _NEAR_BOUND * delta * HOUR_MS > rules.max_per_hour * (since + GRACE_MS)
        return near and state.grown == 0 and v > 2 * state.v
    return (
        delta >= STEPS_AT_ONCE * state.grown
        and delta * DAY_MS > _SUDDEN[since > GAP_MS] * state.usual * since
    )


def keep(rules: Rules, state: State, t: int, v: int, note: int, booked: Booked) -> State:
    """Book what the register counted from the anchor to (t, v), and make that the anchor."""
    delta = v - state.v
    note |= state.doubt
    state = _close_day(state, t, booked)
    if state.pulse:
        note |= f.PULSE
    still, start = state.still, state.t
    if delta > 0:
        if (
            state.t - still >= STILL_MS
            and sudden(rules, state, t, v)
            and _CAUGHT_UP_SHARE * delta * DAY_MS > state.usual * (t - still)
        ):
            start = still
            note |= f.FROZEN
            booked.add_finding("frozen", start, t, amount=delta)
            for hour in range(start // HOUR_MS, (state.t - 1) // HOUR_MS + 1):
                mark(booked, hour, f.FROZEN)
        still = t
    book(start, t, delta, note, booked)
    if t - start > GAP_MS:
        state = replace(state, day=0)
        if delta > 0 and t - start > DAY_MS - GAP_MS:
            state = _compare_day(state, delta * DAY_MS // (t - start), start, booked)
    total, grown = state.total + delta, delta or state.grown
    return replace(state, t=t, v=v, still=still, doubt=0, total=total, grown=grown)


def _close_day(state: State, t: int, booked: Booked) -> State:
    """Close the UTC day that the interval ending at `t` no longer belongs to, and judge it."""
    day = (t - 1) // DAY_MS
    if day == state.day:
        return state
    if state.day == 0 and state.t - day * DAY_MS > GAP_MS:
        return state  # the rest of a day is no day
    if state.day == 0 or state.t < (state.day + 1) * DAY_MS - GAP_MS or state.total == 0:
        return replace(state, day=day, total=0)
    return replace(_compare_day(state, state.total, state.day * DAY_MS, booked), day=day, total=0)


def _compare_day(state: State, total: int, begun: int, booked: Booked) -> State:
    """Judge what a day that began at `begun` counted by what is usual."""
    usual = state.usual
    if usual == 0:
        return replace(state, usual=total)
    high, low = max(total, usual), min(total, usual)
    if state.pulse:
        if high < _HALF_WAY * low:
            return replace(state, odd=0, pulse=False)
        return state
    if state.odd and any(least * low <= high <= most * low for least, most in _TENFOLD):
        start = state.odd
        booked.add_finding("pulse_weight", start, state.t, amount=total, usual=usual)
        for hour in range(start // HOUR_MS, (state.t - 1) // HOUR_MS + 1):
            mark(booked, hour, f.PULSE)
        return replace(state, odd=start, pulse=True)
    if high > 2 * low and not state.odd:
        # Heating that stopped at noon, or the beginning of something: the next day will tell, and is
        # measured by the same ordinary day.
        return replace(state, odd=begun)
    return replace(state, usual=total, odd=0)
