"""`kvartal run`: one process that serves a site."""

from __future__ import annotations

import logging
import signal
import threading
import time
from pathlib import Path
from typing import Any, Final

from dashboards.notify import Notifier
from dashboards.page.serve import listen, serve_page
from dashboards.words.wording import sentence
from ingest.broker import Broker, local_broker
from ingest.decode import Decoder
from ingest.source import MqttSource
from ingest.topics import filters
from kvartal.files import Refused
from kvartal.replay import embedded
from kvartal.service import serve
from kvartal.settings import Settings
from kvartal.site_events import site_events
from kvartal.site_watch import InForce, SiteWatch
from metering.site.model import Site
from storage.sqlite import Store
from storage.sqlite_reader import Reader

log = logging.getLogger("kvartal")

_SITE_EVENTS_AT_ONCE: Final = 50
"""In one commit. After an upgrade each may fold a whole register again: some 2 MB for 400 days of it."""


def wall_clock() -> int:
    """Now [ms since 1970 UTC]."""
    return time.time_ns() // 1_000_000


class Pulse:
    """A file that is touched while a process is well: what the health checks of the containers look at."""

    def __init__(self, directory: Path, name: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._file = directory / f"{name}.alive"
        self._next = 0.0

    def beat(self) -> None:
        """Say that all is well; at most every ten seconds on disk."""
        now = time.monotonic()
        if now >= self._next:
            self._file.touch()
            self._next = now + 10


def stop_on_signals() -> threading.Event:
    """An event that Ctrl-C and SIGTERM set."""
    stop = threading.Event()

    def told(_number: int, _frame: Any) -> None:
        stop.set()

    signal.signal(signal.SIGINT, told)
    signal.signal(signal.SIGTERM, told)
    return stop


def run_site(*, settings: Settings, path: Path, site: Site, db: Path) -> None:
    """Serve the site until Ctrl-C or SIGTERM; what changes in its file meanwhile is taken over.

    Args:
        settings: The settings.
        path: The site file.
        site: The site that it describes now.
        db: Path of the store.

    Raises:
        Refused, CannotServe, NoBroker, WrongStore: before anything has started.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if not site.source:
        raise Refused("the site file has no [[source]]: nothing would ever arrive")
    password = settings.http_password.get_secret_value() if settings.http_password else None
    listening = listen(settings.http_host, settings.http_port, password=password)
    settings.data.mkdir(parents=True, exist_ok=True)
    db.parent.mkdir(parents=True, exist_ok=True)
    store = Store(db)
    broker: Broker | None = None
    host, port = settings.mqtt_host, settings.mqtt_port
    if not host:
        broker = local_broker(settings.data / "mosquitto", port=port)
        broker.start()
        host = broker.host
        if broker.warning:
            log.warning(broker.warning)
        log.info("no broker is configured: one of our own listens at %s:%d", host, port)
    stop = stop_on_signals()
    source = MqttSource(
        host=host,
        port=port,
        client_id=settings.mqtt_client_id,
        filters=filters(site.source),
        clock=wall_clock,
        username=settings.mqtt_username,
        password=settings.mqtt_password.get_secret_value() if settings.mqtt_password else None,
        tls=settings.mqtt_tls,
    )
    watch = SiteWatch(path, site)
    in_force = InForce(site)
    stop_page = serve_page(
        listening,
        db,
        in_force,
        lang=settings.lang,
        password=password,
        health=lambda: {"broker": source.connected and source.wait_subscribed(0)},
        notice=watch.notice,
    )
    notifier = Notifier(
        urls=[url.strip() for url in settings.notify.split(",") if url.strip()],
        publish=source.publish,
        sentence=lambda alert: sentence(alert, in_force(), settings.lang),
        sent=store,
        clock=wall_clock,
    )
    # What a replay or an earlier run left untold; nothing is told twice.
    reader = Reader(db)
    notifier.send(reader.alerts(open_only=False))
    reader.close()
    log.info("page at http://%s:%d", *listening.getsockname()[:2])
    source.start()
    try:
        if broker is not None and source.wait_subscribed(10):
            broker.save()
        runner = embedded(site, store)

        def tell_the_pipeline(before: Site | None) -> None:
            now = wall_clock()
            events = site_events(in_force(), now, before=before)
            for at in range(0, len(events), _SITE_EVENTS_AT_ONCE):
                notifier.send(runner.enter(events[at : at + _SITE_EVENTS_AT_ONCE], now).alerts)

        def renew() -> None:
            newer = watch.take()
            if newer is not None:
                runner.use(newer, Decoder(newer).decode)
                source.follow(filters(newer.source))
                before, in_force.site = in_force.site, newer
                tell_the_pipeline(before)
                log.info("the new site file is in force")

        tell_the_pipeline(None)
        watch.start()
        watch.hurry_on_sighup()
        serve(
            source=source,
            runner=runner,
            clock=wall_clock,
            stop=stop,
            alert=notifier.send,
            refused=lambda reason: log.warning("the broker at %s:%d refuses us: %s", host, port, reason),
            renew=renew,
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
