"""Commands that serve: the demo, the services of a site, the simulator as a publisher, marks in Grafana."""

from __future__ import annotations

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from kvartal.cli.options import (
    DbOption,
    Lang,
    SiteOption,
    bar,
    db_path,
    language,
    print_json,
    read_settings,
    site_of,
    site_path,
)
from metering.refusal import Refusal


class Engine(StrEnum):
    embedded = "embedded"
    faust = "faust"


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

    settings, shown = read_settings(), language(lang)
    # With --once nobody opens the page: any free port will do, and a port 8000 in use is no reason to fail.
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


def run(site: SiteOption = None, db: DbOption = None) -> None:
    """Serve a site in one process: MQTT in, the ledger and savings, alerts out, the page. Ends on Ctrl-C."""
    from kvartal.files import read_site
    from kvartal.run import run_site

    path = site_path(site)
    run_site(settings=read_settings(), path=path, site=read_site(path), db=db_path(db, must_exist=False))


def ingest(site: SiteOption = None) -> None:
    """Cluster mode: take MQTT, put readings on the Kafka event log, acknowledge when they are there."""
    from kvartal.files import read_site
    from kvartal.ingest import ingest_site

    path = site_path(site)
    ingest_site(settings=read_settings(), path=path, site=read_site(path))


def worker(site: SiteOption = None) -> None:
    """Cluster mode: run the pipeline on Faust over the event log, into InfluxDB."""
    from kvartal.files import read_site
    from kvartal.worker import work_site

    path = site_path(site)
    work_site(settings=read_settings(), path=path, site=read_site(path))


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
    from simulators.quarter import Quarter

    quarter = Quarter(houses=houses, seed=seed)
    if site_out is not None:
        site_out.write_text(quarter.site_toml(), encoding="utf-8")
    if captures_out is not None:
        from ingest.captures import write_capture

        with captures_out.open("w", encoding="utf-8") as out, bar("messages", None) as done:
            for number, capture in enumerate(quarter.archives(), 1):
                write_capture(capture, out)
                done(number)
    if site_out is not None or captures_out is not None:
        return
    settings = read_settings()
    if not settings.mqtt_host:
        raise Refusal("no broker: set KVARTAL_MQTT_HOST, or give --captures-out FILE")
    from simulators.publish import Publisher

    password = settings.mqtt_password.get_secret_value() if settings.mqtt_password else None
    publisher = Publisher(
        host=settings.mqtt_host, port=settings.mqtt_port, username=settings.mqtt_username, password=password
    )
    try:
        sent = publisher.publish(quarter.archives())
    finally:
        publisher.close()
    print_json({"published": sent})


def annotate(
    grafana: Annotated[
        str, typer.Option("--grafana", help="Base URL of Grafana, e.g. http://127.0.0.1:3000.")
    ],
    site: SiteOption = None,
) -> None:
    """Mark in Grafana when each measure was put in. The token comes from KVARTAL_GRAFANA_TOKEN."""
    from dashboards.grafana.annotate import annotate_measures

    settings = read_settings()
    if settings.grafana_token is None:
        raise Refusal("no token: set KVARTAL_GRAFANA_TOKEN to a service account's token")
    described = site_of(site)
    added = annotate_measures(
        grafana, settings.grafana_token.get_secret_value(), described, lang=settings.lang
    )
    print_json({"added": added, "contracts": len(described.contract)})
