"""Commands about savings: baselines and savings of tables, contracts of a site, their portfolio."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Optional

import typer

from kvartal.cli.options import (
    DbOption,
    Lang,
    SiteOption,
    WeatherOption,
    ZoneOption,
    db_path,
    language,
    period,
    print_json,
    site_of,
    zone,
)
from metering.refusal import Refusal


class By(StrEnum):
    building = "building"
    programme = "programme"
    quarter = "quarter"


TableArgument = Annotated[
    Path, typer.Argument(help="CSV: timestamp,value,temperature (hourly, daily, monthly).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON (the only form there is).")]


def fit(
    file: TableArgument,
    baseline: Annotated[
        str, typer.Option("--baseline", help="Baseline period, FIRST..LAST, both days included.")
    ],
    tz: ZoneOption = "UTC",
    weather: WeatherOption = None,
    as_json: JsonOption = True,
) -> None:
    """Fit a baseline to a table of use and temperature and print it with its metrics."""
    from kvartal.tables import fit_table, read_table

    print_json(fit_table(read_table(file, zone(tz), weather), period(baseline, "--baseline")))


def savings(
    file: TableArgument,
    baseline: Annotated[str, typer.Option("--baseline", help="Baseline period, FIRST..LAST.")],
    reporting: Annotated[str, typer.Option("--reporting", help="Reporting period, FIRST..LAST.")],
    tz: ZoneOption = "UTC",
    weather: WeatherOption = None,
    as_json: JsonOption = True,
) -> None:
    """Compute avoided energy use of a table, with its 90 % interval."""
    from kvartal.tables import read_table, savings_table

    table = read_table(file, zone(tz), weather)
    print_json(savings_table(table, period(baseline, "--baseline"), period(reporting, "--reporting")))


def contract(
    id: Annotated[str, typer.Argument(help="Id of the contract in the site file.", metavar="ID")],
    site: SiteOption = None,
    db: DbOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of lines.")] = False,
    lang: Annotated[Optional[Lang], typer.Option(help="Language of the lines.")] = None,  # noqa: UP045
) -> None:
    """Say all about a contract: the saving and how sure it is, money, CO2, its formula, doubts, changes."""
    from dashboards.contract_json import document
    from dashboards.contract_view import view_of
    from dashboards.words.contract import lines
    from storage.sqlite_reader import Reader

    described = site_of(site)
    chosen = described.contracts.get(id)
    if chosen is None:
        known = ", ".join(described.contracts) or "none"
        raise Refusal(f"contract {id!r} is not in the site file; it has {known}")
    reader = Reader(db_path(db))
    view = view_of(reader, described, chosen)
    if as_json:
        print_json(document(view))
        return
    for label, text in lines(view, described, language(lang)):
        typer.echo(f"{label:26} {text}")


def portfolio(
    site: SiteOption = None,
    db: DbOption = None,
    by: Annotated[By, typer.Option("--by", help="What is added up.")] = By.quarter,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of lines.")] = False,
    lang: Annotated[Optional[Lang], typer.Option(help="Language of the lines.")] = None,  # noqa: UP045
) -> None:
    """Add contracts up by building, programme or the quarter, with what their uncertainties have in common."""
    from dashboards.portfolio import document, lines, views_of
    from metering.report.portfolio import view_portfolio
    from storage.sqlite_reader import Reader

    described = site_of(site)
    groups = view_portfolio(views_of(Reader(db_path(db)), described), described, by.value)
    if as_json:
        print_json(document(groups, by.value, described))
        return
    for line in lines(groups, described, language(lang)):
        typer.echo(line)
