"""`kvartal import`: a meter's archive or monthly acts from a file into the store.

To be run again is nothing new: what the store holds is a duplicate, so that an import that was broken off goes
on where it stood, and an archive that has grown brings what it has more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from ingest.tables.archives import Tally, archive_events
from ingest.tables.headers import NoHeader
from ingest.tables.sheets import NotATable, Row, rows_of, sheet_names
from kvartal.files import Refused
from kvartal.replay import accounts, embedded
from kvartal.site_events import site_events
from metering.events import Readings, Rejected
from metering.site.model import Archive, Site
from storage.sqlite import Store

_A_COMMIT: Final = 20_000
"""Readings a commit."""


def archive_of(site: Site, name: str | None) -> Archive:
    """The field map that is meant: by name, or the only one.

    Raises:
        Refused: there is none of that name, or several to choose from.
    """
    archives = {archive.id: archive for archive in site.archive}
    if not archives:
        raise Refused(
            "the site file has no [[archive]]: nothing says which column is what (docs/archives.md)"
        )
    if name is None and len(archives) == 1:
        return site.archive[0]
    if name is None or name not in archives:
        raise Refused(f"--archive: got {name!r}, the site file has {', '.join(archives)}")
    return archives[name]


def meter_of(site: Site, archive: Archive, text: str | None) -> tuple[str, str] | None:
    """The meter that is meant; None where a column of the file says it.

    Raises:
        Refused: it is not said, said twice, or not in the site file.
    """
    if "meter" in archive.columns:
        if text is not None:
            raise Refused(f"--meter: archive {archive.id!r} has a column for the meter; leave the option out")
        return None
    building, _, meter = (text or "").partition("/")
    if (building, meter) not in site.meters:
        known = ", ".join(f"{b}/{m}" for b, m in list(site.meters)[:20])
        raise Refused(f"--meter: got {text!r}, expected building/meter; the site file has {known}")
    if site.meters[building, meter].virtual is not None:
        raise Refused(f"--meter: {text} is computed from others and takes no readings")
    return building, meter


def import_archive(
    file: Path,
    *,
    site: Site,
    db: Path,
    archive: Archive,
    meter: tuple[str, str] | None,
    now: int,
    backfill: bool,
    progress: Callable[[int], None] = lambda _n: None,
) -> dict[str, object]:
    """Bring a table into the store at `db`.

    Args:
        file: CSV or Excel.
        site: The site.
        db: Path of the store.
        archive: The field map.
        meter: Building and meter, where no column says it.
        now: The time of arrival [ms].
        backfill: Whether readings older than the lateness horizon are welcome.
        progress: Called with the number of rows after each commit.

    Returns:
        How the readings of the table were accounted for, and what its rows reported.

    Raises:
        Refused: the file cannot be read, or does not have the columns.
    """
    rows = table_rows(file, archive)
    tally = Tally()
    events = archive_events(
        rows,
        archive=archive,
        site=site,
        meter=meter,
        name=file.name,
        received_at=now,
        backfill=backfill,
        tally=tally,
    )
    store = Store(db)
    totals = Counter[str]()
    try:
        runner = embedded(site, store)
        runner.enter(site_events(site, now), now)
        for batch in _batches(events):
            totals.update(runner.enter(batch, now).counts)
            progress(tally.rows)
    except NoHeader as error:
        raise Refused(f"{file}: archive {archive.id!r}: {error}{_other_sheets(file, archive)}") from None
    finally:
        store.close()
    return {
        "rows": tally.rows,
        **accounts(totals),
        "rows_with_error": tally.rows_with_error,
        "rows_cut_short": tally.rows_cut_short,
        "too_late_rows": tally.too_late,
    }


def table_rows(file: Path, archive: Archive) -> Iterator[Row]:
    """The rows of the file.

    Raises:
        Refused: it cannot be read.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Refused(f"{file}: cannot be read: {error.strerror or error}") from None
    try:
        yield from rows_of(
            content, encoding=archive.encoding, delimiter=archive.delimiter, sheet=archive.sheet
        )
    except NotATable as error:
        raise Refused(f"{file}: {error}") from None


def _other_sheets(file: Path, archive: Archive) -> str:
    names = sheet_names(file.read_bytes())
    if len(names) < 2:
        return ""
    looked_at = names[0] if archive.sheet is None else archive.sheet
    return f" (sheet {looked_at!r}; `sheet` of the archive may name another of {', '.join(names)})"


def _batches(events: Iterator[Readings | Rejected]) -> Iterator[list[Readings | Rejected]]:
    batch: list[Readings | Rejected] = []
    size = 0
    for event in events:
        batch.append(event)
        size += len(event.times) if isinstance(event, Readings) else 1
        if size >= _A_COMMIT:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
