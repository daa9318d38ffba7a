"""The broker of the embedded mode: it comes up, keeps sessions, ends, and says what is wrong."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.broker import NoBroker, free_port
from ingest.mosquitto import Mosquitto
from ingest.source import MqttSource
from tests.waiting import take


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def test_a_port_in_use_is_named(mosquitto: Mosquitto, tmp_path: Path, taken_port: int) -> None:
    with pytest.raises(NoBroker, match=f"port {taken_port} of 127.0.0.1 is in use: the broker"):
        Mosquitto(tmp_path / "second", port=taken_port).start()


def test_two_never_share_a_directory(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with pytest.raises(NoBroker, match="another Kvartal runs its broker there"):
        Mosquitto(tmp_path / "mosquitto").start()


def test_without_mosquitto_the_error_names_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.mosquitto.find_mosquitto", lambda: None)
    with pytest.raises(NoBroker, match=r"no mosquitto .*; install it with 'make setup', or name a broker"):
        Mosquitto(tmp_path).start()


def test_a_broker_that_cannot_run_says_what_it_said(tmp_path: Path) -> None:
    for _ in range(2):  # the second time too: the first one has left the directory to others
        with pytest.raises(NoBroker, match="mosquitto ended at once with status 1: it left no log"):
            Mosquitto(tmp_path / "b", binary="/bin/false").start()


def test_a_path_with_a_space_is_no_trouble(mosquitto: Mosquitto, tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "my data")
    broker.start()
    broker.stop()
    assert (tmp_path / "my data" / "mosquitto.db").exists()


def test_the_broker_of_a_killed_parent_is_ended_and_its_session_kept(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    directory, port = tmp_path / "own", free_port()
    script = (
        "import sys, time; from pathlib import Path; from ingest.mosquitto import Mosquitto\n"
        f"b = Mosquitto(Path({str(directory)!r}), port={port}); b.start(); print('up', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"

        def source(client_id: str) -> MqttSource:
            opened = MqttSource(
                host="127.0.0.1", port=port, client_id=client_id, filters=["m/#"], clock=lambda: 0
            )
            opened.start()
            assert opened.wait_subscribed(10)
            return opened

        source("kvartal").stop()  # a session that queues
        parent.kill()
    orphan = int((directory / "mosquitto.pid").read_text())
    other = source("other")  # the orphan still serves, and queues for the session
    other.publish("m/a", b"1")
    assert [m.payload for m in take(other, 1)] == [b"1"]
    other.stop()
    broker = Mosquitto(directory, port=port)
    broker.start()
    try:
        assert int((directory / "mosquitto.pid").read_text()) != orphan
        again = source("kvartal")
        assert [m.payload for m in take(again, 1)] == [b"1"]
        again.stop()
    finally:
        broker.stop()


def test_a_pid_that_belongs_to_somebody_else_is_left_alone(tmp_path: Path, mosquitto: Mosquitto) -> None:
    directory = tmp_path / "own"
    directory.mkdir()
    (directory / "mosquitto.pid").write_text(str(os.getpid()))
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        broker = Mosquitto(directory)
        broker.start()
        broker.stop()
    finally:
        signal.signal(signal.SIGTERM, before)
