"""`kvartal audit`: reads every register of a store and words the faults that `metering.ledger.audit` finds."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from metering.ledger.audit import Fault, FaultKind, Shown, audit, booked_hours
from metering.ledger.blocks import Head
from metering.times import iso
from metering.units import QUANTITIES
from storage.sqlite_ledger import Register
from storage.sqlite_reader import Reader

_SENTENCES: Final[dict[FaultKind, str]] = {
    "no_blocks": "{accepted} readings accepted, but the ledger has no blocks",
    "readings": "{accepted} readings accepted, {stored} kept or deleted",
    "hours": "{number} hours differ from what was booked, first ({hour}, {amount})",
    "unknown": "{shown} of unknown energy shown, {booked} booked",
    "total": "the register counted {counted}, the ledger booked {booked}",
    "no_rules": "the ledger does not name the rules that it was folded by",
    "refolded": "the readings of {day} give other figures when they are folded again",
    "block_total": "on {day} the register counted {counted}, the ledger booked {booked}",
    "statement": (
        "last minus first accepted reading is {difference}, of which {booked} are booked, {unknown} unknown and "
        "{named} named as not counted: {left} are left"
    ),
    "anchor": "the last kept reading, of {day}, is not among the accepted ones",
}


class Audited(NamedTuple):
    """The result of an audit."""

    registers: int
    faults: list[str]
    outdated: list[str]
    """Registers whose blocks an older version of the fold made."""

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
    faults: list[str] = []
    outdated: list[str] = []
    try:
        registers = [r for r in reader.ledger.registers() if QUANTITIES[r.quantity].nature == "register"]
        heads = [reader.ledger.head(each.building, each.meter, each.quantity) for each in registers]
        for head in heads:
            head.check_version()
        for register, head in zip(registers, heads, strict=True):
            faults += [sentence(register, fault) for fault in _audit(reader, register, head)]
            if head.outdated:
                outdated.append(_name(register))
    finally:
        reader.close()
    return Audited(len(registers), faults, outdated)


def sentence(register: Register, fault: Fault) -> str:
    """A fault of a register in words."""
    figures: dict[str, int | str] = {**fault.figures}
    if "at" in fault.figures:
        figures["day"] = iso(fault.figures["at"])[:10]
    return f"{_name(register)}: {_SENTENCES[fault.kind].format_map(figures)}"


def _name(register: Register) -> str:
    return f"{register.building}/{register.meter}/{register.quantity}"


def _audit(reader: Reader, register: Register, head: Head) -> list[Fault]:
    key = (register.building, register.meter, register.quantity)
    blocks = reader.ledger.blocks(*key)
    booked = booked_hours(blocks)
    first, end = min(booked, default=0) - 24, max(booked, default=-1) + 25
    hours = {hour: amount for hour, amount, _ in reader.hours(*key, first, end)}
    return audit(head, blocks, Shown(register.accepted, hours, reader.unknowns(*key)))
