"""What a step of the pipeline is, and how events go through the steps. Two runners run it.

A step is a plain function `(key, parts, event) -> (changed parts, events)`. Its state under one key is a
mapping of named parts, so that a step touches only what it needs (one day of a register, one month of a
contract) and a runner writes only what changed. The step never changes what it is given. The runner owns
delivery, keys, tables and topics.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, get_args

from metering.events import Event
from metering.parts import Changed, Parts, State

Key: TypeAlias = str | tuple[str, ...]
"""What a step keeps state for: a register, a meter, a station at a building, a contract, or a building."""

KeyT = TypeVar("KeyT", bound=Key)
EventT = TypeVar("EventT", bound=Event)


@dataclass(frozen=True, slots=True)
class Step(Generic[KeyT, State, EventT]):
    """One pure operator and what a runner must know to run it."""

    name: str
    accepts: tuple[type[EventT], ...]
    keys: Callable[[EventT], Iterable[KeyT]]
    """The keys, within the event's building, that the event concerns."""
    states: tuple[type[State], ...]
    """The types of the parts, for decoding them."""
    run: Callable[[KeyT, Parts[State], EventT], tuple[Changed[State], Sequence[Event]]]


AnyStep: TypeAlias = Step[Any, Any, Any]
"""A step of the pipeline, whose steps differ in keys, state and events."""


class Shelf(Protocol):
    """Where a runner keeps parts while it works."""

    def parts(self, step: Step[KeyT, State, EventT], key: KeyT) -> Parts[State]:
        """A view of the parts of `key`; looked up lazily."""
        ...

    def put(self, step: Step[KeyT, State, EventT], key: KeyT, changed: Changed[State]) -> None:
        """Replace or delete parts."""
        ...


Takers: TypeAlias = Mapping[type[Event], Sequence[AnyStep]]
"""Which steps take an event of a type, in the order of the pipeline."""


def takers(steps: Iterable[AnyStep]) -> Takers:
    """Index of steps by the event type they accept."""
    by_type: dict[type[Event], tuple[AnyStep, ...]] = dict.fromkeys(get_args(Event), ())
    for step in steps:
        for kind in step.accepts:
            by_type[kind] = (*by_type[kind], step)
    return by_type


def advance(by_type: Takers, shelf: Shelf, event: Event) -> list[Event]:
    """Send one event through the steps, then each event that they emit.

    Args:
        by_type: The steps of the pipeline, as `takers` gives them.
        shelf: Where their parts are.
        event: The event.

    Returns:
        Every event that a step emitted, in order. The given event itself is not among them.
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
