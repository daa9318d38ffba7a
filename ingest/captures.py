"""Captures: messages on file, as JSON lines, for replay, tests and the exam.

One line is `{"topic": ..., "payload": text | "payload_b64": base64, "received_at": ISO or ms, "retain": false}`.
A payload that is an object or a list stands for its JSON text; `retain` may be left out.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from ingest.instants import EARLIEST_MS
from metering.refusal import Refusal
from metering.times import UTC, iso, to_ms

_LATEST_MS: Final = to_ms(dt.datetime(9999, 1, 1, tzinfo=UTC))


class Capture(NamedTuple):
    """One captured message."""

    topic: str
    payload: bytes
    received_at: int
    """When it arrived [ms]."""
    retain: bool = False


class BadCapture(Refusal):
    """A line of a capture file is not a message. The text names the file and the line."""


def read_captures(path: Path) -> Iterator[Capture]:
    """The messages of a capture file, in file order; empty lines are skipped.

    Raises:
        BadCapture: a line is not a capture.
        OSError: the file cannot be read.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _parse(line.removeprefix(codecs.BOM_UTF8), f"{path}:{number}")


def _parse(line: bytes, where: str) -> Capture:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadCapture(f"{where}: not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise BadCapture(f"{where}: expected a JSON object, got {type(fields).__name__}")
    return Capture(
        _topic(fields.get("topic"), where),
        _payload(fields, where),
        _received(fields.get("received_at"), where),
        _retain(fields.get("retain", False), where),
    )


def _topic(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise BadCapture(f"{where}: expected 'topic' as text, got {value!r:.40}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadCapture(f"{where}: 'topic' cannot be written in UTF-8: {value!r:.60}") from None
    return value


def _payload(fields: dict[str, Any], where: str) -> bytes:
    if "payload_b64" in fields:
        try:
            return base64.b64decode(fields["payload_b64"], validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise BadCapture(f"{where}: 'payload_b64' is not base64") from None
    payload = fields.get("payload")
    if isinstance(payload, str):
        return payload.encode("utf-8", errors="surrogatepass")
    if isinstance(payload, (dict, list)):
        return json.dumps(payload, ensure_ascii=False).encode("utf-8", errors="surrogatepass")
    raise BadCapture(f"{where}: expected 'payload' as text or 'payload_b64', got {payload!r:.40}")


def _received(value: Any, where: str) -> int:
    ms: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        ms = value
    elif isinstance(value, str):
        try:
            moment = dt.datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None:
            ms = to_ms(moment)
    # No message of a meter is older. A count of seconds would be, and must not pass as milliseconds.
    if ms is None or not EARLIEST_MS <= ms < _LATEST_MS:
        raise BadCapture(
            f"{where}: 'received_at' must be ms since 1970 or ISO 8601 with an offset, 2000 or later, "
            f"got {value!r:.40}"
        )
    return ms


def _retain(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise BadCapture(f"{where}: 'retain' must be true or false, got {value!r:.40}")
    return value


def write_capture(capture: Capture, out: IO[str]) -> None:
    """Append one message as a line."""
    fields: dict[str, Any] = {"topic": capture.topic}
    try:
        fields["payload"] = capture.payload.decode()
    except UnicodeDecodeError:
        fields["payload_b64"] = base64.b64encode(capture.payload).decode()
    fields["received_at"] = iso(capture.received_at)
    if capture.retain:
        fields["retain"] = True
    out.write(json.dumps(fields, ensure_ascii=False) + "\n")
