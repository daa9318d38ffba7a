"""When meters are silent: the one rule that needs a clock, which is the time of a tick.

A meter is silent if its newest message is older than the site's limit. All meters of a building at once are one
cause, its gateway or its line, and one alert. An open alert is published again once a day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from metering.events import Alert
from metering.times import HOUR_MS


class Contact(NamedTuple):
    """A meter's newest message."""

    received_at: int
    """[ms]"""
    last_reading: int
    """Time of the meter's newest reading [ms]; 0 if it has sent none."""


class Silence(NamedTuple):
    """The open alerts of a building, and what changed."""

    open: tuple[Alert, ...]
    """As they were published last."""
    changed: list[Alert]
    """To be published."""


def silence(
    building: str, contacts: Mapping[str, Contact], before: Sequence[Alert], *, now: int, limit: int
) -> Silence:
    """The silent meters of a building.

    Args:
        building: Its id.
        contacts: The newest message of each of its meters.
        before: Its open alerts, as they were published last.
        now: Time of the tick [ms].
        limit: Longest time without a message [ms].
    """
    gone = {alert.subject: alert for alert in before}
    still: list[Alert] = []
    changed: list[Alert] = []
    for subject, contact in sorted(_silent(contacts, now - limit).items()):
        hours = (now - contact.received_at) // HOUR_MS
        old = gone.pop(subject, None)
        if old is not None and hours // 24 <= int(old.detail["hours"]) // 24:
            still.append(old)
            continue
        opened = contact.received_at + limit if old is None else old.opened
        detail: dict[str, float | int | str] = {"last_reading_ms": contact.last_reading, "hours": hours}
        alert = Alert(
            building=building,
            subject=subject,
            kind="meter_silent",
            opened=opened,
            state="open",
            changed=now,
            amount=0,
            money=0,
            detail=detail,
        )
        still.append(alert)
        changed.append(alert)
    changed += [replace(alert, state="resolved", changed=now) for alert in gone.values()]
    return Silence(tuple(still), changed)


def _silent(contacts: Mapping[str, Contact], since: int) -> dict[str, Contact]:
    """Silent meters with their newest messages; `""` for the whole of a building with several meters."""
    silent = {meter: contact for meter, contact in contacts.items() if contact.received_at < since}
    if len(silent) == len(contacts) > 1:
        received, readings = zip(*silent.values(), strict=True)
        return {"": Contact(max(received), max(readings))}
    return silent
