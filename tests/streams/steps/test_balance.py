"""Sub-meters that count more than their main meter: who is told, and that the order of the days does not matter."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from metering.events import Day, Event, Finding, Tick
from metering.times import day_bounds, iso
from streams.steps.balance import balance_step
from tests.days import day_of
from tests.sites import build_site, building, meter

SITE = build_site(
    building(
        meter("main", "electricity", "kWh"),
        meter("lift", "electricity", "kWh", parent="main"),
        meter("light", "electricity", "kWh", parent="main"),
        meter("heat", "heat", "kWh"),
    ),
)
FIRST = dt.date(2026, 1, 1).toordinal()
MARCH = dt.date(2026, 3, 1).toordinal()


def day(meter: str, date: int, used: int | None, **more: Any) -> Day:
    return day_of(meter, date, used, received_at=9, **more)


class Watched:
    """The step with its state and the findings that stand."""

    def __init__(self) -> None:
        self.step, self.parts = balance_step(SITE), {}  # type: ignore[var-annotated]
        self.standing: set[tuple[str, str, tuple[tuple[str, int | str], ...]]] = set()
        self.told = 0

    def take(self, event: Event) -> None:
        for key in self.step.keys(event):
            changed, made = self.step.run(key, self.parts.setdefault(key, {}), event)
            self.parts[key] |= changed
            for finding in made:
                assert isinstance(finding, Finding)
                item = (iso(finding.start), iso(finding.end), tuple(finding.figures.items()))
                assert (item in self.standing) == finding.withdrawn
                self.standing ^= {item}
                self.told += 1


def month(main: int, lift: int, light: int, *, first: int = FIRST, days: int = 31) -> list[Event]:
    figures = {"main": main, "lift": lift, "light": light}
    return [day(meter, date, used) for date in range(first, first + days) for meter, used in figures.items()]


def test_a_month_in_which_the_parts_are_more_than_the_whole() -> None:
    watched = Watched()
    for event in [*month(9_000, 5_000, 5_000), *month(9_000, 4_000, 5_000, first=FIRST + 31, days=28)]:
        watched.take(event)
    assert not watched.standing
    watched.take(Tick(building="b01", received_at=10))
    assert watched.standing == {
        (
            "2025-12-31T21:00:00Z",
            "2026-01-31T21:00:00Z",
            (("days", 31), ("meters", "lift, light"), ("subs", 310_000), ("main", 279_000)),
        )
    }
    watched.take(Tick(building="b01", received_at=11))
    assert watched.told == 1
    # The main meter's readings of a week come in after all, or a day is withdrawn: what stands follows.
    for date in range(FIRST, FIRST + 31):
        watched.take(day("main", date, 10_000))
    watched.take(Tick(building="b01", received_at=12))
    assert not watched.standing


def test_days_of_others_are_none_of_its_business() -> None:
    watched = Watched()
    assert list(watched.step.keys(day("heat", FIRST, 5))) == []
    assert list(watched.step.keys(day_of("lift", FIRST, 5, quantity="volume", received_at=9))) == []


@given(seed=st.integers(0, 10**6))
def test_the_order_of_the_days_does_not_matter(seed: int) -> None:
    rng = random.Random(seed)
    final: list[Event] = []
    earlier: list[Event] = []
    for date in range(FIRST, MARCH):
        for name, usual in (("main", 10_000), ("lift", 4_000), ("light", 6_000)):
            used = None if rng.random() < 0.1 else usual + rng.randint(-80, 100)
            told = day(name, date, used, withdrawn=rng.random() < 0.05)
            if rng.random() < 0.2:
                earlier.append(day(name, date, usual + rng.randint(-900, 900)))
            final.append(told)
    reference = Watched()
    for event in [*final, Tick(building="b01", received_at=10)]:
        reference.take(event)
    rng.shuffle(final)
    shuffled = Watched()
    for event in [*earlier, *final]:
        shuffled.take(event)
        if rng.random() < 0.05:
            shuffled.take(Tick(building="b01", received_at=10))
    shuffled.take(Tick(building="b01", received_at=10))
    assert shuffled.standing == reference.standing


def test_the_bounds_of_a_finding_are_those_of_the_days_compared() -> None:
    watched = Watched()
    for event in [
        *month(9_000, 5_000, 5_000, first=FIRST + 4, days=22),
        Tick(building="b01", received_at=10),
    ]:
        watched.take(event)
    [(start, end, _)] = watched.standing
    assert start == iso(day_bounds(FIRST + 4, SITE.zone)[0])
    assert end == iso(day_bounds(FIRST + 25, SITE.zone)[1])
