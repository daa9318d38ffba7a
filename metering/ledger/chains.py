"""Readings in doubt: chains of them, the explanation of each chain, and when it is confirmed.

A chain gets the explanation that its first reading suggests, tried in this order: the register wrapped (`rollover`), it
counted suddenly (`leap`), it came in another unit (`unit_change`), it began again near zero (`reset`), it is another
register (`exchange`). `metering.ledger.state.KINDS` says how many readings confirm each.

Deleting needs proof: what the meter's bound allows since the register last moved is a leap, so it is energy. Only a
value that the bound forbids, or a fall that stays, can be another register's count or another unit.

A register may go on from an older count, which it had saved before a power cut. Its readings lie below the anchor at
first and then pass it. Of the readings below and the anchor, that one is the register from which the next reading
follows at the usual rate (`went_back`).
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise
from typing import Final

from msgspec.structs import replace

from metering import flags as f
from metering.ledger.booking import Booked, BookedFinding, mark, rebook
from metering.ledger.counting import GRACE_MS, converted, follows, keep, sudden, within_bound
from metering.ledger.rulings import is_no_exchange, is_unit_known
from metering.ledger.state import (
    EXCHANGE,
    KINDS,
    LEAP,
    RESET,
    ROLLOVER,
    UNIT,
    Chain,
    Kind,
    Point,
    Rules,
    State,
    begun_again,
)
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
anchor from zero..."""
_CLOSE_FAR: Final = 1
"""...or this many times, if it is so far from the meter's unit that its rate will confirm it."""
_TOLERANCE_STEPS: Final = 4
"""A converted value may be above the anchor by this many usual steps..."""
_TOLERANCE_SHARE: Final = 1000
"""...or differ by the anchor's amount divided by this, which a coarser unit may have rounded off."""

_FAR_DAYS: Final = 10
"""A reading in doubt continues another one only at less than this many times the usual rate, or the later one."""
_RETURNS: Final = 2
"""A register that returns to the count before a leap counted at most this many times the largest day since."""
_LEAP_MS: Final = 5 * HOUR_MS
"""Readings must confirm a leap that is asked about for this long: foreign values come in runs."""
_FAR_UNITS: Final = 30
"""A new register may count in a unit that is further from the declared one than this; nearer ones look like use."""
_AS_USUAL: Final = 2
"""It does if its converted rate is within this factor of the usual day's."""
_WENT_BACK: Final = Fraction(2)
"""Readings below the anchor are the register if they explain its rate this many times better than the anchor..."""
_WENT_BACK_ONCE: Final = Fraction(3)
"""The same of a single reading, which a stray may be."""
_NO_SPIKE: Final = Fraction(3, 2)
"""...and this many times better than a spike does, if they are not below the count before the anchor."""


def drop_strays(chains: Iterable[Chain], booked: Booked) -> None:
    """Add a finding for readings in doubt that are dropped as strays."""
    points = [point for chain in chains for point in chain.points]
    if points:
        booked.add_finding(
            "spike_dropped", points[0].t, points[-1].t, values=len(points), first=points[0].sent
        )


def pending(state: State) -> tuple[BookedFinding, ...]:
    """Findings that the newest readings are in doubt, or left out; none if they are not. Later readings end them."""
    findings: list[BookedFinding] = []
    points = [chain.points[0] for chain in state.chains]
    if points:
        first = min(points)
        figures = (("before", state.v), ("after", first.sent))
        findings.append(BookedFinding("pending", min(state.t, first.t), first.t, figures))
    stalled = state.stalled
    if stalled is not None:
        left_out = (
            ("last", state.v),
            ("first", stalled.first),
            ("rate", stalled.rate),
            ("bound", stalled.bound),
            ("readings", stalled.readings),
        )
        findings.append(BookedFinding("stalled", state.t, stalled.at, left_out))
    return tuple(findings)


def add_in_doubt(rules: Rules, state: State, t: int, sent: int, booked: Booked) -> State:
    """Add a reading in doubt to the nearest chain, or begin one. A confirmed chain replaces the anchor."""
    position = _nearest_chain(rules, state, t, sent)
    if position is None:
        converted = None if is_unit_known(rules, t) else _in_other_unit(state, t, sent)
        if converted is not None:
            return converted
        chains = (*state.chains, _begin_chain(rules, state, t, sent))
        return replace(state, chains=chains[-_MOST_CHAINS:])
    chain = _as_sent(rules, state.chains[position], t, sent)
    points = chain.points
    if len(points) >= _MOST_POINTS:
        points = (points[0], *points[2:])  # the first explains the chain, the newest ones confirm it
    chain = Chain(chain.kind, chain.num, chain.den, (*points, Point(t, sent)))
    state = replace(state, chains=(*state.chains[:position], chain, *state.chains[position + 1 :]))
    return _confirm(rules, state, chain, booked) or state


def _nearest_chain(rules: Rules, state: State, t: int, sent: int) -> int | None:
    """Position of the chain that a reading follows from with the smallest step; None if it follows from none."""
    may_be_anchor = follows(rules, state, t, sent * state.num // state.den)
    nearest: tuple[int, int] | None = None
    for position, chain in enumerate(state.chains):
        last = chain.points[-1]
        chain = _as_sent(rules, chain, t, sent)
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


def _as_sent(rules: Rules, chain: Chain, t: int, sent: int) -> Chain:
    """The chain; as a new register if its one reading seemed to come in another unit and the next one denies it."""
    first = chain.points[0]
    if chain.kind != UNIT or len(chain.points) > 1 or first.t >= t or chain.num == chain.den:
        return chain
    if within_bound(rules, first.t, first.sent * chain.num // chain.den, t, sent * chain.num // chain.den):
        return chain
    return Chain(RESET, 1, 1, chain.points) if within_bound(rules, first.t, first.sent, t, sent) else chain


def _in_other_unit(state: State, t: int, sent: int) -> State | None:
    """The state if a reading and the two newest strays are a register that counts in another unit; None otherwise."""
    if len(state.chains) < 2:
        return None
    strays = state.chains[-2:]
    points = (*(point for stray in strays for point in stray.points), Point(t, sent))
    if len(points) != 3 or any(KINDS[stray.kind].continuous for stray in strays):
        return None
    first, last = points[0], points[-1]
    factor = _other_unit(state, last.sent - first.sent, last.t - first.t)
    if factor is None or any(a.sent >= b.sent or a.t >= b.t for a, b in pairwise(points)):
        return None
    return replace(state, chains=(*state.chains[:-2], Chain(EXCHANGE, *factor, points)))


def _other_unit(state: State, step: int, duration: int) -> tuple[int, int] | None:
    """The ratio of units by which a new register counts as usual; None if it does as sent, or with none of them.

    Args:
        state: The fold's state.
        step: What the new register counted as sent.
        duration: The time of the step [ms].
    """
    if not state.usual or step <= 0 or duration <= 0:
        return None
    high, low = _unlikeness(state, step, duration)
    if high < _FAR_UNITS * low:
        return None
    for num, den in _FACTORS:
        high, low = _unlikeness(state, step * num // den, duration)
        if high <= _AS_USUAL * low and not _is_near(num, den):
            return num, den
    return None


def _is_near(num: int, den: int) -> bool:
    """Whether a unit is so near to the meter's own that its rate may be taken for use."""
    return _FAR_UNITS * den > num and _FAR_UNITS * num > den


def _begin_chain(rules: Rules, state: State, t: int, sent: int) -> Chain:
    """A chain of one reading, with the first explanation that fits."""
    points = (Point(t, sent),)
    v = sent * state.num // state.den
    unit = _unit_of(rules, state, t, sent)
    wrapped = v + (rules.wrap or 0)
    may_wrap = v < state.v and within_bound(rules, state.t, state.v, t, wrapped)
    if may_wrap and (unit is None or not sudden(rules, state, t, wrapped)):
        return Chain(ROLLOVER, state.num, state.den, points)
    if unit is not None:
        return Chain(UNIT, *unit, points)
    if follows(rules, state, t, v):
        return Chain(LEAP, state.num, state.den, points)
    if sent >= 0 and sent * HOUR_MS <= rules.max_per_hour * (t - state.t + GRACE_MS):
        return Chain(RESET, 1, 1, points)
    return Chain(EXCHANGE, 1, 1, points)


def _unit_of(rules: Rules, state: State, t: int, sent: int) -> tuple[int, int] | None:
    """The unit in which a reading continues the anchor although it does not as sent; None if there is none."""
    v = sent * state.num // state.den
    rounding = state.v // _TOLERANCE_SHARE
    tolerance = max(_TOLERANCE_STEPS * state.usual * (t - state.t) // DAY_MS, rounding)
    if state.num != state.den and -rounding <= sent - state.v <= tolerance:
        return 1, 1  # back in the meter's own unit
    if follows(rules, state, t, v) or not state.usual or is_unit_known(rules, t):
        return None
    distance = min(abs(v - state.v), state.v)
    for num, den in _FACTORS:
        close = _CLOSE if _is_near(num, den) else _CLOSE_FAR
        if (
            distance > close * tolerance
            and num * state.den != den * state.num
            and -rounding <= sent * num // den - state.v <= tolerance
        ):
            return num, den
    return None


def _confirm(rules: Rules, state: State, chain: Chain, booked: Booked) -> State | None:
    """The state after `chain` has replaced the anchor, or None if it needs more readings."""
    kind = chain.kind
    if kind == UNIT and not _unit_fits(state, chain):
        kind, chain = EXCHANGE, Chain(EXCHANGE, 1, 1, chain.points)
        if not all(within_bound(rules, a.t, a.sent, b.t, b.sent) for a, b in pairwise(chain.points)):
            return None
    explanation = KINDS[kind]
    points = chain.points if explanation.continuous else _without_leading_strays(chain.points)
    counts = points[-1].sent > points[0].sent
    if len(points) < explanation.needed or not (explanation.continuous or counts):
        return None
    if not explanation.continuous and is_no_exchange(rules, state.t, points[-1].t):
        return _continue(rules, state, chain, booked)
    if (
        kind == LEAP
        and points[-1].t - points[0].t < _LEAP_MS
        and _is_asked(state, points[0].t, points[0].sent * chain.num // chain.den)
    ):
        return None

    others = [other for other in state.chains if other.points is not chain.points]
    if kind == LEAP:
        drop_strays(others, booked)
        return keep_leap(rules, replace(state, chains=(chain,)), chain, booked)
    if explanation.continuous:
        # The chain continues the anchor: its readings from before the anchor belong to something else.
        points = tuple(point for point in points if point.t > state.t)
        if not points:
            return None
    first = points[0]
    if not explanation.continuous and _returns(state, first):
        drop_strays(others, booked)
        return _take_back(rules, state, points, booked)
    booked.add_finding(
        explanation.name, state.t, first.t, before=state.v, after=first.sent, readings=len(points)
    )
    drop_strays(others, booked)
    state = replace(state, chains=())
    if kind == UNIT:
        return _convert(rules, state, chain, points, booked)
    if kind == ROLLOVER:
        assert rules.wrap is not None
        v = first.sent * chain.num // chain.den
        state = keep(rules, state, first.t, v + rules.wrap, explanation.flag, booked)
        booked.name("rollover", first.t, -rules.wrap)
        state = replace(state, v=v)
    else:
        last = points[-1]
        if chain.num == chain.den and not is_unit_known(rules, first.t):
            factor = _other_unit(state, last.sent - first.sent, last.t - first.t)
            if factor is not None:
                chain = Chain(chain.kind, *factor, points)
        if chain.num != chain.den:
            booked.add_finding(
                "unit_change", first.t, last.t, before=state.v, after=first.sent, readings=len(points)
            )
        state = _begin_register(state, explanation, chain, first, booked)
    return _keep_points(rules, state, points[1:], booked)


def _keep_points(rules: Rules, state: State, points: Iterable[Point], booked: Booked) -> State:
    """The state after more readings of the register, in its unit."""
    for t, sent in points:
        state = keep(rules, state, t, sent * state.num // state.den, 0, booked)
    return state


def _continue(rules: Rules, state: State, chain: Chain, booked: Booked) -> State:
    """The state after a chain of which a person ruled that it is no other register.

    What lies above the anchor is use. What lies below it is not ours: it stays in doubt until the register goes on, or
    a person decides anew.
    """
    points = tuple(point for point in chain.points if point.t > state.t)
    if not points or points[0].sent * state.num // state.den < state.v:
        kept = replace(chain, points=(chain.points[0], chain.points[-1]))
        return replace(state, chains=tuple(kept if each is chain else each for each in state.chains))
    drop_strays([other for other in state.chains if other is not chain], booked)
    for t, sent in points:
        v = sent * state.num // state.den
        step = v - state.v
        if step >= 0:
            flags = 0
            if not follows(rules, state, t, v) or sudden(rules, state, t, v):
                flags = f.LEAP
                booked.add_finding(KINDS[LEAP].name, state.t, t, amount=step, usual=state.most)
            state = keep(rules, state, t, v, flags, booked)
    return replace(state, chains=())


def _begin_register(state: State, explanation: Kind, chain: Chain, first: Point, booked: Booked) -> State:
    """Begin an epoch with the first reading of another count. What was used before it since the anchor is not known."""
    flag = explanation.flag
    mark(booked, (state.t - 1) // HOUR_MS, flag)
    mark(booked, state.t // HOUR_MS, flag | f.PARTIAL)
    mark(booked, first.t // HOUR_MS, flag | (f.PARTIAL if first.t % HOUR_MS else 0))
    v = first.sent * chain.num // chain.den
    booked.name(explanation.name, first.t, v - state.v)
    return replace(begun_again(state, first.t, v), num=chain.num, den=chain.den)


def went_back(rules: Rules, state: State, t: int, sent: int, booked: Booked) -> State | None:
    """The state after a register that went on from an older count has passed the anchor.

    Args:
        rules: The meter's bounds.
        state: The fold's state; the readings in doubt are all that came after the anchor.
        t: Time of a reading that follows from the anchor [ms].
        sent: Its amount as sent.
        booked: Receives what the register counted from the older count on.

    Returns:
        None if the readings in doubt are strays.
    """
    if len(state.chains) != 1 or not state.usual:
        return None
    (chain,) = state.chains
    points = chain.points
    first, last = points[0], points[-1]
    if KINDS[chain.kind].continuous or state.left_out != len(points) or not first.t > state.t:
        return None
    if is_no_exchange(rules, state.t, last.t):
        return None
    v, start = (amount * state.num // state.den for amount in (sent, first.sent))
    if v < state.v or not within_bound(rules, last.t, last.sent * state.num // state.den, t, v):
        return None
    if len(points) > 1 and last.sent == first.sent:
        return None
    single = len(points) == 1 and t - first.t < DAY_MS // 2
    if single and v == state.v:
        return None
    by_anchor = _unlikeness(state, v - state.v, t - state.t)
    by_chain = _unlikeness(state, v - start, t - first.t)
    if not _likelier(by_chain, by_anchor, _WENT_BACK_ONCE if single else _WENT_BACK):
        return None
    if _returns(state, first):
        return _take_back(rules, state, (*points, Point(t, sent)), booked)
    before, before_t = state.v - state.last_step, state.unchanged_since - state.last_ms
    if start >= before and not _likelier(by_chain, _unlikeness(state, v - before, t - before_t), _NO_SPIKE):
        return None  # the anchor was a spike, and the register has returned to the count before it
    explanation = KINDS[RESET]
    booked.add_finding(
        explanation.name, state.t, first.t, before=state.v, after=first.sent, readings=len(points)
    )
    state = _begin_register(state, explanation, replace(chain, num=state.num, den=state.den), first, booked)
    return _keep_points(rules, state, (*points[1:], Point(t, sent)), booked)


def _returns(state: State, first: Point) -> bool:
    """Whether a reading below the anchor returns to the count before the newest leap, at no more than a usual rate."""
    leap = state.leap
    if leap is None:
        return False
    v = first.sent * state.num // state.den
    counted = v - leap.v
    since = max(DAY_MS, first.t - leap.start)
    return (
        counted >= 0 and 0 <= state.v - v <= leap.amount and counted * DAY_MS <= _RETURNS * leap.most * since
    )


def _take_back(rules: Rules, state: State, points: tuple[Point, ...], booked: Booked) -> State:
    """Book the newest leap again, without what the register did not count: it returned to the count before it."""
    leap, first = state.leap, points[0]
    assert leap is not None
    v = first.sent * state.num // state.den
    booked.add_finding("spike_dropped", leap.end, state.t, values=1, first=leap.v + leap.amount)
    rebook(leap.start, leap.end, leap.amount, leap.amount + v - state.v, leap.flags, booked)
    for hour in range((state.t - 1) // HOUR_MS, (first.t - 1) // HOUR_MS + 1):
        mark(booked, hour, f.SPIKE)
    state = replace(
        state,
        t=first.t,
        v=v,
        unchanged_since=first.t,
        day=0,
        day_total=0,
        chains=(),
        left_out=0,
        stalled=None,
        leap=None,
        peak=leap.peak,
        most=leap.most,
    )
    return _keep_points(rules, state, points[1:], booked)


def _likelier(one: tuple[int, int], other: tuple[int, int], times: Fraction) -> bool:
    """Whether `one` explains a rate at least `times` better than `other`; both as `_unlikeness` gives them."""
    return Fraction(*one) * times <= Fraction(*other)


def _unlikeness(state: State, step: int, duration: int) -> tuple[int, int]:
    """How far a rate is from the usual one, as a fraction of at least 1: (the larger of both, the smaller)."""
    rate, usual = max(1, step * DAY_MS // duration), max(1, state.usual)
    return (rate, usual) if rate >= usual else (usual, rate)


def _convert(rules: Rules, state: State, chain: Chain, points: tuple[Point, ...], booked: Booked) -> State:
    """Keep readings that came in another unit."""
    state = replace(state, num=chain.num, den=chain.den)
    flags = f.UNIT
    for t, sent in points:
        v = converted(state, sent)
        if v >= state.v:
            state = keep(rules, state, t, v, flags, booked)
        if chain.num == chain.den:
            flags = 0  # back in the unit of the epoch's start: only the first reading is flagged
    return state


def keep_leap(rules: Rules, state: State, chain: Chain, booked: Booked) -> State:
    """Keep the readings of a leap. A step of more than a usual day is flagged: it may be another register's count."""
    first = True
    for t, sent in chain.points:
        v = sent * chain.num // chain.den
        step = v - state.v
        if t > state.t and step >= 0:
            flags = f.UNIT if chain.num != chain.den else 0
            if _is_asked(state, t, v):
                flags |= f.LEAP
                booked.add_finding(KINDS[LEAP].name, state.t, t, amount=step, usual=state.most)
            state = keep(rules, state, t, v, flags, booked, leaps=first)
            first = False
    return replace(state, chains=tuple(other for other in state.chains if other is not chain))


def _is_asked(state: State, t: int, v: int) -> bool:
    """Whether a leap to `v` is more than the register ever counted in a day, so that a person must look at it."""
    return not state.most or (v - state.v) * DAY_MS > state.most * max(DAY_MS, t - state.unchanged_since)


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
