"""What entering readings and facts into a ledger changed (`metering.ledger.enter`)."""

from __future__ import annotations

from collections import Counter
from typing import TypeVar

from msgspec import Struct

from metering.events import Unknown
from metering.ledger.blocks import Part
from metering.ledger.booking import BookedFinding
from metering.ledger.hours import Hour
from metering.parts import PartName

_T = TypeVar("_T")


class Entered(Struct, frozen=True, gc=False):
    """What entering readings and facts into a ledger changed."""

    parts: dict[PartName, Part | None]
    """Parts to replace; None deletes one."""
    accepted: int
    duplicate: int
    frontier: int
    """Time of the register's anchor: its last kept reading [ms]."""
    newest: tuple[int, int]
    """(time [ms], amount) of the newest accepted reading."""
    hours: dict[int, Hour]
    """Hours that changed: (amount, flags), or None if nothing is booked in it now."""
    unknowns_added: tuple[Unknown, ...] = ()
    unknowns_withdrawn: tuple[Unknown, ...] = ()
    findings_added: tuple[BookedFinding, ...] = ()
    findings_withdrawn: tuple[BookedFinding, ...] = ()
    new_fold: bool = False
    """Whether all blocks were folded again because an older version of the fold had made them."""
    first: int = 0
    """Time of the register's first reading or fact [ms]; 0 if its first block stays as it was."""


def difference(new: list[_T], old: list[_T]) -> tuple[tuple[_T, ...], tuple[_T, ...]]:
    """What there is more of in `new`, and what there is more of in `old`."""
    if new == old:
        return (), ()
    if not old:
        return tuple(new), ()
    if not new:
        return (), tuple(old)
    more, less = Counter(new), Counter(old)
    return tuple((more - less).elements()), tuple((less - more).elements())
