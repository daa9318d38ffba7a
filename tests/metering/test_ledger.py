"""Laws 1 and 2 on one register: energy is conserved exactly, and the order of arrival changes nothing."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering import flags as f
from metering.events import Unknown
from metering.fold import Rules, State
from metering.ledger import HEAD, Block, Entered, Head, Part, enter
from metering.times import DAY_MS, HOUR_MS

T0 = 20_000 * DAY_MS
RULES = Rules(max_per_hour=2_000_000, wrap=100_000_000)


class Kept:
    """A register's parts and its ledger, as a runner and a store keep them."""

    def __init__(self) -> None:
        self.parts: dict[str, Part] = {}
        self.hours: dict[int, tuple[int, int]] = {}
        self.unknowns: set[Unknown] = set()
        self.accepted = self.duplicate = 0
        self.findings: set[tuple[str, int, int, str]] = set()

    def enter(self, readings: list[tuple[int, int]], rules: Rules = RULES) -> Entered | None:
        entered = enter(rules, self.parts, [t for t, _ in readings], [v for _, v in readings])
        if entered is None:
            return None
        self.parts |= entered.parts
        self.accepted += entered.accepted
        self.duplicate += entered.duplicate
        for hour, now in entered.hours.items():
            assert self.hours.get(hour) == entered.was[hour]
            if now is None:
                del self.hours[hour]
            else:
                self.hours[hour] = now
        self.unknowns -= set(entered.withdrawn)
        self.unknowns |= set(entered.added)
        self.findings -= set(entered.explained)
        self.findings |= set(entered.found)
        return entered

    def bytes(self) -> bytes:
        parts = {name: msgspec.msgpack.encode(part) for name, part in sorted(self.parts.items())}
        ledger = (
            sorted(self.hours.items()),
            sorted(msgspec.to_builtins(u) for u in self.unknowns),
            sorted(self.findings),
        )
        return msgspec.msgpack.encode((parts, ledger))

    @property
    def total(self) -> int:
        return sum(amount for amount, _ in self.hours.values()) + sum(u.amount for u in self.unknowns)


def hourly(amounts: list[int], start: int = T0) -> list[tuple[int, int]]:
    return [(start + i * HOUR_MS, v) for i, v in enumerate(amounts)]


def count_up(n: int, step: int = 20_000, first: int = 50_000_000) -> list[int]:
    return [first + i * step + (i * 7919) % 5000 for i in range(n)]


def kept_of(readings: list[tuple[int, int]], rules: Rules = RULES) -> Kept:
    kept = Kept()
    kept.enter(readings, rules)
    return kept


def test_hourly_readings_are_hours() -> None:
    amounts = count_up(49)
    kept = kept_of(hourly(amounts))
    first = T0 // HOUR_MS
    assert kept.hours == {first + i: (amounts[i + 1] - amounts[i], 0) for i in range(48)}
    assert not kept.unknowns
    assert not kept.findings


@pytest.mark.parametrize(
    ("gap_hours", "blocks", "interpolated"), [(1, 0, 0), (2, 0, 2), (6, 0, 6), (7, 1, 0), (48, 1, 0)]
)
def test_a_gap_is_interpolated_up_to_six_hours_and_one_unknown_block_beyond(
    gap_hours: int, blocks: int, interpolated: int
) -> None:
    amounts = count_up(100)
    readings = [r for i, r in enumerate(hourly(amounts)) if not 20 < i < 20 + gap_hours]
    kept = kept_of(readings)
    assert len(kept.unknowns) == blocks
    assert sum(1 for _, note in kept.hours.values() if note & f.INTERPOLATED) == interpolated
    assert kept.total == amounts[-1] - amounts[0]
    for block in kept.unknowns:
        assert block.amount == amounts[20 + gap_hours] - amounts[20]


def test_sub_hour_readings_split_at_the_hour_and_keep_the_sum() -> None:
    readings = [(T0 + 7 * 60_000 + i * 13 * 60_000, 1_000_000 + i * 3_331) for i in range(500)]
    kept = kept_of(readings)
    assert kept.total == 499 * 3_331
    assert kept.hours[T0 // HOUR_MS][1] == f.PARTIAL
    assert kept.hours[readings[-1][0] // HOUR_MS][1] == f.PARTIAL
    assert sum(1 for _, note in kept.hours.values() if note) == 2


@pytest.mark.parametrize(
    ("name", "stray"),
    [
        ("zero", 0),
        ("dip by a digit", 49_500_000),
        ("ten times", 505_000_000),
        ("far", 99_999_999_999),
        ("-1", -1),
    ],
)
@pytest.mark.parametrize("repeats", [1, 2])
def test_a_stray_value_is_dropped_and_flagged(name: str, stray: int, repeats: int) -> None:
    amounts = count_up(100)
    readings = [(t, stray if 30 <= i < 30 + repeats else v) for i, (t, v) in enumerate(hourly(amounts))]
    kept = kept_of(readings)
    assert kept.total == amounts[-1] - amounts[0]
    flagged = {hour - T0 // HOUR_MS for hour, (_, note) in kept.hours.items() if note & f.SPIKE}
    assert flagged == set(range(29, 30 + repeats))
    assert {kind for kind, *_ in kept.findings} == {"spike_dropped"}


def test_rollover_is_continuous() -> None:
    amounts = [v % 100_000_000 for v in count_up(100, first=99_000_000)]
    kept = kept_of(hourly(amounts))
    assert kept.total == amounts[-1] + 100_000_000 - amounts[0]
    assert [note for _, note in kept.hours.values() if note] == [f.ROLLOVER]


def test_a_zero_near_the_last_digit_is_not_a_rollover() -> None:
    amounts = count_up(60, first=98_790_000)
    readings = [(t, 0 if i == 30 else v) for i, (t, v) in enumerate(hourly(amounts))]
    assert kept_of(readings).total == amounts[-1] - amounts[0]


@pytest.mark.parametrize(("first", "flag"), [(0, f.RESET), (3_000, f.RESET), (120_000_000_000, f.EXCHANGE)])
def test_a_new_register_begins_a_new_epoch_without_inventing_energy(first: int, flag: int) -> None:
    old, new = count_up(50), count_up(50, first=first)
    kept = kept_of(hourly(old + new))
    assert kept.total == (old[-1] - old[0]) + (new[-1] - new[0])
    hole = T0 // HOUR_MS + 49
    assert hole not in kept.hours
    assert kept.hours[hole - 1][1] == kept.hours[hole + 1][1] == flag


def test_old_and_new_register_both_sending_counts_each_while_it_counts() -> None:
    old = count_up(50)
    new = count_up(40, first=0)
    readings = hourly(old + [old[-1]] * 10)
    readings += [(t + 10 * 60_000, v) for t, v in hourly(new, start=T0 + 49 * HOUR_MS)]
    kept = kept_of(readings)
    assert kept.total == (old[-1] - old[0]) + (new[-1] - new[0])


@pytest.mark.parametrize(("num", "den"), [(1, 1000), (41868, 10000), (1000, 1163)])
@pytest.mark.parametrize("lasting", [24, 200])
def test_a_change_of_unit_is_converted(num: int, den: int, lasting: int) -> None:
    amounts = count_up(150)
    sent = [v * num // den if 50 <= i < 50 + lasting else v for i, v in enumerate(amounts)]
    kept = kept_of(hourly(sent))
    resolution = -(-den // num)
    assert abs(kept.total - (amounts[-1] - amounts[0])) <= 2 * resolution
    first = T0 // HOUR_MS
    for i in range(149):
        amount, note = kept.hours[first + i]
        assert note & f.UNIT or amount == amounts[i + 1] - amounts[i]


def test_a_frozen_display_is_booked_over_the_standstill() -> None:
    amounts = count_up(120)
    sent = [amounts[40] if 40 <= i < 76 else v for i, v in enumerate(amounts)]
    kept = kept_of(hourly(sent))
    assert kept.total == amounts[-1] - amounts[0]
    (block,) = kept.unknowns
    assert (block.start, block.end) == (T0 + 40 * HOUR_MS, T0 + 76 * HOUR_MS)
    assert block.flags & f.FROZEN


def test_a_heating_register_that_rests_in_summer_is_not_frozen() -> None:
    spring = count_up(100)
    kept = kept_of(hourly(spring + [spring[-1]] * 2000 + [spring[-1] + 30_000 * (i + 1) for i in range(100)]))
    assert not kept.unknowns
    assert not any(note for _, note in kept.hours.values())


def test_two_values_at_one_instant_never_invent_energy() -> None:
    amounts = count_up(100)
    readings = [*hourly(amounts), (T0 + 50 * HOUR_MS, amounts[50] + 400_000)]
    kept = kept_of(readings)
    assert kept.total == amounts[-1] - amounts[0]
    first = T0 // HOUR_MS
    assert kept.hours[first + 49][1] == kept.hours[first + 50][1] == f.CONFLICT
    assert kept.hours[first + 49][0] == amounts[50] - amounts[49]


def test_duplicates_change_nothing() -> None:
    kept = kept_of(hourly(count_up(50)))
    before = kept.bytes()
    entered = kept.enter(hourly(count_up(50))[10:30])
    assert entered is not None
    assert (entered.accepted, entered.duplicate) == (0, 20)
    assert entered.parts == {}
    assert kept.bytes() == before


# Readings as a hostile world sends them: mostly counting, with everything else mixed in.
_step = st.one_of(
    st.integers(0, 60_000),
    st.just(0),
    st.sampled_from([1_900_000, -3_000, 50_000_000, -50_000_000, 10**12]),
)


@st.composite
def hostile(draw: st.DrawFn) -> list[tuple[int, int]]:
    t, v = T0 + draw(st.integers(0, DAY_MS)), draw(st.sampled_from([0, 50_000_000, 99_900_000]))
    readings: list[tuple[int, int]] = []
    for _ in range(draw(st.integers(1, 60))):
        t += draw(
            st.sampled_from(
                [0, 1, 60_000, HOUR_MS // 2, HOUR_MS, HOUR_MS, HOUR_MS, 5 * HOUR_MS, 7 * HOUR_MS, 3 * DAY_MS]
            )
        )
        kind = draw(st.sampled_from(["count"] * 8 + ["stray", "jump", "unit", "wrap"]))
        if kind == "count":
            v += draw(st.integers(0, 60_000))
            readings.append((t, v))
        elif kind == "stray":
            readings.append((t, draw(st.sampled_from([0, v + 10**9, v // 10, v * 10, -5]))))
        elif kind == "jump":
            v = max(0, v + draw(_step))
            readings.append((t, v))
        elif kind == "unit":
            readings.append((t, v // 1000))
        else:
            v %= 100_000_000
            readings.append((t, v))
    return readings


@given(readings=hostile(), data=st.data())
@settings(max_examples=300, deadline=None)
def test_law_2_any_order_duplication_and_batching_gives_the_same_bytes(
    readings: list[tuple[int, int]], data: st.DataObject
) -> None:
    reference = kept_of(sorted(set(readings))).bytes()
    shuffled = data.draw(
        st.permutations(readings + data.draw(st.lists(st.sampled_from(readings), max_size=5)))
    )
    kept = Kept()
    while shuffled:
        n = data.draw(st.integers(1, len(shuffled)))
        kept.enter(shuffled[:n])
        shuffled = shuffled[n:]
    assert kept.bytes() == reference


@given(readings=hostile())
@settings(max_examples=300, deadline=None)
def test_law_1_nothing_is_booked_but_what_kept_readings_counted(readings: list[tuple[int, int]]) -> None:
    """Each epoch's bookings are its last kept reading minus its first, plus rollovers: replayed from the blocks."""
    kept = kept_of(sorted(set(readings)))
    assert all(amount >= 0 for amount, _ in kept.hours.values())
    assert all(u.amount >= 0 and u.end - u.start > 6 * HOUR_MS for u in kept.unknowns)
    blocks = [p for p in kept.parts.values() if isinstance(p, Block)]
    booked = sum(sum(b.booked.amounts.values()) + sum(u.amount for u in b.booked.unknowns) for b in blocks)
    assert booked == kept.total
    for block in blocks:
        assert list(zip(block.times, block.amounts, strict=True)) == sorted(
            zip(block.times, block.amounts, strict=True)
        )


def test_the_head_finds_its_neighbours() -> None:
    head = Head(Head().with_days([5, 3, 4, 9]))
    assert head.spans == ((3, 5), (9, 9))
    assert [head.before(d) for d in (3, 4, 6, 9, 10)] == [None, 3, 5, 5, 9]
    assert [head.after(d) for d in (2, 3, 5, 6, 9)] == [3, 4, 9, 9, None]
    assert [head.holds(d) for d in (2, 3, 5, 6, 9)] == [False, True, True, False, True]


def test_parts_survive_their_encoding() -> None:
    kept = kept_of([r for i, r in enumerate(hourly(count_up(100))) if i not in range(30, 50)])
    for part in kept.parts.values():
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(part), type=Block | Head) == part
    head = kept.parts[HEAD]
    assert isinstance(head, Head)
    block = kept.parts[str(head.spans[-1][1])]
    assert isinstance(block, Block)
    assert isinstance(block.state, State)
