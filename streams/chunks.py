"""Parts of state in a key-value table whose log may end between any two writes. Pure.

Theory of operation
-------------------
A table write has a price of its own, whatever its size: some 0.1 ms of Faust. A message touches parts of several
steps, and an archive those of many days. So one entry of the table, a *chunk*, holds the parts of all steps under
one key (a register, a contract) whose days lie in the same eight. Each month of a contract has a chunk of its own,
so that no entry grows with the years. Parts that are neither share another. The name of a part says which
(`metering.parts`).

A batch of messages writes several entries, and after a crash any first few of them may be there. So an entry
carries the offset of the batch that wrote it and how its parts stood before (the *undo*), and the last write of
a batch is the partition's *applied* offset. An entry whose offset is newer than the applied one belongs to a
batch that was not finished: it is read as it was before. Only one batch of a partition can be unfinished,
because the next one begins from what the last whole one left, and writes its chunks again.

Version 1 of the table had the months in the shared chunk, which grew for ever. A month that is still there is read
there. Its next write puts it into its own chunk and takes it out of the shared one. Both entries belong to the same
batch, so that after a crash both are read as before: the month in the shared chunk, none in its own.

What was deleted would stay in the undo of an entry that nothing writes again. So after the applied offset such an
entry is written once more without its undo, or empty: from then on both read the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol

import msgspec

from metering.parts import PartName
from metering.refusal import Refusal
from streams.codec import encode

STATE_VERSION: Final = 2
"""How parts lie in the table and are encoded. 1: no version in the applied offset, months in the shared chunk."""


class NewerState(Refusal):
    """The table was written by a newer version of Kvartal."""


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


class Place(NamedTuple):
    """Where a part lies: the table's key, and its name in the entry there."""

    key: bytes
    name: str


def place(key: str, part: PartName) -> Place:
    """Where a part lies.

    Args:
        key: The step's name, a slash, and the key that the step gave.
        part: Its name.
    """
    return _place(key, part, part.chunk)


def former_place(key: str, part: PartName) -> Place | None:
    """Where a part lies that was last written by version 1; None if that is where it lies now."""
    return None if part.formerly is None else _place(key, part, part.formerly)


def _place(key: str, part: PartName, chunk: str) -> Place:
    step, _, shared = key.partition("/")
    return Place(f"{shared}#{chunk}".encode(), f"{step}/{part}")


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
        """Offset of the last message of the partition that was applied whole; -1 before the first.

        Raises:
            NewerState: a newer Kvartal wrote it.
        """
        if partition not in self._applied:
            self._at(partition)
            raw = self._table.get(_applied_key(partition))
            self._applied[partition] = _applied_offset(raw, partition) if raw else -1
        return self._applied[partition]

    def forget(self) -> None:
        """Read the applied offsets again: the table may have been recovered."""
        self._applied.clear()

    def of(self, partition: int) -> PartitionParts:
        """The parts of one partition."""
        return PartitionParts(self, partition)

    def chunk(self, key: bytes, partition: int) -> dict[str, bytes]:
        """The parts of a chunk as the last whole batch left them."""
        entry = self._entry(key, partition)
        return {} if entry is None else self._whole(entry, partition)

    def _entry(self, key: bytes, partition: int) -> Entry | None:
        self._at(partition)
        raw = self._table.get(key)
        return _ENTRY.decode(raw) if raw else None

    def _whole(self, entry: Entry, partition: int) -> dict[str, bytes]:
        """The parts of an entry as the last whole batch left them."""
        return entry.parts if entry.offset <= self.applied(partition) else entry.before()

    def _names(self, at: Place, partition: int) -> bool:
        """Whether the entry names the part, be it by a batch that was not finished."""
        entry = self._entry(at.key, partition)
        return entry is not None and (at.name in entry.parts or at.name in self._whole(entry, partition))

    def commit(
        self, changed: Mapping[tuple[str, PartName], bytes | None], partition: int, offset: int
    ) -> None:
        """Write changed parts, and last the offset that makes them count."""
        chunks: dict[bytes, dict[str, bytes | None]] = {}
        for (key, part), blob in changed.items():
            at = place(key, part)
            chunks.setdefault(at.key, {})[at.name] = blob
            formerly = former_place(key, part)
            if formerly is not None and self._names(formerly, partition):
                chunks.setdefault(formerly.key, {})[formerly.name] = None
        shrunk: dict[bytes, dict[str, bytes]] = {}
        for table_key, parts in chunks.items():
            before = self.chunk(table_key, partition)
            undo = {name: before.get(name) for name in parts}
            after = _changed(before, parts)
            self._table[table_key] = encode(Entry(offset, after, undo))
            if not before.keys() <= after.keys():
                shrunk[table_key] = after
        self._at(partition)
        self._table[_applied_key(partition)] = f"{offset} {STATE_VERSION}".encode()
        self._applied[partition] = offset
        for table_key, after in shrunk.items():
            self._table[table_key] = encode(Entry(offset, after, {})) if after else b""


class PartitionParts:
    """The parts of one partition: what a cache of it reads."""

    def __init__(self, table: TableParts, partition: int) -> None:
        self._table, self._partition = table, partition

    def part(self, key: str, part: PartName) -> bytes | None:
        """One part as the last whole batch left it."""
        for at in (place(key, part), former_place(key, part)):
            blob = None if at is None else self._table.chunk(at.key, self._partition).get(at.name)
            if blob is not None:
                return blob
        return None


def _changed(parts: Mapping[str, bytes], changed: Mapping[str, bytes | None]) -> dict[str, bytes]:
    return {name: blob for name, blob in {**parts, **changed}.items() if blob is not None}


def _applied_key(partition: int) -> bytes:
    return f"@{partition}".encode()


def _applied_offset(raw: bytes, partition: int) -> int:
    """The offset in an applied entry: a number, and from version 2 on the version after it."""
    offset, *version = raw.split()
    if version and int(version[0]) > STATE_VERSION:
        raise NewerState(
            f"the state of partition {partition} was written by a newer Kvartal: version {int(version[0])}, "
            f"expected at most {STATE_VERSION}; start that Kvartal or a newer one"
        )
    return int(offset)
