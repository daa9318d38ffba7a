"""The loss-free sink to InfluxDB: an outbox on disk, one drain thread, and the way round a refused line.

`write` returns when the lines are in the outbox (SQLite, synchronous=FULL). The drain sends the oldest batch
first, as one string through influxdb-client's synchronous API, and deletes it when the server took it. What
the server cannot take now (no connection, 408, 429, 5xx, or a token that is wrong today) waits and is tried
again for ever; a batch that it refuses for its content is halved until the bad line stands alone, which goes
to the dead letters with the server's words. Never the batching API, whose close loses points; never
WritesRetry, whose clock starts with the client (facts/storage_dashboards.md, 2.3).
"""

from __future__ import annotations

import gzip
import logging
import random
import sqlite3
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final, cast

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from metering.events import Event
from storage.points import to_lines

log = logging.getLogger("kvartal.influx")

_AGAIN: Final = {401, 403, 404, 408, 429}
_LONGEST_PAUSE_S: Final = 30.0
_LINES_A_BATCH: Final = 5_000
# influxdb-client's constants are plain strings, typed as if they were members.
_SECONDS: Final = cast(WritePrecision, WritePrecision.S)


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
        timeout_s: float = 10.0,
        first_pause_s: float = 0.5,
    ) -> None:
        """
        Args:
            url: Base URL of the server.
            token: API token.
            org: Organisation.
            bucket: Bucket.
            outbox: Path of the outbox; kept between runs.
            timeout_s: Of one write.
            first_pause_s: Before the first retry; doubles up to 30 s.
        """
        self._bucket, self._org, self._first_pause = bucket, org, first_pause_s
        self._outbox = str(outbox)
        self._db = self._connect()
        self._db.executescript(
            "CREATE TABLE IF NOT EXISTS waiting (id INTEGER PRIMARY KEY, body BLOB NOT NULL);"
            "CREATE TABLE IF NOT EXISTS dead (id INTEGER PRIMARY KEY, line TEXT NOT NULL, reason TEXT NOT NULL);"
        )
        self._lock = threading.Lock()
        self._client = InfluxDBClient(url=url, token=token, org=org, timeout=int(timeout_s * 1000))
        self._api = self._client.write_api(write_options=SYNCHRONOUS)
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._drain, name="influx", daemon=True)
        self._thread.start()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._outbox, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA busy_timeout = 10000")
        return db

    def write(self, events: Iterable[Event]) -> None:
        """Put the lines of the events into the outbox; on disk when this returns."""
        lines = [line for event in events for line in to_lines(event)]
        if not lines:
            return
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            for start in range(0, len(lines), _LINES_A_BATCH):
                body = gzip.compress("\n".join(lines[start : start + _LINES_A_BATCH]).encode(), 1)
                self._db.execute("INSERT INTO waiting (body) VALUES (?)", (body,))
            self._db.execute("COMMIT")
        self._wake.set()

    @property
    def pending(self) -> int:
        """Batches in the outbox."""
        with self._lock:
            return int(self._db.execute("SELECT count(*) FROM waiting").fetchone()[0])

    def dead(self) -> list[tuple[str, str]]:
        """Lines that the server refused, with its words."""
        with self._lock:
            return self._db.execute("SELECT line, reason FROM dead ORDER BY id").fetchall()

    def drain(self, timeout_s: float) -> bool:
        """Wait until the outbox is empty; whether it was within `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        while self.pending and time.monotonic() < deadline:
            time.sleep(0.02)
        return not self.pending

    def close(self) -> None:
        """Stop sending; what waits stays in the outbox for the next run."""
        self.drain(2.0)
        self._stop.set()
        self._wake.set()
        self._thread.join(15)
        self._client.close()  # type: ignore[no-untyped-call]  # influxdb-client has no types here
        self._db.close()

    def _drain(self) -> None:
        db = self._connect()
        pause = self._first_pause
        try:
            while not self._stop.is_set():
                row = db.execute("SELECT id, body FROM waiting ORDER BY id LIMIT 1").fetchone()
                if row is None:
                    self._wake.wait(1.0)
                    self._wake.clear()
                    continue
                lines = gzip.decompress(row[1]).decode().split("\n")
                why = self._send(db, lines)
                if why is None:
                    db.execute("DELETE FROM waiting WHERE id = ?", (row[0],))
                    pause = self._first_pause
                else:
                    log.warning("InfluxDB did not take a batch, again in %.1f s: %s", pause, why)
                    self._stop.wait(pause * random.uniform(0.7, 1.3))
                    pause = min(_LONGEST_PAUSE_S, 2 * pause)
        finally:
            db.close()

    def _send(self, db: sqlite3.Connection, lines: list[str]) -> str | None:
        """Send lines; None when each is stored or dead, else why they must wait."""
        if self._stop.is_set():
            return "stopping"
        try:
            self._api.write(
                bucket=self._bucket, org=self._org, record="\n".join(lines), write_precision=_SECONDS
            )
        except ApiException as error:
            status = error.status or 0
            if status in _AGAIN or status >= 500 or status == 0:
                return f"{status} {error.reason}"
            if len(lines) == 1:
                db.execute(
                    "INSERT INTO dead (line, reason) VALUES (?, ?)",
                    (lines[0], str(error.body or error.reason)),
                )
                return None
            middle = len(lines) // 2
            return self._send(db, lines[:middle]) or self._send(db, lines[middle:])
        except (HTTPError, OSError) as error:
            return str(error)[:200]
        return None
