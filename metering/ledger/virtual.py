"""Days of virtual meters: sums and differences of their members' days."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from metering.ledger.days import DayFigures
from metering.site.meters import Virtual


class VirtualDay(Struct, frozen=True, tag="v", array_like=True, gc=False):
    """What the members of a virtual meter used on one day."""

    members: dict[str, DayFigures] = {}
    published: DayFigures | None = None


def signs_of(virtual: Virtual) -> dict[str, int]:
    """The members of a virtual meter: 1 if they are added, -1 if they are subtracted."""
    return dict.fromkeys(virtual.plus, 1) | dict.fromkeys(virtual.minus, -1)


def with_member(
    state: VirtualDay, signs: Mapping[str, int], member: str, figures: DayFigures | None
) -> VirtualDay:
    """The day after new figures of one member; `published` as the figures of the virtual meter now are.

    A member that the site file no longer names is dropped. A doubt about a member is a doubt about the sum.

    Args:
        state: The day before.
        signs: The members, as `signs_of` gives them.
        member: The member.
        figures: Its figures; None if its day is withdrawn.
    """
    members = {name: day for name, day in state.members.items() if name in signs and name != member}
    if figures is not None:
        members[member] = figures
    total = _sum(signs, members) if members.keys() == signs.keys() else None
    return VirtualDay(dict(sorted(members.items())), total)


def _sum(signs: Mapping[str, int], members: Mapping[str, DayFigures]) -> DayFigures:
    used: int | None = 0
    known = unknown = estimated = flags = 0
    for member, sign in signs.items():
        day = members[member]
        used = None if used is None or day.used is None else used + sign * day.used
        known += sign * day.known
        unknown += sign * day.unknown
        estimated += day.estimated
        flags |= day.flags
    return DayFigures(used, known, unknown, estimated, min(day.coverage for day in members.values()), flags)
