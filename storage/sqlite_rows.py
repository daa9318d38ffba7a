"""Events -> rows of the embedded store: collected over a commit, written by one `executemany` a statement.

Rows have keys: an hour, a day, a block or a figure that changes twice within a commit is written once, with its last
value.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from metering.events import (
    Alert,
    Counted,
    Day,
    Event,
    Finding,
    Fitted,
    Gauged,
    Hours,
    Position,
    Rejected,
    Restated,
    Savings,
    Unknowns,
    WeatherDay,
)

Row = tuple[Any, ...]
_encode = msgspec.json.Encoder().encode

_HOUR: Final = "INSERT OR REPLACE INTO hour VALUES (?, ?, ?, ?, ?)"
_HOUR_GONE: Final = "DELETE FROM hour WHERE day = ? AND register = ? AND hour = ?"
_UNKNOWN: Final = "INSERT OR REPLACE INTO unknown VALUES (?, ?, ?, ?, ?)"
_UNKNOWN_GONE: Final = "DELETE FROM unknown WHERE register = ? AND start = ? AND end = ?"
_DAY: Final = "INSERT OR REPLACE INTO day VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_DAY_GONE: Final = "DELETE FROM day WHERE date = ? AND register = ?"
_WEATHER: Final = "INSERT OR REPLACE INTO weather_day VALUES (?, ?, ?, ?, ?)"
_GAUGE: Final = "INSERT OR REPLACE INTO gauge VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_GAUGE_GONE: Final = "DELETE FROM gauge WHERE day = ? AND register = ? AND hour = ?"
_SAVINGS: Final = "INSERT OR REPLACE INTO savings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SAVINGS_GONE: Final = "DELETE FROM savings WHERE contract = ? AND date = ?"
_BASELINE: Final = (
    "INSERT INTO baseline VALUES (?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET fitted_at = max(fitted_at, excluded.fitted_at)"
)
_POSITION: Final = "INSERT OR REPLACE INTO position VALUES (?, ?)"
_POSITION_GONE: Final = "DELETE FROM position WHERE contract = ?"
_ALERT: Final = "INSERT OR REPLACE INTO alert VALUES (?, ?, ?, ?, ?, ?, ?)"
_FINDING: Final = "INSERT OR REPLACE INTO finding VALUES (?, ?, ?, ?, ?, ?)"
_FINDING_GONE: Final = (
    "DELETE FROM finding WHERE register = ? AND kind = ? AND start = ? AND end = ? "
    # One that was stored as a sentence is known by its kind and time.
    "AND (figures = ? OR json_extract(figures, '$.text') IS NOT NULL)"
)
_RESTATED: Final = (
    "INSERT INTO restatement VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET new = excluded.new, cause = excluded.cause, "
    "since = coalesce(min(since, excluded.since), since, excluded.since), "
    "until = coalesce(max(until, excluded.until), until, excluded.until)"
)
_REJECTED: Final = (
    "INSERT INTO rejected (topic, payload, reason, detail, received_at, readings, retain) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_REJECTED_ONCE: Final = (
    "INSERT INTO rejected (topic, payload, reason, detail, received_at, readings, retain) "
    "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE NOT EXISTS (SELECT 1 FROM rejected WHERE received_at = ?5 "
    "AND topic = ?1 AND payload = ?2 AND reason = ?3 AND detail = ?4)"
)
_COUNTED: Final = (
    "UPDATE register SET accepted = accepted + ?, duplicate = duplicate + ?, last_time = ?, last_amount = ? "
    "WHERE id = ?"
)


class Rows:
    """Rows of one commit."""

    def __init__(self, register: Callable[[str, str, str], int], *, once: bool) -> None:
        """
        Args:
            register: Id of a register, by building, meter and quantity.
            once: The events come exactly once, so that accounts may be added up and every rejection is a row.
        """
        self._register = register
        self._once = once
        self._hours: dict[tuple[int, int], tuple[int, int] | None] = {}
        self._keyed: dict[str, dict[Row, Row | None]] = {}
        self._plain: dict[str, list[Row]] = {}

    def add(self, events: Iterable[Event]) -> None:
        """Collect the rows of events; events without a table are skipped."""
        for event in events:
            collect = _COLLECT.get(type(event))
            if collect is not None:
                collect(self, event)

    def _hour(self, event: Hours) -> None:
        register = self._register(event.building, event.meter, event.quantity)
        hours = self._hours
        for hour, amount, flags in zip(event.hours, event.amounts, event.flags, strict=True):
            hours[register, hour] = None if amount is None else (amount, flags)

    def _counted(self, event: Counted) -> None:
        register = self._register(event.building, event.meter, event.quantity)
        if self._once:
            accounted = (event.accepted, event.duplicate, event.last_time, event.last_amount, register)
            self._append(_COUNTED, accounted)

    def _gauged(self, event: Gauged) -> None:
        register = self._register(event.building, event.meter, event.quantity)
        figures = zip(event.means, event.lows, event.highs, event.covered_ms, event.flags, strict=True)
        for hour, figure in zip(event.hours, figures, strict=True):
            self._replace(_GAUGE, (hour // 24, register, hour), None if figure[0] is None else figure)

    def _day(self, event: Day) -> None:
        register = self._register(event.building, event.meter, event.quantity)
        figures = (
            event.used,
            event.known,
            event.unknown,
            event.estimated,
            event.coverage,
            event.flags,
        )
        self._replace(_DAY, (event.date, register), None if event.withdrawn else figures)

    def _savings(self, event: Savings) -> None:
        figures = (
            event.building,
            event.expected,
            event.used,
            event.estimated,
            event.temp_mc,
            event.extrapolated,
            event.baseline_id,
            event.flags,
            event.adjustment,
        )
        self._replace(_SAVINGS, (event.contract, event.date), None if event.withdrawn else figures)

    def _weather_day(self, event: WeatherDay) -> None:
        self._append(_WEATHER, (event.date, event.building, event.station, event.mean_mc, event.coverage))

    def _unknowns(self, event: Unknowns) -> None:
        register = self._register(event.building, event.meter, event.quantity)
        for block in event.withdrawn:
            self._replace(_UNKNOWN, (register, block.start, block.end), None)
        for block in event.added:
            self._replace(_UNKNOWN, (register, block.start, block.end), (block.amount, block.flags))

    def _rejected(self, event: Rejected) -> None:
        self._append(
            _REJECTED if self._once else _REJECTED_ONCE,
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

    def _position(self, event: Position) -> None:
        self._replace(_POSITION, (event.contract,), None if event.withdrawn else (_encode(event),))

    def _fitted(self, event: Fitted) -> None:
        self._append(_BASELINE, (event.contract, event.baseline_id, event.document, event.received_at))

    def _alert(self, event: Alert) -> None:
        key = (event.building, event.subject, event.kind, event.opened)
        self._append(_ALERT, (*key, event.state, event.changed, _encode(event)))

    def _finding(self, event: Finding) -> None:
        register = self._register(event.building, event.meter, event.quantity)
        key = (register, event.kind, event.start, event.end, _encode(event.figures).decode())
        self._replace(_FINDING, key, None if event.withdrawn else (event.received_at,))

    def _restated(self, event: Restated) -> None:
        register = self._register(event.building, event.meter, event.quantity)
        why = (event.cause, event.since or None, event.until or None)
        for what, old, new in event.figures():
            key = (event.learned_at, register, event.date, what, event.contract)
            self._append(_RESTATED, (*key, old, new, *why))

    def _append(self, statement: str, row: Row) -> None:
        rows = self._plain.get(statement)
        if rows is None:
            self._plain[statement] = [row]
        else:
            rows.append(row)

    def _replace(self, statement: str, key: Row, figures: Row | None) -> None:
        keyed = self._keyed.get(statement)
        if keyed is None:
            keyed = self._keyed[statement] = {}
        keyed[key] = figures

    def write(self, db: sqlite3.Connection) -> None:
        """Write the rows. Deletions come first: a changed block may have the key of the old one."""
        gone = [
            (hour // 24, register, hour) for (register, hour), figure in self._hours.items() if figure is None
        ]
        if gone:
            db.executemany(_HOUR_GONE, gone)
        held_hours = [
            (hour // 24, register, hour, *figure)
            for (register, hour), figure in self._hours.items()
            if figure is not None
        ]
        held_hours.sort()
        db.executemany(_HOUR, held_hours)
        for statement, keyed in self._keyed.items():
            deleted = [key for key, figures in keyed.items() if figures is None]
            if deleted:
                db.executemany(_GONE[statement], deleted)
            rows = [(*key, *figures) for key, figures in keyed.items() if figures is not None]
            db.executemany(statement, rows)
        for statement, rows in self._plain.items():
            db.executemany(statement, rows)


_GONE: Final = {
    _DAY: _DAY_GONE,
    _GAUGE: _GAUGE_GONE,
    _SAVINGS: _SAVINGS_GONE,
    _POSITION: _POSITION_GONE,
    _UNKNOWN: _UNKNOWN_GONE,
    _FINDING: _FINDING_GONE,
}

_COLLECT: Final[dict[type, Callable[[Rows, Any], None]]] = {
    Hours: Rows._hour,
    Counted: Rows._counted,
    Day: Rows._day,
    Gauged: Rows._gauged,
    Savings: Rows._savings,
    WeatherDay: Rows._weather_day,
    Unknowns: Rows._unknowns,
    Rejected: Rows._rejected,
    Position: Rows._position,
    Fitted: Rows._fitted,
    Alert: Rows._alert,
    Finding: Rows._finding,
    Restated: Rows._restated,
}
