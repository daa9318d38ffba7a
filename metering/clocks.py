"""The clocks of meters: a zone of the IANA database, or a rule of one's own as POSIX writes it.

A meter's clock need not be that of its place. Moscow has had no summer time since 2014, and there are meters
there that still switch: `MSK-3MSD,M3.5.0,M10.5.0/3` is such a clock.
"""

from __future__ import annotations

import io
import re
import struct
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# A rule has a name, an offset and, where it switches, a second name and two dates.
_POSIX: Final = re.compile(r"(<[+\-\w]{3,}>|[A-Za-z]{3,})[+-]?\d[\d:]*.*", re.ASCII)


class BadClock(ValueError):
    """The text names no clock."""


@lru_cache(maxsize=256)
def clock(name: str) -> ZoneInfo:
    """The clock that `name` describes.

    Args:
        name: `Europe/Helsinki`, or a POSIX rule such as `MSK-3MSD,M3.5.0,M10.5.0/3` (west of Greenwich is
            positive there, so Moscow is -3).

    Raises:
        BadClock: it is neither.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    if _POSIX.fullmatch(name) is None:
        raise BadClock("neither a zone of the IANA database ('Europe/Moscow') nor a POSIX rule ('MSK-3')")
    try:
        return ZoneInfo.from_file(io.BytesIO(_tzif(name)), key=name)
    except ValueError as error:
        raise BadClock(f"not a POSIX rule of a clock: {error}") from None


def _tzif(rule: str) -> bytes:
    """A file of the zone database that holds the rule and nothing else (RFC 8536): all time is after its table."""
    counts = struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    body = struct.pack(">lbb", 0, 0, 0) + b"UTC\0"
    part = b"TZif2" + bytes(15) + counts + body
    return part + part + b"\n" + rule.encode("ascii") + b"\n"
