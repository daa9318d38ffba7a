"""Commands about findings and a person's rulings."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from kvartal.cli.options import (
    DbOption,
    MeterOption,
    SiteOption,
    building_and_meter,
    db_path,
    print_json,
    read_settings,
    site_of,
    site_path,
)
from metering.refusal import Refusal

if TYPE_CHECKING:
    from metering.events import RegisterId, Ruling
    from metering.ledger.proposals import Found
    from storage.sqlite_reader import Reader

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="State, list and withdraw rulings about readings. A ruling wins over what the ledger guesses.",
)

AuthorOption = Annotated[str, typer.Option("--author", help="Who decides.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why.")]


class Kind(StrEnum):
    no_exchange = "no_exchange"
    exchange = "exchange"
    unit = "unit"
    pulse_weight = "pulse_weight"
    not_ours = "not_ours"
    replaces = "replaces"


def _text(name: str, text: str) -> Any:
    return typer.Option(name, help=text, show_default=False)


@app.command()
def add(
    meter: Annotated[str, typer.Option("--meter", help="building/meter, e.g. b01/heat.")],
    kind: Annotated[Kind, typer.Option("--kind", help="What is ruled.")],
    author: AuthorOption,
    reason: ReasonOption,
    at: Annotated[Optional[str], _text("--at", "The instant, ISO 8601.")] = None,  # noqa: UP045
    from_: Annotated[Optional[str], _text("--from", "From when on it holds; begin of a span.")] = None,  # noqa: UP045
    to: Annotated[Optional[str], _text("--to", "End of a span.")] = None,  # noqa: UP045
    quantity: Annotated[Optional[str], _text("--quantity", "energy or volume.")] = None,  # noqa: UP045
    unit: Annotated[
        Optional[str],  # noqa: UP045
        _text("--unit", "The unit that the register counts in (kind unit), else of the values."),
    ] = None,
    factor: Annotated[
        Optional[str],  # noqa: UP045
        _text("--factor", "What counts as sent are multiplied by, e.g. 10 or 1/10."),
    ] = None,
    weight: Annotated[Optional[str], _text("--weight", "The pulse weight in words.")] = None,  # noqa: UP045
    count: Annotated[
        Optional[str],  # noqa: UP045
        _text(
            "--count", "What the register showed when the pulse weight began; else its last reading before."
        ),
    ] = None,
    value: Annotated[
        Optional[str],  # noqa: UP045
        _text("--value", "The reading that is not ours, or the use that is replaced."),
    ] = None,
    final: Annotated[Optional[str], _text("--final", "Last count of the old register.")] = None,  # noqa: UP045
    initial: Annotated[Optional[str], _text("--initial", "First count of the new register.")] = None,  # noqa: UP045
    source: Annotated[Optional[str], _text("--source", "The source whose intervals stand.")] = None,  # noqa: UP045
    replaces: Annotated[Optional[str], _text("--replaces", "The source whose intervals are void.")] = None,  # noqa: UP045
    site: SiteOption = None,
    db: DbOption = None,
) -> None:
    """State a ruling.

    kvartal rule add --meter b01/heat --kind unit --unit MWh --from 2026-03-01T00:00:00+03:00 --author A --reason B
    """
    entry = {
        "meter": meter,
        "kind": kind.value,
        "author": author,
        "reason": reason,
        "at": at,
        "from": from_,
        "to": to,
        "quantity": quantity,
        "unit": unit,
        "factor": factor,
        "weight": weight,
        "count": count,
        "value": value,
        "final": final,
        "initial": initial,
        "source": source,
        "replaces": replaces,
    }
    _deliver({"ruling": {key: text for key, text in entry.items() if text is not None}}, site, db)


@app.command("list")
def list_rulings(db: DbOption = None, meter: MeterOption = None) -> None:
    """Print rulings, withdrawn ones too, one JSON line each."""
    from kvartal.decisions import document_of
    from metering.ledger.rulings import in_force, ruling_id

    rulings = _rulings(db)
    building, point = building_and_meter(meter)
    effective = in_force(rulings)
    for register, ruling in rulings:
        if building in (None, register.building) and point in (None, register.meter):
            id = ruling_id(register, ruling)
            print_json({"id": id, "in_force": (register, id) in effective, **document_of(register, ruling)})


@app.command()
def withdraw(
    id: Annotated[str, typer.Argument(help="Id of the ruling, from 'kvartal rule list'.")],
    author: AuthorOption,
    reason: ReasonOption,
    site: SiteOption = None,
    db: DbOption = None,
) -> None:
    """Withdraw a ruling: the ledger is as if it had not been stated. Stating it again brings it back."""
    _deliver({"withdraw": id, "author": author, "reason": reason}, site, db)


@app.command()
def propose(db: DbOption = None, meter: MeterOption = None) -> None:
    """Print findings that a ruling would settle, and the ruling, one JSON line each."""
    for line in _findings(db, meter):
        if line["proposal"] is not None:
            print_json(line)


@app.command()
def accept(
    finding: Annotated[str, typer.Argument(help="Id of the finding, from 'kvartal rule propose'.")],
    author: AuthorOption,
    reason: ReasonOption,
    site: SiteOption = None,
    db: DbOption = None,
) -> None:
    """State the ruling that a finding proposes."""
    _deliver({"accept": finding, "author": author, "reason": reason}, site, db)


@app.command("import")
def import_rulings(
    file: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Argument(help="A decisions file. Default: decisions.toml beside the site file."),
    ] = None,
    site: SiteOption = None,
    db: DbOption = None,
) -> None:
    """State the rulings of a decisions file. Those that were stated before change nothing."""
    from kvartal.decisions import FILE, document_of, read_decisions

    path = file or site_path(site).with_name(FILE)
    if not path.is_file():
        raise Refusal(f"{path}: there is no such file (expected [[ruling]] tables, as 'rule export' writes)")
    rulings = read_decisions(path, site_of(site))
    _deliver({"rulings": [document_of(*ruling) for ruling in rulings]}, site, db)


@app.command("export")
def export_rulings(
    file: Annotated[
        str,
        typer.Argument(help="Where to write it; - for standard output. A file is replaced."),
    ] = "-",
    db: DbOption = None,
) -> None:
    """Write all rulings, withdrawn ones too, as a decisions file."""
    from kvartal.decisions import write_decisions

    text = write_decisions(_rulings(db))
    if file == "-":
        sys.stdout.write(text)
        return
    path = Path(file)
    try:
        path.with_name(f".{path.name}.new").write_text(text, encoding="utf-8")
        path.with_name(f".{path.name}.new").replace(path)
    except OSError as error:
        raise Refusal(f"{path}: cannot be written: {error.strerror or error}") from None


def findings(
    db: DbOption = None,
    meter: MeterOption = None,
    _as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line (there is no other form).")
    ] = True,
) -> None:
    """Print doubts about readings, newest first, with the ruling or the change that would settle each."""
    for line in _findings(db, meter):
        print_json(line)


def _rulings(db: Path | None) -> list[tuple[RegisterId, Ruling]]:
    """The rulings of the store, or of the event log if settings name one and no store is given."""
    from storage.sqlite_reader import Reader

    settings = read_settings()
    if settings.kafka and db is None:
        from kvartal.rule_delivery import logged_rulings

        return logged_rulings(settings)
    reader = Reader(db_path(db))
    try:
        return reader.ledger.rulings()
    finally:
        reader.close()


def _findings(db: Path | None, meter: str | None) -> Iterable[dict[str, Any]]:
    from storage.sqlite_reader import Reader

    building, point = building_and_meter(meter)
    reader = Reader(db_path(db))
    try:
        for found in reader.found():
            register = found.register
            if building in (None, register.building) and point in (None, register.meter):
                yield _line(found, reader)
    finally:
        reader.close()


def _line(found: Found, reader: Reader) -> dict[str, Any]:
    from kvartal.decisions import in_words
    from metering.findings import ADVICE
    from metering.ledger.proposals import propose as propose_rulings
    from metering.times import iso

    rulings = propose_rulings(found, reader.ledger.stored(found.register))
    words = "; ".join(in_words(found.register, ruling) for ruling in rulings)
    return {
        "id": found.id,
        "kind": found.kind,
        **found.register._asdict(),
        "start": iso(found.start),
        "end": iso(found.end),
        "figures": dict(found.figures),
        "proposal": words or ADVICE.get(found.kind),
        "acceptable": bool(rulings),
    }


def _deliver(document: Mapping[str, Any], site: Path | None, db: Path | None) -> None:
    """State a decision and print how many rulings it made."""
    from kvartal.rule_delivery import to_log, to_store

    settings, described = read_settings(), site_of(site)
    now = time.time_ns() // 1_000_000
    if settings.kafka and db is None:
        number = to_log(document, settings=settings, site=described, now=now)
    else:
        path = db_path(db, must_exist=False)
        number = to_store(document, settings=settings, site=described, db=path, now=now)
    print_json({"rulings": number})
