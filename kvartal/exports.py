"""Hours out of a store as CSV or JSON lines; the same facts give the same bytes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

from metering import flags
from metering.ledger.statement import FIRST, Statement
from metering.times import HOUR_MS, iso
from metering.units import QUANTITIES
from storage.sqlite_ledger import GaugeRow, LedgerRow, Register

LEDGER_COLUMNS = ("building", "meter", "quantity", "start", "end", "unit", "amount", "flags")
GAUGE_COLUMNS = ("building", "meter", "quantity", "start", "unit", "mean", "low", "high", "coverage", "flags")


STATEMENT_COLUMNS = ("building", "meter", "quantity", "unit", "item", "at", "amount")


def statement_texts(statements: Iterable[tuple[Register, Statement]]) -> Iterator[dict[str, Any]]:
    """Rows of statements: first and last count, energy by hour, unknown energy, each named part, and what is left.

    `last` - `first` = all other rows but `left`, which is 0.
    """
    for register, each in statements:
        items = [
            ("first", each.first.at, each.first.amount),
            ("last", each.last.at, each.last.amount),
            ("booked", None, each.booked),
            ("unknown", None, each.unknown),
            *((part.reason, part.at, part.amount) for part in each.named),
            ("left", None, each.left),
        ]
        # A part named `first` is what the register showed before its first reading.
        for index, (item, at, amount) in enumerate(items):
            yield {
                **_of(register),
                "item": "before_first" if index and item == FIRST else item,
                "at": "" if at is None else iso(at),
                "amount": amount,
            }


def statement_documents(statements: Iterable[tuple[Register, Statement]]) -> Iterator[dict[str, Any]]:
    """Statements as documents, amounts in the unit that each names."""
    for register, each in statements:
        yield {
            **_of(register),
            "first": iso(each.first.at),
            "first_amount": each.first.amount,
            "last": iso(each.last.at),
            "last_amount": each.last.amount,
            "accepted_difference": each.difference,
            "booked": each.booked,
            "unknown": each.unknown,
            "named": [
                {"reason": part.reason, "amount": part.amount, "start": iso(part.at), "end": iso(part.at)}
                for part in each.named
            ],
            "left": each.left,
        }


def _of(register: Register) -> dict[str, str]:
    return {
        "building": register.building,
        "meter": register.meter,
        "quantity": register.quantity,
        "unit": QUANTITIES[register.quantity].base,
    }


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
