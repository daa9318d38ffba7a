"""Tables in files: the rows of a CSV text or of a sheet of an Excel file, cells unchanged. Pure."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from python_calamine import CalamineError, CalamineWorkbook

_DELIMITERS: Final = (";", "\t", ",", "|", "│", "║")
_RUSSIAN: Final = ("cp1251", "cp866")
"""Encodings of text that is not UTF-8: of Windows, or of DOS, in which old readers of meters print."""
_LETTERS: Final = frozenset("абвгдежзийклмнопрстуфхцчшщъыьэюяё")
_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0"
"""How .xlsx/.ods and .xls files begin."""
_LINES_LOOKED_AT: Final = 50


class NotATable(ValueError):
    """The bytes cannot be read as a table."""


class Row(NamedTuple):
    """One row of a table."""

    number: int
    """Number in the file, from 1."""
    cells: Sequence[Any]


def rows_of(
    content: bytes, *, encoding: str | None = None, delimiter: str | None = None, sheet: str | None = None
) -> Iterator[Row]:
    """The rows of a table that are not empty.

    Args:
        content: The file.
        encoding: Of a text. By default UTF-16 or UTF-8, else Windows-1251 or DOS 866, whichever makes more of its
            letters Russian.
        delimiter: Between the cells of a text. By default the one on which most of its first lines agree.
        sheet: Name of the sheet of an Excel file. By default the first.

    Raises:
        NotATable: the text says what is wrong.
    """
    if content.startswith((_ZIP, _OLE)):
        yield from _sheet_rows(content, sheet)
        return
    text = _text(content, encoding)
    mark = delimiter or _delimiter(text)
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=mark), start=1):
            if any(cells):
                yield Row(number, cells)
    except csv.Error as error:
        raise NotATable(f"not a CSV: {error}") from None


def _sheet_rows(content: bytes, name: str | None) -> Iterator[Row]:
    book = _book(content)
    try:
        if name is not None and name not in book.sheet_names:
            raise NotATable(f"there is no sheet {name!r}; there are {', '.join(book.sheet_names)}")
        if not book.sheet_names:
            raise NotATable("the file has no sheet")
        sheet = book.get_sheet_by_name(name if name is not None else book.sheet_names[0])
    except CalamineError as error:
        raise NotATable(f"not an Excel file that can be read: {error}") from None
    skipped = sheet.start[0] if sheet.start is not None else 0
    for number, cells in enumerate(sheet.iter_rows(), start=1 + skipped):
        if any(cell not in ("", None) for cell in cells):
            yield Row(number, cells)


def sheet_names(content: bytes) -> list[str]:
    """The names of the sheets of an Excel file; empty for a text.

    Raises:
        NotATable: the Excel file cannot be read.
    """
    return _book(content).sheet_names if content.startswith((_ZIP, _OLE)) else []


def _book(content: bytes) -> CalamineWorkbook:
    try:
        return CalamineWorkbook.from_filelike(io.BytesIO(content))
    except CalamineError as error:
        raise NotATable(f"not an Excel file that can be read: {error}") from None


def _text(content: bytes, encoding: str | None) -> str:
    if encoding is None:
        encoding = _encoding(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        raise NotATable(f"not text in {encoding}") from None
    except LookupError:
        raise NotATable(f"there is no encoding {encoding!r}") from None
    if text.lstrip()[:1] == "<":
        raise NotATable("HTML or XML, which Excel opens but which is no table: save it from there as .xlsx")
    return text


def _encoding(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError:
        sample = content[:100_000]
        # Ties go to the first. Small letters only: in the other encoding they are capitals or no letters.
        return max(_RUSSIAN, key=lambda name: sum(c in _LETTERS for c in sample.decode(name, "replace")))
    return "utf-8-sig"


def _delimiter(text: str) -> str:
    """The delimiter that occurs equally often in most of the first lines; `;` before `,`, also a decimal mark."""
    lines = [line for line in text[:100_000].splitlines()[:_LINES_LOOKED_AT] if line.strip()]
    best, most = ",", 0
    for mark in _DELIMITERS:
        counts = [line.count(mark) for line in lines if mark in line]
        agreed = max((counts.count(n) for n in set(counts)), default=0)
        if agreed > most:
            best, most = mark, agreed
    return best
