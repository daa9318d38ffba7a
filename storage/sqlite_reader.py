"""Figures of an embedded store, read while it is being written: the `Figures` contract, and what the page asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from metering.events import Alert, Day, Position, RegisterId, Savings, Unknown, WeatherDay
from metering.ledger.proposals import Found
from storage.sqlite import Store
from storage.sqlite_ledger import Ledger, register_id
from storage.sqlite_messages import Messages
from storage.sqlite_schema import OlderStore, connect
from storage.sqlite_tables import Tables


class Reader:
    """A read-only connection to an embedded store. Use one per thread."""

    def __init__(self, path: str | Path) -> None:
        """Open the store; a file of an older version is migrated first.

        Raises:
            WrongStore: see `storage.sqlite_schema.connect`.
        """
        try:
            self._db = connect(str(path), read_only=True)
        except OlderStore:
            Store(path).close()
            self._db = connect(str(path), read_only=True)
        self.tables = Tables(self._db)
        """The tables of the same store, row by row."""
        self.ledger = Ledger(self._db)
        """Registers, readings and blocks of the same store."""
        self.messages = Messages(self._db)
        """Hash chains and raw messages of the same store."""

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that is read within is of one commit, even if the writer commits meanwhile."""
        self._db.execute("BEGIN")
        try:
            yield
        finally:
            self._db.execute("COMMIT")

    def site(self) -> bytes | None:
        """The site under which the figures were made; None if an older Kvartal made them, or a test."""
        row = self._db.execute("SELECT body FROM site").fetchone()
        return None if row is None else row[0]

    def commits(self) -> int:
        """How many commits the store has had: two reads with the same number see the same figures."""
        return int(self._db.execute("SELECT commits FROM done").fetchone()[0])

    def hours(
        self, building: str, meter: str, quantity: str, first: int, end: int
    ) -> list[tuple[int, int, int]]:
        """(hour, amount, flags) for the hours of `[first, end)` with known energy."""
        register = register_id(self._db, building, meter, quantity)
        if register is None or end <= first:
            return []
        rows = self._db.execute(
            "WITH RECURSIVE days(d) AS (SELECT ? UNION ALL SELECT d + 1 FROM days WHERE d < ?) "
            "SELECT hour, amount, flags FROM days JOIN hour ON hour.day = d AND register = ? "
            "WHERE hour >= ? AND hour < ? ORDER BY hour",
            (first // 24, (end - 1) // 24, register, first, end),
        )
        return rows.fetchall()

    def unknowns(self, building: str, meter: str, quantity: str) -> list[Unknown]:
        """Unknown blocks of a register, by start and end."""
        register = register_id(self._db, building, meter, quantity)
        rows = self._db.execute(
            "SELECT start, end, amount, flags FROM unknown WHERE register = ? ORDER BY start, end",
            (register,),
        )
        return [
            Unknown(start=start, end=end, amount=amount, flags=flags) for start, end, amount, flags in rows
        ]

    def days(self, building: str, meter: str, quantity: str, first: int, last: int) -> list[Day]:
        """Days of a register with date in `[first, last]`."""
        register = register_id(self._db, building, meter, quantity)
        rows = self._db.execute(
            "SELECT date, used, known, unknown, estimated, coverage, flags FROM day "
            "WHERE register = ? AND date BETWEEN ? AND ? ORDER BY date",
            (register, first, last),
        )
        return [
            Day(
                building=building,
                meter=meter,
                quantity=quantity,
                date=date,
                used=used,
                known=known,
                unknown=unknown,
                estimated=estimated,
                coverage=coverage,
                flags=flags,
                received_at=0,
            )
            for date, used, known, unknown, estimated, coverage, flags in rows
        ]

    def weather_days(self, building: str, first: int, last: int) -> list[WeatherDay]:
        """Days of weather at a building with date in `[first, last]`."""
        rows = self._db.execute(
            "SELECT station, date, mean_mc, coverage FROM weather_day "
            "WHERE building = ? AND date BETWEEN ? AND ? ORDER BY date",
            (building, first, last),
        )
        return [
            WeatherDay(
                building=building,
                station=station,
                date=date,
                mean_mc=mean_mc,
                coverage=coverage,
                received_at=0,
            )
            for station, date, mean_mc, coverage in rows
        ]

    def savings(self, contract: str, first: int, last: int) -> list[Savings]:
        """Days of a contract that have a figure, date in `[first, last]`."""
        rows = self._db.execute(
            "SELECT building, date, expected, used, estimated, temp_mc, extrapolated, baseline_id, "
            "flags, adjustment FROM savings WHERE contract = ? AND date BETWEEN ? AND ? ORDER BY date",
            (contract, first, last),
        )
        return [
            Savings(
                building=building,
                contract=contract,
                date=date,
                expected=expected,
                used=used,
                estimated=estimated,
                temp_mc=temp,
                extrapolated=bool(outside),
                baseline_id=baseline,
                received_at=0,
                flags=flags,
                adjustment=adjustment,
            )
            for building, date, expected, used, estimated, temp, outside, baseline, flags, adjustment in rows
        ]

    def gauges(
        self, building: str, meter: str, quantity: str, first: int, end: int
    ) -> list[tuple[int, int, int, int, int, int]]:
        """(hour, mean, low, high, covered [ms], flags) for hours of `[first, end)` that readings cover."""
        rows = self._db.execute(
            "SELECT hour, mean, low, high, covered_ms, flags FROM gauge "
            "WHERE register = ? AND day BETWEEN ? AND ? AND hour >= ? AND hour < ? ORDER BY day, hour",
            (register_id(self._db, building, meter, quantity), first // 24, end // 24, first, end),
        )
        return rows.fetchall()

    def position(self, contract: str) -> Position | None:
        """Where the contract stands, or None before its first reporting day."""
        row = self._db.execute("SELECT body FROM position WHERE contract = ?", (contract,)).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Position)

    def alerts(self, *, open_only: bool = True) -> list[Alert]:
        """Alerts, newest first."""
        where = "WHERE state = 'open' " if open_only else ""
        rows = self._db.execute(
            f"SELECT body FROM alert {where}ORDER BY opened DESC, building, subject, kind"
        )
        return [msgspec.json.decode(body, type=Alert) for (body,) in rows]

    def baseline(self, contract: str) -> bytes | None:
        """The document of the contract's baseline."""
        row = self._db.execute(
            "SELECT document FROM baseline WHERE contract = ? ORDER BY fitted_at DESC, baseline_id DESC LIMIT 1",
            (contract,),
        ).fetchone()
        return None if row is None else row[0]

    def baseline_of_id(self, baseline_id: str) -> bytes | None:
        """The document whose content hash begins with this id."""
        row = self._db.execute(
            "SELECT document FROM baseline WHERE baseline_id = ?", (baseline_id,)
        ).fetchone()
        return None if row is None else row[0]

    def baseline_ids(self, contract: str) -> list[str]:
        """Ids of every version of the contract's baseline, newest first."""
        rows = self._db.execute(
            "SELECT baseline_id FROM baseline WHERE contract = ? ORDER BY fitted_at DESC, baseline_id DESC",
            (contract,),
        )
        return [baseline_id for (baseline_id,) in rows]

    def counts(self) -> dict[str, int]:
        """The counters: received, accepted, duplicate, rejected, rejected:<reason>."""
        return dict(self._db.execute("SELECT name, n FROM counted ORDER BY name").fetchall())

    def rejected(self, *, reason: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """Rejections, newest first."""
        rows = self._db.execute(
            "SELECT id, topic, payload, reason, detail, received_at, readings FROM rejected "
            "WHERE ?1 IS NULL OR reason = ?1 ORDER BY id DESC LIMIT ?2",
            (reason, limit),
        )
        names = ("id", "topic", "payload", "reason", "detail", "received_at", "readings")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def rejected_messages(self, *, reason: str | None = None) -> Iterator[tuple[str, bytes, int, bool]]:
        """(topic, payload, received_at [ms], retain) of messages that were rejected, wholly or in part, oldest first.

        A message with several rejected readings is given once: its payload is kept with the first.
        """
        rows = self._db.execute(
            "SELECT topic, payload, received_at, retain FROM rejected WHERE (?1 IS NULL OR reason = ?1) "
            "AND (payload <> x'' OR detail NOT LIKE '%(payload: see the first%') ORDER BY id",
            (reason,),
        )
        for topic, payload, received_at, retain in rows:
            yield topic, payload, received_at, bool(retain)

    def payload(self, id: int) -> bytes | None:
        """The whole payload of a rejection."""
        row = self._db.execute("SELECT payload FROM rejected WHERE id = ?", (id,)).fetchone()
        return None if row is None else row[0]

    def findings(self, *, limit: int = 200, building: str | None = None) -> list[dict[str, Any]]:
        """Findings, newest first, of one building or of all."""
        rows = self._db.execute(
            "SELECT building, meter, quantity, kind, start, end, figures FROM finding "
            "JOIN register ON register.id = finding.register WHERE ?1 IS NULL OR building = ?1 "
            "ORDER BY start DESC, building, meter, quantity, kind LIMIT ?2",
            (building, limit),
        )
        names = ("building", "meter", "quantity", "kind", "start", "end")
        return [
            dict(zip(names, row, strict=True)) | {"figures": msgspec.json.decode(figures)}
            for *row, figures in rows
        ]

    def found(self, *, limit: int = 2**31, building: str | None = None) -> list[Found]:
        """The same findings with their ids, as proposals are made from them."""
        return [
            Found(
                RegisterId(row["building"], row["meter"], row["quantity"]),
                row["kind"],
                row["start"],
                row["end"],
                row["figures"],
            )
            for row in self.findings(limit=limit, building=building)
        ]

    def restatements(
        self,
        *,
        limit: int = 200,
        building: str | None = None,
        meter: str | None = None,
        dates: tuple[int, int] | None = None,
        main: bool = False,
    ) -> list[dict[str, Any]]:
        """Restatements, newest first; a figure that returned to its old value within one instant is left out.

        Args:
            limit: Largest number of rows.
            building: Of one building only.
            meter: Of one meter only.
            dates: Of days in this range only, both ends included.
            main: Of uses, savings and temperatures only: not of their parts, flags and expectations.
        """
        first, last = dates if dates is not None else (None, None)
        rows = self._db.execute(
            "SELECT building, meter, quantity, date, what, contract, old, new, cause, since, until, learned_at "
            "FROM restatement "
            "JOIN register ON register.id = restatement.register WHERE old IS NOT new "
            "AND (?1 IS NULL OR building = ?1) AND (?2 IS NULL OR meter = ?2) "
            "AND (?3 IS NULL OR date BETWEEN ?3 AND ?4) "
            "AND (NOT ?6 OR (what = 'use' AND contract = '') OR what IN ('temperature', 'saving', 'saving_to_date')) "
            "ORDER BY learned_at DESC, building, meter, quantity, date DESC, contract, what DESC LIMIT ?5",
            (building, meter, first, last, limit, main),
        )
        names = (
            *("building", "meter", "quantity", "date", "what", "contract", "old", "new"),
            *("cause", "since", "until", "learned_at"),
        )
        return [dict(zip(names, row, strict=True)) for row in rows]
