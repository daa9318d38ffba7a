"""The sink to InfluxDB on bad days: a killed server, poison, a wrong token, a killed process, a full disk."""

from __future__ import annotations

import http.server
import itertools
import os
import signal
import sqlite3
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
import urllib3

from metering.baselines.fit import fit
from metering.events import Event, Finding, Fitted, Hours, RegisterId, Savings
from metering.site.model import parse_site
from storage import schema
from storage.influx import InfluxSink, OutboxInUse
from storage.influx_reader import InfluxFigures, bind
from storage.points import seconds, to_lines
from streams.applier import Applier
from streams.chunks import TableParts
from streams.codec import encode
from tests.sites import building, contract, meter, site_text
from tests.waiting import until

WHO = RegisterId("b01", "heat", "energy")
HOUR = 482_000


def day_of_hours(number: int) -> Hours:
    first = HOUR + 24 * number
    return Hours(
        **WHO.fields(),
        hours=tuple(range(first, first + 24)),
        amounts=tuple(range(number, number + 24)),
        flags=(0,) * 24,
        frontier=0,
        received_at=0,
    )


class Server:
    """Answers writes with the statuses it is told; the last one for ever. Keeps what it took."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.poison = ""
        self.hits: list[float] = []
        self.taken: list[str] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.hits.append(time.monotonic())
                status = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                if status == 204 and outer.poison and outer.poison in body:
                    status = 400
                if status == 204:
                    outer.taken += body.split("\n")
                self.send_response(status)
                if status != 204:
                    self.send_header("Content-Length", "2")
                self.end_headers()
                if status != 204:
                    self.wfile.write(b"no")

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server(204)
    yield served
    served.close()


def sink_to(url: str, outbox: Path, **more: Any) -> InfluxSink:
    given = {"token": "t", "org": "kvartal", "bucket": "b", "first_pause_s": 0.02, "timeout_s": 5.0}
    return InfluxSink(url=url, outbox=outbox, **(given | more))


@pytest.mark.parametrize("status", [301, 401, 403, 404, 405, 408, 429, 500, 503])
def test_what_says_nothing_about_the_lines_waits_and_is_tried_again(
    server: Server, tmp_path: Path, status: int
) -> None:
    server.answers = [status, status, 204]
    sink = sink_to(server.url, tmp_path / "o.db")
    sink.write([day_of_hours(0)])
    assert sink.drain(10)
    assert len(server.taken) == 24
    assert sink.dead() == []
    sink.close()


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_server_that_refuses_everything_kills_no_line(server: Server, tmp_path: Path, status: int) -> None:
    server.answers = [status]
    sink = sink_to(server.url, tmp_path / "o.db")
    sink.write([day_of_hours(0)])
    until(lambda: len(server.hits) > 12)
    assert sink.dead() == []
    server.answers = [204]
    assert sink.drain(10)
    assert {line for line in server.taken if not line.startswith(schema.PROBE)} == set(
        to_lines(day_of_hours(0))
    )
    assert sink.dead() == []
    sink.close()


def test_a_poisoned_line_dies_alone(server: Server, tmp_path: Path) -> None:
    server.poison = "known_wh=17i"
    sink = sink_to(server.url, tmp_path / "o.db")
    sink.write([day_of_hours(0), day_of_hours(100)])
    assert sink.drain(10)
    ((line, reason),) = sink.dead()
    assert "known_wh=17i" in line
    assert reason == "400 no"
    assert len(set(server.taken)) == 48 - 1 + 1  # all others, and the probe
    sink.close()


def test_pauses_grow(server: Server, tmp_path: Path) -> None:
    server.answers = [503]
    sink = sink_to(server.url, tmp_path / "o.db", first_pause_s=0.05)
    sink.write([day_of_hours(0)])
    until(lambda: len(server.hits) >= 5)
    server.answers = [204]
    gaps = [b - a for a, b in itertools.pairwise(server.hits[:5])]
    assert gaps[3] > 2 * gaps[0]
    assert sink.drain(10)
    sink.close()


def test_many_small_writes_go_out_in_few_requests_and_in_order(server: Server, tmp_path: Path) -> None:
    server.answers = [503]
    sink = sink_to(server.url, tmp_path / "o.db")
    for number in range(300):
        sink.write([day_of_hours(number)])
    failed = len(server.hits)
    server.answers = [204]
    assert sink.drain(20)
    assert server.taken == [line for number in range(300) for line in to_lines(day_of_hours(number))]
    assert len(server.hits) - failed < 30
    sink.close()


def test_the_outbox_outlives_a_killed_process(server: Server, tmp_path: Path) -> None:
    """SIGKILL in mid-write: whatever `write` had returned for is sent by the next process."""
    code = textwrap.dedent(
        """
        import sys
        from metering.events import Hours
        from storage.influx import InfluxSink
        sink = InfluxSink(url="http://127.0.0.1:9", token="t", org="o", bucket="b", outbox=sys.argv[1])
        number = 0
        while True:
            sink.write([Hours(
                building="b01", meter="heat", quantity="energy", hours=(482_000 + number,),
                amounts=(number,), flags=(0,), frontier=0, received_at=0,
            )])
            print(number, flush=True)
            number += 1
        """
    )
    outbox = tmp_path / "o.db"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(outbox)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    for _ in range(40):
        last = int(process.stdout.readline())
    with pytest.raises(OutboxInUse, match="in use"):
        sink_to(server.url, outbox)
    os.kill(process.pid, signal.SIGKILL)
    rest = process.stdout.read().split()
    process.wait()
    process.stdout.close()
    # The last line may have been cut off in the middle of its number.
    promised = max([last, *(int(number) for number in rest[:-1])])
    sink = sink_to(server.url, outbox)
    assert sink.drain(20)
    sink.close()
    sent = [int(line.split("known_wh=")[1].split("i")[0]) for line in server.taken]
    assert sent == list(range(len(sent)))
    assert len(sent) > promised


def test_a_write_that_the_disk_refuses_keeps_nothing_and_the_next_one_works(
    server: Server, tmp_path: Path
) -> None:
    sink = sink_to(server.url, tmp_path / "o.db")
    disk = sqlite3.connect(tmp_path / "o.db")
    disk.execute("CREATE TRIGGER full BEFORE INSERT ON waiting BEGIN SELECT RAISE(ABORT, 'disk'); END")
    with pytest.raises(Exception, match="disk"):
        sink.write([day_of_hours(0)])
    disk.execute("DROP TRIGGER full")
    disk.close()
    sink.write([day_of_hours(1)])
    assert sink.drain(10)
    assert server.taken == to_lines(day_of_hours(1))
    sink.close()


def test_a_drain_that_has_ended_is_not_silent(server: Server, tmp_path: Path) -> None:
    server.answers = [503]
    sink_to(server.url, tmp_path / "o.db").close()
    broken = sqlite3.connect(tmp_path / "o.db")
    with broken:
        broken.execute("INSERT INTO waiting (lines, body) VALUES (1, x'00')")
    broken.close()
    sink = sink_to(server.url, tmp_path / "o.db")

    def refuses() -> bool:
        try:
            sink.write([day_of_hours(1)])
        except RuntimeError as error:
            return "nothing is sent" in str(error)
        return False

    until(refuses)
    sink.close()


def test_a_text_that_has_no_utf8_is_sent_all_the_same(server: Server, tmp_path: Path) -> None:
    sink = sink_to(server.url, tmp_path / "o.db")
    sink.write(
        [Finding(**WHO.fields(), kind="spike", start=5, end=9, figures={"text": "a\ud800\nb"}, received_at=7)]
    )
    assert sink.drain(10)
    assert 'detail="a? b"' in server.taken[0]
    sink.close()


def test_influxd_is_killed_in_mid_drain_and_nothing_is_lost(influxd: Any, tmp_path: Path) -> None:
    """200 batches, 4 poisoned, SIGKILL in mid-drain, restart: every good line is there, every bad one is dead."""
    influxd.create("killed")
    figures = InfluxFigures(url=influxd.url, database="killed")
    sink = sink_to(influxd.url, tmp_path / "o.db", bucket="killed")
    # `expected` becomes a float in this shard, so that an integer is refused for its type.
    poison = f"savings,building=b01,contract=poison expected=1.5 {seconds(739_000)}"
    answer = urllib3.request(
        "POST", f"{influxd.url}/api/v2/write?bucket=killed&org=o&precision=s", body=poison
    )
    assert answer.status == 204
    count = "SELECT count(known_wh) AS n FROM hour"
    killed = False
    for number in range(200):
        events: list[Event] = [day_of_hours(number)]
        if number % 50 == 25:
            events.insert(
                0,
                Savings(
                    building="b01",
                    contract=f"c{number}",
                    date=739_000,
                    expected=1,
                    used=1,
                    estimated=0,
                    temp_mc=0,
                    extrapolated=False,
                    baseline_id="ab",
                    received_at=0,
                ),
            )
        sink.write(events)
        if number == 100:
            until(lambda: bool(figures.query(count)))
            influxd.kill()
            killed = True
        if number == 150:
            influxd.start()
    assert killed
    assert sink.drain(60)
    (row,) = figures.query(count)
    assert row["n"] == 200 * 24
    found = figures.hours(*WHO, HOUR, HOUR + 200 * 24)
    assert found == [(HOUR + 24 * n + h, n + h, 0) for n in range(200) for h in range(24)]
    dead = sink.dead()
    assert {line.split(" ")[0] for line, _ in dead} == {
        f"savings,building=b01,contract=c{number}" for number in (25, 75, 125, 175)
    }
    assert all("field type conflict" in reason for _, reason in dead)
    figures.close()
    sink.close()


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("b01", "'b01'"),
        ("it's", r"'it\'s'"),
        ("a\\", r"'a\\'"),
        ("x' OR 1=1 --", r"'x\' OR 1=1 --'"),
        ("a\nb", r"'a\nb'"),
    ],
)
def test_strings_are_quoted_into_queries(value: str, quoted: str) -> None:
    assert bind("b = $b AND c = $bc", {"b": value, "bc": "c"}) == f"b = {quoted} AND c = 'c'"


def test_a_query_without_parameters_keeps_its_dollars() -> None:
    assert bind("a =~ /^x$/ AND $timeFilter", {}) == "a =~ /^x$/ AND $timeFilter"


def test_quoted_strings_find_what_they_name(influxd: Any) -> None:
    influxd.create("quoted")
    figures = InfluxFigures(url=influxd.url, database="quoted")
    assert figures.hours("b01' OR building =~ /.*/ --", "heat", "energy", HOUR, HOUR + 1) == []
    figures.close()


@pytest.mark.parametrize(
    ("url", "words"), [("http://127.0.0.1:9", "cannot be reached"), ("", "refuses the query")]
)
def test_a_query_that_cannot_be_answered_is_an_error_of_the_system(
    influxd: Any, url: str, words: str
) -> None:
    figures = InfluxFigures(url=url or influxd.url, database="nowhere")
    with pytest.raises(OSError, match=words):
        figures.query("SELECT nothing FRM x")
    figures.close()


SITE = site_text(
    building(meter()),
    contract(baseline="2024-01-01..2024-12-31", reporting="2025-01-01.."),
)


def test_a_baseline_of_the_log_reaches_the_store_before_any_day_is_reported(
    influxd: Any, tmp_path: Path
) -> None:
    """An adopted baseline without a reporting day yet; its period has as many outages as ten years have days."""
    dates = list(range(738_886, 739_252))
    fields = msgspec.json.decode(
        fit(
            dates=dates,
            used=[1_000_000 + date % 7 for date in dates],
            temps_mc=[None] * len(dates),
            temps_before_mc=[None] * len(dates),
            first=dates[0],
            last=dates[-1],
        ).document
    )
    document = msgspec.json.encode(fields | {"outages": ["2014-01-01"] * 3653})
    influxd.create("fitted")
    sink = sink_to(influxd.url, tmp_path / "o.db", bucket="fitted")
    site = parse_site(SITE)
    applier = Applier(site=site, parts=TableParts({}), sink=sink)
    fitted = Fitted(building="b01", contract="c1", baseline_id="ab12", document=document, received_at=9)
    for offset in range(2):  # adopted twice, it is one row
        assert applier.apply(encode(fitted), partition=0, offset=offset)
    assert sink.drain(20)
    assert sink.dead() == []
    figures = InfluxFigures(url=influxd.url, database="fitted")
    (row,) = figures.query("SELECT * FROM baseline WHERE contract = $c", c="c1")
    assert (row["baseline_id"], row["fitted_ms"], row["document"].encode()) == ("ab12", 9, document)
    figures.close()
    sink.close()
