"""The Faust runner on a Kafka mock cluster: the same answers as embedded, whatever dies or goes away."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from ingest.captures import Capture
from ingest.decode import Decoder
from ingest.log import LONGEST, READINGS, REJECTED, EventLog, MockKafka, NotDelivered, create_topics
from ingest.mosquitto import Mosquitto
from ingest.source import Message, MqttSource
from ingest.topics import filters
from kvartal.ingest import decoded, publish_all
from kvartal.pace import Pace
from kvartal.site_watch import SiteWatch
from kvartal.wiring import embedded
from metering.events import Event, Fitted, Hours, Readings, Rejected, Tick
from metering.site.model import Site, parse_site
from metering.times import to_ms
from simulators.publish import Publisher
from simulators.quarter import Quarter
from simulators.quarter_dates import ARCHIVES_END
from storage.sqlite import Store
from streams.worker import APP, Worker, WrongLog
from tests.sites import building, meter, site_text, source
from tests.stored import figures
from tests.waiting import until

# Faust, aiokafka and paho leave sockets to the garbage collector when they stop (the fixture `collected`).
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::DeprecationWarning"
)

HOUR0 = 482_000
SITE = site_text(
    source("k/{building}/{meter}"),
    *(building(meter("el", "electricity", "Wh"), id=f"b0{n}") for n in range(1, 7)),
)
BUILDINGS = [f"b0{n}" for n in range(1, 7)]


@pytest.fixture(scope="module")
def site() -> Site:
    return parse_site(SITE)


def use(building: str, hour: int) -> int:
    """Use of a building in the hour that begins at `hour` [Wh]."""
    return 1_000 + int(building[1:]) + hour % 24


def day(building: str, number: int) -> Readings:
    """A day of hourly readings of a building."""
    hours = range(HOUR0 + 24 * number, HOUR0 + 24 * (number + 1))
    amount = 10**6 + sum(use(building, hour) for hour in range(HOUR0, hours[0]))
    amounts = []
    for hour in hours:
        amounts.append(amount)
        amount += use(building, hour)
    times = tuple(hour * 3_600_000 for hour in hours)
    return Readings(
        building=building,
        meter="el",
        quantity="energy",
        nature="register",
        times=times,
        amounts=tuple(amounts),
        received_at=times[-1] + 60_000,
    )


def days(first: int, last: int) -> list[Readings]:
    """Days of all buildings."""
    return [day(building, number) for number in range(first, last) for building in BUILDINGS]


def whole(last: int) -> dict[tuple[str, int], int]:
    """The hours that days up to `last` give."""
    return {(b, hour): use(b, hour) for b in BUILDINGS for hour in range(HOUR0, HOUR0 + 24 * last - 1)}


class Kept:
    """A sink that keeps hours by key, and what was rejected."""

    def __init__(self) -> None:
        self.hours: dict[tuple[str, int], int | None] = {}
        self.rejected: list[Rejected] = []
        self.readings = 0

    def write(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, Hours):
                for hour, amount in zip(event.hours, event.amounts, strict=True):
                    self.hours[event.building, hour] = amount
            elif isinstance(event, Rejected):
                self.rejected.append(event)


def test_hostile_readings_give_the_figures_of_the_embedded_runner(
    event_log: EventLog, sink: Any, start_worker: Any, tmp_path: Path
) -> None:
    """Law 7, over real Faust: shuffled and doubled archives of a house, baselines fitted on the way."""
    quarter = Quarter(houses=1, seed=7)
    site = parse_site(quarter.site_toml())
    captures = list(quarter.archives())
    rng = random.Random(7)
    # Late by up to a few weeks, not by years: a baseline is fitted when its period and the horizon have passed.
    messages = sorted(
        [*captures, *rng.sample(captures, len(captures) // 10)],
        key=lambda capture: captures.index(capture) + rng.randint(0, 60),
    )
    store = Store(tmp_path / "embedded.db")
    runner = embedded(site, store)
    rest = messages
    while rest:
        size = rng.randint(1, 60)
        runner.take(rest[:size])
        rest = rest[size:]
    store.close()

    worker = start_worker(site, sink)
    pace = Pace(reader=worker, delivered=event_log.delivered, most=300)
    decoder = Decoder(site)
    for start in range(0, len(messages), 50):
        events = decoded(decoder, messages[start : start + 50], site)
        sink.write([event for event in events if isinstance(event, Rejected)])
        event_log.publish([event for event in events if not isinstance(event, Rejected)])
        pace.sent(50)
    assert worker.wait_applied(event_log.delivered, 60)
    expected = figures(tmp_path / "embedded.db", site)
    assert figures(sink.path, site) == expected
    assert expected["c-b01-heat"][1] is not None, "the houses must have come to a figure"


_VICTIM = textwrap.dedent(
    """
    import json, sys, time
    from pathlib import Path
    from metering.site.model import parse_site
    from streams.worker import Worker
    bootstrap, site, data, out = sys.argv[1:]
    class Sink:
        def __init__(self):
            self.file = open(out, "a")
        def write(self, events):
            for event in events:
                if hasattr(event, "hours"):
                    self.file.write(json.dumps([event.building, event.hours, event.amounts]) + "\\n")
                elif hasattr(event, "accepted"):
                    self.file.write(json.dumps([event.accepted, event.duplicate]) + "\\n")
            self.file.flush()
    worker = Worker(bootstrap=bootstrap, partitions=4, site=parse_site(Path(site).read_text()), sink=Sink(),
                    topic="kvartal-readings", data=data, session_s=6.0)
    assert worker.start(60), worker.failed
    while worker.running:
        time.sleep(0.1)
    """
)


def test_a_killed_worker_loses_nothing_and_doubles_nothing(
    kafka: MockKafka, event_log: EventLog, tmp_path: Path
) -> None:
    (tmp_path / "site.toml").write_text(SITE, encoding="utf-8")
    out = tmp_path / "written.jsonl"
    out.touch()
    command = [sys.executable, "-c", _VICTIM, kafka.bootstrap]
    command += [str(tmp_path / "site.toml"), str(tmp_path), str(out)]
    published = threading.Event()

    def publish() -> None:
        for number in range(30):
            event_log.publish(days(number, number + 1))
        published.set()

    def written() -> dict[tuple[str, int], int]:
        hours: dict[tuple[str, int], int] = {}
        for line in out.read_text().splitlines():
            try:
                building, numbers, amounts = json.loads(line)
            except ValueError:
                continue  # a count, or the line that the kill cut short: that one comes again
            hours |= {(building, hour): amount for hour, amount in zip(numbers, amounts, strict=True)}
        return hours

    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    publisher = threading.Thread(target=publish)
    try:
        publisher.start()
        until(lambda: len(written()) > 200)
        process.kill()
        process.wait()
        before = len(written())
        assert before < len(whole(30)), "it must die in mid-stream"
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert published.wait(30)
        until(lambda: written() == whole(30) or process.poll() is not None)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
        publisher.join()


class Moody(Kept):
    """A sink that is away now and then, and has a bug on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.away = self.broken = 0

    def write(self, events: Sequence[Event]) -> None:
        if self.away:
            self.away -= 1
            raise ConnectionError("away")
        if self.broken:
            raise KeyError("a bug")
        super().write(events)


def test_the_life_of_a_worker(
    kafka: MockKafka, event_log: EventLog, start_worker: Any, site: Site, tmp_path: Path
) -> None:
    """One story, because a start takes seconds: each step says what it shows."""
    # Faust may commit past messages that a rebalance took out of its hands: the state knows better.
    event_log.publish(days(0, 4))
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": APP})
    ahead = [TopicPartition(READINGS, p, end) for p, end in event_log.delivered.items() if end > 2]
    assert ahead
    consumer.commit(offsets=ahead, asynchronous=False)
    consumer.close()
    kept = Moody()
    worker: Worker = start_worker(site, kept, stalled_s=4.0)
    assert worker.wait_applied(event_log.delivered, 30)
    assert kept.hours == whole(4)

    # What no publisher of ours wrote is kept and passed; so is what the site file does not know any more.
    poison = Producer({"bootstrap.servers": kafka.bootstrap})
    poison.produce(READINGS, value=b"\xc1not msgpack", key=b"b01")
    poison.produce(READINGS, value=None, key=b"b02")
    assert poison.flush(10) == 0
    event_log.publish(
        [
            Readings(
                building="b01",
                meter="gone",
                quantity="energy",
                nature="register",
                times=(1, 2),
                amounts=(3, 4),
                received_at=5,
            ),
            *days(4, 6),
        ]
    )
    assert worker.wait_applied(event_log.delivered, 30)
    assert kept.hours == whole(6)
    assert sorted((r.reason, r.payload[:4], r.readings) for r in kept.rejected) == [
        ("decoder_error", b"", 1),
        ("decoder_error", b"\xc1not", 1),
        ("unknown_meter", b"\x9c\xa8Re", 2),
    ]
    assert all(r.received_at for r in kept.rejected)

    # A sink that is away holds everything up, and nothing is passed over.
    kept.away = 1
    event_log.publish(days(6, 8))
    assert worker.wait_applied(event_log.delivered, 30)
    assert kept.away == 0
    assert kept.hours == whole(8)

    # A bug ends the worker; the messages are not passed over.
    kept.broken = 1
    event_log.publish(days(8, 10))
    assert not worker.wait_applied(event_log.delivered, 30)
    assert isinstance(worker.failed, KeyError)
    until(lambda: not worker.running)

    # The next one knows from its table how far the last one came, and does only the rest.
    again = Kept()
    worker = start_worker(site, again)
    assert worker.wait_applied(event_log.delivered, 30)
    assert kept.hours | again.hours == whole(10)
    assert len(again.hours) < len(whole(10)) - len(whole(7))
    worker.stop()
    assert worker.failed is None

    # A log that is shorter than the state is another log.
    kafka.create(["made-anew"])
    worker = Worker(
        bootstrap=kafka.bootstrap, partitions=MockKafka.PARTITIONS, site=site, sink=Kept(), topic="made-anew",
        data=str(tmp_path), session_s=6.0,
    )  # fmt: skip
    assert not worker.start(30)
    assert isinstance(worker.failed, WrongLog)
    worker.stop()


def test_the_log_that_cannot_be_reached_says_so() -> None:
    log = EventLog(bootstrap="127.0.0.1:1", timeout_s=0.5)
    for _ in range(2):
        with pytest.raises(NotDelivered):
            log.publish([Tick(building="b01", received_at=0)])
    with pytest.raises(NotDelivered, match=r"127\.0\.0\.1:1"):
        create_topics("127.0.0.1:1", partitions=4, timeout_s=0.5)


def test_another_number_of_partitions_is_refused(kafka: MockKafka) -> None:
    with pytest.raises(NotDelivered, match="fixed for the life"):
        create_topics(kafka.bootstrap, partitions=7)


def test_one_building_stays_in_one_partition(event_log: EventLog) -> None:
    event_log.publish([Tick(building="b01", received_at=n) for n in range(50)])
    assert list(event_log.delivered.values()) == [49]


def test_the_longest_rejection_fits_into_the_log(kafka: MockKafka, event_log: EventLog) -> None:
    event_log.publish(
        [Rejected(topic="t", payload=b"x" * (LONGEST + 1), reason="too_large", detail="long", received_at=0)]
    )
    consumer = Consumer(
        {"bootstrap.servers": kafka.bootstrap, "group.id": "test", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([REJECTED])
    got = consumer.poll(20)
    consumer.close()
    value = got.value() if got is not None else None
    assert value is not None
    assert len(value) < LONGEST
    assert b"the first 2097152 of 4194305 bytes are kept" in value


def test_nothing_is_acknowledged_while_the_log_is_away(mosquitto: Mosquitto, event_log: EventLog) -> None:
    site = parse_site(Quarter(houses=1, seed=3).site_toml())
    told: list[int] = []

    @contextlib.contextmanager
    def ingest(event_log: EventLog) -> Iterator[MqttSource]:
        source = MqttSource(
            host=mosquitto.host,
            port=mosquitto.port,
            client_id="ingest",
            filters=filters(site.source),
            clock=lambda: to_ms(ARCHIVES_END),
        )
        stop = threading.Event()

        def count(messages: list[Message], events: object) -> None:
            told.append(len(messages))

        thread = threading.Thread(
            target=publish_all,
            kwargs={
                "source": source, "event_log": event_log, "site": site, "stop": stop, "on_published": count,
                "clock": lambda: to_ms(ARCHIVES_END), "first_pause_s": 0.05, "batch": 1,
            },
        )  # fmt: skip
        source.start()
        try:
            assert source.wait_subscribed(10)
            thread.start()
            yield source
        finally:
            stop.set()
            thread.join(10)
            source.stop()

    with ingest(EventLog(bootstrap="127.0.0.1:1", timeout_s=0.2)) as source:
        publisher = Publisher(host=mosquitto.host, port=mosquitto.port)
        assert publisher.publish([Capture("kvartal/v1/b01/heat/readings", b"not json", 0)] * 5) == 5
        publisher.close()
        # What the site file declares is being tried, with a message if one had come by then; the others wait.
        until(lambda: source.waiting >= 4)
    assert told == []
    with ingest(event_log):
        until(lambda: sum(told) == 5)


class Arriving:
    """Sites as a watch gives them: a site put here waits until it is asked for."""

    def __init__(self) -> None:
        self.next: Site | None = None
        self.hurried = threading.Event()

    def take(self) -> Site | None:
        found, self.next = self.next, None
        return found

    def hurry(self) -> None:
        self.hurried.set()


def test_a_worker_waits_a_moment_for_a_site_that_knows_the_meter(
    event_log: EventLog, start_worker: Any, site: Site
) -> None:
    smaller = parse_site(SITE[: SITE.index('[[building]]\nid = "b06"')])
    sites, kept = Arriving(), Kept()
    worker: Worker = start_worker(smaller, kept, sites=sites, patience_s=5.0)

    # Ingest knows the new building already: its messages wait, and those before and after are whole.
    event_log.publish(days(0, 3))
    assert sites.hurried.wait(30)
    assert not any(building == "b06" for building, _ in kept.hours)
    sites.next = site
    assert worker.wait_applied(event_log.delivered, 30), worker.failed
    assert kept.hours == whole(3)
    assert not kept.rejected

    # What no site comes to know is put aside with its bytes, and holds nothing up for long.
    sites.next = smaller
    event_log.publish([day("b01", 3)])
    assert worker.wait_applied(event_log.delivered, 30), worker.failed
    sites.hurried.clear()
    strange = Fitted(building="b01", contract="gone", baseline_id="0" * 16, document=b"{}", received_at=7)
    begun = time.monotonic()
    event_log.publish([*days(3, 5), strange])
    assert worker.wait_applied(event_log.delivered, 30), worker.failed
    assert time.monotonic() - begun < 15
    assert sites.hurried.is_set()
    assert {(r.reason, r.readings) for r in kept.rejected} == {("unknown_meter", 24), ("unknown_meter", 1)}
    assert len(kept.rejected) == 3
    assert kept.hours == {at: use for at, use in whole(5).items() if at in kept.hours}
    assert len(kept.hours) == len(whole(5)) - 2 * 24


class FollowingSource(MqttSource):
    """A source that says when it follows other filters."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.followed = threading.Event()

    def follow(self, filters: Sequence[str]) -> None:
        super().follow(filters)
        self.followed.set()


def test_a_building_is_added_to_the_site_files_of_a_running_cluster(
    mosquitto: Mosquitto, event_log: EventLog, start_worker: Any, tmp_path: Path
) -> None:
    """Ingest and worker look at files of their own; ingest's changes first, and the worker's is broken meanwhile."""
    before = SITE[: SITE.index('[[building]]\nid = "b06"')]
    after = SITE + '[[source]]\ntopic = "gateway/{building}/{meter}"\n'
    ingests, workers = tmp_path / "ingest.toml", tmp_path / "worker.toml"
    watches = []
    for file in (ingests, workers):
        file.write_text(before, encoding="utf-8")
        watches.append(SiteWatch(file, parse_site(before), every_s=0.05, settle_s=0.05))
        watches[-1].start()
    kept = Kept()
    worker: Worker = start_worker(parse_site(before), kept, sites=watches[1], patience_s=30.0)

    def clock() -> int:
        return HOUR0 * 3_600_000 + 86_400_000

    source = FollowingSource(
        host=mosquitto.host,
        port=mosquitto.port,
        client_id="ingest",
        filters=filters(parse_site(before).source),
        clock=clock,
    )
    stop = threading.Event()
    ingest = threading.Thread(
        target=publish_all,
        kwargs={
            "source": source, "event_log": event_log, "site": parse_site(before), "stop": stop,
            "clock": clock, "newer_site": watches[0].take,
        },
    )  # fmt: skip
    publisher = Publisher(host=mosquitto.host, port=mosquitto.port)
    source.start()
    try:
        assert source.wait_subscribed(10)
        ingest.start()
        ingests.write_text(after, encoding="utf-8")
        workers.write_text(after + "[[building", encoding="utf-8")
        until(lambda: source.followed.is_set() and source.wait_subscribed(0))
        messages = []
        for building in BUILDINGS:
            readings = day(building, 0)
            pairs = [list(pair) for pair in zip(readings.times, readings.amounts, strict=True)]
            body = json.dumps({"unit": "Wh", "readings": pairs}).encode()
            messages.append(Capture(f"gateway/{building}/el", body, 0))
        publisher.publish(messages)
        until(lambda: watches[1].refused is not None)
        workers.write_text(after, encoding="utf-8")
        until(lambda: kept.hours == whole(1) or worker.failed is not None)
        assert worker.failed is None
        assert not kept.rejected
    finally:
        publisher.close()
        stop.set()
        if ingest.is_alive():
            ingest.join(20)
        source.stop()
        for watch in watches:
            watch.stop()
