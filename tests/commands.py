"""The command line as a process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.places import ROOT


def kvartal(
    *arguments: str | Path, stdin: bytes = b"", cwd: Path = ROOT, timeout_s: float = 120
) -> subprocess.CompletedProcess[bytes]:
    """`kvartal` with these arguments, when it has ended."""
    return subprocess.run(
        [sys.executable, "-m", "kvartal", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        timeout=timeout_s,
        check=False,
        cwd=cwd,
    )


def capture(payload: object, received_at: str, *, topic: str = "kvartal/v1/b01/heat/readings") -> str:
    """A line of a capture file, as `kvartal replay` reads it: a message with this JSON payload."""
    message = {"topic": topic, "payload": json.dumps(payload), "received_at": received_at, "retain": False}
    return json.dumps(message) + "\n"
