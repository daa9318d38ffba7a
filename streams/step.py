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
from typing import Any, Protocol, TypeAlias

from metering.events import Event

Parts: TypeAlias = Mapping[str, Any]
"""The state of one key: named msgspec structs."""

Changed: TypeAlias = Mapping[str, Any]
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


def advance(steps: Sequence[Step], shelf: Shelf, event: Event) -> list[Event]:
    """Send one event through the steps, and what they make of it after it.

    Returns:
        Every event that a step brought forth, in order. The given event itself is not among them.
    """
    made: list[Event] = []
    queue: deque[Event] = deque((event,))
    while queue:
        current = queue.popleft()
        for step in steps:
            if not isinstance(current, step.accepts):
                continue
            for key in step.keys(current):
                changed, events = step.run(key, shelf.parts(step, key), current)
                if changed:
                    shelf.put(step, key, changed)
                made.extend(events)
                queue.extend(events)
    return made
