"""`kvartal demo`: a simulated quarter, from meter to savings, over real MQTT.

The simulator publishes the meters' archives to a real broker the way gateways do and then goes on live,
faster than real time, on its own clock; Kvartal ingests, computes, stores and serves, as it would for a
real site. The truth comes from the simulator alone and is shown beside what was measured.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from dashboards.contract_rows import Row, portfolio
from dashboards.words import wording
from dashboards.words.wording import Lang, pick
from ingest.broker import local_broker
from ingest.captures import Capture
from ingest.source import Message, MqttSource
from ingest.topics import filters
from kvartal.replay import embedded
from kvartal.service import serve
from metering.events import Event, Rejected
from metering.site.model import Site, parse_site
from metering.times import to_ms
from simulators.publish import Publisher
from simulators.quarter import ARCHIVES_END, Quarter
from storage.sqlite import Store
from storage.sqlite_reader import Reader
from streams.embedded import Batch

LIVE_SPEED = 3600 * 4
"""Simulated seconds a second in the live part: four hours a second."""


class SimulatorClock:
    """The time in the simulated quarter [ms]; the publisher sets it, everybody else asks."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


class Progressed:
    """How far the demo is, for the progress bars and the last line."""

    def __init__(self) -> None:
        self.published = 0
        self.taken = 0
        self.counts: dict[str, int] = {}
        self.houses_done: set[str] = set()

    def told(self, messages: list[Message], batch: Batch) -> None:
        """Note a batch that is durable."""
        self.taken += len(messages)
        for name, n in batch.counts.items():
            self.counts[name] = self.counts.get(name, 0) + n


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
        directory: Where the store, the site file and the broker's session go.
        houses: How many houses.
        seed: Seed of everything simulated.
        lang: Language of what is shown.
        once: End after the table instead of going on live.
        as_json: Print one JSON document instead of the table.
        engine: `embedded` or `faust`.
        page: Starts the web page over a store and returns what stops it; None for none.
    """
    begun = time.monotonic()
    console = Console(stderr=as_json)
    quarter = Quarter(houses=houses, seed=seed)
    site_file = directory / "site.toml"
    text = quarter.site_toml()
    site_file.write_text(text, encoding="utf-8")
    site = parse_site(text, file=site_file)
    db = directory / "kvartal.db"
    store = Store(db)
    broker = local_broker(directory / "mosquitto")
    broker.start()
    if broker.warning:
        console.print(broker.warning, style="yellow")
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
    stop = threading.Event()
    progressed = Progressed()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            if engine == "faust":
                from kvartal.mock_cluster import serve_on_mock_cluster

                sink = _CountingSink(store, progressed)
                serve_on_mock_cluster(
                    source=source,
                    site=site,
                    write=sink.write,
                    clock=clock,
                    stop=stop,
                    directory=directory,
                    taken=sink.applied,
                )
            else:
                serve(
                    source=source,
                    runner=embedded(site, store),
                    clock=clock,
                    stop=stop,
                    told=progressed.told,
                )
        except BaseException as error:
            failed.append(error)
            stop.set()
            raise

    worker = threading.Thread(target=work, name="pipeline", daemon=True)
    publisher: Publisher | None = None
    try:
        if not source.wait_subscribed(10):
            raise ConnectionError(
                f"the broker at {broker.host}:{broker.port} did not take our subscription in 10 s"
            )
        broker.save()
        worker.start()
        publisher = Publisher(host=broker.host, port=broker.port)
        _archives(quarter, publisher, progressed, stop, console, lang)
        seconds = time.monotonic() - begun
        reader = Reader(db)
        rows = portfolio(reader, site)
        counts = reader.counts()
        reader.close()
        lost = progressed.published - progressed.taken
        if as_json:
            sys.stdout.write(
                json.dumps(_document(rows, quarter.truth(), counts, seconds), ensure_ascii=False) + "\n"
            )
        else:
            _show(console, rows, quarter.truth(), site, lang)
            _account(console, counts, lost, lang)
        sys.stdout.flush()
        if not once:
            _live(quarter, publisher, progressed, clock, stop, console, lang)
            _wait(stop, console, lang)
        return 1 if failed or lost else 0
    finally:
        stop.set()
        if publisher is not None:
            publisher.close()
        if worker.is_alive():
            worker.join(20)
        source.stop()
        if stop_page is not None:
            stop_page()
        store.close()
        broker.stop()


class _CountingSink:
    """The embedded store as the sink of the Faust runner, with the readings counted as they come by."""

    def __init__(self, store: Store, progressed: Progressed) -> None:
        self._store, self._progressed = store, progressed

    def write(self, events: Sequence[Event]) -> None:
        batch = Batch()
        batch.keep(event for event in events if not isinstance(event, Rejected))
        for event in events:
            if isinstance(event, Rejected):
                batch.reject(event)
        self._store.commit(parts={}, events=batch.events, counts=batch.counts)
        self._progressed.told([], batch)

    def applied(self, messages: int) -> None:
        """Note messages whose figures are durable."""
        self._progressed.taken += messages


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


def _document(
    rows: list[Row], truth: dict[str, float], counts: dict[str, int], seconds: float
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


def _show(console: Console, rows: list[Row], truth: dict[str, float], site: Site, lang: Lang) -> None:
    table = Table(*wording.TABLE[lang], header_style="bold", title=site.site.name)
    for column in (2, 3, 4, 5):
        table.columns[column].justify = "right"
    colours = {"proved": "green", "below": "yellow", "not_proved": "yellow", "above": "red", "waiting": "dim"}
    for row in rows:
        promised = row.contract.guaranteed_savings_pct
        measured = "—"
        if row.savings_pct is not None and row.interval_pct is not None:
            lo, hi = row.interval_pct
            measured = f"{wording.percent(row.savings_pct, lang)} ({wording.interval(lo, hi, lang)})"
        table.add_row(
            row.building_name,
            wording.measure(row.contract.measure, lang),
            "—" if promised is None else wording.percent(promised, lang, 0),
            measured,
            wording.percent(truth[row.contract.id], lang),
            "—" if row.money_year is None else wording.number(float(row.money_year), lang),
            f"[{colours[row.verdict]}]{pick(wording.VERDICTS[row.verdict], lang)}",
        )
    console.print(table)


def _account(console: Console, counts: dict[str, int], lost: int, lang: Lang) -> None:
    shown = {
        name: wording.number(counts.get(name, 0), lang)
        for name in ("received", "accepted", "duplicate", "rejected")
    }
    console.print(wording.ACCOUNTING[lang].format(**shown, lost=wording.number(lost, lang)))
