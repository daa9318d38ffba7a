"""The embedded store: state, ledger, figures and counts of a site in one SQLite file.

One writer; everything that a batch of messages changed is committed in one transaction with
synchronous=FULL, so that a message may be acknowledged when `commit` has returned. Readers have their own
connections and are never blocked (WAL).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from metering.events import (
    Alert,
    Counted,
    Day,
    Event,
    Finding,
    Fitted,
    Hours,
    Position,
    Rejected,
    Restated,
    Savings,
    Unknowns,
    WeatherDay,
)
from storage.sqlite_schema import connect

_encode = msgspec.json.Encoder().encode

_HOUR: Final = "INSERT OR REPLACE INTO hour VALUES (?, ?, ?, ?, ?)"
_HOUR_GONE: Final = "DELETE FROM hour WHERE day = ? AND register = ? AND hour = ?"
_UNKNOWN: Final = "INSERT OR REPLACE INTO unknown VALUES (?, ?, ?, ?, ?)"
_UNKNOWN_GONE: Final = "DELETE FROM unknown WHERE register = ? AND start = ? AND end = ?"
_DAY: Final = "INSERT OR REPLACE INTO day VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_DAY_GONE: Final = "DELETE FROM day WHERE date = ? AND register = ?"
_WEATHER: Final = "INSERT OR REPLACE INTO weather_day VALUES (?, ?, ?, ?, ?)"
_SAVINGS: Final = "INSERT OR REPLACE INTO savings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SAVINGS_GONE: Final = "DELETE FROM savings WHERE contract = ? AND date = ?"
_BASELINE: Final = "INSERT OR REPLACE INTO baseline VALUES (?, ?, ?, ?)"
_POSITION: Final = "INSERT OR REPLACE INTO position VALUES (?, ?)"
_ALERT: Final = "INSERT OR REPLACE INTO alert VALUES (?, ?, ?, ?, ?, ?, ?)"
_FINDING: Final = "INSERT OR REPLACE INTO finding VALUES (?, ?, ?, ?, ?, ?)"
_FINDING_GONE: Final = (
    "DELETE FROM finding WHERE register = ? AND kind = ? AND start = ? AND end = ? AND detail = ?"
)
_RESTATED: Final = (
    "INSERT INTO restated (register, date, old, new, cause, learned_at) VALUES (?, ?, ?, ?, ?, ?)"
)
_REJECTED: Final = (
    "INSERT INTO rejected (topic, payload, reason, detail, received_at, readings, retain) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_COUNTED: Final = (
    "UPDATE register SET accepted = accepted + ?, duplicate = duplicate + ?, last_time = ?, last_amount = ? "
    "WHERE id = ?"
)


class Store:
    """The writer of an embedded store."""

    def __init__(self, path: str | Path) -> None:
        """Open or create the store.

        Raises:
            WrongStore: see `storage.sqlite_schema.connect`.
        """
        self.path = Path(path)
        self._db = connect(str(path))
        self._registers: dict[tuple[str, str, str], int] = {
            (building, meter, quantity): id
            for id, building, meter, quantity in self._db.execute(
                "SELECT id, building, meter, quantity FROM register"
            )
        }

    def part(self, key: str, part: str) -> bytes | None:
        """One part of the pipeline's state, as it was committed."""
        row = self._db.execute("SELECT blob FROM part WHERE key = ? AND part = ?", (key, part)).fetchone()
        return None if row is None else row[0]

    def write(self, events: Iterable[Event]) -> None:
        """Keep events (the `Sink` contract)."""
        self.commit(parts={}, events=events, counts={})

    def commit(
        self,
        *,
        parts: Mapping[tuple[str, str], bytes | None],
        events: Iterable[Event],
        counts: Mapping[str, int],
    ) -> None:
        """Keep parts of state, events and counts in one transaction; on disk when this returns.

        Args:
            parts: Blobs by (key, part); None deletes one.
            events: Events of the pipeline; those that no table keeps are passed over.
            counts: Added to the counters of the same names.
        """
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            rows = _Rows(self._register)
            for event in events:
                rows.add(event)
            rows.write(db)
            db.executemany(
                "INSERT OR REPLACE INTO part VALUES (?, ?, ?)",
                sorted((key, part, blob) for (key, part), blob in parts.items() if blob is not None),
            )
            db.executemany(
                "DELETE FROM part WHERE key = ? AND part = ?",
                [at for at, blob in parts.items() if blob is None],
            )
            db.executemany(
                "INSERT INTO counted VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = n + excluded.n",
                counts.items(),
            )
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise

    def _register(self, building: str, meter: str, quantity: str) -> int:
        key = (building, meter, quantity)
        found = self._registers.get(key)
        if found is None:
            cursor = self._db.execute(
                "INSERT INTO register (building, meter, quantity) VALUES (?, ?, ?)", key
            )
            found = self._registers[key] = int(cursor.lastrowid or 0)
        return found

    def notified(self, key: str) -> bool:
        """Whether the notification `key` has been sent."""
        return self._db.execute("SELECT 1 FROM notified WHERE key = ?", (key,)).fetchone() is not None

    def mark_notified(self, key: str, at: int) -> None:
        """Remember that the notification `key` was sent at `at` [ms]."""
        self._db.execute("INSERT OR REPLACE INTO notified VALUES (?, ?)", (key, at))

    def close(self) -> None:
        """Close the file."""
        self._db.close()


class _Rows:
    """Rows of a commit, collected by statement: one executemany each, in the order that they were first met."""

    def __init__(self, register: Callable[[str, str, str], int]) -> None:
        self._register = register
        self._rows: dict[str, list[tuple[Any, ...]]] = {}
        self._last: dict[tuple[str, Any, Any, Any], tuple[str, tuple[Any, ...]]] = {}

    def add(self, event: Event) -> None:
        # An hour, a block or a day that changes twice within a commit is written once, as it was last.
        if isinstance(event, Hours):
            register = self._register(event.building, event.meter, event.quantity)
            last = self._last
            for hour, amount, flags in zip(event.hours, event.amounts, event.flags, strict=True):
                day = hour // 24
                if amount is None:
                    last["hour", register, hour, 0] = (_HOUR_GONE, (day, register, hour))
                else:
                    last["hour", register, hour, 0] = (_HOUR, (day, register, hour, amount, flags))
        elif isinstance(event, Counted):
            register = self._register(event.building, event.meter, event.quantity)
            self._append(
                _COUNTED, (event.accepted, event.duplicate, event.last_time, event.last_amount, register)
            )
        elif isinstance(event, Day):
            register = self._register(event.building, event.meter, event.quantity)
            at = ("day", register, event.date, 0)
            if event.withdrawn:
                self._last[at] = (_DAY_GONE, (event.date, register))
            else:
                self._last[at] = (
                    _DAY,
                    (
                        event.date,
                        register,
                        event.used,
                        event.known,
                        event.unknown,
                        event.estimated,
                        event.coverage,
                        event.flags,
                    ),
                )
        elif isinstance(event, Savings):
            of = ("savings", event.contract, event.date, 0)
            if event.withdrawn:
                self._last[of] = (_SAVINGS_GONE, (event.contract, event.date))
            else:
                self._last[of] = (
                    _SAVINGS,
                    (
                        event.contract,
                        event.date,
                        event.building,
                        event.expected,
                        event.used,
                        event.estimated,
                        event.temp_mc,
                        event.extrapolated,
                        event.baseline_id,
                    ),
                )
        elif isinstance(event, WeatherDay):
            self._append(_WEATHER, (event.date, event.building, event.station, event.mean_mc, event.coverage))
        elif isinstance(event, Unknowns):
            register = self._register(event.building, event.meter, event.quantity)
            for block in event.withdrawn:
                gone = (register, block.start, block.end)
                self._last["unknown", *gone] = (_UNKNOWN_GONE, gone)
            for block in event.added:
                row = (register, block.start, block.end, block.amount, block.flags)
                # Withdrawn in the same commit under another end: that row must go first.
                self._last.pop(("unknown", register, block.start, block.end), None)
                self._last["unknown", register, block.start, block.end] = (_UNKNOWN, row)
        else:
            self._add_rare(event)

    def _add_rare(self, event: Event) -> None:
        if isinstance(event, Rejected):
            self._append(
                _REJECTED,
                (
                    event.topic,
                    event.payload,
                    event.reason,
                    event.detail,
                    event.received_at,
                    event.readings,
                    event.retain,
                ),
            )
        elif isinstance(event, Position):
            self._append(_POSITION, (event.contract, _encode(event)))
        elif isinstance(event, Fitted):
            self._append(_BASELINE, (event.contract, event.baseline_id, event.document, event.received_at))
        elif isinstance(event, Alert):
            key = (event.building, event.subject, event.kind, event.opened)
            self._append(_ALERT, (*key, event.state, event.changed, _encode(event)))
        elif isinstance(event, Finding):
            register = self._register(event.building, event.meter, event.quantity)
            finding = (register, event.kind, event.start, event.end, event.detail)
            self._last["finding", finding, 0, 0] = (
                (_FINDING_GONE, finding) if event.withdrawn else (_FINDING, (*finding, event.received_at))
            )
        elif isinstance(event, Restated):
            register = self._register(event.building, event.meter, event.quantity)
            self._append(
                _RESTATED,
                (register, event.date, event.old, event.new, event.cause, event.learned_at),
            )

    def _append(self, statement: str, row: tuple[Any, ...]) -> None:
        rows = self._rows.get(statement)
        if rows is None:
            self._rows[statement] = [row]
        else:
            rows.append(row)

    def write(self, db: Any) -> None:
        deletes = (_HOUR_GONE, _UNKNOWN_GONE, _DAY_GONE, _SAVINGS_GONE, _FINDING_GONE)
        for statement, row in self._last.values():
            self._append(statement, row)
        for statement in deletes:
            if statement in self._rows:
                db.executemany(statement, self._rows.pop(statement))
        for statement, rows in self._rows.items():
            if statement == _HOUR:
                rows.sort()
            db.executemany(statement, rows)
