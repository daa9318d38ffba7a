"""Reading of files and options. Errors name the place, the value and the expected form."""

from __future__ import annotations

import datetime as dt
import os
import sys
import time
from pathlib import Path

from metering.refusal import Refusal
from metering.site.model import Site, parse_site
from metering.times import UTC, to_ms


def read_site(path: Path) -> Site:
    """The site that the file describes.

    Raises:
        Refusal: the file cannot be read or does not describe a site.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Refusal(f"{path}: there is no such file (expected a site file in TOML)") from None
    except IsADirectoryError:
        raise Refusal(f"{path}: is a directory (expected a site file in TOML)") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"{path}: cannot be read: {error}") from None
    return parse_site(text, file=path)


def read_bytes(name: str) -> bytes:
    """The content of a file, or of standard input for `-`.

    Raises:
        Refusal: the file cannot be read.
    """
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise Refusal(f"{name}: cannot be read: {error.strerror or error}") from None


def read_instant(text: str | None, option: str) -> int:
    """An instant [ms] from a command-line option; now if it is not given.

    Raises:
        Refusal: it is neither ISO 8601 with an offset nor a number of ms.
    """
    if text is None:
        return time.time_ns() // 1_000_000
    if text.isdigit():
        return int(text)
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Refusal(f"{option}: got {text!r}, expected ISO 8601 with an offset, e.g. 2026-01-01T00:00:00Z")
    return to_ms(moment.astimezone(UTC))


def version_of(path: Path) -> object:
    """A value that differs between two versions of the file; the number of the error while it cannot be read."""
    try:
        stat = os.stat(path)
    except OSError as error:
        return error.errno
    return stat.st_ino, stat.st_mtime_ns, stat.st_size
