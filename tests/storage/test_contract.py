"""One contract, two stores: what was written is read, writing again changes nothing, corrections overwrite."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from metering.events import Alert, Day, Event, Gauged, Hours, Position, RegisterId, Savings, Unknown, Unknowns
from metering.times import HOUR_MS
from storage.contract import Figures, Sink
from storage.influx import InfluxSink
from storage.influx_reader import InfluxFigures
from storage.sqlite import Store
from storage.sqlite_reader import Reader

WHO = RegisterId("b01", "heat", "energy")
HOUR = 482_000
DATE = 739_000


class Both(NamedTuple):
    sink: Sink
    figures: Figures
    settle: Callable[[], None]

    def write(self, *events: Event) -> None:
        self.sink.write(events)
        self.settle()


@pytest.fixture(params=["sqlite", "influx"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Both]:
    if request.param == "sqlite":
        sink = Store(tmp_path / "store.db")
        reader = Reader(tmp_path / "store.db")
        yield Both(sink, reader, lambda: None)
        reader.close()
        sink.close()
        return
    server: Any = request.getfixturevalue("influxd")
    name = f"t{uuid.uuid4().hex[:8]}"
    server.create(name)
    influx = InfluxSink(
        url=server.url,
        token="any",
        org="kvartal",
        bucket=name,
        outbox=tmp_path / "outbox.db",
        first_pause_s=0.05,
    )

    def settle() -> None:
        assert influx.drain(20), "the outbox did not empty"
        assert influx.dead() == []

    figures = InfluxFigures(url=server.url, database=name)
    yield Both(influx, figures, settle)
    figures.close()
    influx.close()


def hours(amounts: Iterable[int | None], flags: int = 0, first: int = HOUR) -> Hours:
    given = tuple(amounts)
    return Hours(
        **WHO.fields(),
        hours=tuple(range(first, first + len(given))),
        amounts=given,
        flags=(flags,) * len(given),
        frontier=0,
        received_at=0,
    )


def day(date: int = DATE, used: int | None = 480, **changes: Any) -> Day:
    fields = {"known": 400, "unknown": 80, "estimated": 80, "coverage": 1.0, "flags": 2, "received_at": 0}
    return Day(**WHO.fields(), date=date, used=used, **(fields | changes))


def savings(date: int = DATE, **changes: Any) -> Savings:
    fields = {
        "expected": 1000,
        "used": 800,
        "estimated": 5,
        "temp_mc": -4_250,
        "extrapolated": False,
        "flags": 9,
        "adjustment": -35,
    }
    return Savings(
        building="b01", contract="c1", date=date, **(fields | changes), baseline_id="ab12", received_at=0
    )


def gauged(means: Iterable[int | None], first: int = HOUR) -> Gauged:
    given = tuple(means)
    n = len(given)
    hours = tuple(range(first, first + n))
    return Gauged(
        building="b01",
        meter="heat",
        quantity="supply_temperature",
        hours=hours,
        means=given,
        lows=(-3,) * n,
        highs=(9,) * n,
        covered_ms=(60_000,) * n,
        flags=(1,) * n,
        received_at=0,
    )


def test_hours_of_a_gauge_are_read_as_written_and_come_and_go(store: Both) -> None:
    store.write(gauged([5, -2, 7]), gauged([4], first=HOUR + 1))
    which = ("b01", "heat", "supply_temperature")
    expected = [(HOUR + i, mean, -3, 9, 60_000, 1) for i, mean in enumerate([5, 4, 7])]
    assert store.figures.gauges(*which, HOUR, HOUR + 24) == expected
    store.write(gauged([None], first=HOUR + 2))
    assert store.figures.gauges(*which, HOUR, HOUR + 24) == expected[:2]
    assert store.figures.gauges(*which, HOUR + 1, HOUR + 2) == expected[1:2]


def test_hours_are_read_as_written_and_writing_again_changes_nothing(store: Both) -> None:
    store.write(hours([10, 0, 2**50]), hours([7], flags=9, first=HOUR + 3))
    expected = [(HOUR, 10, 0), (HOUR + 1, 0, 0), (HOUR + 2, 2**50, 0), (HOUR + 3, 7, 9)]
    assert store.figures.hours(*WHO, HOUR, HOUR + 4) == expected
    store.write(hours([10, 0, 2**50]))
    assert store.figures.hours(*WHO, HOUR, HOUR + 4) == expected
    assert store.figures.hours(*WHO, HOUR + 1, HOUR + 3) == expected[1:3]
    assert store.figures.hours("b02", "heat", "energy", HOUR, HOUR + 4) == []


def test_an_hour_is_corrected_and_withdrawn(store: Both) -> None:
    store.write(hours([10, 20]))
    store.write(hours([11], flags=64))
    store.write(hours([None], first=HOUR + 1))
    assert store.figures.hours(*WHO, HOUR, HOUR + 2) == [(HOUR, 11, 64)]


def test_changes_within_one_write_end_as_the_last_one(store: Both) -> None:
    store.write(hours([10, 20]), hours([None, 21]), hours([12, None]))
    assert store.figures.hours(*WHO, HOUR, HOUR + 2) == [(HOUR, 12, 0)]


def test_unknown_blocks_come_change_their_end_and_go(store: Both) -> None:
    start = HOUR * HOUR_MS + 60_000
    long, short = (
        Unknown(start=start, end=start + 30 * HOUR_MS, amount=900, flags=2),
        Unknown(start=start, end=start + 8 * HOUR_MS, amount=300, flags=2),
    )
    late = Unknown(start=start + 9 * HOUR_MS, end=start + 30 * HOUR_MS, amount=500, flags=3)
    store.write(Unknowns(**WHO.fields(), added=(long,), withdrawn=(), frontier=0, received_at=0))
    assert store.figures.unknowns(*WHO) == [long]
    store.write(Unknowns(**WHO.fields(), added=(short, late), withdrawn=(long,), frontier=0, received_at=0))
    assert store.figures.unknowns(*WHO) == [short, late]
    store.write(Unknowns(**WHO.fields(), added=(), withdrawn=(late,), frontier=0, received_at=0))
    assert store.figures.unknowns(*WHO) == [short]


def test_two_unknown_blocks_may_begin_at_one_instant(store: Both) -> None:
    start = HOUR * HOUR_MS
    still = Unknown(start=start, end=start + 8 * HOUR_MS, amount=0, flags=2)
    gap = Unknown(start=start, end=start + 9 * HOUR_MS, amount=90, flags=2)
    other = replace(gap, amount=80)

    def write(added: tuple[Unknown, ...], withdrawn: tuple[Unknown, ...]) -> list[Unknown]:
        store.write(Unknowns(**WHO.fields(), added=added, withdrawn=withdrawn, frontier=0, received_at=0))
        return store.figures.unknowns(*WHO)

    assert write((gap,), ()) == [gap]
    assert write((still,), ()) == [still, gap]
    assert write((other,), (gap,)) == [still, other]
    assert write((), (still,)) == [other]
    assert write((still,), ()) == [still, other]
    assert write((still, gap), (still, other)) == [still, gap], "blocks that are published again are not lost"


def test_days_are_read_as_written(store: Both) -> None:
    events = [day(), day(DATE + 1, None, coverage=0.5), day(DATE + 2, 0)]
    store.write(*events)
    assert store.figures.days(*WHO, DATE, DATE + 2) == events
    store.write(day(used=481), day(DATE + 2, 0, withdrawn=True))
    assert store.figures.days(*WHO, DATE, DATE + 2) == [day(used=481), events[1]]


def test_savings_are_restated_and_withdrawn(store: Both) -> None:
    store.write(savings(), savings(DATE + 1, temp_mc=None, extrapolated=True))
    store.write(savings(used=790))
    assert store.figures.savings("c1", DATE, DATE + 1) == [
        savings(used=790),
        savings(DATE + 1, temp_mc=None, extrapolated=True),
    ]
    store.write(savings(DATE + 1, withdrawn=True))
    assert store.figures.savings("c1", DATE, DATE + 1) == [savings(used=790)]


def test_the_newest_position_is_the_position(store: Both) -> None:
    def position(last: int) -> Position:
        return Position(
            building="b01",
            contract="c1",
            first=DATE,
            last=last,
            days=2,
            days_missing=1,
            expected=2000,
            used=1600,
            half_width=123.456,
            estimated=5,
            grade="B",
            baseline_id="ab12",
            received_at=77,
            flagged={"spike_dropped": 8},
            adjustment=-90,
        )

    assert store.figures.position("c1") is None
    for money, width in ((-90_001, 40_000), (7, None), (0, 0)):
        priced = replace(position(DATE), money=money, money_half_width=width, prices="ef56")
        store.write(priced)
        assert store.figures.position("c1") == priced
    store.write(position(DATE + 1))
    store.write(position(DATE + 2))
    assert store.figures.position("c1") == position(DATE + 2)
    # Its last day was withdrawn: the contract stands on the day before again.
    store.write(position(DATE + 1))
    assert store.figures.position("c1") == position(DATE + 1)
    # All of them were.
    gone = replace(position(DATE + 1), received_at=78, withdrawn=True)
    store.write(gone, gone)
    assert store.figures.position("c1") is None
    store.write(replace(position(DATE), received_at=79))
    assert store.figures.position("c1") == replace(position(DATE), received_at=79)


def test_an_alert_opens_changes_and_resolves(store: Both) -> None:
    def alert(opened: int, state: Any, **detail: Any) -> Alert:
        return Alert(
            building="b01",
            subject="c1",
            kind="no_saving",
            opened=opened * 1000,
            state=state,
            changed=5_000,
            amount=10,
            money=2550,
            detail={"days": 60, **detail},
        )

    store.write(alert(1_000, "open"), alert(2_000, "open"))
    store.write(alert(1_000, "resolved", text='with "quotes" and \\ and, commas='))
    assert store.figures.alerts() == [alert(2_000, "open")]
    assert store.figures.alerts(open_only=False) == [
        alert(2_000, "open"),
        alert(1_000, "resolved", text='with "quotes" and \\ and, commas='),
    ]


def test_a_silent_house_has_no_subject(store: Both) -> None:
    alert = Alert(
        building="b01",
        subject="",
        kind="meter_silent",
        opened=7_000,
        state="open",
        changed=8_000,
        amount=0,
        money=0,
        detail={"hours": 30, "last_reading_ms": 1},
    )
    store.write(alert)
    assert store.figures.alerts() == [alert]


def test_ranges_and_registers_keep_apart(store: Both) -> None:
    other = Hours(
        building="b01",
        meter="light",
        quantity="energy",
        hours=(HOUR,),
        amounts=(5,),
        flags=(0,),
        frontier=0,
        received_at=0,
    )
    water = Hours(
        building="b01",
        meter="heat",
        quantity="volume",
        hours=(HOUR,),
        amounts=(6,),
        flags=(0,),
        frontier=0,
        received_at=0,
    )
    store.write(hours([1, 2, 3]), other, water)
    assert store.figures.hours("b01", "light", "energy", HOUR, HOUR + 3) == [(HOUR, 5, 0)]
    assert store.figures.hours("b01", "heat", "volume", HOUR, HOUR + 3) == [(HOUR, 6, 0)]
    assert store.figures.hours(*WHO, HOUR + 3, HOUR + 9) == []
    store.write(day(DATE - 1), day(DATE), day(DATE + 1))
    assert [each.date for each in store.figures.days(*WHO, DATE, DATE)] == [DATE]


def test_events_out_of_order_are_read_in_order(store: Both) -> None:
    store.write(day(DATE + 2), savings(DATE + 5))
    store.write(hours([3], first=HOUR + 2), day(DATE), savings(DATE))
    store.write(hours([1, 2]), day(DATE + 1))
    assert store.figures.hours(*WHO, HOUR, HOUR + 3) == [(HOUR, 1, 0), (HOUR + 1, 2, 0), (HOUR + 2, 3, 0)]
    assert [each.date for each in store.figures.days(*WHO, DATE, DATE + 2)] == [DATE, DATE + 1, DATE + 2]
    assert [each.date for each in store.figures.savings("c1", DATE, DATE + 9)] == [DATE, DATE + 5]


NUMBERS = itertools.count()
AMOUNTS = st.none() | st.integers(-(2**53), 2**53)
CHANGES = st.lists(st.tuples(st.integers(0, 30), AMOUNTS, st.integers(0, 4095)), min_size=1, max_size=40)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(CHANGES, min_size=1, max_size=4))
def test_hours_are_the_last_that_was_written_of_each(
    store: Both, batches: list[list[tuple[int, int | None, int]]]
) -> None:
    meter = f"m{next(NUMBERS)}"
    held: dict[int, tuple[int, int]] = {}
    for _again in range(2):
        for batch in batches:
            events = []
            for at, amount, flags in batch:
                events.append(
                    Hours(
                        building="b01",
                        meter=meter,
                        quantity="energy",
                        hours=(HOUR + at,),
                        amounts=(amount,),
                        flags=(flags,),
                        frontier=0,
                        received_at=0,
                    )
                )
                held.pop(HOUR + at, None)
                if amount is not None:
                    held[HOUR + at] = (amount, flags)
            store.write(*events)
        found = store.figures.hours("b01", meter, "energy", HOUR, HOUR + 31)
        assert found == [(hour, *held[hour]) for hour in sorted(held)]
