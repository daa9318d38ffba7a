"""How a decision of the command line reaches the ledger: through the store, the running service, or the event log."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ingest.log import EventLog, NotDelivered, create_topics, read_rulings
from kvartal.deciding import decided, stated
from kvartal.decisions import by_register
from kvartal.settings import Settings
from kvartal.wiring import embedded, secret
from metering.events import RegisterId, Ruled, Ruling
from metering.ledger.rulings import merged
from metering.refusal import Refusal
from metering.site.model import Site
from storage.sqlite import Store, StoreInUse
from storage.sqlite_reader import Reader
from streams.codec import NotOurs, decode
from streams.worker import CHANGELOG

_ANSWERS_WITHIN_S: Final = 90.0
_EVERY_ADDRESS: Final = ("0.0.0.0", "::", "")


def to_store(document: Mapping[str, Any], *, settings: Settings, site: Site, db: Path, now: int) -> int:
    """State a decision in the store at `db`: directly, or through the service that writes it. On disk on return.

    Returns:
        The number of rulings.

    Raises:
        Refusal: the decision is wrong, or the service does not take it.
    """
    try:
        store = Store(db)
    except StoreInUse:
        return _post(document, settings)
    try:
        reader = Reader(db)
        try:
            events = decided(document, reader, site, now)
        finally:
            reader.close()
        runner = embedded(site, store)
        for event in events:
            runner.enter([event], now)
    finally:
        store.close()
    return sum(len(event.rulings) for event in events)


def _post(document: Mapping[str, Any], settings: Settings) -> int:
    """Send a decision to the page of the running service."""
    host = "127.0.0.1" if settings.http_host in _EVERY_ADDRESS else settings.http_host
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.http_port}/api/rulings"
    headers = {"Content-Type": "application/json"}
    password = secret(settings.http_password)
    if password is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(f"kvartal:{password}".encode()).decode()
    request = urllib.request.Request(url, json.dumps(document).encode(), headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=_ANSWERS_WITHIN_S) as answer:
            return int(json.load(answer)["rulings"])
    except urllib.error.HTTPError as error:
        with error:
            try:
                text = json.load(error)["error"]
            except (ValueError, KeyError, TypeError):
                text = f"{error.code} {error.reason}"
        raise Refusal(f"the service at {url}: {text}") from None
    except (OSError, ValueError, KeyError) as error:
        raise Refusal(
            f"the store is in use, and the service that writes it does not answer at {url} ({error}); set "
            "KVARTAL_HTTP_PORT as it has it, or stop it"
        ) from None


def logged_rulings(settings: Settings) -> list[tuple[RegisterId, Ruling]]:
    """The latest statement of every ruling on the event log, by register.

    Raises:
        Refusal: Kafka cannot be reached.
    """
    by: dict[RegisterId, list[Ruling]] = {}
    try:
        create_topics(settings.kafka, partitions=settings.partitions, changelogs=[CHANGELOG])
        messages = read_rulings(settings.kafka)
    except NotDelivered as error:
        raise Refusal(str(error)) from None
    for value in messages:
        try:
            event = decode(value)
        except NotOurs:
            continue
        if isinstance(event, Ruled):
            by.setdefault(event.register, []).extend(event.rulings)
    return [(register, ruling) for register in sorted(by) for ruling in merged((), by[register])]


def to_log(document: Mapping[str, Any], *, settings: Settings, site: Site, now: int) -> int:
    """State a decision on the event log: the workers take it in order with the readings of its building.

    Returns:
        The number of rulings.

    Raises:
        Refusal: the decision is wrong or names a finding, or Kafka does not take it.
    """
    if "accept" in document:
        raise Refusal("findings of a cluster are in InfluxDB: state the ruling with 'kvartal rule add'")
    rulings = stated(document, logged_rulings(settings), site, now)
    for register, ruling in rulings:
        if ruling.kind == "pulse_weight" and ruling.amount is None:
            raise Refusal(
                f"{register}: count: missing; expected what the register showed when the weight began"
            )
    events = by_register(rulings, now)
    try:
        EventLog(bootstrap=settings.kafka).publish(events)
    except NotDelivered as error:
        raise Refusal(str(error)) from None
    return sum(len(event.rulings) for event in events)
