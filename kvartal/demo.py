"""`kvartal demo`: a simulated quarter, from meter to savings, over real MQTT.

The simulator publishes the meters' archives to a real broker the way gateways do and then goes on live,
faster than real time, on its own clock; Kvartal ingests, computes, stores and serves, as it would for a
real site. The truth comes from the simulator alone and is shown beside the measured figures.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from dashboards.contract_rows import portfolio
from dashboards.words.demo import ACCOUNTING, TABLE
from dashboards.words.lang import Lang, pick
from dashboards.words.numbers import number, percent, percent_range
from dashboards.words.terms import VERDICTS, measure
from ingest.captures import Capture
from ingest.mosquitto import Mosquitto
from ingest.source import Message, MqttSource
from ingest.topics import filters
from kvartal.run import serve
from kvartal.wiring import embedded
from metering.events import Event
from metering.report.standing import Standing
from metering.site.model import Site, parse_site
from metering.times import to_ms
from simulators.publish import Publisher
from simulators.quarter import Quarter
from simulators.quarter_dates import ARCHIVES_END
from storage.sqlite import Store
from storage.sqlite_reader import Reader
from streams.engine import Batch

LIVE_SPEED = 3600 * 4
"""Simulated seconds per second in the live part."""


class SimulatorClock:
    """The time in the simulated quarter [ms]; the publisher sets it."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


class Progressed:
    """How far the demo is, for the progress bars and the last line."""

    def __init__(self) -> None:
        self.published = 0
        self.taken = 0

    def on_batch(self, messages: list[Message], _batch: Batch) -> None:
        """Count the messages of a batch that is durable."""
        self.on_applied(len(messages))

    def on_applied(self, messages: int) -> None:
        """Count further messages whose figures are durable."""
        self.taken += messages


def run_demo(
    *,
    directory: Path,
    houses: int,
    seed: int,
    lang: Lang,
    once: bool,
    as_json: bool,
    engine: str,
    page: Callable[[Path, Site], Callable[[], None]] | None,
) -> int:
    """Run the demo; returns the exit status.

    Args:
        directory: Directory of the store, the site file and the broker's session.
        houses: How many houses.
        seed: Seed of everything simulated.
        lang: Language of the output.
        once: End after the table instead of going on live.
        as_json: Print one JSON document instead of the table.
        engine: `embedded` or `faust`.
        page: Starts the web page over a store and returns what stops it; None for no page.

    Raises:
        NoBroker: mosquitto cannot be started.
    """
    begun = time.monotonic()
    console = Console(stderr=as_json)
    quarter = Quarter(houses=houses, seed=seed)
    site = _write_site(quarter, directory / "site.toml")
    db = directory / "kvartal.db"
    store = Store(db)
    broker = Mosquitto(directory / "mosquitto")
    broker.start()
    stop_page = page(db, site) if page is not None else None
    clock = SimulatorClock(to_ms(ARCHIVES_END) + 5_000)
    source = MqttSource(
        host=broker.host,
        port=broker.port,
        client_id="kvartal-demo",
        filters=filters(site.source),
        clock=clock,
    )
    source.start()
    progressed = Progressed()
    cluster = directory if engine == "faust" else None
    pipeline = _Pipeline(source, site, store, clock, progressed, cluster)
    publisher: Publisher | None = None
    try:
        if not source.wait_subscribed(10):
            raise ConnectionError(
                f"the broker at {broker.host}:{broker.port} did not take our subscription in 10 s"
            )
        broker.save()
        pipeline.start()
        publisher = Publisher(host=broker.host, port=broker.port)
        _archives(quarter, publisher, progressed, pipeline.stop, console, lang)
        seconds = time.monotonic() - begun
        lost = progressed.published - progressed.taken
        if as_json:
            _print_document(db, site, quarter.truth(), seconds)
        else:
            _print_table(console, db, site, quarter.truth(), lost, lang)
        sys.stdout.flush()
        if not once:
            _live(quarter, publisher, progressed, clock, pipeline.stop, console, lang)
            _wait(pipeline.stop, console, lang)
        return 1 if pipeline.failed or lost else 0
    finally:
        pipeline.stop.set()
        if publisher is not None:
            publisher.close()
        pipeline.join(20)
        source.stop()
        if stop_page is not None:
            stop_page()
        store.close()
        broker.stop()


def _write_site(quarter: Quarter, file: Path) -> Site:
    text = quarter.site_toml()
    file.write_text(text, encoding="utf-8")
    return parse_site(text, file=file)


class _Pipeline:
    """The pipeline in a thread of its own, embedded or on Faust over a mock Kafka."""

    def __init__(
        self,
        source: MqttSource,
        site: Site,
        store: Store,
        clock: SimulatorClock,
        progressed: Progressed,
        cluster: Path | None,
    ) -> None:
        """
        Args:
            source: The started source.
            site: The site.
            store: Takes the figures.
            clock: The simulator's time.
            progressed: Counts durable messages.
            cluster: Directory for Faust's files; None for the embedded runner.
        """
        self._source, self._site, self._store, self._clock = source, site, store, clock
        self._progressed, self._cluster = progressed, cluster
        self.stop = threading.Event()
        self.failed = False
        self._thread = threading.Thread(target=self._work, name="pipeline", daemon=True)

    def start(self) -> None:
        """Start the thread; it runs until `stop` is set, or sets it when it fails."""
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait for the end of the thread, if it runs."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _work(self) -> None:
        try:
            if self._cluster is None:
                serve(
                    source=self._source,
                    runner=embedded(self._site, self._store),
                    clock=self._clock,
                    stop=self.stop,
                    on_batch=self._progressed.on_batch,
                )
            else:
                self._work_on_cluster(self._cluster)
        except BaseException:
            self.failed = True
            self.stop.set()
            raise

    def _work_on_cluster(self, directory: Path) -> None:
        from kvartal.mock_cluster import serve_on_mock_cluster

        serve_on_mock_cluster(
            source=self._source,
            site=self._site,
            write=partial(_write, self._store),
            clock=self._clock,
            stop=self.stop,
            directory=directory,
            on_applied=self._progressed.on_applied,
        )


def _write(store: Store, events: Sequence[Event]) -> None:
    """Write events of the Faust runner to the embedded store, with the counts of their readings."""
    batch = Batch()
    batch.keep(events)
    store.commit(parts={}, events=batch.events, counts=batch.counts)


def _archives(
    quarter: Quarter,
    publisher: Publisher,
    progressed: Progressed,
    stop: threading.Event,
    console: Console,
    lang: Lang,
) -> None:
    """Publish the archives and wait until the pipeline has taken them all."""
    total = None
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=False,
        disable=not console.is_terminal,
    ) as bars:
        sent_bar = bars.add_task(pick(("отправлено сообщений", "messages published"), lang), total=total)
        taken_bar = bars.add_task(pick(("учтено сообщений", "messages accounted for"), lang), total=total)

        def before(_capture: Capture) -> None:
            progressed.published += 1
            bars.update(sent_bar, completed=progressed.published)
            bars.update(taken_bar, completed=progressed.taken)

        publisher.publish(quarter.archives(), before=before, stop=stop.is_set)
        bars.update(sent_bar, total=progressed.published)
        bars.update(taken_bar, total=progressed.published)
        deadline = time.monotonic() + 120
        while progressed.taken < progressed.published and not stop.is_set() and time.monotonic() < deadline:
            time.sleep(0.05)
            bars.update(taken_bar, completed=progressed.taken)


def _live(
    quarter: Quarter,
    publisher: Publisher,
    progressed: Progressed,
    clock: SimulatorClock,
    stop: threading.Event,
    console: Console,
    lang: Lang,
) -> None:
    """Go on hour by hour on the simulator's clock, faster than real time."""
    console.print(
        pick(
            (
                "Дальше — в темпе 4 часа в секунду; Ctrl-C завершает.",
                "Going on at 4 hours a second; Ctrl-C ends.",
            ),
            lang,
        )
    )
    begun, start = time.monotonic(), clock.now

    def before(capture: Capture) -> None:
        due = begun + (capture.received_at - start) / 1000 / LIVE_SPEED
        stop.wait(max(0.0, due - time.monotonic()))
        clock.now = capture.received_at
        progressed.published += 1

    publisher.publish(quarter.live(), before=before, stop=stop.is_set)


def _wait(stop: threading.Event, console: Console, lang: Lang) -> None:
    console.print(
        pick(
            (
                "Симуляция закончена; страница работает, Ctrl-C завершает.",
                "The simulation is over; Ctrl-C ends.",
            ),
            lang,
        )
    )
    while not stop.wait(1):
        pass


def _print_document(db: Path, site: Site, truth: dict[str, float], seconds: float) -> None:
    """Print the savings beside the truth as one JSON document."""
    rows, counts = _figures(db, site)
    sys.stdout.write(json.dumps(_document(rows, truth, counts, seconds), ensure_ascii=False) + "\n")


def _print_table(
    console: Console, db: Path, site: Site, truth: dict[str, float], lost: int, lang: Lang
) -> None:
    """Print the savings beside the truth as a table, and the accounting of the readings below it."""
    rows, counts = _figures(db, site)
    _show(console, rows, truth, site, lang)
    _account(console, counts, lost, lang)


def _figures(db: Path, site: Site) -> tuple[list[Standing], dict[str, int]]:
    reader = Reader(db)
    try:
        return portfolio(reader, site), reader.counts()
    finally:
        reader.close()


def _document(
    rows: list[Standing], truth: dict[str, float], counts: dict[str, int], seconds: float
) -> dict[str, Any]:
    return {
        "houses": [
            {
                "building": row.contract.building,
                "meter": row.contract.meter,
                "measure": row.contract.measure,
                "true_savings_pct": truth[row.contract.id],
                "estimated_savings_pct": row.savings_pct,
                "interval_90_pct": list(row.interval_pct) if row.interval_pct is not None else None,
            }
            for row in rows
        ],
        **{name: counts.get(name, 0) for name in ("received", "accepted", "duplicate", "rejected")},
        "seconds": round(seconds, 1),
    }


def _show(console: Console, rows: list[Standing], truth: dict[str, float], site: Site, lang: Lang) -> None:
    table = Table(*TABLE[lang], header_style="bold", title=site.site.name)
    for column in (2, 3, 4, 5):
        table.columns[column].justify = "right"
    colours = {"proved": "green", "below": "yellow", "not_proved": "yellow", "above": "red", "waiting": "dim"}
    for row in rows:
        promised = row.contract.guaranteed_savings_pct
        measured = "—"
        if row.savings_pct is not None and row.interval_pct is not None:
            lo, hi = row.interval_pct
            measured = f"{percent(row.savings_pct, lang)} ({percent_range(lo, hi, lang)})"
        table.add_row(
            row.building_name,
            measure(row.contract.measure, lang),
            "—" if promised is None else percent(promised, lang, 0),
            measured,
            percent(truth[row.contract.id], lang),
            "—" if row.money_year is None else number(float(row.money_year), lang),
            f"[{colours[row.verdict]}]{pick(VERDICTS[row.verdict], lang)}",
        )
    console.print(table)


def _account(console: Console, counts: dict[str, int], lost: int, lang: Lang) -> None:
    shown = {
        name: number(counts.get(name, 0), lang) for name in ("received", "accepted", "duplicate", "rejected")
    }
    console.print(ACCOUNTING[lang].format(**shown, lost=number(lost, lang)))
