"""The left fold that turns a register's readings, sorted by time, into energy.

Theory of operation
-------------------
A register counts up. The energy between two kept readings is their difference, and nothing else is energy. A gap of at
most 6 h between them is spread over its hours by integer floor interpolation; a longer one is booked as one unknown
block. So the energy of a register's epoch is its last kept reading minus its first, plus rollovers, exactly.

The fold's state is the last kept reading (the *anchor*), what the register usually counts (`metering.ledger.usual`)
and a few *chains* of readings in doubt, which do not follow from the anchor. Later readings decide what they are. A
reading *follows* if the register did not run backwards and counted no faster than the meter's plausibility bound since
it last moved: a frozen display may catch up.

Deleting needs proof. A reading that follows is energy, however unusual: it is never dropped on a guess. What is left
out is left out because the bound forbids it, because the register fell and stayed below, because later readings
returned to the count before it, or because a person says so.
For every reading:

- It follows from the anchor and the step is not sudden (more than the register ever counted): it is kept. If the
  register also counted, the anchor's register is alive: all chains are strays and are dropped, and the interval is
  flagged. The exception is a register that went on from an older count after a power cut: if its readings below the
  anchor explain the usual rate better, they are the register (`metering.ledger.chains.went_back`).
- Otherwise it is in doubt. It joins the nearest chain that it follows from, or begins one. The chain gets the
  explanation that its first reading suggests: a rollover, a change of unit, a leap, a reset, an exchange
  (`metering.ledger.chains`).
- A chain is confirmed by as many readings as its explanation needs (`metering.ledger.state.KINDS`). A reset or an
  exchange also needs the new register to count: a repeated zero is not a meter. A confirmed chain replaces the anchor.
  A rollover, a change of unit and a leap continue the register, and their step is energy. Between the two registers
  of a reset or an exchange nothing was counted: that is a duration and has no amount.
- A leap is energy unless a later reading contradicts it. If it is more than the register ever counted in a day, it is
  flagged, a finding asks whether it was used, and its readings must hold for some hours.
- Readings that follow neither from the anchor nor from each other are left out. If they span a day, or are many, the
  finding `stalled` says so: the bound, the unit or the exchange must be stated.

A frozen display and a change of the pulse weight are detected when readings are kept (`metering.ledger.counting`,
`metering.ledger.usual`).

Two values at one instant are a conflict. The ledger keeps the smallest that follows from the anchor: it never invents
energy, and the next reading brings what was missing. Both neighbouring hours are flagged.

*Facts* are declared by people and are not judged:

- An exchange ends one register and begins the next at a known instant, with both counts.
- An interval (a row of an archive, a monthly act) states the use from one instant to another. It is booked if no
  register counted that time. The next register reading either starts a new epoch or, if it continues the previous
  count, supplies the energy missing from the intervals.

The fold reads no clock and depends on no order of arrival: it gets sorted readings only, so the ledger is the same
in whatever order they arrived.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from metering import flags as f
from metering.events import Exchange
from metering.ledger.booking import GAP_MS, Booked, book, mark, mark_uncounted
from metering.ledger.chains import add_in_doubt, drop_strays, keep_leap, went_back
from metering.ledger.counting import (
    GRACE_MS,
    UNCHANGED_MS,
    converted,
    follows,
    keep,
    sudden,
    within_bound,
)
from metering.ledger.state import LEAP, Fact, Filled, Interval, Rules, Stalled, State, begun_again
from metering.ledger.usual import SLACK_MS
from metering.times import DAY_MS, HOUR_MS

_LEFT_OUT: Final = 24
"""Instants with readings after the anchor that are not kept, from which on the register is said to stall."""
_FEWEST: Final = 3
"""Fewest of them if they span more than a day."""
_ROUNDED_SHARE: Final = 100
"""The rows of an archive may differ from the register by their sum divided by this: they are rounded."""


def fold(
    rules: Rules,
    state: State | None,
    times: Sequence[int],
    amounts: Sequence[int],
    booked: Booked,
    facts: Sequence[Fact] = (),
) -> State | None:
    """Fold readings and facts that come after those behind `state`.

    Args:
        rules: The meter's bounds.
        state: The fold's state before them; None before the first reading of all.
        times: Instants of the readings [ms]. Readings are sorted by (time, amount), without duplicates.
        amounts: Their amounts [base units].
        booked: Receives hours, unknown blocks, flags and findings.
        facts: Exchanges and intervals of the same time, sorted by `metering.ledger.state.fact_order`.

    Returns:
        The fold's state after them; None if there was no state, reading or fact.
    """
    index = 0
    for position, fact in enumerate(facts):
        until = bisect_left(times, fact.at, index)
        state = _fold_readings(rules, state, times, amounts, index, until, booked)
        index = until
        if isinstance(fact, Exchange):
            index = bisect_right(times, fact.at, until)
            previous = facts[position - 1] if position else None
            if not (isinstance(previous, Exchange) and previous.at == fact.at):
                state = _fold_exchange(rules, state, fact, booked)
        else:
            read_at_end = until < len(times) and times[until] == fact.at
            if state is None or state.open or state.t < fact.start or not read_at_end:
                state = _fold_interval(rules, state, fact, booked)
            # Otherwise the register was read at the interval's end, and at its start or within it: it is more exact.
    return _fold_readings(rules, state, times, amounts, index, len(times), booked)


def _fold_readings(
    rules: Rules,
    state: State | None,
    times: Sequence[int],
    amounts: Sequence[int],
    index: int,
    count: int,
    booked: Booked,
) -> State | None:
    """Fold the readings of `[index, count)`."""
    while index < count:
        if state is not None and state.num == state.den:
            index, state = _fold_ordinary(rules.max_per_hour, state, times, amounts, index, count, booked)
            if index == count:
                break
        t = times[index]
        until = index + 1
        while until < count and times[until] == t:
            until += 1
        state = _fold_instant(rules, state, t, list(amounts[index:until]), booked)
        index = until
    return state


def _fold_ordinary(
    bound: int,
    state: State,
    times: Sequence[int],
    amounts: Sequence[int],
    index: int,
    count: int,
    booked: Booked,
) -> tuple[int, State]:
    """Fold readings from `index` on as long as they are ordinary: one value, nothing in doubt, an ordinary step within
    one hour.

    Nearly all readings are, and each message and each late reading folds a day of them. So the state is made once after
    them: made after each it was half of the fold's time.

    Args:
        bound: The meter's bound [base units per hour].
        state: The state before them, in the unit of the epoch's start.
        times: Instants of the readings [ms].
        amounts: Their amounts [base units].
        index: The first of them.
        count: The end of the readings.
        booked: Receives hours.

    Returns:
        The index of the first reading that is not ordinary, and the state before it.
    """
    if state.pulse or state.chains or state.next_flags:
        return index, state
    first, hours = index, booked.amounts
    begin, end, peak = state.day * DAY_MS, (state.day + 1) * DAY_MS, state.peak
    t0, v0, moved, total = state.t, state.v, state.unchanged_since, state.day_total
    last_step, last_ms = state.last_step, state.last_ms
    while index < count:
        t, v = times[index], amounts[index]
        step, duration, hour = v - v0, t - t0, (t - 1) // HOUR_MS
        if (
            step < 0
            or not begin < t <= end
            or t0 // HOUR_MS != hour
            or step * HOUR_MS > peak * (duration + SLACK_MS)
            or step * HOUR_MS > bound * (duration + GRACE_MS)
            or (step and t0 - moved >= UNCHANGED_MS)
            or (index + 1 < count and times[index + 1] == t)
        ):
            break
        hours[hour] = hours.get(hour, 0) + step
        total += step
        if step:
            moved, last_step, last_ms = t, step, duration
        t0, v0 = t, v
        index += 1
    if index == first:
        return index, state
    # Fields by position, which is faster than by name.
    state = State(
        t0,
        v0,
        1,  # num
        1,  # den
        moved,
        0,  # next_flags
        state.day,
        total,
        state.usual,
        state.unusual_since,
        False,  # pulse
        (),  # chains
        last_step,
        False,  # open
        None,  # filled
        0,  # left_out
        peak,
        state.most,
        state.least,
        state.week,
        state.unusual,
        last_ms,
        None,  # stalled
        state.leap,
    )
    return index, state


def _fold_instant(rules: Rules, state: State | None, t: int, values: list[int], booked: Booked) -> State:
    """Fold all values of one instant in the general case."""
    if state is None:
        if t % HOUR_MS:
            mark(booked, t // HOUR_MS, f.PARTIAL)
        booked.name("first", t, values[0])
        if len(values) > 1:
            booked.add_finding("conflict", t, t, values=len(values))
        return State(t, values[0], unchanged_since=t, next_flags=f.CONFLICT if len(values) > 1 else 0)
    if state.open:
        return _resume_register(rules, state, t, values, booked)

    in_doubt = [sent for sent in values if not follows(rules, state, t, converted(state, sent))]
    possible = [sent for sent in values if sent not in in_doubt]
    ordinary = [sent for sent in possible if not sudden(rules, state, t, converted(state, sent))]
    if possible and not ordinary:
        in_doubt = [min(possible), *in_doubt]  # a leap, which later readings must confirm
    conflict = f.CONFLICT if len(values) > 1 else 0
    if conflict:
        booked.add_finding("conflict", t, t, values=len(values))
        if not ordinary:
            mark(booked, (t - 1) // HOUR_MS, conflict)
            mark(booked, t // HOUR_MS, conflict)

    if ordinary and state.chains and len(values) == 1:
        back = went_back(rules, state, t, values[0], booked)
        if back is not None:
            return back
    if ordinary:
        v = converted(state, min(ordinary))
        flags = conflict
        if v > state.v and state.chains:
            for chain in state.chains:
                last = chain.points[-1]
                if chain.kind == LEAP and last.t < t and last.sent <= min(ordinary):
                    state = keep_leap(rules, state, chain, booked)  # this reading does not contradict it
                    break
            else:
                flags |= f.SPIKE
            drop_strays(state.chains, booked)
            state = replace(state, chains=())
        if state.num != state.den:
            flags |= f.UNIT
        state = replace(keep(rules, state, t, v, flags, booked), next_flags=conflict)

    anchor = state.t
    for sent in in_doubt:
        state = add_in_doubt(rules, state, t, sent, booked)
    if state.t == anchor != t:
        state = _leave_out(rules, state, t)
    return state


def _leave_out(rules: Rules, state: State, t: int) -> State:
    """Count an instant whose readings are not kept; a finding says it when a day or `_LEFT_OUT` of them lie behind."""
    state = replace(state, left_out=state.left_out + 1)
    points = sorted(point for chain in state.chains for point in chain.points)
    lags = state.left_out >= _LEFT_OUT or (t - state.t > DAY_MS and state.left_out >= _FEWEST)
    if state.stalled or not lags or not points:
        return state
    rise = points[-1].sent - points[-2].sent if len(points) > 1 else 0
    rate = rise * HOUR_MS // max(points[-1].t - points[-2].t, SLACK_MS) if rise > 0 else 0
    stalled = Stalled(t, points[0].sent, rate, rules.max_per_hour, state.left_out)
    return replace(state, stalled=stalled)


def _fold_exchange(rules: Rules, state: State | None, fact: Exchange, booked: Booked) -> State:
    """End the old register and begin the new one, as declared."""
    t = fact.at
    mark(booked, t // HOUR_MS, f.EXCHANGE)
    if state is None:
        if t % HOUR_MS:
            mark(booked, t // HOUR_MS, f.PARTIAL)
        booked.name("first", t, fact.initial)
        return State(t, fact.initial, unchanged_since=t)
    drop_strays(state.chains, booked)
    state = replace(state, chains=())
    if not state.open and within_bound(rules, state.t, state.v, t, fact.final):
        state = keep(rules, state, t, fact.final, f.EXCHANGE, booked)
    else:
        if not state.open:
            booked.add_finding("exchange_contradicted", state.t, t, declared=fact.final, last=state.v)
            if within_bound(rules, t, fact.initial, t + DAY_MS, state.v):
                return state  # the readings are those of the new register already
        mark_uncounted(state.t, t, f.EXCHANGE, booked)
    booked.name("exchange", t, fact.initial - state.v)
    return begun_again(state, t, fact.initial)


def _fold_interval(rules: Rules, state: State | None, fact: Interval, booked: Booked) -> State:
    """Book an interval if nothing was counted in its time."""
    start, end, amount = fact.start, fact.at, fact.amount
    if not 0 <= amount * HOUR_MS <= rules.max_per_hour * (end - start):
        booked.add_finding("implausible", start, end, amount=amount)
        return state or State(start, 0, unchanged_since=start, open=True)
    if state is None:
        booked.name("interval", start, -amount)
        book(start, end, amount, 0, booked)
        return State(end, 0, unchanged_since=start, open=True)
    if start < state.t:
        if state.open and (start, end) == (state.unchanged_since, state.t):
            booked.add_finding("conflict", start, end, other=amount)
            if end - start <= GAP_MS:
                for hour in range(start // HOUR_MS, (end - 1) // HOUR_MS + 1):
                    mark(booked, hour, f.CONFLICT)
        elif end > state.t and end - start > DAY_MS:
            booked.add_finding("overlap", start, end, amount=amount)
        return state
    if start > state.t:
        mark_uncounted(state.t, start, 0, booked)
    booked.name("interval", start, -amount)
    book(start, end, amount, 0, booked)
    if state.open:
        filled = state.filled
        if filled is not None:
            filled = replace(filled, booked=filled.booked + amount, newest=start)
    else:
        drop_strays(state.chains, booked)
        filled = Filled(v=state.v, t=state.t, booked=amount, first=start, newest=start)
    return replace(
        state,
        t=end,
        unchanged_since=start,
        day=0,
        day_total=0,
        chains=(),
        next_flags=0,
        open=True,
        filled=filled,
        left_out=0,
        stalled=None,
    )


def _resume_register(rules: Rules, state: State, t: int, values: list[int], booked: Booked) -> State:
    """Fold a register reading after intervals: it continues the register before them, or begins a new epoch."""
    conflict = f.CONFLICT if len(values) > 1 else 0
    if conflict:
        booked.add_finding("conflict", t, t, values=len(values))
    filled = state.filled
    if filled is not None:
        converted = [sent * state.num // state.den for sent in values]
        continued = [v for v in converted if within_bound(rules, filled.t, filled.v, t, v)]
        if continued:
            v = min(continued)
            remainder = v - filled.v - filled.booked
            if _book_remainder(filled, state.t, t, remainder, booked):
                booked.name("interval", t, filled.booked)
                return replace(
                    state, t=t, v=v, unchanged_since=t, next_flags=conflict, open=False, filled=None
                )
            booked.add_finding("archive_differs", filled.t, t, register=v - filled.v, intervals=filled.booked)
    if t > state.t:
        mark_uncounted(state.t, t, 0, booked)
    booked.name("unread", t, values[0] - state.v)
    return replace(begun_again(state, t, values[0]), next_flags=conflict)


def _book_remainder(filled: Filled, end: int, t: int, remainder: int, booked: Booked) -> bool:
    """Book what the register counted beyond the intervals, at the two ends of the gap that they leave.

    Args:
        filled: The gap and its intervals.
        end: End of the last interval [ms].
        t: Time of the register reading after it [ms].
        remainder: What the register counted over the gap, minus the intervals; may be negative by rounding.
        booked: Receives it.

    Returns:
        False, and nothing is booked, if register and intervals contradict each other.
    """
    head, tail = filled.first - filled.t, t - end
    if head + tail > 0 and remainder >= 0:
        part = remainder * head // (head + tail)
        if head:
            book(filled.t, filled.first, part, f.INTERPOLATED, booked)
        if tail:
            book(end, t, remainder - part, f.INTERPOLATED, booked)
        return True
    if abs(remainder) > filled.booked // _ROUNDED_SHARE or end - filled.newest > GAP_MS:
        return False
    if tail:
        book(end, t, 0, f.INTERPOLATED, booked)
    hour = (end - 1) // HOUR_MS
    booked.amounts[hour] = booked.amounts.get(hour, 0) + remainder
    if remainder:
        mark(booked, hour, f.INTERPOLATED)
    return True
