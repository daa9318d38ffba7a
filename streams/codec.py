"""Events on the log and parts in a table, as bytes: msgspec's msgpack, arrays with the event's name first. Pure.

The log is kept for ever, so its bytes are a contract: a new field goes to the end of its event and has a
default, and no field is renamed in meaning, moved or dropped. tests/streams/test_codec.py has bytes of each version.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from metering.events import Ahead, Awaited, Declared, Fitted, Readings, Rejected, Ruled, StationReadings, Tick
from metering.ledger.weather import TEMPERATURE
from metering.site.model import Site
from metering.units import QUANTITIES

Logged: TypeAlias = Readings | StationReadings | Declared | Ruled | Ahead | Tick | Fitted | Awaited
"""The events on the log of readings."""

_LOGGED: Final = msgspec.msgpack.Decoder(Logged)
_REJECTED: Final = msgspec.msgpack.Decoder(Rejected)

encode: Final[Callable[[Any], bytes]] = msgspec.msgpack.Encoder().encode


class NotOurs(ValueError):
    """A message of the log that no publisher of ours can have written."""


def decode(value: bytes) -> Logged:
    """The event of a message of the log.

    The first version wrote a station's readings as `Readings` with an empty building: they become `StationReadings`.

    Raises:
        NotOurs: it is no event of the log, or its readings contradict themselves.
    """
    try:
        event: Logged = _LOGGED.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # the second: a name that is not UTF-8
        raise NotOurs(str(error)) from None
    if isinstance(event, Readings) and not event.building and event.quantity == TEMPERATURE:
        event = StationReadings(
            station=event.meter, times=event.times, temps_mc=event.amounts, received_at=event.received_at
        )
    if isinstance(event, StationReadings):
        if len(event.times) != len(event.temps_mc):
            raise NotOurs(f"{len(event.times)} times and {len(event.temps_mc)} temperatures")
        return event
    if isinstance(event, Readings):
        if len(event.times) != len(event.amounts):
            raise NotOurs(f"{len(event.times)} times and {len(event.amounts)} amounts")
        if event.nature == "interval" and len(event.starts) != len(event.times):
            raise NotOurs(f"{len(event.starts)} beginnings and {len(event.times)} ends of intervals")
    if isinstance(event, Ruled) and any(ruling.num <= 0 or ruling.den <= 0 for ruling in event.rulings):
        raise NotOurs("a factor that is not above zero")
    if isinstance(event, Readings | Declared | Ruled | Ahead) and event.quantity not in QUANTITIES:
        raise NotOurs(f"quantity {event.quantity!r}")
    return event


def decode_rejected(value: bytes) -> Rejected:
    """The rejection of a message of the log of rejections.

    Raises:
        NotOurs: it is no rejection.
    """
    try:
        return _REJECTED.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # the second: a name that is not UTF-8
        raise NotOurs(str(error)) from None


def stranger(event: Logged, site: Site) -> str | None:
    """Names the first id in the event that is missing from the site file, or None."""
    if isinstance(event, StationReadings):
        return None
    if isinstance(event, Fitted):
        return None if event.contract in site.contracts else f"no contract {event.contract!r}"
    if isinstance(event, Tick):
        return None if event.building in site.buildings else f"no building {event.building!r}"
    if event.building not in site.buildings:
        return f"no building {event.building!r}"
    if isinstance(event, Awaited) and event.station and event.station not in site.stations:
        return f"no station {event.station!r}"
    if event.quantity == TEMPERATURE:
        return None
    meter = site.meters.get(event.register.of_meter)
    if meter is None:
        return f"no meter {event.building}/{event.meter}"
    if meter.virtual is not None and not isinstance(event, Awaited):
        return f"no register {event.building}/{event.meter} (it is virtual)"
    return None
