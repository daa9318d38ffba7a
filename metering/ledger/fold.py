"""The left fold that turns a register's readings, sorted by time, into energy.

Theory of operation
-------------------
A register counts up. What it counted between two readings that are both kept is their difference, and
that difference is all the energy there is: it is spread over the hours between them by integer floor
interpolation (a gap of at most 6 h) or booked as one unknown block (a longer one). So the sum over a
register's epoch is its last kept reading minus its first, plus rollovers, whatever happened between.

The fold's state is the last kept reading (the *anchor*) and a few *chains*: readings that do not follow
from the anchor, in doubt until later readings decide. A reading follows from another when the register
did not run backwards and no faster than the meter's plausibility bound, or than what it usually counts where it
stood still. For every reading:

- it follows from the anchor, by no sudden step (many times the usual rate): it is kept. When it shows growth,
  the anchor's register is alive and all chains were strays: they are dropped, and the interval is flagged.
- it does not, or suddenly: it joins the nearest chain that it follows from, or begins one. A chain carries the
  explanation that its first reading suggests, tried in this order: the register wrapped (`rollover`), it came in
  another unit (`unit`), it counted suddenly (`leap`), it began again near zero (`reset`), it is another register
  (`exchange`).
- a chain is believed when enough readings hang together in it (`_BELIEVED`), and a reset or an exchange
  only when the new register also counts: a stray zero that is repeated is not a meter. Then the chain
  becomes the anchor's successor. A rollover, a unit and a leap are continuous, their energy is booked; between
  a reset's or an exchange's two registers nobody counted, and that is a duration, not a number. A leap is energy
  as soon as no later reading contradicts it, and of more than a usual day it is flagged; one of many days, after
  which the register goes on as slowly as before, is an exchange.

A register that stands still for hours and then catches up at once was frozen on the way to us, not idle:
what it catches up is booked over the standstill. A register that from one day to the next counts ten times
as fast or as slow is flagged until it stops: a pulse weight was changed, but only a person can know.

Two values at one instant are a conflict: the ledger keeps the smallest that follows from the anchor
(energy is never invented; the register's next value brings what was missing) and flags both neighbours.

Besides readings there are *facts* that somebody states. A declared exchange ends one register and begins the
next at a known instant, with both counts; it is not judged, it is kept. An interval (a row of an archive, a
monthly act) says what was used from one instant to another; where no register counted that time it is booked as
it stands, and the next register reading begins anew, or, where it continues the register from before, brings
what the intervals in between did not hold.

The fold reads no clock and keeps no order of arrival: it sees sorted readings only, which is what makes
the ledger the same whatever the order in which they came.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from metering import flags as f
from metering.events import Exchange
from metering.ledger.booking import GAP_MS, Booked, book, mark, uncounted
from metering.ledger.chains import confirm_leap, drop, suspect
from metering.ledger.counting import (
    GRACE_MS,
    STEPS_AT_ONCE,
    STILL_MS,
    follows,
    keep,
    sudden,
    within_bound,
)
from metering.ledger.state import LEAP, Fact, Filled, Interval, Rules, State
from metering.times import DAY_MS, HOUR_MS

# An archive's rows may differ from its register by so much in rounding (one part of).
_ROUNDED_SHARE: Final = 100


def fold(
    rules: Rules,
    state: State | None,
    times: Sequence[int],
    amounts: Sequence[int],
    booked: Booked,
    facts: Sequence[Fact] = (),
) -> State | None:
    """Fold readings, sorted by (time, amount) and without duplicates, that come after those behind `state`.

    Args:
        rules: The meter's bounds.
        state: Where the fold stood, None before the first reading ever.
        times: Instants of the readings [ms].
        amounts: Their amounts [base units].
        booked: Receives hours, unknown blocks and findings.
        facts: Exchanges and intervals of the same time, sorted by `fact_order`.

    Returns:
        Where the fold stands after the last reading.
    """
    index = 0
    for position, fact in enumerate(facts):
        upto = bisect_left(times, fact.at, index)
        state = _fold_readings(rules, state, times, amounts, index, upto, booked)
        index = upto
        if isinstance(fact, Exchange):
            index = bisect_right(times, fact.at, upto)
            before = facts[position - 1] if position else None
            if not (isinstance(before, Exchange) and before.at == fact.at):
                state = _exchange(rules, state, fact, booked)
        elif not (
            # A register that was read at both ends of the interval, or within it, knows better.
            state is not None
            and not state.open
            and state.t >= fact.start
            and upto < len(times)
            and times[upto] == fact.at
        ):
            state = _interval(rules, state, fact, booked)
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
    bound = rules.max_per_hour
    hours = booked.amounts
    while index < count:
        t, v = times[index], amounts[index]
        index += 1
        if index < count and times[index] == t:
            values = [v]
            while index < count and times[index] == t:
                values.append(amounts[index])
                index += 1
        elif state is None:
            values = [v]
        else:
            # The ordinary case, kept short: one value, no doubts, an ordinary step within an hour.
            delta = v - state.v
            since = t - state.t
            if (
                delta >= 0
                and state.day == (t - 1) // DAY_MS
                and not state.pulse
                and since <= HOUR_MS
                and not state.chains
                and not state.doubt
                and state.num == state.den
                and (delta == 0 or state.t - state.still < STILL_MS)
                and delta * HOUR_MS <= bound * (since + GRACE_MS)
                and (delta < STEPS_AT_ONCE * state.grown or not sudden(rules, state, t, v))
                and state.t // HOUR_MS == (hour := (t - 1) // HOUR_MS)
            ):
                hours[hour] = hours.get(hour, 0) + delta
                still = t if delta else state.still
                total = state.total + delta
                grown = delta or state.grown
                state = State(
                    t, v, 1, 1, still, 0, state.day, total, state.usual, state.odd, False, (), grown
                )
                continue
            values = [v]
        state = _judge(rules, state, t, values, booked)
    return state


def _judge(rules: Rules, state: State | None, t: int, values: list[int], booked: Booked) -> State:
    """One instant with everything that was said for it, in the general case."""
    if state is None:
        if t % HOUR_MS:
            mark(booked, t // HOUR_MS, f.PARTIAL)
        doubt = f.CONFLICT if len(values) > 1 else 0
        booked.shift -= values[0]
        return State(t, values[0], still=t, doubt=doubt)
    if state.open:
        return _resume(rules, state, t, values, booked)

    num, den = state.num, state.den
    suspects = [value for value in values if not follows(rules, state, t, value * num // den)]
    possible = [value for value in values if value not in suspects]
    following = [value for value in possible if not sudden(rules, state, t, value * num // den)]
    if possible and not following:
        suspects = [min(possible), *suspects]  # a leap, which later readings must confirm
    conflict = f.CONFLICT if len(values) > 1 else 0
    if conflict:
        booked.add_finding("conflict", t, t, values=len(values))
        if not following:
            mark(booked, (t - 1) // HOUR_MS, conflict)
            mark(booked, t // HOUR_MS, conflict)

    if following:
        v = min(following) * num // den
        note = conflict
        if v > state.v and state.chains:
            for chain in state.chains:
                if chain.kind == LEAP and chain.points[-1][0] < t and chain.points[-1][1] <= min(following):
                    state = confirm_leap(rules, state, chain, booked)  # what leapt is not contradicted
                    break
            else:
                note |= f.SPIKE
            drop(state.chains, booked)
            state = replace(state, chains=())
        if num != den:
            note |= f.UNIT
        state = replace(keep(rules, state, t, v, note, booked), doubt=conflict)

    for value in suspects:
        state = suspect(rules, state, t, value, booked)
    return state


def _exchange(rules: Rules, state: State | None, fact: Exchange, booked: Booked) -> State:
    """End the old register and begin the new one, as declared."""
    t = fact.at
    mark(booked, t // HOUR_MS, f.EXCHANGE)
    if state is None:
        if t % HOUR_MS:
            mark(booked, t // HOUR_MS, f.PARTIAL)
        booked.shift -= fact.initial
        return State(t, fact.initial, still=t)
    drop(state.chains, booked)
    state = replace(state, chains=())
    if not state.open and within_bound(rules, state.t, state.v, t, fact.final):
        state = keep(rules, state, t, fact.final, f.EXCHANGE, booked)
    else:
        if not state.open:
            booked.add_finding("exchange_contradicted", state.t, t, declared=fact.final, last=state.v)
            if within_bound(rules, t, fact.initial, t + DAY_MS, state.v):
                return state  # what counts already is the new register
        uncounted(state.t, t, f.EXCHANGE, booked)
    booked.shift += state.v - fact.initial
    return State(t, fact.initial, still=t, usual=state.usual)


def _interval(rules: Rules, state: State | None, fact: Interval, booked: Booked) -> State:
    """Book an interval where nothing counted; the register knows better."""
    start, end, amount = fact.start, fact.at, fact.amount
    if not 0 <= amount * HOUR_MS <= rules.max_per_hour * (end - start):
        booked.add_finding("implausible", start, end, amount=amount)
        return state or State(start, 0, still=start, open=True)
    if state is None:
        booked.shift += amount
        book(start, end, amount, 0, booked)
        return State(end, 0, still=start, open=True)
    if start < state.t:
        if state.open and (start, end) == (state.still, state.t):
            booked.add_finding("conflict", start, end, other=amount)
            if end - start <= GAP_MS:
                for hour in range(start // HOUR_MS, (end - 1) // HOUR_MS + 1):
                    mark(booked, hour, f.CONFLICT)
        elif end > state.t and end - start > DAY_MS:
            booked.add_finding("overlap", start, end, amount=amount)
        return state
    if start > state.t:
        uncounted(state.t, start, 0, booked)
    booked.shift += amount
    book(start, end, amount, 0, booked)
    if state.open:
        filled = state.filled
        if filled is not None:
            filled = replace(filled, booked=filled.booked + amount, newest=start)
    else:
        drop(state.chains, booked)
        filled = Filled(state.v, state.t, amount, start, start)
    return replace(state, t=end, still=start, day=0, total=0, chains=(), doubt=0, open=True, filled=filled)


def _resume(rules: Rules, state: State, t: int, values: list[int], booked: Booked) -> State:
    """A register reading after intervals: it continues the register before them, or begins anew."""
    conflict = f.CONFLICT if len(values) > 1 else 0
    if conflict:
        booked.add_finding("conflict", t, t, values=len(values))
    filled = state.filled
    if filled is not None:
        continued = [value * state.num // state.den for value in values]
        continued = [v for v in continued if within_bound(rules, filled.t, filled.v, t, v)]
        if continued:
            v = min(continued)
            left = v - filled.v - filled.booked
            if _bring(filled, state.t, t, left, booked):
                booked.shift -= filled.booked
                return replace(state, t=t, v=v, still=t, doubt=conflict, open=False, filled=None)
            booked.add_finding("archive_differs", filled.t, t, register=v - filled.v, intervals=filled.booked)
    if t > state.t:
        uncounted(state.t, t, 0, booked)
    booked.shift += state.v - values[0]
    return State(t, values[0], still=t, usual=state.usual, doubt=conflict)


def _bring(filled: Filled, end: int, t: int, left: int, booked: Booked) -> bool:
    """Book what the register counted beyond the intervals; False where they contradict each other."""
    head, tail = filled.first - filled.t, t - end
    rounding = filled.booked // _ROUNDED_SHARE
    if head + tail > 0 and left >= 0:
        part = left * head // (head + tail)
        if head:
            book(filled.t, filled.first, part, f.INTERPOLATED, booked)
        if tail:
            book(end, t, left - part, f.INTERPOLATED, booked)
        return True
    if abs(left) > rounding or end - filled.newest > GAP_MS:
        return False
    if tail:
        book(end, t, 0, f.INTERPOLATED, booked)
    hour = (end - 1) // HOUR_MS
    booked.amounts[hour] = booked.amounts.get(hour, 0) + left
    if left:
        mark(booked, hour, f.INTERPOLATED)
    return True
