"""Reasons for which a message or a reading is rejected. A test compares the table with docs/payloads.md."""

from __future__ import annotations

from typing import Any, Final

REASONS: Final[dict[str, str]] = {
    "unknown_topic": "no source of the site file matches the topic",
    "unknown_meter": "the site file has no such building or meter",
    "virtual_meter": "the meter is computed from others and takes no readings",
    "unknown_station": "the site file has no such weather station",
    "too_large": "the payload is longer than 1 MiB",
    "too_deep": "the JSON is nested deeper than any payload of a meter",
    "not_json": "the payload is not JSON text in UTF-8",
    "no_reading": "the message carries no reading: a status, an empty list, an entry that is no pair",
    "no_time": "the reading has no time",
    "stale_retained": "a retained message whose reading has no time: nobody knows how old it is",
    "bad_time": "the time cannot be read, or lies before the year 2000",
    "bad_value": "the value is null, not a number, or beyond what a register can show (2^53 Wh, l, W, l/h or m°C)",
    "no_unit": "neither the payload nor the site file names a unit",
    "unknown_unit": "the unit is not known",
    "wrong_unit": "the unit measures another quantity than the meter counts",
    "unknown_quantity": "the quantity is not known, or not one that a meter or a station has",
    "totals": "a row of totals in a table: what it adds up is in other rows",
    "implausible": "most of a table's column is above what the meter's bound allows: another unit, or a wrong bound",
    "bad_exchange": "a declared exchange without its time or its two counts, or of something that does not count",
    "too_late": "older at its arrival than the lateness horizon, and the source may not backfill",
    "before_retention": "the readings of that time are deleted (`retention_days`); their figures stay",
    "from_future": "more than 15 minutes ahead of its arrival",
    "decoder_error": "the decoder failed on it: a bug of ours, with the traceback in the detail",
}


class Reject(Exception):
    """Rejects a message or a reading. Caught within `ingest`: a rejection is a value, never an error of the caller."""

    def __init__(self, reason: str, detail: str) -> None:
        """
        Args:
            reason: One of `REASONS`.
            detail: What was wrong, for a person.
        """
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def short(value: Any) -> str:
    """A part of a payload, short enough for a sentence."""
    if isinstance(value, dict):
        return f"an object of {len(value)}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return repr(value)[:60]
