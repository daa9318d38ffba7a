"""What a step of the pipeline is, and how events go through the steps. Said once; two runners run it.

A step is a plain function `(key, parts, event) -> (changed parts, events)`. Its state under one key is a
mapping of named parts, so that a step touches only what it needs (one day of a register, one month of a
contract) and a runner writes only what changed. The step never changes what it is given. The runner owns
delivery, keys, tables and topics.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, get_args

from metering.events import Event, Tick
from metering.parts import PartName
from metering.times import DAY_MS

Parts: TypeAlias = Mapping[PartName, Any]
"""The state of one key: named msgspec structs."""

Changed: TypeAlias = Mapping[PartName, Any]
"""Parts to replace; None deletes one."""


@dataclass(frozen=True, slots=True)
class Step:
    """One pure operator and what a runner must know to run it."""

    name: str
    accepts: tuple[type, ...]
    keys: Callable[[Any], Iterable[str]]
    """The keys, within the event's building, that the event concerns."""
    part: Any
    """The type of the parts, for decoding them."""
    run: Callable[[str, Parts, Any], tuple[Changed, Sequence[Event]]]


class Shelf(Protocol):
    """Where a runner keeps parts while it works."""

    def parts(self, step: Step, key: str) -> Parts:
        """A view of the parts of `key`; looked up lazily."""
        ...

    def put(self, step: Step, key: str, changed: Changed) -> None:
        """Replace or delete parts."""
        ...


def once_a_day() -> Callable[[Tick], bool]:
    """Whether a tick is the first of its building on a UTC day, as far as this process knows.

    Ticks come every minute for every building. The memory spares the work of all but one of them; after a restart or a
    rebalance the next tick is the first one again, which must do no harm.
    """
    quiet_until: dict[str, int] = {}

    def first(tick: Tick) -> bool:
        if tick.received_at < quiet_until.get(tick.building, 0):
            return False
        quiet_until[tick.building] = (tick.received_at // DAY_MS + 1) * DAY_MS
        return True

    return first


Takers: TypeAlias = Mapping[type, Sequence[Step]]
"""Which steps take an event of a type, in the order of the pipeline."""


def takers(steps: Iterable[Step]) -> Takers:
    """Who takes what, found out once and not with every event."""
    found: dict[type, tuple[Step, ...]] = dict.fromkeys(get_args(Event), ())
    for step in steps:
        for kind in step.accepts:
            found[kind] = (*found[kind], step)
    return found


def advance(by_type: Takers, shelf: Shelf, event: Event) -> list[Event]:
    """Send one event through the steps, and what they make of it after it.

    Args:
        by_type: The steps of the pipeline, as `takers` gives them.
        shelf: Where their parts are.
        event: The event.

    Returns:
        Every event that a step brought forth, in order. The given event itself is not among them.
    """
    made: list[Event] = []
    queue: deque[Event] = deque((event,))
    while queue:
        current = queue.popleft()
        for step in by_type[type(current)]:
            for key in step.keys(current):
                changed, events = step.run(key, shelf.parts(step, key), current)
                if changed:
                    shelf.put(step, key, changed)
                made.extend(events)
                queue.extend(events)
    return made
