"""Real servers for tests. A missing one is a visible skip on a laptop and a failure in CI."""

from __future__ import annotations

import http.client
import http.server
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from ingest.broker import free_port
from ingest.mosquitto import Mosquitto, find_mosquitto
from tests.inbox import Inbox

settings.register_profile("ci", deadline=None, derandomize=True)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")


# A shell that runs the tests in the background has them ignore Ctrl-C, and what they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def needs(binary: str) -> str:
    """Path of a server's binary; skips the test where it is missing, fails it in CI."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))
    found = shutil.which(binary, path=path)
    if found is None:
        message = f"{binary} is not installed: 'make setup-test' brings it"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A running mosquitto on a free port of loopback."""
    if find_mosquitto() is None:
        needs("mosquitto")
    broker = Mosquitto(tmp_path / "mosquitto")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    """A web hook that alerts can be sent to."""
    server = Inbox()
    yield server
    server.close()


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium."""
    return needs("chromium")


_INFLUX_CONF = """\
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{directory}/meta"
[data]
  dir = "{directory}/data"
  wal-dir = "{directory}/wal"
  index-version = "inmem"
  query-log-enabled = false
[coordinator]
[http]
  bind-address = "127.0.0.1:{http}"
  log-enabled = false
[logging]
  level = "error"
"""


class Influxd:
    """A real InfluxDB 1.6 behind the write path of 2.x.

    1.6 has the storage engine of 2.x but not yet its `/api/v2/write`; the shim in front rewrites that path to
    `/write` and passes everything else through. Bucket `b` is database `b`, as 2.x maps it for InfluxQL.
    """

    def __init__(self, binary: str, directory: Path) -> None:
        self._binary, self._directory = binary, directory
        self.port, self._rpc = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        shim = _shim(self)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), shim)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def start(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        conf = self._directory / "influx.conf"
        conf.write_text(_INFLUX_CONF.format(directory=self._directory, http=self.port, rpc=self._rpc))
        self._process = subprocess.Popen(
            [self._binary, "-config", str(conf)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return
            except OSError:
                time.sleep(0.05)
        raise OSError("influxd did not start within 30 s")

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
        self._server.shutdown()
        self._server.server_close()

    def create(self, database: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        query = urllib.parse.urlencode({"q": f'CREATE DATABASE "{database}"'})
        connection.request("POST", f"/query?{query}")
        assert connection.getresponse().status == 200
        connection.close()


def _shim(influxd: Influxd) -> type[http.server.BaseHTTPRequestHandler]:
    class Shim(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urllib.parse.urlsplit(self.path)
            path = self.path
            if parts.path == "/api/v2/write":
                asked = dict(urllib.parse.parse_qsl(parts.query))
                given = {
                    "db": asked["bucket"],
                    "precision": {"us": "u"}.get(asked["precision"], asked["precision"]),
                }
                path = "/write?" + urllib.parse.urlencode(given)
            connection = http.client.HTTPConnection("127.0.0.1", influxd.port, timeout=10)
            try:
                connection.request(self.command, path, body=body or None)
                answer = connection.getresponse()
                status, content = answer.status, answer.read()
            except OSError:
                status, content = 503, b'{"error": "the server is away"}'
            finally:
                connection.close()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            if status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if status != 204:
                self.wfile.write(content)

        do_GET = do_POST = _pass_on

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Shim


@pytest.fixture(scope="session")
def influxd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    """A running influxd; tests take a database of their own with `influxd.create(name)`."""
    server = Influxd(needs("influxd"), tmp_path_factory.mktemp("influxd"))
    server.start()
    yield server
    server.stop()
