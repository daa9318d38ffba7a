"""Stamps and arrivals of readings -> findings: a gateway whose clock is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from metering.events import Ahead, Event, Finding, Readings, RegisterId
from metering.ledger.gateway import GatewayClock, Offset, is_late, note, offsets
from metering.parts import HEAD, Changed, Parts, part
from metering.site.model import Site
from metering.times import DAY_MS
from streams.step import Step


def gateway_step(site: Site) -> Step[RegisterId, GatewayClock, Readings | Ahead]:
    """The step that notices gateways whose clocks are wrong. Readings in time only cost a comparison."""

    def keys(event: Readings | Ahead) -> Iterable[RegisterId]:
        if isinstance(event, Ahead):
            return (event.register,)
        # A message's last reading is its newest one, as a rule; older ones in a message prove nothing.
        if event.nature == "register" and is_late(event.times[-1], event.received_at):
            return (event.register,)
        return ()

    def run(
        register: RegisterId, parts: Parts[GatewayClock], event: Readings | Ahead
    ) -> tuple[Changed[GatewayClock], Sequence[Event]]:
        before = part(parts, HEAD, GatewayClock) or GatewayClock()
        time = event.time if isinstance(event, Ahead) else max(event.times)
        if isinstance(event, Readings) and not is_late(time, event.received_at):
            return {}, ()
        after = note(before, time, event.received_at)
        if after == before:
            return {}, ()
        was, now = set(offsets(before)), set(offsets(after))
        gone = [finding(register, each, event.received_at, True) for each in sorted(was - now)]
        new = [finding(register, each, event.received_at, False) for each in sorted(now - was)]
        return {HEAD: after}, gone + new

    def finding(register: RegisterId, offset: Offset, received_at: int, withdrawn: bool) -> Event:
        return Finding(
            **register.fields(),
            kind="gateway_clock",
            start=offset.first * DAY_MS,
            end=(offset.last + 1) * DAY_MS,
            figures={"offset": offset.minutes, "readings": offset.readings, "days": offset.days},
            received_at=received_at,
            withdrawn=withdrawn,
        )

    return Step("gateway", (Readings, Ahead), keys, (GatewayClock,), run)
