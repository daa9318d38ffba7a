"""`kvartal worker`: the pipeline on Faust, into InfluxDB."""

from __future__ import annotations

import logging

from ingest.log import READINGS, NotDelivered, create_topics
from kvartal.files import Refused
from kvartal.run import stop_on_signals
from kvartal.settings import Settings
from metering.site import Site
from storage.influx import InfluxSink
from streams.cluster import CHANGELOG, Worker

log = logging.getLogger("kvartal.worker")


def work_site(*, settings: Settings, site: Site) -> None:
    """Run until Ctrl-C or SIGTERM.

    Raises:
        Refused: the settings name no Kafka or no InfluxDB, or the worker did not start.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if not settings.kafka or not settings.influx_url:
        raise Refused("cluster mode needs KVARTAL_KAFKA and KVARTAL_INFLUX_URL")
    try:
        create_topics(settings.kafka, partitions=settings.partitions, changelogs=[CHANGELOG])
    except NotDelivered as error:
        raise Refused(str(error)) from None
    settings.data.mkdir(parents=True, exist_ok=True)
    sink = InfluxSink(
        url=settings.influx_url,
        token=settings.influx_token.get_secret_value() if settings.influx_token else "",
        org=settings.influx_org,
        bucket=settings.influx_bucket,
        outbox=settings.data / "outbox.db",
    )
    stop = stop_on_signals()
    worker = Worker(
        bootstrap=settings.kafka,
        partitions=settings.partitions,
        site=site,
        sink=sink,
        topic=READINGS,
        data=str(settings.data / "faust"),
    )
    try:
        if not worker.start(120):
            raise Refused(f"the worker did not get its partitions from {settings.kafka}: {worker.failed}")
        log.info("working")
        while not stop.wait(1) and worker.running:
            pass
    finally:
        worker.stop()
        sink.close()
    if worker.failed is not None:
        raise SystemExit(1)
