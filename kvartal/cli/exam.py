"""`kvartal exam`: simulated houses with known savings, and the scoring of other people's figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from kvartal.cli.options import bar, print_json, to_stderr
from metering.refusal import Refusal

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

HousesOption = Annotated[int, typer.Option("--houses", min=1, help="How many simulated houses.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of the simulation.")]


@app.callback(invoke_without_command=True)
def exam(
    context: typer.Context,
    houses: HousesOption = 1000,
    seed: SeedOption = 1,
    as_json: Annotated[bool, typer.Option("--json", help="The whole document with every stratum.")] = False,
    gate: Annotated[
        bool,
        typer.Option("--gate", help="Pool the seeds SEED..SEED+3; status 1 if a limit is broken."),
    ] = False,
    table: Annotated[
        bool,
        typer.Option("--table", help="Kvartal, the textbook and opendsm on the same houses, as Markdown."),
    ] = False,
    pipeline: Annotated[
        bool,
        typer.Option(
            "--pipeline",
            help="Houses of every kind as captures through the whole pipeline; status 1 if a Wh differs.",
        ),
    ] = False,
) -> None:
    """Estimate the savings of simulated houses with known savings, and score the estimates."""
    if context.invoked_subcommand is not None:
        return
    if table:
        _print_table(houses, seed)
        return
    document, failed = _examine(houses, seed, gate=gate, pipeline=pipeline)
    if as_json or pipeline:
        print_json(document)
    else:
        for name, value in document["total"].items():
            typer.echo(f"{name:18} {value}")
        typer.echo(f"{'seconds':18} {document['seconds']}")
    for text in failed:
        to_stderr(text)
    if failed:
        raise typer.Exit(1)


def _print_table(houses: int, seed: int) -> None:
    from simulators.exam.table import exam_table

    with bar("houses", None) as done:
        typer.echo(exam_table(houses, seed, done))


def _examine(houses: int, seed: int, *, gate: bool, pipeline: bool) -> tuple[dict[str, Any], list[str]]:
    """The document of an exam, and the texts of its failures."""
    from kvartal.exam_pipeline import differing
    from simulators.exam.gate import SEEDS, pass_gate
    from simulators.exam.sit import run_exam

    with bar("houses", SEEDS * houses if gate else houses) as done:
        if pipeline:
            return differing(houses, seed, progress=done)
        if gate:
            return pass_gate(houses, seed, done)
        return run_exam(houses, seed, done), []


@app.command("export")
def export_files(
    directory: Annotated[Path, typer.Argument(help="Where the files go.")] = Path("exam"),
    houses: HousesOption = 20,
    seed: SeedOption = 1,
) -> None:
    """The exam on paper: site.toml, captures.jsonl, and the truth apart in truth.json."""
    from simulators.exam.export import export

    with bar("houses", houses) as done:
        export(houses, seed, directory=directory, progress=done)


@app.command("score")
def score(
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
    from simulators.exam.export import BadFigures, score_figures

    try:
        known, claimed = (
            json.loads(path.read_text(encoding="utf-8"))
            for path in (truth or figures.parent / "truth.json", figures)
        )
    except (OSError, ValueError) as error:
        raise Refusal(f"{error}") from None
    try:
        print_json(score_figures(known, claimed))
    except BadFigures as error:
        raise Refusal(f"{figures}: {error}") from None
