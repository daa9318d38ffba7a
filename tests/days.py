"""Days of one register, as the ledger tells them."""

from __future__ import annotations

from typing import Any

from metering.events import Day


def day_of(meter: str, date: int, used: int | None, **figures: Any) -> Day:
    """The energy of a meter of building b01 on an ordinal date: whole and known, but for the figures given."""
    whole: dict[str, Any] = {
        "building": "b01",
        "quantity": "energy",
        "known": used or 0,
        "unknown": 0,
        "estimated": 0,
        "coverage": 1.0,
        "flags": 0,
        "received_at": 0,
    }
    return Day(meter=meter, date=date, used=used, **(whole | figures))
