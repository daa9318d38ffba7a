"""When a register stalls: its newest readings do not follow from those before them, so none of them is counted.

The ledger waits for a reading that follows, or for a person who states the bound, the unit or the exchange. The alert
is as old as the last reading that was counted, and ends when another one is. There is one for every finding `stalled`,
so the same readings give the same alerts in any order.
"""

from __future__ import annotations

from collections.abc import Iterable

from metering.events import Alert, RegisterId
from metering.ledger.booking import BookedFinding


def stalled_alerts(
    register: RegisterId, added: Iterable[BookedFinding], withdrawn: Iterable[BookedFinding]
) -> list[Alert]:
    """What to publish if findings of a register came and went: an alert opens or ends with each `stalled`.

    Args:
        register: The register.
        added: Findings that came. A finding `stalled` begins at the last counted reading.
        withdrawn: Findings that later readings have ended.
    """
    came, gone = ({each.start for each in some if each.kind == "stalled"} for some in (added, withdrawn))
    return [
        *(_alert(register, each, ended=True) for each in sorted(gone - came)),
        *(_alert(register, each, ended=False) for each in sorted(came)),
    ]


def _alert(register: RegisterId, opened: int, *, ended: bool) -> Alert:
    detail: dict[str, float | int | str] = {"quantity": register.quantity, "since_ms": opened}
    return Alert(
        building=register.building,
        subject=register.meter,
        kind="register_stalled",
        opened=opened,
        state="resolved" if ended else "open",
        changed=opened,
        amount=0,
        money=0,
        detail=detail | {"withdrawn": 1} if ended else detail,
    )
