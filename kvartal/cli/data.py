"""Commands about readings: decoding, replay, import, and the contents of a store."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from kvartal.cli.options import (
    DateOrderName,
    DbOption,
    Format,
    FormatOption,
    MeterOption,
    SiteOption,
    bar,
    building_and_meter,
    db_path,
    period,
    print_json,
    site_of,
    to_stderr,
)
from metering.refusal import Refusal


def decode(
    topic: Annotated[str, typer.Option("--topic", help="The topic that the payload came on.")],
    file: Annotated[str, typer.Argument(help="File with the payload, or - for standard input.")] = "-",
    site: SiteOption = None,
    received_at: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--received-at", help="When it arrived: ISO 8601 with offset, or ms. Default: now."),
    ] = None,
    retain: Annotated[bool, typer.Option("--retain", help="The message was a retained one.")] = False,
) -> None:
    """Decode one payload and print its readings or the reason of its rejection, one JSON line each."""
    from ingest.decode import Decoder, as_line
    from kvartal.files import read_bytes, read_instant, read_site

    decoder = Decoder(read_site(site) if site is not None else None)
    payload = read_bytes(file)
    for result in decoder.carried(
        topic, payload, received_at=read_instant(received_at, "--received-at"), retain=retain
    ):
        print_json(as_line(result))


def replay(
    file: Annotated[Path, typer.Argument(help="Captured messages, JSON lines.")],
    site: SiteOption = None,
    db: DbOption = None,
    backfill: Annotated[
        bool,
        typer.Option("--backfill", help="Let every source send history older than the lateness horizon."),
    ] = False,
) -> None:
    """Run captured messages through the pipeline into a store. Idempotent: stored readings count as duplicates."""
    from ingest.captures import read_captures
    from kvartal.replay import backfilling
    from kvartal.replay import replay as run_replay

    described = site_of(site)
    if not file.is_file():
        raise Refusal(f"{file}: there is no such file (expected captures as JSON lines)")
    with file.open("rb") as lines:
        total = sum(1 for line in lines if line.strip())
    with bar("messages", total) as done:
        counts = run_replay(
            read_captures(file),
            site=backfilling(described) if backfill else described,
            db=db_path(db, must_exist=False),
            progress=done,
        )
    print_json(counts)


def rejected(
    db: DbOption = None,
    reason: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--reason", help="Of this reason alone, e.g. unknown_meter.", show_default="all"),
    ] = None,
) -> None:
    """Print messages that were rejected, as captures, to be replayed when the cause is gone.

    kvartal rejected --reason unknown_meter > again.jsonl, then: kvartal replay again.jsonl

    Cells of a file are not among them: import the file again.
    """
    from ingest.captures import Capture, write_capture
    from ingest.reasons import REASONS
    from storage.sqlite_reader import Reader

    if reason is not None and reason not in REASONS:
        raise Refusal(f"--reason: there is no reason {reason!r}; reasons are {', '.join(REASONS)}")
    for message in Reader(db_path(db)).rejected_messages(reason=reason):
        capture = Capture(*message)
        if not capture.topic.startswith("import/"):
            write_capture(capture, sys.stdout)


def ledger(
    db: DbOption = None,
    meter: MeterOption = None,
    form: FormatOption = Format.csv,
    statement: Annotated[
        bool,
        typer.Option(
            "--statement",
            help="Instead: first and last reading of each register, and where all of the difference went.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Print the energy ledger: a row an hour, a row an unknown block. The same facts give the same bytes.

    kvartal ledger --statement --meter b01/heat: last - first = booked + unknown + what is named as not counted
    """
    from kvartal.exports import (
        LEDGER_COLUMNS,
        STATEMENT_COLUMNS,
        ledger_texts,
        statement_documents,
        statement_texts,
        write,
    )
    from storage.sqlite_reader import Reader

    building, point = building_and_meter(meter)
    stored = Reader(db_path(db)).ledger
    as_json = as_json or form is Format.json
    if not statement:
        rows = stored.rows(building=building, meter=point)
        write(ledger_texts(rows), LEDGER_COLUMNS, sys.stdout, as_json=as_json)
        return
    statements = stored.statements(building=building, meter=point)
    texts = statement_documents(statements) if as_json else statement_texts(statements)
    write(texts, STATEMENT_COLUMNS, sys.stdout, as_json=as_json)


def import_file(
    file: Annotated[
        Path, typer.Argument(help="CSV or Excel: a meter's archive, monthly acts, or temperatures.")
    ],
    site: SiteOption = None,
    db: DbOption = None,
    meter: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--meter", help="The meter: building/meter, e.g. b01/heat.", show_default=False),
    ] = None,
    archive: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--archive", help=r"Id of the [\[archive]] that maps the columns.", show_default="the only one"
        ),
    ] = None,
    station: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--station", help="Outdoor temperatures instead: CSV timestamp,temperature.", show_default=False
        ),
    ] = None,
    issued: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--issued",
            help="When the file was issued: ISO 8601 with offset, or ms. A newer statement wins. "
            "Default: what the file says, else now.",
            show_default=False,
        ),
    ] = None,
    dates: Annotated[
        Optional[DateOrderName],  # noqa: UP045
        typer.Option(
            "--dates",
            help="The order of day, month and year. Default: that of the archive, else told from the whole column.",
            show_default=False,
        ),
    ] = None,
    backfill: Annotated[
        bool,
        typer.Option(
            "--backfill", help="Take history older than the lateness horizon too (temperatures always)."
        ),
    ] = False,
) -> None:
    r"""Import a file into the store. An interrupted import can be resumed: stored readings count as duplicates.

    kvartal import vkt7.csv --meter b01/heat --site site.toml --db kvartal.db --backfill

    Status 1: values do not fit their unit. Status 2: the file is not clear, and nothing is imported.

    
    [\[archive]] of the site file says which column is what (docs/archives.md):
      id         names the archive
      columns    our name = the column's header, or its number from 1. Names:
                 time, time_of_day, meter (building/meter), issued, error,
                 run_time; energy, volume, supply_temperature,
                 return_temperature, indoor_temperature, flow, power
      units      quantity = unit, if the header does not name the right one
      kind       "interval" (use of a row's interval) or "register"
      interval   "hour", "day" or "month"
      stamp      "start" or "end" of the interval that a time names
      timezone   the clock of the rows, if not the site's
      dates      "dmy", "mdy", "ymd": order of day, month and year; if not
                 given, it is told from the whole column
      source     who states the rows, if not this archive alone: a newer
                 statement of a source replaces an older one
      issued     words before the time of issue in a line of the file
      totals     false: no row with a time is one of totals
      decimal    "," or "."
      delimiter  between the cells of a text
      encoding   of a text
      sheet      of an Excel file

    
    [\[archive]]
    id = "vkt7"
    columns = { time = "Дата и время", energy = "Q, Гкал", volume = 3 }
    """
    from kvartal.importing import import_weather

    described = site_of(site)
    path = db_path(db, must_exist=False)
    if station is None:
        _import_archive(file, described, path, archive, meter, issued, dates, backfill=backfill)
        return
    if issued is not None:
        raise Refusal("--issued: temperatures are readings; a time of issue is of an archive's intervals")
    if dates is not None:
        raise Refusal("--dates: the times of temperatures are ISO 8601")
    with bar("messages", None) as done:
        print_json(import_weather(file, site=described, db=path, station=station, progress=done))


def _import_archive(
    file: Path,
    site: Any,
    db: Path,
    archive: str | None,
    meter: str | None,
    issued: str | None,
    dates: DateOrderName | None,
    *,
    backfill: bool,
) -> None:
    import time

    from kvartal.files import read_instant
    from kvartal.importing import archive_of, import_archive, meter_of, table_rows

    mapped = archive_of(site, archive)
    which = meter_of(site, mapped, meter)
    try:
        with bar("rows", sum(1 for _ in table_rows(file, mapped))) as done:
            counts = import_archive(
                file,
                site=site,
                db=db,
                archive=mapped,
                meter=which,
                now=time.time_ns() // 1_000_000,
                backfill=backfill,
                issued=0 if issued is None else read_instant(issued, "--issued"),
                order=None if dates is None else dates.value,
                progress=done,
            )
    except KeyboardInterrupt:
        to_stderr("interrupted: imported rows stay, and the same command goes on from there")
        raise
    print_json(counts)
    if counts["too_late_rows"]:
        to_stderr(
            f"{counts['too_late_rows']} rows are older than the lateness horizon: --backfill takes them too"
        )
    if counts["totals_rows"]:
        to_stderr(
            f"{counts['totals_rows']} rows add up others and are rejected as totals "
            "(`totals = false` of the archive takes each row with a time as a reading)"
        )
    if counts["implausible"]:
        to_stderr(
            f"{counts['implausible']} values are above the meter's bound (max_power_kw): they are kept and not booked"
        )
    doubts = counts["doubts"]
    if doubts:
        assert isinstance(doubts, list)
        for doubt in doubts:
            to_stderr(f"{file}: {doubt}")
        raise typer.Exit(1)


def gauges(
    db: DbOption = None,
    meter: MeterOption = None,
    form: FormatOption = Format.csv,
) -> None:
    """Print the hours of gauges (temperatures, flow, power): mean, least, greatest, and how much is covered."""
    from kvartal.exports import GAUGE_COLUMNS, gauge_texts, write
    from storage.sqlite_reader import Reader

    building, point = building_and_meter(meter)
    rows = Reader(db_path(db)).ledger.gauges(building=building, meter=point)
    write(gauge_texts(rows), GAUGE_COLUMNS, sys.stdout, as_json=form is Format.json)


def balance(
    site: SiteOption = None,
    db: DbOption = None,
    building: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--building", help="One building.", show_default="all"),
    ] = None,
    period_text: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--period", help="FIRST..LAST, both days included.", show_default="all days"),
    ] = None,
    by_day: Annotated[bool, typer.Option("--by-day", help="With the difference of each day.")] = False,
) -> None:
    """Print what main meters counted beyond their sub-meters, and the part of it that nobody knows."""
    import datetime as dt

    from dashboards.balance import balances
    from storage.sqlite_reader import Reader

    days = period(period_text, "--period") if period_text is not None else None
    first, last = map(dt.date.fromordinal, days) if days is not None else (None, None)
    described = site_of(site)
    store = db_path(db)
    if building is not None and building not in described.buildings:
        raise Refusal(f"--building: got {building!r}, the site file has {', '.join(described.buildings)}")
    reader = Reader(store)
    try:
        rows = balances(reader, described, building=building, first=first, last=last)
    finally:
        reader.close()
    if not rows:
        raise Refusal("no meter of the site file has `parent`: there is nothing to balance")
    for row in rows:
        if not by_day:
            del row["by_day"]
        print_json(row)


def audit(
    db: DbOption = None,
    site: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--site",
            help="Site file of the figures. Default: the one that the store keeps.",
            show_default=False,
        ),
    ] = None,
    messages: Annotated[
        bool,
        typer.Option("--messages", help="Rebuild the store from its raw messages alone, and compare."),
    ] = False,
    building: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--building", help="With --messages: one building.", show_default="all"),
    ] = None,
    heads: Annotated[
        bool, typer.Option("--heads", help="Print the heads of the hash chains over the messages.")
    ] = False,
) -> None:
    """Make every figure once more from the readings and name each one that differs; status 1 if one does.

    No register may have made or lost energy. Hours, days, weather, savings, positions, alerts about energy, findings
    and counts must be what the readings, baselines and site file give. Registers that an older Kvartal folded are
    named and are no fault: start this one once, it folds them again.
    """
    from kvartal.audit import audit_store
    from kvartal.files import read_site
    from kvartal.messages_audit import broken_chains

    if heads:
        _heads(db)
        return
    if messages:
        _audit_messages(db, building)
        return
    if building is not None:
        raise Refusal("--building goes with --messages")

    with bar("buildings", None) as done:
        audited = audit_store(
            db_path(db), None if site is None else read_site(site), progress=lambda n, _of: done(n)
        )
    audited.faults.extend(broken_chains(db_path(db)))
    print_json(
        {"registers": audited.registers, "faults": audited.faults}
        | ({"outdated": audited.outdated} if audited.outdated else {})
    )
    if audited.outdated:
        to_stderr(audited.advice)
    if audited.faults:
        for fault in audited.faults:
            to_stderr(fault)
        raise typer.Exit(1)


def _heads(db: Path | None) -> None:
    from kvartal.messages_audit import heads

    for row in heads(db_path(db)):
        print_json(row)


def _audit_messages(db: Path | None, building: str | None) -> None:
    from kvartal.messages_audit import audit_messages
    from kvartal.rebuild import messages_of
    from storage.sqlite_reader import Reader

    path = db_path(db)
    reader = Reader(path)
    total = messages_of(reader, building)
    reader.close()
    with bar("messages", total) as done:
        proof = audit_messages(path, building=building, progress=done)
    print_json({"messages": proof.messages, "faults": proof.faults, "notices": proof.notices})
    for text in (*proof.notices, *proof.faults):
        to_stderr(text)
    if proof.faults:
        raise typer.Exit(1)


def restatements(
    db: DbOption = None, limit: Annotated[int, typer.Option(min=1, help="Largest number of rows.")] = 200
) -> None:
    """Print published figures that changed, newest first, one JSON line each: old, new, cause, and when.

    `what` names the figure: use, known, unknown, estimated or flags of a register's day; temperature of a station's;
    expected, use, saving (expected - use), adjustment, estimated or flags of a contract's; saving_to_date.
    """
    import datetime as dt

    from metering.times import iso
    from metering.units import QUANTITIES
    from storage.sqlite_reader import Reader

    for row in Reader(db_path(db)).restatements(limit=limit):
        row["date"] = dt.date.fromordinal(row["date"]).isoformat()
        row["unit"] = "" if row["what"] == "flags" else QUANTITIES[row["quantity"]].base
        of = "" if row["since"] is None else f" of {iso(row['since'])}...{iso(row['until'])}"
        row["cause"] = f"{row['cause']}{of}, received {iso(row['learned_at'])}"
        for name in ("since", "until", "learned_at"):
            row[name] = None if row[name] is None else iso(row[name])
        print_json(row)
