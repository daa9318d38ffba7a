"""`kvartal worker` as a process of its own: it starts, takes a changed site file over, and ends on SIGTERM."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ingest.log import EventLog, MockKafka
from metering.events import Readings
from storage.influx_reader import InfluxFigures
from tests.sites import building, meter, site_text, source

SITE = site_text(
    source("k/{building}/{meter}"),
    building(meter("el", "electricity", "kWh")),
)
HOUR_MS = 3_600_000


def test_a_worker_takes_a_changed_site_file_over(
    kafka: MockKafka, event_log: EventLog, influxd: Any, tmp_path: Path
) -> None:
    influxd.create("worker")
    site, said = tmp_path / "site.toml", tmp_path / "log"
    site.write_text(SITE, encoding="utf-8")
    environment = os.environ | {
        "KVARTAL_DATA": str(tmp_path),
        "KVARTAL_KAFKA": kafka.bootstrap,
        "KVARTAL_PARTITIONS": str(MockKafka.PARTITIONS),
        "KVARTAL_INFLUX_URL": influxd.url,
        "KVARTAL_INFLUX_BUCKET": "worker",
    }
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "kvartal", "worker", "--site", str(site)],
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=out,
        )
    figures = InfluxFigures(url=influxd.url, database="worker")

    def until(words: str, building: str) -> None:
        deadline = time.monotonic() + 60
        while True:
            told = said.read_text(encoding="utf-8", errors="replace")
            if words in told and len(figures.hours(building, "el", "energy", 0, 100)) == 2:
                return
            assert process.poll() is None, told[-2000:]
            assert time.monotonic() < deadline, told[-2000:]
            time.sleep(0.1)

    def publish(building: str) -> None:
        times = (HOUR_MS, 2 * HOUR_MS, 3 * HOUR_MS)
        event_log.publish(
            [
                Readings(
                    building=building,
                    meter="el",
                    quantity="energy",
                    nature="register",
                    times=times,
                    amounts=(0, 5, 9),
                    received_at=times[-1],
                )
            ]
        )

    try:
        publish("b01")
        until("working", "b01")
        # The log has the new building before the worker's file does.
        publish("b02")
        site.write_text(SITE + SITE[SITE.index("[[building]]") :].replace("b01", "b02"), encoding="utf-8")
        until("the new site file is in force", "b02")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, said.read_text()[-2000:]
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        figures.close()


def test_a_url_that_apprise_does_not_understand_stops_the_start(kafka: MockKafka, tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(SITE, encoding="utf-8")
    environment = os.environ | {
        "KVARTAL_DATA": str(tmp_path),
        "KVARTAL_KAFKA": kafka.bootstrap,
        "KVARTAL_PARTITIONS": str(MockKafka.PARTITIONS),
        "KVARTAL_INFLUX_URL": "http://127.0.0.1:1",
        "KVARTAL_NOTIFY": "pigeon://coop/secret",
    }
    done = subprocess.run(
        [sys.executable, "-m", "kvartal", "worker", "--site", "site.toml"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "KVARTAL_NOTIFY" in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr
