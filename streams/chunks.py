"""Parts of state in a key-value table whose log may end between any two writes. Pure.

Theory of operation
-------------------
A table write has a price of its own, whatever its size, and a message (or an archive of a year) touches the
parts of many days, so the parts of eight neighbouring days share one entry of the table, a *chunk*.

A batch of messages writes several entries, and after a crash any first few of them may be there. So an entry
carries the offset of the batch that wrote it and how its parts stood before (the *undo*), and the last write of
a batch is the partition's *applied* offset. An entry whose offset is newer than the applied one belongs to a
batch that was not finished: it is read as it was before. Only one batch of a partition can be unfinished,
because the next one begins from what the last whole one left, and writes its chunks anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

from streams.codec import encode

_DAYS_A_CHUNK: Final = 8


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """One chunk of parts in the table."""

    offset: int
    """Last offset of the batch that wrote it."""
    parts: dict[str, bytes]
    undo: dict[str, bytes | None]
    """The parts that the batch changed, as they were before it; None for what was not there."""

    def before(self) -> dict[str, bytes]:
        """The parts before the batch."""
        return _changed(self.parts, self.undo)


_ENTRY: Final = msgspec.msgpack.Decoder(Entry)


def chunk_of(part: str) -> str:
    """The chunk that a part belongs to: parts named by a day share one with their neighbours."""
    return str(int(part) // _DAYS_A_CHUNK) if part.isdigit() else "-"


class Table(Protocol):
    """What is needed of a key-value table."""

    def get(self, key: bytes, /) -> bytes | None: ...
    def __setitem__(self, key: bytes, value: bytes, /) -> None: ...


class TableParts:
    """The parts of every partition in a table of chunks."""

    def __init__(self, table: Table, at: Callable[[int], None] = lambda partition: None) -> None:
        """
        Args:
            table: Holds the chunks of all partitions that are ours. Nothing else writes to it.
            at: Called with the partition before the table is read or written there.
        """
        self._table = table
        self._at = at
        self._applied: dict[int, int] = {}

    def applied(self, partition: int) -> int:
        """Offset of the last message of the partition that was applied whole; -1 before the first."""
        if partition not in self._applied:
            self._at(partition)
            raw = self._table.get(_applied_key(partition))
            self._applied[partition] = int(raw) if raw else -1
        return self._applied[partition]

    def forget(self) -> None:
        """The table may have been recovered anew."""
        self._applied.clear()

    def of(self, partition: int) -> PartitionParts:
        """The parts of one partition."""
        return PartitionParts(self, partition)

    def chunk(self, key: str, chunk: str, partition: int) -> dict[str, bytes]:
        """The parts of a chunk as the last whole batch left them."""
        self._at(partition)
        raw = self._table.get(_chunk_key(key, chunk))
        if not raw:
            return {}
        entry = _ENTRY.decode(raw)
        return entry.parts if entry.offset <= self.applied(partition) else entry.before()

    def commit(self, changed: Mapping[tuple[str, str], bytes | None], partition: int, offset: int) -> None:
        """Write changed parts, and last the offset that makes them count."""
        self._at(partition)
        chunks: dict[tuple[str, str], dict[str, bytes | None]] = {}
        for (key, part), blob in changed.items():
            chunks.setdefault((key, chunk_of(part)), {})[part] = blob
        for (key, chunk), parts in chunks.items():
            before = self.chunk(key, chunk, partition)
            undo = {name: before.get(name) for name in parts}
            entry = Entry(offset, _changed(before, parts), undo)
            self._table[_chunk_key(key, chunk)] = encode(entry)
        self._table[_applied_key(partition)] = str(offset).encode()
        self._applied[partition] = offset


class PartitionParts:
    """The parts of one partition: what a cache of it reads."""

    def __init__(self, table: TableParts, partition: int) -> None:
        self._table, self._partition = table, partition

    def part(self, key: str, part: str) -> bytes | None:
        """One part as the last whole batch left it."""
        return self._table.chunk(key, chunk_of(part), self._partition).get(part)


def _changed(parts: Mapping[str, bytes], changed: Mapping[str, bytes | None]) -> dict[str, bytes]:
    return {name: blob for name, blob in {**parts, **changed}.items() if blob is not None}


def _chunk_key(key: str, chunk: str) -> bytes:
    return f"{key}#{chunk}".encode()


def _applied_key(partition: int) -> bytes:
    return f"@{partition}".encode()
