"""Shared by commands: options, settings, files, periods and zones; printing and progress bars."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional

import typer

from metering.refusal import Refusal

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from kvartal.settings import Settings
    from metering.periods import Period
    from metering.site.model import Site


class Lang(StrEnum):
    ru = "ru"
    en = "en"


class DateOrderName(StrEnum):
    dmy = "dmy"
    mdy = "mdy"
    ymd = "ymd"
    ydm = "ydm"


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
ZoneOption = Annotated[str, typer.Option("--tz", help="Time zone of the days.")]
WeatherOption = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--weather", help="CSV: timestamp,temperature; in place of the table's own column."),
]


def read_settings() -> Settings:
    """The settings of the environment.

    Raises:
        Refusal: names each variable with a wrong value.
    """
    from pydantic import ValidationError

    from kvartal.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        faults = "; ".join(
            f"KVARTAL_{'_'.join(str(step) for step in fault['loc']).upper()}: {fault['msg']}, got {fault['input']!r}"
            for fault in error.errors(include_url=False)
        )
        raise Refusal(faults) from None


def language(lang: Lang | None) -> Literal["ru", "en"]:
    """The language of the output: the option, else the setting."""
    return "en" if (lang or read_settings().lang) == "en" else "ru"


def site_path(site: Path | None) -> Path:
    """The path of the site file: the option, else the setting."""
    path = site or read_settings().site
    if path is None:
        raise Refusal("no site file: give --site FILE or set KVARTAL_SITE")
    return Path(path)


def site_of(site: Path | None) -> Site:
    """The site of the site file that the option or the setting names."""
    from kvartal.files import read_site

    return read_site(site_path(site))


def db_path(db: Path | None, *, must_exist: bool = True) -> Path:
    """The path of the embedded store: the option, else the setting."""
    path = Path(db or read_settings().store)
    if must_exist and not path.exists():
        raise Refusal(
            f"{path}: there is no such store (expected the SQLite file of 'kvartal run' or 'replay')"
        )
    return path


def period(text: str, option: str) -> Period:
    """The days of FIRST..LAST."""
    import datetime as dt

    from metering.periods import Period

    first, dots, last = text.partition("..")
    try:
        if not dots:
            raise ValueError
        start, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    except ValueError:
        raise Refusal(f"{option}: got {text!r}, expected FIRST..LAST, e.g. 2024-10-01..2025-09-30") from None
    if end < start:
        raise Refusal(f"{option}: the period {text} ends before it begins")
    return Period(start.toordinal(), end.toordinal())


def zone(name: str) -> ZoneInfo:
    """The time zone of --tz."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Refusal(f"--tz: got {name!r}, expected an IANA time zone, e.g. Europe/Moscow") from None


def building_and_meter(text: str | None) -> tuple[str | None, str | None]:
    """The two ids of --meter; None for all meters."""
    if text is None:
        return None, None
    building, slash, meter = text.partition("/")
    if not slash or not building or not meter:
        raise Refusal(f"--meter: got {text!r}, expected building/meter, e.g. b01/heat")
    return building, meter


def to_stderr(text: str) -> None:
    """Print a message."""
    typer.echo(text, err=True)


def print_json(document: Any) -> None:
    """Print a document as one line of JSON."""
    typer.echo(json.dumps(document, ensure_ascii=False))


@contextmanager
def bar(text: str, total: int | None) -> Iterator[Any]:
    """A progress bar on stderr; call the result with the number done."""
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
