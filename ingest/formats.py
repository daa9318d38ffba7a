"""Formats of payloads, as data: the keys of readings, times, values and units.

A new format is an entry in `FORMATS`; the engine in `ingest.decode` stays as it is. The site file names a format in
`format` of a `[[source]]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from metering.site.sources import Source


class PayloadFormat(NamedTuple):
    """The keys of a payload's JSON object."""

    readings: str
    """Key of the list of `[time, value]` pairs, if a message carries several."""
    time: str
    """Key of the time, if a message carries one reading."""
    values: tuple[tuple[str, str | None], ...]
    """(key of a value, the unit that the key implies or None): the first key present is the reading."""
    unit: str
    """Key of the unit of all readings in the message."""
    quantity: str
    """Key of the quantity (`metering.units.QUANTITIES`), if it is not the meter's own register."""
    exchange: str
    """Key of a declared exchange: an object with `time`, `old_final` and `new_initial`."""


FORMATS: Final[dict[str, PayloadFormat]] = {
    "kvartal": PayloadFormat(
        "readings", "time", (("value", None), ("temperature_c", "°C")), "unit", "quantity", "exchange"
    ),
}

BUILT_IN: Final = (
    Source(topic="kvartal/v1/{building}/{meter}/readings"),
    Source(topic="kvartal/v1/weather/{station}"),
)
"""The topics if no site file names any."""


class NoReading(ValueError):
    """The payload carries no reading."""


class Payload(NamedTuple):
    """The content of a payload, not judged yet."""

    pairs: Sequence[Any]
    """[time, value] as they stand in it; the time is None if there is no time."""
    unit: Any
    """The name of the unit, or None."""
    quantity: Any
    """The name of the quantity, or None."""
    exchange: dict[str, Any] | None = None


def read(content: Any, form: PayloadFormat) -> Payload:
    """The readings or the exchange of a payload.

    Args:
        content: The payload as parsed JSON.
        form: The format.

    Raises:
        NoReading: the payload carries neither.
    """
    if not isinstance(content, dict):
        raise NoReading(f"expected a JSON object, got {type(content).__name__}")
    unit, quantity = content.get(form.unit), content.get(form.quantity)
    exchange = content.get(form.exchange)
    if exchange is not None:
        if not isinstance(exchange, dict):
            raise NoReading(f"'{form.exchange}' must be an object")
        return Payload((), unit, quantity, exchange)
    several = content.get(form.readings)
    if several is not None:
        if not isinstance(several, list):
            raise NoReading(f"'{form.readings}' must be a list of [time, value]")
        if not several:
            raise NoReading(f"'{form.readings}' is an empty list")
        return Payload(several, unit, quantity)
    for key, implied in form.values:
        if key in content:
            return Payload(
                ([content.get(form.time), content[key]],), unit if unit is not None else implied, quantity
            )
    names = ", ".join(f"'{key}'" for key in (form.readings, *(key for key, _ in form.values)))
    raise NoReading(f"the object has none of {names}")
