"""Readings per CPU second of the Faust runner: `python bench/cluster.py [--meters N] [--days N] [--sink sqlite]`.

The worker runs in a separate process, so that its CPU time is measured alone. Kafka is librdkafka's mock cluster in
this process. The bench publishes no faster than the worker applies, because the mock keeps only the last few MB.
Every meter sends one message of 24 hourly readings a day; the messages of a day come meter by meter.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ingest.log import READINGS, REJECTED, RULINGS, EventLog, MockKafka
from metering.events import Readings
from streams.worker import CHANGELOG

_FIRST_HOUR = 482_000
_LEAD = 400
"""Largest number of messages published and not yet applied."""

_WORKER = """
import json, resource, sys, time
from metering.site.model import parse_site
from streams.worker import Worker
from storage.sqlite import Store
bootstrap, site, data, kind = sys.argv[1:]

class Nothing:
    def write(self, events): pass

class Sqlite:
    def __init__(self): self.store = Store(data + "/kvartal.db")
    def write(self, events): self.store.commit(parts={}, events=events, counts={})

def used():
    self = resource.getrusage(resource.RUSAGE_SELF)
    return self.ru_utime + self.ru_stime, self.ru_maxrss / 1024

worker = Worker(bootstrap=bootstrap, partitions=4, site=parse_site(open(site).read()),
                sink=Sqlite() if kind == "sqlite" else Nothing(), topic="kvartal-readings", data=data)
assert worker.start(60), worker.failed
begun, _ = used()
print("ready", flush=True)
while worker.failed is None:
    cpu, rss = used()
    print(json.dumps([worker.applied, cpu - begun, rss]), flush=True)
    time.sleep(0.05)
"""


def site_text(meters: int, a_building: int) -> str:
    """A site of electricity meters, `a_building` to a building."""
    lines = ['[site]\nid = "bench"\ntimezone = "Europe/Moscow"\n[[source]]\ntopic = "k/{building}/{meter}"\n']
    for number in range(meters):
        if number % a_building == 0:
            lines.append(f'[[building]]\nid = "b{number // a_building:04}"\n')
        lines.append(f'[[building.meter]]\nid = "m{number:05}"\ncarrier = "electricity"\nunit = "kWh"\n')
    return "".join(lines)


def messages(meters: int, a_building: int, days: int, size: int) -> Iterator[Readings]:
    """The meters' readings, `size` to a message."""
    for first in range(_FIRST_HOUR, _FIRST_HOUR + 24 * days, size):
        times = tuple(hour * 3_600_000 for hour in range(first, first + size))
        for number in range(meters):
            amounts = tuple(
                10**6 + (hour - _FIRST_HOUR) * (900 + number) for hour in range(first, first + size)
            )
            yield Readings(
                building=f"b{number // a_building:04}", meter=f"m{number:05}", quantity="energy", nature="register",
                times=times, amounts=amounts, received_at=times[-1] + 60_000,
            )  # fmt: skip


def main() -> None:
    """Print one line of the table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--meters", type=int, default=1000)
    asked.add_argument("--a-building", type=int, default=10)
    asked.add_argument("--days", type=int, default=20)
    asked.add_argument("--size", type=int, default=24, help="readings in a message")
    asked.add_argument("--sink", choices=("nothing", "sqlite"), default="sqlite")
    given = asked.parse_args()
    kafka = MockKafka()
    kafka.create([READINGS, REJECTED, RULINGS, CHANGELOG])
    log = EventLog(bootstrap=kafka.bootstrap, idempotent=False)
    with tempfile.TemporaryDirectory() as directory:
        site = Path(directory) / "site.toml"
        site.write_text(site_text(given.meters, given.a_building), encoding="utf-8")
        worker = subprocess.Popen(
            [sys.executable, "-c", _WORKER, kafka.bootstrap, str(site), directory, given.sink],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert worker.stdout is not None
        try:
            assert worker.stdout.readline() == "ready\n"
            begun = time.monotonic()
            sent = applied = 0
            cpu = rss = 0.0
            waiting: list[Readings] = []
            source = messages(given.meters, given.a_building, given.days, given.size)
            done = False
            while not done or applied < sent:
                while not done and sent + len(waiting) - applied < _LEAD:
                    message = next(source, None)
                    if message is None:
                        done = True
                        break
                    waiting.append(message)
                if waiting:
                    log.publish(waiting)
                    sent += len(waiting)
                    waiting = []
                offsets, cpu, rss = json.loads(worker.stdout.readline())
                applied = sum(offset + 1 for offset in offsets.values())
            seconds = time.monotonic() - begun
        finally:
            worker.kill()
            worker.wait()
    kafka.close()
    readings = sent * given.size
    print(
        f"{given.meters} meters, {given.a_building} a building, {given.size} readings a message, sink {given.sink}: "
        f"{readings} readings in {seconds:.1f} s, worker CPU {cpu:.1f} s = {readings / cpu:,.0f} readings per CPU s, "
        f"{sent / cpu:,.0f} messages per CPU s, {rss:.0f} MB"
    )


if __name__ == "__main__":
    main()
