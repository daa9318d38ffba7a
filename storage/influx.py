"""The loss-free sink to InfluxDB: an outbox on disk, one drain thread, and dead letters for refused lines.

Theory of operation
-------------------
`write` returns when the lines are in the outbox (SQLite, synchronous=FULL). The drain sends the oldest batches
first, as one string through influxdb-client's synchronous API, and deletes them when the server took them. After
a crash some batches are sent again in the same order; points are keyed, so this changes nothing.

- A failure that is not about the lines (no connection, 401, 403, 404, 408, 429, a proxy's 3xx, 5xx) is retried
  for ever, with exponential pauses and jitter.
- A batch that the server refuses for its content (400, 413, 422) is halved until the bad line is alone. The
  server may refuse everything (a wrong organisation is a 400 too), so a valid probe is sent: if the server accepts
  it, the line goes to the dead letters with the server's message; if not, everything waits.
- Never the batching API, whose close loses points; never WritesRetry, whose clock starts with the client; never
  `enable_gzip`, which compresses at level 9 (docs/sources.md#client-of-influxdb).

One process owns the outbox: two drains would send old figures after new ones.
"""

from __future__ import annotations

import fcntl
import gzip
import logging
import random
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, cast

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from metering.events import Event
from metering.site.model import Site
from storage import schema
from storage.points import to_lines

log = logging.getLogger("kvartal.influx")

_CONTENT_REFUSED: Final = frozenset({400, 413, 422})
_LONGEST_PAUSE_S: Final = 30.0
_LINES_A_BATCH: Final = 5_000
_PROBE: Final = f"{schema.PROBE} alive=1i 0"
# influxdb-client's constants are plain strings, typed as if they were members.
_NANOSECONDS: Final = cast(WritePrecision, WritePrecision.NS)

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS waiting (id INTEGER PRIMARY KEY, lines INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS dead (id INTEGER PRIMARY KEY, line TEXT NOT NULL UNIQUE, reason TEXT NOT NULL);
"""


class OutboxInUse(OSError):
    """Another process drains this outbox."""


class InfluxSink:
    """Events into InfluxDB 2.x (or 1.8+, 3.x by their v2 write path)."""

    def __init__(
        self,
        *,
        url: str,
        token: str,
        org: str,
        bucket: str,
        outbox: Path | str,
        site: Site | None = None,
        timeout_s: float = 10.0,
        first_pause_s: float = 0.5,
    ) -> None:
        """
        Args:
            url: Base URL of the server.
            token: API token.
            org: Organisation.
            bucket: Bucket. It must keep points for ever: the server refuses points older than its retention.
            outbox: Path of the outbox; kept between runs.
            site: Gives points the names, units and money that people read.
            timeout_s: Timeout of one write.
            first_pause_s: Before the first retry; doubles up to 30 s.

        Raises:
            OutboxInUse: another process has the outbox open.
        """
        self._bucket, self._org, self._site, self._first_pause = bucket, org, site, first_pause_s
        self._outbox = str(outbox)
        self._lock_file = open(f"{outbox}.lock", "wb")  # noqa: SIM115  # open until close
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock_file.close()
            raise OutboxInUse(f"{outbox} is in use by another process") from None
        # One connection under one lock for both threads: two connections would wait for each other in SQLite's
        # busy handler, whose naps make a write 12 times as slow (measured: 3.9 ms instead of 0.3).
        self._db = sqlite3.connect(str(outbox), isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_TABLES)
        self._lock = threading.Lock()
        self._sent = threading.Condition(self._lock)
        self._client = InfluxDBClient(url=url, token=token, org=org, timeout=int(timeout_s * 1000))
        self._api = self._client.write_api(write_options=SYNCHRONOUS)
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._drain, name="influx", daemon=True)
        self._thread.start()

    def write(self, events: Iterable[Event]) -> None:
        """Put the lines of the events into the outbox; on disk when this returns.

        Raises:
            RuntimeError: the drain has stopped because of a bug; nothing would be sent.
        """
        self.write_lines([line for event in events for line in to_lines(event, self._site)])

    def write_lines(self, lines: Sequence[str]) -> None:
        """Put lines into the outbox that are not of an event.

        Raises:
            RuntimeError: as `write` does.
        """
        if self._failed is not None:
            raise RuntimeError("nothing is sent to InfluxDB: the drain has stopped") from self._failed
        if not lines:
            return
        rows = []
        for start in range(0, len(lines), _LINES_A_BATCH):
            several = lines[start : start + _LINES_A_BATCH]
            # A lone surrogate, which JSON text may contain, has no UTF-8: it becomes a question mark.
            rows.append((len(several), gzip.compress("\n".join(several).encode("utf-8", "replace"), 1)))
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany("INSERT INTO waiting (lines, body) VALUES (?, ?)", rows)
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
        self._wake.set()

    def use(self, site: Site) -> None:
        """Take names, units and money from this site from now on."""
        self._site = site

    def dead(self) -> list[tuple[str, str]]:
        """Lines that the server refused, with its message."""
        with self._lock:
            return self._db.execute("SELECT line, reason FROM dead ORDER BY id").fetchall()

    def drain(self, timeout_s: float) -> bool:
        """Wait until the outbox is empty; True if that took at most `timeout_s`."""
        with self._sent:
            return (
                self._sent.wait_for(lambda: self._failed is not None or self._empty(), timeout_s)
                and self._empty()
            )

    def _empty(self) -> bool:
        return self._db.execute("SELECT 1 FROM waiting LIMIT 1").fetchone() is None

    def close(self) -> None:
        """Stop sending; waiting batches stay in the outbox for the next run."""
        self.drain(2.0)
        self._stop.set()
        self._wake.set()
        self._thread.join(15)
        self._client.close()  # type: ignore[no-untyped-call]  # influxdb-client has no types here
        self._db.close()
        self._lock_file.close()

    def _drain(self) -> None:
        pause = self._first_pause
        try:
            while not self._stop.is_set():
                last, lines = self._oldest()
                if last is None:
                    self._wake.wait(1.0)
                    self._wake.clear()
                    continue
                why = self._send(lines)
                if why is None:
                    with self._lock:
                        self._db.execute("DELETE FROM waiting WHERE id <= ?", (last,))
                        self._sent.notify_all()
                    pause = self._first_pause
                elif not self._stop.is_set():
                    log.warning("InfluxDB does not take figures now, again in %.1f s: %s", pause, why)
                    self._stop.wait(pause * random.uniform(0.7, 1.3))
                    pause = min(_LONGEST_PAUSE_S, 2 * pause)
        except BaseException as error:
            self._failed = error
            with self._sent:
                self._sent.notify_all()
            log.exception("the drain to InfluxDB ended; figures stay in %s", self._outbox)

    def _send(self, lines: list[str]) -> str | None:
        """Send lines; None when each is stored or dead, else why they must wait."""
        if self._stop.is_set():
            return "stopping"
        why, refused = self._put("\n".join(lines))
        if not refused:
            return why
        if len(lines) > 1:
            middle = len(lines) // 2
            return self._send(lines[:middle]) or self._send(lines[middle:])
        broken, _ = self._put(_PROBE)
        if broken is not None:
            return f"not even a probe is taken: {broken}"
        # The rest of the batch may have to wait: the line then comes here again.
        with self._lock:
            self._db.execute("INSERT OR IGNORE INTO dead (line, reason) VALUES (?, ?)", (lines[0], why))
        log.error("InfluxDB refuses a line, which is kept as a dead letter: %s", why)
        return None

    def _put(self, body: str) -> tuple[str | None, bool]:
        """One write: why it failed (None if it did not), and whether the content was refused."""
        try:
            self._api.write(bucket=self._bucket, org=self._org, record=body, write_precision=_NANOSECONDS)
        except ApiException as error:
            words = str(error.body or error.reason)[:500]
            return f"{error.status} {words}", error.status in _CONTENT_REFUSED
        except (HTTPError, OSError) as error:
            return str(error)[:500], False
        return None, False

    def _oldest(self) -> tuple[int | None, list[str]]:
        """The oldest batches that fit one write, as lines, and the id of the last of them."""
        bodies: list[bytes] = []
        last, lines = None, 0
        with self._lock:
            for number, count, body in self._db.execute(
                "SELECT id, lines, body FROM waiting ORDER BY id LIMIT 500"
            ):
                if bodies and lines + count > _LINES_A_BATCH:
                    break
                last, lines = number, lines + count
                bodies.append(body)
        return last, [line for body in bodies for line in gzip.decompress(body).decode().split("\n")]
