"""The ledger's rows of an embedded store: registers, accepted readings, blocks, intervals.

The ledger keeps its state as blocks, one a register and UTC day (`metering.ledger.blocks`). This module reads them as
they were committed; hours, days and savings are figures (`storage.sqlite_reader`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from heapq import merge
from typing import Final, NamedTuple

import msgspec

from metering.events import RegisterId, Ruling
from metering.ledger.blocks import Block, Head
from metering.ledger.proposals import Stored
from metering.ledger.statement import Statement, statement
from metering.times import DAY_MS, HOUR_MS
from metering.units import QUANTITIES

_BLOCK: Final = msgspec.msgpack.Decoder(Block)
_HEAD: Final = msgspec.msgpack.Decoder(Head)


class LedgerRow(NamedTuple):
    """One interval or unknown block of the ledger."""

    building: str
    meter: str
    quantity: str
    start: int
    end: int
    unit: str
    amount: int
    flags: int


class GaugeRow(NamedTuple):
    """One hour of a gauge, amounts in its base unit."""

    building: str
    meter: str
    quantity: str
    unit: str
    hour: int
    mean: int
    low: int
    high: int
    covered_ms: int
    flags: int


class Register(NamedTuple):
    """One register and how its readings were accounted for."""

    building: str
    meter: str
    quantity: str
    accepted: int
    duplicate: int
    last_time: int | None
    last_amount: int | None


def register_id(db: sqlite3.Connection, building: str, meter: str, quantity: str) -> int | None:
    """The store's number of a register or gauge; None if nothing of it was written."""
    row = db.execute(
        "SELECT id FROM register WHERE building = ? AND meter = ? AND quantity = ?",
        (building, meter, quantity),
    ).fetchone()
    return None if row is None else int(row[0])


class Ledger:
    """The ledger of an embedded store, read through the connection of a `Reader`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def registers(self) -> list[Register]:
        """Every register and gauge with readings, by building and meter; a station's stand under no building."""
        rows = self._db.execute(
            "SELECT building, meter, quantity, accepted, duplicate, last_time, last_amount FROM register "
            "WHERE building = '' OR quantity <> 'outdoor_temperature' "
            "ORDER BY building, meter, quantity"
        )
        return [Register(*row) for row in rows]

    def readings(
        self, building: str, meter: str, quantity: str, start: int, end: int
    ) -> list[tuple[int, int]]:
        """Accepted readings of a register with start <= time <= end: (time [ms], amount)."""
        readings: list[tuple[int, int]] = []
        key = f"ledger/{building}/{meter}/{quantity}"
        for day in range(start // DAY_MS, end // DAY_MS + 1):
            row = self._db.execute(
                "SELECT blob FROM part WHERE key = ? AND part = ?", (key, str(day))
            ).fetchone()
            if row is not None:
                block = _BLOCK.decode(row[0])
                readings += [p for p in zip(block.times, block.amounts, strict=True) if start <= p[0] <= end]
        return readings

    def blocks(self, building: str, meter: str, quantity: str) -> list[Block]:
        """All blocks of a register's ledger, by UTC day."""
        rows = self._db.execute(
            "SELECT blob FROM part WHERE key = ? AND part != 'head' ORDER BY CAST(part AS INTEGER)",
            (f"ledger/{building}/{meter}/{quantity}",),
        )
        return [_BLOCK.decode(blob) for (blob,) in rows]

    def stored(self, register: RegisterId) -> Stored:
        """What a register sent, read when it is needed."""
        key = f"ledger/{register}"

        def blocks(first: int, last: int) -> list[Block]:
            rows = self._db.execute(
                "SELECT blob FROM part WHERE key = ? AND part != 'head' "
                "AND CAST(part AS INTEGER) BETWEEN ? AND ? ORDER BY CAST(part AS INTEGER)",
                (key, first, last),
            )
            return [_BLOCK.decode(blob) for (blob,) in rows]

        return Stored(blocks)

    def head(self, building: str, meter: str, quantity: str) -> Head:
        """Which days of a register's ledger have blocks, and the rules that made them."""
        row = self._db.execute(
            "SELECT blob FROM part WHERE key = ? AND part = 'head'",
            (f"ledger/{building}/{meter}/{quantity}",),
        ).fetchone()
        return Head() if row is None else _HEAD.decode(row[0])

    def rulings(self) -> list[tuple[RegisterId, Ruling]]:
        """The latest statement of every ruling, withdrawn ones too, by register and time."""
        rows = self._db.execute(
            "SELECT key, blob FROM part WHERE part = 'head' AND key LIKE 'ledger/%' ORDER BY key"
        )
        return [
            (RegisterId(*key.split("/")[1:]), ruling)
            for key, blob in rows
            for ruling in sorted(_HEAD.decode(blob).rulings, key=lambda each: (each.at, each.kind))
        ]

    def rows(self, *, building: str | None = None, meter: str | None = None) -> Iterator[LedgerRow]:
        """The ledger, sorted by building, meter, quantity, start, end; an unknown block is one row.

        All rows are of one commit, even if the writer commits meanwhile.
        """
        self._db.execute("BEGIN")
        try:
            for register in self.registers():
                if building in (None, register.building) and meter in (None, register.meter):
                    yield from self._ledger_of(register)
        finally:
            self._db.execute("COMMIT")

    def statements(
        self, *, building: str | None = None, meter: str | None = None
    ) -> Iterator[tuple[Register, Statement]]:
        """The statement of each register that has a ledger, by building and meter."""
        for register in self.registers():
            if building in (None, register.building) and meter in (None, register.meter):
                each = self.statement(register.building, register.meter, register.quantity)
                if each is not None:
                    yield register, each

    def statement(self, building: str, meter: str, quantity: str) -> Statement | None:
        """Where the difference between a register's first and last accepted reading went."""
        if QUANTITIES[quantity].nature != "register":
            return None
        who = (building, meter, quantity)
        return statement(self.head(*who), self.blocks(*who))

    def gauges(self, *, building: str | None = None, meter: str | None = None) -> Iterator[GaugeRow]:
        """Hours of gauges, sorted by building, meter, quantity, hour."""
        for register in self.registers():
            if building not in (None, register.building) or meter not in (None, register.meter):
                continue
            quantity = QUANTITIES[register.quantity]
            if quantity.nature == "gauge":
                who = (register.building, register.meter, register.quantity)
                rows = self._db.execute(
                    "SELECT hour, mean, low, high, covered_ms, flags FROM gauge WHERE register = ? ORDER BY day, hour",
                    (register_id(self._db, *who),),
                )
                for row in rows:
                    yield GaugeRow(*who, quantity.base, *row)

    def _ledger_of(self, register: Register) -> Iterator[LedgerRow]:
        who = (register.building, register.meter, register.quantity)
        unit = QUANTITIES[register.quantity].base
        id = register_id(self._db, *who)
        # Day by day: the key begins with the day, so the hours of a register are not adjacent.
        rows = self._db.execute(
            "WITH RECURSIVE bounds AS (SELECT (SELECT min(day) FROM hour) AS a, (SELECT max(day) FROM hour) AS z), "
            "days(d) AS (SELECT a FROM bounds WHERE a NOT NULL UNION ALL SELECT d + 1 FROM days, bounds WHERE d < z) "
            "SELECT hour * :h, (hour + 1) * :h, amount, flags FROM days CROSS JOIN hour "
            "ON hour.day = d AND hour.register = :r",
            {"h": HOUR_MS, "r": id},
        )
        blocks = self._db.execute(
            "SELECT start, end, amount, flags FROM unknown WHERE register = ? ORDER BY start, end", (id,)
        )
        for start, end, amount, flags in merge(rows, blocks):
            yield LedgerRow(*who, start, end, unit, amount, flags)
