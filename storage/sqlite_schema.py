"""Tables of the embedded store, and how a file of an older version becomes one of this version.

Keys are day-first if rows arrive in time order (docs/sources.md#day-first-keys: 167-266 thousand rows/s
committed against 34 thousand with the meter first). Registers have small integer ids.

The version is also that of the parts' blobs: a change to how the state is encoded is a step here.

`STEPS[n]` turns a file of version n into one of version n + 1; a new file goes through all of them, so that
there is one way to every version. A step that has been released is never edited.
"""

from __future__ import annotations

import sqlite3
import urllib.parse
from collections.abc import Sequence
from typing import Final

from metering.refusal import Refusal

APPLICATION_ID: Final = 0x4B56544C
"""`KVTL` in the header of the file, which marks it as a Kvartal store (`file(1)` shows it)."""

_TABLES: Final = """
CREATE TABLE part (key TEXT NOT NULL, part TEXT NOT NULL, blob BLOB NOT NULL,
    PRIMARY KEY (key, part)) WITHOUT ROWID;
CREATE TABLE register (id INTEGER PRIMARY KEY, building TEXT NOT NULL, meter TEXT NOT NULL,
    quantity TEXT NOT NULL, accepted INTEGER NOT NULL DEFAULT 0, duplicate INTEGER NOT NULL DEFAULT 0,
    last_time INTEGER, last_amount INTEGER, UNIQUE (building, meter, quantity));
CREATE TABLE hour (day INTEGER NOT NULL, register INTEGER NOT NULL, hour INTEGER NOT NULL,
    amount INTEGER NOT NULL, flags INTEGER NOT NULL, PRIMARY KEY (day, register, hour)) WITHOUT ROWID;
CREATE TABLE unknown (register INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,
    amount INTEGER NOT NULL, flags INTEGER NOT NULL, PRIMARY KEY (register, start)) WITHOUT ROWID;
CREATE TABLE day (date INTEGER NOT NULL, register INTEGER NOT NULL, used INTEGER, known INTEGER NOT NULL,
    unknown INTEGER NOT NULL, estimated INTEGER NOT NULL, coverage REAL NOT NULL, flags INTEGER NOT NULL,
    PRIMARY KEY (date, register)) WITHOUT ROWID;
CREATE INDEX day_by_register ON day (register, date);
CREATE TABLE weather_day (date INTEGER NOT NULL, building TEXT NOT NULL, station TEXT NOT NULL,
    mean_mc INTEGER, coverage REAL NOT NULL, PRIMARY KEY (building, station, date)) WITHOUT ROWID;
CREATE TABLE savings (contract TEXT NOT NULL, date INTEGER NOT NULL, building TEXT NOT NULL,
    expected INTEGER NOT NULL, used INTEGER NOT NULL, estimated INTEGER NOT NULL, temp_mc INTEGER,
    extrapolated INTEGER NOT NULL, baseline_id TEXT NOT NULL, PRIMARY KEY (contract, date)) WITHOUT ROWID;
CREATE TABLE baseline (contract TEXT NOT NULL, baseline_id TEXT NOT NULL, document BLOB NOT NULL,
    fitted_at INTEGER NOT NULL, PRIMARY KEY (contract, baseline_id)) WITHOUT ROWID;
CREATE TABLE position (contract TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE alert (building TEXT NOT NULL, subject TEXT NOT NULL, kind TEXT NOT NULL,
    opened INTEGER NOT NULL, state TEXT NOT NULL, changed INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (building, subject, kind, opened)) WITHOUT ROWID;
CREATE TABLE finding (register INTEGER NOT NULL, kind TEXT NOT NULL, start INTEGER NOT NULL,
    end INTEGER NOT NULL, detail TEXT NOT NULL, found_at INTEGER NOT NULL,
    PRIMARY KEY (register, kind, start, end, detail)) WITHOUT ROWID;
CREATE TABLE restated (id INTEGER PRIMARY KEY, register INTEGER NOT NULL, date INTEGER NOT NULL, old INTEGER,
    new INTEGER, cause TEXT NOT NULL, learned_at INTEGER NOT NULL);
CREATE TABLE rejected (id INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload BLOB NOT NULL,
    reason TEXT NOT NULL, detail TEXT NOT NULL, received_at INTEGER NOT NULL, readings INTEGER NOT NULL,
    retain INTEGER NOT NULL);
CREATE TABLE counted (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE notified (key TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
"""

# Restatements get a key: those of one register and day that were learned in one instant are one, from the first
# old figure to the last new one. Commits are numbered, so that a reader can name the newest one that it has seen.
_KEYED: Final = f"""
CREATE TABLE restatement (learned_at INTEGER NOT NULL, register INTEGER NOT NULL, date INTEGER NOT NULL,
    old INTEGER, new INTEGER, cause TEXT NOT NULL, PRIMARY KEY (learned_at, register, date)) WITHOUT ROWID;
INSERT INTO restatement SELECT learned_at, register, date, old, new, cause FROM restated WHERE true ORDER BY id
    ON CONFLICT DO UPDATE SET new = excluded.new, cause = excluded.cause;
DROP TABLE restated;
CREATE INDEX rejected_by_time ON rejected (received_at);
CREATE TABLE done (one INTEGER PRIMARY KEY CHECK (one = 1), commits INTEGER NOT NULL);
INSERT INTO done VALUES (1, 0);
PRAGMA application_id = {APPLICATION_ID};
"""

# Gauges get hours; figures of savings get the flags of their day's use.
_GAUGES: Final = """
CREATE TABLE gauge (day INTEGER NOT NULL, register INTEGER NOT NULL, hour INTEGER NOT NULL,
    mean INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL, covered_ms INTEGER NOT NULL,
    flags INTEGER NOT NULL, PRIMARY KEY (day, register, hour)) WITHOUT ROWID;
ALTER TABLE savings ADD COLUMN flags INTEGER NOT NULL DEFAULT 0;
"""

# The part of a figure's expected use that the conditions add to the baseline's.
_ADJUSTED: Final = """
ALTER TABLE savings ADD COLUMN adjustment INTEGER NOT NULL DEFAULT 0;
"""

# Findings have figures; the sentences of earlier ones stay as they are.
_FIGURES: Final = """
ALTER TABLE finding RENAME COLUMN detail TO figures;
UPDATE finding SET figures = json_object('text', figures);
"""

# Two unknown blocks may begin at one instant (a standstill, then a gap), so the key has the end too.
_ENDED: Final = """
CREATE TABLE unknown_block (register INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,
    amount INTEGER NOT NULL, flags INTEGER NOT NULL, PRIMARY KEY (register, start, end)) WITHOUT ROWID;
INSERT INTO unknown_block SELECT register, start, end, amount, flags FROM unknown;
DROP TABLE unknown;
ALTER TABLE unknown_block RENAME TO unknown;
"""

# Every figure that changes is restated: which one, of which contract, and the readings that caused it.
_CAUSED: Final = """
CREATE TABLE restated (learned_at INTEGER NOT NULL, register INTEGER NOT NULL, date INTEGER NOT NULL,
    what TEXT NOT NULL, contract TEXT NOT NULL, old INTEGER, new INTEGER, cause TEXT NOT NULL, since INTEGER,
    until INTEGER, PRIMARY KEY (learned_at, register, date, what, contract)) WITHOUT ROWID;
INSERT INTO restated SELECT learned_at, register, date, 'use', '', old, new, cause, NULL, NULL FROM restatement;
DROP TABLE restatement;
ALTER TABLE restated RENAME TO restatement;
"""

# The site under which the figures were made, for the audit.
_SITE: Final = "CREATE TABLE site (one INTEGER PRIMARY KEY CHECK (one = 1), body BLOB NOT NULL);"

# Hash chains and raw messages. A store that has readings already begins its chains with the next message (since 0).
_MESSAGES: Final = """
CREATE TABLE chain (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, n INTEGER NOT NULL,
    head BLOB NOT NULL, last_at INTEGER, deleted INTEGER NOT NULL, base BLOB NOT NULL, since INTEGER,
    UNIQUE (kind, subject));
CREATE TABLE site_file (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, document BLOB NOT NULL,
    used INTEGER NOT NULL, first_at INTEGER NOT NULL, entered_at INTEGER NOT NULL);
CREATE TABLE message (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, site INTEGER NOT NULL, newest INTEGER NOT NULL,
    before BLOB NOT NULL, head BLOB NOT NULL, marks BLOB NOT NULL, body BLOB NOT NULL);
CREATE TABLE loose_message (id INTEGER PRIMARY KEY, site INTEGER NOT NULL, body BLOB NOT NULL);
INSERT INTO chain (kind, subject, n, head, deleted, base, since)
    SELECT DISTINCT iif(building = '', 'station', 'building'), iif(building = '', meter, building), 0, x'', 0, x'', 0
    FROM register WHERE last_time IS NOT NULL;
"""

STEPS: Final = (_TABLES, _KEYED, _GAUGES, _ADJUSTED, _FIGURES, _ENDED, _CAUSED, _SITE, _MESSAGES)
VERSION: Final = len(STEPS)


class WrongStore(Refusal):
    """The file is not a store that this version of Kvartal can open."""


class OlderStore(WrongStore):
    """The file was written by an older version, and this connection may not migrate it."""


def connect(path: str, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection with the store's settings; the writer's creates and migrates the tables.

    Raises:
        WrongStore: the file is not a store, or was written by a newer version.
        OlderStore: it was written by an older version, and the connection is read-only.
    """
    target = f"file:{urllib.parse.quote(path)}?mode={'ro' if read_only else 'rwc'}"
    connection = None
    try:
        connection = sqlite3.connect(target, uri=True, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA busy_timeout = 10000")
        connection.execute("PRAGMA cache_size = -32768")
        version = _version(connection, path)
        if not read_only:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":
                raise WrongStore(f"{path}: this file system does not take a write-ahead log (mode {mode!r})")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA journal_size_limit = {64 * 2**20}")
            _migrate(connection, path)
        elif version == 0:
            raise WrongStore(f"{path}: holds no Kvartal store")
        elif version < VERSION:
            raise OlderStore(
                f"{path}: written by an older Kvartal (schema {version}, this one reads {VERSION})"
            )
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise WrongStore(f"{path}: cannot be opened as a Kvartal store: {error}") from None
    except WrongStore:
        if connection is not None:
            connection.close()
        raise
    return connection


def in_memory() -> sqlite3.Connection:
    """An empty store of this version in memory: its tables and nothing else."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    _make(connection, STEPS)
    return connection


def _make(connection: sqlite3.Connection, steps: Sequence[str]) -> None:
    for step in steps:
        for statement in step.split(";"):
            if statement.strip():
                connection.execute(statement)


def _version(connection: sqlite3.Connection, path: str) -> int:
    """Schema version of the file, 0 for an empty one."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    # Version 1 did not sign its files.
    ours = application == APPLICATION_ID or (version == 1 and {"part", "register"} <= tables)
    if tables and not ours:
        raise WrongStore(f"{path}: is a SQLite file of something else, not a Kvartal store")
    if version > VERSION:
        raise WrongStore(
            f"{path}: written by a newer Kvartal (schema {version}, this one knows {VERSION}); "
            "start that Kvartal or a newer one"
        )
    return int(version)


def _migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring the file to this version, in one transaction: all of it or nothing."""
    if _version(connection, path) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Asked again under the lock: another process may have been first.
        _make(connection, STEPS[_version(connection, path) :])
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
