"""What folding books: energy by hour, unknown blocks, flags and findings."""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec import Struct

from metering import flags as f
from metering.events import Unknown
from metering.times import HOUR_MS

GAP_MS: Final = 6 * HOUR_MS
"""The longest gap that is interpolated (law 1 of the design; CalTRACK allows the same for temperature)."""


class BookedFinding(NamedTuple):
    """A doubt about the readings; `metering.findings` lists kinds and names of figures."""

    kind: str
    start: int
    """[ms]."""
    end: int
    """[ms]."""
    figures: tuple[tuple[str, int], ...] | str
    """(name, value) pairs, amounts in the quantity's base units. State written before findings had figures has a
    sentence in their place."""


def figures_of(figures: tuple[tuple[str, int], ...] | str) -> dict[str, int | str]:
    """A finding's figures by name; the sentence of old state under `text`."""
    return {"text": figures} if isinstance(figures, str) else dict(figures)


class Booked(Struct, array_like=True):
    """What a run of the fold booked. Mutable: the fold appends to it."""

    amounts: dict[int, int]
    """Energy by hour (since 1970)."""
    flags: dict[int, int]
    """Flags by hour; an hour with flags but no energy of its own only marks what others booked."""
    unknowns: list[Unknown]
    findings: list[BookedFinding]
    shift: int = 0
    """What makes the anchor's amount differ from what was booked: a rollover's wrap, the jump from one register to
    the next, an interval's use. The law of conservation: amount of the anchor after the run, minus before it (0
    where there was none), plus shift, is all that the run booked."""

    def add_finding(self, kind: str, start: int, end: int, **figures: int) -> None:
        """Add a finding over `[start, end]` [ms]."""
        self.findings.append(BookedFinding(kind, start, end, tuple(figures.items())))

    def copy(self) -> Booked:
        """A copy that the fold may append to."""
        return Booked(
            dict(self.amounts), dict(self.flags), list(self.unknowns), list(self.findings), self.shift
        )


def book(start: int, end: int, delta: int, note: int, booked: Booked) -> None:
    """Spread `delta` over `[start, end)`, or book it as one unknown block where that is too long a gap."""
    if end - start > GAP_MS:
        booked.unknowns.append(Unknown(start, end, delta, note | f.UNKNOWN))
        if start % HOUR_MS:
            mark(booked, start // HOUR_MS, note | f.PARTIAL | f.UNKNOWN)
        if end % HOUR_MS:
            mark(booked, end // HOUR_MS, note | f.PARTIAL | f.UNKNOWN)
        return
    if end - start > HOUR_MS:
        note |= f.INTERPOLATED
    first, last = start // HOUR_MS, (end - 1) // HOUR_MS
    amounts = booked.amounts
    given = 0
    for hour in range(first, last):
        upto = delta * ((hour + 1) * HOUR_MS - start) // (end - start)
        amounts[hour] = amounts.get(hour, 0) + upto - given
        given = upto
    amounts[last] = amounts.get(last, 0) + delta - given
    if note:
        for hour in range(first, last + 1):
            mark(booked, hour, note)


def mark(booked: Booked, hour: int, note: int) -> None:
    booked.flags[hour] = booked.flags.get(hour, 0) | note


def uncounted(start: int, end: int, note: int, booked: Booked) -> None:
    """Nobody counted over `[start, end)`: a duration, not a number. The hours at its ends are partial."""
    if start % HOUR_MS:
        mark(booked, start // HOUR_MS, note | f.PARTIAL)
    elif note:
        mark(booked, (start - 1) // HOUR_MS, note)
    if end % HOUR_MS:
        mark(booked, end // HOUR_MS, note | f.PARTIAL)
