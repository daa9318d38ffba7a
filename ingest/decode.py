"""Payload bytes -> readings or rejections. Bad input is a value with a reason, never an exception.

Theory of operation
-------------------
A message goes through three doors. First it is read: topic, size, JSON, the family's table says where its
readings are. Then it is placed: topic and site file say of which meter and quantity they are, payload or site
file in which unit. A message that fails here is rejected whole, and its rejection counts as many readings as
it was seen to carry (one, where nobody can tell). Then each reading is judged by itself, its time before its
value, so that a bad one does not spoil its neighbours: the good ones become one `Readings`, each bad one a
`Rejected` of its own.

Whether a reading is too late or from the future is judged here and from the message alone (law 2), and the
building is trusted from the topic only, which the broker binds to the sender (never from the payload).
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from ingest.formats import BUILT_IN, FORMATS, NoReading, read
from ingest.instants import BadTime, instant
from ingest.topics import Match, Topics
from metering.events import Nature, Readings, Rejected
from metering.site import Site, SiteError
from metering.times import DAY_MS, iso
from metering.units import (
    LARGEST_AMOUNT,
    UNITS,
    AbsurdValue,
    Unit,
    UnknownUnit,
    to_amount,
    unit_named,
)

MOST_BYTES: Final = 1 << 20
"""Longest payload that is read [bytes]: a year of hourly readings of one meter is 350 kB."""
FUTURE_MS: Final = 15 * 60_000
"""How far ahead of its arrival a reading may be stamped: clocks drift, but not more."""
_DEFAULT_LATENESS_DAYS: Final = 45
_MOST_DETAIL: Final = 300
"""Longest detail of a rejection [characters]; the whole payload is kept beside it."""

# A value sent as text: a plain decimal, as the meter shows it. No NaN, no grouping, and no exponent that
# would take a gigabyte to write out.
_DECIMAL: Final = re.compile(r"\s*[+-]?(\d{1,19}(\.\d{0,19})?|\.\d{1,19})([eE][+-]?\d{1,2})?\s*", re.ASCII)


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
    """A message or a reading is rejected."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


class _Meant(NamedTuple):
    """What the topic and the site file say the readings are of."""

    building: str
    meter: str
    quantity: str | None
    """None where no site file says it: the payload's unit then does."""
    nature: Nature
    unit: Unit | None
    """The unit where the payload names none."""


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
        self._site = site
        self._topics = Topics(sources)
        self._zone = site.zone if site is not None else ZoneInfo("UTC")
        self._lateness = (site.site.lateness_days if site is not None else _DEFAULT_LATENESS_DAYS) * DAY_MS
        self._json = msgspec.json.Decoder()

    def decode(
        self, topic: str, payload: bytes, *, received_at: int, retain: bool = False
    ) -> list[Readings | Rejected]:
        """Readings and rejections of one message. Every reading in it is in exactly one of them."""
        return self._decode(topic, payload, received_at, retain, None)

    def carried(
        self, topic: str, payload: bytes, *, received_at: int, retain: bool = False
    ) -> list[Carried | Rejected]:
        """The same, with each reading's value as the payload wrote it (slower)."""
        good: list[Carried] = []
        results = self._decode(topic, payload, received_at, retain, good)
        return [*good, *(result for result in results if isinstance(result, Rejected))]

    def _decode(
        self, topic: str, payload: bytes, received_at: int, retain: bool, good: list[Carried] | None
    ) -> list[Readings | Rejected]:
        count = 1
        try:
            match = self._topics.match(topic)
            if match is None:
                raise _Reject("unknown_topic", f"no source matches the topic {topic!r}")
            pairs, unit_name = self._read(match, payload)
            count = len(pairs)
            meant = self._meant(match)
            unit = _unit(meant, unit_name)
            return self._judge(match, meant, unit, pairs, topic, payload, received_at, retain, good)
        except _Reject as rejected:
            reason, detail = rejected.reason, rejected.detail[:_MOST_DETAIL]
        except Exception:  # the one boundary where a bug must not stop the pipeline (STYLE 5)
            if good is not None:
                good.clear()
            reason, detail = "decoder_error", traceback.format_exc(limit=-4)
        return [Rejected(topic, payload, reason, detail, received_at, count, retain)]

    def _read(self, match: Match, payload: bytes) -> tuple[Sequence[Any], Any]:
        if len(payload) > MOST_BYTES:
            raise _Reject("too_large", f"{len(payload)} bytes, at most {MOST_BYTES} are read")
        try:
            content = self._json.decode(payload)
        except RecursionError as error:
            raise _Reject("too_deep", str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _Reject("not_json", str(error)) from None
        try:
            return read(content, FORMATS[match.source.format])
        except NoReading as error:
            raise _Reject("no_reading", str(error)) from None

    def _meant(self, match: Match) -> _Meant:
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

    def _judge(
        self,
        match: Match,
        meant: _Meant,
        unit: Unit,
        pairs: Sequence[Any],
        topic: str,
        payload: bytes,
        received_at: int,
        retain: bool,
        good: list[Carried] | None,
    ) -> list[Readings | Rejected]:
        """Each reading by itself. A message carries many, so this is the hot loop of the whole ingest."""
        quantity = meant.quantity or unit.quantity
        horizon = -1 if match.source.backfill else received_at - self._lateness
        zone, latest = self._zone, received_at + FUTURE_MS
        times: list[int] = []
        amounts: list[int] = []
        results: list[Readings | Rejected] = []
        kept = payload
        for pair in pairs:
            try:
                if type(pair) is not list or len(pair) != 2:
                    raise _Reject("no_reading", f"expected [time, value], got {_short(pair)}")
                at, value = pair
                if at is None:
                    reason = "stale_retained" if retain else "no_time"
                    raise _Reject(reason, "the reading has no time of its own")
                t = instant(at, zone)
                if t > latest:
                    ahead = (t - received_at) / 60_000
                    raise _Reject("from_future", f"{at} is {ahead:.0f} min ahead of its arrival")
                if t < horizon:
                    age = (received_at - t) / DAY_MS
                    raise _Reject("too_late", f"{at} is {age:.1f} d old at its arrival")
                amount = _amount(value, unit)
            except _Reject as bad:
                reason, detail = bad.reason, bad.detail
            except BadTime as error:
                reason, detail = "bad_time", str(error)
            except AbsurdValue as error:
                reason, detail = "bad_value", str(error)
            else:
                times.append(t)
                amounts.append(amount)
                if good is not None:
                    text = _plain(value)
                    good.append(
                        Carried(meant.building, meant.meter, quantity, meant.nature, t, text, unit.name)
                    )
                continue
            if not kept:
                detail = f"{detail[:_MOST_DETAIL]} (payload: see the first rejection of the message)"
            results.append(Rejected(topic, kept, reason, detail, received_at, 1, retain))
            kept = b""
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


def _unit(meant: _Meant, name: Any) -> Unit:
    """The unit of the payload, else of the meter."""
    if name is None:
        if meant.unit is None:
            raise _Reject("no_unit", "the payload names no unit and there is no site file")
        return meant.unit
    if not isinstance(name, str):
        raise _Reject("unknown_unit", f"{_short(name)} is not the name of a unit")
    try:
        unit = unit_named(name)
    except UnknownUnit:
        raise _Reject("unknown_unit", f"unknown unit {name[:40]!r}; known are {', '.join(UNITS)}") from None
    counts = "temperature" if meant.quantity == "outdoor_temperature" else meant.quantity
    if counts is not None and unit.quantity != counts:
        raise _Reject("wrong_unit", f"unit {unit.name} measures {unit.quantity}, here {counts} is counted")
    return unit


def _amount(value: Any, unit: Unit) -> int:
    """The value in base units. Wrong types, NaN and what no register shows are `AbsurdValue`."""
    if isinstance(value, str):
        if _DECIMAL.fullmatch(value) is None:
            raise AbsurdValue(f"{value[:40]!r} is not a decimal number")
        value = Decimal(value.strip())
    elif not isinstance(value, (int, float)) or isinstance(value, bool):
        raise AbsurdValue(f"{_short(value)} is not a number")
    # No unit is smaller than its base, so this is beyond the limit in every unit; and it keeps numbers out
    # that would overflow on the way.
    if not -LARGEST_AMOUNT <= value <= LARGEST_AMOUNT:
        raise AbsurdValue(f"the value is beyond 2^53 {unit.base}")
    return to_amount(value, unit)


def _plain(value: int | float | str) -> str:
    """The value as a decimal without an exponent, digits as the payload wrote them."""
    return format(Decimal(value.strip() if isinstance(value, str) else repr(value)), "f")


def _short(value: Any) -> str:
    """A piece of a payload, short enough for a sentence."""
    if isinstance(value, dict):
        return f"an object of {len(value)}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return repr(value)[:60]


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
