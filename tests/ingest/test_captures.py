"""Captures: what is written reads back, and a bad line is named."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.captures import BadCapture, Capture, read_captures, write_capture

AT = 1_767_225_600_000
ISO = "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("line", "capture"),
    [
        (
            '{"topic": "a/b", "payload": "{}", "received_at": "2026-01-01T00:00:00Z"}',
            Capture("a/b", b"{}", AT),
        ),
        (
            '{"topic": "a", "payload": "ж", "received_at": 1767225600000, "retain": true}',
            Capture("a", "ж".encode(), AT, True),
        ),
        (
            '{"topic": "a", "payload_b64": "AP8=", "received_at": "2026-01-01T03:00:00.5+03:00", "retain": false}',
            Capture("a", b"\x00\xff", AT + 500),
        ),
        (
            '\ufeff{"topic": "a", "payload": {"value": 1}, "received_at": 1767225600000}',
            Capture("a", b'{"value": 1}', AT),
        ),
    ],
)
def test_reads(line: str, capture: Capture, tmp_path: Path) -> None:
    file = tmp_path / "captures.jsonl"
    file.write_text(f"{line}\n\n  \n", encoding="utf-8")
    assert list(read_captures(file)) == [capture]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "expected a JSON object, got list"),
        (b'{"payload": "", "received_at": 1767225600000}', "expected 'topic' as text, got None"),
        (b'{"topic": "", "payload": "", "received_at": 1767225600000}', "expected 'topic' as text, got ''"),
        (
            b'{"topic": "\\ud800", "payload": "", "received_at": 1767225600000}',
            "'topic' cannot be written in UTF-8",
        ),
        (
            b'{"topic": "a", "received_at": 1767225600000}',
            "expected 'payload' as text or 'payload_b64', got None",
        ),
        (b'{"topic": "a", "payload": 7, "received_at": 1767225600000}', "expected 'payload' as text"),
        (b'{"topic": "a", "payload_b64": "%%", "received_at": 1767225600000}', "'payload_b64' is not base64"),
        (b'{"topic": "a", "payload_b64": 7, "received_at": 1767225600000}', "'payload_b64' is not base64"),
        (b'{"topic": "a", "payload": ""}', "'received_at' must be ms since 1970 or ISO 8601 with an offset"),
        (b'{"topic": "a", "payload": "", "received_at": "2026-01-01T00:00:00"}', "got '2026-01-01T00:00:00'"),
        (b'{"topic": "a", "payload": "", "received_at": 1767225600}', "2000 or later, got 1767225600"),
        (b'{"topic": "a", "payload": "", "received_at": 17672256000000000000}', "got 17672256000000000000"),
        (b'{"topic": "a", "payload": "", "received_at": "0001-01-01T00:00:00+14:00"}', "2000 or later"),
        (b'{"topic": "a", "payload": "", "received_at": true}', "got True"),
        (
            b'{"topic": "a", "payload": "", "received_at": 1767225600000, "retain": 1}',
            "'retain' must be true or false, got 1",
        ),
    ],
)
def test_a_bad_line_is_named(line: bytes, fault: str, tmp_path: Path) -> None:
    file = tmp_path / "captures.jsonl"
    file.write_bytes(b'{"topic": "a", "payload": "", "received_at": 1767225600000}\n\n' + line + b"\n")
    captures = read_captures(file)
    assert next(captures) == Capture("a", b"", AT)
    with pytest.raises(BadCapture) as caught:
        next(captures)
    assert str(caught.value).startswith(f"{file}:3: ")
    assert fault in str(caught.value)


@given(
    st.lists(
        st.builds(
            Capture,
            st.text(min_size=1, max_size=20),
            st.binary(max_size=40) | st.text(max_size=40).map(str.encode),
            st.integers(AT, AT + 10**10),
            st.booleans(),
        ),
        max_size=5,
    )
)
def test_what_is_written_reads_back(
    tmp_path_factory: pytest.TempPathFactory, captures: list[Capture]
) -> None:
    out = io.StringIO()
    for capture in captures:
        write_capture(capture, out)
    file = tmp_path_factory.mktemp("captures") / "captures.jsonl"
    file.write_text(out.getvalue(), encoding="utf-8")
    assert list(read_captures(file)) == captures
