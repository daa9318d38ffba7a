"""`kvartal ledger`: the ledger as CSV or JSON lines; the same facts give the same bytes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from typing import IO

from metering import flags
from metering.times import iso
from storage.sqlite_reader import LedgerRow

COLUMNS = ("building", "meter", "quantity", "start", "end", "unit", "amount", "flags")


def _texts(rows: Iterable[LedgerRow]) -> Iterator[dict[str, str | int]]:
    for row in rows:
        yield {
            "building": row.building,
            "meter": row.meter,
            "quantity": row.quantity,
            "start": iso(row.start),
            "end": iso(row.end),
            "unit": row.unit,
            "amount": row.amount,
            "flags": flags.names(row.flags),
        }


def write_csv(rows: Iterable[LedgerRow], out: IO[str]) -> None:
    """Rows as CSV with a header and `\\n` line ends."""
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_texts(rows))


def write_json(rows: Iterable[LedgerRow], out: IO[str]) -> None:
    """Rows as a JSON array, one object a line."""
    first = True
    out.write("[")
    for row in _texts(rows):
        out.write("\n" if first else ",\n")
        out.write(json.dumps(row, ensure_ascii=False))
        first = False
    out.write("\n]\n" if not first else "]\n")
