"""`kvartal worker`: the pipeline on Faust, into InfluxDB."""

from __future__ import annotations

import logging
import os
import random
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from dashboards.notify import Notifier
from dashboards.words.sentences import sentence
from ingest.log import READINGS, REJECTED
from ingest.source import MqttSource
from kvartal.ingest import create_log
from kvartal.process import Pulse, collect_rarely, log_to_stderr, stop_on_signals, wall_clock
from kvartal.settings import Settings
from kvartal.site_watch import InForce, SiteWatch
from kvartal.wiring import mqtt_source, notify_urls, secret
from metering.events import Alert, Event
from metering.refusal import Refusal
from metering.site.model import Site
from storage.influx import InfluxSink
from storage.influx_reader import InfluxFigures
from storage.influx_sent import InfluxSent
from streams.chunks import NewerState
from streams.worker import CHANGELOG, Worker

log = logging.getLogger("kvartal.worker")

_LOOK_EVERY_S: Final = 0.5
_STARTED_WITHIN_S: Final = 120.0
_LOOK_FOR_PENDING_S: Final = (10.0, 40.0)
"""Delay before a new worker sends notifications left pending by a dead one (randomised) [s]."""


class ThroughToInflux:
    """A sink that returns when InfluxDB has the figures, not when they are queued for it.

    The worker acknowledges what its sink has taken, and its partitions may move to another worker at any time.
    Figures still queued here would then overwrite newer ones. So the event log is the outbox: figures that InfluxDB
    has not taken are not acknowledged, and each start begins with an empty queue.
    """

    def __init__(
        self, *, url: str, token: str, org: str, bucket: str, directory: Path, site: Site | None = None
    ) -> None:
        """
        Args:
            url: Base URL of the server.
            token: API token.
            org: Organisation.
            bucket: Bucket.
            directory: The outbox of this run is made in a temporary directory in it.
            site: The site, for names, money and display units.
        """
        self._directory = tempfile.TemporaryDirectory(prefix="outbox-", dir=directory)
        outbox = Path(self._directory.name) / "outbox.db"
        self._sink = InfluxSink(url=url, token=token, org=org, bucket=bucket, outbox=outbox, site=site)
        self._stopping = threading.Event()
        self._dead = 0

    def write(self, events: Sequence[Event]) -> None:
        """Write; InfluxDB has the figures, or has refused them for good, when this returns.

        Raises:
            OSError: the sink is being closed.
        """
        self._sink.write(events)
        while not self._sink.drain(_LOOK_EVERY_S):
            if self._stopping.is_set():
                raise OSError("stopping; the figures come again from the log")
        dead = self._sink.dead()
        for line, reason in dead[self._dead :]:
            log.error("InfluxDB refuses a line for good: %s: %s", reason, line)
        self._dead = len(dead)

    @property
    def outbox(self) -> InfluxSink:
        """The sink for lines that are no events: the marks of sent notifications."""
        return self._sink

    def use(self, site: Site) -> None:
        """Take names, money and units from another site."""
        self._sink.use(site)

    def stop(self) -> None:
        """Stop waiting for InfluxDB; pending calls raise."""
        self._stopping.set()

    def close(self) -> None:
        """Close the sink and remove its directory."""
        self._stopping.set()
        self._sink.close()
        self._directory.cleanup()


class NotifyingSink:
    """A sink that sends notifications of alerts once InfluxDB has them: of each state once, by whichever worker."""

    def __init__(
        self,
        *,
        sink: ThroughToInflux,
        sent: InfluxSent,
        urls: Sequence[str],
        publish: Callable[[str, bytes], None],
        sentence: Callable[[Alert], str],
        settle_s: float = 2.0,
    ) -> None:
        """
        Args:
            sink: Takes all events first.
            sent: The notifications already sent.
            urls: Apprise URLs.
            publish: Publishes (topic, payload) at the broker.
            sentence: The text of an alert for a person.
            settle_s: How long an alert must stand before it is sent [s].

        Raises:
            ValueError: apprise does not know a URL.
        """
        self._sink, self._sent = sink, sent
        self._notifier = Notifier(
            urls=urls, publish=publish, sentence=sentence, sent=sent, clock=wall_clock, settle_s=settle_s
        )
        self._one = threading.Lock()

    def write(self, events: Sequence[Event]) -> None:
        """Write, then notify. When this returns, each notification is sent or pending in this process.

        Raises:
            OSError: as the sink does.
        """
        self._sink.write(events)
        self.notify([event for event in events if isinstance(event, Alert)])

    def notify(self, alerts: Sequence[Alert]) -> None:
        """Send the notifications of alerts that were not sent yet."""
        if alerts:
            with self._one:
                self._notifier.send(alerts)

    def stop(self) -> None:
        """Stop waiting for InfluxDB; pending calls raise."""
        self._sent.stop()
        self._sink.stop()

    def close(self) -> None:
        """Try once more to send pending notifications; end the threads."""
        self._notifier.close()


class _Sites:
    """Gives a changed site to the worker, and at the same time to the sink and the sentences."""

    def __init__(self, watch: SiteWatch, sink: ThroughToInflux, in_force: InForce) -> None:
        self._watch, self._sink, self._in_force = watch, sink, in_force
        self.hurry = watch.hurry

    def take(self) -> Site | None:
        site = self._watch.take()
        if site is not None:
            self._sink.use(site)
            self._in_force.site = site
        return site


def work_site(*, settings: Settings, path: Path, site: Site) -> None:
    """Run until Ctrl-C or SIGTERM. Changes of the site file are taken over without a restart.

    Exits with 1 if the worker failed: start it again, nothing is lost.

    Args:
        settings: The settings.
        path: The site file.
        site: The site that the file describes now.

    Raises:
        Refusal: the settings name no Kafka or no InfluxDB, or the worker did not start.
    """
    log_to_stderr()
    logging.getLogger("faust").setLevel(logging.WARNING)
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    if not settings.kafka or not settings.influx_url:
        raise Refusal("cluster mode needs KVARTAL_KAFKA and KVARTAL_INFLUX_URL")
    create_log(settings)
    settings.data.mkdir(parents=True, exist_ok=True)
    collect_rarely()
    stop = stop_on_signals()
    token = secret(settings.influx_token) or ""
    sink = ThroughToInflux(
        url=settings.influx_url,
        token=token,
        org=settings.influx_org,
        bucket=settings.influx_bucket,
        directory=settings.data,
        site=site,
    )
    watch, in_force = SiteWatch(path, site), InForce(site)
    figures = InfluxFigures(url=settings.influx_url, database=settings.influx_bucket, token=token)
    broker = _broker(settings)
    try:
        notifying = NotifyingSink(
            sink=sink,
            sent=InfluxSent(sink=sink.outbox, figures=figures),
            urls=notify_urls(settings),
            publish=broker.publish if broker is not None else lambda topic, payload: None,
            sentence=lambda alert: sentence(alert, in_force(), settings.lang),
        )
    except ValueError as error:
        sink.close()
        raise Refusal(str(error)) from None
    worker = Worker(
        bootstrap=settings.kafka,
        partitions=settings.partitions,
        site=site,
        sink=notifying,
        topic=READINGS,
        rejected=REJECTED,
        data=str(settings.data / "faust"),
        sites=_Sites(watch, sink, in_force),
    )
    watch.start()
    watch.hurry_on_sighup()
    try:
        if not worker.start(_STARTED_WITHIN_S):
            if isinstance(worker.failed, NewerState):
                raise Refusal(f"{CHANGELOG}: {worker.failed}")
            raise Refusal(f"the worker did not get its partitions from {settings.kafka}: {worker.failed}")
        _work(worker, stop, Pulse(settings.data, "worker"), notifying, figures)
    finally:
        watch.stop()
        notifying.stop()
        worker.stop()
        notifying.close()
        sink.close()
        figures.close()
        if broker is not None:
            broker.stop()
    if worker.failed is not None:
        raise SystemExit(1)


def _broker(settings: Settings) -> MqttSource | None:
    """The started connection that alerts are published on, or None if no broker is configured."""
    if not settings.mqtt_host:
        return None
    client_id = f"{settings.mqtt_client_id}-alerts-{socket.gethostname()}-{os.getpid()}"
    broker = mqtt_source(settings, host=settings.mqtt_host, filters=(), client_id=client_id, session=False)
    broker.start()
    return broker


def _work(
    worker: Worker, stop: threading.Event, pulse: Pulse, notifying: NotifyingSink, figures: InfluxFigures
) -> None:
    """Keep the pulse until `stop` or the worker's end; send once the notifications left by a dead worker."""
    log.info("working")
    look_at: float | None = time.monotonic() + random.uniform(*_LOOK_FOR_PENDING_S)
    while not stop.wait(1) and worker.running:
        pulse.beat()
        if look_at is not None and time.monotonic() > look_at:
            look_at = _send_pending(notifying, figures)


def _send_pending(notifying: NotifyingSink, figures: InfluxFigures) -> float | None:
    """Send pending notifications; if InfluxDB cannot be reached, the time of the next attempt [monotonic s]."""
    try:
        notifying.notify(figures.alerts(open_only=False))
    except OSError as error:
        log.warning("alerts cannot be read, again in a while: %s", error)
        return time.monotonic() + random.uniform(*_LOOK_FOR_PENDING_S)
    return None
