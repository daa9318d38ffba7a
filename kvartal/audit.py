"""`kvartal audit`: every register's conservation, and every figure of a store made once more from its facts.

`metering.ledger.audit` judges a register, `kvartal.audit_figures` the figures above it, `kvartal.audit_counts` what
concerns the whole store.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from kvartal.audit_counts import store_apart
from kvartal.audit_differences import capped
from kvartal.audit_figures import FigureAudit
from metering.ledger.audit import Fault, FaultKind, Shown, audit, booked_hours
from metering.ledger.blocks import Head
from metering.site.model import Site, site_of_bytes
from metering.times import iso
from metering.units import COUNTED, QUANTITIES
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
    "rulings": "rulings stated: {stated}; the ledger was folded by other rulings ({folded} in force)",
    "block_total": "on {day} the register counted {counted}, the ledger booked {booked}",
    "statement": (
        "last minus first accepted reading is {difference}, of which {booked} are booked, {unknown} unknown and "
        "{named} named as not counted: {left} are left"
    ),
    "anchor": "the last kept reading, of {day}, is not among the accepted ones",
}


UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError)
_BY_ROW: Final[frozenset[FaultKind]] = frozenset({"hours", "unknown"})
"""Faults that the audit of figures names row by row."""


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


def audit_store(
    db: Path, site: Site | None = None, progress: Callable[[int, int], None] = lambda _done, _of: None
) -> Audited:
    """Audit every register and every figure of the store at `db`.

    Args:
        db: The store.
        site: The site that its figures were made under; by default the one that the store keeps. Without any, the
            figures above the hours are not made once more.
        progress: Called with the number of buildings done, and that of all.

    Raises:
        NewerLedger: a newer Kvartal folded one of the registers.
    """
    reader = Reader(db)
    faults: list[str] = []
    outdated: list[str] = []
    try:
        with reader.snapshot():
            listed = reader.ledger.registers()
            registers = [r for r in listed if r.quantity in COUNTED]
            faults += [
                f"{_name(r)}: there is no such quantity" for r in listed if r.quantity not in QUANTITIES
            ]
            heads: list[tuple[Register, Head]] = []
            for each in registers:
                try:
                    head = reader.ledger.head(each.building, each.meter, each.quantity)
                except UNREADABLE as error:
                    faults.append(f"{_name(each)}: the ledger cannot be read: {error}")
                    continue
                head.check_version()
                heads.append((each, head))
            site = site or kept_site(reader)
            shown_elsewhere = _BY_ROW if site is not None else frozenset()
            for register, head in heads:
                try:
                    audited = _audit(reader, register, head)
                except UNREADABLE as error:
                    faults.append(f"{_name(register)}: the ledger cannot be read: {error}")
                    continue
                faults += [sentence(register, each) for each in audited if each.kind not in shown_elsewhere]
                if head.outdated:
                    outdated.append(_name(register))
            faults += capped(store_apart(reader.tables))
            if site is not None:
                figures = FigureAudit(reader, site)
                faults += capped(figures.baselines())
                buildings = figures.buildings()
                for done, building in enumerate(buildings):
                    progress(done, len(buildings))
                    try:
                        faults += capped(figures.audit(building))
                    except UNREADABLE as error:
                        faults.append(f"{building}: state cannot be read: {error}")
                progress(len(buildings), len(buildings))
    finally:
        reader.close()
    return Audited(len(registers), faults, outdated)


def kept_site(reader: Reader) -> Site | None:
    """The site that the store keeps; None if an older Kvartal wrote it, which kept none."""
    kept = reader.site()
    return None if kept is None else site_of_bytes(kept)


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
