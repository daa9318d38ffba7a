"""Rulings in the pipeline: the same answer in any order and in both modes, restatements with their cause."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path

import pytest
from msgspec.structs import replace

from ingest.decode import Decoder
from metering.events import Event, Hours, Readings, RegisterId, Rejected, Restated, Ruled, Ruling
from metering.times import DAY_MS, HOUR_MS, to_ms
from storage.sqlite import Store
from storage.sqlite_reader import Reader
from streams.applier import Applier
from streams.chunks import TableParts
from streams.codec import encode
from streams.embedded import Embedded
from tests.sites import build_site, building, meter

FIRST = to_ms(dt.datetime(2025, 1, 6, tzinfo=dt.UTC))
DAYS = 12
CHANGED = FIRST + 6 * DAY_MS
SITE = build_site(building(meter("heat", "heat", "kWh", max_power_kw=2000)), retention_days=60)
UNIT = Ruling(
    kind="unit", at=CHANGED, num=1000, unit="MWh", author="I. Petrova", reason="passport", stated_at=CHANGED
)
WITHDRAWN = replace(UNIT, withdrawn=True, withdrawn_by="A. Ivanov", stated_at=CHANGED + 1)


def readings() -> list[Readings]:
    """A day a message; from `CHANGED` on in MWh, and no payload says so."""
    messages = []
    for day in range(DAYS):
        times = tuple(FIRST + (day * 24 + hour) * HOUR_MS for hour in range(24))
        amounts = tuple(
            (10_000_000 + (t - FIRST) // HOUR_MS * 50_000) // (1000 if t >= CHANGED else 1) for t in times
        )
        messages.append(
            Readings(
                building="b01",
                meter="heat",
                quantity="energy",
                nature="register",
                times=times,
                amounts=amounts,
                received_at=times[-1],
            )
        )
    return messages


def ruled(*rulings: Ruling, at: int = FIRST + DAYS * DAY_MS) -> Ruled:
    return Ruled(building="b01", meter="heat", quantity="energy", rulings=rulings, received_at=at)


def embedded(path: Path, events: list[Readings | Ruled]) -> list[Event]:
    store = Store(path)
    runner = Embedded(site=SITE, store=store, decode=Decoder(SITE).decode)
    made = [each for event in events for each in runner.enter([event], event.received_at).events]
    store.close()
    return made


def ledger(path: Path) -> list[tuple[object, ...]]:
    reader = Reader(path)
    try:
        return [*reader.ledger.rows(), *reader.days("b01", "heat", "energy", 0, 10**6)]  # type: ignore[list-item]
    finally:
        reader.close()


@pytest.mark.parametrize("seed", range(6))
def test_a_ruling_before_between_or_after_the_readings_gives_the_same_ledger(
    tmp_path: Path, seed: int
) -> None:
    embedded(tmp_path / "reference.db", [*readings(), ruled(UNIT)])
    events: list[Readings | Ruled] = [*readings(), ruled(UNIT)]
    random.Random(seed).shuffle(events)
    if not seed:
        events = [ruled(UNIT), *readings()]
    embedded(tmp_path / "shuffled.db", events)
    assert ledger(tmp_path / "shuffled.db") == ledger(tmp_path / "reference.db")
    total = sum(row.amount for row in Reader(tmp_path / "reference.db").ledger.rows())
    assert total == (DAYS * 24 - 1) * 50_000


def test_both_modes_give_the_same_hours(tmp_path: Path) -> None:
    events: list[Readings | Ruled] = [*readings()[:8], ruled(UNIT), *readings()[8:], ruled(WITHDRAWN)]
    made: list[Event] = []

    class Sink:
        def write(self, events: object) -> None:
            made.extend(events)  # type: ignore[call-overload]

        def close(self) -> None: ...

    applier = Applier(site=SITE, parts=TableParts({}), sink=Sink())
    for offset, event in enumerate(events):
        applier.apply(encode(event), partition=0, offset=offset)
    hours = [event for event in made if isinstance(event, Hours)]
    assert hours == [e for e in embedded(tmp_path / "k.db", events) if isinstance(e, Hours)]
    assert {event.cause for event in hours} == {
        "later reading",
        "ruling: unit by I. Petrova",
        "ruling withdrawn: unit by A. Ivanov",
    }


def test_what_a_ruling_changes_is_restated_with_its_cause(tmp_path: Path) -> None:
    wrong = Ruling(kind="not_ours", at=CHANGED - 1, start=CHANGED - DAY_MS, author="B", stated_at=3)
    made = embedded(tmp_path / "k.db", [*readings(), ruled(wrong)])
    restated = [event for event in made if isinstance(event, Restated)]
    assert restated
    assert {event.cause for event in restated} == {"ruling: not_ours by B"}


def test_the_store_lists_what_was_ruled_and_counts_no_reading(tmp_path: Path) -> None:
    embedded(tmp_path / "k.db", [ruled(UNIT), *readings(), ruled(WITHDRAWN), ruled(UNIT)])
    reader = Reader(tmp_path / "k.db")
    assert reader.ledger.rulings() == [(RegisterId("b01", "heat", "energy"), WITHDRAWN)]
    assert reader.counts() == {"received": DAYS * 24, "accepted": DAYS * 24}
    reader.close()


def test_a_ruling_about_deleted_days_is_rejected_and_one_that_stands_is_not(tmp_path: Path) -> None:
    store = Store(tmp_path / "k.db")
    runner = Embedded(site=SITE, store=store, decode=Decoder(SITE).decode)
    known = Ruling(kind="no_exchange", at=FIRST + HOUR_MS, author="A", stated_at=1)
    runner.enter([*readings(), ruled(known)], FIRST + DAYS * DAY_MS)
    runner.tick(FIRST + 69 * DAY_MS)
    cut = Reader(tmp_path / "k.db").ledger.head("b01", "heat", "energy").cut
    assert cut > FIRST // DAY_MS
    late = replace(known, kind="unit")
    events = runner.enter([ruled(known, late, UNIT)], FIRST + 69 * DAY_MS).events
    (rejected,) = [event for event in events if isinstance(event, Rejected)]
    assert (rejected.reason, rejected.readings) == ("before_retention", 0)
    assert b"no_exchange" not in rejected.payload
    store.close()
    rulings = [ruling for _, ruling in Reader(tmp_path / "k.db").ledger.rulings()]
    assert rulings == [known]
