"""Which consumers of a register's days have had its history. A new one gets all published days again."""

from __future__ import annotations

from msgspec import Struct

from metering.events import Awaited
from metering.parts import PartName, Parts, part


class Consumer(Struct, frozen=True, tag="r", array_like=True, gc=False):
    """A consumer that has had the published days."""

    first: int
    """Ordinal of the first local date that it has had."""


def reads(event: Awaited) -> PartName:
    """The part that notes that the consumer has had the days."""
    return PartName(f"{event.reader} reads")


def is_new(parts: Parts[object], event: Awaited) -> bool:
    """Whether the consumer still needs days from `event.first` on."""
    consumer = part(parts, reads(event), Consumer)
    return consumer is None or event.first < consumer.first
