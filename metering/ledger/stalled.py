"""When a register stalls: its newest readings do not follow from those before them, so none of them is counted.

The ledger waits for a reading that follows, or for a person who states the bound, the unit or the exchange. The alert
is as old as the last reading that was counted, and ends when another one is. There is one for every finding `stalled`,
so the same readings give the same alerts in any order.
"""

from __future__ import annotations

from collections.abc import Iterable

from metering.events import Alert, RegisterId


def stalled_alerts(
    register: RegisterId, added: Iterable[int], withdrawn: Iterable[int], *, before: int, now: int
) -> list[Alert]:
    """What to publish if findings `stalled` of a register came and went.

    Args:
        register: The register.
        added: Their times, each that of the last counted reading [ms].
        withdrawn: Times of findings that later readings have explained.
        before: The time of the last counted reading if the register stalled before the change; else 0 [ms].
        now: The same after the change.
    """
    came, gone = set(added), set(withdrawn)
    changed = came | ({before, now} - {0} - gone if before != now else set())
    return [
        *(_alert(register, each, open_now=False, withdrawn=True) for each in sorted(gone - came)),
        *(_alert(register, each, open_now=each == now) for each in sorted(changed)),
    ]


def _alert(register: RegisterId, opened: int, *, open_now: bool, withdrawn: bool = False) -> Alert:
    detail: dict[str, float | int | str] = {"quantity": register.quantity, "since_ms": opened}
    return Alert(
        building=register.building,
        subject=register.meter,
        kind="register_stalled",
        opened=opened,
        state="open" if open_now else "resolved",
        changed=opened,
        amount=0,
        money=0,
        detail=detail | {"withdrawn": 1} if withdrawn else detail,
    )
