"""`kvartal replay`: captured messages through the embedded pipeline into a store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from ingest.captures import Capture
from kvartal.site_events import site_events
from kvartal.wiring import embedded
from metering.site.model import Site
from storage.sqlite import Store

BATCH = 500
"""Messages a commit."""


def backfilling(site: Site) -> Site:
    """The site with `backfill` set for every source: history older than the lateness horizon is accepted."""
    sources = tuple(source.model_copy(update={"backfill": True}) for source in site.source)
    return site.model_copy(update={"source": sources})


def replay(
    captures: Iterable[Capture], *, site: Site, db: Path, progress: Callable[[int], None] = lambda _n: None
) -> dict[str, object]:
    """Run captured messages through the pipeline into the store at `db`.

    Args:
        captures: The messages, in the order of the file.
        site: The site.
        db: Path of the store. It keeps its readings, and the same readings again are duplicates.
        progress: Called with the number of messages after each commit.

    Returns:
        The accounting of the readings of this run.
    """
    store = Store(db)
    try:
        runner = embedded(site, store)
        totals = Counter[str]()
        done = 0
        for batch in _batches(captures, BATCH):
            if not done:
                runner.enter(site_events(site, batch[0].received_at), batch[0].received_at)
            totals.update(runner.take(batch).counts)
            done += len(batch)
            progress(done)
    finally:
        store.close()
    return accounts(totals)


def accounts(totals: Mapping[str, int]) -> dict[str, object]:
    """The accounting of readings, from the counters of a run."""
    reasons = {
        name.removeprefix("rejected:"): n
        for name, n in sorted(totals.items())
        if name.startswith("rejected:")
    }
    return {
        **{name: totals.get(name, 0) for name in ("received", "accepted", "duplicate", "rejected")},
        "reasons": reasons,
    }


def _batches(captures: Iterable[Capture], size: int) -> Iterator[list[Capture]]:
    iterator = iter(captures)
    while batch := list(islice(iterator, size)):
        yield batch
