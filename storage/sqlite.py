"""The embedded store: state, ledger, figures and counts of a site in one SQLite file.

One writer; everything that a batch of messages changed is committed in one transaction with
synchronous=FULL, so that a message may be acknowledged when `commit` has returned. Readers have their own
connections (`storage.sqlite_reader`) and are never blocked (WAL).
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, TypeVar

from metering.events import Event
from metering.messages import Log
from storage.sqlite_messages import Chains
from storage.sqlite_rows import Rows
from storage.sqlite_schema import WrongStore, connect

_Name = TypeVar("_Name", bound=str)

_PART: Final = "INSERT OR REPLACE INTO part VALUES (?, ?, ?)"
_PART_GONE: Final = "DELETE FROM part WHERE key = ? AND part = ?"
_COUNT: Final = "INSERT INTO counted VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = n + excluded.n"


class StoreInUse(WrongStore):
    """Another process writes the store."""


class Store:
    """The writer of an embedded store. One at a time: its caller keeps state of the file in memory.

    May be used from several threads: what they ask waits while a commit is under way.
    """

    def __init__(self, path: str | Path) -> None:
        """Open or create the store; a file of an older version is migrated.

        Raises:
            WrongStore: another process writes the file already, or see `storage.sqlite_schema.connect`.
        """
        self.path = Path(path)
        self._lock = _lock(self.path)
        try:
            self._db = connect(str(path))
        except WrongStore:
            os.close(self._lock)
            raise
        self._one = threading.Lock()
        self._registers: dict[tuple[str, str, str], int] = {}
        self._read_registers()
        self._chains = Chains(self._db)

    def _read_registers(self) -> None:
        rows = self._db.execute("SELECT building, meter, quantity, id FROM register")
        self._registers = {(building, meter, quantity): id for building, meter, quantity, id in rows}

    def part(self, key: str, part: str) -> bytes | None:
        """One part of the pipeline's state, as it was committed."""
        with self._one:
            row = self._db.execute(
                "SELECT blob FROM part WHERE key = ? AND part = ?", (key, str(part))
            ).fetchone()
        return None if row is None else row[0]

    def parts(self, key: str) -> dict[str, bytes]:
        """All parts of a key, by name."""
        with self._one:
            return dict(self._db.execute("SELECT part, blob FROM part WHERE key = ?", (key,)).fetchall())

    def write(self, events: Iterable[Event]) -> None:
        """Keep events that may come again (the `Sink` contract).

        Accounts (`Counted`) are sums and would grow with each repetition: they come with `commit` only.
        """
        with self._one:
            self._commit({}, events, {}, None, once=False)

    def commit(
        self,
        *,
        parts: Mapping[tuple[str, _Name], bytes | None],
        events: Iterable[Event],
        counts: Mapping[str, int],
        log: Log | None = None,
    ) -> None:
        """Keep parts of state, events, counts and messages in one transaction; on disk when this returns.

        If it raises, nothing of it was kept.

        Args:
            parts: Blobs by (key, part); None deletes one.
            events: Events of the pipeline, each exactly once; events without a table are skipped.
            counts: Added to the counters of the same names.
            log: The messages that all of it comes from.
        """
        with self._one:
            self._commit(parts, events, counts, log, once=True)

    def _commit(
        self,
        parts: Mapping[tuple[str, _Name], bytes | None],
        events: Iterable[Event],
        counts: Mapping[str, int],
        log: Log | None,
        *,
        once: bool,
    ) -> None:
        db = self._db
        rows = Rows(self._register, once=once)
        db.execute("BEGIN IMMEDIATE")
        try:
            rows.add(events)
            rows.write(db)
            # sqlite3 binds a plain str faster than a name of a type of its own.
            kept = [(key, str(part), blob) for (key, part), blob in parts.items() if blob is not None]
            kept.sort()
            db.executemany(_PART, kept)
            if len(kept) != len(parts):
                db.executemany(_PART_GONE, [at for at, blob in parts.items() if blob is None])
            db.executemany(_COUNT, counts.items())
            if log is not None:
                self._chains.add(log)
            db.execute("UPDATE done SET commits = commits + 1")
            db.execute("COMMIT")
        except BaseException:
            # SQLite itself rolls back if the disk is full.
            if db.in_transaction:
                db.execute("ROLLBACK")
            # Ids given since BEGIN are gone with it.
            self._read_registers()
            self._chains.read()
            raise

    def _register(self, building: str, meter: str, quantity: str) -> int:
        key = (building, meter, quantity)
        number = self._registers.get(key)
        if number is None:
            cursor = self._db.execute(
                "INSERT INTO register (building, meter, quantity) VALUES (?, ?, ?)", key
            )
            number = self._registers[key] = int(cursor.lastrowid or 0)
        return number

    def keep_site(self, body: bytes) -> None:
        """Keep the site under which figures are made from now on (`metering.site.model.site_bytes`)."""
        with self._one:
            self._db.execute("INSERT OR REPLACE INTO site VALUES (1, ?)", (body,))

    def notified(self, key: str) -> bool:
        """Whether the notification `key` has been sent."""
        with self._one:
            return self._db.execute("SELECT 1 FROM notified WHERE key = ?", (key,)).fetchone() is not None

    def mark_notified(self, key: str, at: int) -> None:
        """Remember that the notification `key` was sent at `at` [ms]."""
        with self._one:
            self._db.execute("INSERT OR REPLACE INTO notified VALUES (?, ?)", (key, at))

    def close(self) -> None:
        """Close the file and let another process write it."""
        self._db.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _lock(path: Path) -> int:
    """A descriptor that holds the right to write the store at `path`; the kernel ends it with the process.

    It is a file of its own beside the store: closing any descriptor of the store itself would drop the locks
    that SQLite has on it (POSIX locks belong to the process).

    Raises:
        StoreInUse: another writer has it.
        WrongStore: the directory cannot be written.
    """
    try:
        lock = os.open(f"{path}-lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise WrongStore(f"{path}: cannot be opened as a Kvartal store: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise StoreInUse(f"{path}: another process of Kvartal is writing it") from None
    return lock
