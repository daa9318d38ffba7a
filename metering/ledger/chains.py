"""Readings in doubt: chains of them, the explanation that each chain carries, and when one is believed.

A chain carries the explanation that its first reading suggests, tried in this order: the register wrapped
(`rollover`), it came in another unit (`unit_change`), it counted suddenly (`leap`), it began again near zero
(`reset`), it is another register (`exchange`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from metering import flags as f
from metering.ledger.booking import Booked, mark
from metering.ledger.counting import GRACE_MS, MOST_CAUGHT_UP, follows, keep, within_bound
from metering.ledger.state import EXCHANGE, KINDS, LEAP, RESET, ROLLOVER, UNIT, Chain, Rules, State
from metering.times import DAY_MS, HOUR_MS

_MOST_CHAINS: Final = 8
_MOST_POINTS: Final = 64

# Ratios of the units that registers are read in, both ways: kWh/MWh (and l/m3), MWh/Gcal, GJ/Gcal, GJ/MWh,
# Wh/MWh, kWh/Gcal, kWh/GJ.
_FACTORS: Final = tuple(
    (a, b)
    for n, d in ((1000, 1), (1163, 1000), (41868, 10000), (36, 10), (1_000_000, 1), (1163, 1), (2500, 9))
    for a, b in ((n, d), (d, n))
)
# Two units this near to each other cannot be told apart by how fast a register counts: hours differ by more.
_NEAR_UNITS: Final = 2
# A unit explains a value only where that lands close by: nearer than the value as it stands, and than zero, by this
# factor.
_CLOSE_BY: Final = 8

# A leap of more usual days than these is another register's count, unless the register goes on at that rate (within
# the same factor): then it is a new load.
_FAR: Final = 10


def drop(chains: Sequence[Chain], booked: Booked) -> None:
    """Note that the readings in doubt were strays."""
    points = [point for chain in chains for point in chain.points]
    if points:
        booked.add_finding(
            "spike_dropped", points[0][0], points[-1][0], values=len(points), first=points[0][1]
        )


def suspect(rules: Rules, state: State, t: int, value: int, booked: Booked) -> State:
    """Put a reading that does not follow from the anchor into a chain; believe the chain if it may be."""
    chains = list(state.chains)
    leaps = follows(rules, state, t, value * state.num // state.den)
    near: tuple[int, int] | None = None
    for position, chain in enumerate(chains):
        t0, raw0 = chain.points[-1]
        if t0 >= t or not within_bound(
            rules, t0, raw0 * chain.num // chain.den, t, value * chain.num // chain.den
        ):
            continue
        if (
            leaps
            and state.usual > 0
            and not KINDS[chain.kind].continuous
            and (value - raw0) * DAY_MS > _FAR * state.usual * (t - t0)
        ):
            continue  # it may be the anchor's, and is far from a stray that came before
        near = min(near or (value - raw0, position), (value - raw0, position))
    if near is not None:
        chain = chains[near[1]]
        points = chain.points
        if len(points) >= _MOST_POINTS and points[-1][1] == points[-2][1] == value:
            points = points[:-1]
        grown = Chain(chain.kind, chain.num, chain.den, (*points, (t, value)))
        chains[near[1]] = grown
        state = replace(state, chains=tuple(chains))
        return _believe(rules, state, grown, booked) or state
    chains.append(_explain(rules, state, t, value))
    return replace(state, chains=tuple(chains[-_MOST_CHAINS:]))


def _explain(rules: Rules, state: State, t: int, value: int) -> Chain:
    """A chain of one reading, with the first explanation that fits."""
    since = t - state.t
    if rules.wrap is not None and within_bound(rules, state.t, state.v, t, value + rules.wrap):
        return Chain(ROLLOVER, 1, 1, ((t, value),))
    # A unit is only tried where the converted value lands close by: within four usual steps, or what the
    # coarser unit may have rounded away.
    slack = max(4 * state.usual * since // DAY_MS, state.v // 1000)
    current = value * state.num // state.den
    if min(abs(current - state.v), state.v) > _CLOSE_BY * slack:
        for num, den in ((1, 1), *_FACTORS):
            if num * state.den != den * state.num and abs(value * num // den - state.v) <= slack:
                return Chain(UNIT, num, den, ((t, value),))
    if follows(rules, state, t, current):
        return Chain(LEAP, state.num, state.den, ((t, value),))
    if value >= 0 and value * HOUR_MS <= rules.max_per_hour * (since + GRACE_MS):
        return Chain(RESET, 1, 1, ((t, value),))
    return Chain(EXCHANGE, 1, 1, ((t, value),))


def _believe(rules: Rules, state: State, chain: Chain, booked: Booked) -> State | None:
    """The state after `chain` took over from the anchor, or None while it has not earned that."""
    points, kind = chain.points, chain.kind
    if kind == UNIT and not _unit_holds(state, chain):
        kind = EXCHANGE
    if kind == LEAP and _too_far(state, points):
        kind = EXCHANGE
    if not KINDS[kind].continuous:
        points = _coherent(points)
    counted = points[-1][1] > points[0][1]
    if len(points) < KINDS[kind].needed or (not KINDS[kind].continuous and not counted):
        return None

    if kind == LEAP:
        drop([other for other in state.chains if other is not chain], booked)
        return confirm_leap(rules, replace(state, chains=(chain,)), chain, booked)
    if kind in (UNIT, ROLLOVER):
        # These continue the anchor; what they said before its time is another's.
        points = tuple(point for point in points if point[0] > state.t)
        if not points:
            return None
    start, first = points[0]
    before = replace(state, chains=())
    flag = KINDS[kind].flag
    booked.add_finding(KINDS[kind].name, state.t, start, before=state.v, after=first, readings=len(points))
    drop([other for other in state.chains if other is not chain], booked)
    if kind == UNIT:
        current = replace(before, num=chain.num, den=chain.den)
        note = flag if chain.num != chain.den else 0
        for position, (t, value) in enumerate(points):
            v = value * chain.num // chain.den
            if v >= current.v:
                current = keep(rules, current, t, v, flag if position == 0 else note, booked)
        return current
    if kind == ROLLOVER:
        assert rules.wrap is not None
        rolled = keep(rules, before, start, first + rules.wrap, flag, booked)
        booked.shift += rules.wrap
        current = replace(rolled, v=first, num=1, den=1)
    else:
        # What was used between the two registers was not counted: a duration, not a number.
        mark(booked, (state.t - 1) // HOUR_MS, flag)
        mark(booked, state.t // HOUR_MS, flag | f.PARTIAL)
        mark(booked, start // HOUR_MS, flag | (f.PARTIAL if start % HOUR_MS else 0))
        booked.shift += state.v - first
        current = State(start, first, still=start, usual=before.usual)
    for t, value in points[1:]:
        current = keep(rules, current, t, value, 0, booked)
    return current


def _too_far(state: State, points: tuple[tuple[int, int], ...]) -> bool:
    """Whether a leap leads to another register rather than to what this one counted."""
    t, v = points[0][0], points[0][1] * state.num // state.den
    days = max(_FAR * DAY_MS, MOST_CAUGHT_UP * (t - state.still))
    raw = state.v * state.den // state.num
    return (v - state.v) * DAY_MS > state.usual * days and len(_coherent(((state.t, raw), *points))) <= len(
        points
    )


def _coherent(points: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """The points without those at the beginning from which the others are too far: strays of another kind."""
    while len(points) > 2:
        (t0, v0), (t1, v1), (t2, v2) = points[0], points[1], points[-1]
        if (v1 - v0) * (t2 - t1) <= _FAR * (v2 - v1) * (t1 - t0):
            break
        points = points[1:]
    return points


def confirm_leap(rules: Rules, state: State, chain: Chain, booked: Booked) -> State:
    """Keep the readings of a leap. One of more than a usual day is flagged: it may be another register's count."""
    for t, value in chain.points:
        v = value * chain.num // chain.den
        if t > state.t and v >= state.v:
            note = f.UNIT if chain.num != chain.den else 0
            if state.usual > 0 and v - state.v > state.usual * max(DAY_MS, t - state.t) // DAY_MS:
                note |= f.LEAP
                booked.add_finding(KINDS[LEAP].name, state.t, t, amount=v - state.v, usual=state.usual)
            state = keep(rules, state, t, v, note, booked)
    return replace(state, chains=tuple(other for other in state.chains if other is not chain))


def _unit_holds(state: State, chain: Chain) -> bool:
    """Whether the chain counts as fast as the register did once converted, rather than as sent."""
    (t0, raw0), (t1, raw1) = chain.points[0], chain.points[-1]
    converted, sent = chain.num * state.den, chain.den * state.num
    near = max(converted, sent) < _NEAR_UNITS * min(converted, sent)
    if near or t1 == t0 or raw1 == raw0 or state.usual == 0:
        return True
    as_sent = (raw1 - raw0) * DAY_MS // (t1 - t0)
    was = max(1, state.usual)

    def distance(rate: int) -> tuple[int, int]:
        rate = max(1, rate)
        return (rate, was) if rate >= was else (was, rate)

    # Compare the ratios |log(converted/was)| and |log(as sent/was)| in integers.
    a, b = distance(as_sent * chain.num // chain.den), distance(as_sent * state.num // state.den)
    return a[0] * b[1] <= b[0] * a[1]
