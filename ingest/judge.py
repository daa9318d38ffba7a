"""Times and values of a placed message -> readings, exchanges, or rejections. Pure.

Each reading is judged by itself, its time before its value, so that a bad one does not spoil its neighbours.
Whether it is too late or from the future follows from the message alone (law 2).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from ingest.instants import FUTURE_MS, BadTime, instant
from ingest.places import Place
from ingest.reasons import Reject, short
from metering.events import Ahead, Declared, Decoded, Exchange, Nature, Readings, Rejected, StationReadings
from metering.times import DAY_MS
from metering.units import QUANTITIES, AbsurdValue, Unit, to_amount

MOST_DETAIL: Final = 300
"""Longest detail of a rejection [characters]; the whole payload is stored beside it."""
_TWICE_MS: Final = 40 * 60_000
"""When the clocks go back, a lone reading belongs to the second occurrence of the hour if that makes it younger
than this [ms]."""

# A value sent as text: a plain decimal, as the meter shows it. No NaN, no grouping, and no exponent that
# would take a gigabyte to write out.
_DECIMAL: Final = re.compile(r"\s*[+-]?(\d{1,19}(\.\d{0,19})?|\.\d{1,19})([eE][+-]?\d{1,2})?\s*", re.ASCII)

_EXCHANGE: Final = ("time", "old_final", "new_initial")
_EXCHANGE_KEYS: Final = "'time', 'old_final' and 'new_initial'"


class Message(NamedTuple):
    """A message as it arrived."""

    topic: str
    payload: bytes
    received_at: int
    """When it arrived [ms]."""
    retain: bool


class Carried(NamedTuple):
    """One good reading with the value as the payload wrote it, for `kvartal decode`."""

    building: str
    meter: str
    quantity: str
    nature: Nature
    time: int
    value: str
    unit: str


def judge(
    pairs: Sequence[Any],
    message: Message,
    place: Place,
    unit: Unit,
    *,
    horizon: int,
    good: list[Carried] | None = None,
) -> list[Decoded]:
    """Judge each reading of a message. This is the hot loop of the whole ingest.

    Args:
        pairs: `[time, value]` as they stand in the payload.
        message: The message.
        place: Its meter and quantity.
        unit: The unit of its values.
        horizon: Readings before this time are too late [ms].
        good: Takes the good readings with their values as written; None if nobody needs them.

    Returns:
        A rejection for each bad reading, then the good ones in one event. The first rejection has the payload.
    """
    payload, received_at, retain = message.payload, message.received_at, message.retain
    quantity = place.quantity or unit.quantity
    zone, latest = place.zone, received_at + FUTURE_MS
    times: list[int] = []
    amounts: list[int] = []
    results: list[Decoded] = []
    ahead_until = 0
    for pair in pairs:
        try:
            if type(pair) is not list or len(pair) != 2:
                raise Reject("no_reading", f"expected [time, value], got {short(pair)}")
            at, value = pair
            if at is None:
                raise Reject("stale_retained" if retain else "no_time", "the reading has no time of its own")
            t = instant(at, zone)
            if t <= times[-1] if times else t < received_at - _TWICE_MS and len(pairs) == 1:
                t = _second(at, zone, t, times, received_at)
            if t > latest:
                ahead_until = max(ahead_until, t)
                ahead = (t - received_at) / 60_000
                raise Reject("from_future", f"{at} is {ahead:.0f} min ahead of its arrival")
            if t < horizon:
                age = (received_at - t) / DAY_MS
                raise Reject("too_late", f"{at} is {age:.1f} d old at its arrival")
            amount = _amount(value, unit)
        except Reject as bad:
            reason, detail = bad.reason, bad.detail
        except BadTime as error:
            reason, detail = "bad_time", str(error)
        except AbsurdValue as error:
            reason, detail = "bad_value", str(error)
        else:
            times.append(t)
            amounts.append(amount)
            if good is not None:
                good.append(
                    Carried(place.building, place.meter, quantity, place.nature, t, _plain(value), unit.name)
                )
            continue
        if not payload:
            detail = f"{detail[:MOST_DETAIL]} (payload: see the first rejection of the message)"
        results.append(
            Rejected(
                topic=message.topic,
                payload=payload,
                reason=reason,
                detail=detail,
                received_at=received_at,
                readings=1,
                retain=retain,
            )
        )
        payload = b""
    if ahead_until and quantity != "outdoor_temperature":
        clock = Ahead(
            building=place.building,
            meter=place.meter,
            quantity=quantity,
            time=ahead_until,
            received_at=received_at,
        )
        _note_clock(results, clock)
    if times:
        results.append(_readings(place, quantity, tuple(times), tuple(amounts), received_at))
    return results


def _note_clock(results: list[Decoded], clock: Ahead) -> None:
    """Note in the first rejection of a reading from the future what the message tells about the clock."""
    for index, each in enumerate(results):
        if isinstance(each, Rejected) and each.reason == "from_future":
            results[index] = replace(each, clock=clock)
            return


def _readings(
    place: Place, quantity: str, times: tuple[int, ...], amounts: tuple[int, ...], received_at: int
) -> Readings | StationReadings:
    if quantity == "outdoor_temperature":
        return StationReadings(station=place.meter, times=times, temps_mc=amounts, received_at=received_at)
    return Readings(
        building=place.building,
        meter=place.meter,
        quantity=quantity,
        nature=place.nature,
        times=times,
        amounts=amounts,
        received_at=received_at,
    )


def declared(exchange: dict[str, Any], place: Place, unit: Unit, received_at: int) -> Declared:
    """The exchange of a meter that a message declares, however late.

    Args:
        exchange: The object in the payload.
        place: The meter.
        unit: The unit of the two counts.
        received_at: When the message arrived [ms].

    Raises:
        Reject: a key is unknown or missing, its value is bad, or the quantity is not counted by a register.
    """
    quantity = place.quantity or unit.quantity
    if quantity not in QUANTITIES or QUANTITIES[quantity].nature != "register":
        raise Reject("bad_exchange", f"{quantity} is not counted by a register")
    unknown = sorted(exchange.keys() - set(_EXCHANGE))
    if unknown:
        raise Reject("bad_exchange", f"{unknown[0]!r} is not known; an exchange has {_EXCHANGE_KEYS}")
    for key in _EXCHANGE:
        if exchange.get(key) is None:
            raise Reject("bad_exchange", f"{key!r} is missing; an exchange has {_EXCHANGE_KEYS}")
    try:
        at = instant(exchange["time"], place.zone)
        final, initial = _amount(exchange["old_final"], unit), _amount(exchange["new_initial"], unit)
    except BadTime as error:
        raise Reject("bad_time", str(error)) from None
    except AbsurdValue as error:
        raise Reject("bad_value", str(error)) from None
    if at > received_at + FUTURE_MS:
        raise Reject("from_future", f"{exchange['time']} is ahead of its arrival")
    return Declared(
        building=place.building,
        meter=place.meter,
        quantity=quantity,
        exchanges=(Exchange(at=at, final=final, initial=initial),),
        by_site=False,
        received_at=received_at,
    )


def _second(at: Any, zone: ZoneInfo, first: int, times: Sequence[int], received_at: int) -> int:
    """The instant of a local time in an hour that may occur twice, when the clocks go back.

    Within a message, order decides: a reading not later than the previous one belongs to the second occurrence.
    A lone reading is assumed to be fresh: it belongs to the second occurrence if that fits its arrival.
    """
    if not isinstance(at, str):
        return first
    second = instant(at, zone, again=True)
    if second > first and (second > times[-1] if times else 0 <= received_at - second < _TWICE_MS):
        return second
    return first


def _amount(value: Any, unit: Unit) -> int:
    """The value in base units.

    Raises:
        AbsurdValue: a wrong type, NaN, or more than a register can show.
    """
    if isinstance(value, str):
        if _DECIMAL.fullmatch(value) is None:
            raise AbsurdValue(f"{value[:40]!r} is not a decimal number")
        value = Decimal(value.strip())
    elif not isinstance(value, (int, float)) or isinstance(value, bool):
        raise AbsurdValue(f"{short(value)} is not a number")
    return to_amount(value, unit)


def _plain(value: int | float | str) -> str:
    """The value as a decimal without an exponent, digits as the payload wrote them."""
    return format(Decimal(value.strip() if isinstance(value, str) else repr(value)), "f")
