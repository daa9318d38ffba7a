"""Readings in doubt: chains of them, the explanation of each chain, and when it is confirmed.

A chain gets the explanation that its first reading suggests, tried in this order: the register wrapped (`rollover`), it
came in another unit (`unit_change`), it counted suddenly (`leap`), it began again near zero (`reset`), it is another
register (`exchange`). `metering.ledger.state.KINDS` says how many readings confirm each.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from metering import flags as f
from metering.ledger.booking import Booked, mark
from metering.ledger.counting import CATCH_UP_LIMIT, GRACE_MS, follows, keep, within_bound
from metering.ledger.state import EXCHANGE, KINDS, LEAP, RESET, ROLLOVER, UNIT, Chain, Point, Rules, State
from metering.times import DAY_MS, HOUR_MS

_MOST_CHAINS: Final = 8
_MOST_POINTS: Final = 64

_FACTORS: Final = tuple(
    (a, b)
    for n, d in ((1000, 1), (1163, 1000), (41868, 10000), (36, 10), (1_000_000, 1), (1163, 1), (2500, 9))
    for a, b in ((n, d), (d, n))
)
"""Ratios of the units that registers are read in, both ways: kWh/MWh (and l/m3), MWh/Gcal, GJ/Gcal, GJ/MWh, Wh/MWh,
kWh/Gcal, kWh/GJ."""
_NEAR_UNITS: Final = 2
"""Units with a ratio below this cannot be distinguished by how fast a register counts: hours differ by more."""
_CLOSE: Final = 8
"""A unit is tried only if the value as sent is further from the anchor than this many times the tolerance, and the
anchor from zero."""
_TOLERANCE_STEPS: Final = 4
"""A converted value may differ from the anchor by this many usual steps..."""
_TOLERANCE_SHARE: Final = 1000
"""...or by the anchor's amount divided by this, which a coarser unit may have rounded off."""

_FAR_DAYS: Final = 10
"""A leap of more usual days is another register's count, unless the register continues at that rate (within the same
factor): then it is a new load."""


def drop_strays(chains: Iterable[Chain], booked: Booked) -> None:
    """Add a finding for readings in doubt that are dropped as strays."""
    points = [point for chain in chains for point in chain.points]
    if points:
        booked.add_finding(
            "spike_dropped", points[0].t, points[-1].t, values=len(points), first=points[0].sent
        )


def add_in_doubt(rules: Rules, state: State, t: int, sent: int, booked: Booked) -> State:
    """Add a reading in doubt to the nearest chain, or begin one. A confirmed chain replaces the anchor."""
    position = _nearest_chain(rules, state, t, sent)
    if position is None:
        chains = (*state.chains, _begin_chain(rules, state, t, sent))
        return replace(state, chains=chains[-_MOST_CHAINS:])
    chain = state.chains[position]
    points = chain.points
    if len(points) >= _MOST_POINTS and points[-1].sent == points[-2].sent == sent:
        points = points[:-1]
    chain = Chain(chain.kind, chain.num, chain.den, (*points, Point(t, sent)))
    state = replace(state, chains=(*state.chains[:position], chain, *state.chains[position + 1 :]))
    return _confirm(rules, state, chain, booked) or state


def _nearest_chain(rules: Rules, state: State, t: int, sent: int) -> int | None:
    """Position of the chain that a reading follows from with the smallest step; None if it follows from none."""
    may_be_anchor = follows(rules, state, t, sent * state.num // state.den)
    nearest: tuple[int, int] | None = None
    for position, chain in enumerate(state.chains):
        last = chain.points[-1]
        if last.t >= t or not within_bound(
            rules, last.t, last.sent * chain.num // chain.den, t, sent * chain.num // chain.den
        ):
            continue
        step = sent - last.sent
        if (
            may_be_anchor
            and state.usual > 0
            and not KINDS[chain.kind].continuous
            and step * DAY_MS > _FAR_DAYS * state.usual * (t - last.t)
        ):
            continue  # it may belong to the anchor, and is far from the stray before it
        nearest = min(nearest or (step, position), (step, position))
    return None if nearest is None else nearest[1]


def _begin_chain(rules: Rules, state: State, t: int, sent: int) -> Chain:
    """A chain of one reading, with the first explanation that fits."""
    duration = t - state.t
    points = (Point(t, sent),)
    if rules.wrap is not None and within_bound(rules, state.t, state.v, t, sent + rules.wrap):
        return Chain(ROLLOVER, 1, 1, points)
    v = sent * state.num // state.den
    tolerance = max(_TOLERANCE_STEPS * state.usual * duration // DAY_MS, state.v // _TOLERANCE_SHARE)
    if min(abs(v - state.v), state.v) > _CLOSE * tolerance:
        for num, den in ((1, 1), *_FACTORS):
            if num * state.den != den * state.num and abs(sent * num // den - state.v) <= tolerance:
                return Chain(UNIT, num, den, points)
    if follows(rules, state, t, v):
        return Chain(LEAP, state.num, state.den, points)
    if sent >= 0 and sent * HOUR_MS <= rules.max_per_hour * (duration + GRACE_MS):
        return Chain(RESET, 1, 1, points)
    return Chain(EXCHANGE, 1, 1, points)


def _confirm(rules: Rules, state: State, chain: Chain, booked: Booked) -> State | None:
    """The state after `chain` has replaced the anchor, or None if it needs more readings."""
    kind = chain.kind
    if (kind == UNIT and not _unit_fits(state, chain)) or (kind == LEAP and _too_far(state, chain.points)):
        kind = EXCHANGE
    explanation = KINDS[kind]
    points = chain.points if explanation.continuous else _without_leading_strays(chain.points)
    counts = points[-1].sent > points[0].sent
    if len(points) < explanation.needed or not (explanation.continuous or counts):
        return None

    others = [other for other in state.chains if other is not chain]
    if kind == LEAP:
        drop_strays(others, booked)
        return keep_leap(rules, replace(state, chains=(chain,)), chain, booked)
    if explanation.continuous:
        # The chain continues the anchor: its readings from before the anchor belong to something else.
        points = tuple(point for point in points if point.t > state.t)
        if not points:
            return None
    first = points[0]
    booked.add_finding(
        explanation.name, state.t, first.t, before=state.v, after=first.sent, readings=len(points)
    )
    drop_strays(others, booked)
    state = replace(state, chains=())
    if kind == UNIT:
        return _convert(rules, state, chain, points, booked)
    if kind == ROLLOVER:
        assert rules.wrap is not None
        state = keep(rules, state, first.t, first.sent + rules.wrap, explanation.flag, booked)
        booked.name("rollover", first.t, -rules.wrap)
        state = replace(state, v=first.sent, num=1, den=1)
    else:
        flag = explanation.flag
        mark(booked, (state.t - 1) // HOUR_MS, flag)
        mark(booked, state.t // HOUR_MS, flag | f.PARTIAL)
        mark(booked, first.t // HOUR_MS, flag | (f.PARTIAL if first.t % HOUR_MS else 0))
        booked.name(explanation.name, first.t, first.sent - state.v)
        state = State(first.t, first.sent, unchanged_since=first.t, usual=state.usual)
    for t, v in points[1:]:
        state = keep(rules, state, t, v, 0, booked)
    return state


def _convert(rules: Rules, state: State, chain: Chain, points: tuple[Point, ...], booked: Booked) -> State:
    """Keep readings that came in another unit."""
    state = replace(state, num=chain.num, den=chain.den)
    flags = f.UNIT
    for t, sent in points:
        v = sent * chain.num // chain.den
        if v >= state.v:
            state = keep(rules, state, t, v, flags, booked)
        if chain.num == chain.den:
            flags = 0  # back in the unit of the epoch's start: only the first reading is flagged
    return state


def keep_leap(rules: Rules, state: State, chain: Chain, booked: Booked) -> State:
    """Keep the readings of a leap. A step of more than a usual day is flagged: it may be another register's count."""
    for t, sent in chain.points:
        v = sent * chain.num // chain.den
        step = v - state.v
        if t > state.t and step >= 0:
            flags = f.UNIT if chain.num != chain.den else 0
            if state.usual > 0 and step > state.usual * max(DAY_MS, t - state.t) // DAY_MS:
                flags |= f.LEAP
                booked.add_finding(KINDS[LEAP].name, state.t, t, amount=step, usual=state.usual)
            state = keep(rules, state, t, v, flags, booked)
    return replace(state, chains=tuple(other for other in state.chains if other is not chain))


def _too_far(state: State, points: tuple[Point, ...]) -> bool:
    """Whether a leap leads to another register and is no use of this one."""
    t, step = points[0].t, points[0].sent * state.num // state.den - state.v
    most_days_ms = max(_FAR_DAYS * DAY_MS, CATCH_UP_LIMIT * (t - state.unchanged_since))
    if step * DAY_MS <= state.usual * most_days_ms:
        return False
    anchor = Point(state.t, state.v * state.den // state.num)
    return len(_without_leading_strays((anchor, *points))) <= len(points)


def _without_leading_strays(points: tuple[Point, ...]) -> tuple[Point, ...]:
    """The points without those at the start from which the step to the next is too large for the later rate."""
    while len(points) > 2:
        first, second, last = points[0], points[1], points[-1]
        rise = (second.sent - first.sent) * (last.t - second.t)
        if rise <= _FAR_DAYS * (last.sent - second.sent) * (second.t - first.t):
            break
        points = points[1:]
    return points


def _unit_fits(state: State, chain: Chain) -> bool:
    """Whether the chain counts as fast as the register usually does if converted, rather than as sent."""
    first, last = chain.points[0], chain.points[-1]
    converted, unconverted = chain.num * state.den, chain.den * state.num
    near = max(converted, unconverted) < _NEAR_UNITS * min(converted, unconverted)
    if near or last.t == first.t or last.sent == first.sent or state.usual == 0:
        return True
    a_day = (last.sent - first.sent) * DAY_MS // (last.t - first.t)
    usual = max(1, state.usual)

    def ratio(rate: int) -> tuple[int, int]:
        """The larger of rate and usual, and the smaller."""
        rate = max(1, rate)
        return (rate, usual) if rate >= usual else (usual, rate)

    # Compares |log(rate / usual)| of both in integers.
    high, low = ratio(a_day * chain.num // chain.den)
    high_as_sent, low_as_sent = ratio(a_day * state.num // state.den)
    return high * low_as_sent <= high_as_sent * low
