"""Every published figure that changes is a restatement, with the readings that caused it."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable
from typing import Any

import pytest

from metering.events import Day, Event, Fitted, Position, Readings, Restated, Savings, WeatherDay
from metering.times import HOUR_MS, to_ms
from streams.engine import Batch, Engine
from tests.baselines import heating_baseline
from tests.published import published
from tests.sites import build_site, building, contract, meter, station

BEGIN = to_ms(dt.datetime(2024, 12, 31, 21, tzinfo=dt.UTC))
FIRST = dt.date(2025, 1, 1).toordinal()
DAYS = 12
SITE = build_site(
    station(),
    building(
        meter("heat", "heat", "kWh", max_power_kw=2000),
        meter("part", "heat", "kWh"),
        meter("rest", "heat", "kWh", virtual={"plus": ["heat"], "minus": ["part"]}),
        station="spb",
    ),
    contract(baseline="2024-01-01..2024-12-31", reporting="2025-01-03.."),
    contract("c2", meter="rest", baseline="2024-01-01..2024-12-31", reporting="2025-01-03.."),
)


def message(meter: str, hours: Iterable[int], received: int) -> Readings:
    """Readings of these hours since the beginning, received some hours after it."""
    chosen = list(hours)
    if meter == "spb":
        amounts = [-5_000 + 40 * hour for hour in chosen]
    else:
        amounts = [10**8 + (120_000 if meter == "heat" else 20_000) * hour + hour**2 for hour in chosen]
    return Readings(
        building="b01",
        meter=meter,
        quantity="outdoor_temperature" if meter == "spb" else "energy",
        nature="gauge" if meter == "spb" else "register",
        times=tuple(BEGIN + hour * HOUR_MS for hour in chosen),
        amounts=tuple(amounts),
        received_at=BEGIN + received * HOUR_MS,
    )


class Parts:
    """An engine over parts in memory, and the figures that it has published."""

    def __init__(self) -> None:
        from streams.again import Memory

        self.engine, self.memory = Engine(SITE), Memory()
        self.shown: dict[tuple[Any, ...], int | None] = {}
        baseline = heating_baseline("heating_season", base=1_200_000.0, heating=80_000.0)
        for each in ("c1", "c2"):
            batch = Batch()
            fitted = Fitted(
                building="b01",
                contract=each,
                baseline_id=baseline.id,
                document=baseline.document,
                received_at=0,
            )
            self.engine.feed(fitted, self.memory, batch)

    def take(self, event: Readings) -> list[Event]:
        batch = Batch()
        self.engine.feed(event, self.memory, batch)
        self.engine.finish(self.memory, batch)
        return batch.events


def figures(event: Event) -> tuple[tuple[Any, ...], dict[str, int | None]] | None:
    """What an event publishes: what it is about, and its figures by the names of restatements."""
    match event:
        case Day():
            about: tuple[Any, ...] = (event.meter, "", event.date)
        case WeatherDay():
            about = (event.station, "", event.date)
        case Savings():
            about = ("rest" if event.contract == "c2" else "heat", event.contract, event.date)
        case _:
            return None
    return about, published(event)


LATE: dict[str, list[Readings]] = {
    "use": [message("heat", range(120, 144), 300)],
    "weather": [message("spb", range(120, 130), 300)],
    "all": [
        message("spb", range(120, 130), 300),
        message("heat", range(121, 140), 301),
        message("part", range(60, 70), 302),
        message("heat", range(140, 144), 303),
    ],
}


@pytest.mark.parametrize("late", LATE.values(), ids=LATE)
def test_every_change_of_a_published_figure_is_restated(late: list[Readings]) -> None:
    parts = Parts()
    missing = {(each.meter, t) for each in late for t in each.times}
    for day in range(DAYS):
        for name in ("spb", "heat", "part"):
            hours = [h for h in range(24 * day, 24 * day + 25) if (name, BEGIN + h * HOUR_MS) not in missing]
            if hours:
                remember(parts.shown, parts.take(message(name, hours, 24 * day + 25)))
    changes = 0
    random.Random(1).shuffle(late)
    for each in late:
        events = parts.take(each)
        restated = {
            (event.meter, event.contract, event.date, what): (old, new, event)
            for event in events
            if isinstance(event, Restated)
            for what, old, new in event.figures()
        }
        before = dict(parts.shown)
        remember(parts.shown, events)
        changed = {key for key, value in parts.shown.items() if key in before and before[key] != value}
        assert changed <= set(restated)
        for key in changed:
            old, new, event = restated[key]
            assert (old, new) == (before[key], parts.shown[key])
            assert event.learned_at == each.received_at
            assert (event.since, event.until) == (min(each.times), max(each.times))
        changes += len(changed)
    assert changes > 3


def remember(shown: dict[tuple[Any, ...], int | None], events: Iterable[Event]) -> None:
    for event in events:
        about = figures(event)
        if about is not None:
            of, values = about
            shown |= {(*of, what): value for what, value in values.items()}


def test_the_saving_to_date_is_restated_by_a_late_day_with_its_readings() -> None:
    parts = Parts()
    late = message("heat", range(110, 131), 300)
    position: Position | None = None
    for day in range(DAYS):
        for name in ("spb", "heat"):
            hours = [h for h in range(24 * day, 24 * day + 25) if name == "spb" or not 109 < h < 131]
            for event in parts.take(message(name, hours, 24 * day + 25)):
                assert not (isinstance(event, Restated) and event.what == "saving_to_date" and day < 6)
                position = event if isinstance(event, Position) and event.contract == "c1" else position
    assert position is not None
    for event in parts.take(message("spb", [24 * 5 + 3], 299)):
        assert not isinstance(event, Restated), "a reading that is known already changes nothing"
    events = parts.take(late)
    (restated,) = [e for e in events if isinstance(e, Restated) and e.what == "saving_to_date"]
    (now,) = [e for e in events if isinstance(e, Position) and e.contract == "c1"]
    assert (restated.old, restated.new) == (position.expected - position.used, now.expected - now.used)
    assert (restated.contract, restated.date) == ("c1", position.last)
    assert (restated.cause, restated.since, restated.until) == (
        "later reading",
        late.times[0],
        late.times[-1],
    )


def test_readings_that_were_known_are_no_cause() -> None:
    parts = Parts()
    for day in range(4):
        parts.take(message("heat", [h for h in range(24 * day, 24 * day + 25) if h != 30], 24 * day + 25))
    events = parts.take(message("heat", range(24, 48), 200))
    restated = [event for event in events if isinstance(event, Restated)]
    assert restated
    assert {(event.since, event.until) for event in restated} == {(BEGIN + 30 * HOUR_MS,) * 2}
