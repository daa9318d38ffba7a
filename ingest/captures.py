"""Captures: messages on file, as JSON lines, for replay, tests and the exam.

One line is `{"topic": ..., "payload": text | "payload_b64": base64, "received_at": ISO or ms, "retain": false}`.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from metering.times import UTC, iso, to_ms


class Capture(NamedTuple):
    """One captured message."""

    topic: str
    payload: bytes
    received_at: int
    """When it arrived [ms]."""
    retain: bool = False


class BadCapture(ValueError):
    """A line of a capture file is not a message: names the file and the line."""


def read_captures(path: Path) -> Iterator[Capture]:
    """The messages of a capture file, in file order; empty lines are passed over.

    Raises:
        BadCapture: a line is not a capture.
        OSError: the file cannot be read.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield _parse(line, f"{path}:{number}")


def _parse(line: bytes, where: str) -> Capture:
    try:
        fields = json.loads(line)
    except ValueError as error:
        raise BadCapture(f"{where}: not JSON: {error}") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("topic"), str):
        raise BadCapture(f"{where}: expected an object with a 'topic'")
    payload: Any = fields.get("payload")
    if "payload_b64" in fields:
        try:
            raw = base64.b64decode(fields["payload_b64"], validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise BadCapture(f"{where}: 'payload_b64' is not base64") from None
    elif isinstance(payload, str):
        raw = payload.encode("utf-8", errors="surrogatepass")
    elif isinstance(payload, (dict, list)):
        raw = json.dumps(payload, ensure_ascii=False).encode()
    else:
        raise BadCapture(f"{where}: expected 'payload' as text or 'payload_b64', got {payload!r:.40}")
    return Capture(
        fields["topic"], raw, _received(fields.get("received_at"), where), fields.get("retain") is True
    )


def _received(value: Any, where: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            moment = dt.datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None:
            return to_ms(moment.astimezone(UTC))
    raise BadCapture(
        f"{where}: 'received_at' must be ms since 1970 or ISO 8601 with an offset, got {value!r:.40}"
    )


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
