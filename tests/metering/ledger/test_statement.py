"""Last minus first accepted reading is booked, unknown or named, to the base unit."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from metering.events import Exchange, Ruling
from metering.ledger.audit import Fault, check_statement
from metering.ledger.blocks import Block, Head, block_of
from metering.ledger.booking import Named
from metering.ledger.state import Fact, Interval
from metering.ledger.statement import Count, Statement, statement
from metering.parts import HEAD
from metering.times import DAY_MS, HOUR_MS
from tests.metering.ledger.test_rulings import (
    FALLEN,
    IN_MWH,
    OTHER_METER,
    STRAY,
    TENFOLD,
    UP,
    hourly,
    ruled,
    stated_intervals,
    stated_rulings,
)
from tests.registers import RULES, Register

T0 = 20_000 * DAY_MS
WRAP = RULES.wrap
assert WRAP is not None


def at(hour: int) -> int:
    return T0 + hour * HOUR_MS


def counting(first: int, last: int, begin: int, step: int = 20_000) -> list[tuple[int, int]]:
    """Readings of the hours `[first, last]` of a register at `begin`."""
    return [(at(hour), begin + (hour - first) * step) for hour in range(first, last + 1)]


def stated(
    readings: list[tuple[int, int]], facts: list[Fact] | None = None, cut: int | None = None
) -> Statement:
    head, blocks = stored(readings, facts, cut)
    each = statement(head, blocks)
    assert each is not None
    return each


def stored(
    readings: list[tuple[int, int]], facts: list[Fact] | None = None, cut: int | None = None
) -> tuple[Head, list[Block]]:
    register = Register()
    if readings:
        register.enter(readings)
    if facts:
        register.enter([], facts=facts)
    if cut is not None:
        register.delete_before(cut)
    head = register.parts[HEAD]
    assert isinstance(head, Head)
    return head, [block_of(register.parts, day) for day in head.days()]


def exchange(hour: int, final: int, initial: int) -> Exchange:
    return Exchange(at=at(hour), final=final, initial=initial)


PLAIN = counting(0, 95, 1_000_000)
LATER = counting(48, 95, 7_000)


@pytest.mark.parametrize(
    ("readings", "facts", "first", "last", "energy", "named"),
    [
        (PLAIN, [], 1_000_000, 2_900_000, (1_900_000, 0), []),
        (PLAIN[:20] + PLAIN[40:], [], 1_000_000, 2_900_000, (1_480_000, 420_000), []),
        # An exchange that nobody declared: the new register shows 7,000 after the old one's 1,940,000.
        (PLAIN[:48] + LATER, [], 1_000_000, 947_000, (1_880_000, 0), [("reset", 48, -1_933_000)]),
        (
            PLAIN[:48] + LATER,
            [exchange(48, 1_960_000, 7_000)],
            1_000_000,
            947_000,
            (1_900_000, 0),
            [("exchange", 48, -1_953_000)],
        ),
        (
            [(t, v % WRAP) for t, v in counting(0, 95, WRAP - 1_000_000)],
            [],
            WRAP - 1_000_000,
            900_000,
            (1_900_000, 0),
            [("rollover", 50, -WRAP)],
        ),
        # The last reading is in doubt; a value that nothing explains is not the last one for ever.
        ([*PLAIN, (at(96), 50_000)], [], 1_000_000, 50_000, (1_900_000, 0), [("in_doubt", 96, -2_850_000)]),
        ([*PLAIN, (at(95), 9_000_000)], [], 1_000_000, 2_900_000, (1_900_000, 0), []),
        # Two values at the first instant: the ledger begins with the smaller one.
        ([(T0, 1_000_003), *PLAIN], [], 1_000_000, 2_900_000, (1_900_000, 0), []),
        # From hour 48 on in thousands: 1,960,000 comes as 1,960.
        (
            PLAIN[:48] + [(t, v // 1000) for t, v in PLAIN[48:]],
            [],
            1_000_000,
            2_900,
            (1_900_000, 0),
            [("unit", 95, 2_900 - 2_900_000)],
        ),
        # Intervals of an archive before the first reading, and alone.
        (
            counting(48, 95, 500_000),
            [Interval(at(24), at(0), 480_000), Interval(at(48), at(24), 470_000)],
            500_000,
            1_440_000,
            (940_000, 950_000),
            [("interval", 0, -480_000), ("interval", 24, -470_000)],
        ),
        ([], [Interval(at(24), at(0), 480_000)], 0, 0, (0, 480_000), [("interval", 0, -480_000)]),
        # An archive in a gap, and a register that goes on: its rows are part of the difference.
        (
            PLAIN[:24] + PLAIN[49:],
            [Interval(at(47), at(23), 470_000)],
            1_000_000,
            2_900_000,
            (1_430_000, 470_000),
            [("interval", 23, -470_000), ("interval", 49, 470_000)],
        ),
    ],
)  # fmt: skip
def test_statements(
    readings: list[tuple[int, int]],
    facts: list[Fact],
    first: int,
    last: int,
    energy: tuple[int, int],
    named: list[tuple[str, int, int]],
) -> None:
    each = stated(readings, facts)
    assert each.left == 0
    assert (each.first.amount, each.last.amount) == (first, last)
    assert (each.booked, each.unknown) == energy
    assert each.named == tuple(Named(reason, at(hour), amount) for reason, hour, amount in named)
    assert check_statement(*stored(readings, facts)) == []


@pytest.mark.parametrize("cut", [20_001, 20_002, 20_003])
def test_from_a_cut_on_the_statement_begins_at_the_checkpoint(cut: int) -> None:
    whole, after = stated(PLAIN[:48] + LATER), stated(PLAIN[:48] + LATER, cut=cut)
    assert after.left == 0
    assert after.last == whole.last
    assert after.first == Count(at(24 * (cut - 20_000) - 1), after.first.amount)
    assert after.booked < whole.booked


def test_a_register_without_blocks_has_no_statement() -> None:
    assert statement(Head(), []) is None


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda b: replace(b, booked=replace(b.booked, named=[])), "statement"),
        (lambda b: replace(b, booked=replace(b.booked, named=[Named("reset", T0, 5)])), "statement"),
        (lambda b: replace(b, times=[], amounts=[]), "anchor"),
        (lambda b: replace(b, amounts=[*b.amounts[:-1], b.amounts[-1] + 1]), "anchor"),
    ],
)
def test_a_block_that_was_changed_is_seen(change: object, kind: str) -> None:
    head, blocks = stored(PLAIN[:48] + LATER)
    which = 2 if kind == "statement" else len(blocks) - 1
    assert callable(change)
    faults: list[Fault] = check_statement(
        head, [*blocks[:which], change(blocks[which]), *blocks[which + 1 :]]
    )
    assert [fault.kind for fault in faults] == [kind]


@given(
    sent=st.sampled_from([UP, OTHER_METER, IN_MWH, TENFOLD, STRAY, FALLEN]),
    gap=st.tuples(st.integers(0, 120), st.integers(0, 60)),
    rulings=stated_rulings(),
    facts=stated_intervals(),
    cut=st.sampled_from([None, None, 2, 4]),
)
@settings(max_examples=300, deadline=None)
def test_what_a_person_ruled_is_named_to_the_watt_hour(
    sent: list[int], gap: tuple[int, int], rulings: list[Ruling], facts: list[Fact], cut: int | None
) -> None:
    readings = hourly(sent)
    del readings[gap[0] : gap[0] + gap[1]]
    register = ruled(readings, rulings, facts=facts)
    if cut is not None:
        register.delete_before(T0 // DAY_MS + cut)
    head = register.parts[HEAD]
    assert isinstance(head, Head)
    blocks = [block_of(register.parts, day) for day in head.days()]
    assert check_statement(head, blocks) == []
    each = statement(head, blocks)
    assert each is not None
    if cut is None:
        shown = [(t, v) for block in blocks for t, v in zip(block.times, block.amounts, strict=True)]
        declared = [fact.at for block in blocks for fact in block.facts if isinstance(fact, Exchange)]
        if not declared:
            assert tuple(each.first) == shown[0]
            assert tuple(each.last) in {each for each in shown if each[0] == shown[-1][0]}


def test_a_unit_that_is_ruled_is_named() -> None:
    """A register of 50 kWh to 50.1, and from then on as sent in MWh: 0.0502."""
    register = ruled(hourly(IN_MWH), [Ruling(kind="unit", at=at(100), num=1000)])
    head = register.parts[HEAD]
    assert isinstance(head, Head)
    each = statement(head, [block_of(register.parts, day) for day in head.days()])
    assert each is not None
    assert (each.difference, each.booked) == (IN_MWH[-1] - UP[0], UP[-1] - UP[0])
    assert each.named == (Named("ruling", at(199), IN_MWH[-1] - UP[-1]),)
