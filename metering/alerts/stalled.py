"""When a register stalls: its newest readings do not follow from those before them, so none of them is counted.

The ledger waits for a reading that follows, or for a person who states the bound, the unit or
the exchange. The alert is as old as the last reading that was counted, and ends when another one is.
"""

from __future__ import annotations

from metering.events import Alert, RegisterId


def stalled_alerts(
    register: RegisterId, before: int, now: int, *, changed: int, last: int, bound: int
) -> list[Alert]:
    """What to publish if a register stalled since `before` and now does since `now`.

    Args:
        register: The register.
        before: Time of the last counted reading, if the register stalled before the change; else 0 [ms].
        now: The same after the change.
        changed: Time of the newest reading [ms].
        last: What the last counted reading shows [base units].
        bound: The meter's plausibility bound [base units per hour].
    """

    def alert(opened: int, *, resolved: bool) -> Alert:
        return Alert(
            building=register.building,
            subject=register.meter,
            kind="register_stalled",
            opened=opened,
            state="resolved" if resolved else "open",
            changed=changed,
            amount=0,
            money=0,
            detail={"quantity": register.quantity, "last": last, "bound": bound, "since_ms": opened},
        )

    if before == now:
        return []
    return [alert(each, resolved=each == before) for each in (before, now) if each]
