"""The parts of a step's state under one key. The name of a part has the chunk of the cluster's table that it lies in.

A name is its text, and the text is what the embedded store keeps. The chunk is not derived from the text: the code
that makes a name knows whether it numbers a UTC day or a date, or names a month. Names of days and months are made
again and again on the hot path, so they are cached.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Self, TypeAlias, TypeVar

from metering.times import EPOCH_ORDINAL

SHARED: Final = "-"
"""The chunk of a key's parts that are neither days nor months."""
_DAYS_A_CHUNK: Final = 8


class PartName(str):
    """The name of one part under a key."""

    __slots__ = ("chunk", "formerly")

    chunk: str
    """Parts of one key with the same chunk share an entry of the cluster's table."""
    formerly: str | None
    """The chunk of the same part in a table of version 1 (`streams.chunks.STATE_VERSION`); None for the same one."""

    def __new__(cls, text: str, chunk: str = SHARED, formerly: str | None = None) -> Self:
        name = super().__new__(cls, text)
        name.chunk, name.formerly = chunk, formerly
        return name


@lru_cache(maxsize=32_768)
def utc_day(day: int) -> PartName:
    """The part of a UTC day, by its number since 1970-01-01. Eight days share a chunk."""
    return PartName(str(day), str(day // _DAYS_A_CHUNK))


@lru_cache(maxsize=32_768)
def local_date(date: int) -> PartName:
    """The part of a local date, by its ordinal. It shares a chunk with the UTC days of the same eight."""
    return PartName(str(date), str((date - EPOCH_ORDINAL) // _DAYS_A_CHUNK))


@lru_cache(maxsize=4_096)
def month_name(text: str) -> PartName:
    """The part of a month such as "2025-01". Each month has a chunk of its own."""
    return PartName(text, text, SHARED)


State = TypeVar("State")
_Kind = TypeVar("_Kind")

Parts: TypeAlias = Mapping[PartName, State]
"""The state under one key: frozen msgspec structs by name. `State` is the union of their types."""

Changed: TypeAlias = Mapping[PartName, State | None]
"""Parts to replace; None deletes one."""

HEAD: Final = PartName("head")
"""The part that holds what concerns all other parts of its key."""


def part(parts: Mapping[PartName, object], name: PartName, kind: type[_Kind]) -> _Kind | None:
    """The part `name`, which is a `kind`; None if there is none."""
    value = parts.get(name)
    return value if isinstance(value, kind) else None
