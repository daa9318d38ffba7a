"""Readings and facts from before the cut of retention, as rejections that carry them whole. Pure.

The message that carried them is gone by then. The rejection has the same readings in the format `kvartal`, in base
units, under the topic of the meter: a person can read it, and it can be replayed into a store that reaches as far back.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from metering.events import Declared, Exchange, Readings, Rejected, Ruled, Ruling
from metering.ledger.rulings import merged
from metering.times import DAY_MS, iso
from metering.units import QUANTITIES, UNITS

REASON: Final = "before_retention"


def split(event: Readings, cut: int) -> tuple[Readings, Rejected | None]:
    """The readings from the UTC day `cut` on, and the rejection of those before it, if there are any.

    A copy of a station's readings is not counted again and makes no rejection.
    """
    first = cut * DAY_MS
    if not event.times or min(event.times) >= first:
        return event, None
    kept = _part(event, [i for i, t in enumerate(event.times) if t >= first])
    old = _part(event, [i for i, t in enumerate(event.times) if t < first])
    return kept, None if event.copy else _rejected(old, _payload(old), first, len(old.times))


def split_declared(event: Declared, cut: int, known: Sequence[Exchange]) -> tuple[Declared, Rejected | None]:
    """The same for declared exchanges.

    What the site file declares is one list: it stays whole, because the ledger remembers it. Its rejection names what
    is new in it and lies before the cut, and counts no reading.

    Args:
        event: What is declared.
        cut: UTC day.
        known: What the site file declared before.
    """
    first = cut * DAY_MS
    old = tuple(fact for fact in event.exchanges if fact.at < first)
    new = tuple(fact for fact in old if fact not in known) if event.by_site else old
    if not new:
        return event, None
    unit, places = _unit(event.quantity)
    exchanges = [
        {
            "time": iso(fact.at),
            "old_final": _value(fact.final, places),
            "new_initial": _value(fact.initial, places),
        }
        for fact in new
    ]
    facts = {"exchange": exchanges[0]} if len(exchanges) == 1 else {"exchanges": exchanges}
    payload = {"quantity": event.quantity, "unit": unit, **facts}
    rejected = _rejected(event, payload, first, 0 if event.by_site else len(new))
    if event.by_site:
        return event, rejected
    return replace(event, exchanges=tuple(fact for fact in event.exchanges if fact.at >= first)), rejected


def split_ruled(event: Ruled, cut: int, known: Sequence[Ruling]) -> tuple[Ruled, Rejected | None]:
    """The same for rulings: what was folded before the cut cannot be folded again. A rejection counts no reading.

    Args:
        event: What is ruled.
        cut: UTC day.
        known: The rulings that the register has.
    """
    first = cut * DAY_MS
    before = [
        ruling for ruling in event.rulings if ruling.at < first and merged(known, (ruling,)) != tuple(known)
    ]
    if not before:
        return event, None
    rejected = _rejected(event, {"rulings": msgspec.to_builtins(before)}, first, 0)
    return replace(event, rulings=tuple(each for each in event.rulings if each.at >= first)), rejected


def _part(event: Readings, at: Sequence[int]) -> Readings:
    return replace(
        event,
        times=tuple(event.times[i] for i in at),
        amounts=tuple(event.amounts[i] for i in at),
        starts=tuple(event.starts[i] for i in at) if event.starts else (),
    )


def _payload(event: Readings) -> dict[str, Any]:
    unit, places = _unit(event.quantity)
    values = [_value(amount, places) for amount in event.amounts]
    if event.nature == "interval":
        rows = zip(event.starts, event.times, values, strict=True)
        intervals = [[iso(start), iso(end), value] for start, end, value in rows]
        return {"quantity": event.quantity, "unit": unit, "intervals": intervals}
    readings = [[iso(t), value] for t, value in zip(event.times, values, strict=True)]
    return {"quantity": event.quantity, "unit": unit, "readings": readings}


def _unit(quantity: str) -> tuple[str, int]:
    """The unit that amounts of a quantity are written in, and its decimal places."""
    base = QUANTITIES[quantity].base
    return (base, 0) if base in UNITS else ("°C", 3)


def _value(amount: int, places: int) -> int | str:
    return str(Decimal(amount).scaleb(-places)) if places else amount


def _rejected(
    event: Readings | Declared | Ruled, payload: dict[str, Any], first: int, readings: int
) -> Rejected:
    if event.quantity == "outdoor_temperature":
        topic = f"kvartal/v1/weather/{event.meter}"
    else:
        topic = f"kvartal/v1/{event.building}/{event.meter}/readings"
    detail = f"{event.building}/{event.meter} {event.quantity}: readings before {iso(first)} are deleted"
    encoded = msgspec.json.encode(payload)
    return Rejected(
        topic=topic,
        payload=encoded,
        reason=REASON,
        detail=detail,
        received_at=event.received_at,
        readings=readings,
    )
