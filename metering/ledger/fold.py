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
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from metering import flags as f
from metering.events import Exchange, Unknown
from metering.times import DAY_MS, HOUR_MS

FOLD_VERSION: Final = 1
"""Raise it with every change to what folding the same readings gives: hours, flags, unknown blocks, findings or state.

A register whose head has an older version is folded again with its next event; `kvartal audit` waits for that. 1 is
also what a head without a version means."""

GAP_MS: Final = 6 * HOUR_MS
"""The longest gap that is interpolated (law 1, docs/laws.md; CalTRACK allows the same for temperature)."""

# A meter may deliver what an earlier hour still owed it (archive rounding, clock jitter): one hour of grace.
_GRACE_MS: Final = HOUR_MS

_ROLLOVER, _UNIT, _RESET, _EXCHANGE, _LEAP = range(5)
_FLAG: Final = (f.ROLLOVER, f.UNIT, f.RESET, f.EXCHANGE, f.LEAP)
_NAME: Final = ("rollover", "unit_change", "reset", "exchange", "leap")

# Readings that must hang together before an explanation is believed. One stray value is common, two in a
# row happen (a gateway repeats its last packet), four that also count are a register.
_BELIEVED: Final = (2, 3, 4, 4, 3)
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

# A step this many times the usual one is sudden: within `GAP_MS`, and over a longer gap, where hours even out.
_SUDDEN: Final = (4, 2)
# It is not, though, where the register made nearly such a step before (a coarse one in summer, a load that
# switches).
_STEPS_AT_ONCE: Final = 3

# A standstill at least this long, ended by a sudden step of at least this share of what would usually have been
# counted meanwhile, was a frozen display. (A heating register that starts in autumn makes an ordinary step, not a
# summer's worth.)
_STILL_MS: Final = 6 * HOUR_MS
_CAUGHT_UP_SHARE: Final = 3
# A leap of more usual days than these is another register's count, unless the register goes on at that rate (within
# the same factor): then it is a new load.
_FAR: Final = 10
# A first step of more than this part of what the bound allows (one of) is not taken on trust.
_NEAR_BOUND: Final = 4
# What a frozen display may catch up, at most: so many times what would usually have been counted meanwhile.
_MOST_CAUGHT_UP: Final = 4

# An archive's rows may differ from its register by so much in rounding (one part of).
_ROUNDED_SHARE: Final = 100

# A day so many times the usual one is a matter of the pulse weight, or of a register's unit: x10, x100 or x1000,
# or as little, and the day's scatter (0.7 to 1.4).
_TENFOLD: Final = ((7, 14), (70, 140), (700, 1400))
_HALF_WAY: Final = 3


class Rules(Struct, frozen=True):
    """What the fold must know of a meter."""

    max_per_hour: int
    """Plausibility bound [base units per hour]."""
    wrap: int | None = None
    """Amount at which the register starts again from zero, where it does."""


class Interval(Struct, frozen=True, tag="i", array_like=True):
    """What was used over `[start, at)`, as an archive or an act states it."""

    at: int
    """Its end [ms]."""
    start: int
    amount: int


Fact: TypeAlias = Exchange | Interval


class Filled(Struct, frozen=True, array_like=True):
    """A register reading behind which intervals were booked."""

    v: int
    """The register's amount, as the anchor's."""
    t: int
    booked: int
    """What the intervals since then held."""
    first: int
    """Beginning of the first of them [ms]."""
    newest: int
    """Beginning of the newest [ms]."""


class Chain(Struct, frozen=True, array_like=True):
    """Readings in doubt that hang together, and what would explain them."""

    kind: int
    num: int
    den: int
    """The readings times num/den continue the anchor, if the kind is `unit`."""
    points: tuple[tuple[int, int], ...]
    """(time [ms], amount as sent)."""


class State(Struct, frozen=True, array_like=True):
    """Where the fold stands between two readings."""

    t: int
    """Time of the anchor [ms]."""
    v: int
    """Amount of the anchor, in the unit of the epoch's beginning."""
    num: int = 1
    den: int = 1
    """What amounts as sent are multiplied by; other than 1 after a change of unit."""
    still: int = 0
    """Time since which the register shows the anchor's amount [ms]."""
    doubt: int = 0
    """Flags that the next interval inherits from its starting point."""
    day: int = 0
    """UTC day whose intervals are being summed; 0 where a gap made the sum worthless."""
    total: int = 0
    """What was counted on that day so far."""
    usual: int = 0
    """What the register counted on the last ordinary day that counted. One day's memory and not a long mean,
    so that a late reading moves few checkpoints."""
    odd: int = 0
    """Instant since which days have been unusual, or 0 [ms]."""
    pulse: bool = False
    """Whether the days since `odd` count ten times as much or as little as before."""
    chains: tuple[Chain, ...] = ()
    grown: int = 0
    """The last step that counted."""
    open: bool = False
    """Whether the anchor is the end of an interval and no count of a register; `still` is its beginning then."""
    filled: Filled | None = None
    """The register reading before the intervals, where there is one."""


class Booked(Struct, array_like=True):
    """What a run of the fold booked. Mutable: the fold appends to it."""

    amounts: dict[int, int]
    """Energy by hour (since 1970)."""
    flags: dict[int, int]
    """Flags by hour; an hour with flags but no energy of its own only marks what others booked."""
    unknowns: list[Unknown]
    findings: list[tuple[str, int, int, str]]
    """(kind, start [ms], end [ms], detail)."""
    shift: int = 0
    """What makes the anchor's amount differ from what was booked: a rollover's wrap, the jump from one register to
    the next, an interval's use. The law of conservation: amount of the anchor after the run, minus before it (0
    where there was none), plus shift, is all that the run booked."""


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


def fact_order(fact: Fact) -> tuple[int, ...]:
    """How facts are sorted: in time; the site file's word before a message's; the smaller claim first."""
    if isinstance(fact, Exchange):
        return (fact.at, 0, not fact.by_site, fact.final, fact.initial)
    return (fact.at, 1, -fact.start, fact.amount)


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
                and (delta == 0 or state.t - state.still < _STILL_MS)
                and delta * HOUR_MS <= bound * (since + _GRACE_MS)
                and (delta < _STEPS_AT_ONCE * state.grown or not _sudden(rules, state, t, v))
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
            _mark(booked, t // HOUR_MS, f.PARTIAL)
        doubt = f.CONFLICT if len(values) > 1 else 0
        booked.shift -= values[0]
        return State(t, values[0], still=t, doubt=doubt)
    if state.open:
        return _resume(rules, state, t, values, booked)

    num, den = state.num, state.den
    strangers = [value for value in values if not _follows(rules, state, t, value * num // den)]
    possible = [value for value in values if value not in strangers]
    following = [value for value in possible if not _sudden(rules, state, t, value * num // den)]
    if possible and not following:
        strangers = [min(possible), *strangers]  # a leap, which later readings must confirm
    conflict = f.CONFLICT if len(values) > 1 else 0
    if conflict:
        booked.findings.append(("conflict", t, t, f"{len(values)} values at one instant"))
        if not following:
            _mark(booked, (t - 1) // HOUR_MS, conflict)
            _mark(booked, t // HOUR_MS, conflict)

    if following:
        v = min(following) * num // den
        note = conflict
        if v > state.v and state.chains:
            for chain in state.chains:
                if chain.kind == _LEAP and chain.points[-1][0] < t and chain.points[-1][1] <= min(following):
                    state = _go_on(rules, state, chain, booked)  # what leapt is not contradicted
                    break
            else:
                note |= f.SPIKE
            _drop(state.chains, booked)
            state = replace(state, chains=())
        if num != den:
            note |= f.UNIT
        state = replace(_keep(rules, state, t, v, note, booked), doubt=conflict)

    for value in strangers:
        state = _doubt(rules, state, t, value, booked)
    return state


def _exchange(rules: Rules, state: State | None, fact: Exchange, booked: Booked) -> State:
    """End the old register and begin the new one, as declared."""
    t = fact.at
    _mark(booked, t // HOUR_MS, f.EXCHANGE)
    if state is None:
        if t % HOUR_MS:
            _mark(booked, t // HOUR_MS, f.PARTIAL)
        booked.shift -= fact.initial
        return State(t, fact.initial, still=t)
    _drop(state.chains, booked)
    state = replace(state, chains=())
    if not state.open and _reaches(rules, state.t, state.v, t, fact.final):
        state = _keep(rules, state, t, fact.final, f.EXCHANGE, booked)
    else:
        if not state.open:
            detail = f"declared final register {fact.final}, last reading {state.v}"
            booked.findings.append(("exchange_contradicted", state.t, t, detail))
            if _reaches(rules, t, fact.initial, t + DAY_MS, state.v):
                return state  # what counts already is the new register
        _uncounted(state.t, t, f.EXCHANGE, booked)
    booked.shift += state.v - fact.initial
    return State(t, fact.initial, still=t, usual=state.usual)


def _interval(rules: Rules, state: State | None, fact: Interval, booked: Booked) -> State:
    """Book an interval where nothing counted; the register knows better."""
    start, end, amount = fact.start, fact.at, fact.amount
    if not 0 <= amount * HOUR_MS <= rules.max_per_hour * (end - start):
        booked.findings.append(("implausible", start, end, f"an interval of {amount}"))
        return state or State(start, 0, still=start, open=True)
    if state is None:
        booked.shift += amount
        _book(start, end, amount, 0, booked)
        return State(end, 0, still=start, open=True)
    if start < state.t:
        if state.open and (start, end) == (state.still, state.t):
            booked.findings.append(("conflict", start, end, f"another use of the same time: {amount}"))
            if end - start <= GAP_MS:
                for hour in range(start // HOUR_MS, (end - 1) // HOUR_MS + 1):
                    _mark(booked, hour, f.CONFLICT)
        elif end > state.t and end - start > DAY_MS:
            booked.findings.append(("overlap", start, end, f"{amount} over a time that is counted in part"))
        return state
    if start > state.t:
        _uncounted(state.t, start, 0, booked)
    booked.shift += amount
    _book(start, end, amount, 0, booked)
    if state.open:
        filled = state.filled
        if filled is not None:
            filled = replace(filled, booked=filled.booked + amount, newest=start)
    else:
        _drop(state.chains, booked)
        filled = Filled(state.v, state.t, amount, start, start)
    return replace(state, t=end, still=start, day=0, total=0, chains=(), doubt=0, open=True, filled=filled)


def _resume(rules: Rules, state: State, t: int, values: list[int], booked: Booked) -> State:
    """A register reading after intervals: it continues the register before them, or begins anew."""
    conflict = f.CONFLICT if len(values) > 1 else 0
    if conflict:
        booked.findings.append(("conflict", t, t, f"{len(values)} values at one instant"))
    filled = state.filled
    if filled is not None:
        continued = [value * state.num // state.den for value in values]
        continued = [v for v in continued if _reaches(rules, filled.t, filled.v, t, v)]
        if continued:
            v = min(continued)
            left = v - filled.v - filled.booked
            if _bring(filled, state.t, t, left, booked):
                booked.shift -= filled.booked
                return replace(state, t=t, v=v, still=t, doubt=conflict, open=False, filled=None)
            detail = f"the register counted {v - filled.v}, the intervals hold {filled.booked}"
            booked.findings.append(("archive_differs", filled.t, t, detail))
    if t > state.t:
        _uncounted(state.t, t, 0, booked)
    booked.shift += state.v - values[0]
    return State(t, values[0], still=t, usual=state.usual, doubt=conflict)


def _bring(filled: Filled, end: int, t: int, left: int, booked: Booked) -> bool:
    """Book what the register counted beyond the intervals; False where they contradict each other."""
    head, tail = filled.first - filled.t, t - end
    rounding = filled.booked // _ROUNDED_SHARE
    if head + tail > 0 and left >= 0:
        part = left * head // (head + tail)
        if head:
            _book(filled.t, filled.first, part, f.INTERPOLATED, booked)
        if tail:
            _book(end, t, left - part, f.INTERPOLATED, booked)
        return True
    if abs(left) > rounding or end - filled.newest > GAP_MS:
        return False
    if tail:
        _book(end, t, 0, f.INTERPOLATED, booked)
    hour = (end - 1) // HOUR_MS
    booked.amounts[hour] = booked.amounts.get(hour, 0) + left
    if left:
        _mark(booked, hour, f.INTERPOLATED)
    return True


def _uncounted(start: int, end: int, note: int, booked: Booked) -> None:
    """Nobody counted over `[start, end)`: a duration, not a number. The hours at its ends are partial."""
    if start % HOUR_MS:
        _mark(booked, start // HOUR_MS, note | f.PARTIAL)
    elif note:
        _mark(booked, (start - 1) // HOUR_MS, note)
    if end % HOUR_MS:
        _mark(booked, end // HOUR_MS, note | f.PARTIAL)


def _drop(chains: Sequence[Chain], booked: Booked) -> None:
    """Note that the readings in doubt were strays."""
    points = [point for chain in chains for point in chain.points]
    if points:
        detail = f"{len(points)} stray value(s), first {points[0][1]}"
        booked.findings.append(("spike_dropped", points[0][0], points[-1][0], detail))


def _reaches(rules: Rules, t0: int, v0: int, t1: int, v1: int) -> bool:
    return v1 - v0 >= 0 and (v1 - v0) * HOUR_MS <= rules.max_per_hour * (t1 - t0 + _GRACE_MS)


def _follows(rules: Rules, state: State, t: int, v: int) -> bool:
    """Whether (t, v) may be the anchor's register: within the bound, or what a standstill kept from us."""
    if _reaches(rules, state.t, state.v, t, v):
        return True
    stood = state.t - state.still
    return (
        stood >= _STILL_MS
        and 0 <= (v - state.v) * DAY_MS <= _MOST_CAUGHT_UP * state.usual * (t - state.still)
        and _reaches(rules, state.still, state.v, t, v)
    )


def _sudden(rules: Rules, state: State, t: int, v: int) -> bool:
    """Whether the register counted far more since the anchor than it is used to."""
    delta, since = v - state.v, t - state.t
    if state.usual == 0:
        # Nothing is known yet, not even whether the anchor is a stray: what doubles the register at once, and near
        # the bound, must be confirmed.
        near = _NEAR_BOUND * delta * HOUR_MS > rules.max_per_hour * (since + _GRACE_MS)
        return near and state.grown == 0 and v > 2 * state.v
    return (
        delta >= _STEPS_AT_ONCE * state.grown
        and delta * DAY_MS > _SUDDEN[since > GAP_MS] * state.usual * since
    )


def _doubt(rules: Rules, state: State, t: int, value: int, booked: Booked) -> State:
    """Put a reading that does not follow from the anchor into a chain; believe the chain if it may be."""
    chains = list(state.chains)
    leaps = _follows(rules, state, t, value * state.num // state.den)
    near: tuple[int, int] | None = None
    for position, chain in enumerate(chains):
        t0, raw0 = chain.points[-1]
        if t0 >= t or not _reaches(
            rules, t0, raw0 * chain.num // chain.den, t, value * chain.num // chain.den
        ):
            continue
        if (
            leaps
            and state.usual > 0
            and chain.kind in (_RESET, _EXCHANGE)
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
    chains.append(_begin(rules, state, t, value))
    return replace(state, chains=tuple(chains[-_MOST_CHAINS:]))


def _begin(rules: Rules, state: State, t: int, value: int) -> Chain:
    """A chain of one reading, with the first explanation that fits."""
    since = t - state.t
    if rules.wrap is not None and _reaches(rules, state.t, state.v, t, value + rules.wrap):
        return Chain(_ROLLOVER, 1, 1, ((t, value),))
    # A unit is only tried where the converted value lands close by: within four usual steps, or what the
    # coarser unit may have rounded away.
    slack = max(4 * state.usual * since // DAY_MS, state.v // 1000)
    current = value * state.num // state.den
    if min(abs(current - state.v), state.v) > _CLOSE_BY * slack:
        for num, den in ((1, 1), *_FACTORS):
            if num * state.den != den * state.num and abs(value * num // den - state.v) <= slack:
                return Chain(_UNIT, num, den, ((t, value),))
    if _follows(rules, state, t, current):
        return Chain(_LEAP, state.num, state.den, ((t, value),))
    if value >= 0 and value * HOUR_MS <= rules.max_per_hour * (since + _GRACE_MS):
        return Chain(_RESET, 1, 1, ((t, value),))
    return Chain(_EXCHANGE, 1, 1, ((t, value),))


def _believe(rules: Rules, state: State, chain: Chain, booked: Booked) -> State | None:
    """The state after `chain` took over from the anchor, or None while it has not earned that."""
    points, kind = chain.points, chain.kind
    if kind == _UNIT and not _unit_holds(state, chain):
        kind = _EXCHANGE
    if kind == _LEAP and _too_far(state, points):
        kind = _EXCHANGE
    if kind in (_RESET, _EXCHANGE):
        points = _of_one(points)
    counted = points[-1][1] > points[0][1]
    if len(points) < _BELIEVED[kind] or (kind in (_RESET, _EXCHANGE) and not counted):
        return None

    if kind == _LEAP:
        _drop([other for other in state.chains if other is not chain], booked)
        return _go_on(rules, replace(state, chains=(chain,)), chain, booked)
    if kind in (_UNIT, _ROLLOVER):
        # These continue the anchor; what they said before its time is another's.
        points = tuple(point for point in points if point[0] > state.t)
        if not points:
            return None
    start, first = points[0]
    before = replace(state, chains=())
    flag = _FLAG[kind]
    booked.findings.append(
        (
            _NAME[kind],
            state.t,
            start,
            f"register went from {state.v} to {first}; believed after {len(points)} readings",
        )
    )
    _drop([other for other in state.chains if other is not chain], booked)
    if kind == _UNIT:
        current = replace(before, num=chain.num, den=chain.den)
        note = flag if chain.num != chain.den else 0
        for position, (t, value) in enumerate(points):
            v = value * chain.num // chain.den
            if v >= current.v:
                current = _keep(rules, current, t, v, flag if position == 0 else note, booked)
        return current
    if kind == _ROLLOVER:
        assert rules.wrap is not None
        rolled = _keep(rules, before, start, first + rules.wrap, flag, booked)
        booked.shift += rules.wrap
        current = replace(rolled, v=first, num=1, den=1)
    else:
        # What was used between the two registers was not counted: a duration, not a number.
        _mark(booked, (state.t - 1) // HOUR_MS, flag)
        _mark(booked, state.t // HOUR_MS, flag | f.PARTIAL)
        _mark(booked, start // HOUR_MS, flag | (f.PARTIAL if start % HOUR_MS else 0))
        booked.shift += state.v - first
        current = State(start, first, still=start, usual=before.usual)
    for t, value in points[1:]:
        current = _keep(rules, current, t, value, 0, booked)
    return current


def _too_far(state: State, points: tuple[tuple[int, int], ...]) -> bool:
    """Whether a leap leads to another register rather than to what this one counted."""
    t, v = points[0][0], points[0][1] * state.num // state.den
    days = max(_FAR * DAY_MS, _MOST_CAUGHT_UP * (t - state.still))
    raw = state.v * state.den // state.num
    return (v - state.v) * DAY_MS > state.usual * days and len(_of_one(((state.t, raw), *points))) <= len(
        points
    )


def _of_one(points: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """The points without those at the beginning from which the others are too far: strays of another kind."""
    while len(points) > 2:
        (t0, v0), (t1, v1), (t2, v2) = points[0], points[1], points[-1]
        if (v1 - v0) * (t2 - t1) <= _FAR * (v2 - v1) * (t1 - t0):
            break
        points = points[1:]
    return points


def _go_on(rules: Rules, state: State, chain: Chain, booked: Booked) -> State:
    """Keep the readings of a leap. One of more than a usual day is flagged: it may be another register's count."""
    for t, value in chain.points:
        v = value * chain.num // chain.den
        if t > state.t and v >= state.v:
            note = f.UNIT if chain.num != chain.den else 0
            if state.usual > 0 and v - state.v > state.usual * max(DAY_MS, t - state.t) // DAY_MS:
                note |= f.LEAP
                detail = f"{v - state.v} at once, a usual day counts {state.usual}"
                booked.findings.append((_NAME[_LEAP], state.t, t, detail))
            state = _keep(rules, state, t, v, note, booked)
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


def _keep(rules: Rules, state: State, t: int, v: int, note: int, booked: Booked) -> State:
    """Book what the register counted from the anchor to (t, v), and make that the anchor."""
    delta = v - state.v
    note |= state.doubt
    state = _by_day(state, t, booked)
    if state.pulse:
        note |= f.PULSE
    still, start = state.still, state.t
    if delta > 0:
        if (
            state.t - still >= _STILL_MS
            and _sudden(rules, state, t, v)
            and _CAUGHT_UP_SHARE * delta * DAY_MS > state.usual * (t - still)
        ):
            start = still
            note |= f.FROZEN
            booked.findings.append(("frozen", start, t, f"stood still, then caught up {delta} at once"))
            for hour in range(start // HOUR_MS, (state.t - 1) // HOUR_MS + 1):
                _mark(booked, hour, f.FROZEN)
        still = t
    _book(start, t, delta, note, booked)
    if t - start > GAP_MS:
        state = replace(state, day=0)
        if delta > 0 and t - start > DAY_MS - GAP_MS:
            state = _compare(state, delta * DAY_MS // (t - start), start, booked)
    total, grown = state.total + delta, delta or state.grown
    return replace(state, t=t, v=v, still=still, doubt=0, total=total, grown=grown)


def _by_day(state: State, t: int, booked: Booked) -> State:
    """Close the UTC day that the interval ending at `t` no longer belongs to, and judge it."""
    day = (t - 1) // DAY_MS
    if day == state.day:
        return state
    if state.day == 0 and state.t - day * DAY_MS > GAP_MS:
        return state  # the rest of a day is no day
    if state.day == 0 or state.t < (state.day + 1) * DAY_MS - GAP_MS or state.total == 0:
        return replace(state, day=day, total=0)
    return replace(_compare(state, state.total, state.day * DAY_MS, booked), day=day, total=0)


def _compare(state: State, total: int, begun: int, booked: Booked) -> State:
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
        booked.findings.append(("pulse_weight", start, state.t, f"a day counts {total}, usual were {usual}"))
        for hour in range(start // HOUR_MS, (state.t - 1) // HOUR_MS + 1):
            _mark(booked, hour, f.PULSE)
        return replace(state, odd=start, pulse=True)
    if high > 2 * low and not state.odd:
        # Heating that stopped at noon, or the beginning of something: the next day will tell, and is
        # measured by the same ordinary day.
        return replace(state, odd=begun)
    return replace(state, usual=total, odd=0)


def _book(start: int, end: int, delta: int, note: int, booked: Booked) -> None:
    """Spread `delta` over `[start, end)`, or book it as one unknown block where that is too long a gap."""
    if end - start > GAP_MS:
        booked.unknowns.append(Unknown(start, end, delta, note | f.UNKNOWN))
        if start % HOUR_MS:
            _mark(booked, start // HOUR_MS, note | f.PARTIAL | f.UNKNOWN)
        if end % HOUR_MS:
            _mark(booked, end // HOUR_MS, note | f.PARTIAL | f.UNKNOWN)
        return
    if end - start > HOUR_MS:
        note |= f.INTERPOLATED
    first, last = start // HOUR_MS, (end - 1) // HOUR_MS
    amounts = booked.amounts
    given = 0
    for hour in range(first, last):
        upto = delta * ((hour + 1) * HOUR_MS - start) // (end - start)
        amounts[hour] = amounts.get(hour, 0) + upto - given
        given = upto
    amounts[last] = amounts.get(last, 0) + delta - given
    if note:
        for hour in range(first, last + 1):
            _mark(booked, hour, note)


def _mark(booked: Booked, hour: int, note: int) -> None:
    booked.flags[hour] = booked.flags.get(hour, 0) | note
