"""The cases that the ledger is known to fail, with the reason. A case that begins to pass must leave this table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from simulators.faults.meters import METERS


def _all_but(*names: str) -> tuple[str, ...]:
    return tuple(meter.name for meter in METERS if meter.name not in names)


_COARSE_OR_DAILY: Final = (
    "heat Gcal .1", "heat Gcal .1 summer", "heat Gcal daily", "heat MWh daily", "elec daily", "cold water daily",
)  # fmt: skip
_BURSTS: Final = ("elec kWh bare", "elec flat")

_ROWS: Final[dict[str, dict[str, Iterable[str]]]] = {
    "a stamp that is off by a constant or slowly growing time looks like a true one: "
    "the total is right, the hours are shifted, and nothing flags them": {
        "clock +1 h a month": _all_but(*_COARSE_OR_DAILY),
        "clock -1 h a month": _all_but(*_COARSE_OR_DAILY),
        "clock drifts -2 min a day": _all_but(*_COARSE_OR_DAILY),
        "clock drifts 2 min a day": (
            "heat Gcal 15min", "elec 15min", "elec 30min", "elec irregular", "hot water 15min", "gas jitter",
        ),
        "clock +3 h a day": (
            "heat Gcal spring", "heat Gcal summer", *_BURSTS, "hot water", "hot water 15min", "gas jitter",
        ),
        "clock +1 h a day": _BURSTS,
        "clock -1 h a day": _BURSTS,
        "copies 7 min later": ("elec irregular",),
        "old and new both sending": (*_BURSTS, "elec school", "hot water", "hot water 15min", "gas jitter"),
    },
    "another register counts in another unit that is so near that its rate may be use: nothing says which one it is": {
        "exchange to another unit": (
            "heat Gcal .001", "heat Gcal .01", "heat Gcal spring", "heat GJ :17", "heat MWh", "heat Gcal 15min",
            "hot water",
        ),
    },
    "bursts of use hide a factor of four": {
        "Gcal, then GJ": ("elec kWh bare",),
    },
    "four foreign values in a row are believed to be another register's: the energy before the return is booked "
    "in hours that nothing flags": {
        "/10 four times": _all_but(
            "heat Gcal .1", "heat Gcal .1 summer", "heat Gcal 15min", "elec 15min", "elec 30min",
            "elec irregular", "hot water 15min",
        ),
    },
    "a hundred times the use lies beyond what the meter's bound allows: its readings are strays to the ledger": {
        "pulse weight x100": _all_but(
            "heat kWh", "heat kWh bare", "heat Gcal summer", "heat Gcal .1 summer", "heat MWh",
            "heat Gcal .1", "heat Gcal 15min", "heat Gcal daily", "heat MWh daily", "elec 15min", "elec daily",
            "hot water 15min", "gas jitter",
        ),
    },
    "a pulse weight is judged by whole days: a change in mid-day flags up to a day more at each end": {
        "pulse weight x10 and back": (
            "heat Gcal summer", "heat Gcal .1 summer", "elec school", "hot water", "hot water 15min", "gas jitter",
        ),
        "pulse weight /10 and back": (
            "elec school", "heat Gcal summer", "hot water", "hot water 15min", "gas jitter",
        ),
    },
    "daily readings: one step is a day, so that a small jump cannot be told from use, or its doubt spans days": {
        "spike 2 days, twice": ("elec daily",),
        "spike 2 days, 6 times": ("heat Gcal daily", "heat MWh daily", "elec daily", "cold water daily"),
        "spike 2 days, a day": ("elec daily",),
    },
    "irregular stamps: once a day an hour is read, and the rest is spread evenly over a day of uneven use": {
        "backfill hourly, live daily": ("elec irregular", "gas jitter"),
    },
    "a meter with long standstills or bursts leaves one hour beside the fault off and unflagged": {
        "silence then spike 2 d": ("heat Gcal spring", "elec kWh bare"),
        "another meter's values, a day mixed": ("elec school", "hot water"),
        "exchange near the end": ("elec school",),
    },
    "a spike of two days' use ends while the register passes it: one hour beside it is off": {
        "spike 2 days, 6 times": ("heat Gcal .001", "cold water"),
        "spike 2 days, a day": ("heat Gcal .001", "cold water"),
    },
    "the first reading of all is a zero, and the bound allows what follows in a day: it is energy, with a question": {
        "zero first": ("cold water daily",),
    },
    "a standstill of five hours lies within a gap that is interpolated, and a school's use is not even": {
        "frozen 5 h": ("elec school",),
    },
    "a tenth of half a Gcal a day is less than the register's step of 0.1 Gcal: nothing says that it counts less": {
        "pulse weight /10": ("heat Gcal .1 summer",),
        "pulse weight /10 and back": ("heat Gcal .1 summer",),
    },
}  # fmt: skip

KNOWN: Final[dict[tuple[str, str], str]] = {
    (fault, meter): reason
    for reason, rows in _ROWS.items()
    for fault, meters in rows.items()
    for meter in meters
}
"""(fault, meter) -> reason."""
