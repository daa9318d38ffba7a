"""The contract of both stores: a `Sink` takes events, `Figures` answers questions, writing again changes nothing.

`storage.sqlite` with `storage.sqlite_reader`, and `storage.influx` with `storage.influx_reader`, implement it;
tests/storage runs one suite over both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from metering.events import Alert, Day, Event, Position, Savings, Unknown


class Sink(Protocol):
    """Takes the events of the pipeline. Every event has a key; a later event with the same key replaces it."""

    def write(self, events: Iterable[Event]) -> None:
        """Keep the events. When this returns they are on the local disk; a remote store may follow later."""
        ...

    def close(self) -> None:
        """Flush, then release files and threads."""
        ...


class Figures(Protocol):
    """Figures of a store, for people. Ranges are half-open, except dates, which include both ends."""

    def hours(
        self, building: str, meter: str, quantity: str, first: int, end: int
    ) -> list[tuple[int, int, int]]:
        """(hour, amount [base unit], flags) for hours of `[first, end)` with known energy, ascending."""
        ...

    def unknowns(self, building: str, meter: str, quantity: str) -> list[Unknown]:
        """Unknown blocks of a register, by start and end."""
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
