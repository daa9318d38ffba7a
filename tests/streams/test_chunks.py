"""Where parts lie in the table, and that the table is whole wherever its log ends."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.events import Savings
from metering.parts import PartName, local_date, month_name, utc_day
from metering.site.model import parse_site
from streams.chunks import STATE_VERSION, Entry, NewerState, TableParts, place
from streams.shelf import Cache
from streams.steps.watch import watch_step
from tests.sites import building, contract, meter, site_text

HEAD = PartName("head")


@pytest.mark.parametrize(
    ("key", "part", "table_key", "name"),
    [
        ("ledger/b01/heat/energy", HEAD, b"b01/heat/energy#-", "ledger/head"),
        ("ledger/b01/heat/energy", utc_day(20088), b"b01/heat/energy#2511", "ledger/20088"),
        ("days/b01/heat/energy", local_date(20088 + 719_163), b"b01/heat/energy#2511", "days/739251"),
        ("days/b01/heat/energy", local_date(20096 + 719_163), b"b01/heat/energy#2512", "days/739259"),
        ("days/b01/heat/energy", PartName("2026 reads"), b"b01/heat/energy#-", "days/2026 reads"),
        ("savings/c1", PartName("baseline"), b"c1#-", "savings/baseline"),
        ("savings/c1", month_name("2026-01"), b"c1#2026-01", "savings/2026-01"),
        ("watch/c1", month_name("2026-01"), b"c1#2026-01", "watch/2026-01"),
    ],
)
def test_where_a_part_lies(key: str, part: PartName, table_key: bytes, name: str) -> None:
    assert place(key, part) == (table_key, name)


@pytest.mark.parametrize("text", ["head", "20088", "739251", "2026-01", "2026 reads"])
def test_a_name_is_its_text(text: str) -> None:
    """The embedded store keeps the text; a name made otherwise finds the same part."""
    assert {PartName(text): 1}[text] == 1  # type: ignore[index]
    assert (str(PartName(text)), type(str(PartName(text)))) == (text, str)


PARTS = (HEAD, utc_day(8), utc_day(9), utc_day(16), month_name("2026-01"), month_name("2026-02"))
KEYS = st.tuples(st.sampled_from(["ledger/a", "days/a", "watch/c"]), st.sampled_from(PARTS))
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


def held(table: dict[bytes, bytes]) -> dict[tuple[str, PartName], bytes | None]:
    parts = TableParts(table)
    return {
        (key, part): parts.of(0).part(key, part)
        for key in ("ledger/a", "days/a", "watch/c")
        for part in PARTS
    }


@given(batches=BATCHES, cuts=st.lists(st.integers(0, 6), max_size=8))
def test_a_batch_is_there_whole_or_not_at_all(
    batches: list[dict[tuple[str, PartName], Any]], cuts: list[int]
) -> None:
    """Each batch is tried until its writes come through; after each crash the table reads as before the batch."""
    table: dict[bytes, bytes] = {}
    truth: dict[tuple[str, PartName], bytes | None] = dict.fromkeys(held({}))
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


def as_version_1(table: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """The same state as version 1 wrote it: months in the shared chunk, the applied offset without a version."""
    old: dict[bytes, bytes] = {}
    moved: list[tuple[bytes, Entry]] = []
    for key, raw in table.items():
        if key.startswith(b"@"):
            old[key] = raw.split()[0]
        elif b"-" in key.partition(b"#")[2][1:]:
            if not raw:
                continue  # every part of the month was deleted
            moved.append((key.partition(b"#")[0] + b"#-", msgspec.msgpack.decode(raw, type=Entry)))
        else:
            old[key] = raw
    for shared, months in moved:
        kept = msgspec.msgpack.decode(old[shared], type=Entry) if old.get(shared) else Entry(0, {}, {})
        merged = Entry(max(kept.offset, months.offset), {**kept.parts, **months.parts}, {})
        old[shared] = msgspec.msgpack.encode(merged)
    return old


def written(batches: list[dict[tuple[str, PartName], Any]]) -> dict[bytes, bytes]:
    table: dict[bytes, bytes] = {}
    for offset, batch in enumerate(batches):
        TableParts(table).commit(batch, 0, offset)
    return table


@given(before=BATCHES, batch=st.dictionaries(KEYS, st.one_of(st.none(), st.binary(max_size=3)), max_size=6))
def test_a_table_of_version_1_goes_on_and_its_months_move(
    before: list[dict[tuple[str, PartName], Any]], batch: dict[tuple[str, PartName], Any]
) -> None:
    """Whatever first few of the writes are there after a crash: the state is that before the batch, then that after."""
    new = written(before)
    old = as_version_1(new)
    assert held(old) == held(new)
    expected = held(new) | batch
    whole = Cut(old)
    TableParts(whole).commit(batch, 0, len(before))
    for writes in range(2 * len(whole) + len(batch) + 2):
        cut = Cut(old)
        cut.left = writes
        try:
            TableParts(cut).commit(batch, 0, len(before))
        except Ends:
            if TableParts(cut).applied(0) == len(before):  # only the clean-up was cut short
                assert held(cut) == expected
                continue
            assert held(cut) == held(new)
            again = dict(cut)
            TableParts(again).commit(batch, 0, len(before))
            assert again == whole
        else:
            break
    else:
        pytest.fail("the batch never came to its end")
    assert held(whole) == expected
    for key, part in batch:
        if part.formerly is not None:
            shared = whole.get(f"{key.partition('/')[2]}#-".encode())
            names = msgspec.msgpack.decode(shared, type=Entry).parts if shared else {}
            assert f"{key.partition('/')[0]}/{part}" not in names


def test_a_month_that_version_1_left_half_written_does_not_come_back() -> None:
    """Version 1 died in a batch that wrote a month; its entry counts from the next whole batch on."""
    january = month_name("2026-01")
    half = Entry(1, {"watch/head": b"h", "watch/2026-01": b"stale"}, {"watch/2026-01": None})
    table = {b"c#-": msgspec.msgpack.encode(half), b"@0": b"0"}
    assert TableParts(table).of(0).part("watch/c", january) is None
    TableParts(table).commit({("watch/c", january): b"new"}, 0, 1)
    assert TableParts(table).of(0).part("watch/c", january) == b"new"
    TableParts(table).commit({("watch/c", january): None}, 0, 2)
    assert TableParts(table).of(0).part("watch/c", january) is None
    assert TableParts(table).of(0).part("watch/c", HEAD) == b"h"


@pytest.mark.parametrize(
    ("raw", "offset"), [(b"7", 7), (b"7 1", 7), (f"7 {STATE_VERSION}".encode(), 7), (b"", -1)]
)
def test_the_offset_applied_by_any_version_up_to_ours(raw: bytes, offset: int) -> None:
    assert TableParts({b"@3": raw}).applied(3) == offset


def test_the_state_of_a_newer_kvartal_is_refused() -> None:
    table = {b"@3": f"7 {STATE_VERSION + 1}".encode()}
    sentence = (
        rf"partition 3 .* version {STATE_VERSION + 1}, expected at most {STATE_VERSION}; start that Kvartal"
    )
    with pytest.raises(NewerState, match=sentence):
        TableParts(table).applied(3)


SITE = site_text(
    building(meter("heat", "heat", "kWh")),
    contract(baseline="2019-01-01..2019-12-31", reporting="2020-01-01.."),
    timezone="UTC",
)


def test_an_entry_does_not_grow_with_the_months_of_a_contract() -> None:
    """Only the list of the months in the head does, by eight bytes each; a month's days are two thousand."""
    step = watch_step(parse_site(SITE))
    table: dict[bytes, bytes] = {}
    parts = TableParts(table)
    cache = Cache(parts.of(0), [step], 1_000)
    largest: list[int] = []
    first = 737_425  # 2020-01-01
    for offset, date in enumerate(range(first, first + 5 * 365)):
        saved = Savings(
            building="b01",
            contract="c1",
            date=date,
            expected=1_200_000,
            used=1_000_000,
            estimated=0,
            temp_mc=-5_000,
            extrapolated=False,
            baseline_id="a-baseline",
            received_at=0,
            withdrawn=False,
            flags=1,
            adjustment=7,
        )
        changed, _ = step.run("c1", cache.parts(step, "c1"), saved)
        cache.put(step, "c1", changed)
        parts.commit(cache.take_changed(), 0, offset)
        cache.committed()
        if date - first in (180, 5 * 365 - 1):
            largest.append(max(map(len, table.values())))
    half_a_year, five_years = largest
    assert five_years < half_a_year + 20  # an offset takes more digits
    assert len(table) >= 60
