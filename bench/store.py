"""Costs of the embedded store: commits of the hot path, queries of the page, sizes, raw messages.

python bench/store.py [--registers 1000] [--days 40]
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline import messages as captures  # beside this file
from pipeline import site_of

from metering.events import Counted, Day, Event, Hours, RegisterId, Savings
from metering.messages import Log, Message, Subject, digest
from storage.sqlite import Store
from storage.sqlite_reader import Reader

_FIRST_DAY = 20_000
"""UTC day of the first hour (2024-10-04)."""
_EPOCH = 719_163
"""Ordinal of 1970-01-01."""
_BATCH = 500
"""Messages a commit, as in `kvartal replay`."""


def message(register: int, day: int, rng: random.Random) -> list[Event]:
    """The events of one message with 24 hourly readings: hours, a day, a saving, a count."""
    who = RegisterId(f"b{register // 2:04d}", ("heat", "light")[register % 2], "energy")
    amounts = tuple(rng.randrange(1_000_000) for _ in range(24))
    first, date, used = 24 * day, day + _EPOCH, sum(amounts)
    arrived = (day + 1) * 86_400_000
    return [
        Counted(
            **who.fields(), accepted=24, duplicate=0, last_time=arrived, last_amount=used, received_at=arrived
        ),
        Hours(
            **who.fields(),
            hours=tuple(range(first, first + 24)),
            amounts=amounts,
            flags=(0,) * 24,
            frontier=arrived,
            received_at=arrived,
        ),
        Day(
            **who.fields(),
            date=date,
            used=used,
            known=used,
            unknown=0,
            estimated=0,
            coverage=1.0,
            flags=0,
            received_at=arrived,
        ),
        Savings(
            building=who[0],
            contract=f"c-{who[0]}-{who[1]}",
            date=date,
            expected=used,
            used=used,
            estimated=0,
            temp_mc=-1_000,
            extrapolated=False,
            baseline_id="0123456789abcdef",
            received_at=arrived,
        ),
    ]


def batches(registers: int, days: int) -> Iterator[tuple[list[Event], dict[tuple[str, str], bytes | None]]]:
    """Events and parts of state of each commit, day by day over all registers."""
    rng = random.Random(1)
    blob = rng.randbytes(600)
    events: list[Event] = []
    parts: dict[tuple[str, str], bytes | None] = {}
    messages = 0
    for day in range(_FIRST_DAY, _FIRST_DAY + days):
        for register in range(registers):
            events += message(register, day, rng)
            key = f"ledger/b{register // 2:04d}/{('heat', 'light')[register % 2]}/energy"
            parts[key, str(day)] = blob
            parts[key, "head"] = blob[:40]
            messages += 1
            if messages % _BATCH == 0:
                yield events, parts
                events, parts = [], {}
    yield events, parts


def timed(what: str, query: Callable[[], object]) -> None:
    """Print the median time of a query."""
    taken = []
    for _ in range(15):
        begun = time.perf_counter()
        query()
        taken.append(time.perf_counter() - begun)
    print(f"{what:<48}{1000 * sorted(taken)[7]:>10.2f} ms")


def raw_messages(per_message: int, days: int) -> None:
    """Print what the hash chains and raw messages of 100 meters cost, in CPU and bytes."""
    site, text = site_of(100), digest(b"{}")
    logs: list[Log] = []
    batch: dict[Subject, list[Message]] = {}
    n = 0
    for capture in captures(site, days, per_message):
        subject = Subject("building", capture.topic.split("/")[1])
        batch.setdefault(subject, []).append((capture.topic, capture.payload, capture.received_at, 0))
        n += 1
        if n % _BATCH == 0:
            logs.append(Log(text, batch))
            batch = {}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "bench.db"
        store = Store(path)
        empty = path.stat().st_size
        begun = time.process_time()
        for log in logs:
            store.commit(parts={}, events=(), counts={}, log=log)
        cpu = time.process_time() - begun
        store.close()
        year = (path.stat().st_size - empty) / len(site.meters) * 365 / days
    what = f"raw messages of {per_message}, {days} days:"
    print(f"{what:<36}{'MB a meter-year':<16}{year / 1e6:>6.3f}")
    print(f"{'':<36}{'CPU of a message':<16}{1e6 * cpu / n:>6.1f} us")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--registers", type=int, default=1000)
    parser.add_argument("--days", type=int, default=40)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "bench.db"
        store = Store(path)
        cpu = 0.0
        walls: list[float] = []
        messages = given.registers * given.days
        for events, parts in batches(given.registers, given.days):
            begun, wall = time.process_time(), time.perf_counter()
            store.commit(parts=parts, events=events, counts={"received": 24 * _BATCH})
            cpu += time.process_time() - begun
            walls.append(time.perf_counter() - wall)
        walls.sort()
        print(f"{messages:,} messages of 24 readings, {_BATCH} a commit, synchronous=FULL")
        print(f"{'CPU of a message':<48}{1e6 * cpu / messages:>10.0f} us")
        print(f"{'readings per CPU second, store alone':<48}{24 * messages / cpu:>10,.0f}")
        print(f"{'commit, median':<48}{1000 * walls[len(walls) // 2]:>10.1f} ms")
        print(f"{'commit, 99th of 100':<48}{1000 * walls[len(walls) * 99 // 100]:>10.1f} ms")
        print(f"{'file, bytes a reading':<48}{path.stat().st_size / (24 * messages):>10.1f}")
        reader = Reader(path)
        end = _FIRST_DAY + given.days
        timed(
            "hours of one register, 30 days",
            lambda: reader.hours("b0001", "heat", "energy", 24 * (end - 30), 24 * end),
        )
        timed("days of one register, all", lambda: reader.days("b0001", "heat", "energy", 0, 10**6))
        timed("savings of one contract, all", lambda: reader.savings("c-b0001-heat", 0, 10**6))
        timed("all registers", reader.ledger.registers)
        timed(
            "ledger of one register, all rows",
            lambda: sum(1 for _ in reader.ledger.rows(building="b0001", meter="heat")),
        )
        timed("position of a contract", lambda: reader.position("c-b0001-heat"))
        reader.close()
        store.close()
    raw_messages(24, 365)
    raw_messages(1, 60)


if __name__ == "__main__":
    main()
