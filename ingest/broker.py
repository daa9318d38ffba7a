"""The broker of the embedded mode: a mosquitto of our own, as a child process on loopback.

Its settings are those with which nothing was lost (facts/mqtt.md, section 2): a persistent session on disk,
an unlimited queue bounded in bytes, a wide window.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

_CONF = """\
listener {port} 127.0.0.1
allow_anonymous true
per_listener_settings false
persistence true
persistence_location {directory}/
autosave_interval 5
max_queued_messages 0
max_queued_bytes 1073741824
max_inflight_messages 1000
max_packet_size 2097152
set_tcp_nodelay true
persistent_client_expiration 30d
log_dest file {directory}/mosquitto.log
log_type error
log_type warning
"""


class NoBroker(OSError):
    """No broker could be had: the text says what was looked for and what to do."""


def find_mosquitto() -> str | None:
    """Path of a mosquitto: on PATH, or where Debian puts servers."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    return shutil.which("mosquitto", path=path)


def free_port() -> int:
    """A TCP port of loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """A mosquitto that lives as long as this object."""

    def __init__(self, directory: Path, *, port: int | None = None, binary: str | None = None) -> None:
        self.host = "127.0.0.1"
        self.port = port if port is not None else free_port()
        self._directory = directory
        self._binary = binary or find_mosquitto()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, timeout_s: float = 10.0) -> None:
        """Start it and wait until it accepts connections.

        Raises:
            NoBroker: there is none, its port is taken, or it did not come up.
        """
        if self._binary is None:
            raise NoBroker(
                "no MQTT broker: there is no mosquitto on PATH or in /usr/sbin; install the Debian package "
                "'mosquitto', or name a broker with KVARTAL_MQTT_HOST"
            )
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError:
                raise NoBroker(
                    f"port {self.port} of {self.host} is in use: the broker cannot listen there"
                ) from None
        self._directory.mkdir(parents=True, exist_ok=True)
        conf = self._directory / "mosquitto.conf"
        text = _CONF.format(port=self.port, directory=self._directory.resolve())
        if os.geteuid() == 0:
            # As root mosquitto would become the user `mosquitto`, who may not write here.
            text += "user root\n"
        conf.write_text(text, encoding="utf-8")
        self._process = subprocess.Popen(
            [self._binary, "-c", str(conf)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C at the terminal is ours to handle, not the broker's
        )
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                log = self._directory / "mosquitto.log"
                said = log.read_text(errors="replace")[-300:] if log.exists() else ""
                raise NoBroker(f"mosquitto ended at once with status {self._process.returncode}: {said}")
            try:
                socket.create_connection((self.host, self.port), timeout=0.2).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        self.stop()
        raise NoBroker(f"mosquitto did not accept connections on port {self.port} within {timeout_s:.0f} s")

    def save(self) -> None:
        """Have the sessions written to disk now: a session that is not there yet does not survive a kill."""
        if self._process is not None:
            self._process.send_signal(signal.SIGUSR1)

    def kill(self) -> None:
        """End it the hard way (tests)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it; its sessions are on disk."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
