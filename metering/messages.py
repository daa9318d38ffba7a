"""The messages of a building or a station as a hash chain: what is hashed, how it is kept, how it is checked. Pure.

Theory of operation
-------------------
Every accepted message of a building or a weather station gets an ordinal (1, 2, ...) in the order of the log. Its
*frame* is its canonical bytes: ordinal, arrival, form, topic and payload. With it the *head* of the chain moves on:

    head(0) = SHA-256("building/b01")
    head(n) = SHA-256(head(n - 1) || SHA-256 of the site file that decoded the message || frame(n))

So one head, noted in an act, proves every message up to it and their order, and what decoded them.

Frames are kept in *blocks*, side by side and compressed. A block begins with the head before its first message and ends
with the head after its last one, and it marks each message with the first bytes of its head. So a block can be checked
by itself, a changed message is found, and what follows the block can be checked even if the block is gone.

A message is accepted if at least one of its readings or facts is new. What only repeats is counted and not kept. So a
message that comes again, after a crash or by a replay, is in the chain once.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

PUBLISHED: Final = 0
RETAINED: Final = 1
EVENT: Final = 2
"""Forms of a message: as the broker delivered it, the same from its retained store, or an event of the log (a row of an
imported table), encoded as the log encodes it."""

MARK: Final = 8
"""Bytes of a head that mark a message in its block."""

_FIXED: Final = struct.Struct("<QqBII")
"""Ordinal, received_at [ms], form, lengths of topic and payload [B]."""
_COMPRESSION: Final = 1
"""Level of zlib. Level 6 saves 9 % of the bytes and costs three times the time (docs/performance.md)."""


class Subject(NamedTuple):
    """What has a chain. Its text is `building/b01`."""

    kind: Literal["building", "station"]
    id: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.id}"


Message: TypeAlias = tuple[str, bytes, int, int]
"""An accepted message: topic, payload, received_at [ms], form. A plain tuple: each message of the stream makes one."""


class SiteText(NamedTuple):
    """A site file as it was in force."""

    digest: bytes
    """SHA-256 of `document`."""
    document: bytes
    """JSON of the site."""


class Log(NamedTuple):
    """What a commit adds to the chains."""

    site: SiteText
    """The site that decoded the messages."""
    accepted: Mapping[Subject, Sequence[Message]]
    """In the order of the log."""
    entered_at: int | None = None
    """When events of the site file were entered with the commit [ms]; None if none were."""
    cuts: Mapping[Subject, int] = {}
    """Messages that arrived before these instants are deleted [ms]."""


class Block(NamedTuple):
    """Messages side by side."""

    first: int
    """Ordinal of the first one."""
    n: int
    site: bytes
    """Digest of the site file that decoded them."""
    newest: int
    """Largest received_at [ms]."""
    packed: bool
    """Whether `body` is compressed."""
    before: bytes
    """Head before the first message."""
    head: bytes
    """Head after the last message."""
    marks: bytes
    """First `MARK` bytes of the head after each message."""
    body: bytes
    """Their frames."""


class Chain(NamedTuple):
    """A chain as the store has it."""

    subject: Subject
    n: int
    """Messages so far."""
    head: bytes
    last_at: int | None
    """Arrival of the newest message [ms]."""
    deleted: int
    """Messages that retention has deleted: the first ones."""
    base: bytes
    """Head after the deleted messages."""
    since: int | None
    """Messages up to this instant are not kept [ms]: they came before the chain began, or retention has deleted them.
    None if the chain has all messages; 0 if it has none yet and the store is older than the chain."""


def genesis(subject: Subject) -> bytes:
    """Head of a chain without messages."""
    return hashlib.sha256(str(subject).encode()).digest()


def digest(document: bytes) -> SiteText:
    """A site's document with its digest."""
    return SiteText(hashlib.sha256(document).digest(), document)


def chain_up(head: bytes, site: bytes, first: int, messages: Iterable[Message]) -> Block:
    """The block of new messages.

    Args:
        head: Head before them.
        site: Digest of the site file that decoded them.
        first: Ordinal of the first one.
        messages: The messages; at least one.
    """
    before, ordinal, newest = head, first, 0
    frames, marks = [], []
    fixed, sha256, join = _FIXED.pack, hashlib.sha256, b"".join
    for topic, payload, received_at, form in messages:
        path = topic.encode()
        frame = join((fixed(ordinal, received_at, form, len(path), len(payload)), path, payload))
        head = sha256(join((head, site, frame))).digest()
        frames.append(frame)
        marks.append(head[:MARK])
        ordinal += 1
        if received_at > newest:
            newest = received_at
    return Block(first, ordinal - first, site, newest, False, before, head, join(marks), join(frames))


def pack(blocks: Sequence[Block]) -> Block:
    """Adjacent blocks that are not compressed, as one that is. The same site file decoded them."""
    return Block(
        blocks[0].first,
        sum(block.n for block in blocks),
        blocks[0].site,
        max(block.newest for block in blocks),
        True,
        blocks[0].before,
        blocks[-1].head,
        b"".join(block.marks for block in blocks),
        zlib.compress(b"".join(block.body for block in blocks), _COMPRESSION),
    )


class Kept(NamedTuple):
    """A message as its block has it."""

    subject: Subject
    ordinal: int
    message: Message
    site: bytes
    """Digest of the site file that decoded it."""


BreakKind: TypeAlias = Literal["changed", "missing", "unreadable", "unlinked", "head"]


class Break(NamedTuple):
    """A place where a chain is broken.

    - changed: the message `first` is not the one that was hashed
    - missing: the messages `first` to `last` are not there
    - unreadable: the block of the messages `first` to `last` cannot be read
    - unlinked: the block that begins with `first` does not follow from the message before it
    - head: the last message gives another head than the store has
    """

    kind: BreakKind
    subject: Subject
    first: int
    last: int
    at: int | None
    """received_at of the message, or of the last one before it; of an unreadable block its newest [ms]. None if no
    message is kept before it."""


def check(chain: Chain, blocks: Iterable[Block]) -> Iterator[Kept | Break]:
    """Every message of a chain that can be read, in its order, and every break of the chain.

    Args:
        chain: The chain.
        blocks: Its blocks, in order.
    """
    head, expected = chain.base or genesis(chain.subject), chain.deleted + 1
    at: int | None = None
    for block in blocks:
        if block.first > expected:
            yield Break("missing", chain.subject, expected, block.first - 1, at)
        elif block.before != head or block.first < expected:
            yield Break("unlinked", chain.subject, block.first, block.first, at)
        expected, at = yield from _check_block(chain.subject, block, at)
        head = block.head
    if expected <= chain.n:
        yield Break("missing", chain.subject, expected, chain.n, at)
    elif head != (chain.head or genesis(chain.subject)) or expected > chain.n + 1:
        yield Break("head", chain.subject, chain.n, chain.n, at)


def _check_block(
    subject: Subject, block: Block, at: int | None
) -> Generator[Kept | Break, None, tuple[int, int | None]]:
    """Messages and breaks of one block; returns the ordinal that follows and the newest arrival seen [ms]."""
    end, expected, head = block.first + block.n, block.first, block.before
    try:
        frames = [*_frames(block)]
    except (ValueError, zlib.error, struct.error):
        yield Break("unreadable", subject, block.first, end - 1, block.newest)
        return end, block.newest
    whole = True
    for frame, ordinal, message in frames:
        if ordinal > expected:
            yield Break("missing", subject, expected, ordinal - 1, at)
            whole = False
        # After a break the heads of the block are unknown.
        if whole:
            head = hashlib.sha256(head + block.site + frame).digest()
            place = MARK * (ordinal - block.first)
            if ordinal != expected or head[:MARK] != block.marks[place : place + MARK]:
                yield Break("changed", subject, expected, expected, message[2])
                whole = False
        at, expected = message[2], ordinal + 1
        yield Kept(subject, ordinal, message, block.site)
    if expected < end:
        yield Break("missing", subject, expected, end - 1, at)
    elif whole and (head != block.head or expected > end):
        yield Break("changed", subject, expected - 1, expected - 1, at)
    return end, at


def _frames(block: Block) -> Iterator[tuple[bytes, int, Message]]:
    """Frames of a block with what they say: ordinal and message.

    Raises:
        ValueError: the body is cut short, or a topic is not UTF-8.
        zlib.error, struct.error: the body is damaged.
    """
    body = zlib.decompress(block.body) if block.packed else block.body
    start = 0
    while start < len(body):
        ordinal, received_at, form, topic, payload = _FIXED.unpack_from(body, start)
        middle = start + _FIXED.size + topic
        end = middle + payload
        if end > len(body):
            raise ValueError(f"a message ends {end - len(body)} bytes after its block")
        text = body[start + _FIXED.size : middle].decode()
        yield body[start:end], ordinal, (text, body[middle:end], received_at, form)
        start = end
