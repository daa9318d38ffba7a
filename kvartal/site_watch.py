"""The site file while a service runs: a change is taken over without a restart, or refused with its faults.

Theory of operation
-------------------
A thread looks at the file every two seconds, and at once on `hurry` (SIGHUP, or a worker that gets an event of an
unknown meter). Only a file that stands still is read: half a file may be a valid site with half the houses. A valid
site waits for `take`, which the service calls between two batches. An invalid one is refused: every fault is logged
once, and the site in force stays. It also stays if the change needs a restart.

Two processes of a cluster look at their own copies of the file and may see a change at different times: a worker that
gets an event of something unknown has its file looked at at once and waits a moment (`streams.worker`).
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ingest.decode import Decoder
from kvartal.files import read_site, version_of
from metering.refusal import Refusal
from metering.site.model import Site

log = logging.getLogger("kvartal.site")

_EVERY_S: Final = 2.0
_SETTLE_S: Final = 0.3
"""A file that has not changed for this time is complete [s]."""
_FIXED: Final = ("id", "timezone")
"""Keys of `[site]` that all stored state depends on."""


class SiteWatch:
    """Looks at a site file and hands over each new site once."""

    def __init__(
        self, path: Path, site: Site, *, every_s: float = _EVERY_S, settle_s: float = _SETTLE_S
    ) -> None:
        """
        Args:
            path: The site file.
            site: The site in force.
            every_s: How often the file is looked at [s].
            settle_s: How long it must be unchanged before it is read [s].
        """
        self._path, self._every_s, self._settle_s = path, every_s, settle_s
        self.refused: str | None = None
        """Why the current file is not in force, or None if it is."""
        self._newest = site
        self._waiting: Site | None = None
        self._seen: object = None
        self._one = threading.Lock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="site-file", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def hurry(self) -> None:
        """Look at once."""
        self._wake.set()

    def hurry_on_sighup(self) -> None:
        """Look at once on each SIGHUP. Call it in the main thread."""

        def on_signal(_number: int, _frame: Any) -> None:
            self.hurry()

        signal.signal(signal.SIGHUP, on_signal)

    def notice(self) -> dict[str, str]:
        """The page's notice about the file; empty if it is in force."""
        return {} if self.refused is None else {"site_file": f"site file refused: {self.refused}"}

    def take(self) -> Site | None:
        """Returns a newly loaded site once, or None if nothing has changed."""
        if self._waiting is None:
            return None
        with self._one:
            site, self._waiting = self._waiting, None
        return site

    def look(self) -> None:
        """Look at the file; read it if it has changed and stands still."""
        seen = version_of(self._path)
        if seen == self._seen:
            return
        while not self._stop.wait(self._settle_s):
            before, seen = seen, version_of(self._path)
            if seen != before:
                continue
            site: Site | None = None
            why = ""
            try:
                site = read_site(self._path)
                Decoder(site)  # knows which formats there are
            except Refusal as error:
                site, why = None, str(error)
            if version_of(self._path) == seen:
                self._seen = seen
                self._judge(site, why)
                return

    def _judge(self, site: Site | None, why: str) -> None:
        if site is not None:
            why = needs_restart(self._newest, site)
        if site is None or why:
            if why != self.refused:
                log.error("site file refused, the site goes on as it was: %s", why)
            self.refused = why
            return
        self.refused = None
        if site == self._newest:
            return
        log.info("site file changed: %s", difference(self._newest, site))
        with self._one:
            self._newest = self._waiting = site

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            self.look()
            self._wake.wait(self._every_s)


class InForce:
    """Returns the site in force when called."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def __call__(self) -> Site:
        return self.site


def needs_restart(old: Site, new: Site) -> str:
    """Why `new` cannot be taken over without a restart; empty if it can."""
    for key in _FIXED:
        was, is_now = getattr(old.site, key), getattr(new.site, key)
        if was != is_now:
            return (
                f"site.{key}: {was!r} became {is_now!r}, which all that is stored depends on: "
                "a restart is needed, with a store of its own"
            )
    if not new.source:
        return "there is no [[source]]: nothing would ever arrive"
    return ""


def difference(old: Site, new: Site) -> str:
    """The counts of added, removed and changed entries between two sites, in one line."""
    words = []
    tables: tuple[tuple[str, Mapping[Any, Any], Mapping[Any, Any]], ...] = (
        ("building", old.buildings, new.buildings),
        ("meter", old.meters, new.meters),
        ("contract", old.contracts, new.contracts),
        ("tariff", old.tariffs, new.tariffs),
        ("station", old.stations, new.stations),
        ("source", {s.topic: s for s in old.source}, {s.topic: s for s in new.source}),
    )
    for name, before, after in tables:
        came, went = len(after.keys() - before.keys()), len(before.keys() - after.keys())
        # A building whose meters changed is not counted as changed itself: the meters are.
        changed = sum(before[key] != after[key] for key in before.keys() & after.keys() if name != "building")
        parts = [f"{sign}{n}" for sign, n in (("+", came), ("-", went), ("~", changed)) if n]
        if parts:
            words.append(f"{name} {' '.join(parts)}")
    return ", ".join(words) or "other settings"
