"""Excel books for tests."""

from __future__ import annotations

import io
from typing import Any

import openpyxl

Rows = list[list[Any]]


def excel(rows: Rows, *, sheets: dict[str, Rows] | None = None, merge: tuple[str, ...] = ()) -> bytes:
    """A book whose first sheet has these rows and merged cells, with other `sheets` after it."""
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    for row in rows:
        first.append(row)
    for cells in merge:
        first.merge_cells(cells)
    for name, more in (sheets or {}).items():
        sheet = book.create_sheet(name)
        for row in more:
            sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()
