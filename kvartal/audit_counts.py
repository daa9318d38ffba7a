"""What concerns a whole store: its counters, rows without a register, and chains of restatements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from kvartal.audit_differences import Difference
from metering.times import HOUR_MS, iso
from storage.sqlite_tables import Tables

_HISTORY: Final = (
    "SELECT register, date, old, new, learned_at FROM restatement ORDER BY register, date, learned_at"
)


def store_apart(tables: Tables) -> Iterator[Difference]:
    """What contradicts itself in the whole store."""
    counted, sums = tables.counted(), tables.counted_again()
    for name in sorted(counted.keys() | sums.keys()):
        if counted.get(name, 0) != sums.get(name, 0):
            yield Difference("counted", name, "n", counted.get(name, 0), sums.get(name, 0))
    for table, n in tables.ownerless().items():
        yield Difference(table, "rows without a register", "count", n, 0)
    for table in ("hour", "gauge"):
        for day, hour in tables.select(f"SELECT day, hour FROM {table} WHERE day <> hour / 24 LIMIT 5"):
            yield Difference(table, iso(hour * HOUR_MS), "day", day, hour // 24)
    yield from _restated(tables)


def _restated(tables: Tables) -> Iterator[Difference]:
    """Restatements that do not begin where the one before them ended, or do not end at the figure that is shown."""
    names = {
        id: f"{building}/{meter}/{quantity}" for (building, meter, quantity), id in tables.registers().items()
    }
    last: tuple[Any, ...] | None = None
    for row in (*tables.select(_HISTORY), None):
        if last is not None and (row is None or row[:2] != last[:2]):
            yield from _ends(tables, names, last)
        elif row is not None and last is not None and last[3] not in (None, row[2]):
            # A figure that was withdrawn is published anew without a restatement.
            key = f"{names.get(row[0])} {row[1]} {iso(row[4])}"
            yield Difference("restatement", key, "old", row[2], last[3])
        last = row


def _ends(tables: Tables, names: dict[int, str], last: tuple[Any, ...]) -> Iterator[Difference]:
    register, date, _, new, learned_at = last
    if new is None:
        return
    shown = next(
        tables.select(f"SELECT used FROM day WHERE date = {int(date)} AND register = {int(register)}"), None
    )
    if shown is None or shown[0] != new:
        key = f"{names.get(register)} {date} {iso(learned_at)}"
        yield Difference("restatement", key, "new", new, None if shown is None else shown[0])
