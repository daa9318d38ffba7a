"""Retention deletes readings and no figures: a register's ledger shows the same with it and without it."""

from __future__ import annotations

import datetime as dt
import random

import pytest

from metering.events import Exchange
from metering.ledger.blocks import Block, Head
from metering.ledger.enter import declare
from metering.ledger.retention import cut_day, delete_before
from metering.ledger.state import Fact, Interval, Rules
from metering.parts import HEAD
from metering.times import DAY_MS, HOUR_MS, to_ms
from tests.registers import RULES, Register
from tests.sites import build_site, building, contract, meter

T0 = 20_000 * DAY_MS


@pytest.mark.parametrize(
    ("lateness", "ends", "today", "kept"),
    [
        (45, (), "2024-03-01", 100),
        (120, (), "2024-03-01", 121),  # a reading in time is never rejected
        (45, (None,), "2024-03-01", None),  # a contract without an end never ends
        (45, ("2021-03-01",), "2024-03-01", None),
        (45, ("2021-02-28",), "2024-03-01", 100),
        (45, ("2020-02-29",), "2023-02-28", None),
        (45, ("2020-02-29",), "2023-03-01", 100),
        (45, ("2018-01-01", "2023-01-01"), "2024-03-01", None),  # the last term counts
    ],
)
def test_a_contract_keeps_readings_until_three_years_after_its_term(
    lateness: int, ends: tuple[str | None, ...], today: str, kept: int | None
) -> None:
    contracts = [
        contract(f"c{n}", baseline="2015-01-01..2015-12-31", reporting=f"2016-01-01..{end or ''}")
        for n, end in enumerate(ends)
    ]
    site = build_site(
        building(meter("heat", "heat", "kWh")), *contracts, retention_days=100, lateness_days=lateness
    )
    now = to_ms(dt.datetime.fromisoformat(today + "T12:00:00+03:00"))
    assert cut_day(site, "b01", now) == (None if kept is None else now // DAY_MS - kept)


def test_a_building_that_is_not_in_the_site_file_has_no_cut() -> None:
    assert cut_day(build_site(building(meter("heat", "heat", "kWh"))), "b99", T0) is None


def hourly(days: int, step: int = 20_000, first: int = 50_000_000) -> list[tuple[int, int]]:
    return [(T0 + i * HOUR_MS, first + i * step + (i * 7919) % 5000) for i in range(days * 24)]


def test_blocks_before_the_cut_are_deleted_and_the_checkpoint_stays() -> None:
    ledger = Register()
    ledger.enter(hourly(10))
    before = ledger.figures()
    ledger.delete_before(20_006)
    assert sorted(ledger.parts) == ["20005", "20006", "20007", "20008", "20009", HEAD]
    checkpoint = ledger.parts["20005"]
    assert isinstance(checkpoint, Block)
    assert not checkpoint.times
    assert ledger.cut == 20_006
    assert ledger.figures() == before
    head = ledger.parts[HEAD]
    assert isinstance(head, Head)
    assert head.deleted == 6 * 24
    assert not delete_before(ledger.parts, 20_006)


def test_the_newest_block_always_stays() -> None:
    ledger = Register()
    ledger.enter(hourly(3))
    ledger.delete_before(30_000)
    assert sorted(ledger.parts) == ["20001", "20002", HEAD]
    ledger.delete_before(30_000)
    assert sorted(ledger.parts) == ["20001", "20002", HEAD]


def test_a_change_of_rules_folds_from_the_checkpoint_on() -> None:
    ledger, all_kept = Register(), Register()
    readings = hourly(10)
    for each in (ledger, all_kept):
        each.enter(readings[:-1])
    ledger.delete_before(20_006)
    for each in (ledger, all_kept):
        each.enter(readings[-1:], Rules(max_per_hour=15_000))
    first = 20_006 * 24 + 12
    assert {h: x for h, x in ledger.hours.items() if h < first - 24} == {
        h: (readings[i + 1][1] - readings[i][1], 0) for i, h in enumerate(range(T0 // HOUR_MS, first - 24))
    }
    assert sum(u.amount for u in ledger.unknowns) + sum(a for a, _ in ledger.hours.values()) <= (
        readings[-1][1] - readings[0][1]
    )


def test_a_list_of_the_site_that_differs_only_before_the_cut_changes_no_figure() -> None:
    ledger = Register()
    old, new = (Exchange(at=T0 + day * DAY_MS + 1, final=1, initial=0, by_site=True) for day in (1, 2))
    ledger.enter(hourly(10))
    ledger.take(declare(RULES, ledger.parts, [old], by_site=True))
    before = ledger.figures()
    ledger.delete_before(20_006)
    for listed in ([new], [], [old, new]):
        ledger.take(declare(RULES, ledger.parts, listed, by_site=True))
        assert ledger.figures() == before
        head = ledger.parts[HEAD]
        assert isinstance(head, Head)
        assert head.by_site == tuple(listed)
        assert declare(RULES, ledger.parts, listed, by_site=True) is None


@pytest.mark.parametrize("day", range(20_003, 20_012))
def test_a_pulse_weight_that_is_confirmed_after_the_cut_flags_the_days_before_it(day: int) -> None:
    """The day after a day that counts ten times as much confirms it, and flags from the start of that day."""
    readings, v = [], 0
    for hour in range(12 * 24):
        readings.append((T0 + hour * HOUR_MS, v))
        v += 20_000 if hour < 6 * 24 else 200_000
    kept, cut = Register(), Register()
    for at, (t, v) in enumerate(readings):
        for ledger in (kept, cut):
            ledger.enter([(t, v)])
        if at % 24 == 0 and t // DAY_MS == day:
            cut.delete_before(day)
        assert cut.figures() == kept.figures()
    assert any(kind == "pulse_weight" for kind, *_ in kept.findings)


def register_of(rng: random.Random) -> tuple[list[tuple[int, int]], list[Fact]]:
    """Two weeks of a register with gaps, frozen displays, strays, resets, conflicts, units and facts."""
    readings: list[tuple[int, int]] = []
    facts: list[Fact] = []
    t, v, factor = T0, rng.choice([0, 1_000_000, 99_000_000]), 1
    often = rng.choice([10, 40, 150])
    while t < T0 + 14 * DAY_MS:
        t += rng.choice([1, 1, 1, 1, 2, 5, 9, 30, 60]) * HOUR_MS + rng.choice([0, 0, 900_000])
        v += rng.choice([20_000, 20_000, 25_000, 0, 0, 400_000, 2_000_000])
        fault = rng.randint(0, often)
        if fault == 0:
            v = rng.randint(0, 1000)
        elif fault == 1:
            readings.append((t, v + rng.choice([-v, 7, 50_000_000])))
        elif fault == 2:
            final = v
            v = rng.randint(0, 1000)
            facts.append(Exchange(at=t, final=final, initial=v))
        elif fault == 3:
            factor = 1000 if factor == 1 else 1
        elif fault in (4, 5):
            end = t + rng.choice([1, 24, 40]) * HOUR_MS
            while t < end:
                facts.append(Interval(t + HOUR_MS, t, 20_000))
                t += HOUR_MS
                v += 20_000
        if fault == 6:
            frozen_h = rng.randint(8, 40)
            readings += [(t + i * HOUR_MS, v // factor) for i in range(frozen_h)]
            t += frozen_h * HOUR_MS
            v += frozen_h * 20_000
        readings.append((t, v // factor))
    return readings, facts


@pytest.mark.parametrize("seed", range(60))
def test_a_register_with_cuts_shows_what_it_shows_without(seed: int) -> None:
    """Readings arrive in any order and are cut at any time. Readings from before the cut are entered in neither ledger."""
    rng = random.Random(seed)
    readings, facts = register_of(rng)
    events: list[tuple[int, tuple[int, int] | Fact]] = [(t, (t, v)) for t, v in readings]
    events += [(fact.at, fact) for fact in facts]
    late_ms = rng.choice([0, 6, 48, 200]) * HOUR_MS
    events.sort(key=lambda each: each[0] + (rng.randint(0, late_ms) if rng.random() < 0.3 else 0))
    kept, cut = Register(), Register()
    at = 0
    while at < len(events):
        n = rng.choice([1, 1, 5, 40])
        batch = [each for t, each in events[at : at + n] if t // DAY_MS >= cut.cut]
        at += n
        pairs = [each for each in batch if type(each) is tuple]
        facts = [each for each in batch if type(each) is not tuple]
        for ledger in (kept, cut):
            ledger.enter(pairs, facts=facts)
        assert cut.figures() == kept.figures()
        if rng.random() < 0.3:
            newest = max(t for t, _ in events[:at]) // DAY_MS
            cut.delete_before(newest - rng.randint(0, 3))
            assert cut.figures() == kept.figures()
    days = {name for name in kept.parts if name != HEAD and int(name) >= cut.cut}
    assert {name: kept.parts[name] for name in days} == {name: cut.parts[name] for name in days}
