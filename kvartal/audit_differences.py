"""Two stores of one building compared: rows of tables, and parts of the steps' state."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from metering.times import HOUR_MS, iso
from storage.sqlite_tables import TableRows

MOST: Final = 5
"""Differences of one table and owner that are named one by one."""
_DATES: Final = range(700_000, 800_000)
"""Ordinals that are shown as dates."""


class Difference(NamedTuple):
    """One figure that the facts do not give."""

    table: str
    key: str
    """The register, building or contract, and the rest of the key."""
    column: str
    stored: Any
    """None: the store has no such row or figure."""
    recomputed: Any
    """None: the facts give no such row or figure."""

    def __str__(self) -> str:
        return (
            f"{self.table} {self.key}: {self.column} is {_text(self.stored)}, "
            f"the facts give {_text(self.recomputed)}"
        )


def _text(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def rows_apart(
    table: str,
    owner: str,
    stored: TableRows,
    again: TableRows,
    given: Callable[[tuple[Any, ...], Mapping[str, Any]], bool] = lambda _key, _row: False,
) -> Iterator[Difference]:
    """Rows that differ, by key.

    Args:
        table: Name of the table.
        owner: What its rows belong to.
        stored: The rows of the store.
        again: The rows that the facts give.
        given: Whether a stored row rests on facts that are deleted or are history: it is not compared.
    """
    for key in sorted(stored.keys() | again.keys(), key=repr):
        was, now = stored.get(key), again.get(key)
        if was == now or (was is not None and given(key, was)):
            continue
        rest = () if key == (owner,) else key
        name = f"{owner} {' '.join(map(_key_text, rest))}".strip()
        if was is None or now is None:
            yield Difference(table, name, "row", was, now)
            continue
        for column in sorted(was.keys() | now.keys()):
            if was.get(column) != now.get(column):
                if column == "body" and isinstance(was["body"], dict) and isinstance(now["body"], dict):
                    yield from _apart(table, name, "body", was["body"], now["body"])
                else:
                    yield Difference(table, name, column, was.get(column), now.get(column))


def _key_text(value: Any) -> str:
    """Dates, hours and instants of a key as people write them."""
    if not isinstance(value, int):
        return str(value)
    if value in _DATES:
        return dt.date.fromordinal(value).isoformat()
    if 200_000 < value < 2_000_000:
        return iso(value * HOUR_MS)
    return iso(value) if value > 10**11 else str(value)


def parts_apart(key: str, name: str, stored: Any, again: Any) -> Iterator[Difference]:
    """Fields of one part of state that differ; both as `plain` gives them."""
    yield from _apart(
        "part", f"{key} {_key_text(int(name)) if name.isdecimal() else name}", "", stored, again
    )


def _apart(table: str, key: str, path: str, stored: Any, again: Any) -> Iterator[Difference]:
    if stored == again:
        return
    if isinstance(stored, dict) and isinstance(again, dict):
        for each in sorted(stored.keys() | again.keys(), key=repr):
            step = f"{path}.{_key_text(each)}" if path else _key_text(each)
            yield from _apart(table, key, step, stored.get(each), again.get(each))
        return
    yield Difference(table, key, path or "part", stored, again)


def plain(value: Any) -> Any:
    """State as dictionaries by field, without what is empty: a part that was emptied is as one that never was."""
    if isinstance(value, msgspec.Struct):
        fields = ((name, plain(getattr(value, name))) for name in value.__struct_fields__)
        return {name: each for name, each in fields if not _is_empty(each)}
    if isinstance(value, dict):
        items = ((name, plain(each)) for name, each in value.items())
        return {name: each for name, each in items if not _is_empty(each)}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def without(value: Any, names: frozenset[str]) -> Any:
    """State in plain form without some of its fields."""
    if not isinstance(value, dict):
        return value
    return {name: each for name, each in value.items() if name not in names}


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, dict | list) and not value)


def capped(differences: Iterator[Difference]) -> Iterator[str]:
    """Sentences of differences, of one table and owner no more than `MOST` one by one."""
    counts: dict[tuple[str, str], int] = {}
    for each in differences:
        of = (each.table, each.key.split(" ")[0])
        counts[of] = counts.get(of, 0) + 1
        if counts[of] <= MOST:
            yield str(each)
    for (table, owner), n in counts.items():
        if n > MOST:
            yield f"{table} {owner}: and {n - MOST} more differences"
