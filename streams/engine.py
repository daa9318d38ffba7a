"""One engine under both runners: events of a batch through the pipeline of a site, and the end of the batch. Pure.

Theory of operation
-------------------
A runner feeds the engine one event after another. The events that the steps emit are collected in a `Batch`, with the
counts of readings that they account for. At the end of the batch every building that had readings gets a tick, so that
what is judged by ticks (alerts, balances) follows in the same batch. Then the runner makes the batch durable in its own
way: the embedded one in a transaction, the cluster's by sink, table and offset.

The engine keeps no state of buildings. That lies on the shelf that comes with each call: one for the embedded store,
one for each partition of the cluster. Another site may come between two batches; the types of parts depend on no site.

A station's readings come as copies for its buildings. The embedded runner makes the copies. In the cluster ingest makes
them before the log, because each copy goes to the partition of its building.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from metering.events import (
    Alert,
    Awaited,
    Counted,
    Declared,
    Decoded,
    Event,
    Fitted,
    Readings,
    Rejected,
    Ruled,
    Tick,
)
from metering.site.model import Site
from streams.pipeline import pipeline
from streams.step import AnyStep, Shelf, advance, takers

Input: TypeAlias = Decoded | Ruled | Awaited | Fitted | Tick
"""What a runner feeds: decoded messages, declarations of the site file, rulings, baselines and ticks."""


class Batch:
    """The result of one batch."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        """What the stores get, in order."""
        self.counts: dict[str, int] = {}
        """Readings by `received`, `accepted`, `duplicate`, `rejected` and `rejected:<reason>`."""
        self.accepted = 0
        """Accepted readings, as `counts` has them."""
        self.touched: dict[str, int] = {}
        """Buildings that had readings and no tick since, and when their newest message arrived [ms]."""

    def keep(self, events: Iterable[Event]) -> None:
        """Note events for the stores and count the readings that they account for."""
        for event in events:
            self.events.append(event)
            if isinstance(event, Counted):
                self.accepted += event.accepted
                self._add("accepted", event.accepted)
                self._add("duplicate", event.duplicate)
                self._add("received", event.accepted + event.duplicate)
            elif isinstance(event, Rejected):
                self._add("received", event.readings)
                self._add("rejected", event.readings)
                self._add(f"rejected:{event.reason}", event.readings)

    def _add(self, name: str, n: int) -> None:
        if n:
            self.counts[name] = self.counts.get(name, 0) + n

    @property
    def alerts(self) -> list[Alert]:
        """Alerts that were opened, updated or resolved."""
        return [event for event in self.events if isinstance(event, Alert)]


class Engine:
    """The pipeline of a site."""

    site: Site
    steps: tuple[AnyStep, ...]

    def __init__(self, site: Site) -> None:
        self.use(site)

    def use(self, site: Site) -> None:
        """Go on with another site over the same state, between two batches."""
        self.site = site
        self.steps = pipeline(site)
        self._takers = takers(self.steps)

    def feed(self, event: Input, shelf: Shelf, batch: Batch) -> None:
        """Send one event through the steps.

        A rejection passes by, but for what it tells about a clock. A baseline is noted itself: the stores need its
        document even if no day of the reporting period has a figure yet.
        """
        if isinstance(event, Rejected):
            batch.keep((event,))
            if event.clock is None or event.clock.register.of_meter not in self.site.meters:
                return
            event = event.clock
        if isinstance(event, Fitted):
            batch.keep((event,))
        batch.keep(advance(self._takers, shelf, event))
        if isinstance(event, Readings | Declared | Ruled | Awaited):
            batch.touched[event.building] = max(event.received_at, batch.touched.get(event.building, 0))

    def finish(self, shelf: Shelf, batch: Batch, now: int | None = None) -> None:
        """Send a tick to every building that had readings.

        Args:
            shelf: The shelf that the batch was fed on.
            batch: The batch.
            now: The time [ms]; by default, for each building, when its newest message arrived.
        """
        for building, received_at in sorted(batch.touched.items()):
            tick = Tick(building=building, received_at=received_at if now is None else now)
            batch.keep(advance(self._takers, shelf, tick))
        batch.touched.clear()
