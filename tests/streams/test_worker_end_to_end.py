"""The whole cluster path, mosquitto to a Grafana query, and the figure of the embedded mode at its end."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

import dashboards.grafana.write
from ingest.log import REJECTED, EventLog
from ingest.mosquitto import Mosquitto
from ingest.source import MqttSource
from ingest.topics import filters
from kvartal.ingest import publish_all
from kvartal.replay import replay
from kvartal.worker import ThroughToInflux
from metering.site.model import parse_site
from metering.times import to_ms
from simulators.publish import Publisher
from simulators.quarter import Quarter
from simulators.quarter_dates import ARCHIVES_END
from storage import schema
from storage.influx_reader import InfluxFigures
from storage.sqlite_reader import Reader

# Faust, aiokafka and paho leave sockets to the garbage collector when they stop (the fixture `collected`).
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::DeprecationWarning"
)


def test_mosquitto_to_grafana_gives_the_figure_of_the_embedded_mode(
    mosquitto: Mosquitto, event_log: EventLog, influxd: Any, start_worker: Any, tmp_path: Path
) -> None:
    quarter = Quarter(houses=1, seed=3)
    site = parse_site(quarter.site_toml())
    replay(quarter.archives(), site=site, db=tmp_path / "embedded.db")
    reader = Reader(tmp_path / "embedded.db")
    expected = reader.position("c-b01-heat")
    days = reader.days("b01", "heat", "energy", 0, 10**6)
    rejected = reader.rejected()
    reader.close()
    assert rejected
    assert expected is not None

    influxd.create("cluster")
    sink = ThroughToInflux(url=influxd.url, token="any", org="kvartal", bucket="cluster", directory=tmp_path)
    clock = to_ms(ARCHIVES_END) + 5_000
    source = MqttSource(
        host=mosquitto.host,
        port=mosquitto.port,
        client_id="ingest",
        filters=filters(site.source),
        clock=lambda: clock,
    )
    stop = threading.Event()
    taken: list[int] = []
    ingest = threading.Thread(
        target=publish_all,
        kwargs={
            "source": source, "event_log": event_log, "site": site, "clock": lambda: clock, "stop": stop,
            "on_published": lambda messages, events: taken.append(len(messages)), "batch": 20,
        },
    )  # fmt: skip
    try:
        worker = start_worker(site, sink, rejected=REJECTED)
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
        assert worker.wait_applied(event_log.delivered, 60), worker.failed
        figures = InfluxFigures(url=influxd.url, database="cluster")
        reasons = f"SELECT sum(readings) AS readings FROM {schema.REJECTED} GROUP BY reason"
        while {row["reason"] for row in figures.query(reasons)} != {row["reason"] for row in rejected}:
            assert time.monotonic() < deadline, "what was rejected has not come to InfluxDB"
            time.sleep(0.05)
    finally:
        stop.set()
        if ingest.is_alive():
            ingest.join(20)
        source.stop()
        sink.stop()
        worker.stop()
        sink.close()
    got = figures.position("c-b01-heat")
    assert got is not None
    assert msgspec.structs.replace(got, received_at=0) == msgspec.structs.replace(expected, received_at=0)
    assert figures.days("b01", "heat", "energy", 0, 10**6) == days

    folder = Path(dashboards.grafana.write.__file__).parent / "provisioned"
    portfolio = json.loads((folder / "portfolio.json").read_text(encoding="utf-8"))
    query = portfolio["panels"][0]["targets"][0]["query"]
    query = query.replace("$timeFilter", "time > 0").replace("${building:regex}", ".*")
    rows = figures.query(query)
    figures.close()
    (row,) = [row for row in rows if row["contract"] == "c-b01-heat"]
    assert row["savings"] == pytest.approx(100 * (expected.expected - expected.used) / expected.expected)
    assert row["grade"] == expected.grade
