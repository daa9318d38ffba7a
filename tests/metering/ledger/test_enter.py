"""Laws 1 and 2 (docs/laws.md) on one register: energy is conserved exactly, and the order of arrival changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering import flags as f
from metering.events import Exchange, Unknown
from metering.ledger.blocks import Block, Head
from metering.ledger.enter import declare
from metering.ledger.state import Fact, Interval, Rules, State
from metering.parts import HEAD
from metering.times import DAY_MS, HOUR_MS
from tests.registers import RULES, Register

T0 = 20_000 * DAY_MS


def hourly(amounts: list[int], start: int = T0) -> list[tuple[int, int]]:
    return [(start + i * HOUR_MS, v) for i, v in enumerate(amounts)]


def count_up(n: int, step: int = 20_000, first: int = 50_000_000) -> list[int]:
    return [first + i * step + (i * 7919) % 5000 for i in range(n)]


def kept_of(readings: list[tuple[int, int]], rules: Rules = RULES, facts: Sequence[Fact] = ()) -> Register:
    kept = Register()
    kept.enter(readings, rules, facts)
    return kept


def test_hourly_readings_are_hours() -> None:
    amounts = count_up(49)
    kept = kept_of(hourly(amounts))
    first = T0 // HOUR_MS
    assert kept.hours == {first + i: (amounts[i + 1] - amounts[i], 0) for i in range(48)}
    assert not kept.unknowns
    assert not kept.findings


@pytest.mark.parametrize("begins_h", [0, 3, 18, 21, 22, 23])
def test_a_register_that_begins_late_in_a_day_has_no_change_of_pulse_weight(begins_h: int) -> None:
    """An archive begins at the local midnight: 21:00 UTC in Moscow, and three hours are no measure of a day."""
    kept = kept_of(hourly(count_up(100), T0 + begins_h * HOUR_MS))
    assert not kept.findings
    assert {flags for _, flags in kept.hours.values()} == {0}


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


@pytest.mark.parametrize(
    ("num", "den"), [(1, 1000), (41868, 10000), (1000, 1163), (1163, 1000), (1, 1163), (9, 2500)]
)
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


def days_up(n: int, per_day: int = 480_000, first: int = 50_000_000) -> list[int]:
    """Hourly counts of a house: twice as much by day as by night."""
    amounts = [first]
    for hour in range(n - 1):
        amounts.append(amounts[-1] + per_day * (1 + (6 <= hour % 24 < 22)) // 40)
    return amounts


def test_near_units_are_distinguished_by_the_converted_value_not_by_the_hour_of_the_day() -> None:
    for at in range(60, 84):
        amounts = days_up(150)
        sent = [v * 1000 // 1163 if at <= i < at + 24 else v for i, v in enumerate(amounts)]
        assert abs(kept_of(hourly(sent)).total - (amounts[-1] - amounts[0])) <= 4


@pytest.mark.parametrize("repeats", [1, 2])
@pytest.mark.parametrize("usual_hours", [8, 12, 48, 190])
def test_a_spike_within_the_bound_waits_until_the_register_contradicts_it(
    usual_hours: int, repeats: int
) -> None:
    amounts = days_up(200)
    sent = [v + usual_hours * 20_000 if 108 <= i < 108 + repeats else v for i, v in enumerate(amounts)]
    kept = kept_of(hourly(sent), Rules(5_000_000))
    assert kept.total == amounts[-1] - amounts[0]
    first = T0 // HOUR_MS
    flagged = {hour - first for hour, (_, note) in kept.hours.items() if note}
    assert flagged == set(range(107, 108 + repeats))
    assert {kind for kind, *_ in kept.findings} == {"spike_dropped"}


@pytest.mark.parametrize(
    "load",
    [
        pytest.param([150_000], id="one hour"),
        pytest.param([150_000, 0, 0, 200_000], id="sometimes"),
        pytest.param([90_000] * 60, id="from now on"),
    ],
)
def test_a_new_load_is_energy_by_the_hour_without_flags(load: list[int]) -> None:
    amounts = days_up(120)
    for i, extra in enumerate(load):
        amounts = [v + extra * (k > 60 + i) for k, v in enumerate(amounts)]
    kept = kept_of(hourly(amounts))
    first = T0 // HOUR_MS
    assert kept.hours == {first + i: (amounts[i + 1] - amounts[i], 0) for i in range(119)}


def test_a_leap_of_more_than_a_usual_day_is_kept_and_flagged() -> None:
    amounts = days_up(150)
    sent = [v + 1_900_000 * (i >= 80) for i, v in enumerate(amounts)]
    kept = kept_of(hourly(sent))
    assert kept.total == sent[-1] - sent[0]
    assert [hour - T0 // HOUR_MS for hour, (_, note) in kept.hours.items() if note] == [79]
    assert kept.hours[T0 // HOUR_MS + 79][1] == f.LEAP


@pytest.mark.parametrize(("every", "jump"), [(1, 9_000_000), (24, 100_000_000)], ids=["hourly", "daily"])
def test_a_leap_of_many_usual_days_is_energy_with_a_question(every: int, jump: int) -> None:
    """The bound of the meter allows it, so nothing proves that it is another register."""
    amounts = days_up(600)
    sent = [v + jump * (i >= 312) for i, v in enumerate(amounts)]
    kept = kept_of([r for i, r in enumerate(hourly(sent)) if i % every == 0], Rules(5_000_000))
    last = (len(amounts) - 1) // every * every
    assert kept.total == sent[last] - sent[0]
    assert {kind for kind, *_ in kept.findings} == {"leap"}


@pytest.mark.parametrize("hours", [24, 72, 168])
def test_what_a_frozen_display_catches_up_may_be_more_than_the_bound_of_an_hour(hours: int) -> None:
    amounts = days_up(400)
    sent = [amounts[100] if 100 <= i < 100 + hours else v for i, v in enumerate(amounts)]
    kept = kept_of(hourly(sent), Rules(max_per_hour=60_000))
    assert kept.total == amounts[-1] - amounts[0]
    (block,) = kept.unknowns
    assert (block.start, block.end) == (T0 + 100 * HOUR_MS, T0 + (100 + hours) * HOUR_MS)
    assert not any(note & f.PULSE for _, note in kept.hours.values())


def test_a_frozen_display_that_recovers_in_a_gap_of_readings() -> None:
    amounts = days_up(200)
    sent = [amounts[100] if 100 <= i < 136 else v for i, v in enumerate(amounts)]
    kept = kept_of([r for i, r in enumerate(hourly(sent)) if not 136 <= i < 145])
    assert kept.total == amounts[-1] - amounts[0]
    (block,) = kept.unknowns
    assert (block.start, block.end) == (T0 + 100 * HOUR_MS, T0 + 145 * HOUR_MS)
    assert block.flags & f.FROZEN


def test_a_stray_does_not_end_a_frozen_display() -> None:
    amounts = days_up(200)
    sent = [amounts[100] if 100 <= i < 136 else v for i, v in enumerate(amounts)]
    sent[116] = 0
    kept = kept_of(hourly(sent), Rules(5_000_000))
    assert kept.total == amounts[-1] - amounts[0]


@pytest.mark.parametrize("before", [1, 3, 5])
def test_a_stray_is_not_the_start_of_another_register(before: int) -> None:
    old, new = days_up(100), days_up(100, first=12_000_000)
    sent = [*old, *new]
    sent[100 - before] = 0
    kept = kept_of(hourly(sent), Rules(5_000_000))
    lost = old[99] - old[98] if before == 1 else 0
    assert kept.total == old[99] - old[0] - lost + new[-1] - new[0]


@pytest.mark.parametrize("factor", [(10, 1), (1, 10), (100, 1), (1000, 1)], ids="{0[0]}/{0[1]}".format)
def test_another_pulse_weight_is_flagged_as_long_as_it_lasts(factor: tuple[int, int]) -> None:
    num, den = factor
    amounts = days_up(400, per_day=24_000)
    sent = [v if i < 192 else amounts[192] + (v - amounts[192]) * num // den for i, v in enumerate(amounts)]
    kept = kept_of(hourly(sent), Rules(5_000_000))
    flagged = {hour - T0 // HOUR_MS for hour, (_, note) in kept.hours.items() if note & f.PULSE}
    assert flagged == set(range(192, 399))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_values_of_another_meter_that_count_too_are_strays(count: int) -> None:
    amounts = days_up(200)
    sent = [7_654_000 + 20_000 * i if 108 <= i < 108 + count else v for i, v in enumerate(amounts)]
    kept = kept_of(hourly(sent), Rules(5_000_000))
    assert kept.total == amounts[-1] - amounts[0]


@pytest.mark.parametrize("every", [1, 24])
def test_a_stray_before_all_other_readings_is_not_the_start_of_the_register(every: int) -> None:
    amounts = days_up(600)
    sent = [r for i, r in enumerate(hourly([0, *amounts[1:]])) if i % every == 0]
    kept = kept_of(sent, Rules(2_000_000))
    assert kept.total == sent[-1][1] - sent[1][1]


def test_a_new_register_counts_from_zero() -> None:
    amounts = days_up(100, first=0)
    kept = kept_of(hourly(amounts))
    first = T0 // HOUR_MS
    assert kept.hours == {first + i: (amounts[i + 1] - amounts[i], 0) for i in range(99)}


def test_a_heating_register_that_does_not_count_in_summer_is_not_frozen() -> None:
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


# Readings as faulty meters send them: most count, the others are strays, jumps, changes of unit and rollovers.
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


@st.composite
def declared(draw: st.DrawFn) -> list[Fact]:
    """Declared facts: some fit the readings, most do not."""
    facts: list[Fact] = []
    for _ in range(draw(st.integers(0, 6))):
        at = T0 + draw(st.integers(-4, 200)) * HOUR_MS + draw(st.sampled_from([0, 0, 1, 600_000]))
        count = st.sampled_from([0, 50_000_000, 50_400_000, 120_000_000])
        if draw(st.booleans()):
            facts.append(Exchange(at=at, final=draw(count), initial=draw(count), by_site=draw(st.booleans())))
        else:
            length = draw(st.sampled_from([HOUR_MS, HOUR_MS, 24 * HOUR_MS, 720 * HOUR_MS]))
            facts.append(Interval(at, at - length, draw(st.sampled_from([0, 20_000, 400_000, 10**10]))))
    return facts


@given(readings=hostile(), facts=declared(), data=st.data())
@settings(max_examples=300, deadline=None)
def test_law_2_any_order_duplication_and_batching_gives_the_same_bytes(
    readings: list[tuple[int, int]], facts: list[Fact], data: st.DataObject
) -> None:
    reference = kept_of(sorted(set(readings)), facts=facts).bytes()
    entries: list[tuple[int, int] | Fact] = [*readings, *facts]
    repeats = data.draw(st.lists(st.sampled_from(entries), max_size=5))
    shuffled = data.draw(st.permutations(entries + repeats))
    kept = Register()
    while shuffled:
        n = data.draw(st.integers(1, len(shuffled)))
        now, shuffled = shuffled[:n], shuffled[n:]
        kept.enter(
            [x for x in now if isinstance(x, tuple)], facts=[x for x in now if not isinstance(x, tuple)]
        )
    assert kept.bytes() == reference


@given(readings=hostile(), facts=declared(), later=declared())
@settings(max_examples=100, deadline=None)
def test_law_2_only_what_the_site_file_declares_now_counts(
    readings: list[tuple[int, int]], facts: list[Fact], later: list[Fact]
) -> None:
    first = [fact for fact in facts if isinstance(fact, Exchange) and fact.by_site]
    now = [fact for fact in later if isinstance(fact, Exchange) and fact.by_site]
    kept, reference = Register(), Register()
    half = len(readings) // 2
    kept.enter(readings[:half])
    kept.take(declare(RULES, kept.parts, first, by_site=True))
    kept.enter(readings[half:])
    kept.take(declare(RULES, kept.parts, now, by_site=True))
    reference.enter(readings)
    reference.take(declare(RULES, reference.parts, now, by_site=True))
    assert kept.hours == reference.hours
    assert kept.unknowns == reference.unknowns


@given(readings=hostile(), facts=declared())
@settings(max_examples=300, deadline=None)
def test_law_1_what_is_booked_is_what_kept_readings_and_intervals_count(
    readings: list[tuple[int, int]], facts: list[Fact]
) -> None:
    kept = kept_of(sorted(set(readings)), facts=facts)
    assert all(u.amount >= 0 and u.end - u.start > 6 * HOUR_MS for u in kept.unknowns)
    blocks = [p for name, p in sorted(kept.parts.items()) if name != HEAD and isinstance(p, Block)]
    before = 0
    for block in blocks:
        assert block.booked.total == block.state.v - before + block.booked.shift
        before = block.state.v
    assert kept.total == sum(block.booked.total for block in blocks)


@given(readings=hostile())
@settings(max_examples=300, deadline=None)
def test_no_register_ever_counts_backwards_in_the_ledger(readings: list[tuple[int, int]]) -> None:
    assert all(amount >= 0 for amount, _ in kept_of(sorted(set(readings))).hours.values())


def test_a_declared_exchange_keeps_every_watt_hour_of_both_registers() -> None:
    """At half past, between two readings, with what the old one counted since its last."""
    old, new = count_up(50), count_up(50, first=7_000)
    at = T0 + 49 * HOUR_MS + HOUR_MS // 2
    exchange = Exchange(at=at, final=old[-1] + 9_000, initial=100)
    kept = kept_of(hourly(old) + hourly(new, T0 + 50 * HOUR_MS), facts=[exchange])
    assert kept.total == old[-1] + 9_000 - old[0] + new[-1] - 100
    hour = T0 // HOUR_MS + 49
    assert kept.hours[hour] == (9_000 + new[0] - 100, f.EXCHANGE)
    assert not kept.findings


@pytest.mark.parametrize("later_h", [-3, 2], ids=["declared too early", "declared too late"])
def test_a_declared_exchange_counts_and_not_what_the_readings_suggest(later_h: int) -> None:
    old, new = count_up(50), count_up(50, first=0)
    at = T0 + (49 + later_h) * HOUR_MS
    kept = kept_of(hourly(old + new), facts=[Exchange(at=at, final=old[-1], initial=0)])
    assert kept.total == old[-1] - old[0] + new[-1]
    assert "exchange" not in {kind for kind, *_ in kept.findings}
    assert "reset" not in {kind for kind, *_ in kept.findings}


def test_an_exchange_declared_later_restates_what_was_detected() -> None:
    old, new = count_up(50), count_up(50, first=120_000_000_000)
    kept = kept_of(hourly(old + new))
    assert {kind for kind, *_ in kept.findings} == {"exchange"}
    at = T0 + 49 * HOUR_MS + HOUR_MS // 2
    kept.take(
        declare(
            RULES,
            kept.parts,
            [Exchange(at=at, final=old[-1] + 8_000, initial=new[0] - 8_000, by_site=True)],
            by_site=True,
        )
    )
    assert not kept.findings
    assert kept.total == old[-1] - old[0] + new[-1] - new[0] + 16_000


def test_a_declaration_that_contradicts_the_register_invents_nothing() -> None:
    amounts = count_up(100)
    kept = kept_of(
        hourly(amounts), facts=[Exchange(at=T0 + 50 * HOUR_MS, final=900_000_000, initial=120_000_000)]
    )
    assert {kind for kind, *_ in kept.findings} >= {"exchange_contradicted"}
    assert kept.total <= amounts[-1] - amounts[0]


def hourly_use(amounts: list[int], start: int) -> list[Fact]:
    return [
        Interval(start + (i + 1) * HOUR_MS, start + i * HOUR_MS, amount) for i, amount in enumerate(amounts)
    ]


def test_intervals_are_hours_and_a_month_is_one_unknown_block() -> None:
    month = Interval(T0, T0 - 30 * DAY_MS, 20_000_000)
    kept = kept_of([], facts=[month, *hourly_use([5, 6, 7], T0)])
    assert kept.unknowns == {Unknown(start=T0 - 30 * DAY_MS, end=T0, amount=20_000_000, flags=f.UNKNOWN)}
    assert list(kept.hours.values()) == [(5, 0), (6, 0), (7, 0)]
    assert not kept.findings


def test_history_from_intervals_and_then_a_register() -> None:
    amounts = count_up(50)
    kept = kept_of(hourly(amounts), facts=hourly_use([20_000] * 48, T0 - 48 * HOUR_MS))
    assert kept.total == amounts[-1] - amounts[0] + 48 * 20_000
    assert not any(note for _, note in kept.hours.values())


@pytest.mark.parametrize("minute", [0, 7, 59])
def test_an_archive_fills_the_gap_of_a_register_and_the_register_keeps_its_total(minute: int) -> None:
    start = T0 + minute * 60_000
    amounts = count_up(100)
    readings = [r for i, r in enumerate(hourly(amounts, start)) if not 30 < i < 60]
    rows = hourly_use([amounts[i + 1] - amounts[i] + 3 for i in range(99)], T0)
    kept = kept_of(readings, facts=rows)
    assert kept.total == amounts[-1] - amounts[0]
    assert not kept.unknowns
    assert not kept.findings
    # Whole hours inside the gap are the archive's own, without a doubt.
    for i in range(33, 58):
        assert kept.hours[T0 // HOUR_MS + i] == (amounts[i + 1] - amounts[i] + 3, 0)


def test_a_register_is_more_exact_than_an_archive() -> None:
    amounts = count_up(60)
    plain = kept_of(hourly(amounts))
    kept = kept_of(hourly(amounts), facts=hourly_use([1] * 60, T0 - HOUR_MS))
    assert kept.hours == plain.hours | {T0 // HOUR_MS - 1: (1, 0)}


def test_an_archive_row_above_the_bound_is_no_energy() -> None:
    kept = kept_of([], facts=hourly_use([5, 10**12, 7], T0))
    assert kept.total == 12
    assert {kind for kind, *_ in kept.findings} == {"implausible"}


def test_a_coarse_register_that_steps_seldom_is_not_frozen() -> None:
    """0.1 Gcal in summer: two or three steps a day, and hours without a step between them."""
    quantum = 116_300
    amounts = [50_000_000 + quantum * (i * 7 // 60) for i in range(24 * 40)]
    kept = kept_of(hourly(amounts))
    assert kept.total == amounts[-1] - amounts[0]
    assert not kept.findings
    assert not kept.unknowns


def test_the_head_lists_neighbouring_blocks() -> None:
    head = Head(Head().with_days([5, 3, 4, 9]))
    assert head.spans == ((3, 5), (9, 9))
    assert [head.before(d) for d in (3, 4, 6, 9, 10)] == [None, 3, 5, 5, 9]
    assert [head.after(d) for d in (2, 3, 5, 6, 9)] == [3, 4, 9, 9, None]
    assert [head.has_block(d) for d in (2, 3, 5, 6, 9)] == [False, True, True, False, True]


def test_parts_survive_their_encoding() -> None:
    kept = kept_of([r for i, r in enumerate(hourly(count_up(100))) if i not in range(30, 50)])
    for part in kept.parts.values():
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(part), type=Block | Head) == part
    head = kept.parts[HEAD]
    assert isinstance(head, Head)
    block = kept.parts[str(head.spans[-1][1])]
    assert isinstance(block, Block)
    assert isinstance(block.state, State)


def test_the_last_hour_before_a_reading_in_doubt_is_pending_until_later_readings_decide() -> None:
    amounts = count_up(30)
    kept = kept_of([*hourly(amounts), (T0 + 30 * HOUR_MS, 0)])
    last = T0 // HOUR_MS + 28
    assert kept.hours[last] == (amounts[29] - amounts[28], f.PENDING)
    kept.enter([(T0 + 31 * HOUR_MS, amounts[29] + 40_000)])
    assert kept.hours[last] == (amounts[29] - amounts[28], 0)
    assert kept.hours[last + 1][1] & f.SPIKE


def test_two_rows_of_one_time_contradict_each_other_and_a_day_beside_its_hours_does_not() -> None:
    hours = hourly_use([5] * 24, T0)
    day = Interval(T0 + DAY_MS, T0, 120)
    kept = kept_of([], facts=[*hours, day])
    assert (kept.total, kept.findings) == (120, set())
    kept = kept_of([], facts=[*hours, Interval(T0 + 7 * HOUR_MS, T0 + 6 * HOUR_MS, 9)])
    assert kept.total == 120
    assert {kind for kind, *_ in kept.findings} == {"conflict"}
    assert kept.hours[T0 // HOUR_MS + 6] == (5, f.CONFLICT)


@pytest.mark.parametrize("counts", [[0, 5], [0, 20_000], [0, 5, 9], [1, 30_000, 60_000], [0, 400_000]])
def test_a_new_meter_that_begins_at_zero_counts_from_its_first_step(counts: list[int]) -> None:
    kept = kept_of(hourly(counts))
    assert kept.total == counts[-1] - counts[0]
    assert not any(note for _, note in kept.hours.values())
