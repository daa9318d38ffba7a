"""A hash chain is what its rule says, and every change of what is kept of it is named."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable

import pytest

from metering.messages import (
    PUBLISHED,
    Block,
    Break,
    Chain,
    Kept,
    Message,
    Subject,
    chain_up,
    check,
    genesis,
    pack,
)

HOUSE = Subject("building", "b01")
SITE = hashlib.sha256(b"site").digest()


def message(n: int) -> Message:
    return ("k/b01/heat", b'{"value": %d}' % (100 + n), 1_000 * n, PUBLISHED)


def blocks(*sizes: int, head: bytes = genesis(HOUSE)) -> list[Block]:
    """Blocks of so many messages each, in one chain."""
    made: list[Block] = []
    first = 1
    for size in sizes:
        made.append(chain_up(head, SITE, first, [message(n) for n in range(first, first + size)]))
        head, first = made[-1].head, first + size
    return made


def chain(made: list[Block]) -> Chain:
    return Chain(HOUSE, sum(block.n for block in made), made[-1].head, 0, 0, b"", None)


def test_the_head_can_be_computed_by_hand() -> None:
    head = hashlib.sha256(b"building/b01").digest()
    for n in (1, 2):
        topic, payload, received_at, form = message(n)
        frame = (
            struct.pack("<QqBII", n, received_at, form, len(topic), len(payload)) + topic.encode() + payload
        )
        head = hashlib.sha256(head + SITE + frame).digest()
    assert blocks(2)[0].head == head


@pytest.mark.parametrize("sizes", [(6,), (1, 2, 3), (5, 1)])
def test_blocks_do_not_matter(sizes: tuple[int, ...]) -> None:
    made = blocks(*sizes)
    assert made[-1].head == blocks(6)[-1].head
    assert pack(made).marks == blocks(6)[0].marks
    for kept in (made, [pack(made)]):
        read = list(check(chain(made), kept))
        assert read == [Kept(HOUSE, n, message(n), SITE) for n in range(1, 7)]


def without(block: Block, n: int) -> Block:
    """The block with one message cut out of its body."""
    at = [
        block.body.index(struct.pack("<Q", ordinal)) for ordinal in range(block.first, block.first + block.n)
    ]
    at.append(len(block.body))
    where = n - block.first
    return block._replace(body=block.body[: at[where]] + block.body[at[where + 1] :])


def edited(block: Block, old: bytes, new: bytes) -> Block:
    return block._replace(body=block.body.replace(old, new))


@pytest.mark.parametrize(
    ("change", "breaks"),
    [
        (lambda b: b, []),
        (lambda b: [edited(b[0], b"101", b"901"), *b[1:]], [("changed", 1, 1, 1_000)]),
        (lambda b: [b[0], edited(b[1], b"104", b"204"), b[2]], [("changed", 4, 4, 4_000)]),
        (lambda b: [b[0], edited(b[1], b"k/b01/heat", b"k/b01/h"), b[2]], [("unreadable", 3, 4, 4_000)]),
        (lambda b: [b[0], b[1]._replace(site=bytes(32)), b[2]], [("changed", 3, 3, 3_000)]),
        (lambda b: [without(b[0], 2), *b[1:]], [("missing", 2, 2, 1_000)]),
        (lambda b: [b[0], without(b[1], 3), b[2]], [("missing", 3, 3, 2_000)]),
        (lambda b: [b[0], b[2]], [("missing", 3, 4, 2_000)]),
        (lambda b: b[1:], [("missing", 1, 2, None)]),
        (lambda b: b[:2], [("missing", 5, 6, 4_000)]),
        (lambda b: [], [("missing", 1, 6, None)]),
        (lambda b: [b[0], b[1]._replace(body=b"\0" * 40), b[2]], [("unreadable", 3, 4, 4_000)]),
        (lambda b: [pack(b)._replace(body=b"no zlib")], [("unreadable", 1, 6, 6_000)]),
        (lambda b: [b[0], b[0], *b[1:]], [("unlinked", 1, 1, 2_000), ("unlinked", 3, 3, 2_000)][:1]),
        (lambda b: [*b[:2], *blocks(2, 2, 2, head=bytes(32))[2:]], [("unlinked", 5, 5, 4_000), ("head", 6, 6, 6_000)]),
        (lambda b: blocks(2, 2, 2, 1), [("head", 6, 6, 7_000)]),
    ],
)  # fmt: skip
def test_what_was_changed_is_named(
    change: Callable[[list[Block]], list[Block]], breaks: list[tuple[object, ...]]
) -> None:
    made = blocks(2, 2, 2)
    found = [each for each in check(chain(made), change(made)) if isinstance(each, Break)]
    assert [(each.kind, each.first, each.last, each.at) for each in found] == breaks


def test_a_chain_goes_on_after_what_retention_deleted() -> None:
    made = blocks(2, 2, 2)
    cut = chain(made)._replace(deleted=2, base=made[0].head)
    assert [type(each) for each in check(cut, made[1:])] == [Kept] * 4
    assert [each.kind for each in check(cut, made[2:]) if isinstance(each, Break)] == ["missing"]
