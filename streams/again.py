"""The figures of a building made once more from what it was told: readings of gauges and weather, hours of registers.

The steps are those of the pipeline, on a shelf in memory. The step of the ledger is left out, because the audit folds
the blocks itself. So are silence and a gateway's clock, which are about delivery, and balances by hour, for which a
store of an earlier version has no hours. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from metering.events import Counted, Event, Tick
from metering.parts import Changed, PartName, Parts, State
from metering.site.model import Site
from streams.pipeline import pipeline
from streams.shelf import stored
from streams.step import AnyStep, EventT, KeyT, Step, advance, takers

_LEFT_OUT: Final = frozenset({"ledger", "silence", "gateway", "hourly_balance"})
_JUDGED_BY_TICKS: Final = frozenset({"balance", "watch"})


class Memory:
    """Parts by the text that their key is stored under."""

    def __init__(self) -> None:
        self.by_key: dict[str, dict[PartName, Any]] = {}

    def parts(self, step: Step[KeyT, State, EventT], key: KeyT) -> Parts[State]:
        """The parts of `key`."""
        return self.by_key.setdefault(stored(step.name, key), {})

    def put(self, step: Step[KeyT, State, EventT], key: KeyT, changed: Changed[State]) -> None:
        """Replace or delete parts."""
        parts = self.by_key.setdefault(stored(step.name, key), {})
        for name, each in changed.items():
            if each is None:
                parts.pop(name, None)
            else:
                parts[name] = each


class Again:
    """Events of a building through the later steps of a site."""

    def __init__(self, site: Site, *, only: frozenset[str] | None = None) -> None:
        """
        Args:
            site: The site.
            only: Names of the steps to run; all but those left out by default.
        """
        self.steps: Mapping[str, AnyStep] = {
            step.name: step
            for step in pipeline(site)
            if step.name not in _LEFT_OUT and (only is None or step.name in only)
        }
        self._takers = takers(self.steps.values())
        ticked = [step for step in self._takers[Tick] if step.name in _JUDGED_BY_TICKS]
        self._takers = {**self._takers, Tick: ticked, Counted: ()}
        self.memory = Memory()
        self.events: list[Event] = []
        """What the stores would get, in order."""

    def clear(self) -> None:
        """Forget all parts and events: another building begins."""
        self.memory.by_key.clear()
        self.events.clear()

    def feed(self, event: Event) -> None:
        """Send an event through the steps. What they emit is kept, and the event itself unless it is a tick."""
        self.events.append(event)
        self.events += advance(self._takers, self.memory, event)
