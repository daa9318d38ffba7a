"""A register's ledger for tests, without a runner or a store."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from metering.events import Unknown
from metering.ledger.blocks import Head, Part
from metering.ledger.booking import BookedFinding
from metering.ledger.enter import enter
from metering.ledger.entered import Entered
from metering.ledger.retention import delete_before
from metering.ledger.state import Fact, Rules
from metering.parts import HEAD

RULES = Rules(max_per_hour=2_000_000, wrap=100_000_000)


class Register:
    """A register's parts and its ledger, as a runner and a store keep them."""

    def __init__(self) -> None:
        self.parts: dict[str, Part] = {}
        self.hours: dict[int, tuple[int, int]] = {}
        self.unknowns: set[Unknown] = set()
        self.accepted = self.duplicate = 0
        self.findings: set[BookedFinding] = set()

    def enter(
        self, readings: list[tuple[int, int]], rules: Rules = RULES, facts: Sequence[Fact] = ()
    ) -> Entered | None:
        return self.take(enter(rules, self.parts, [t for t, _ in readings], [v for _, v in readings], facts))

    def take(self, entered: Entered | None) -> Entered | None:
        if entered is None:
            return None
        for name, part in entered.parts.items():
            if part is None:
                del self.parts[name]
            else:
                self.parts[name] = part
        self.accepted += entered.accepted
        self.duplicate += entered.duplicate
        for hour, now in entered.hours.items():
            assert self.hours.get(hour) != now
            if now is None:
                del self.hours[hour]
            else:
                self.hours[hour] = now
        for unknown in entered.unknowns_withdrawn:
            self.unknowns.remove(unknown)
        self.unknowns |= set(entered.unknowns_added)
        for finding in entered.findings_withdrawn:
            self.findings.remove(finding)
        self.findings |= set(entered.findings_added)
        return entered

    def bytes(self) -> bytes:
        parts = {name: msgspec.msgpack.encode(part) for name, part in sorted(self.parts.items())}
        ledger = (
            sorted(self.hours.items()),
            sorted(msgspec.to_builtins(u) for u in self.unknowns),
            sorted(self.findings),
        )
        return msgspec.msgpack.encode((parts, ledger))

    def delete_before(self, day: int) -> None:
        """Delete the readings before a day, as retention does."""
        for name, part in delete_before(self.parts, day).items():
            if part is None:
                del self.parts[name]
            else:
                self.parts[name] = part

    @property
    def cut(self) -> int:
        head = self.parts.get(HEAD)
        return head.cut if isinstance(head, Head) else 0

    def figures(self) -> tuple[object, ...]:
        return sorted(self.hours.items()), sorted(map(repr, self.unknowns)), sorted(self.findings)

    @property
    def total(self) -> int:
        return sum(amount for amount, _ in self.hours.values()) + sum(u.amount for u in self.unknowns)
