"""What concerns a whole store: its counters, rows without a register, and where restatements lead."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final, NamedTuple

from kvartal.audit_differences import Difference
from metering.times import HOUR_MS, iso
from storage.sqlite_tables import Tables

_HISTORY: Final = (
    "SELECT register, what, contract, date, old, new, learned_at FROM restatement "
    "ORDER BY register, what, contract, date, learned_at"
)
_SHOWN: Final = {
    "use": "used",
    "known": "known",
    "unknown": "unknown",
    "estimated": "estimated",
    "flags": "flags",
    "temperature": "mean_mc",
    "expected": "expected",
    "adjustment": "adjustment",
    "saving": "expected - used",
}
"""Column of the figure by `metering.events.Restated.what`; a saving to date has moved on since."""


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


class _Told(NamedTuple):
    """One restatement."""

    register: int
    what: str
    contract: str
    date: int
    old: int | None
    new: int | None
    learned_at: int

    @property
    def of(self) -> tuple[Any, ...]:
        """The figure."""
        return self[:4]


def _restated(tables: Tables) -> Iterator[Difference]:
    """Figures whose restatements do not lead to what is shown.

    Messages may be taken in another order than they were received in, so the order of restatements says nothing. A
    figure that was withdrawn may be published anew without a restatement.
    """
    names = {
        id: f"{building}/{meter}/{quantity}" for (building, meter, quantity), id in tables.registers().items()
    }
    for _, several in groupby(map(_Told._make, tables.select(_HISTORY)), key=lambda told: told.of):
        told = list(several)
        news = {each.new for each in told}
        if told[-1].what in _SHOWN and None not in news:
            (shown,) = _shown(tables, told[-1])
            if shown not in news:
                yield Difference("restatement", _key(names, told[-1]), "new", told[-1].new, shown)


def _key(names: dict[int, str], told: _Told) -> str:
    date = dt.date.fromordinal(told.date).isoformat()
    return " ".join(
        filter(None, (names.get(told.register), told.contract, date, told.what, iso(told.learned_at)))
    )


def _shown(tables: Tables, told: _Told) -> tuple[int | None]:
    """The figure that a restatement is about, as the store shows it now."""
    if told.what not in _SHOWN:
        return (None,)
    table, of_register = ("savings", "contract = ?") if told.contract else ("day", "register = ?")
    owner: int | str = told.contract or told.register
    if told.what == "temperature":
        table = "weather_day"
        of_register = "(building, station) = (SELECT building, meter FROM register WHERE id = ?)"
    sql = f"SELECT {_SHOWN[told.what]} FROM {table} WHERE {of_register} AND date = ?"
    row = next(tables.select(sql, (owner, told.date)), None)
    return (None,) if row is None else (row[0],)
