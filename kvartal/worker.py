"""`kvartal worker`: the pipeline on Faust, into InfluxDB."""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ingest.log import READINGS, REJECTED, NotDelivered, create_topics
from kvartal.files import Refused
from kvartal.run import Pulse, stop_on_signals
from kvartal.settings import Settings
from kvartal.site_watch import SiteWatch
from metering.events import Event
from metering.site import Site
from storage.influx import InfluxSink
from streams.cluster import CHANGELOG, Worker

log = logging.getLogger("kvartal.worker")

_LOOK_EVERY_S: Final = 0.5


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


class _Watched:
    """The watch over the site file, whose sites the sink gets too, for the names and money of what it writes."""

    def __init__(self, watch: SiteWatch, sink: ThroughToInflux) -> None:
        self._watch, self._sink = watch, sink
        self.hurry = watch.hurry

    def take(self) -> Site | None:
        site = self._watch.take()
        if site is not None:
            self._sink.use(site)
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
        token=settings.influx_token.get_secret_value() if settings.influx_token else "",
        org=settings.influx_org,
        bucket=settings.influx_bucket,
        directory=settings.data,
        site=site,
    )
    watch = SiteWatch(path, site)
    worker = Worker(
        bootstrap=settings.kafka,
        partitions=settings.partitions,
        site=site,
        sink=sink,
        topic=READINGS,
        rejected=REJECTED,
        data=str(settings.data / "faust"),
        sites=_Watched(watch, sink),
    )
    watch.start()
    watch.hurry_on_sighup()
    try:
        if not worker.start(120):
            raise Refused(f"the worker did not get its partitions from {settings.kafka}: {worker.failed}")
        log.info("working")
        pulse = Pulse(settings.data, "worker")
        while not stop.wait(1) and worker.running:
            pulse.beat()
    finally:
        watch.stop()
        sink.stop()
        worker.stop()
        sink.close()
    if worker.failed is not None:
        raise SystemExit(1)
