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

from pydantic import SecretStr

from dashboards.notify import Notifier
from dashboards.words.wording import sentence
from ingest.log import READINGS, REJECTED, NotDelivered, create_topics
from ingest.source import MqttSource
from kvartal.files import Refused
from kvartal.run import Pulse, stop_on_signals, wall_clock
from kvartal.settings import Settings
from kvartal.site_watch import InForce, SiteWatch
from metering.events import Alert, Event
from metering.site.model import Site
from storage.influx import InfluxSink
from storage.influx_reader import InfluxFigures
from storage.influx_sent import InfluxSent
from streams.chunks import NewerState
from streams.worker import CHANGELOG, Worker

log = logging.getLogger("kvartal.worker")

_LOOK_EVERY_S: Final = 0.5
_LOOK_FOR_UNTOLD_S: Final = (10.0, 40.0)
"""When after its start a worker tells what another left untold when it died; not all of them at once."""


class ThroughToInflux:
    """A sink that returns when InfluxDB has the figures, not when they wait beside it.

    The worker acknowledges what its sink has taken, and its partitions may go to another worker at any time.
    Figures that waited here would then overwrite the other's newer ones. The event log is the outbox here: what
    InfluxDB has not taken is not acknowledged, and a start begins with an empty outbox.
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
            directory: Where a working directory of its own is made for the run.
            site: The site, for names, money and the units that people know.
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
        """Where lines of our own go."""
        return self._sink

    def use(self, site: Site) -> None:
        """Take names, money and units from another site from now on."""
        self._sink.use(site)

    def stop(self) -> None:
        """Wait for nothing any more."""
        self._stopping.set()

    def close(self) -> None:
        """Let go of files and threads."""
        self._stopping.set()
        self._sink.close()
        self._directory.cleanup()


class Telling:
    """A sink that tells people about alerts when InfluxDB has them: of each state once, whichever worker does."""

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
            sent: What was told already.
            urls: Apprise URLs.
            publish: Publishes (topic, payload) at the broker.
            sentence: What an alert says to a person.
            settle_s: How long an alert must stand before people are told [s].
        """
        self._sink, self._sent = sink, sent
        self._notifier = Notifier(
            urls=urls, publish=publish, sentence=sentence, sent=sent, clock=wall_clock, settle_s=settle_s
        )
        self._one = threading.Lock()

    def write(self, events: Sequence[Event]) -> None:
        """Write, then tell. What is acknowledged after this was told, or waits in this process.

        Raises:
            OSError: as the sink does.
        """
        self._sink.write(events)
        self.tell([event for event in events if isinstance(event, Alert)])

    def tell(self, alerts: Sequence[Alert]) -> None:
        """Tell of alerts what has not been told yet."""
        if alerts:
            with self._one:
                self._notifier.send(alerts)

    def stop(self) -> None:
        """Wait for nothing any more."""
        self._sent.stop()
        self._sink.stop()

    def close(self) -> None:
        """Try once more to tell what waits; let go of threads."""
        self._notifier.close()


class _Watched:
    """The watch over the site file, whose sites the sink and the sentences get too."""

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
    """Run until Ctrl-C or SIGTERM; what changes in the site file meanwhile is taken over.

    Exits with 1 where the worker failed: start it again, nothing is lost.

    Args:
        settings: The settings.
        path: The site file.
        site: The site that it describes now.

    Raises:
        Refused: the settings name no Kafka or no InfluxDB, or the worker did not start.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("faust").setLevel(logging.WARNING)
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    if not settings.kafka or not settings.influx_url:
        raise Refused("cluster mode needs KVARTAL_KAFKA and KVARTAL_INFLUX_URL")
    try:
        create_topics(settings.kafka, partitions=settings.partitions, changelogs=[CHANGELOG])
    except NotDelivered as error:
        raise Refused(str(error)) from None
    settings.data.mkdir(parents=True, exist_ok=True)
    stop = stop_on_signals()
    sink = ThroughToInflux(
        url=settings.influx_url,
        token=_secret(settings.influx_token) or "",
        org=settings.influx_org,
        bucket=settings.influx_bucket,
        directory=settings.data,
        site=site,
    )
    watch, in_force = SiteWatch(path, site), InForce(site)
    figures = InfluxFigures(
        url=settings.influx_url, database=settings.influx_bucket, token=_secret(settings.influx_token) or ""
    )
    broker: MqttSource | None = None
    if settings.mqtt_host:
        broker = MqttSource(
            host=settings.mqtt_host,
            port=settings.mqtt_port,
            client_id=f"{settings.mqtt_client_id}-alerts-{socket.gethostname()}-{os.getpid()}",
            filters=(),
            clock=wall_clock,
            username=settings.mqtt_username,
            password=_secret(settings.mqtt_password),
            tls=settings.mqtt_tls,
            session=False,
        )
        broker.start()
    try:
        telling = Telling(
            sink=sink,
            sent=InfluxSent(sink=sink.outbox, figures=figures),
            urls=[url.strip() for url in settings.notify.split(",") if url.strip()],
            publish=broker.publish if broker is not None else lambda topic, payload: None,
            sentence=lambda alert: sentence(alert, in_force(), settings.lang),
        )
    except ValueError as error:
        sink.close()
        raise Refused(str(error)) from None
    worker = Worker(
        bootstrap=settings.kafka,
        partitions=settings.partitions,
        site=site,
        sink=telling,
        topic=READINGS,
        rejected=REJECTED,
        data=str(settings.data / "faust"),
        sites=_Watched(watch, sink, in_force),
    )
    watch.start()
    watch.hurry_on_sighup()
    try:
        if not worker.start(120):
            if isinstance(worker.failed, NewerState):
                raise Refused(f"{CHANGELOG}: {worker.failed}")
            raise Refused(f"the worker did not get its partitions from {settings.kafka}: {worker.failed}")
        log.info("working")
        pulse = Pulse(settings.data, "worker")
        look_at: float | None = time.monotonic() + random.uniform(*_LOOK_FOR_UNTOLD_S)
        while not stop.wait(1) and worker.running:
            pulse.beat()
            if look_at is not None and time.monotonic() > look_at:
                look_at = _tell_untold(telling, figures)
    finally:
        watch.stop()
        telling.stop()
        worker.stop()
        telling.close()
        sink.close()
        figures.close()
        if broker is not None:
            broker.stop()
    if worker.failed is not None:
        raise SystemExit(1)


def _secret(held: SecretStr | None) -> str | None:
    return held.get_secret_value() if held is not None else None


def _tell_untold(telling: Telling, figures: InfluxFigures) -> float | None:
    """Tell what was left untold; when to look again where InfluxDB is away [monotonic s]."""
    try:
        telling.tell(figures.alerts(open_only=False))
    except OSError as error:
        log.warning("alerts cannot be read, again in a while: %s", error)
        return time.monotonic() + random.uniform(*_LOOK_FOR_UNTOLD_S)
    return None
