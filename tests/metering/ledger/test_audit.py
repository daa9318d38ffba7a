"""The audit names what contradicts itself in a register's ledger, and only that."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from metering.events import Ruling, Unknown
from metering.ledger.audit import Fault, Shown, audit, booked_hours
from metering.ledger.blocks import Block, Head, Part, block_of
from metering.ledger.enter import enter
from metering.ledger.retention import delete_before
from metering.ledger.state import FOLD_VERSION, Rules
from metering.parts import HEAD
from metering.times import DAY_MS, HOUR_MS

DAY = 20_000
T0 = DAY * DAY_MS
GAP = range(30, 42)
"""Hours without readings, on the second day: one unknown block."""


class Stored(NamedTuple):
    head: Head
    blocks: list[Block]
    shown: Shown


def stored(cut: int | None = None) -> Stored:
    """Four days of a register that counts 20 kWh an hour from 50 MWh, as entered and shown."""
    readings = [(T0 + i * HOUR_MS, 50_000_000 + i * 20_000) for i in range(96) if i not in GAP]
    entered = enter(Rules(2_000_000), {}, [t for t, _ in readings], [v for _, v in readings])
    assert entered is not None
    parts: dict[str, Part | None] = dict(entered.parts)
    if cut is not None:
        parts |= delete_before(entered.parts, cut)
    kept = {name: part for name, part in parts.items() if part is not None}
    head = kept[HEAD]
    assert isinstance(head, Head)
    hours = {hour: each[0] for hour, each in entered.hours.items() if each is not None}
    return Stored(
        head,
        [block_of(kept, day) for day in head.days()],
        Shown(entered.accepted, hours, entered.unknowns_added),
    )


def showing(**fields: object) -> Callable[[Stored], Stored]:
    return lambda s: s._replace(shown=s.shown._replace(**fields))


def hour_off(s: Stored) -> Stored:
    return s._replace(shown=s.shown._replace(hours=s.shown.hours | {DAY * 24 + 50: 20_001}))


def hour_beside(s: Stored) -> Stored:
    return s._replace(shown=s.shown._replace(hours=s.shown.hours | {DAY * 24 + 96: 7}))


def made_up(s: Stored) -> Stored:
    """One watt-hour more, booked and shown alike."""
    hour = DAY * 24 + 50
    block = s.blocks[2]
    amounts = block.booked.amounts | {hour: 20_001}
    booked = replace(block.booked, amounts=amounts)
    return hour_off(s)._replace(blocks=[*s.blocks[:2], replace(block, booked=booked), *s.blocks[3:]])


def reading_off(s: Stored) -> Stored:
    block = s.blocks[2]
    amounts = [*block.amounts[:5], block.amounts[5] + 1, *block.amounts[6:]]
    return s._replace(blocks=[*s.blocks[:2], replace(block, amounts=amounts), *s.blocks[3:]])


AT = T0 + 71 * HOUR_MS
"""The last reading of the third day."""


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        (lambda s: s, []),
        (lambda s: s._replace(blocks=[]), [Fault("no_blocks", {"accepted": 84})]),
        (lambda s: showing(accepted=0)(s._replace(blocks=[])), []),
        (showing(accepted=85), [Fault("readings", {"accepted": 85, "stored": 84})]),
        (hour_off, [Fault("hours", {"number": 2, "hour": DAY * 24 + 50, "amount": 20_000})]),
        (hour_beside, [Fault("hours", {"number": 1, "hour": DAY * 24 + 96, "amount": 7})]),
        (showing(unknowns=()), [Fault("unknown", {"shown": 0, "booked": 260_000})]),
        (
            showing(unknowns=(Unknown(start=T0, end=T0 + DAY_MS, amount=260_001, flags=2),)),
            [Fault("unknown", {"shown": 260_001, "booked": 260_000})],
        ),
        (
            made_up,
            [Fault("total", {"counted": 1_900_000, "booked": 1_900_001}), Fault("refolded", {"at": AT})],
        ),
        (reading_off, [Fault("refolded", {"at": AT})]),
        (lambda s: s._replace(head=replace(s.head, rules=None)), [Fault("no_rules", {})]),
        (
            lambda s: s._replace(head=replace(s.head, rulings=(Ruling(kind="unit", at=AT, num=10),))),
            [Fault("rulings", {"stated": 1, "folded": 0})],
        ),
        (lambda s: s._replace(head=replace(s.head, rules=Rules(5))), [Fault("refolded", {"at": T0 + 23 * HOUR_MS})]),
    ],
)  # fmt: skip
def test_faults(change: Callable[[Stored], Stored], faults: list[Fault]) -> None:
    assert audit(*change(stored())) == faults


def test_blocks_of_an_older_fold_are_only_summed() -> None:
    older = stored()
    older = older._replace(head=replace(older.head, fold_version=FOLD_VERSION - 1))
    assert audit(*reading_off(older)) == []
    assert audit(*made_up(older)) == [
        Fault("total", {"counted": 1_900_000, "booked": 1_900_001}),
        Fault("block_total", {"at": AT, "counted": 480_000, "booked": 480_001}),
    ]


@pytest.mark.parametrize("cut", [DAY + 2, DAY + 3])
def test_after_a_cut_the_audit_begins_at_the_checkpoint(cut: int) -> None:
    """Hours and unknown energy of deleted days are shown, and no block books them."""
    after = stored(cut)
    assert len(booked_hours(after.blocks)) < len(after.shown.hours)
    assert audit(*after) == []
    assert [fault.kind for fault in audit(*made_up_last(after))] == ["total", "refolded"]


def made_up_last(s: Stored) -> Stored:
    """One watt-hour more in the last block, booked and shown alike."""
    block = s.blocks[-1]
    hour = max(block.booked.amounts)
    amount = block.booked.amounts[hour] + 1
    booked = replace(block.booked, amounts=block.booked.amounts | {hour: amount})
    shown = s.shown._replace(hours=s.shown.hours | {hour: amount})
    return Stored(s.head, [*s.blocks[:-1], replace(block, booked=booked)], shown)
