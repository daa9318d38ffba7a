"""Readings per CPU second of the embedded pipeline, stage by stage, and its memory with 1,000 meters.

python bench/pipeline.py [--meters 1000] [--days 20] [--daily 10000]
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ingest.captures import Capture
from ingest.decode import Decoder
from kvartal.process import collect_rarely
from metering.events import Readings
from metering.site.model import Site, parse_site
from storage.sqlite import Store
from streams.embedded import Embedded
from streams.pipeline import pipeline
from streams.shelf import Cache
from streams.step import advance, takers

_HEAD = """
[site]
id = "bench"
[[source]]
topic = "k/{building}/{meter}"
backfill = true
[[source]]
topic = "w/{station}"
backfill = true
[[station]]
id = "spb"
"""
_BUILDING = """
[[building]]
id = "b{n:04d}"
station = "spb"
  [[building.meter]]
  id = "heat"
  carrier = "heat"
  unit = "Gcal"
  digits = 7
  [[building.meter]]
  id = "light"
  carrier = "electricity"
  unit = "kWh"
"""
_BEGIN = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)


def site_of(meters: int) -> Site:
    """A site of buildings with two meters each."""
    return parse_site(_HEAD + "".join(_BUILDING.format(n=n) for n in range(meters // 2)))


def messages(site: Site, days: int, per_message: int) -> Iterator[Capture]:
    """Hourly readings of every meter in messages of `per_message`, day by day."""
    rng = random.Random(1)
    counts = {key: 1000 * rng.random() for key in site.meters}
    for first in range(0, 24 * days, per_message):
        hours = [_BEGIN + dt.timedelta(hours=h) for h in range(first, first + per_message)]
        arrived = int(hours[-1].timestamp() * 1000) + 60_000
        for (building, meter), point in site.meters.items():
            readings = []
            for hour in hours:
                counts[building, meter] += rng.random()
                readings.append([hour.isoformat(), round(counts[building, meter], 3)])
            body = {"unit": point.unit, "readings": readings}
            yield Capture(f"k/{building}/{meter}", json.dumps(body).encode(), arrived)


def daily_messages(site: Site, days: int) -> Iterator[Capture]:
    """One reading a day of every meter, at midnight UTC, in a message of its own."""
    rng = random.Random(3)
    counts = {key: 1000 * rng.random() for key in site.meters}
    for day in range(days):
        at = _BEGIN + dt.timedelta(days=day)
        arrived = int(at.timestamp() * 1000) + 60_000
        for (building, meter), point in site.meters.items():
            counts[building, meter] += 24 * rng.random()
            body = {"unit": point.unit, "readings": [[at.isoformat(), round(counts[building, meter], 3)]]}
            yield Capture(f"k/{building}/{meter}", json.dumps(body).encode(), arrived)


def daily(meters: int, days: int) -> None:
    """Print the rate of meters that are read once a day, so that every reading closes a day."""
    site = site_of(meters)
    captures = list(daily_messages(site, days))
    with tempfile.TemporaryDirectory() as directory:
        store = Store(Path(directory) / "bench.db")
        runner = Embedded(site=site, store=store, decode=Decoder(site).decode)
        begun = time.process_time()
        for first in range(0, len(captures), 500):
            runner.take(captures[first : first + 500])
        print(f"one reading a day          {rate(len(captures), begun)}   ({meters:,} meters, {days} days)")
        store.close()


class Nothing:
    """A store without contents, so that only the steps are timed."""

    def part(self, key: str, part: str) -> bytes | None:
        return None


def rate(readings: int, begun: float) -> str:
    """Readings per CPU second since `begun`."""
    return f"{readings / (time.process_time() - begun):>12,.0f}"


def memory(site: Site, days: int) -> None:
    """Print the resident memory after a run whose messages come one by one, as from a broker."""
    with tempfile.TemporaryDirectory() as directory:
        store = Store(Path(directory) / "bench.db")
        runner = Embedded(site=site, store=store, decode=Decoder(site).decode)
        batch: list[Capture] = []
        for capture in messages(site, days, 24):
            batch.append(capture)
            if len(batch) == 500:
                runner.take(batch)
                batch = []
        runner.take(batch)
        # Not ru_maxrss, which a child inherits from its parent.
        status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        (line,) = (line for line in status if line.startswith("VmHWM"))
        peak = int(line.split()[1]) / 1024
        print(f"peak resident memory with {len(site.meters):,} meters: {peak:.0f} MB")
        store.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--memory", action="store_true", help="only the memory of a run")
    parser.add_argument("--meters", type=int, default=1000)
    parser.add_argument("--days", type=int, default=20)
    parser.add_argument("--daily", type=int, metavar="METERS", help="only meters that are read once a day")
    asked = parser.parse_args()
    collect_rarely()  # as the services do
    if asked.daily:
        daily(asked.daily, asked.days)
        return
    site = site_of(asked.meters)
    if asked.memory:
        memory(site, asked.days)
        return
    captures = list(messages(site, asked.days, 24))
    readings = 24 * len(captures)
    print(
        f"{asked.meters} hourly meters, {asked.days} days, {readings:,} readings in {len(captures):,} messages of 24"
    )
    print("stage                      readings per CPU second")

    decoder = Decoder(site)
    begun = time.process_time()
    events = [e for c in captures for e in decoder.decode(c.topic, c.payload, received_at=c.received_at)]
    print(f"decode                     {rate(readings, begun)}")

    steps = pipeline(site)
    by_type = takers(steps)
    cache = Cache(Nothing(), steps, 10**9)
    begun = time.process_time()
    for event in events:
        assert isinstance(event, Readings)
        advance(by_type, cache, event)
    print(f"steps                      {rate(readings, begun)}")
    del cache, events

    with tempfile.TemporaryDirectory() as directory:
        store = Store(Path(directory) / "bench.db")
        runner = Embedded(site=site, store=store, decode=decoder.decode)
        begun, wall = time.process_time(), time.monotonic()
        for first in range(0, len(captures), 500):
            runner.take(captures[first : first + 500])
        whole, per_wall = rate(readings, begun), readings / (time.monotonic() - wall)
        print(f"decode + steps + commit    {whole}   ({per_wall:,.0f} per wall second)")
        store.close()
    del captures
    command = [sys.executable, __file__, "--memory", "--meters", str(asked.meters), "--days", str(asked.days)]
    print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())

    small = list(messages(site_of(200), 10, 1))
    with tempfile.TemporaryDirectory() as directory:
        store = Store(Path(directory) / "bench.db")
        small_site = site_of(200)
        runner = Embedded(site=small_site, store=store, decode=Decoder(small_site).decode)
        begun = time.process_time()
        for first in range(0, len(small), 500):
            runner.take(small[first : first + 500])
        print(f"single-reading messages    {rate(len(small), begun)}")

        # The same hours again, shifted by half an hour: each reading belongs to a day that was complete long before.
        late = [
            Capture(c.topic, c.payload.replace(b":00:00+", b":30:00+"), c.received_at + 40 * 86_400_000)
            for c in random.Random(2).sample(small, 5000)
        ]
        begun = time.process_time()
        for first in range(0, len(late), 500):
            runner.take(late[first : first + 500])
        print(f"readings 40 days late      {rate(len(late), begun)}")
        store.close()
    del small, late
    daily(10 * asked.meters, 10)


if __name__ == "__main__":
    main()
