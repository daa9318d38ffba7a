"""The clock of a gateway: by how much the stamps of its readings differ from their arrival.

Theory of operation
-------------------
A reading cannot be older than its stamp says it is young: stamps ahead of their arrival by more than a clock may be off
(`ingest.instants.FUTURE_MS`) are rejected, and three days of them with the same offset are a wrong clock, or local time
that is labelled UTC. Stamps far behind their arrival are mostly archives, retained messages or lines that were down.
They are a clock only if a reading comes for most hours of a day, each late by the same whole or half hours.

The state has only readings that are in doubt, so a meter in order has none. It is a set of stamps by the day of their
arrival: neither the order of messages nor copies of them matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from msgspec import Struct

from metering.times import DAY_MS, HOUR_MS

_MIN_MS: Final = 60_000
_SLOT_MIN: Final = 30
"""Offsets of time zones are whole half hours [min]."""
_LEAST_LATE_MS: Final = 105 * _MIN_MS
"""Lateness below this is not looked at: stamps of an hour's beginning, and slow lines."""
_MOST_LATE_MS: Final = 14 * HOUR_MS
"""No time zone is further from UTC."""
_JITTER_MS: Final = 3 * _MIN_MS
"""How exactly a late reading must be late by half hours."""
_LEAST_HOURS: Final = 12
"""Hours of a day with such late readings."""
LEAST_DAYS: Final = 3
_MOST_BETWEEN: Final = 3
"""Days from one day in doubt to the next one of the same run."""
_SAME_MIN: Final = 45
"""How much the offsets of a run may differ: archives come some minutes after their last reading [min]."""


class Stamps(Struct, frozen=True, array_like=True, gc=False):
    """Readings in doubt that arrived on one UTC day."""

    ahead: int = 0
    """The largest offset ahead [min]."""
    ahead_hours: int = 0
    """Hours of the day of stamps ahead, a bit each."""
    behind: dict[int, int] = {}
    """Half hours of lateness -> hours of the day of such stamps, a bit each."""


class GatewayClock(Struct, frozen=True, tag="g", array_like=True, gc=False):
    """Readings in doubt, by UTC day of arrival."""

    days: dict[int, Stamps] = {}


class Offset(NamedTuple):
    """A run of days on which the stamps are off."""

    first: int
    """UTC day since 1970."""
    last: int
    minutes: int
    """Stamp minus arrival, in whole half hours [min]; positive if the clock is ahead."""
    days: int
    readings: int
    """Hours of these days with such readings."""


def is_late(time: int, received_at: int) -> bool:
    """Whether a reading is late by whole half hours, as far as a clock may be off."""
    late = received_at - time
    if late < _LEAST_LATE_MS or late > _MOST_LATE_MS:
        return False
    slot = _SLOT_MIN * _MIN_MS
    return (late + _JITTER_MS) % slot <= 2 * _JITTER_MS


def note(state: GatewayClock, time: int, received_at: int) -> GatewayClock:
    """Note a reading that is ahead of its arrival, or late by whole half hours.

    Args:
        state: The readings so far.
        time: Its stamp [ms].
        received_at: When it arrived [ms].
    """
    day, bit = received_at // DAY_MS, 1 << (time // HOUR_MS % 24)
    before = state.days.get(day, Stamps())
    minutes = (time - received_at) // _MIN_MS
    if minutes > 0:
        after = Stamps(max(before.ahead, minutes), before.ahead_hours | bit, before.behind)
    else:
        slot = round(-minutes / _SLOT_MIN)
        behind = {**before.behind, slot: before.behind.get(slot, 0) | bit}
        after = Stamps(before.ahead, before.ahead_hours, dict(sorted(behind.items())))
    return GatewayClock(dict(sorted({**state.days, day: after}.items())))


def offsets(state: GatewayClock) -> Iterator[Offset]:
    """The runs of days on which the stamps are off."""
    ahead = [(day, each.ahead, each.ahead_hours) for day, each in state.days.items() if each.ahead]
    behind = [
        (day, -_SLOT_MIN * slot, hours)
        for day, each in state.days.items()
        for slot, hours in each.behind.items()
        if hours.bit_count() >= _LEAST_HOURS
    ]
    for found in (
        ahead,
        *([one for one in behind if one[1] == late] for late in sorted({b[1] for b in behind})),
    ):
        run: list[tuple[int, int, int]] = []
        for before, each in pairwise([*found, (1 << 40, 0, 0)]):
            run.append(before)
            if each[0] - before[0] > _MOST_BETWEEN or abs(each[1] - run[0][1]) > _SAME_MIN:
                if len(run) >= LEAST_DAYS:
                    furthest = max((one[1] for one in run), key=abs)
                    minutes = _SLOT_MIN * round(furthest / _SLOT_MIN)
                    hours = sum(one[2].bit_count() for one in run)
                    yield Offset(run[0][0], before[0], minutes, len(run), hours)
                run = []
