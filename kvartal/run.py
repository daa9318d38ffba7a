"""`kvartal run`: broker -> pipeline -> store in one process, with the page and the notifications.

MQTT is acknowledged only after the store has committed (law 4). Ticks give the pipeline the time, so
that silence is noticed when nothing arrives at all.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dashboards.notify import Notifier
from dashboards.page.serve import listen, serve_page
from dashboards.words.sentences import sentence
from ingest.decode import Decoder
from ingest.mosquitto import Mosquitto
from ingest.source import Message, MqttSource
from ingest.topics import filters
from kvartal.deciding import decided
from kvartal.decision_inbox import DecisionsFile, Inbox
from kvartal.decisions import FILE
from kvartal.process import TICK_MS, log_to_stderr, stop_on_signals, wall_clock
from kvartal.settings import Settings
from kvartal.site_events import site_events
from kvartal.site_watch import InForce, SiteWatch
from kvartal.wiring import embedded, mqtt_source, notify_urls, secret
from metering.events import Alert, Ruled
from metering.refusal import Refusal
from metering.site.model import Site, site_bytes
from storage.sqlite import Store
from storage.sqlite_reader import Reader
from streams.embedded import Embedded
from streams.engine import Batch

log = logging.getLogger("kvartal")

_BATCH: Final = 500
"""Messages of one commit."""
_SITE_EVENTS_AT_ONCE: Final = 50
"""In one commit. After an upgrade each may fold a whole register again: some 2 MB for 400 days of it."""
_SUBSCRIBED_WITHIN_S: Final = 10.0


OnBatch = Callable[[list[Message], Batch], None]
"""Called with the messages of a batch and its results."""


def serve(
    *,
    source: MqttSource,
    runner: Embedded,
    clock: Callable[[], int],
    stop: threading.Event,
    on_batch: OnBatch = lambda messages, batch: None,
    on_alerts: Callable[[list[Alert]], None] = lambda alerts: None,
    on_refused: Callable[[str], None] = lambda reason: None,
    before_batch: Callable[[], None] = lambda: None,
) -> None:
    """Take messages, run the pipeline over them, commit, acknowledge; until `stop` is set.

    Args:
        source: The started source.
        runner: The embedded pipeline.
        clock: The time [ms], for ticks.
        stop: Ends the loop after the current batch.
        on_batch: Called after each batch that is durable and acknowledged.
        on_alerts: Called with alerts that were opened, updated or resolved.
        on_refused: Called with the reason, each minute that the broker refuses the connection.
        before_batch: Called between two batches; it may give the runner another site.
    """
    ticked = clock()
    while not stop.is_set():
        before_batch()
        messages = source.take(_BATCH, 0.2)
        if messages:
            batch = runner.take(messages)
            source.ack(messages)
            on_batch(messages, batch)
            if batch.alerts:
                on_alerts(batch.alerts)
        now = clock()
        if now - ticked >= TICK_MS:
            ticked = now
            if source.refused is not None:
                on_refused(source.refused)
            batch = runner.tick(now)
            if batch.alerts:
                on_alerts(batch.alerts)
                on_batch([], batch)


class _SiteInForce:
    """Gives the site of the file to the pipeline and the source, at the start and after each change."""

    def __init__(
        self,
        *,
        in_force: InForce,
        watch: SiteWatch,
        store: Store,
        decisions: DecisionsFile,
        inbox: Inbox,
        runner: Embedded,
        source: MqttSource,
        notifier: Notifier,
    ) -> None:
        self._in_force, self._watch, self._store = in_force, watch, store
        self._decisions, self._inbox = decisions, inbox
        self._runner, self._source, self._notifier = runner, source, notifier

    def enter(self, before: Site | None = None) -> None:
        """Run the site's events through the pipeline; only those that are new since `before`."""
        now = wall_clock()
        events = site_events(self._in_force(), now, before=before)
        for at in range(0, len(events), _SITE_EVENTS_AT_ONCE):
            self._notifier.send(self._runner.enter(events[at : at + _SITE_EVENTS_AT_ONCE], now).alerts)
        self._rule(self._decisions.take(self._in_force(), now, at_once=True))

    def renew(self) -> None:
        """Take over the newly loaded site, if there is one, and what persons have decided."""
        self._rule(self._decisions.take(self._in_force(), wall_clock()))
        self._inbox.take(self._rule)
        newer = self._watch.take()
        if newer is None:
            return
        self._runner.use(newer, Decoder(newer).decode)
        self._store.keep_site(site_bytes(newer))
        self._source.follow(filters(newer.source))
        before, self._in_force.site = self._in_force.site, newer
        self.enter(before)
        log.info("the new site file is in force")

    def _rule(self, events: Sequence[Ruled]) -> None:
        """Run rulings through the pipeline, a register a commit: each may fold a whole register again."""
        for event in events:
            self._notifier.send(self._runner.enter([event], event.received_at).alerts)


def _deciding(db: Path, in_force: InForce, inbox: Inbox) -> Callable[[Mapping[str, Any]], int]:
    """Takes a decision from the page; returns the number of rulings when they are on disk."""

    def decide(document: Mapping[str, Any]) -> int:
        reader = Reader(db)
        try:
            events = decided(document, reader, in_force(), wall_clock())
        finally:
            reader.close()
        inbox.put(events)
        return sum(len(event.rulings) for event in events)

    return decide


def run_site(*, settings: Settings, path: Path, site: Site, db: Path) -> None:
    """Serve the site until Ctrl-C or SIGTERM. Changes of its file are taken over without a restart.

    Args:
        settings: The settings.
        path: The site file.
        site: The site that the file describes now.
        db: Path of the store.

    Raises:
        Refusal: before anything has started: no source, no broker, a port in use, a wrong store.
    """
    log_to_stderr()
    if not site.source:
        raise Refusal("the site file has no [[source]]: nothing would ever arrive")
    password = secret(settings.http_password)
    listening = listen(settings.http_host, settings.http_port, password=password)
    settings.data.mkdir(parents=True, exist_ok=True)
    db.parent.mkdir(parents=True, exist_ok=True)
    store = Store(db)
    broker = None if settings.mqtt_host else _own_broker(settings)
    host, port = settings.mqtt_host if broker is None else broker.host, settings.mqtt_port
    stop = stop_on_signals()
    source = mqtt_source(settings, host=host, filters=filters(site.source))
    watch, in_force = SiteWatch(path, site), InForce(site)
    decisions, inbox = DecisionsFile(path.with_name(FILE)), Inbox()
    stop_page = serve_page(
        listening,
        db,
        in_force,
        lang=settings.lang,
        password=password,
        health=lambda: {"broker": source.connected and source.wait_subscribed(0)},
        notice=lambda: watch.notice() | decisions.notice(),
        decide=_deciding(db, in_force, inbox),
    )
    notifier = Notifier(
        urls=notify_urls(settings),
        publish=source.publish,
        sentence=lambda alert: sentence(alert, in_force(), settings.lang),
        sent=store,
        clock=wall_clock,
    )
    _send_pending(notifier, db)
    log.info("page at http://%s:%d", *listening.getsockname()[:2])
    source.start()
    try:
        if broker is not None and source.wait_subscribed(_SUBSCRIBED_WITHIN_S):
            broker.save()
        runner = embedded(site, store)
        site_in_force = _SiteInForce(
            in_force=in_force,
            watch=watch,
            store=store,
            decisions=decisions,
            inbox=inbox,
            runner=runner,
            source=source,
            notifier=notifier,
        )
        site_in_force.enter()
        watch.start()
        watch.hurry_on_sighup()
        serve(
            source=source,
            runner=runner,
            clock=wall_clock,
            stop=stop,
            on_alerts=notifier.send,
            on_refused=lambda reason: log.warning("the broker at %s:%d refuses us: %s", host, port, reason),
            before_batch=site_in_force.renew,
        )
    finally:
        watch.stop()
        source.stop()
        notifier.close()
        stop_page()
        store.close()
        if broker is not None:
            broker.stop()
    log.info("stopped; what was not acknowledged waits at the broker")


def _own_broker(settings: Settings) -> Mosquitto:
    """A started mosquitto on loopback, for settings without a broker."""
    broker = Mosquitto(settings.data / "mosquitto", port=settings.mqtt_port)
    broker.start()
    log.info("no broker is configured: one of our own listens at %s:%d", broker.host, broker.port)
    return broker


def _send_pending(notifier: Notifier, db: Path) -> None:
    """Send the notifications that a replay or an earlier run left pending; none is sent twice."""
    reader = Reader(db)
    notifier.send(reader.alerts(open_only=False))
    reader.close()
