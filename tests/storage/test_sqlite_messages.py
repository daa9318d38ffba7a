"""The store keeps the messages of a commit with the commit, compresses them, and deletes them in order."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from metering.messages import Block, Break, Log, Message, Subject, chain_up, check, digest, genesis
from storage.sqlite import Store
from storage.sqlite_reader import Reader

B01, SPB = Subject("building", "b01"), Subject("station", "spb")
SITE, OTHER = digest(b"{}"), digest(b'{"site": {}}')


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "kvartal.db"


@pytest.fixture
def store(db: Path) -> Iterator[Store]:
    made = Store(db)
    yield made
    made.close()


def message(n: int, size: int = 20) -> Message:
    return ("k/b01/heat", b"%0*d" % (size, n), 1_000 * n, 0)


def add(store: Store, *numbers: int, subject: Subject = B01, size: int = 20, **log: object) -> None:
    accepted = {subject: [message(n, size) for n in numbers]} if numbers else {}
    store.commit(parts={}, events=(), counts={}, log=Log(SITE, accepted)._replace(**log))  # type: ignore[arg-type]


def kept(db: Path, subject: Subject = B01) -> list[Message]:
    """The messages of a chain without breaks."""
    reader = Reader(db)
    (chain,) = (chain for chain in reader.messages.chains() if chain.subject == subject)
    read = list(check(chain, reader.messages.blocks(subject, reader.messages.loose())))
    reader.close()
    assert not [each for each in read if isinstance(each, Break)]
    return [each.message for each in read if not isinstance(each, Break)]


def packed(db: Path) -> list[tuple[int, int]]:
    with sqlite3.connect(db) as file:
        return file.execute("SELECT id & 0xFFFFFFFF, n FROM message ORDER BY id").fetchall()


def test_messages_come_back_in_their_order(store: Store, db: Path) -> None:
    add(store, 1, 2)
    add(store, 1, subject=SPB)
    add(store, 3)
    assert kept(db) == [message(1), message(2), message(3)]
    assert kept(db, SPB) == [message(1)]
    (house, station) = Reader(db).messages.chains()
    assert (house.n, house.last_at, house.since) == (3, 3_000, None)
    assert house.head == chain_up(genesis(B01), SITE.digest, 1, [message(n) for n in (1, 2, 3)]).head
    assert (station.subject, station.n) == (SPB, 1)


def test_many_messages_are_compressed_together(store: Store, db: Path) -> None:
    for n in range(1, 100):
        add(store, n, size=1000)
        assert len(kept(db)) == n
    assert [first for first, _ in packed(db)] == [1]
    add(store, *range(100, 300), size=1000, site=OTHER)
    assert kept(db) == [message(n, 1000) for n in range(1, 300)]
    assert sum(n for _, n in packed(db)) == 299


def test_a_chain_goes_on_in_a_store_that_is_opened_again(store: Store, db: Path) -> None:
    add(store, 1, 2)
    store.close()
    again = Store(db)
    add(again, 3)
    again.close()
    assert kept(db) == [message(1), message(2), message(3)]


def test_a_commit_that_fails_leaves_the_chain_as_it_was(store: Store, db: Path) -> None:
    add(store, 1)
    with pytest.raises(TypeError):
        add(store, 2, cuts={B01: "no instant"})
    add(store, 3)
    assert kept(db) == [message(1), message(3)]


def test_old_blocks_are_deleted_from_the_beginning(store: Store, db: Path) -> None:
    for n in range(1, 200):
        add(store, n, size=1000)
    first, second = packed(db)[:2]
    add(store, cuts={B01: 1_000 * first[1], SPB: 10**9})
    assert packed(db)[0] == first
    add(store, cuts={B01: 1_000 * first[1] + 1})
    assert packed(db)[0] == second
    assert len(kept(db)) == 199 - first[1]
    (chain,) = Reader(db).messages.chains()
    assert (chain.n, chain.deleted, chain.since) == (199, first[1], 1_000 * first[1])


def test_site_files_end_with_the_one_used_last(store: Store, db: Path) -> None:
    add(store, 1, entered_at=10)
    add(store, 2, site=OTHER, entered_at=20)
    add(store, 3, entered_at=30)
    assert [(each.text, each.first_at, each.entered_at) for each in Reader(db).messages.sites()] == [
        (OTHER, 20, 20),
        (SITE, 10, 30),
    ]
    assert kept(db) == [message(1), message(2), message(3)]


def test_what_was_never_written_has_no_blocks(store: Store, db: Path) -> None:
    reader = Reader(db)
    assert list(reader.messages.blocks(B01, {})) == []
    assert reader.messages.chains() == []
    blocks: dict[int, list[Block]] = dict(reader.messages.loose())
    assert blocks == {}
