"""Payload bytes -> readings or rejections. Bad input is a value with a reason, never an exception.

The engine is one; what differs between families of payloads is data: a `Format` says where a payload
keeps its readings, their time, value and unit. A family joins by an entry in `FORMATS`.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from ingest.instants import BadTime, instant
from ingest.topics import Match, Topics
from metering.events import Nature, Readings, Rejected
from metering.site import Site, Source
from metering.times import DAY_MS, iso
from metering.units import UNITS, AbsurdValue, Unit, UnknownUnit, to_amount, unit_named

MOST_BYTES: Final = 1 << 20
FUTURE_MS: Final = 15 * 60_000
"""How far ahead of its arrival a reading may be stamped: clocks drift, but not more."""


class Format(NamedTuple):
    """Where a family of payloads keeps what. Names are keys of the payload's JSON object."""

    readings: str
    """Key of the list of `[time, value]` pairs, where a message carries several."""
    time: str
    values: tuple[tuple[str, str | None], ...]
    """(key of a value, its unit where the key implies one): the first present is the reading."""
    unit: str
    """Key of the unit."""


FORMATS: Final[dict[str, Format]] = {
    "kvartal": Format("readings", "time", (("value", None), ("temperature_c", "°C")), "unit"),
}

BUILT_IN: Final = (
    Source(topic="kvartal/v1/{building}/{meter}/readings"),
    Source(topic="kvartal/v1/weather/{station}"),
)
"""The topics that apply where there is no site file."""


class Carried(NamedTuple):
    """One good reading with the value as the payload wrote it: what `kvartal decode` prints."""

    building: str
    meter: str
    quantity: str
    nature: Nature
    time: int
    value: str
    unit: str


class _Reject(Exception):
    """The whole message is rejected."""

    def __init__(self, reason: str, detail: str, readings: int = 1) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.readings = reason, detail, readings


class _Meant(NamedTuple):
    """What the topic and the site say the readings are of."""

    building: str
    meter: str
    quantity: str | None
    """None where no site file says it: the payload's unit then does."""
    nature: Nature
    unit: Unit | None


class Decoder:
    """Decodes the payloads of one site."""

    def __init__(self, site: Site | None = None) -> None:
        self._site = site
        self._topics = Topics(site.source if site is not None and site.source else BUILT_IN)
        self._zone = site.zone if site is not None else ZoneInfo("UTC")
        self._lateness = (site.site.lateness_days if site is not None else 45) * DAY_MS
        self._json = msgspec.json.Decoder()

    def decode(
        self, topic: str, payload: bytes, *, received_at: int, retain: bool = False
    ) -> list[Readings | Rejected]:
        """Readings and rejections of one message. Every reading in it is in exactly one of them."""
        good: list[Carried] | None = None
        return self._decode(topic, payload, received_at, retain, good)

    def carried(
        self, topic: str, payload: bytes, *, received_at: int, retain: bool = False
    ) -> list[Carried | Rejected]:
        """The same, with each reading's value as the payload wrote it."""
        good: list[Carried] = []
        results = self._decode(topic, payload, received_at, retain, good)
        return [*good, *(result for result in results if isinstance(result, Rejected))]

    def _decode(
        self, topic: str, payload: bytes, received_at: int, retain: bool, good: list[Carried] | None
    ) -> list[Readings | Rejected]:
        try:
            return self._message(topic, payload, received_at, retain, good)
        except _Reject as rejected:
            return [
                Rejected(
                    topic,
                    payload,
                    rejected.reason,
                    rejected.detail,
                    received_at,
                    rejected.readings,
                    retain,
                )
            ]
        except Exception:  # the one boundary where a bug must not stop the pipeline (STYLE 5)
            detail = traceback.format_exc(limit=-4)
            return [Rejected(topic, payload, "decoder_error", detail, received_at, 1, retain)]

    def _message(
        self, topic: str, payload: bytes, received_at: int, retain: bool, good: list[Carried] | None
    ) -> list[Readings | Rejected]:
        match = self._topics.match(topic)
        if match is None:
            raise _Reject("unknown_topic", f"no source matches the topic {topic[:200]!r}")
        if len(payload) > MOST_BYTES:
            raise _Reject("too_large", f"{len(payload)} bytes, at most {MOST_BYTES} are read")
        meant = self._meant(match)
        try:
            content = self._json.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _Reject("not_json", str(error)[:200]) from None
        form = FORMATS[match.source.format]
        pairs, unit_name = _pairs(content, form)
        if not pairs:
            raise _Reject("no_reading", "the message carries no reading")
        unit = self._unit(meant, unit_name, len(pairs))
        quantity = meant.quantity or unit.quantity
        horizon = None if match.source.backfill else received_at - self._lateness
        times: list[int] = []
        amounts: list[int] = []
        results: list[Readings | Rejected] = []
        zone, latest = self._zone, received_at + FUTURE_MS
        whole = payload
        for pair in pairs:
            try:
                at, value = pair
            except (TypeError, ValueError):
                results.append(_bad(topic, whole, "no_reading", f"{pair!r:.80}", received_at, retain))
                whole = b""
                continue
            try:
                if at is None:
                    raise _Reject("no_time", "the reading has no time of its own")
                t = instant(at, zone)
                amount = _amount(value, unit)
                if t > latest:
                    raise _Reject(
                        "from_future", f"{at} is {(t - received_at) / 60_000:.0f} min ahead of its arrival"
                    )
                if horizon is not None and t < horizon:
                    raise _Reject(
                        "too_late", f"{at} is {(received_at - t) / DAY_MS:.1f} d old at its arrival"
                    )
            except _Reject as bad:
                results.append(_bad(topic, whole, bad.reason, bad.detail, received_at, retain))
            except BadTime as error:
                results.append(_bad(topic, whole, "bad_time", str(error), received_at, retain))
            except AbsurdValue as error:
                results.append(_bad(topic, whole, "bad_value", str(error), received_at, retain))
            else:
                times.append(t)
                amounts.append(amount)
                if good is not None:
                    text = value if isinstance(value, str) else format(Decimal(repr(value)), "f")
                    good.append(
                        Carried(meant.building, meant.meter, quantity, meant.nature, t, text, unit.name)
                    )
                continue
            whole = b""
        if times:
            results.append(
                Readings(
                    meant.building,
                    meant.meter,
                    quantity,
                    meant.nature,
                    tuple(times),
                    tuple(amounts),
                    received_at,
                )
            )
        return results

    def _meant(self, match: Match) -> _Meant:
        """What the topic says the readings are of. The building is trusted from the topic only (ACL-bound)."""
        if match.station is not None:
            if self._site is not None and match.station not in self._site.stations:
                raise _Reject("unknown_station", f"the site file has no station {match.station!r}")
            return _Meant("", match.station, "outdoor_temperature", "gauge", UNITS["°C"])
        building, meter = match.building or "", match.meter or ""
        if self._site is None:
            return _Meant(building, meter, None, "register", None)
        found = self._site.meters.get((building, meter))
        if found is None:
            raise _Reject("unknown_meter", f"the site file has no meter {building}/{meter}")
        return _Meant(building, meter, found.quantity, "register", UNITS[found.unit])

    def _unit(self, meant: _Meant, name: Any, count: int) -> Unit:
        if name is None:
            if meant.unit is None:
                raise _Reject("no_unit", "the payload names no unit and there is no site file", count)
            return meant.unit
        if not isinstance(name, str):
            raise _Reject("unknown_unit", f"{name!r:.40} is not the name of a unit", count)
        try:
            unit = unit_named(name)
        except UnknownUnit as error:
            raise _Reject("unknown_unit", str(error), count) from None
        counts = "temperature" if meant.quantity == "outdoor_temperature" else meant.quantity
        if counts is not None and unit.quantity != counts:
            raise _Reject(
                "wrong_unit",
                f"unit {unit.name} measures {unit.quantity}, the meter counts {counts}",
                count,
            )
        return unit


def _pairs(content: Any, form: Format) -> tuple[Sequence[Any], Any]:
    """The (time, value) pairs of a payload and the unit it names."""
    if not isinstance(content, dict):
        raise _Reject("no_reading", f"expected a JSON object, got {type(content).__name__}")
    several = content.get(form.readings)
    unit = content.get(form.unit)
    if several is not None:
        if not isinstance(several, list):
            raise _Reject("no_reading", f"'{form.readings}' must be a list of [time, value]")
        return several, unit
    for key, implied in form.values:
        if key in content:
            return ((content.get(form.time), content[key]),), unit if unit is not None else implied
    return (), unit


def _amount(value: Any, unit: Unit) -> int:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return to_amount(value, unit)
    if isinstance(value, str):
        try:
            return to_amount(Decimal(value.strip()), unit)
        except InvalidOperation:
            raise AbsurdValue(f"{value[:40]!r} is not a number") from None
    raise AbsurdValue(f"{value!r:.40} is not a number")


def _bad(topic: str, payload: bytes, reason: str, detail: str, received_at: int, retain: bool) -> Rejected:
    """One rejected reading; the payload is kept with the first of a message, the others refer to it."""
    if not payload:
        detail += " (payload: see the rejection before)"
    return Rejected(topic, payload, reason, detail, received_at, 1, retain)


def copy_to_buildings(readings: Readings, site: Site) -> list[Readings]:
    """A station's readings, copied to the key of every building that uses the station; counted once."""
    buildings: Iterable[str] = site.buildings_of.get(readings.meter, ())
    return [
        msgspec.structs.replace(readings, building=building, copy=position > 0)
        for position, building in enumerate(buildings)
    ]


def as_line(result: Carried | Rejected) -> dict[str, object]:
    """One reading or rejection as `kvartal decode` prints it."""
    if isinstance(result, Rejected):
        return {"rejected": {"reason": result.reason, "detail": result.detail}}
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
