"""`kvartal import`: a meter's archive, monthly acts or outdoor temperatures from a file into the store.

Imports are idempotent: readings already stored count as duplicates, so an interrupted import can be resumed and a
longer archive adds only its new rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from ingest.instants import EARLIEST_MS, FUTURE_MS
from ingest.tables.archives import Tally, archive_events
from ingest.tables.dates import Order
from ingest.tables.headers import NoHeader
from ingest.tables.sheets import NotATable, Row, rows_of, sheet_names
from ingest.tables.survey import Unclear
from ingest.tables.weather import weather_events
from kvartal.replay import accounts
from kvartal.site_events import site_events
from kvartal.wiring import embedded
from metering.events import Readings, Rejected
from metering.refusal import Refusal
from metering.site.model import Site
from metering.site.sources import Archive
from metering.times import iso
from storage.sqlite import Store

_READINGS_A_COMMIT: Final = 20_000
_EVENTS_A_COMMIT: Final = 500


def archive_of(site: Site, name: str | None) -> Archive:
    """The field map of --archive, or the only one.

    Raises:
        Refusal: the name is unknown, or it is missing and there are several.
    """
    archives = {archive.id: archive for archive in site.archive}
    if not archives:
        raise Refusal(
            "the site file has no [[archive]]: nothing says which column is what (docs/archives.md)"
        )
    if name is None and len(archives) == 1:
        return site.archive[0]
    if name is None or name not in archives:
        raise Refusal(f"--archive: got {name!r}, the site file has {', '.join(archives)}")
    return archives[name]


def meter_of(site: Site, archive: Archive, text: str | None) -> tuple[str, str] | None:
    """The meter of --meter, or None if a column of the file names it.

    Raises:
        Refusal: it is missing, given twice, or not in the site file.
    """
    if "meter" in archive.columns:
        if text is not None:
            raise Refusal(f"--meter: archive {archive.id!r} has a column for the meter; leave the option out")
        return None
    building, _, meter = (text or "").partition("/")
    if (building, meter) not in site.meters:
        known = ", ".join(f"{b}/{m}" for b, m in list(site.meters)[:20])
        raise Refusal(f"--meter: got {text!r}, expected building/meter; the site file has {known}")
    if site.meters[building, meter].virtual is not None:
        raise Refusal(f"--meter: {text} is computed from others and takes no readings")
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
    issued: int = 0,
    order: Order | None = None,
    progress: Callable[[int], None] = lambda _n: None,
) -> dict[str, object]:
    """Import a table into the store at `db`.

    Args:
        file: CSV or Excel.
        site: The site.
        db: Path of the store.
        archive: The field map.
        meter: Building and meter; None if a column names them.
        now: The time of arrival [ms].
        backfill: Whether readings older than the lateness horizon are accepted.
        issued: When the table was issued [ms], for rows that do not say; 0 if it is not stated.
        order: The order of day, month and year in its dates, if it is stated.
        progress: Called with the number of rows after each commit.

    Returns:
        The accounting of the readings, the counts of rows with errors, and `doubts`: a sentence for each column that
        was not taken.

    Raises:
        Refusal: the file cannot be read, does not have the columns, its dates are not clear, or it cannot have been
            issued at `issued`.
    """
    if issued and archive.kind == "register":
        raise Refusal(
            f"--issued: archive {archive.id!r} has register readings; a time of issue is of intervals"
        )
    if issued and not EARLIEST_MS <= issued <= now + FUTURE_MS:
        raise Refusal(f"--issued: {iso(issued)} lies before 2000 or ahead of the import")
    tally = Tally()
    events = archive_events(
        lambda: table_rows(file, archive),
        archive=archive,
        site=site,
        meter=meter,
        name=file.name,
        received_at=now,
        backfill=backfill,
        tally=tally,
        issued=issued,
        order=order,
    )
    try:
        batches = _batches(events)
        first = next(batches, [])
    except NoHeader as error:
        raise Refusal(f"{file}: archive {archive.id!r}: {error}{_other_sheets(file, archive)}") from None
    except Unclear as error:
        raise Refusal(f"{file}: archive {archive.id!r}: {error}") from None
    store = Store(db)
    totals = Counter[str]()
    try:
        runner = embedded(site, store)
        runner.enter(site_events(site, now), now)
        for batch in chain([first], batches):
            totals.update(runner.enter(batch, now).counts)
            progress(tally.rows)
    finally:
        store.close()
    return {
        "rows": tally.rows,
        **accounts(totals),
        "rows_with_error": tally.rows_with_error,
        "rows_cut_short": tally.rows_cut_short,
        "too_late_rows": tally.too_late,
        "totals_rows": tally.totals_rows,
        "implausible": tally.implausible,
        "doubts": tally.doubts,
    }


def import_weather(
    file: Path, *, site: Site, db: Path, station: str, progress: Callable[[int], None] = lambda _n: None
) -> dict[str, object]:
    """Import a table of outdoor temperatures into the store at `db`, however old they are.

    Args:
        file: CSV with `timestamp,temperature`.
        site: The site.
        db: Path of the store.
        station: Id of the station.
        progress: Called with the number of events after each commit.

    Returns:
        The accounting of the readings.

    Raises:
        Refusal: the station is not in the site file, or the file cannot be read.
    """
    if station not in site.stations:
        raise Refusal(f"--station: got {station!r}, the site file has {', '.join(site.stations) or 'none'}")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"{file}: cannot be read: {error}") from None
    events = weather_events(text, file=str(file), station=station, zone=site.zone)
    store = Store(db)
    totals = Counter[str]()
    try:
        runner = embedded(site, store)
        for start in range(0, len(events), _EVENTS_A_COMMIT):
            batch = events[start : start + _EVENTS_A_COMMIT]
            if not start:
                runner.enter(site_events(site, batch[0].received_at), batch[0].received_at)
            totals.update(runner.enter(batch, max(event.received_at for event in batch)).counts)
            progress(start + len(batch))
    finally:
        store.close()
    return accounts(totals)


def table_rows(file: Path, archive: Archive) -> Iterator[Row]:
    """The rows of the file.

    Raises:
        Refusal: the file cannot be read.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Refusal(f"{file}: cannot be read: {error.strerror or error}") from None
    try:
        yield from rows_of(
            content, encoding=archive.encoding, delimiter=archive.delimiter, sheet=archive.sheet
        )
    except NotATable as error:
        raise Refusal(f"{file}: {error}") from None


def _other_sheets(file: Path, archive: Archive) -> str:
    names = sheet_names(file.read_bytes())
    if len(names) < 2:
        return ""
    read = names[0] if archive.sheet is None else archive.sheet
    return f" (sheet {read!r}; `sheet` of the archive may name another of {', '.join(names)})"


def _batches(events: Iterator[Readings | Rejected]) -> Iterator[list[Readings | Rejected]]:
    batch: list[Readings | Rejected] = []
    size = 0
    for event in events:
        batch.append(event)
        size += len(event.times) if isinstance(event, Readings) else 1
        if size >= _READINGS_A_COMMIT:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
