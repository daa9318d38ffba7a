"""The vocabulary of doubts about an interval, one bit each.

Names follow the validation rules of Oracle's meter data management if they fit. `measured` is the
absence of every bit.
"""

from __future__ import annotations

from typing import Final

INTERPOLATED: Final = 1
UNKNOWN: Final = 2
PENDING: Final = 4
CONFLICT: Final = 8
SPIKE: Final = 16
EXCHANGE: Final = 32
RESET: Final = 64
ROLLOVER: Final = 128
UNIT: Final = 256
FROZEN: Final = 512
PARTIAL: Final = 1024
PULSE: Final = 2048
LEAP: Final = 4096
UNCOUNTED: Final = 8192

NAMES: Final[dict[int, str]] = {
    INTERPOLATED: "interpolated",
    UNKNOWN: "unknown",
    PENDING: "pending",
    CONFLICT: "conflict",
    SPIKE: "spike_dropped",
    EXCHANGE: "exchange",
    RESET: "reset",
    ROLLOVER: "rollover",
    UNIT: "unit_change",
    FROZEN: "frozen",
    PARTIAL: "partial",
    PULSE: "pulse_weight",
    LEAP: "leap",
    UNCOUNTED: "uncounted",
}

MEANINGS: Final[dict[int, str]] = {
    INTERPOLATED: "the hour lies in a gap of at most 6 h and was interpolated",
    UNKNOWN: "energy known in total over a longer gap, not by hour",
    PENDING: "after this hour a suspect reading came, and later ones must decide what it was",
    CONFLICT: "two values were sent for one instant",
    SPIKE: "a stray value was dropped here",
    EXCHANGE: "the register jumped to another meter's count; what fell between is a duration, not energy",
    RESET: "the register began again near zero",
    ROLLOVER: "the register passed its last digit",
    UNIT: "the values came in another unit than before and were converted",
    FROZEN: "the register stood still and then caught up",
    PARTIAL: "only a part of the hour is covered",
    PULSE: "the register counts ten (or 100, 1000) times as fast or as slow as the day before: a pulse weight?",
    LEAP: "the register counted more than a usual day at once and went on from there: used, or another count?",
    UNCOUNTED: "no register counted a part of the day: it has no total, and there is no telling what was used",
}


def names(bits: int) -> str:
    """The flags in `bits`, joined by `|`; `measured` if there are none."""
    if not bits:
        return "measured"
    return "|".join(name for bit, name in NAMES.items() if bits & bit)
