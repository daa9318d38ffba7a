"""Hours out of a store as CSV or JSON lines; the same facts give the same bytes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

from metering import flags
from metering.times import HOUR_MS, iso
from storage.sqlite_ledger import GaugeRow, LedgerRow

LEDGER_COLUMNS = ("building", "meter", "quantity", "start", "end", "unit", "amount", "flags")
GAUGE_COLUMNS = ("building", "meter", "quantity", "start", "unit", "mean", "low", "high", "coverage", "flags")


def ledger_texts(rows: Iterable[LedgerRow]) -> Iterator[dict[str, Any]]:
    """Rows of the ledger with times and flags as text."""
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


def gauge_texts(rows: Iterable[GaugeRow]) -> Iterator[dict[str, Any]]:
    """Hours of gauges with times and flags as text; amounts are integers of the unit, the coverage is a share."""
    for row in rows:
        yield {
            "building": row.building,
            "meter": row.meter,
            "quantity": row.quantity,
            "start": iso(row.hour * HOUR_MS),
            "unit": row.unit,
            "mean": row.mean,
            "low": row.low,
            "high": row.high,
            "coverage": round(row.covered_ms / HOUR_MS, 4),
            "flags": flags.names(row.flags),
        }


def write(rows: Iterable[dict[str, Any]], columns: Sequence[str], out: IO[str], *, as_json: bool) -> None:
    """Rows as CSV with a header and `\\n` line ends, or as a JSON array, one object a line."""
    if not as_json:
        writer = csv.DictWriter(out, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return
    first = True
    out.write("[")
    for row in rows:
        out.write("\n" if first else ",\n")
        out.write(json.dumps(row, ensure_ascii=False))
        first = False
    out.write("\n]\n" if not first else "]\n")
