"""The Faust runner on a Kafka mock cluster, and the whole cluster path from mosquitto to a Grafana query."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import dashboards.panels
from ingest.broker import Mosquitto
from ingest.log import READINGS, REJECTED, EventLog, MockKafka, NotDelivered, create_topics
from ingest.source import MqttSource
from ingest.topics import filters
from kvartal.publisher import publish_all
from kvartal.replay import replay
from metering.events import Readings, Tick
from metering.site import parse_site
from metering.times import to_ms
from simulators.publish import Publisher
from simulators.quarter import ARCHIVES_END, Quarter
from storage.influx import InfluxSink
from storage.influx_reader import InfluxFigures
from storage.sqlite_reader import Reader
from streams.cluster import CHANGELOG, Worker

# Faust and aiokafka leave sockets to the garbage collector when they stop.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::DeprecationWarning"
)


@pytest.fixture
def kafka() -> Iterator[MockKafka]:
    cluster = MockKafka()
    cluster.create([READINGS, REJECTED, CHANGELOG])
    yield cluster
    cluster.close()


def wait_applied(worker: Worker, log: EventLog, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if all(worker.applied.get(partition, -1) >= offset for partition, offset in log.delivered.items()):
            return
        assert worker.failed is None
        time.sleep(0.02)
    pytest.fail(f"applied {worker.applied} of {log.delivered} within {seconds:.0f} s")


def test_mosquitto_to_grafana_gives_the_figure_of_the_embedded_mode(
    mosquitto: Mosquitto, kafka: MockKafka, influxd: Any, tmp_path: Path
) -> None:
    quarter = Quarter(houses=1, seed=3)
    site = parse_site(quarter.site_toml())
    replay(quarter.archives(), site=site, db=tmp_path / "embedded.db")
    reader = Reader(tmp_path / "embedded.db")
    expected = reader.position("c-b01-heat")
    reader.close()
    assert expected is not None

    influxd.create("cluster")
    sink = InfluxSink(
        url=influxd.url, token="any", org="kvartal", bucket="cluster", outbox=tmp_path / "outbox.db"
    )
    worker = Worker(
        bootstrap=kafka.bootstrap,
        partitions=MockKafka.PARTITIONS,
        site=site,
        sink=sink,
        topic=READINGS,
        data=str(tmp_path / "faust"),
    )
    clock = to_ms(ARCHIVES_END) + 5_000
    source = MqttSource(
        host=mosquitto.host,
        port=mosquitto.port,
        client_id="ingest",
        filters=filters(site.source),
        clock=lambda: clock,
    )
    event_log = EventLog(bootstrap=kafka.bootstrap, idempotent=False)
    stop = threading.Event()
    taken: list[int] = []
    ingest = threading.Thread(
        target=publish_all,
        kwargs={
            "source": source,
            "event_log": event_log,
            "site": site,
            "clock": lambda: clock,
            "stop": stop,
            "told": lambda messages, events: taken.append(len(messages)),
            "batch": 20,
        },
    )
    try:
        assert worker.start(60), worker.failed
        source.start()
        assert source.wait_subscribed(10)
        ingest.start()
        publisher = Publisher(host=mosquitto.host, port=mosquitto.port)
        sent = publisher.publish(quarter.archives())
        publisher.close()
        deadline = time.monotonic() + 60
        while sum(taken) < sent and time.monotonic() < deadline:
            time.sleep(0.05)
        assert sum(taken) == sent
        wait_applied(worker, event_log)
        assert sink.drain(30)
        assert sink.dead() == []
    finally:
        stop.set()
        if ingest.is_alive():
            ingest.join(20)
        source.stop()
        worker.stop()
        sink.close()
    figures = InfluxFigures(url=influxd.url, database="cluster")
    got = figures.position("c-b01-heat")
    assert got is not None
    assert msgspec.structs.replace(got, received_at=0) == msgspec.structs.replace(expected, received_at=0)

    folder = Path(dashboards.panels.__file__).parent / "grafana"
    portfolio = json.loads((folder / "portfolio.json").read_text(encoding="utf-8"))
    query = portfolio["panels"][0]["targets"][0]["query"]
    query = query.replace("$timeFilter", "time > 0").replace("${building:regex}", ".*")
    (row,) = figures.query(query)
    figures.close()
    share = 100 * (expected.expected - expected.used) / expected.expected
    assert row["savings"] == pytest.approx(share)
    assert row["grade"] == expected.grade


_VICTIM = textwrap.dedent(
    """
    import json, sys, time
    from pathlib import Path
    from metering.site import parse_site
    from streams.cluster import Worker
    bootstrap, site, data, out = sys.argv[1:]
    class Sink:
        def __init__(self):
            self.file = open(out, "a")
        def write(self, events):
            for event in events:
                if hasattr(event, "hours"):
                    self.file.write(json.dumps([event.building, event.meter, event.hours, event.amounts]) + "\\n")
            self.file.flush()
    worker = Worker(bootstrap=bootstrap, partitions=4, site=parse_site(Path(site).read_text()), sink=Sink(),
                    topic="kvartal-readings", data=data)
    assert worker.start(60), worker.failed
    while worker.running:
        time.sleep(0.1)
    """
)


def test_a_worker_that_is_killed_loses_nothing_and_doubles_nothing(kafka: MockKafka, tmp_path: Path) -> None:
    quarter = Quarter(houses=2, seed=5)
    site_text = quarter.site_toml()

    (tmp_path / "site.toml").write_text(site_text, encoding="utf-8")
    hour0, start = 482_000, 50_000_000
    readings = [
        Readings(building, "heat", "energy", "register", *series(hour0 + 24 * day, start), 2 * 10**12)
        for day in range(60)
        for building in ("b01", "b02")
    ]
    out = tmp_path / "written.jsonl"
    event_log = EventLog(bootstrap=kafka.bootstrap, idempotent=False)

    def victim() -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-c",
            _VICTIM,
            kafka.bootstrap,
            str(tmp_path / "site.toml"),
            str(tmp_path),
            str(out),
        ]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    process = victim()
    try:
        event_log.publish(readings[:40])
        wait_lines(out, 20)
        process.kill()
        process.wait()
        event_log.publish(readings[40:])
        process = victim()
        expected = {
            (building, "heat", hour0 + i): 1_000 + i % 24
            for building in ("b01", "b02")
            for i in range(60 * 24 - 1)
        }
        deadline = time.monotonic() + 90
        while written(out) != expected and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.2)
        assert written(out) == expected
    finally:
        process.kill()
        process.wait()


def series(first: int, start: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A day of a register that counts 1000 + hour of the day each hour, from `first` on."""
    times, amounts = [], []
    for hour in range(first, first + 24):
        i = hour - 482_000
        days, rest = divmod(i, 24)
        times.append(hour * 3_600_000)
        amounts.append(start + days * (24_000 + 276) + rest * 1_000 + rest * (rest - 1) // 2)
    return tuple(times), tuple(amounts)


def written(out: Path) -> dict[tuple[str, str, int], int]:
    hours: dict[tuple[str, str, int], int] = {}
    if out.exists():
        for line in out.read_text().splitlines():
            try:
                building, meter, numbers, amounts = json.loads(line)
            except ValueError:
                continue  # the line that the kill cut short; it comes again
            hours |= {(building, meter, n): a for n, a in zip(numbers, amounts, strict=True)}
    return hours


def wait_lines(out: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if out.exists() and len(out.read_text().splitlines()) >= count:
            return
        time.sleep(0.05)
    pytest.fail("the worker wrote nothing")


def test_the_log_that_cannot_be_reached_says_so() -> None:
    log = EventLog(bootstrap="127.0.0.1:1", idempotent=False, timeout_s=1)
    with pytest.raises(NotDelivered):
        log.publish([Tick("b01", 0)])
    with pytest.raises(NotDelivered, match=r"127\.0\.0\.1:1"):
        create_topics("127.0.0.1:1", partitions=4, timeout_s=1)


def test_another_number_of_partitions_is_refused(kafka: MockKafka) -> None:
    with pytest.raises(NotDelivered, match="fixed for the life"):
        create_topics(kafka.bootstrap, partitions=7)


def test_one_building_stays_in_one_partition(kafka: MockKafka) -> None:
    log = EventLog(bootstrap=kafka.bootstrap, idempotent=False)
    log.publish([Tick("b01", n) for n in range(50)])
    assert list(log.delivered.values()) == [49]
