"""Rulings of persons and corrected intervals: they win over what was guessed, in whatever order all of it comes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.events import Exchange, RegisterId, Ruling, RulingKind
from metering.ledger.audit import refold
from metering.ledger.blocks import Block, Head
from metering.ledger.enter import declare, rule
from metering.ledger.rulings import effective, merged, ruling_id
from metering.ledger.state import Fact, Interval, Rules
from metering.parts import HEAD
from metering.times import DAY_MS, HOUR_MS
from tests.registers import RULES, Register

T0 = 20_000 * DAY_MS
HEAT = RegisterId("b01", "heat", "energy")

Readings = list[tuple[int, int]]


def hourly(amounts: Sequence[int], start: int = T0) -> Readings:
    return [(start + i * HOUR_MS, v) for i, v in enumerate(amounts)]


def at_hour(hour: float) -> int:
    return T0 + round(hour * HOUR_MS)


def ruled(
    readings: Readings, rulings: Sequence[Ruling] = (), *, rules: Rules = RULES, facts: Sequence[Fact] = ()
) -> Register:
    kept = Register()
    kept.enter(readings, rules, facts)
    kept.take(rule(rules, kept.parts, rulings))
    return kept


def blocks_of(kept: Register) -> list[Block]:
    return [part for name, part in sorted(kept.parts.items()) if name != HEAD and isinstance(part, Block)]


def kinds(kept: Register) -> list[str]:
    return sorted(finding.kind for finding in kept.findings)


UP = [50_000_000 + i * 20_000 for i in range(200)]
OTHER_METER = [*UP[:100], *(90_000_000 + i * 20_000 for i in range(60))]
"""A jump of 38 MWh within an hour: more than the meter's bound."""
IN_MWH = [*UP[:100], *(v // 1000 for v in UP[100:])]
"""Sent in another unit from hour 100 on, and the payload does not say so."""
TENFOLD = [*UP[:100], *(UP[99] + (i + 1) * 200_000 for i in range(100))]
STRAY = [*UP[:50], 70_000_000, *UP[51:]]
FALLEN = [*UP[:100], *(3_000_000 + i * 20_000 for i in range(60)), *UP[160:]]
"""Another meter's readings come for 60 hours, and then those of the register again."""


@pytest.mark.parametrize(
    ("sent", "ruling", "total", "found"),
    [
        (OTHER_METER, None, 158 * 20_000, ["exchange"]),
        (OTHER_METER, Ruling(kind="no_exchange", at=at_hour(100)), OTHER_METER[-1] - UP[0], ["leap"]),
        (OTHER_METER, Ruling(kind="no_exchange", at=at_hour(140), start=at_hour(60)), 41_180_000, ["leap"]),
        (OTHER_METER, Ruling(kind="no_exchange", at=at_hour(40)), 158 * 20_000, ["exchange"]),
        (FALLEN, Ruling(kind="no_exchange", at=at_hour(100)), UP[-1] - UP[0], ["spike_dropped"]),
        (IN_MWH, Ruling(kind="unit", at=at_hour(100), num=1000), UP[-1] - UP[0], []),
        (TENFOLD, None, TENFOLD[-1] - UP[0], ["pulse_weight"]),
        (
            TENFOLD,
            Ruling(kind="pulse_weight", at=at_hour(99.5), den=10, amount=UP[99]),
            UP[-1] - UP[0],
            [],
        ),
        (STRAY, Ruling(kind="not_ours", at=at_hour(50), amount=70_000_000), UP[-1] - UP[0], []),
        (
            [*UP[:100], *(v + 5_000_000 for v in UP[100:])],
            Ruling(kind="exchange", at=at_hour(100), amount=UP[100], initial=UP[100] + 5_000_000),
            UP[-1] - UP[0],
            [],
        ),
        (FALLEN, Ruling(kind="not_ours", at=at_hour(159), start=at_hour(100)), UP[-1] - UP[0], []),
    ],
)
def test_a_ruling_wins_over_what_was_guessed(
    sent: Sequence[int], ruling: Ruling | None, total: int, found: list[str]
) -> None:
    kept = ruled(hourly(sent), [ruling] if ruling else [])
    assert kept.total == total
    assert [kind for kind in kinds(kept) if kind != "stalled"] == found
    head = kept.parts[HEAD]
    assert isinstance(head, Head)
    assert refold(head, blocks_of(kept)) == []


def test_a_unit_that_stays_declared_is_not_guessed() -> None:
    guessed = ruled(hourly(IN_MWH))
    assert "unit_change" in kinds(guessed)
    declared = ruled(hourly(IN_MWH), [Ruling(kind="unit", at=at_hour(100))])
    assert "unit_change" not in kinds(declared)


def test_a_ruled_unit_takes_over_from_a_guessed_one() -> None:
    kept = ruled(hourly(IN_MWH), [Ruling(kind="unit", at=at_hour(150), num=1000)])
    assert kept.total == ruled(hourly(IN_MWH)).total
    assert kinds(kept) == ["unit_change"]


def test_a_ruled_unit_wraps_where_its_digits_end() -> None:
    """The register has 10^8 of the unit that it counts in: after the change to a thousandth of it, 10^5 of before."""
    wrap = 100_000_000
    true = [99_000_000 + i * 20_000 for i in range(150)]
    in_thousandths = [v * 1000 % wrap for v in true[100:]]
    sent = [*(v % wrap for v in true[:100]), *in_thousandths]
    kept = ruled(hourly(sent), [Ruling(kind="unit", at=at_hour(100), den=1000)], rules=Rules(2_000_000, wrap))
    assert "rollover" in kinds(kept)
    assert kept.parts[HEAD].rules == Rules(
        2_000_000, wrap, effective([Ruling(kind="unit", at=at_hour(100), den=1000)])
    )  # type: ignore[union-attr]


def test_a_declared_exchange_can_be_ruled_out() -> None:
    exchange = Exchange(at=at_hour(100), final=UP[99], initial=UP[100] - 1000)
    with_it = ruled(hourly(UP), facts=[exchange])
    assert with_it.total != UP[-1] - UP[0]
    without = ruled(hourly(UP), [Ruling(kind="no_exchange", at=at_hour(100))], facts=[exchange])
    assert without.total == UP[-1] - UP[0]
    assert without.accepted == with_it.accepted


def test_what_is_withdrawn_leaves_no_trace_in_the_figures() -> None:
    ruling = Ruling(kind="unit", at=at_hour(100), num=1000, author="A", reason="passport", stated_at=5)
    withdrawn = msgspec.structs.replace(ruling, withdrawn=True, stated_at=9, withdrawn_by="B")
    kept = ruled(hourly(IN_MWH), [ruling])
    kept.take(rule(RULES, kept.parts, [withdrawn]))
    assert kept.figures() == ruled(hourly(IN_MWH)).figures()
    assert rule(RULES, kept.parts, [ruling]) is None, "the older statement is no news"
    again = msgspec.structs.replace(ruling, stated_at=12)
    kept.take(rule(RULES, kept.parts, [again]))
    assert kept.figures() == ruled(hourly(IN_MWH), [ruling]).figures()


def unit(num: int, stated_at: int, author: str = "A") -> Ruling:
    return Ruling(kind="unit", at=at_hour(100), num=num, author=author, stated_at=stated_at)


def test_of_two_that_conflict_the_later_stated_wins_then_the_lower_hash() -> None:
    assert [each.num for each in effective([unit(1000, 1), unit(10, 2)])] == [10]
    assert [each.num for each in effective([unit(10, 2), unit(1000, 1)])] == [10]
    tied = [unit(10, 2), unit(1000, 2)]
    assert effective(tied) == effective(tied[::-1])
    back = msgspec.structs.replace(unit(10, 2), withdrawn=True, stated_at=3)
    assert [each.num for each in effective([unit(10, 2), unit(1000, 1), back])] == [1000]


def test_an_exchange_and_its_denial_are_one_question() -> None:
    denied = Ruling(kind="no_exchange", at=at_hour(100), start=at_hour(90), stated_at=1)
    stated = Ruling(kind="exchange", at=at_hour(95), amount=5, initial=0, stated_at=2)
    assert [each.kind for each in effective([denied, stated])] == ["exchange"]
    later = msgspec.structs.replace(denied, stated_at=3)
    assert [each.kind for each in effective([stated, later])] == ["no_exchange"]


def test_an_exchange_of_the_site_file_outlives_a_ruling_of_the_same() -> None:
    exchange = Exchange(at=at_hour(100), final=UP[100], initial=UP[100] + 5_000_000, by_site=True)
    said = Ruling(
        kind="exchange", at=at_hour(100), amount=exchange.final, initial=exchange.initial, stated_at=1
    )
    withdrawn = msgspec.structs.replace(said, stated_at=2, withdrawn=True)
    reference, kept = Register(), Register()
    for register in (reference, kept):
        register.enter(hourly(UP))
        register.take(declare(RULES, register.parts, [exchange], by_site=True))
    kept.take(rule(RULES, kept.parts, [said]))
    assert kept.figures() == reference.figures()
    kept.take(declare(RULES, kept.parts, [], by_site=True))
    assert kept.figures() == reference.figures(), "the ruling still says so"
    kept.take(declare(RULES, kept.parts, [exchange], by_site=True))
    kept.take(rule(RULES, kept.parts, [withdrawn]))
    assert kept.figures() == reference.figures()
    kept.take(declare(RULES, kept.parts, [], by_site=True))
    assert kept.figures() == ruled(hourly(UP)).figures()


def test_the_identity_is_what_is_said_and_not_when() -> None:
    said = unit(1000, 1)
    withdrawn = msgspec.structs.replace(said, stated_at=7, withdrawn=True, withdrawn_by="B")
    assert ruling_id(HEAT, said) == ruling_id(HEAT, withdrawn)
    others = [unit(10, 1), unit(1000, 1, "B"), msgspec.structs.replace(said, reason="r")]
    assert len({ruling_id(HEAT, each) for each in (said, *others)}) == 4
    assert ruling_id(HEAT, said) != ruling_id(RegisterId("b02", "heat", "energy"), said)
    assert len(ruling_id(HEAT, said)) == 16


def test_a_ruling_waits_for_the_first_reading() -> None:
    kept = Register()
    entered = kept.take(rule(RULES, kept.parts, [unit(1000, 1)]))
    assert entered is not None
    assert list(entered.parts) == [HEAD]
    kept.enter(hourly(IN_MWH))
    assert kept.bytes() == ruled(hourly(IN_MWH), [unit(1000, 1)]).bytes()


@pytest.mark.parametrize("hour", [-30, 10, 100, 1000])
def test_an_exchange_that_is_withdrawn_leaves_no_trace(hour: int) -> None:
    stated = Ruling(kind="exchange", at=at_hour(hour), amount=5, initial=7, stated_at=1)
    withdrawn = msgspec.structs.replace(stated, stated_at=2, withdrawn=True)
    expected = ruled(hourly(UP), [stated, withdrawn])
    assert expected.figures() == ruled(hourly(UP)).figures()
    kept = ruled(hourly(UP), [stated])
    kept.take(rule(RULES, kept.parts, [withdrawn]))
    assert kept.bytes() == expected.bytes()
    waiting = ruled([], [stated])
    waiting.take(rule(RULES, waiting.parts, [withdrawn]))
    assert list(waiting.parts) == [HEAD]
    waiting.enter(hourly(UP))
    assert waiting.bytes() == expected.bytes()


MORNING = Interval(T0 + DAY_MS, T0, 40_000, received_at=12, source="vkt7")
"""A day's row, read at noon."""
COMPLETE = Interval(T0 + DAY_MS, T0, 90_000, received_at=24, source="vkt7")


def act(gcal_1000: int, issued: int, received_at: int, source: str = "acts") -> Interval:
    return Interval(
        T0 + 30 * DAY_MS, T0, gcal_1000 * 1163, issued=issued, source=source, received_at=received_at
    )


@pytest.mark.parametrize(
    ("stated", "total"),
    [
        ([MORNING, COMPLETE], 90_000),
        ([act(61_204, 0, 1), act(63_900, 0, 2)], 63_900 * 1163),
        ([act(63_900, 0, 1), act(61_204, 0, 2)], 61_204 * 1163),
        # The corrected act is imported first: its issue time says that it is the newer one.
        ([act(63_900, 9, 1), act(61_204, 5, 2)], 63_900 * 1163),
        # The old message is delivered once more after the correction: it says nothing new.
        ([act(61_204, 0, 1), act(63_900, 0, 2), act(61_204, 0, 3)], 63_900 * 1163),
        # The old figure is issued anew: it is the newest statement.
        ([act(61_204, 1, 1), act(63_900, 2, 2), act(61_204, 3, 3)], 61_204 * 1163),
        # Another author's figure contradicts it and corrects nothing.
        ([act(61_204, 1, 1), act(63_900, 2, 2, "other")], 61_204 * 1163),
        # What was stored before sources and times were kept is the older statement.
        ([Interval(T0 + DAY_MS, T0, 40_000), msgspec.structs.replace(COMPLETE, source="")], 90_000),
    ],
)
def test_the_newer_statement_of_one_source_wins_in_any_order(stated: list[Interval], total: int) -> None:
    forwards, backwards = Register(), Register()
    for fact in stated:
        forwards.enter([], facts=[fact])
    for fact in reversed(stated):
        backwards.enter([], facts=[fact])
    assert forwards.total == total
    assert forwards.bytes() == backwards.bytes()
    assert (forwards.accepted, forwards.duplicate) == (backwards.accepted, backwards.duplicate)
    distinct = {(fact.start, fact.at, fact.amount, fact.source) for fact in stated}
    assert forwards.accepted == len(distinct)


@pytest.mark.parametrize("amount", [None, 61_204 * 1163])
def test_an_act_is_replaced_by_that_of_another_source(amount: int | None) -> None:
    facts = [act(61_204, 1, 1), act(63_900, 2, 2, "other")]
    ruling = Ruling(
        kind="replaces",
        at=T0 + 30 * DAY_MS,
        start=T0,
        source="other",
        replaced="acts",
        amount=amount,
    )
    assert ruled([], [ruling], facts=facts).total == 63_900 * 1163


def test_a_correction_that_is_void_brings_the_first_statement_back() -> None:
    facts = [act(61_204, 0, 1), act(63_900, 0, 2)]
    void = Ruling(
        kind="replaces", at=T0 + 30 * DAY_MS, start=T0, source="", replaced="acts", amount=63_900 * 1163
    )
    assert ruled([], [void], facts=facts).total == 61_204 * 1163


def test_two_sources_that_agree_contradict_nobody() -> None:
    alike = [act(61_204, 0, 1), act(61_204, 0, 2, "other")]
    kept = ruled([], facts=alike)
    assert (kept.total, kinds(kept), kept.accepted) == (61_204 * 1163, [], 2)
    third = ruled([], facts=[*alike, act(60_000, 0, 3, "third")])
    assert (third.total, kinds(third)) == (60_000 * 1163, ["conflict"])


def test_an_interval_of_a_frozen_store_has_no_source() -> None:
    """The bytes are those of commit b989372: [tag, at, start, amount]."""
    old = msgspec.msgpack.encode(["i", T0 + DAY_MS, T0, 5])
    assert msgspec.msgpack.decode(old, type=Interval) == Interval(T0 + DAY_MS, T0, 5)


@st.composite
def stated_rulings(draw: st.DrawFn) -> list[Ruling]:
    """Rulings of every kind, some of which conflict or are withdrawn."""
    rulings: list[Ruling] = []
    for _ in range(draw(st.integers(1, 5))):
        at = at_hour(draw(st.one_of(st.integers(98, 104), st.integers(-2, 160))))
        length = draw(st.sampled_from([None, 2, 48]))
        ruling = Ruling(
            kind=draw(st.sampled_from(get_args(RulingKind))),
            at=at,
            start=None if length is None else at - length * HOUR_MS,
            num=draw(st.sampled_from([1, 10, 1000])),
            den=draw(st.sampled_from([1, 10, 1163])),
            amount=draw(st.sampled_from([None, None, UP[10], 70_000_000])),
            source="b",
            replaced=draw(st.sampled_from(["a", ""])),
            stated_at=draw(st.integers(1, 3)),
            initial=draw(st.sampled_from([None, 0, UP[20]])),
        )
        rulings.append(ruling)
        if draw(st.integers(0, 3)) == 0:
            rulings.append(msgspec.structs.replace(ruling, withdrawn=True, stated_at=2))
    return rulings


@st.composite
def stated_intervals(draw: st.DrawFn) -> list[Fact]:
    facts: list[Fact] = []
    for _ in range(draw(st.integers(0, 6))):
        at = at_hour(draw(st.sampled_from([24, 30, 48, 130])))
        facts.append(
            Interval(
                at,
                at - draw(st.sampled_from([1, 24])) * HOUR_MS,
                draw(st.sampled_from([0, 20_000, 400_000])),
                issued=draw(st.sampled_from([0, 0, 1, 2])),
                source=draw(st.sampled_from(["", "a", "b"])),
                received_at=draw(st.integers(1, 3)),
            )
        )
    return facts


@given(
    sent=st.sampled_from([UP, OTHER_METER, IN_MWH, TENFOLD, STRAY, FALLEN]),
    gap=st.tuples(st.integers(0, 120), st.integers(0, 60)),
    rulings=stated_rulings(),
    facts=stated_intervals(),
    data=st.data(),
)
@settings(max_examples=300, deadline=None)
def test_law_2_readings_facts_and_rulings_in_any_order_give_the_same_bytes(
    sent: list[int], gap: tuple[int, int], rulings: list[Ruling], facts: list[Fact], data: st.DataObject
) -> None:
    readings = hourly(sent)
    del readings[gap[0] : gap[0] + gap[1]]
    size = data.draw(st.sampled_from([1, 24, 30]))
    messages: list[Readings | Fact | Ruling] = [
        *(readings[i : i + size] for i in range(0, len(readings), size)),
        *facts,
        *rulings,
    ]
    reference = ruled(readings, rulings, facts=facts)
    kept = Register()
    if size == 1:  # a live register, with the other things somewhere between
        others = data.draw(st.permutations([*facts, *rulings]))
        order: list[Readings | Fact | Ruling] = [*messages[: len(readings)]]
        for each in others:
            order.insert(data.draw(st.integers(0, len(order))), each)
    else:
        order = data.draw(
            st.permutations(messages + data.draw(st.lists(st.sampled_from(messages), max_size=3)))
        )
    for message in order:
        if isinstance(message, list):
            kept.enter(message)
        elif isinstance(message, Ruling):
            kept.take(rule(RULES, kept.parts, [message]))
        else:
            kept.enter([], facts=[message])
    assert kept.bytes() == reference.bytes()
    head = kept.parts[HEAD]
    assert isinstance(head, Head)
    assert head.rulings == merged((), rulings)
    assert refold(head, blocks_of(kept)) == []
