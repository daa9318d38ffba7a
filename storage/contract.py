"""The one contract of the stores: events go in, figures come out, writing again changes nothing.

`storage.sqlite` and `storage.influx` both keep it; tests/storage runs one suite over the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from metering.events import Alert, Day, Event, Position, Savings, Unknown


class Sink(Protocol):
    """Takes the events of the pipeline. Every output has a key, and a later one with the key replaces it."""

    def write(self, events: Iterable[Event]) -> None:
        """Keep the events. When this returns they are on disk here, though perhaps not yet at a remote store."""
        ...

    def close(self) -> None:
        """Flush what can be flushed and let go of files and threads."""
        ...


class Figures(Protocol):
    """What people ask of a store. Ranges are half-open except for dates, which include both ends."""

    def hours(
        self, building: str, meter: str, quantity: str, first: int, end: int
    ) -> list[tuple[int, int, int]]:
        """(hour, amount [base unit], flags) for hours of `[first, end)` that the ledger holds, ascending."""
        ...

    def unknowns(self, building: str, meter: str, quantity: str) -> list[Unknown]:
        """Unknown blocks of a register, by start."""
        ...

    def days(self, building: str, meter: str, quantity: str, first: int, last: int) -> list[Day]:
        """Days of a register with date in `[first, last]`, ascending. `received_at` may be 0."""
        ...

    def savings(self, contract: str, first: int, last: int) -> list[Savings]:
        """Days of a contract that have a figure, date in `[first, last]`, ascending. `received_at` may be 0."""
        ...

    def gauges(
        self, building: str, meter: str, quantity: str, first: int, end: int
    ) -> list[tuple[int, int, int, int, int, int]]:
        """(hour, mean, low, high [base unit], covered [ms], flags) of a gauge's hours of `[first, end)`."""
        ...

    def position(self, contract: str) -> Position | None:
        """Where the contract stands, or None before its first reporting day."""
        ...

    def alerts(self, *, open_only: bool = True) -> list[Alert]:
        """Alerts, newest first."""
        ...
