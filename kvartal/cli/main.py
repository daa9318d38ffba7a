"""The command line. JSON on stdout, messages on stderr; exit 0, 1 (a check failed) or 2 (bad usage).

Each command imports what it needs when it runs, so that `kvartal --help` is quick.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import typer

app = typer.Typer(
    name="kvartal",
    help="What a house really saved, in Gcal and roubles, how sure that is, and which readings prove it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Lang(StrEnum):
    ru = "ru"
    en = "en"


class Engine(StrEnum):
    embedded = "embedded"
    faust = "faust"


class By(StrEnum):
    building = "building"
    programme = "programme"
    quarter = "quarter"


class Format(StrEnum):
    csv = "csv"
    json = "json"


SiteOption = Annotated[
    Optional[Path],  # noqa: UP045 - Typer reads it so
    typer.Option("--site", help="Site file (TOML). Default: KVARTAL_SITE.", show_default=False),
]
DbOption = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--db", help="Embedded store (SQLite). Default: KVARTAL_DB.", show_default=False),
]

MeterOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--meter", help="One meter: building/meter, e.g. b01/heat.", show_default="all"),
]
FormatOption = Annotated[Format, typer.Option("--format")]


def main() -> None:
    """The console script: bad configuration exits with 2, Ctrl-C with 130 and no traceback."""
    from dashboards.grafana.annotate import GrafanaRefuses
    from dashboards.page.serve import CannotServe
    from ingest.broker import NoBroker
    from ingest.captures import BadCapture
    from kvartal.files import Refused
    from kvartal.tables import TableError
    from metering.baselines.fit import Unfit
    from metering.ledger.enter import NewerLedger
    from metering.savings.compare import NoDays
    from metering.site.model import SiteError
    from storage.sqlite_schema import WrongStore

    try:
        app()
    except (
        SiteError,
        Refused,
        CannotServe,
        NoBroker,
        BadCapture,
        TableError,
        WrongStore,
        NewerLedger,
    ) as error:
        _say(str(error))
        raise SystemExit(2) from None
    except (Unfit, NoDays, GrafanaRefuses) as error:
        _say(str(error))
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nothing is wrong.
        sys.stderr.close()
        raise SystemExit(0) from None


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _print(document: Any) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False))


def _settings() -> Any:
    from pydantic import ValidationError

    from kvartal.files import Refused
    from kvartal.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        faults = "; ".join(
            f"KVARTAL_{'_'.join(str(step) for step in fault['loc']).upper()}: {fault['msg']}, got {fault['input']!r}"
            for fault in error.errors(include_url=False)
        )
        raise Refused(faults) from None


def _site_path(site: Path | None) -> Path:
    from kvartal.files import Refused

    found = site or _settings().site
    if found is None:
        raise Refused("no site file: give --site FILE or set KVARTAL_SITE")
    return Path(found)


def _db_path(db: Path | None, *, must_exist: bool = True) -> Path:
    from kvartal.files import Refused

    found = Path(db or _settings().store)
    if must_exist and not found.exists():
        raise Refused(
            f"{found}: there is no such store (expected the SQLite file of 'kvartal run' or 'replay')"
        )
    return found


def _period(text: str, option: str) -> Any:
    import datetime as dt

    from kvartal.files import Refused
    from metering.periods import Period

    first, found, last = text.partition("..")
    try:
        if not found:
            raise ValueError
        start, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    except ValueError:
        raise Refused(f"{option}: got {text!r}, expected FIRST..LAST, e.g. 2024-10-01..2025-09-30") from None
    if end < start:
        raise Refused(f"{option}: the period {text} ends before it begins")
    return Period(start.toordinal(), end.toordinal())


def _zone(name: str) -> Any:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from kvartal.files import Refused

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Refused(f"--tz: got {name!r}, expected an IANA time zone, e.g. Europe/Moscow") from None


@contextmanager
def _bar(text: str, total: int | None) -> Iterator[Any]:
    """A progress bar on stderr; calls set how much is done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(text, total=total)
        yield lambda done: progress.update(task, completed=done)


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the table, with status 0.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on stdout instead of the table.")
    ] = False,
    houses: Annotated[int, typer.Option(min=1, max=500, help="How many houses.")] = 12,
    seed: Annotated[int, typer.Option(help="Seed of the simulation.")] = 1,
    engine: Annotated[Engine, typer.Option(help="Which runner runs the pipeline.")] = Engine.embedded,
    lang: Annotated[Optional[Lang], typer.Option(help="Language of what is shown.")] = None,  # noqa: UP045
    port: Annotated[Optional[int], typer.Option(help="Port of the page; 0 for any free one.")] = None,  # noqa: UP045
    data: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Keep store and site file in this directory (default: a temporary one)."),
    ] = None,
) -> None:
    """Simulate a quarter of houses, publish their meters over MQTT, and show what was really saved."""
    from rich.console import Console

    from dashboards.page.serve import listen, serve_page
    from kvartal.demo import run_demo

    settings = _settings()
    shown: Literal["ru", "en"] = "en" if (lang or settings.lang) == "en" else "ru"
    # With --once nobody will look: any free port does, and a taken 8000 is no reason to fail.
    listening = listen("127.0.0.1", port if port is not None else (0 if once else settings.http_port))
    console = Console(stderr=True)

    def page(db: Path, site: Any) -> Any:
        stop = serve_page(listening, db, lambda: site, lang=shown)
        host, bound = listening.getsockname()
        console.print(f"http://{host}:{bound}")
        return stop

    with tempfile.TemporaryDirectory(prefix="kvartal-demo-") as temporary:
        directory = data or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        status = run_demo(
            directory=directory,
            houses=houses,
            seed=seed,
            lang=shown,
            once=once,
            as_json=as_json,
            engine=engine.value,
            page=page,
        )
    raise typer.Exit(status)


@app.command()
def run(site: SiteOption = None, db: DbOption = None) -> None:
    """Serve a site in one process: MQTT in, the ledger and savings, alerts out, the page. Ends on Ctrl-C."""
    from kvartal.files import read_site
    from kvartal.run import run_site

    path = _site_path(site)
    run_site(settings=_settings(), path=path, site=read_site(path), db=_db_path(db, must_exist=False))


@app.command()
def ingest(site: SiteOption = None) -> None:
    """Cluster mode: take MQTT, put readings on the Kafka event log, acknowledge when they are there."""
    from kvartal.files import read_site
    from kvartal.publisher import ingest_site

    path = _site_path(site)
    ingest_site(settings=_settings(), path=path, site=read_site(path))


@app.command()
def worker(site: SiteOption = None) -> None:
    """Cluster mode: run the pipeline on Faust over the event log, into InfluxDB."""
    from kvartal.files import read_site
    from kvartal.worker import work_site

    path = _site_path(site)
    work_site(settings=_settings(), path=path, site=read_site(path))


@app.command()
def simulate(
    houses: Annotated[int, typer.Option(min=1, max=500)] = 12,
    seed: Annotated[int, typer.Option()] = 1,
    site_out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--site-out", help="Write the quarter's site file here and publish nothing."),
    ] = None,
    captures_out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--captures-out", help="Write the messages as captures here instead of publishing them."
        ),
    ] = None,
) -> None:
    """Publish the simulated quarter to the configured broker (KVARTAL_MQTT_HOST), or write it to files."""
    from kvartal.files import Refused
    from simulators.quarter import Quarter

    quarter = Quarter(houses=houses, seed=seed)
    if site_out is not None:
        site_out.write_text(quarter.site_toml(), encoding="utf-8")
    if captures_out is not None:
        from ingest.captures import write_capture

        with captures_out.open("w", encoding="utf-8") as out, _bar("messages", None) as done:
            for number, capture in enumerate(quarter.archives(), 1):
                write_capture(capture, out)
                done(number)
    if site_out is not None or captures_out is not None:
        return
    settings = _settings()
    if not settings.mqtt_host:
        raise Refused("no broker: set KVARTAL_MQTT_HOST, or give --captures-out FILE")
    from simulators.publish import Publisher

    password = settings.mqtt_password.get_secret_value() if settings.mqtt_password else None
    publisher = Publisher(
        host=settings.mqtt_host, port=settings.mqtt_port, username=settings.mqtt_username, password=password
    )
    try:
        sent = publisher.publish(quarter.archives())
    finally:
        publisher.close()
    _print({"published": sent})


@app.command()
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
        _print(as_line(result))


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="Captured messages, JSON lines.")],
    site: SiteOption = None,
    db: DbOption = None,
    backfill: Annotated[
        bool,
        typer.Option("--backfill", help="Let every source send history older than the lateness horizon."),
    ] = False,
) -> None:
    """Run captured messages through the pipeline into a store. Can be run again: what is known is a duplicate."""
    from ingest.captures import read_captures
    from kvartal.files import Refused, read_site
    from kvartal.replay import backfilling
    from kvartal.replay import replay as run_replay

    described = read_site(_site_path(site))
    if not file.is_file():
        raise Refused(f"{file}: there is no such file (expected captures as JSON lines)")
    with file.open("rb") as lines:
        total = sum(1 for line in lines if line.strip())
    with _bar("messages", total) as done:
        counts = run_replay(
            read_captures(file),
            site=backfilling(described) if backfill else described,
            db=_db_path(db, must_exist=False),
            progress=done,
        )
    _print(counts)


def _meter(text: str | None) -> tuple[str | None, str | None]:
    from kvartal.files import Refused

    if text is None:
        return None, None
    building, found, meter = text.partition("/")
    if not found or not building or not meter:
        raise Refused(f"--meter: got {text!r}, expected building/meter, e.g. b01/heat")
    return building, meter


@app.command()
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
    from kvartal.files import Refused
    from storage.sqlite_reader import Reader

    if reason is not None and reason not in REASONS:
        raise Refused(f"--reason: there is no reason {reason!r}; reasons are {', '.join(REASONS)}")
    for message in Reader(_db_path(db)).rejected_messages(reason=reason):
        capture = Capture(*message)
        if not capture.topic.startswith("import/"):
            write_capture(capture, sys.stdout)


@app.command()
def ledger(
    db: DbOption = None,
    meter: MeterOption = None,
    form: FormatOption = Format.csv,
) -> None:
    """Print the energy ledger: a row an hour, a row an unknown block. The same facts give the same bytes."""
    from kvartal.exports import LEDGER_COLUMNS, ledger_texts, write
    from storage.sqlite_reader import Reader

    building, point = _meter(meter)
    rows = Reader(_db_path(db)).ledger(building=building, meter=point)
    write(ledger_texts(rows), LEDGER_COLUMNS, sys.stdout, as_json=form is Format.json)


@app.command()
def fit(
    file: Annotated[Path, typer.Argument(help="CSV: timestamp,value,temperature (hourly, daily, monthly).")],
    baseline: Annotated[
        str, typer.Option("--baseline", help="Baseline period, FIRST..LAST, both days included.")
    ],
    tz: Annotated[str, typer.Option("--tz", help="Time zone of the days.")] = "UTC",
    weather: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--weather", help="CSV: timestamp,temperature; in place of the table's own column."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON (the only form there is).")] = True,
) -> None:
    """Fit a baseline to a table of use and temperature and print it with its metrics."""
    from kvartal.tables import fit_table, read_table

    _print(fit_table(read_table(file, _zone(tz), weather), _period(baseline, "--baseline")))


@app.command()
def savings(
    file: Annotated[Path, typer.Argument(help="CSV: timestamp,value,temperature (hourly, daily, monthly).")],
    baseline: Annotated[str, typer.Option("--baseline", help="Baseline period, FIRST..LAST.")],
    reporting: Annotated[str, typer.Option("--reporting", help="Reporting period, FIRST..LAST.")],
    tz: Annotated[str, typer.Option("--tz", help="Time zone of the days.")] = "UTC",
    weather: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--weather", help="CSV: timestamp,temperature; in place of the table's own column."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON (the only form there is).")] = True,
) -> None:
    """Compute avoided energy use of a table, with its 90 % interval."""
    from kvartal.tables import read_table, savings_table

    table = read_table(file, _zone(tz), weather)
    _print(savings_table(table, _period(baseline, "--baseline"), _period(reporting, "--reporting")))


@app.command()
def contract(
    id: Annotated[str, typer.Argument(help="Id of the contract in the site file.", metavar="ID")],
    site: SiteOption = None,
    db: DbOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of lines.")] = False,
    lang: Annotated[Optional[Lang], typer.Option(help="Language of the lines.")] = None,  # noqa: UP045
) -> None:
    """Say all about a contract: the saving and how sure it is, money, CO2, its formula, doubts, changes."""
    from dashboards.contract_json import document
    from dashboards.contract_view import rows_of, view_contract
    from dashboards.words.contract import lines
    from kvartal.files import Refused, read_site
    from storage.sqlite_reader import Reader

    described = read_site(_site_path(site))
    found = described.contracts.get(id)
    if found is None:
        known = ", ".join(described.contracts) or "none"
        raise Refused(f"contract {id!r} is not in the site file; it has {known}")
    reader = Reader(_db_path(db))
    view = view_contract(rows_of(reader, described, found), described, found)
    if as_json:
        _print(document(view))
        return
    shown: Literal["ru", "en"] = "en" if (lang or _settings().lang) == "en" else "ru"
    for label, text in lines(view, described, shown):
        typer.echo(f"{label:26} {text}")


@app.command()
def portfolio(
    site: SiteOption = None,
    db: DbOption = None,
    by: Annotated[By, typer.Option("--by", help="What is added up.")] = By.quarter,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of lines.")] = False,
    lang: Annotated[Optional[Lang], typer.Option(help="Language of the lines.")] = None,  # noqa: UP045
) -> None:
    """Add contracts up by building, programme or the quarter, with what their uncertainties have in common."""
    from dashboards.portfolio import document, lines, view_portfolio, views_of
    from kvartal.files import read_site
    from storage.sqlite_reader import Reader

    described = read_site(_site_path(site))
    groups = view_portfolio(views_of(Reader(_db_path(db)), described), described, by.value)
    if as_json:
        _print(document(groups, by.value, described))
        return
    for line in lines(groups, described, "en" if (lang or _settings().lang) == "en" else "ru"):
        typer.echo(line)


@app.command("import")
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
            "--archive", help="Id of the [[archive]] that maps the columns.", show_default="the only one"
        ),
    ] = None,
    station: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--station", help="Outdoor temperatures instead: CSV timestamp,temperature.", show_default=False
        ),
    ] = None,
    backfill: Annotated[
        bool,
        typer.Option(
            "--backfill", help="Take history older than the lateness horizon too (temperatures always)."
        ),
    ] = False,
) -> None:
    """Bring a file into the store. Can be run again, or go on after it was broken off: what is known is a duplicate.

    kvartal import vkt7.csv --meter b01/heat --site site.toml --db kvartal.db --backfill
    """
    import time

    from kvartal.files import read_site
    from kvartal.importing import archive_of, import_archive, meter_of, table_rows
    from kvartal.replay import backfilling
    from kvartal.replay import replay as run_replay
    from kvartal.weather_file import weather_captures

    described = read_site(_site_path(site))
    path = _db_path(db, must_exist=False)
    if station is not None:
        captures = weather_captures(file, described, station)
        with _bar("messages", len(captures)) as done:
            _print(run_replay(captures, site=backfilling(described), db=path, progress=done))
        return
    mapped = archive_of(described, archive)
    which = meter_of(described, mapped, meter)
    try:
        with _bar("rows", sum(1 for _ in table_rows(file, mapped))) as done:
            counts = import_archive(
                file,
                site=described,
                db=path,
                archive=mapped,
                meter=which,
                now=time.time_ns() // 1_000_000,
                backfill=backfill,
                progress=done,
            )
    except KeyboardInterrupt:
        _say("broken off: what was brought stays, and the same command goes on from there")
        raise
    _print(counts)
    if counts["too_late_rows"]:
        _say(f"{counts['too_late_rows']} rows are older than the lateness horizon: --backfill takes them too")


@app.command()
def gauges(
    db: DbOption = None,
    meter: MeterOption = None,
    form: FormatOption = Format.csv,
) -> None:
    """Print the hours of gauges (temperatures, flow, power): mean, least, greatest, and how much is covered."""
    from kvartal.exports import GAUGE_COLUMNS, gauge_texts, write
    from storage.sqlite_reader import Reader

    building, point = _meter(meter)
    rows = Reader(_db_path(db)).gauge_rows(building=building, meter=point)
    write(gauge_texts(rows), GAUGE_COLUMNS, sys.stdout, as_json=form is Format.json)


@app.command()
def balance(
    site: SiteOption = None,
    db: DbOption = None,
    building: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--building", help="One building.", show_default="all"),
    ] = None,
    period: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--period", help="FIRST..LAST, both days included.", show_default="all days"),
    ] = None,
    by_day: Annotated[bool, typer.Option("--by-day", help="With the difference of each day.")] = False,
) -> None:
    """Print what main meters counted beyond their sub-meters, and the part of it that nobody knows."""
    import datetime as dt

    from kvartal.balance_table import balance_table
    from kvartal.files import read_site

    asked = _period(period, "--period") if period is not None else None
    first, last = map(dt.date.fromordinal, asked) if asked is not None else (None, None)
    described = read_site(_site_path(site))
    for row in balance_table(_db_path(db), described, building=building, first=first, last=last):
        if not by_day:
            del row["by_day"]
        _print(row)


@app.command()
def audit(db: DbOption = None) -> None:
    """Check that no register's ledger made or lost energy; status 1 and the register's name if one did.

    Registers that an older Kvartal folded are named and are no fault: start this one once, it folds them again.
    """
    from kvartal.audit import audit_store

    audited = audit_store(_db_path(db))
    _print(
        {"registers": audited.registers, "faults": audited.faults}
        | ({"outdated": audited.outdated} if audited.outdated else {})
    )
    if audited.outdated:
        _say(audited.advice)
    if audited.faults:
        for fault in audited.faults:
            _say(fault)
        raise typer.Exit(1)


@app.command()
def restatements(
    db: DbOption = None, limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 200
) -> None:
    """Print figures that later readings changed, newest first, one JSON line each."""
    import datetime as dt

    from metering.times import iso
    from storage.sqlite_reader import Reader

    for row in Reader(_db_path(db)).restatements(limit=limit):
        row["date"] = dt.date.fromordinal(row["date"]).isoformat()
        row["learned_at"] = iso(row["learned_at"])
        _print(row)


exam_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.add_typer(exam_app, name="exam")

HousesOption = Annotated[int, typer.Option("--houses", min=1, help="How many simulated houses.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of the simulation.")]


@exam_app.callback(invoke_without_command=True)
def exam(
    context: typer.Context,
    houses: HousesOption = 1000,
    seed: SeedOption = 1,
    as_json: Annotated[bool, typer.Option("--json", help="The whole document with every stratum.")] = False,
    gate: Annotated[
        bool,
        typer.Option("--gate", help="Pool the seeds SEED..SEED+3; status 1 where a limit does not hold."),
    ] = False,
    table: Annotated[
        bool,
        typer.Option("--table", help="Kvartal, the textbook and opendsm on the same houses, as Markdown."),
    ] = False,
    pipeline: Annotated[
        bool,
        typer.Option(
            "--pipeline",
            help="Houses of every kind as captures through the whole pipeline; status 1 where a Wh differs.",
        ),
    ] = False,
) -> None:
    """Put simulated houses with known savings before the baselines and score what they say."""
    from kvartal.exam_pipeline import differing
    from kvartal.examination import SEEDS, examine, pass_gate, tabulate

    if context.invoked_subcommand is not None:
        return
    failed: list[str] = []
    with _bar("houses", None if table else SEEDS * houses if gate else houses) as done:
        if table:
            typer.echo(tabulate(houses, seed, done))
            return
        if pipeline:
            document, failed = differing(houses, seed, progress=done)
        elif gate:
            document, failed = pass_gate(houses, seed, done)
        else:
            document = examine(houses, seed, done)
    if as_json or pipeline:
        _print(document)
    else:
        for name, value in document["total"].items():
            typer.echo(f"{name:18} {value}")
        typer.echo(f"{'seconds':18} {document['seconds']}")
    for text in failed:
        _say(text)
    if failed:
        raise typer.Exit(1)


@exam_app.command("export")
def exam_export(
    directory: Annotated[Path, typer.Argument(help="Where the files go.")] = Path("exam"),
    houses: HousesOption = 20,
    seed: SeedOption = 1,
) -> None:
    """The exam on paper: site.toml, captures.jsonl, and the truth apart in truth.json."""
    from simulators.exam.export import export

    with _bar("houses", houses) as done:
        export(houses, seed, directory=directory, progress=done)


@exam_app.command("score")
def exam_score(
    figures: Annotated[
        Path,
        typer.Argument(
            help='{"houses": [{"house": "e00000", "savings_pct": 7.4, "interval_90_pct": [5.1, 9.7]}, ...]}'
        ),
    ],
    truth: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--truth", help="What the export wrote.", show_default="truth.json beside FIGURES"),
    ] = None,
) -> None:
    """Score anybody's figures of an exported exam."""
    from kvartal.examination import score_file

    _print(score_file(figures, truth or figures.parent / "truth.json"))


@app.command()
def annotate(
    grafana: Annotated[
        str, typer.Option("--grafana", help="Base URL of Grafana, e.g. http://127.0.0.1:3000.")
    ],
    site: SiteOption = None,
) -> None:
    """Mark in Grafana when each measure was put in. The token comes from KVARTAL_GRAFANA_TOKEN."""
    from dashboards.grafana.annotate import annotate_measures
    from kvartal.files import Refused, read_site

    settings = _settings()
    if settings.grafana_token is None:
        raise Refused("no token: set KVARTAL_GRAFANA_TOKEN to a service account's token")
    described = read_site(_site_path(site))
    added = annotate_measures(
        grafana, settings.grafana_token.get_secret_value(), described, lang=settings.lang
    )
    _print({"added": added, "contracts": len(described.contract)})
