"""What a store shows, for comparing two stores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from metering.site.model import Site
from storage.sqlite_reader import Reader


def figures(db: Path, site: Site) -> dict[str, Any]:
    """Everything that law 2 keeps equal: hours, blocks, days, savings, positions, alerts about energy."""
    reader = Reader(db)
    shown: dict[str, Any] = {}
    for building, meter in sorted(site.meters):
        register = (building, meter, "energy")
        shown[f"{building}/{meter}"] = (
            reader.hours(*register, 0, 1_000_000),
            reader.unknowns(*register),
            reader.days(*register, 0, 1_000_000),
        )
    for contract in sorted(site.contracts):
        position = reader.position(contract)
        shown[contract] = (
            reader.savings(contract, 0, 1_000_000),
            position and replace(position, received_at=0),
            reader.baseline(contract),
        )
    # Withdrawn alerts are history and silence is about delivery: law 2 (docs/laws.md) leaves both out.
    shown["alerts"] = sorted(
        repr(alert)
        for alert in reader.alerts(open_only=False)
        if alert.kind != "meter_silent" and "withdrawn" not in alert.detail
    )
    reader.close()
    return shown
