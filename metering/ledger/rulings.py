"""A person's rulings about a register: which of them are in force, and what they say of an instant.

A ruling has an identity: the hash of what it says, without when it was stated and whether it was withdrawn. Withdrawing
is a later statement of the same ruling, and so is making it again. The ledger keeps the latest statement of each; which
statement came first does not matter. Two rulings that answer the same question differently conflict: the later-stated
one is in force, of two stated in one instant the one with the lower hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from metering.events import Exchange, RegisterId, Ruling

if TYPE_CHECKING:
    from metering.ledger.state import Rules

_encode: Final = msgspec.json.Encoder().encode


def content(ruling: Ruling) -> Ruling:
    """What a ruling says, with its author and reason: without when it was stated and whether it was withdrawn."""
    return replace(ruling, stated_at=0, withdrawn=False, withdrawn_by="", withdrawn_because="")


def ruling_id(register: RegisterId, ruling: Ruling) -> str:
    """First 16 hex digits of the SHA-256 of the register and the ruling's content as a JSON array."""
    return _hash([*register], content(ruling))


def _hash(*what: object) -> str:
    return hashlib.sha256(_encode(what)).hexdigest()[:16]


def _later(ruling: Ruling) -> tuple[int, int]:
    """Sort key: a later statement is greater; of one instant, that of the lower hash."""
    return (ruling.stated_at, -int(_hash(ruling), 16))


def merged(stored: Iterable[Ruling], stated: Iterable[Ruling]) -> tuple[Ruling, ...]:
    """The latest statement of each ruling, in a fixed order."""
    latest: dict[Ruling, Ruling] = {}
    for ruling in (*stored, *stated):
        said = content(ruling)
        other = latest.get(said)
        if other is None or _later(ruling) > _later(other):
            latest[said] = ruling
    return tuple(sorted(latest.values(), key=_encode))


def first_of(ruling: Ruling) -> int:
    """Begin of the time that a ruling is about [ms]."""
    return ruling.at if ruling.start is None else ruling.start


def _conflict(one: Ruling, other: Ruling) -> bool:
    """Whether two rulings answer one question. Two answers cannot both be in force."""
    kinds = {one.kind, other.kind}
    if kinds <= {"exchange", "no_exchange"}:
        if kinds == {"no_exchange"}:
            return (one.start, one.at) == (other.start, other.at)
        return first_of(one) <= other.at and first_of(other) <= one.at
    if len(kinds) > 1 or (one.start, one.at) != (other.start, other.at):
        return False
    if kinds == {"replaces"}:
        pairs = [sorted((each.source, each.replaced)) for each in (one, other)]
        return pairs[0] == pairs[1] and one.amount == other.amount
    return kinds != {"not_ours"} or one.amount == other.amount


def effective(rulings: Iterable[Ruling]) -> tuple[Ruling, ...]:
    """The rulings in force, by time, without who made them: what the register is folded by.

    Args:
        rulings: Statements in any order, also several of one ruling.
    """
    in_force: list[Ruling] = []
    for ruling in sorted(merged((), rulings), key=_later, reverse=True):
        if not ruling.withdrawn and not any(_conflict(ruling, later) for later in in_force):
            in_force.append(ruling)
    bare = (replace(content(ruling), author="", reason="", unit="", source="") for ruling in in_force)
    return tuple(sorted(set(bare), key=lambda ruling: (ruling.at, ruling.kind, _encode(ruling))))


def in_force(rulings: Iterable[tuple[RegisterId, Ruling]]) -> set[tuple[RegisterId, str]]:
    """(register, id) of rulings that are not withdrawn and that no later one contradicts."""
    by: dict[RegisterId, list[Ruling]] = {}
    for register, ruling in rulings:
        by.setdefault(register, []).append(ruling)
    return {
        (register, ruling_id(register, ruling))
        for register, stated in by.items()
        for ruling in stated
        if not ruling.withdrawn and effective([ruling])[0] in effective(stated)
    }


def ruled_exchanges(in_force: Iterable[Ruling]) -> tuple[Exchange, ...]:
    """The exchanges that rulings declare, as the site file would: they win over messages and count as no reading."""
    return tuple(
        Exchange(at=ruling.at, final=ruling.amount or 0, initial=ruling.initial or 0, by_site=True)
        for ruling in in_force
        if ruling.kind == "exchange"
    )


def is_no_exchange(rules: Rules, start: int, end: int) -> bool:
    """Whether a person ruled out an exchange or reset between the readings at `start` and `end` [ms]."""
    return any(
        ruling.kind == "no_exchange" and ruling.at >= start and first_of(ruling) <= end
        for ruling in rules.rulings
    )


def is_unit_known(rules: Rules, t: int) -> bool:
    """Whether a person ruled in which unit the register counts at `t` [ms]: it is not guessed then."""
    return any(ruling.kind == "unit" and ruling.at <= t for ruling in rules.rulings)
