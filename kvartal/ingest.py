"""`kvartal ingest`: MQTT -> decoded events on the Kafka event log -> acknowledgement."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from ingest.decode import Decoder
from ingest.log import EventLog, NotDelivered, create_topics
from ingest.source import Message, MqttSource
from ingest.topics import filters
from kvartal.decision_inbox import DecisionsFile
from kvartal.decisions import FILE
from kvartal.process import TICK_MS, Pulse, log_to_stderr, stop_on_signals, wall_clock
from kvartal.settings import Settings
from kvartal.site_events import site_events
from kvartal.site_watch import SiteWatch
from kvartal.wiring import mqtt_source
from metering.events import Awaited, Declared, Decoded, Rejected, Ruled, StationReadings, Tick
from metering.ledger.weather import copy_to_buildings
from metering.refusal import Refusal
from metering.site.model import Site
from streams.contract import Message as Arrived
from streams.worker import CHANGELOG

log = logging.getLogger("kvartal.ingest")

_BATCH: Final = 500
_LONGEST_PAUSE_S: Final = 60.0

OnPublished = Callable[[list[Message], list[Decoded]], None]


def decoded(decoder: Decoder, messages: Iterable[Arrived], site: Site) -> list[Decoded]:
    """The events of messages, as they go on the log: a station's readings once for each of its buildings."""
    events: list[Decoded] = []
    for message in messages:
        for result in decoder.decode(
            message.topic, message.payload, received_at=message.received_at, retain=message.retain
        ):
            if isinstance(result, StationReadings):
                events += copy_to_buildings(result, site)
            else:
                events.append(result)
                if isinstance(result, Rejected) and result.clock is not None:
                    # Rejections have a log of their own, which the pipeline does not read.
                    events.append(result.clock)
    return events


def publish_all(
    *,
    source: MqttSource,
    event_log: EventLog,
    site: Site,
    clock: Callable[[], int],
    stop: threading.Event,
    on_published: OnPublished = lambda messages, events: None,
    each_round: Callable[[], None] = lambda: None,
    batch: int = _BATCH,
    first_pause_s: float = 1.0,
    newer_site: Callable[[], Site | None] = lambda: None,
    decisions: Callable[[Site, bool], Sequence[Ruled]] = lambda site, at_once: (),
) -> None:
    """Take messages, publish their events, acknowledge; until `stop` is set.

    While the log cannot be reached, nothing is acknowledged or taken: the broker queues.

    Args:
        source: The started source.
        event_log: The log.
        site: The site.
        clock: The time [ms], for ticks.
        stop: Ends the loop. The broker delivers a batch again that the log has not taken by then.
        on_published: Called with each batch that is on the log and acknowledged.
        each_round: Called in each round, with messages or without.
        batch: Messages published at once.
        first_pause_s: Pause before the first retry; doubles up to a minute [s].
        newer_site: Called between two batches; the site that it returns is in force from then on.
        decisions: Called between two batches with the site in force, and whether to give all rulings of the decisions
            file: at the start, and when the site has changed. Otherwise it gives those of a changed file.
    """
    decoder = Decoder(site)
    ticked = clock()
    of_the_site: list[Declared | Ruled | Awaited] = [*site_events(site, ticked), *decisions(site, True)]
    while not stop.is_set():
        changed = newer_site()
        if changed is not None:
            of_the_site += [*site_events(changed, clock(), before=site), *decisions(changed, True)]
            site, decoder = changed, Decoder(changed)
            source.follow(filters(site.source))
            log.info("the new site file is in force")
        of_the_site += decisions(site, False)
        messages = source.take(batch, 0.2)
        if messages or of_the_site:
            events = decoded(decoder, messages, site)
            if not _publish(event_log, [*of_the_site, *events], stop, first_pause_s):
                return
            of_the_site = []
            source.ack(messages)
            on_published(messages, events)
        now = clock()
        if now - ticked >= TICK_MS:
            ticked = now
            try:
                event_log.publish([Tick(building=building, received_at=now) for building in site.buildings])
            except NotDelivered as error:
                log.warning("a tick was not delivered, the next one follows: %s", error)
            if source.refused is not None:
                log.warning("the broker at %s:%d refuses us: %s", source.host, source.port, source.refused)
        each_round()


def _publish(
    event_log: EventLog,
    events: Sequence[Decoded | Ruled | Awaited],
    stop: threading.Event,
    pause: float,
) -> bool:
    """Publish until the log has taken it; False if `stop` came first."""
    while True:
        try:
            event_log.publish(events)
            return True
        except NotDelivered as error:
            log.warning("%s; again in %.0f s", error, pause)
        if stop.wait(pause * random.uniform(0.8, 1.2)):
            return False
        pause = min(_LONGEST_PAUSE_S, 2 * pause)


def create_log(settings: Settings) -> None:
    """Create the topics of the event log if they are missing, and check their partitions.

    Raises:
        Refusal: Kafka cannot be reached, or a topic has another number of partitions than the settings.
    """
    try:
        create_topics(settings.kafka, partitions=settings.partitions, changelogs=[CHANGELOG])
    except NotDelivered as error:
        raise Refusal(str(error)) from None


def ingest_site(*, settings: Settings, path: Path, site: Site) -> None:
    """Run until Ctrl-C or SIGTERM. Changes of the site file are taken over without a restart.

    Args:
        settings: The settings.
        path: The site file.
        site: The site that the file describes now.

    Raises:
        Refusal: the settings name no broker or no Kafka, or Kafka cannot be used as they say.
    """
    log_to_stderr()
    if not settings.mqtt_host or not settings.kafka:
        raise Refusal("cluster mode needs KVARTAL_MQTT_HOST and KVARTAL_KAFKA")
    if not site.source:
        raise Refusal("the site file has no [[source]]: nothing would ever arrive")
    create_log(settings)
    stop = stop_on_signals()
    source = mqtt_source(settings, host=settings.mqtt_host, filters=filters(site.source))
    pulse = Pulse(settings.data, "ingest")

    def beat_while_connected() -> None:
        if source.connected:
            pulse.beat()

    watch = SiteWatch(path, site)
    decided = DecisionsFile(path.with_name(FILE))
    watch.start()
    watch.hurry_on_sighup()
    source.start()
    log.info("taking messages from %s:%d", settings.mqtt_host, settings.mqtt_port)
    try:
        publish_all(
            source=source,
            event_log=EventLog(bootstrap=settings.kafka),
            site=site,
            clock=wall_clock,
            stop=stop,
            each_round=beat_while_connected,
            newer_site=watch.take,
            decisions=lambda site, at_once: decided.take(site, wall_clock(), at_once=at_once),
        )
    finally:
        watch.stop()
        source.stop()
    log.info("stopped; what was not acknowledged waits at the broker")
