"""Law 2 over all that a store shows or keeps: registers with faults, any delivery, both runners."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from itertools import permutations
from pathlib import Path

import msgspec
import pytest

from dashboards.balance import balances
from kvartal.audit import audit_store
from metering.events import Declared, Exchange, Fitted, Readings, RegisterId
from metering.site.model import Site
from storage.sqlite_reader import Reader
from tests.faulty_houses import NOW, SITE, at, baselines, house
from tests.schedules import (
    Kept,
    Schedule,
    differences,
    in_order,
    shuffled,
    through_applier,
    through_embedded,
)
from tests.sites import build_site, building, meter, source

RUNNERS = [through_embedded, through_applier]
Run = Callable[[Path, Schedule, Site], Kept]
Message = Readings | Declared


@pytest.fixture(scope="module")
def fitted() -> list[Fitted]:
    return baselines()


def compare(seeds: Sequence[int], turns: int, fitted: list[Fitted], folder: Path) -> None:
    for seed in seeds:
        log = house(seed)
        db = folder / f"{seed}.db"
        expected = through_embedded(db, in_order(log, fitted))
        for turn in range(turns):
            run = RUNNERS[turn % 2]
            db = folder / f"{seed}-{turn}.db"
            shown = run(db, shuffled(log, fitted, random.Random(f"{seed} {turn}")))
            assert differences(expected, shown) == [], f"house {seed}, schedule {turn}"
            if run is through_embedded:
                assert audit_store(db, SITE).faults == [], f"house {seed}, schedule {turn}"


@pytest.mark.parametrize("seeds", [range(first, first + 4) for first in range(0, 24, 4)], ids=str)
def test_any_delivery_gives_the_same_store(seeds: range, fitted: list[Fitted], tmp_path: Path) -> None:
    compare(seeds, 4, fitted, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [range(first, first + 20) for first in range(10_000, 10_100, 20)], ids=str)
def test_many_deliveries_give_the_same_store(seeds: range, fitted: list[Fitted], tmp_path: Path) -> None:
    compare(seeds, 6, fitted, tmp_path)


def test_the_houses_have_what_is_compared(fitted: list[Fitted], tmp_path: Path) -> None:
    kinds: set[str] = set()
    findings: set[str] = set()
    for seed in range(24):
        db = tmp_path / f"{seed}.db"
        shown = through_embedded(db, in_order(house(seed), fitted))
        kinds |= {name for name, rows in shown.items() if rows}
        kinds |= {key.split("/")[0] for key in shown["part"]}
        findings |= set(re.findall(r"'kind': '(\w+)'", " ".join(shown["finding"])))
    assert kinds >= {
        "alert", "balance", "baseline", "counted", "day", "days", "finding", "gauge", "gauges", "hour", "idle", "ledger",
        "position", "register", "savings", "unknown", "virtual", "watch", "weather", "weather_day",
    }  # fmt: skip
    assert len(findings) > 5


# --- cases, each in every order


def message(meter: str, pairs: Sequence[tuple[float, float]]) -> Readings:
    """Readings of a heat register: (hour, kWh)."""
    return Readings(
        building="b01",
        meter=meter,
        quantity="energy",
        nature="register",
        times=tuple(at(hour) for hour, _ in pairs),
        amounts=tuple(round(kwh * 1000) for _, kwh in pairs),
        received_at=NOW,
    )


def every_order(
    run: Run, site: Site, log: Sequence[Message | Fitted], folder: Path
) -> list[tuple[Path, Kept]]:
    """Stores after each order of the messages, one message a batch, with restarts."""
    stores = []
    for number, order in enumerate(permutations(log)):
        db = folder / f"{number}.db"
        schedule = Schedule([[each] for each in order], frozenset({1, 2}))
        stores.append((db, run(db, schedule, site)))
    return stores


TWO_METERS = build_site(
    source("k/{building}/{meter}"),
    building(meter("main", "heat", "kWh"), meter("sub", "heat", "kWh", parent="main")),
    timezone="Europe/Moscow",
)


@pytest.mark.parametrize("run", RUNNERS)
def test_a_standstill_and_then_a_gap_keep_both_unknown_blocks(run: Run, tmp_path: Path) -> None:
    log = [
        message("main", [(hour, 1000 + 10 * hour) for hour in range(73)]),
        message("main", [(80, 1720)]),
        message("main", [(81 + n, 1810 + 10 * n) for n in range(9)]),
    ]
    stores = every_order(run, TWO_METERS, log, tmp_path)
    for db, shown in stores:
        assert differences(stores[0][1], shown) == []
        reader = Reader(db)
        assert sum(row.amount for row in reader.ledger.rows()) == 890_000
        reader.close()


@pytest.mark.parametrize("run", RUNNERS)
@pytest.mark.parametrize("declared", [False, True])
def test_an_exchange_during_silence_gives_the_same_days_in_any_order(
    run: Run, declared: bool, tmp_path: Path
) -> None:
    log: list[Message] = [
        message("sub", [(hour, 500 + hour) for hour in range(24 * 12)]),
        message("main", [(hour, 1000 + 2 * hour) for hour in range(24 * 3)]),
        message("main", [(hour, 5 + 2 * (hour - 216)) for hour in range(216, 24 * 12)]),
    ]
    if declared:
        who = RegisterId("b01", "main", "energy")
        exchange = Exchange(at=at(215), final=2_000_000, initial=0)
        log.append(Declared(**who.fields(), exchanges=(exchange,), by_site=False, received_at=NOW))
    stores = every_order(run, TWO_METERS, log, tmp_path)
    for db, shown in stores:
        assert differences(stores[0][1], shown) == []
        reader = Reader(db)
        (balance,) = balances(reader, TWO_METERS)
        days = reader.days("b01", "main", "energy", 0, 1_000_000)
        reader.close()
        assert [day.date for day in days] == list(range(days[0].date, days[0].date + 11))
        if not declared:
            # No register counted from the third day's end to the tenth day's beginning: there is no total to tell.
            assert (balance["days"], balance["days_missing"]) == (4, 7)
            assert (balance["unknown"], balance["days_untold"]) == (0, 7)


@pytest.mark.parametrize("run", RUNNERS)
def test_days_begin_with_the_first_reading_even_if_it_comes_last(run: Run, tmp_path: Path) -> None:
    log = [
        message("main", [(hour, 1000 + hour) for hour in range(200, 230)]),
        message("main", [(30, 90_000)]),
    ]
    stores = every_order(run, TWO_METERS, log, tmp_path)
    for db, shown in stores:
        assert differences(stores[0][1], shown) == []
        reader = Reader(db)
        days = reader.days("b01", "main", "energy", 0, 1_000_000)
        reader.close()
        assert len(days) == 8


@pytest.mark.parametrize("run", RUNNERS)
def test_a_baseline_has_its_row_whenever_it_is_adopted(
    run: Run, fitted: list[Fitted], tmp_path: Path
) -> None:
    log = [
        fitted[0],
        message("heat", [(hour, 1000 + 500 * hour) for hour in range(24 * 5)]),
        message("heat", [(hour, 1000 + 500 * hour) for hour in range(24 * 5, 24 * 9)]),
    ]
    stores = every_order(run, SITE, log, tmp_path)
    for db, shown in stores:
        assert differences(stores[0][1], shown) == []
        reader = Reader(db)
        assert reader.baseline("c1") == fitted[0].document
        reader.close()


@pytest.mark.parametrize("run", RUNNERS)
def test_of_several_baselines_the_one_adopted_last_is_in_force(
    run: Run, fitted: list[Fitted], tmp_path: Path
) -> None:
    first, second = fitted[:2]
    again = msgspec.structs.replace(first, received_at=second.received_at + 1)
    log = [first, second, message("heat", [(hour, 1000 + 500 * hour) for hour in range(24 * 4)])]
    for last, expected in ((log, second), ([*log, again], first)):
        (folder := tmp_path / str(len(last))).mkdir()
        stores = every_order(run, SITE, last, folder)
        for db, shown in stores:
            assert differences(stores[0][1], shown) == []
            reader = Reader(db)
            assert reader.baseline("c1") == expected.document
            reader.close()


@pytest.mark.parametrize("run", RUNNERS)
def test_a_position_whose_days_are_all_withdrawn_is_withdrawn(
    run: Run, fitted: list[Fitted], tmp_path: Path
) -> None:
    weather = Readings(
        **RegisterId("b01", "spb", "outdoor_temperature").fields(),
        nature="gauge",
        times=tuple(at(hour) for hour in range(24 * 5)),
        amounts=(5_000,) * (24 * 5),
        received_at=NOW,
    )
    who = RegisterId("b01", "heat", "energy")
    contradiction = Exchange(at=at(36.5), final=1_000, initial=900_000_000)
    log = [
        fitted[0],
        weather,
        message("heat", [(hour, 1000 + 500 * hour) for hour in range(24, 50)]),
        Declared(**who.fields(), exchanges=(contradiction,), by_site=False, received_at=NOW),
    ]
    stores = every_order(run, SITE, log, tmp_path)
    positions = {}
    for db, shown in stores:
        assert differences(stores[0][1], shown) == []
        reader = Reader(db)
        positions[db] = reader.position("c1")
        reader.close()
    assert set(positions.values()) == {None}
