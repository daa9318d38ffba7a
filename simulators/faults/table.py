"""The one table of faults, the rows of docs/faults.md, and how to make a case of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from simulators.faults.cases import Case, Fault, clean
from simulators.faults.clocks import CLOCKS
from simulators.faults.delivery import DELIVERY
from simulators.faults.exchanges import EXCHANGES
from simulators.faults.gaps import GAPS
from simulators.faults.meters import METERS, Meter
from simulators.faults.standstills import STANDSTILLS
from simulators.faults.strays import STRAYS
from simulators.faults.units import UNITS

REGISTER_FAULTS: Final[dict[str, Fault]] = STRAYS | GAPS | EXCHANGES | UNITS | STANDSTILLS | CLOCKS
"""Faults of readings: each is entered straight into the ledger of every meter on which it can happen."""

FAULTS: Final[dict[str, Fault]] = REGISTER_FAULTS | DELIVERY
"""Every fault by name."""

DOCUMENTED: Final[dict[str, tuple[str, int]]] = {
    "stray zero": ("zero", 20),
    "dip by one digit": ("dip 10000", -220),
    "five-digit rollover": ("rollover", 50),
    "exchange, starting at 0": ("exchange 0", -1),
    "exchange, starting at 120,000": ("exchange 120000", -1),
    "48 h silent": ("gap 48 h", 16),
    "48 h delivered 24 h late": ("48 h late", -3),
    "batches shuffled": ("shuffled", 0),
    "24 h in MWh for kWh": ("a day in another unit 0", 20),
    "a jump from Gcal to GJ": ("Gcal, then GJ", 220),
    "duplicates": ("duplicates", 0),
    "one time, two values": ("same time, 7.5 more too", 0),
    "frozen for 36 h": ("frozen 36 h", -130),
    "clock at 1970": ("1970", 0),
    "clock one hour off for a day": ("clock +1 h a day", 120),
    "a reading from the future": ("future", 8),
    "stale retained message": ("retained", 0),
    "x10 digit error": ("x10", 80),
    "null and NaN": ("null and NaN", 0),
    "pulse weight x10": ("pulse weight x10", 80),
    "old and new meter both sending": ("old and new both sending", -1),
    "40 days of backfill": ("40 d backfill", 4),
    "24 h silent, a load in it": ("24 h silent, a load of x50 in it", 0),
    "frozen for 24 h, a load in it": ("frozen 24 h, a load of x50 in it", 0),
    "frozen for 20 days, the use grows": ("frozen 20 d, the use grows in it", 0),
    "exchange, starting 5 days' use above": ("exchange 5 d above", -1),
    "goes on from 3 readings before, weekly": ("goes on from 3 readings before, weekly", 0),
    "kWh to Wh, then a rollover": ("x1000, then a rollover", 0),
}
"""Rows of docs/faults.md: label -> (fault, its shift against the table [h]), on the first of `METERS`."""


def spoiled(fault: str, meter: Meter = METERS[0], *, later_h: float = 0) -> Case:
    """The case of a fault on a meter.

    Args:
        fault: Its name in `FAULTS`.
        meter: The meter.
        later_h: Shift of every time that the fault names [h].

    Raises:
        KeyError: No fault has this name.
    """
    case = clean(meter)
    case.later = later_h / 24
    FAULTS[fault](case)
    return case


def documented(label: str) -> Case:
    """The case of a row of docs/faults.md."""
    fault, later_h = DOCUMENTED[label]
    return spoiled(fault, later_h=later_h)


def cases() -> Iterator[tuple[str, Meter]]:
    """(fault, meter) of every pair that `REGISTER_FAULTS` and `METERS` allow."""
    for fault in REGISTER_FAULTS:
        for meter in METERS:
            if not spoiled(fault, meter).impossible:
                yield fault, meter
