"""`kvartal run` as a process of its own, with a real mosquitto: real figures, and nothing lost when it is killed."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.broker import free_port
from ingest.captures import Capture
from ingest.mosquitto import Mosquitto
from kvartal.exports import LEDGER_COLUMNS, ledger_texts, write
from kvartal.replay import backfilling, replay
from metering.site.model import parse_site
from metering.times import to_ms
from simulators.publish import Publisher
from simulators.quarter import Quarter
from storage.sqlite_reader import Reader
from storage.sqlite_schema import WrongStore
from tests.places import DATA
from tests.sites import building, contract, meter, site_text, source, station


class Service:
    """A `kvartal run` that can be killed and started again."""

    def __init__(self, directory: Path, site: str, broker: Mosquitto) -> None:
        self.directory = directory
        self.site = directory / "site.toml"
        self.site.write_text(site, encoding="utf-8")
        self.db = directory / "kvartal.db"
        self.port = free_port()
        self._environment = os.environ | {
            "KVARTAL_DATA": str(directory),
            "KVARTAL_MQTT_HOST": broker.host,
            "KVARTAL_MQTT_PORT": str(broker.port),
            "KVARTAL_HTTP_PORT": str(self.port),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kvartal", "run", "--site", str(self.site), "--db", str(self.db)],
                env=self._environment,
                cwd=self.directory,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def log(self) -> str:
        return (self.directory / "log").read_text(encoding="utf-8", errors="replace")

    def wait(self, what: Callable[[Reader], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                reader = Reader(self.db)
            except WrongStore:
                time.sleep(0.1)
                continue
            try:
                if what(reader):
                    return
            finally:
                reader.close()
            time.sleep(0.1)
        pytest.fail(f"not within {seconds:.0f} s; the log: {self.log()[-2000:]}")


@pytest.fixture
def service_of(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Callable[[str], Service]]:
    started: list[Service] = []

    def make(site: str) -> Service:
        service = Service(tmp_path, site, mosquitto)
        started.append(service)
        service.start()
        return service

    yield make
    for service in started:
        if service.process is not None and service.process.poll() is None:
            service.kill()


def subscribed(service: Service) -> bool:
    """Whether the service says over HTTP that it is well: its session stands at the broker."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{service.port}/api/health", timeout=2):
                return True
        except OSError:
            time.sleep(0.1)
    return False


def publish(broker: Mosquitto, captures: list[Capture]) -> None:
    publisher = Publisher(host=broker.host, port=broker.port)
    try:
        publisher.publish(captures)
    finally:
        publisher.close()


NMECR = site_text(
    source("kvartal/v1/{building}/{meter}/readings", backfill=True),
    source("kvartal/v1/weather/{station}", backfill=True),
    station("ws"),
    building(meter("main", "electricity", "kWh", max_power_kw=5000), id="office", station="ws"),
    contract(
        building="office", meter="main", baseline="2012-03-01..2013-02-28", reporting="2014-03-01..2015-02-28"
    ),
    timezone="UTC",
    retention_days=4000,
)


def nmecr_messages() -> list[Capture]:
    """The building of the nmecr authors as a register that is read at midnight, with its temperatures."""
    messages: list[Capture] = []
    register = 1_000.0
    readings: list[list[object]] = []
    temps: list[list[object]] = []
    with (DATA / "nmecr_eload_daily_2012_2015.csv").open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            day = dt.datetime.fromisoformat(row["timestamp"]).replace(tzinfo=dt.UTC)
            readings.append([day.isoformat(), round(register, 5)])
            register += float(row["value"])
            hours = (day + dt.timedelta(hours=h) for h in range(24))
            temps += [[hour.isoformat(), float(row["temperature"])] for hour in hours]
        readings.append([(day + dt.timedelta(days=1)).isoformat(), round(register, 5)])
    for start in range(0, len(temps), 24 * 60):
        body = {"unit": "°C", "readings": temps[start : start + 24 * 60]}
        messages.append(Capture("kvartal/v1/weather/ws", json.dumps(body).encode(), 0))
    for start in range(0, len(readings), 60):
        body = {"unit": "kWh", "readings": readings[start : start + 60]}
        messages.append(Capture("kvartal/v1/office/main/readings", json.dumps(body).encode(), 0))
    return messages


def test_a_real_building_over_mqtt_gives_its_authors_result(
    service_of: Callable[[str], Service], mosquitto: Mosquitto
) -> None:
    service = service_of(NMECR)
    assert subscribed(service), service.log()
    messages = nmecr_messages()
    expected = sum(len(json.loads(m.payload)["readings"]) for m in messages)
    publish(mosquitto, messages)
    service.wait(lambda reader: reader.counts().get("received", 0) >= expected)
    service.wait(lambda reader: reader.position("c1") is not None)
    assert service.stop() == 0
    reader = Reader(service.db)
    position = reader.position("c1")
    counts = reader.counts()
    reader.close()
    assert counts["accepted"] == expected
    assert position is not None
    assert position.days >= 360
    saved = 100 * (position.expected - position.used) / position.expected
    assert saved == pytest.approx(7.4, abs=0.5)
    width = 100 * position.half_width / position.expected
    assert 0.3 < width < 6


def ledger_bytes(db: Path) -> str:
    reader = Reader(db)
    out = io.StringIO()
    write(ledger_texts(reader.ledger.rows()), LEDGER_COLUMNS, out, as_json=False)
    reader.close()
    return out.getvalue()


def test_killed_in_mid_stream_it_loses_nothing_and_counts_nothing_twice(
    service_of: Callable[[str], Service], mosquitto: Mosquitto, tmp_path: Path
) -> None:
    quarter = Quarter(houses=2, seed=4)
    site_text = quarter.site_toml()
    now = to_ms(dt.datetime.now(dt.UTC))
    messages = [m._replace(received_at=now) for m in quarter.archives()]
    undisturbed = tmp_path / "undisturbed.db"
    expected = replay(messages, site=backfilling(parse_site(site_text)), db=undisturbed)

    service = service_of(site_text)
    assert subscribed(service), service.log()
    publisher = Publisher(host=mosquitto.host, port=mosquitto.port, window=20)
    try:
        third = len(messages) // 4
        for part in range(4):
            publisher.publish(messages[part * third :][: third if part < 3 else None])
            if part < 3:
                # Killed while it works on what just came; the rest waits at the broker.
                service.kill()
                service.start()
    finally:
        publisher.close()
    service.wait(lambda reader: reader.counts().get("accepted", 0) >= int(str(expected["accepted"])))
    assert service.stop() == 0
    assert ledger_bytes(service.db) == ledger_bytes(undisturbed)
    reader = Reader(service.db)
    counts = reader.counts()
    reader.close()
    assert counts["accepted"] == expected["accepted"]
    assert counts["received"] == counts["accepted"] + counts.get("duplicate", 0) + counts.get("rejected", 0)


def test_the_broker_may_go_and_come_back(
    service_of: Callable[[str], Service], mosquitto: Mosquitto, tmp_path: Path
) -> None:
    service = service_of(Quarter(houses=1).site_toml())
    assert subscribed(service), service.log()

    def message(hour: int) -> Capture:
        moment = dt.datetime(2025, 1, 1, hour, tzinfo=dt.UTC)
        body = {"unit": "Gcal", "time": moment.isoformat(), "value": 100 + hour / 10}
        return Capture("kvartal/v1/b01/heat/readings", json.dumps(body).encode(), 0)

    publish(mosquitto, [message(0)])
    service.wait(lambda reader: reader.counts().get("accepted", 0) == 1)
    mosquitto.stop()
    mosquitto.start()
    publish(mosquitto, [message(1)])
    service.wait(lambda reader: reader.counts().get("accepted", 0) == 2)
    assert service.stop() == 0


GROWING = site_text(
    source("kvartal/v1/{building}/{meter}/readings", backfill=True),
    building(meter()),
)
GROWN = """
[[source]]
topic = "gateway/{building}/{meter}"
backfill = true
[[tariff]]
id = "power"
unit = "kWh"
prices = [{ from = 2024-01-01, price = "7.00", vat = true, source = "example" }]
[[building]]
id = "b02"
  [[building.meter]]
  id = "el"
  carrier = "electricity"
  unit = "kWh"
[[contract]]
id = "c-b02-el"
building = "b02"
meter = "el"
baseline = { from = 2024-10-01, to = 2025-09-30 }
reporting = { from = 2025-10-15 }
tariff = "power"
"""


def health(service: Service) -> dict[str, object]:
    with urllib.request.urlopen(f"http://127.0.0.1:{service.port}/api/health", timeout=5) as answer:
        document: dict[str, object] = json.load(answer)
    return document


def wait_for_log(service: Service, words: str, times: int = 1, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while service.log().count(words) < times:
        assert time.monotonic() < deadline, service.log()[-2000:]
        time.sleep(0.05)


def test_a_building_is_added_to_the_site_file_without_a_restart(
    service_of: Callable[[str], Service], mosquitto: Mosquitto
) -> None:
    service = service_of(GROWING)
    assert subscribed(service), service.log()

    def reading(topic: str, unit: str, hour: int) -> Capture:
        moment = dt.datetime(2025, 1, 1, hour, tzinfo=dt.UTC)
        body = {"unit": unit, "time": moment.isoformat(), "value": 100 + hour}
        return Capture(topic, json.dumps(body).encode(), 0)

    old = "kvartal/v1/b01/heat/readings"
    publish(mosquitto, [reading(old, "Gcal", 0), reading("kvartal/v1/b02/el/readings", "kWh", 0)])
    service.wait(lambda reader: reader.counts().get("rejected:unknown_meter", 0) == 1)

    service.site.write_text(GROWING + "[[building", encoding="utf-8")
    wait_for_log(service, "site file refused")
    assert "not TOML" in str(health(service)["site_file"])
    publish(mosquitto, [reading(old, "Gcal", 1)])
    service.wait(lambda reader: reader.counts().get("accepted", 0) == 2)

    # A new source's topic is a new subscription; a source that is gone is not heard any more.
    service.site.write_text(GROWING + GROWN, encoding="utf-8")
    wait_for_log(service, "the new site file is in force")
    assert subscribed(service), service.log()
    assert health(service) == {"broker": True}
    publish(mosquitto, [reading("gateway/b02/el", "kWh", hour) for hour in range(3)])
    publish(mosquitto, [reading(old, "Gcal", 2)])
    service.wait(lambda reader: reader.counts().get("accepted", 0) == 6)
    service.wait(lambda reader: len(reader.hours("b02", "el", "energy", 0, 10**6)) == 2)
    with urllib.request.urlopen(f"http://127.0.0.1:{service.port}/api/contracts/c-b02-el", timeout=5) as page:
        assert page.status == 200

    service.site.write_text(GROWING, encoding="utf-8")
    assert service.process is not None
    service.process.send_signal(signal.SIGHUP)
    wait_for_log(service, "the new site file is in force", times=2)
    publish(mosquitto, [reading("gateway/b02/el", "kWh", 4), reading(old, "Gcal", 3)])
    service.wait(lambda reader: reader.counts().get("accepted", 0) == 7)
    reader = Reader(service.db)
    counts = reader.counts()
    reader.close()
    assert counts["received"] == counts["accepted"] + counts["rejected"]
    assert service.stop() == 0
