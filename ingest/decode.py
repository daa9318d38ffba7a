"""Payload bytes -> readings or rejections. Bad input is a value with a reason, never an exception.

Theory of operation
-------------------
A message goes through three doors. First it is read: topic, size, JSON, the family's table says where its
readings are. Then it is placed: topic and site file say of which meter and quantity they are, payload or site
file in which unit. A message that fails here is rejected whole, and its rejection counts as many readings as
it was seen to carry (one, where nobody can tell). Then each reading is judged by itself, its time before its
value, so that a bad one does not spoil its neighbours: the good ones become one `Readings`, each bad one a
`Rejected` of its own.

Whether a reading is too late or from the future is judged here and from the message alone
(law 2, docs/laws.md), and the
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

from ingest.formats import BUILT_IN, FORMATS, NoReading, Payload, read
from ingest.instants import BadTime, instant
from ingest.topics import Match, Topics
from metering.clocks import clock
from metering.events import Declared, Exchange, Nature, Readings, Rejected
from metering.quantities import QUANTITIES
from metering.site.model import Site, SiteError
from metering.times import DAY_MS, iso
from metering.units import (
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
_TWICE_MS: Final = 40 * 60_000
"""A single reading of an hour that comes twice is of the second one if it then is less than this old."""
_MOST_DETAIL: Final = 300
"""Longest detail of a rejection [characters]; the whole payload is kept beside it."""

# A value sent as text: a plain decimal, as the meter shows it. No NaN, no grouping, and no exponent that
# would take a gigabyte to write out.
_DECIMAL: Final = re.compile(r"\s*[+-]?(\d{1,19}(\.\d{0,19})?|\.\d{1,19})([eE][+-]?\d{1,2})?\s*", re.ASCII)


_EXCHANGE_KEYS: Final = "'time', 'old_final' and 'new_initial'"


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
    zone: ZoneInfo
    """The clock of times without an offset."""


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
    ) -> list[Readings | Declared | Rejected]:
        """Readings and rejections of one message. Every reading in it is in exactly one of them."""
        return self._decode(topic, payload, received_at, retain, None)

    def carried(
        self, topic: str, payload: bytes, *, received_at: int, retain: bool = False
    ) -> list[Carried | Declared | Rejected]:
        """The same, with each reading's value as the payload wrote it (slower)."""
        good: list[Carried] = []
        results = self._decode(topic, payload, received_at, retain, good)
        return [*good, *(result for result in results if not isinstance(result, Readings))]

    def _decode(
        self, topic: str, payload: bytes, received_at: int, retain: bool, good: list[Carried] | None
    ) -> list[Readings | Declared | Rejected]:
        count = 1
        try:
            match = self._topics.match(topic)
            if match is None:
                raise _Reject("unknown_topic", f"no source matches the topic {topic!r}")
            carried = self._read(match, payload)
            count = len(carried.pairs) or 1
            meant = self._meant(match, carried.quantity)
            unit = _unit(meant, carried.unit)
            if carried.exchange is not None:
                return [self._declared(meant, unit, carried.exchange, received_at)]
            return self._judge(match, meant, unit, carried.pairs, topic, payload, received_at, retain, good)
        except _Reject as rejected:
            reason, detail = rejected.reason, rejected.detail[:_MOST_DETAIL]
        except Exception:  # the one boundary where a bug must not stop the pipeline
            if good is not None:
                good.clear()
            reason, detail = "decoder_error", traceback.format_exc(limit=-4)
        return [Rejected(topic, payload, reason, detail, received_at, count, retain)]

    def _read(self, match: Match, payload: bytes) -> Payload:
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

    def _meant(self, match: Match, quantity: Any) -> _Meant:
        if quantity is not None and (not isinstance(quantity, str) or quantity not in QUANTITIES):
            raise _Reject(
                "unknown_quantity", f"{_short(quantity)} is no quantity; known are {', '.join(QUANTITIES)}"
            )
        if match.station is not None:
            if self._site is not None and match.station not in self._site.stations:
                raise _Reject("unknown_station", f"the site file has no station {match.station!r}")
            if quantity not in (None, "outdoor_temperature"):
                raise _Reject("unknown_quantity", f"a station has outdoor_temperature, got {quantity!r}")
            return _Meant("", match.station, "outdoor_temperature", "gauge", UNITS["°C"], self._zone)
        building, meter = match.building or "", match.meter or ""
        if quantity == "outdoor_temperature":
            raise _Reject("unknown_quantity", "outdoor_temperature is a station's, not a meter's")
        if self._site is None:
            if quantity is None:
                return _Meant(building, meter, None, "register", None, self._zone)
            return _other(building, meter, quantity, self._zone)
        found = self._site.meters.get((building, meter))
        if found is None:
            raise _Reject("unknown_meter", f"the site file has no meter {building}/{meter}")
        if found.virtual is not None:
            raise _Reject(
                "virtual_meter", f"{building}/{meter} is made of {', '.join(found.virtual.members)}"
            )
        zone = self._zone if found.timezone is None else clock(found.timezone)
        if quantity is not None and quantity != found.quantity:
            return _other(building, meter, quantity, zone)
        return _Meant(building, meter, found.quantity, "register", UNITS[found.unit], zone)

    def _declared(self, meant: _Meant, unit: Unit, said: dict[str, Any], received_at: int) -> Declared:
        """An exchange of the meter: no matter how late it is declared, it is so."""
        if meant.nature != "register":
            raise _Reject("bad_exchange", f"{meant.quantity} is not counted by a register")
        unknown = sorted(said.keys() - {"time", "old_final", "new_initial"})
        if unknown:
            raise _Reject("bad_exchange", f"{unknown[0]!r} is not known; an exchange has {_EXCHANGE_KEYS}")
        for key in ("time", "old_final", "new_initial"):
            if said.get(key) is None:
                raise _Reject("bad_exchange", f"{key!r} is missing; an exchange has {_EXCHANGE_KEYS}")
        try:
            at = instant(said["time"], meant.zone)
            final, initial = _amount(said["old_final"], unit), _amount(said["new_initial"], unit)
        except BadTime as error:
            raise _Reject("bad_time", str(error)) from None
        except AbsurdValue as error:
            raise _Reject("bad_value", str(error)) from None
        if at > received_at + FUTURE_MS:
            raise _Reject("from_future", f"{said['time']} is ahead of its arrival")
        quantity = meant.quantity or unit.quantity
        exchange = Exchange(at, final, initial)
        return Declared(meant.building, meant.meter, quantity, (exchange,), False, received_at)

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
    ) -> list[Readings | Declared | Rejected]:
        """Each reading by itself. A message carries many, so this is the hot loop of the whole ingest."""
        quantity = meant.quantity or unit.quantity
        horizon = -1 if match.source.backfill else received_at - self._lateness
        zone, latest = meant.zone, received_at + FUTURE_MS
        times: list[int] = []
        amounts: list[int] = []
        results: list[Readings | Declared | Rejected] = []
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
                if t <= times[-1] if times else t < received_at - _TWICE_MS and len(pairs) == 1:
                    t = _again(at, zone, t, times, received_at)
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


def _other(building: str, meter: str, quantity: str, zone: ZoneInfo) -> _Meant:
    """A quantity that is not the meter's own register."""
    known = QUANTITIES[quantity]
    return _Meant(building, meter, quantity, known.nature, UNITS[known.unit], zone)


def _again(at: Any, zone: ZoneInfo, t: int, times: Sequence[int], received_at: int) -> int:
    """The instant of a local time of an hour that may come twice, when the clocks go back.

    In a message the order tells: what does not come after its forerunner is the second. A single reading is
    taken for a fresh one: where the second fits its arrival, it is the second.
    """
    if not isinstance(at, str):
        return t
    second = instant(at, zone, again=True)
    if second > t and (second > times[-1] if times else 0 <= received_at - second < _TWICE_MS):
        return second
    return t


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
    counts = None if meant.quantity is None else QUANTITIES[meant.quantity].dimension
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
