"""Tables of the embedded store, and how a file of an older version becomes one of this version.

Keys are day-first where rows arrive in time order (facts: 167-266 thousand rows/s committed against 34
thousand with the meter first). Registers and contracts have small integer ids.
"""

from __future__ import annotations

import sqlite3
from typing import Final

VERSION: Final = 1

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


class WrongStore(OSError):
    """The file is not a store that this version of Kvartal can open."""


def connect(path: str, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection with the store's settings; the writer's creates and migrates the tables.

    Raises:
        WrongStore: the file is not a store, or was written by a newer version.
    """
    target = f"file:{path}?mode=ro" if read_only else path
    try:
        connection = sqlite3.connect(target, uri=read_only, isolation_level=None, check_same_thread=False)
        if not read_only:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA busy_timeout = 10000")
        connection.execute("PRAGMA cache_size = -32768")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise WrongStore(f"{path}: cannot be opened as a Kvartal store: {error}") from None
    if version > VERSION:
        raise WrongStore(f"{path}: written by a newer Kvartal (schema {version}, this one knows {VERSION})")
    if version == 0 and not read_only:
        connection.executescript(f"BEGIN;{_TABLES}PRAGMA user_version = {VERSION};COMMIT;")
    elif version == 0:
        raise WrongStore(f"{path}: holds no Kvartal store")
    return connection
