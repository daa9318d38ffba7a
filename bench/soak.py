"""Workers join, stop and are killed while readings flow; at the end every hour must be written with the right value.

`python bench/soak.py [--minutes 3] [--bootstrap HOST:PORT]`. Without a bootstrap it runs on librdkafka's mock
cluster, whose group coordinator is weaker than Kafka's. Run it on a real Kafka for each new version of Faust or
aiokafka. The topics must be missing or empty.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ingest.log import READINGS, REJECTED, RULINGS, EventLog, MockKafka, create_topics
from metering.events import Readings
from streams.worker import CHANGELOG

_FIRST_HOUR = 482_000
_BUILDINGS = 12
_PARTITIONS = 4

_WORKER = """
import json, os, signal, sys, threading
from metering.site.model import parse_site
from streams.worker import Worker
bootstrap, site, data, out = sys.argv[1:]
class Sink:
    def __init__(self): self.file = open(f"{out}/{os.getpid()}.jsonl", "a")
    def write(self, events):
        for event in events:
            if hasattr(event, "hours"):
                self.file.write(json.dumps([event.building, event.hours, event.amounts]) + "\\n")
        self.file.flush()
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
worker = Worker(bootstrap=bootstrap, partitions=4, site=parse_site(open(site).read()), sink=Sink(),
                topic="kvartal-readings", data=data, session_s=6.0)
ready = worker.start(40)
while ready and worker.running and not stop.wait(0.2): pass
worker.stop()
print(os.getpid(), "ended:", repr(worker.failed) if worker.failed or ready else "never began", flush=True)
os._exit(1 if worker.failed or not ready else 0)
"""


def use(building: int, hour: int) -> int:
    """Use of a building in an hour [Wh]."""
    return 1_000 + building + hour % 24


def readings(day: int, amounts: list[int]) -> list[Readings]:
    """A day of readings of every building; advances the registers in `amounts`."""
    events = []
    for building in range(_BUILDINGS):
        times, values = [], []
        for hour in range(_FIRST_HOUR + 24 * day, _FIRST_HOUR + 24 * (day + 1)):
            times.append(hour * 3_600_000)
            values.append(amounts[building])
            amounts[building] += use(building, hour)
        events.append(
            Readings(
                building=f"b{building:02}",
                meter="m",
                quantity="energy",
                nature="register",
                times=tuple(times),
                amounts=tuple(values),
                received_at=times[-1] + 60_000,
            )
        )
    return events


def written(directory: Path) -> tuple[dict[tuple[str, int], int], int]:
    """Hours written by the workers, and the number of hours written with two values."""
    hours: dict[tuple[str, int], set[int]] = {}
    for file in directory.glob("*.jsonl"):
        for line in file.read_text().splitlines():
            try:
                building, numbers, amounts = json.loads(line)
            except ValueError:
                continue  # cut short by a kill
            for hour, amount in zip(numbers, amounts, strict=True):
                hours.setdefault((building, hour), set()).add(amount)
    return {at: min(values) for at, values in hours.items()}, sum(
        len(values) > 1 for values in hours.values()
    )


def main() -> None:
    """Run the soak; exits with 1 if an hour is missing or wrong."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--minutes", type=float, default=3)
    asked.add_argument("--bootstrap", help="of a real Kafka")
    asked.add_argument("--seed", type=int, default=1)
    given = asked.parse_args()
    rng = random.Random(given.seed)
    if given.bootstrap:
        bootstrap = given.bootstrap
        create_topics(bootstrap, partitions=_PARTITIONS, changelogs=[CHANGELOG])
    else:
        kafka = MockKafka()
        kafka.create([READINGS, REJECTED, RULINGS, CHANGELOG])
        bootstrap = kafka.bootstrap
    log = EventLog(bootstrap=bootstrap)
    amounts = [10**6] * _BUILDINGS
    site_text = (
        '[site]\nid = "soak"\ntimezone = "Europe/Moscow"\n[[source]]\ntopic = "k/{building}/{meter}"\n'
    )
    for building in range(_BUILDINGS):
        site_text += f'[[building]]\nid = "b{building:02}"\n[[building.meter]]\nid = "m"\n'
        site_text += 'carrier = "electricity"\nunit = "Wh"\n'
    events = {"kill": 0, "stop": 0, "start": 0}
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        (directory / "site.toml").write_text(site_text)
        workers: list[subprocess.Popen[bytes]] = []

        def start() -> None:
            events["start"] += 1
            command = [sys.executable, "-c", _WORKER, bootstrap, str(directory / "site.toml")]
            command += [str(directory / f"faust{events['start']}"), str(directory)]
            workers.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))

        start()
        day, turn = 0, time.monotonic() + 15
        end = time.monotonic() + 60 * given.minutes
        while time.monotonic() < end:
            log.publish(readings(day, amounts))
            day += 1
            time.sleep(0.3)
            workers = [worker for worker in workers if worker.poll() is None]
            if time.monotonic() > turn:
                turn = time.monotonic() + rng.uniform(5, 20)
                if len(workers) < 2:
                    start()
                else:
                    how = rng.choice(["kill", "stop"])
                    events[how] += 1
                    rng.choice(workers).send_signal(signal.SIGKILL if how == "kill" else signal.SIGTERM)
            if not workers:
                start()
        expected = {
            (f"b{building:02}", hour): use(building, hour)
            for building in range(_BUILDINGS)
            for hour in range(_FIRST_HOUR, _FIRST_HOUR + 24 * day - 1)
        }
        deadline = time.monotonic() + 120
        got, differing = written(directory)
        while got != expected and time.monotonic() < deadline:
            time.sleep(1)
            workers = [worker for worker in workers if worker.poll() is None]
            if not workers:
                start()
            got, differing = written(directory)
        for worker in workers:
            worker.kill()
            worker.wait()
    missing = len(expected.keys() - got.keys())
    wrong = sum(got[at] != amount for at, amount in expected.items() if at in got)
    print(
        f"{given.minutes:g} min, {events['start']} starts, {events['kill']} kills, {events['stop']} stops: "
        f"{len(expected)} hours, {missing} missing, {wrong} wrong, {differing} written in two ways"
    )
    raise SystemExit(1 if missing or wrong else 0)


if __name__ == "__main__":
    main()
