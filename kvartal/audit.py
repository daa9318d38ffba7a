"""`kvartal audit`: law 1 (docs/laws.md) as a check that runs in production.

Every register's ledger is folded again, from its stored readings alone, and compared with what the store
shows: the blocks, the hours and the unknown blocks must be the same, and the sum of all energy must be what
the kept readings counted, day by day (`Booked.shift`). If retention has deleted readings, all of this begins at the
register's checkpoint (`metering.ledger.retention`); figures of deleted days stay unchecked.

Blocks that an older fold made come out otherwise when they are folded again, and that is no fault: of them only the
sums are checked, and the register is named as one that waits to be folded again.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from metering.ledger.booking import Booked
from metering.ledger.enter import Block, Head, check_fold_version
from metering.ledger.fold import fold
from metering.ledger.retention import readings_of
from metering.ledger.state import State
from metering.quantities import QUANTITIES
from metering.times import iso
from storage.sqlite_reader import Reader, Register


class Audited(NamedTuple):
    """What an audit found."""

    registers: int
    faults: list[str]
    outdated: list[str]
    """Registers whose blocks an older fold made."""

    @property
    def advice(self) -> str:
        """What to do about the outdated registers, in one sentence; empty if there are none."""
        if not self.outdated:
            return ""
        return (
            f"{len(self.outdated)} of {self.registers} registers were folded by an older Kvartal and wait to be "
            f"folded again ({', '.join(self.outdated)}): start this one once (kvartal run) and audit again"
        )


def audit_store(db: Path) -> Audited:
    """Audit every register of the store at `db`.

    Raises:
        NewerLedger: a newer Kvartal folded one of them.
    """
    reader = Reader(db)
    try:
        registers = [r for r in reader.registers() if QUANTITIES[r.quantity].nature == "register"]
        heads = [reader.ledger_head(r.building, r.meter, r.quantity) for r in registers]
        for head in heads:
            check_fold_version(head)
        faults = [
            fault for r, head in zip(registers, heads, strict=True) for fault in _audit(reader, r, head)
        ]
        outdated = [_name(r) for r, head in zip(registers, heads, strict=True) if head.outdated]
    finally:
        reader.close()
    return Audited(len(registers), faults, outdated)


def _name(register: Register) -> str:
    return f"{register.building}/{register.meter}/{register.quantity}"


def _audit(reader: Reader, register: Register, head: Head) -> list[str]:
    name = _name(register)
    blocks = reader.blocks(register.building, register.meter, register.quantity)
    faults: list[str] = []
    booked_hours: dict[int, int] = {}
    booked_unknown = 0
    for block in blocks:
        for hour, amount in block.booked.amounts.items():
            booked_hours[hour] = booked_hours.get(hour, 0) + amount
        booked_unknown += sum(unknown.amount for unknown in block.booked.unknowns)
    if not blocks and not register.accepted:
        return []  # a virtual meter: it has days and no readings
    if not blocks:
        return [f"{name}: has readings accounted for, but no block holds them"]
    head = reader.ledger_head(register.building, register.meter, register.quantity)
    kept = sum(readings_of(block) for block in blocks) + head.deleted
    if kept != register.accepted:
        faults.append(f"{name}: {register.accepted} readings accepted, {kept} kept or deleted")
    first, end = min(booked_hours, default=0), max(booked_hours, default=-1) + 1
    shown = {
        hour: amount
        for hour, amount, _ in reader.hours(
            register.building, register.meter, register.quantity, first - 24, end + 24
        )
        if hour in booked_hours or hour >= head.cut * 24
    }
    if shown != booked_hours:
        wrong = sorted(set(shown.items()) ^ set(booked_hours.items()))
        faults.append(f"{name}: {len(wrong)} hours differ from what was booked, first {wrong[0]}")
    booked_blocks = {unknown for block in blocks for unknown in block.booked.unknowns}
    since = blocks[0].state.t if head.cut else 0
    unknown = sum(
        each.amount
        for each in reader.unknowns(register.building, register.meter, register.quantity)
        if each.end > since or each in booked_blocks
    )
    if unknown != booked_unknown:
        faults.append(f"{name}: unknown energy is {unknown}, booked were {booked_unknown}")
    counted = blocks[-1].state.v + sum(block.booked.shift for block in blocks)
    booked = sum(booked_hours.values()) + booked_unknown
    if counted != booked:
        faults.append(f"{name}: the register counted {counted}, the ledger holds {booked}")
    return faults + _refolded(name, head, blocks)


def _refolded(name: str, head: Head, blocks: list[Block]) -> list[str]:
    """Fold the stored readings and facts again, in their order: from nothing, or from the checkpoint of a cut.

    What an older fold made is not folded again, only summed.
    """
    rules = head.rules
    if rules is None:
        return [f"{name}: the ledger does not say by which rules it was made"]
    state: State | None = None
    if head.cut:
        state, blocks = blocks[0].state, blocks[1:]
    for block in blocks:
        before = 0 if state is None else state.v
        if head.outdated:
            state, booked = block.state, block.booked
        else:
            booked = Booked({}, {}, [], [])
            # Where all that was said of the register's first days is void, nothing is folded.
            state = fold(rules, state, block.times, block.amounts, booked, block.facts) or block.state
        day = iso(block.newest[0])[:10]
        if state != block.state or booked != block.booked:
            return [f"{name}: the readings of {day} give another ledger when they are folded again"]
        sums = sum(booked.amounts.values()) + sum(unknown.amount for unknown in booked.unknowns)
        if sums != state.v - before + booked.shift:
            return [f"{name}: on {day} {sums} were booked of {state.v - before + booked.shift}"]
    return []
