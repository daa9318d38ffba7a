"""Hash chains and raw messages of an embedded store (`metering.messages`), in the store's own file.

A commit writes its messages as one loose row, whatever chains they belong to. When loose rows reach a bound they become
compressed blocks, one a chain. So a message is on disk before it is acknowledged, many messages share one compression,
and copying the store copies its messages.

The number of a compressed block is the number of its chain, times 2^32, plus the ordinal of its first message: blocks
of a chain lie side by side in its order.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

import msgspec

from metering.messages import Block, Chain, Log, SiteText, Subject, chain_up, genesis, pack

_BYTES_A_CHAIN: Final = 16 << 10
"""Loose bytes for each chain at which all are compressed. zlib gains little from more (docs/performance.md)."""
_LEAST_BYTES: Final = 64 << 10
_MOST_BYTES: Final = 4 << 20
"""Loose bytes of few and of very many chains: they are in memory while they are compressed."""

_MOST_TOGETHER: Final = 64
"""Messages of a block that are not compressed yet: blocks are never divided."""
_MOST_COMPRESSED: Final = 64 << 10
"""Bytes of a block before it is compressed: retention deletes whole blocks."""

# Cast, because what was changed by hand may have any type.
_BLOCKS: Final = (
    "SELECT message.id, CAST(n AS INTEGER), CAST(digest AS BLOB), CAST(newest AS INTEGER), CAST(before AS BLOB), "
    "CAST(head AS BLOB), CAST(marks AS BLOB), CAST(body AS BLOB) "
    "FROM message JOIN site_file ON site_file.id = site "
    "WHERE message.id BETWEEN ? AND ? ORDER BY message.id"
)
_PACKED: Final = "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_LOOSE: Final = "INSERT INTO loose_message (site, body) VALUES (?, ?)"
_MOVED: Final = "UPDATE chain SET n = ?, head = ?, last_at = ?, since = ? WHERE id = ?"

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[tuple[int, int, int, int, bytes, bytes, bytes, bytes]]).decode
"""Of each chain in a commit: its number, then first, n, newest, before, head, marks and body of its block."""

Loose: TypeAlias = Mapping[int, list[Block]]
"""Blocks that are not compressed yet, by number of the chain."""


class SiteFile(NamedTuple):
    """A site file that was in force."""

    text: SiteText
    first_at: int
    """When its events were entered first [ms]; 0 if never."""
    entered_at: int
    """When they were entered last [ms]: exchanges that it declares up to then are in the ledger."""


class _Open:
    """The end of a chain, in the writer's memory."""

    __slots__ = ("head", "id", "n", "oldest", "since")

    def __init__(self, id: int, n: int, head: bytes, since: int | None) -> None:
        self.id, self.n, self.head, self.since = id, n, head, since
        self.oldest = 0
        """No block is wholly older than this instant [ms]; 0 if it was not looked up."""


class Chains:
    """The writer of the chains. Its caller has begun a transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.read()

    def read(self) -> None:
        """Read the chains: at the start, and again after a transaction was rolled back."""
        self._sites: dict[bytes, int] = dict(self._db.execute("SELECT digest, id FROM site_file").fetchall())
        used = self._db.execute("SELECT id FROM site_file ORDER BY used DESC LIMIT 1").fetchone()
        self._used = 0 if used is None else int(used[0])
        """Number of the site file that was used last."""
        rows = self._db.execute("SELECT kind, subject, id, n, head, since FROM chain")
        self._chains: dict[tuple[str, str], _Open] = {
            (kind, subject): _Open(id, n, head or genesis(Subject(kind, subject)), since)
            for kind, subject, id, n, head, since in rows
        }
        (self._loose,) = self._db.execute(
            "SELECT coalesce(sum(length(body)), 0) FROM loose_message"
        ).fetchone()

    def add(self, log: Log) -> None:
        """Move the chains on, keep the messages, and delete those before the cuts."""
        if log.accepted or log.entered_at is not None:
            site = self._site(log)
            if log.accepted:
                self._append(log, site)
        if log.cuts:
            self._cut(log.cuts)

    def _append(self, log: Log, site: int) -> None:
        blocks, moved = [], []
        for subject, messages in log.accepted.items():
            chain = self._chains.get(subject) or self._new(subject)
            newest = 0
            for at in range(0, len(messages), _MOST_TOGETHER):
                block = chain_up(chain.head, log.site.digest, chain.n + 1, messages[at : at + _MOST_TOGETHER])
                first, n, _, newest, _, before, head, marks, body = block
                blocks.append((chain.id, first, n, newest, before, head, marks, body))
                chain.n, chain.head = chain.n + n, head
            if chain.since == 0:
                chain.since = messages[0][2]
            if chain.n == len(messages):
                chain.oldest = messages[0][2]
            moved.append((chain.n, chain.head, newest, chain.since, chain.id))
        row = _encode(blocks)
        self._db.execute(_LOOSE, (site, row))
        self._db.executemany(_MOVED, moved)
        self._loose += len(row)
        if self._loose >= max(_LEAST_BYTES, min(_MOST_BYTES, _BYTES_A_CHAIN * len(self._chains))):
            self._pack()

    def _site(self, log: Log) -> int:
        """Number of the log's site file."""
        known = self._sites.get(log.site.digest)
        if known is None:
            cursor = self._db.execute(
                "INSERT INTO site_file (digest, document, used, first_at, entered_at) VALUES (?, ?, 0, 0, 0)",
                log.site,
            )
            known = self._sites[log.site.digest] = int(cursor.lastrowid or 0)
        if known != self._used:
            self._db.execute(
                "UPDATE site_file SET used = 1 + (SELECT max(used) FROM site_file) WHERE id = ?", (known,)
            )
            self._used = known
        if log.entered_at is not None:
            self._db.execute(
                "UPDATE site_file SET first_at = iif(first_at = 0, ?1, first_at), "
                "entered_at = max(entered_at, ?1) WHERE id = ?2",
                (log.entered_at, known),
            )
        return known

    def _new(self, subject: Subject) -> _Open:
        cursor = self._db.execute(
            "INSERT INTO chain (kind, subject, n, head, last_at, deleted, base, since) "
            "VALUES (?, ?, 0, x'', NULL, 0, x'', NULL)",
            subject,
        )
        chain = self._chains[subject] = _Open(int(cursor.lastrowid or 0), 0, genesis(subject), None)
        return chain

    def _pack(self) -> None:
        """Compress all loose rows."""
        packed = []
        for chain, blocks in _loose(self._db).items():
            start, size = 0, 0
            for at, block in enumerate(blocks):
                # Another site file begins another block.
                if at > start and (
                    block.site != blocks[start].site or size + len(block.body) > _MOST_COMPRESSED
                ):
                    packed.append(_row(chain, self._sites, pack(blocks[start:at])))
                    start, size = at, 0
                size += len(block.body)
            packed.append(_row(chain, self._sites, pack(blocks[start:])))
        self._db.executemany(_PACKED, packed)
        self._db.execute("DELETE FROM loose_message")
        self._loose = 0

    def _cut(self, cuts: Mapping[Subject, int]) -> None:
        """Delete blocks all of whose messages arrived before an instant, from the beginning of each chain."""
        for subject, before in cuts.items():
            chain = self._chains.get(subject)
            if chain is None or chain.oldest >= before:
                continue
            last, since, head = 0, 0, b""
            rows = self._db.execute(
                "SELECT id, n, newest, head FROM message WHERE id BETWEEN ? AND ? ORDER BY id",
                _bounds(chain.id),
            )
            for id, n, newest, after in rows:
                if newest >= before:
                    chain.oldest = newest
                    break
                last, since, head = (id & _ORDINAL) + n - 1, max(since, newest), after
            if last:
                bounds = (chain.id << 32, chain.id << 32 | last)
                self._db.execute("DELETE FROM message WHERE id BETWEEN ? AND ?", bounds)
                chain.since = max(since, chain.since or 0)
                self._db.execute(
                    "UPDATE chain SET deleted = ?, base = ?, since = ? WHERE id = ?",
                    (last, head, chain.since, chain.id),
                )


class Messages:
    """Chains and messages of an embedded store, read through the connection of a `Reader`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def chains(self) -> list[Chain]:
        """All chains, by kind and id."""
        rows = self._db.execute(
            "SELECT kind, subject, CAST(n AS INTEGER), CAST(head AS BLOB), last_at, deleted, CAST(base AS BLOB), since "
            "FROM chain ORDER BY kind, subject"
        )
        return [
            Chain(Subject(kind, subject), n, head or genesis(Subject(kind, subject)), *rest)
            for kind, subject, n, head, *rest in rows
        ]

    def loose(self) -> Loose:
        """The blocks that are not compressed yet."""
        return _loose(self._db)

    def blocks(self, subject: Subject, loose: Loose) -> Iterator[Block]:
        """The blocks of a chain, in its order.

        Args:
            subject: Whose chain.
            loose: What `loose` returned: read once for all chains.
        """
        row = self._db.execute("SELECT id FROM chain WHERE kind = ? AND subject = ?", subject).fetchone()
        if row is None:
            return
        for id, n, site, newest, before, head, marks, body in self._db.execute(_BLOCKS, _bounds(row[0])):
            yield Block(id & _ORDINAL, n, site, newest, True, before, head, marks, body)
        yield from loose.get(row[0], ())

    def sites(self) -> list[SiteFile]:
        """The site files that were in force; last the one that was used last."""
        rows = self._db.execute(
            "SELECT CAST(digest AS BLOB), CAST(document AS BLOB), first_at, entered_at FROM site_file ORDER BY used"
        )
        return [SiteFile(SiteText(digest, document), *at) for digest, document, *at in rows]


_ORDINAL: Final = 0xFFFFFFFF


def _bounds(chain: int) -> tuple[int, int]:
    """Numbers of a chain's compressed blocks: from, to."""
    return chain << 32, chain << 32 | _ORDINAL


def _row(chain: int, sites: Mapping[bytes, int], block: Block) -> tuple[object, ...]:
    first, n, site, newest, _, before, head, marks, body = block
    return chain << 32 | first, n, sites[site], newest, before, head, marks, body


def _loose(db: sqlite3.Connection) -> dict[int, list[Block]]:
    """The blocks that are not compressed yet, of the rows that can be read."""
    blocks: dict[int, list[Block]] = {}
    rows = db.execute(
        "SELECT CAST(digest AS BLOB), CAST(body AS BLOB) FROM loose_message JOIN site_file ON site_file.id = site "
        "ORDER BY loose_message.id"
    )
    for site, row in rows:
        try:
            decoded = _decode(row)
        except msgspec.DecodeError:
            continue  # damaged: its messages are missing
        for chain, first, n, newest, before, head, marks, body in decoded:
            block = Block(first, n, site, newest, False, before, head, marks, body)
            blocks.setdefault(chain, []).append(block)
    return blocks
