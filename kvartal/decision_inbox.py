"""Decisions on their way from the page's threads and the decisions file to the thread that runs the pipeline."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from kvartal.decisions import by_register, read_decisions
from kvartal.files import version_of
from metering.events import Ruled
from metering.refusal import Refusal
from metering.site.model import Site

log = logging.getLogger("kvartal.decisions")

_TAKEN_WITHIN_S: Final = 60.0
_LOOK_EVERY_S: Final = 2.0


class Inbox:
    """Decisions of other threads; each waits until the pipeline has committed its own."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Sequence[Ruled], threading.Event]] = deque()

    def put(self, events: Sequence[Ruled]) -> None:
        """Hand over events and wait until they are on disk.

        Raises:
            Refusal: the pipeline did not take them in time. They may still be taken; stating them again is safe.
        """
        taken = threading.Event()
        self._waiting.append((events, taken))
        if not taken.wait(_TAKEN_WITHIN_S):
            raise Refusal("the decision waits for the pipeline, which is busy; it will be taken later")

    def take(self, enter: Callable[[Sequence[Ruled]], None]) -> None:
        """Let `enter` commit everything that waits. Called by the pipeline's thread between two batches."""
        while self._waiting:
            events, taken = self._waiting[0]
            enter(events)
            self._waiting.popleft()
            taken.set()


class DecisionsFile:
    """`decisions.toml`: gives its rulings at the start and after each change. A file with a fault gives none."""

    def __init__(self, path: Path, *, every_s: float = _LOOK_EVERY_S) -> None:
        """
        Args:
            path: The file; it may be absent.
            every_s: How often it is looked at [s]. A file that changed between two looks is not read yet.
        """
        self._path, self._every_s = path, every_s
        self._looked_at = -every_s
        self._seen: object = None
        self._read: object = None
        self.refused: str | None = None
        """Why the current file is not in force, or None if it is."""

    def notice(self) -> dict[str, str]:
        """The page's notice about the file; empty if it is in force."""
        return {} if self.refused is None else {"decisions": f"decisions refused: {self.refused}"}

    def take(self, site: Site, now: int, *, at_once: bool = False) -> list[Ruled]:
        """The rulings of the file if it changed and stands still; otherwise none.

        Args:
            site: The site in force.
            now: The time [ms].
            at_once: Whether to read the file without waiting: at the start, and if the site has changed.
        """
        if not at_once and time.monotonic() - self._looked_at < self._every_s:
            return []
        self._looked_at = time.monotonic()
        before, self._seen = self._seen, version_of(self._path)
        if not at_once and (self._seen == self._read or self._seen != before):
            return []
        self._read = self._seen
        try:
            rulings = read_decisions(self._path, site)
        except Refusal as error:
            if str(error) != self.refused:
                log.error("decisions refused, those entered stay: %s", error)
            self.refused = str(error)
            return []
        self.refused = None
        return by_register(rulings, now)
