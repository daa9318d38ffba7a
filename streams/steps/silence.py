"""Counts and ticks -> alerts about meters that are silent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from metering.alerts.silence import Contact, silence
from metering.events import Alert, Counted, Event, Tick
from metering.parts import HEAD, Changed, Parts
from metering.site.model import Site
from metering.times import HOUR_MS
from streams.step import Step


class Heard(Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The newest messages of a building's meters, and which meters are silent."""

    meters: dict[str, tuple[int, int]] = {}
    """meter -> (received_at of its newest message, time of its newest reading) [ms]."""
    silent: tuple[Alert, ...] = ()


def silence_step(site: Site) -> Step[str, Heard, Counted | Tick]:
    """The step that notices meters that fall silent. Only ticks judge it: silence needs a clock."""
    limit = site.site.silent_after_hours * HOUR_MS

    def keys(event: Counted | Tick) -> Iterable[str]:
        return (event.building,) if event.building else ()

    def run(key: str, parts: Parts[Heard], event: Counted | Tick) -> tuple[Changed[Heard], Sequence[Event]]:
        state = parts.get(HEAD) or Heard()
        if isinstance(event, Counted):
            return _note(state, event), ()
        now = event.received_at
        # A meter without a message is awaited from the first tick on; a removed one is not.
        meters = {
            meter.id: state.meters.get(meter.id, (now, 0))
            for meter in site.buildings[key].meter
            if meter.virtual is None
        }
        contacts = {meter: Contact(*times) for meter, times in meters.items()}
        judged = silence(key, contacts, state.silent, now=now, limit=limit)
        new = Heard(meters, judged.open)
        return ({HEAD: new} if new != state else {}), judged.changed

    return Step("silence", (Counted, Tick), keys, (Heard,), run)


def _note(state: Heard, event: Counted) -> Changed[Heard]:
    before = state.meters.get(event.meter, (0, 0))
    now = (max(before[0], event.received_at), max(before[1], event.last_time))
    if now == before:
        return {}
    return {HEAD: Heard(state.meters | {event.meter: now}, state.silent)}
