"""Folding a register's readings and facts as persons ruled them to be.

A block keeps its readings and facts as they came. This is the one place where rulings change them on their way into
the fold: readings that are not ours and intervals that are replaced are left out, and counts are converted. An exchange
that a person states is a fact of its block, as one of the site file is.

From each ruling about unit or pulse weight on, a count as sent is converted by one linear map, rounded down once. The
conversion depends on the instant alone, so a fold may pause and resume anywhere.

A unit that is ruled converts the whole count. A pulse weight converts what is counted from its instant on: the count at
that instant stays, so the register goes on without a step.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple

from msgspec.structs import replace

from metering.events import Exchange, Ruling
from metering.ledger.booking import Booked
from metering.ledger.chains import drop_strays
from metering.ledger.fold import fold
from metering.ledger.rulings import effective, first_of
from metering.ledger.state import Fact, Interval, Rules, State

NOTHING_YET: Final = State(0, 0, open=True)
"""The state of a block if none of the register's readings and facts until its end stand."""


class _Line(NamedTuple):
    """`(count * num + shift) / den`, rounded down."""

    num: int = 1
    den: int = 1
    shift: int = 0

    @staticmethod
    def of(slope: Fraction, shift: Fraction) -> _Line:
        den = slope.denominator * shift.denominator
        return _Line(slope.numerator * shift.denominator, den, shift.numerator * slope.denominator)

    def at(self, count: int) -> int:
        return (count * self.num + self.shift) // self.den


class _Span(NamedTuple):
    """A time in which one conversion holds."""

    first: int
    """Its first instant [ms]; the first span has none."""
    rules: Rules
    """The bounds of the converted count."""
    of_readings: _Line
    of_declared: _Line
    """Of the counts of declared exchanges: what the display showed, in the unit that the declaration names."""
    unit_ruled: bool


@lru_cache(maxsize=4096)
def _spans(rules: Rules) -> tuple[_Span, ...]:
    """The spans of a register with rulings, by time."""
    unit, slope, shift = Fraction(1), Fraction(1), Fraction(0)
    spans = [_Span(0, rules, _Line(), _Line(), False)]
    ruled = False
    # Of one instant the unit comes first: a pulse weight's count is converted by it.
    changes = [each for each in rules.rulings if each.kind in ("unit", "pulse_weight")]
    for ruling in sorted(changes, key=lambda each: (each.at, each.kind == "pulse_weight")):
        factor = Fraction(ruling.num, ruling.den)
        if ruling.kind == "unit":
            unit, ruled = factor, True
        else:
            count = unit * (ruling.amount or 0)
            shift += (slope - factor) * count
            slope = factor
        wrap = rules.wrap if rules.wrap is None else int(rules.wrap * slope * unit)
        if spans[-1].first == ruling.at:
            spans.pop()
        lines = _Line.of(slope * unit, shift), _Line.of(slope, shift)
        spans.append(_Span(ruling.at, replace(rules, wrap=wrap), *lines, ruled))
    return tuple(spans)


def _span_at(spans: Sequence[_Span], t: int) -> _Span:
    return spans[max(0, bisect_right(spans, t, key=lambda span: span.first) - 1)]


@lru_cache(maxsize=4096)
def ruled_by(rules: Rules, rulings: tuple[Ruling, ...]) -> Rules:
    """The rules of a register with the rulings that are in force."""
    return replace(rules, rulings=effective(rulings))


def is_ours(rules: Rules, t: int, sent: int) -> bool:
    """Whether a reading is not ruled out."""
    return not any(
        ruling.kind == "not_ours" and first_of(ruling) <= t <= ruling.at and ruling.amount in (None, sent)
        for ruling in rules.rulings
    )


def fold_ruled(
    rules: Rules,
    state: State | None,
    times: Sequence[int],
    amounts: Sequence[int],
    booked: Booked,
    facts: Sequence[Fact] = (),
) -> State | None:
    """`metering.ledger.fold.fold`, of readings and facts as persons ruled them to be.

    `NOTHING_YET` counts as no state.
    """
    if state is not None and state.t == 0 and state == NOTHING_YET:
        state = None
    if not rules.rulings:
        return fold(rules, state, times, amounts, booked, _newest_statements(facts) if facts else facts)
    times, amounts, facts = as_ruled(rules, times, amounts, facts)
    instants = [fact.at for fact in facts]
    spans = _spans(rules)
    first, first_fact = 0, 0
    for span, following in zip(spans, (*spans[1:], None), strict=True):
        until = len(times) if following is None else bisect_left(times, following.first, first)
        until_fact = len(facts) if following is None else bisect_left(instants, following.first, first_fact)
        if until > first or until_fact > first_fact:
            if state is not None:
                state = _at_span(span, state, booked)
            state = fold(
                span.rules,
                state,
                times[first:until],
                amounts[first:until],
                booked,
                facts[first_fact:until_fact],
            )
        first, first_fact = until, until_fact
    return state


def _at_span(span: _Span, state: State, booked: Booked) -> State:
    """The state with which readings of a span are folded.

    Readings in doubt from before it are strays: their counts are of another conversion. A unit that was guessed before
    is not needed where a person ruled it.
    """
    earlier = [chain for chain in state.chains if chain.points[0].t < span.first]
    if earlier:
        drop_strays(earlier, booked)
        state = replace(state, chains=tuple(chain for chain in state.chains if chain not in earlier))
    if span.unit_ruled and state.num != state.den:
        state = replace(state, num=1, den=1)
    return state


def as_ruled(
    rules: Rules, times: Sequence[int], amounts: Sequence[int], facts: Sequence[Fact]
) -> tuple[Sequence[int], Sequence[int], Sequence[Fact]]:
    """Readings and facts as persons ruled them to be: (times, counts, facts) of those that stand."""
    if not rules.rulings:
        return times, amounts, _newest_statements(facts)
    facts = _newest_statements([fact for fact in facts if _stands(rules, fact)])
    spans = _spans(rules)
    times, amounts = _ours(rules, times, amounts)
    if len(spans) == 1:
        return times, amounts, facts
    counts: list[int] = []
    for span, following in zip(spans, (*spans[1:], None), strict=True):
        until = len(times) if following is None else bisect_left(times, following.first, len(counts))
        counts += [span.of_readings.at(sent) for sent in amounts[len(counts) : until]]
    return times, counts, [_as_ruled(spans, fact) for fact in facts]


def _ours(rules: Rules, times: Sequence[int], amounts: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """The readings that are not ruled out."""
    if not any(ruling.kind == "not_ours" for ruling in rules.rulings):
        return times, amounts
    ours = [(t, v) for t, v in zip(times, amounts, strict=True) if is_ours(rules, t, v)]
    return [t for t, _ in ours], [v for _, v in ours]


def _stands(rules: Rules, fact: Fact) -> bool:
    """Whether a fact is neither ruled out nor replaced."""
    for ruling in rules.rulings:
        start = first_of(ruling)
        if isinstance(fact, Exchange):
            if ruling.kind == "no_exchange" and start <= fact.at <= ruling.at:
                return False
        elif ruling.kind == "replaces":
            within = start <= fact.start and fact.at <= ruling.at
            if within and fact.source == ruling.replaced and ruling.amount in (None, fact.amount):
                return False
    return True


def _as_ruled(spans: Sequence[_Span], fact: Fact) -> Fact:
    """A declared exchange with the counts of both registers as their pulse weights convert them."""
    if isinstance(fact, Interval):
        return fact
    final = _span_at(spans, fact.at - 1).of_declared.at(fact.final)
    return replace(fact, final=final, initial=_span_at(spans, fact.at).of_declared.at(fact.initial))


def _newest_statements(facts: Sequence[Fact]) -> Sequence[Fact]:
    """Facts without intervals that their source corrected, and without those that another source states alike.

    Of the intervals that one source states about one time, the newest stand; equally new ones are a conflict.
    """
    if len(facts) < 2:
        return facts
    newest: dict[tuple[str, int, int], int] = {}
    for fact in facts:
        if isinstance(fact, Interval):
            about = (fact.source, fact.start, fact.at)
            newest[about] = max(fact.stated_at, newest.get(about, fact.stated_at))
    if not newest:
        return facts
    stand: list[Fact] = []
    stated: set[tuple[int, int, int]] = set()
    for fact in facts:
        if isinstance(fact, Interval):
            says = (fact.start, fact.at, fact.amount)
            if fact.stated_at < newest[fact.source, fact.start, fact.at] or says in stated:
                continue
            stated.add(says)
        stand.append(fact)
    return stand
