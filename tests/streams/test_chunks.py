"""Where parts lie in the table, and that the table is whole wherever its log ends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.chunks import TableParts, place


@pytest.mark.parametrize(
    ("key", "part", "table_key", "name"),
    [
        ("ledger/b01/heat/energy", "head", b"b01/heat/energy#-", "ledger/head"),
        ("ledger/b01/heat/energy", "20088", b"b01/heat/energy#2511", "ledger/20088"),
        ("days/b01/heat/energy", str(20088 + 719_163), b"b01/heat/energy#2511", "days/739251"),
        ("days/b01/heat/energy", str(20096 + 719_163), b"b01/heat/energy#2512", "days/739259"),
        ("savings/c1", "2026-01", b"c1#-", "savings/2026-01"),
    ],
)
def test_where_a_part_lies(key: str, part: str, table_key: bytes, name: str) -> None:
    assert place(key, part) == (table_key, name)


KEYS = st.tuples(
    st.sampled_from(["ledger/a", "days/a", "watch/c"]), st.sampled_from(["head", "8", "9", "16"])
)
BATCHES = st.lists(
    st.dictionaries(KEYS, st.one_of(st.none(), st.binary(max_size=3)), max_size=6), min_size=1, max_size=6
)


class Ends(Exception):
    """The process died here."""


class Cut(dict[bytes, bytes]):
    """A table whose log ends after so many writes."""

    left = 10**9

    def __setitem__(self, key: bytes, value: bytes) -> None:
        if not self.left:
            raise Ends
        self.left -= 1
        super().__setitem__(key, value)


def held(table: dict[bytes, bytes]) -> dict[tuple[str, str], bytes | None]:
    parts = TableParts(table)
    return {
        (key, part): parts.of(0).part(key, part)
        for key in ("ledger/a", "days/a", "watch/c")
        for part in ("head", "8", "9", "16")
    }


@given(batches=BATCHES, cuts=st.lists(st.integers(0, 6), max_size=8))
def test_a_batch_is_there_whole_or_not_at_all(
    batches: list[dict[tuple[str, str], Any]], cuts: list[int]
) -> None:
    """Each batch is tried until its writes come through; after each crash the table reads as before the batch."""
    table: dict[bytes, bytes] = {}
    truth: dict[tuple[str, str], bytes | None] = dict.fromkeys(held({}))
    for offset, batch in enumerate(batches):
        while cuts:
            cut = Cut(table)
            cut.left = cuts.pop()
            try:
                TableParts(cut).commit(batch, 0, offset)
            except Ends:
                table = dict(cut)
                whole = TableParts(table).applied(0) == offset  # only the clean-up was cut short
                assert held(table) == ({**truth, **batch} if whole else truth)
            else:
                table = dict(cut)
                break
        else:
            TableParts(table).commit(batch, 0, offset)
        truth |= batch
        assert held(table) == truth
