"""Payload bytes -> readings or rejections. Bad input is a value with a reason, never an exception.

Theory of operation
-------------------
A message passes three doors. First it is read: topic, size, JSON; the table of its format names the keys of its
readings (`ingest.formats`). Then it is placed: topic and site file give meter and quantity, payload or site file
the unit (`ingest.places`). A message that fails here is rejected whole, and its rejection counts as many readings
as it carries (one, if nobody can tell). Then each reading is judged by itself (`ingest.judge`): the good ones
become one `Readings`, each bad one a `Rejected` of its own.
"""

from __future__ import annotations

import traceback
from typing import Final

import msgspec

from ingest.formats import BUILT_IN, FORMATS, NoReading, Payload, read
from ingest.judge import MOST_DETAIL, Carried, Message, declared, judge
from ingest.places import Places, unit_of
from ingest.reasons import Reject
from ingest.topics import Match, Topics
from metering.events import Ahead, Declared, Decoded, Readings, Rejected, StationReadings
from metering.site.model import DEFAULT_LATENESS_DAYS, Site, SiteError
from metering.times import DAY_MS, iso
from metering.units import QUANTITIES

MOST_BYTES: Final = 1 << 20
"""Longest payload that is read [bytes]: a year of hourly readings of one meter is 350 kB."""


class Decoder:
    """Decodes the payloads of one site; without a site file, of any building, if the payload names its unit.

    Raises:
        SiteError: a source has a format that does not exist.
    """

    def __init__(self, site: Site | None = None) -> None:
        sources = site.source if site is not None and site.source else BUILT_IN
        for number, source in enumerate(sources):
            if source.format not in FORMATS:
                raise SiteError(
                    f"site file: source[{number}].format: there is no such format; "
                    f"allowed are {', '.join(FORMATS)}, got {source.format!r}"
                )
        self._topics = Topics(sources)
        self._places = Places(site)
        self._lateness = (site.site.lateness_days if site is not None else DEFAULT_LATENESS_DAYS) * DAY_MS
        self._json = msgspec.json.Decoder()

    def decode(self, topic: str, payload: bytes, *, received_at: int, retain: bool = False) -> list[Decoded]:
        """Readings and rejections of one message. Every reading in it is in exactly one of them."""
        return self._decode(Message(topic, payload, received_at, retain), None)

    def carried(
        self, topic: str, payload: bytes, *, received_at: int, retain: bool = False
    ) -> list[Carried | Declared | Rejected]:
        """The same, with each reading's value as the payload wrote it (slower)."""
        good: list[Carried] = []
        results = self._decode(Message(topic, payload, received_at, retain), good)
        return [
            *good,
            *(result for result in results if not isinstance(result, Readings | StationReadings | Ahead)),
        ]

    def _decode(self, message: Message, good: list[Carried] | None) -> list[Decoded]:
        count = 1
        try:
            match = self._topics.match(message.topic)
            if match is None:
                raise Reject("unknown_topic", f"no source matches the topic {message.topic!r}")
            content = self._read(match, message.payload)
            count = len(content.pairs) or 1
            place = self._places.of(match, content.quantity)
            unit = unit_of(place, content.unit)
            if content.exchange is not None:
                return [declared(content.exchange, place, unit, message.received_at)]
            horizon = -1 if match.source.backfill else message.received_at - self._lateness
            return judge(content.pairs, message, place, unit, horizon=horizon, good=good)
        except Reject as rejected:
            reason, detail = rejected.reason, rejected.detail[:MOST_DETAIL]
        except Exception:  # the one boundary at which a bug must not stop the pipeline
            if good is not None:
                good.clear()
            reason, detail = "decoder_error", traceback.format_exc(limit=-4)
        return [
            Rejected(
                topic=message.topic,
                payload=message.payload,
                reason=reason,
                detail=detail,
                received_at=message.received_at,
                readings=count,
                retain=message.retain,
            )
        ]

    def _read(self, match: Match, payload: bytes) -> Payload:
        """The content of a payload.

        Raises:
            Reject: it is too large, not JSON, or carries no reading.
        """
        if len(payload) > MOST_BYTES:
            raise Reject("too_large", f"{len(payload)} bytes, at most {MOST_BYTES} are read")
        try:
            content = self._json.decode(payload)
        except RecursionError as error:
            raise Reject("too_deep", str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Reject("not_json", str(error)) from None
        try:
            return read(content, FORMATS[match.source.format])
        except NoReading as error:
            raise Reject("no_reading", str(error)) from None


def as_line(result: Carried | Declared | Rejected) -> dict[str, object]:
    """One reading, exchange or rejection as `kvartal decode` prints it."""
    if isinstance(result, Rejected):
        return {"rejected": {"reason": result.reason, "detail": result.detail}}
    if isinstance(result, Declared):
        (exchange,) = result.exchanges
        return {
            "exchange": {
                "building": result.building or None,
                "meter": result.meter,
                "quantity": result.quantity,
                "time": iso(exchange.at),
                "old_final": exchange.final,
                "new_initial": exchange.initial,
                "unit": QUANTITIES[result.quantity].base,
            }
        }
    return {
        "reading": {
            "building": result.building or None,
            "meter": result.meter,
            "quantity": result.quantity,
            "time": iso(result.time),
            "value": result.value,
            "unit": result.unit,
            "nature": result.nature,
        }
    }
