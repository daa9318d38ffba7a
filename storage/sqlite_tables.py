"""The tables of a store by their natural keys, and the parts of state, to compare a store with one made once more.

Every column of a table is compared, so that a new one is compared from its first day; `HISTORY` names those that say
when something was learned, which no second reading of the facts can give.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias

from metering.events import Event
from storage.sqlite_rows import Rows
from storage.sqlite_schema import in_memory

Owner: TypeAlias = Literal["register", "building", "contract"]

OWNED: Final[dict[str, Owner]] = {
    "hour": "register",
    "unknown": "register",
    "day": "register",
    "gauge": "register",
    "finding": "register",
    "register": "building",
    "weather_day": "building",
    "alert": "building",
    "savings": "contract",
    "position": "contract",
    "baseline": "contract",
}
"""Tables of figures, and what a row of each belongs to."""
HISTORY: Final = frozenset({("finding", "found_at"), ("baseline", "fitted_at"), ("register", "duplicate")})
"""(table, column): history, which is not compared."""
_BODY_HISTORY: Final = "received_at"
_DAY_FIRST: Final = frozenset({"hour", "gauge"})
"""Tables whose key begins with the day: the rows of a register are looked up day by day."""

Row: TypeAlias = dict[str, Any]
TableRows: TypeAlias = dict[tuple[Any, ...], Row]
"""Figures by column, by the columns of the key."""


class Tables:
    """The tables of one store."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._shape: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self._ids: dict[tuple[str, str, str], int] = {}
        self._days: dict[str, tuple[int, int]] = {}

    @classmethod
    def of_events(cls, events: Iterable[Event]) -> Tables:
        """The tables of a store in memory that got these events."""
        db = in_memory()
        ids: dict[tuple[str, str, str], int] = {}

        def register(building: str, meter: str, quantity: str) -> int:
            key = (building, meter, quantity)
            if key not in ids:
                insert = "INSERT INTO register (building, meter, quantity) VALUES (?, ?, ?)"
                ids[key] = int(db.execute(insert, key).lastrowid or 0)
            return ids[key]

        rows = Rows(register, once=True)
        db.execute("BEGIN")
        rows.add(events)
        rows.write(db)
        db.execute("COMMIT")
        return cls(db)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def registers(self) -> dict[tuple[str, str, str], int]:
        """Ids of registers by building, meter and quantity."""
        if not self._ids:
            rows = self._db.execute("SELECT building, meter, quantity, id FROM register")
            self._ids = {(building, meter, quantity): id for building, meter, quantity, id in rows}
        return self._ids

    def rows(self, table: str, owner: str | tuple[str, str, str]) -> TableRows:
        """The rows of a table that belong to a register, a building or a contract, without history."""
        keys, columns = self._columns(table)
        of = OWNED[table]
        value: Any = owner
        if of == "register":
            assert isinstance(owner, tuple)
            value = self.registers().get(owner)
            if value is None:
                return {}
        names = ", ".join((*keys, *columns))
        if table in _DAY_FIRST:
            first, last = self._span(table)
            found = self._db.execute(
                "WITH RECURSIVE days(d) AS (SELECT ?1 UNION ALL SELECT d + 1 FROM days WHERE d < ?2) "
                f"SELECT {names} FROM days CROSS JOIN {table} ON day = d AND register = ?3",
                (first, last, value),
            )
        else:
            found = self._db.execute(f"SELECT {names} FROM {table} WHERE {of} = ?", (value,))
        n = len(keys)
        return {
            row[:n]: {name: _figure(name, each) for name, each in zip(columns, row[n:], strict=True)}
            for row in found
        }

    def contracts(self) -> set[str]:
        """Contracts that have any figure."""
        rows = self._db.execute(
            "SELECT contract FROM savings UNION SELECT contract FROM position UNION SELECT contract FROM baseline"
        )
        return {contract for (contract,) in rows}

    def buildings(self) -> set[str]:
        """Buildings that have any register, weather or alert."""
        rows = self._db.execute(
            "SELECT building FROM register UNION SELECT building FROM weather_day UNION SELECT building FROM alert"
        )
        return {building for (building,) in rows}

    def ownerless(self) -> dict[str, int]:
        """Number of rows by table that belong to no register."""
        counts = {
            table: self._db.execute(
                f"SELECT count(*) FROM {table} WHERE register NOT IN (SELECT id FROM register)"
            ).fetchone()[0]
            for table in (*(table for table, of in OWNED.items() if of == "register"), "restatement")
        }
        return {table: n for table, n in counts.items() if n}

    def parts(self, prefix: str) -> Iterator[tuple[str, str, bytes]]:
        """(key, part, blob) of the keys that begin with `prefix`."""
        return self._db.execute(
            "SELECT key, part, blob FROM part WHERE key >= ?1 AND key < ?1 || char(1114111) ORDER BY key, part",
            (prefix,),
        )

    def part(self, key: str, name: str) -> bytes | None:
        """One part of state."""
        row = self._db.execute("SELECT blob FROM part WHERE key = ? AND part = ?", (key, name)).fetchone()
        return None if row is None else row[0]

    def parts_of(self, key: str) -> dict[str, bytes]:
        """All parts of one key, by name."""
        return dict(self._db.execute("SELECT part, blob FROM part WHERE key = ?", (key,)).fetchall())

    def counted(self) -> dict[str, int]:
        """The counters, as they stand."""
        return dict(self._db.execute("SELECT name, n FROM counted").fetchall())

    def counted_again(self) -> dict[str, int]:
        """The counters as sums over registers and rejections."""
        accepted, duplicate = self._db.execute(
            "SELECT coalesce(sum(accepted), 0), coalesce(sum(duplicate), 0) FROM register"
        ).fetchone()
        reasons = dict(
            self._db.execute("SELECT reason, sum(readings) FROM rejected GROUP BY reason").fetchall()
        )
        rejected = sum(reasons.values())
        sums = {
            "received": accepted + duplicate + rejected,
            "accepted": accepted,
            "duplicate": duplicate,
            "rejected": rejected,
            **{f"rejected:{reason}": n for reason, n in reasons.items()},
        }
        return {name: n for name, n in sums.items() if n}

    def select(self, sql: str, values: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        """Rows of a query."""
        return self._db.execute(sql, values)

    def _columns(self, table: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Columns of the natural key, and the others, without history."""
        shape = self._shape.get(table)
        if shape is None:
            described = self._db.execute(f"PRAGMA table_info({table})").fetchall()
            of = OWNED[table]
            if table == "register":
                keys = ["meter", "quantity"]
            else:
                keyed = sorted((row for row in described if row[5]), key=lambda row: row[5])
                keys = [row[1] for row in keyed if row[1] != of]
            left_out = {*keys, of, "id"}
            columns = [
                row[1] for row in described if row[1] not in left_out and (table, row[1]) not in HISTORY
            ]
            if not keys:
                keys, columns = [of], columns
            shape = self._shape[table] = (tuple(keys), tuple(columns))
        return shape

    def _span(self, table: str) -> tuple[int, int]:
        span = self._days.get(table)
        if span is None:
            row = self._db.execute(f"SELECT min(day), max(day) FROM {table}").fetchone()
            span = self._days[table] = (row[0] or 0, row[1] or -1)
        return span


def _figure(column: str, value: Any) -> Any:
    """A body as its fields, without when it was learned; any other value as it is."""
    if column != "body":
        return value
    try:
        body: Mapping[str, Any] = json.loads(value)
        return {name: each for name, each in body.items() if name != _BODY_HISTORY}
    except (ValueError, AttributeError):
        return value
