"""Positions of a field map's columns in a table, by its header of one row or several. Pure.

A header of several rows has groups above their columns: `Подающий` over `V, м3` and `t`. The name of such a column is
both, `Подающий t`; a text over several columns belongs to each of them. A name that fits two columns fits neither.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from ingest.tables.cells import is_number, spelled
from ingest.tables.sheets import Row
from metering.site.sources import Archive
from metering.units import QUANTITIES, UNITS, Unit, UnknownUnit, unit_named

_WITHIN: Final = 60
"""The header is among this number of rows that are not empty."""
_DEEP: Final = 3
"""Largest number of rows of a header."""
_NOT_A_QUANTITY: Final = frozenset({"time", "time_of_day", "meter", "issued", "error", "run_time"})
_ALIKE: Final = str.maketrans("abcehkmoptxyё³²º˚", "авсенкмортхуе32°°")
"""Letters of two alphabets that look alike as capitals, and other characters that look the same: `T1` is `Т1`."""
_WORDS: Final = re.compile(r"[\s,;()\[\]{}]+")


class NoHeader(ValueError):
    """The columns of the field map are not in the table."""


class Columns(NamedTuple):
    """Positions of the columns, from 0."""

    time: int
    time_of_day: int | None
    meter: int | None
    issued: int | None
    error: int | None
    run_time: int | None
    values: tuple[tuple[str, int, str], ...]
    """(quantity, position, name as the site file has it)."""
    texts: Mapping[int, str]
    """The header's text over each position, its rows one after another."""
    rows: tuple[tuple[str, ...], ...]
    """The rows of the header, plain: a printed table repeats them on each page."""


def find_columns(rows: Iterator[Row], archive: Archive) -> Columns:
    """Read up to the header; nothing is read if all columns are given by number.

    Raises:
        NoHeader: none of the first sixty rows has all names, or a name fits several columns.
    """
    named = archive.columns
    numbered = {key: where - 1 for key, where in named.items() if isinstance(where, int)}
    names = {key: _alike(where) for key, where in named.items() if isinstance(where, str)}
    if not names:
        return _columns(numbered, named, ())
    above: deque[tuple[str, ...]] = deque(maxlen=_DEEP)
    nearest: tuple[int, str] = (-1, "table is empty")
    for position, row in enumerate(rows):
        above.append(plain_row(row.cells))
        looks = tuple(tuple(map(_alike, cells)) for cells in above)
        matches = {key: _places(name, looks) for key, name in names.items()}
        clear = {key: positions[0] for key, (positions, _) in matches.items() if len(positions) == 1}
        if len(clear) == len(names):
            first = min(top for _, top in matches.values())
            return _columns(numbered | clear, named, tuple(above)[first:])
        if len(clear) > nearest[0]:
            nearest = (len(clear), f"nearest {_missing(matches, named)}")
        if position >= _WITHIN:
            break
    raise NoHeader(
        f"no row has the columns {', '.join(repr(str(w)) for w in named.values())}; the {nearest[1]}"
    )


class HeaderRows:
    """Recognises rows below the header that belong to it: its units, its column numbers, its copies on later pages."""

    def __init__(self, columns: Columns, decimal: str | None) -> None:
        """
        Args:
            columns: The columns with the rows of the header.
            decimal: The decimal mark of the table, if it is known.
        """
        self._columns, self._decimal = columns, decimal
        self._rows = set(columns.rows)
        self._texts = dict(columns.texts)

    def text_over(self, at: int) -> str:
        """The header's text over a position, with the rows that were recognised since."""
        return self._texts[at]

    def has(self, cells: Sequence[Any], values: Iterable[Any], *, begun: bool) -> bool:
        """Whether a row without a time belongs to the header.

        Args:
            cells: The row.
            values: Its cells in the columns of quantities.
            begun: Whether rows with a time have come; then only copies and column numbers belong to the header.
        """
        row = plain_row(cells)
        if row in self._rows:
            return True
        time = row[self._columns.time] if self._columns.time < len(row) else ""
        numbers = [cell.removesuffix(".0") for cell in row if cell]
        if time and len(numbers) > 1 and numbers == [str(n) for n in range(1, len(numbers) + 1)]:
            return True
        if begun or any(character.isdecimal() for character in time):
            return False
        if any(is_number(cell, self._decimal) for cell in values):
            return False
        self._rows.add(row)
        for at in self._texts:
            if at < len(row) and row[at]:
                self._texts[at] = f"{self._texts[at]} {row[at]}"
        return True


def plain(cell: Any) -> str:
    """The text of a cell, in the form in which names are compared."""
    return "" if cell is None else " ".join(str(cell).split()).casefold()


def _alike(text: str) -> str:
    return plain(text).translate(_ALIKE)


def plain_row(cells: Sequence[Any]) -> tuple[str, ...]:
    """The texts of a row, in the form in which headers are compared."""
    return tuple(plain(cell) for cell in cells)


def unit_over(text: str, quantity: str) -> Unit | None:
    """The unit that a header names for a quantity, as in `Q, Гкал`; None if it names no unit or several."""
    units = set()
    for word in _WORDS.split(text):
        if word.startswith("тыс"):
            return None
        try:
            unit = unit_named(spelled(word))
        except UnknownUnit:
            continue
        if unit.quantity == QUANTITIES[quantity].dimension:
            units.add(unit.name)
    return UNITS[units.pop()] if len(units) == 1 else None


def run_time_unit(text: str) -> str:
    """The unit under a header of run time: minutes for `Tр, мин`; hours if the header names no unit."""
    words = {word.strip(".:") for word in _WORDS.split(text)}
    if words & {"мин", "минут", "минуты", "min"}:
        return "min"
    return "s" if words & {"с", "сек", "секунд", "s", "sec"} else "h"


def _places(name: str, window: Sequence[tuple[str, ...]]) -> tuple[list[int], int]:
    """The positions under a name, and the row of the window in which it begins.

    The last row is searched first, then its texts joined with those above, then the rows above.
    """
    for bottom in range(len(window) - 1, -1, -1):
        own = window[bottom]
        if name in own:
            return [at for at, cell in enumerate(own) if cell == name], bottom
        stacked = list(own)
        for top in range(bottom - 1, -1, -1):
            over = _spread(window[top], len(own))
            stacked = [f"{over[at]} {cell}".strip() if cell else "" for at, cell in enumerate(stacked)]
            if name in stacked:
                return [at for at, cell in enumerate(stacked) if cell == name], top
    return [], len(window)


def _spread(row: Sequence[str], width: int) -> list[str]:
    """A row of groups, with the text over the first column of a group repeated over the others."""
    spread, last = [], ""
    for at in range(width):
        last = (row[at] if at < len(row) else "") or last
        spread.append(last)
    return spread


def _missing(matches: Mapping[str, tuple[list[int], int]], named: Mapping[str, str | int]) -> str:
    lacking = [repr(str(named[key])) for key, (places, _) in matches.items() if not places]
    twice = [
        f"{named[key]!r} over the columns {', '.join(str(at + 1) for at in places)} "
        "(say the row above it too, or the column's number)"
        for key, (places, _) in matches.items()
        if len(places) > 1
    ]
    return " and ".join(
        part
        for part in (f"lacks {', '.join(lacking)}" * bool(lacking), f"has {', '.join(twice)}" * bool(twice))
        if part
    )


def _columns(
    positions: Mapping[str, int], named: Mapping[str, str | int], header: tuple[tuple[str, ...], ...]
) -> Columns:
    values = tuple((key, at, str(named[key])) for key, at in positions.items() if key not in _NOT_A_QUANTITY)
    texts = {at: _over(header, at) for at in positions.values()}
    return Columns(
        positions["time"],
        positions.get("time_of_day"),
        positions.get("meter"),
        positions.get("issued"),
        positions.get("error"),
        positions.get("run_time"),
        values,
        texts,
        header,
    )


def _over(header: Sequence[tuple[str, ...]], at: int) -> str:
    """The header's text over a position; groups reach to the right, the last row does not."""
    cells = [_spread(row, at + 1)[at] for row in header[:-1]]
    cells += [row[at] for row in header[-1:] if at < len(row)]
    return " ".join(cell for cell in cells if cell)
