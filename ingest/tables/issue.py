"""When a table was issued, by a line of it: `Отчёт сформирован 05.02.2026 10:15`. Pure.

Only words of issuing count. A `дата отчёта` may be the day that the report is about, and a contract's date is not the
act's. The date follows its words, in the same cell or in a later one of the row.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any, Final

from ingest.tables.cells import local_time
from ingest.tables.dates import DateOrder

_WORDS: Final = re.compile(
    r"\b(?:с?формирован\w*|создан\w*|составлен\w*|(?:на|рас)?печат\w*|выгруз\w*|выгружен\w*|выдан\w*|выдач\w*|экспорт\w*"
    r"|считан\w*|исправлен\w*|акт\b[^;:]{0,40}?\bот\b"
    r"|issued?|created|generated|printed|exported|read out|corrected)"
)
_BETWEEN: Final = r"[^\d]{0,40}?"
_DATE: Final = (
    r"(?P<date>\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})\b|\d{1,2} [а-яёa-z]{3,9} \d{4})"
    r"(?:(?:\s*г\.?)?[\s,t]+(?:в\s+|at\s+)?(?P<clock>\d{1,2}:\d{2}(?::\d{2})?))?"
)
_AFTER: Final = re.compile(_BETWEEN + _DATE)


def issue_of(cells: Sequence[Any], words: str | None) -> str | None:
    """The text of the time at which a row says that the table was issued; None if it does not.

    Args:
        cells: A row that is about no reading.
        words: The words before the time, if not one of the usual ones.
    """
    text = " ".join(
        f"{cell:%Y-%m-%d %H:%M:%S}" if isinstance(cell, dt.datetime) else str(cell)
        for cell in cells
        if cell not in (None, "")
    )
    text = " ".join(text.split()).casefold()
    before = _WORDS if words is None else re.compile(re.escape(" ".join(words.split()).casefold()))
    for match in before.finditer(text):
        after = _AFTER.match(text, match.end())
        if after is not None:
            return " ".join(part for part in (after["date"], after["clock"]) if part)
    return None


def read_issue(text: str, order: DateOrder) -> dt.datetime | None:
    """The time that `issue_of` found, on the table's clock."""
    return local_time(text, order=order)
