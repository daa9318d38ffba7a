"""A mosquitto of our own as a child process: the broker of the embedded mode, on loopback.

With its settings nothing was lost in our measurements (docs/decisions/006-no-loss-mqtt.md): a persistent session
on disk, an unlimited queue bounded in bytes, a wide window.

A child outlives a parent that was killed: it goes on queuing for the session, as it should. The next start ends it
(its sessions go to disk) before it starts its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import IO, Final

from ingest.broker import NoBroker, accepts, check_free, free_port

CONF: Final = """\
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

# Debian keeps servers out of the PATH of users; `make setup` without root unpacks its packages here.
_SBIN: Final = ("/usr/sbin", "/usr/local/sbin")
_UNPACKED: Final = Path(__file__).resolve().parents[1] / ".cache" / "bin"

_NOT_INSTALLED: Final = (
    "no MQTT broker: there is no mosquitto on PATH, in /usr/sbin or in .cache/bin; install it with 'make setup', "
    "or name a broker with KVARTAL_MQTT_HOST"
)


def find_mosquitto() -> str | None:
    """Path of a mosquitto: on PATH, in Debian's directories of servers, or unpacked by `make setup`."""
    places = (os.environ.get("PATH", ""), *_SBIN, str(_UNPACKED))
    return shutil.which("mosquitto", path=os.pathsep.join(places))


class Mosquitto:
    """A mosquitto that lives as long as this object."""

    def __init__(self, directory: Path, *, port: int | None = None, binary: str | None = None) -> None:
        self.host = "127.0.0.1"
        self.port = port if port is not None else free_port()
        self._directory = directory.resolve()
        self._conf = self._directory / "mosquitto.conf"
        self._binary = binary or find_mosquitto()
        self._process: subprocess.Popen[bytes] | None = None
        self._owned: IO[str] | None = None

    def start(self, timeout_s: float = 10.0) -> None:
        """Start it and wait until it accepts connections.

        Raises:
            NoBroker: mosquitto is not installed, its port or directory is in use, or it did not come up.
        """
        if self._binary is None:
            raise NoBroker(_NOT_INSTALLED)
        self._directory.mkdir(parents=True, exist_ok=True)
        self._own()
        try:
            self._end_orphan()
            check_free(self.host, self.port)
            self._run(self._binary)
            self._await(timeout_s)
        except BaseException:
            self.stop()
            raise

    def save(self) -> None:
        """Write the sessions to disk now: one that is not there yet does not survive a kill."""
        if self._process is not None:
            self._process.send_signal(signal.SIGUSR1)

    def kill(self) -> None:
        """Kill it (tests)."""
        if self._process is not None:
            self._process.kill()
        self._ended()

    def stop(self) -> None:
        """End it; its sessions are on disk."""
        if self._process is not None:
            self._process.terminate()
        self._ended()

    def _own(self) -> None:
        """Lock the directory for this process; the kernel unlocks it however the process ends."""
        owned = (self._directory / "owner").open("w")
        try:
            fcntl.flock(owned, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owned.close()
            raise NoBroker(f"{self._directory}: another Kvartal runs its broker there") from None
        self._owned = owned

    def _end_orphan(self) -> None:
        """End the broker of a parent that was killed; the lock shows that the parent is gone."""
        try:
            pid = int((self._directory / "mosquitto.pid").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return
        deadline = time.monotonic() + 10
        if self._runs(pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        while self._runs(pid):
            if time.monotonic() > deadline:
                raise NoBroker(f"an earlier broker (process {pid}) of {self._directory} does not end")
            time.sleep(0.02)

    def _runs(self, pid: int) -> bool:
        """Whether process `pid` is a broker of this directory; the number may have gone to another program."""
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return os.fsencode(self._conf) in command

    def _run(self, binary: str) -> None:
        text = CONF.format(port=self.port, directory=self._directory)
        if os.geteuid() == 0:
            # As root mosquitto would become the user `mosquitto`, who may not write here.
            text += "user root\n"
        self._conf.write_text(text, encoding="utf-8")
        self._process = subprocess.Popen(
            [binary, "-c", str(self._conf)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C at the terminal is ours to handle, not the broker's
        )
        (self._directory / "mosquitto.pid").write_text(str(self._process.pid), encoding="ascii")

    def _await(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                log = self._directory / "mosquitto.log"
                words = log.read_text(errors="replace")[-300:] if log.exists() else "it left no log"
                status = None if self._process is None else self._process.returncode
                raise NoBroker(f"mosquitto ended at once with status {status}: {words}")
            if accepts(self.host, self.port):
                return
            time.sleep(0.02)
        raise NoBroker(f"mosquitto did not accept connections on port {self.port} within {timeout_s:.0f} s")

    def _ended(self) -> None:
        if self._process is not None:
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._owned is not None:
            self._owned.close()
            self._owned = None
