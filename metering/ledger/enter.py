"""The ledger of one register: blocks of readings by UTC day, and what each block booked.

Theory of operation
-------------------
A block holds a UTC day's readings, the fold's state after them (its checkpoint) and what folding them
booked: energy by hour, flags, unknown blocks, findings. What a block books may lie in earlier days (a gap
that ends today, a chain that is believed today), so an hour's energy is the sum over the blocks that book
into it. A late reading changes its own block; the fold then goes on from the checkpoint before it, block
by block, until a checkpoint comes out as it was: from there on nothing can differ.

The state of a register is a mapping of *parts*: one per block (named by the number of its UTC day) and a
`head` that lists which days have a block. `enter` returns only the parts that changed.

Of days that retention deleted one block stays, the newest, without readings: the checkpoint, from which the first
remaining block is folded (`metering.ledger.retention`). What is entered must lie after it (`Head.cut`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from metering import flags as f
from metering.events import Exchange, Unknown
from metering.ledger.booking import Booked, Found
from metering.ledger.fold import fold
from metering.ledger.state import FOLD_VERSION, Fact, Rules, State, fact_order
from metering.part_names import PartName, utc_day
from metering.refusal import Refusal
from metering.times import DAY_MS, HOUR_MS

HEAD: Final = PartName("head")
_T = TypeVar("_T")


class NewerLedger(Refusal):
    """A register was folded by a newer version of Kvartal."""


class Block(Struct, frozen=True, tag="b", array_like=True):
    """One UTC day of a register. Never changed in place: a new reading makes a new block."""

    times: list[int]
    """Instants of all accepted readings [ms], ascending; two with the same instant are a conflict."""
    amounts: list[int]
    """Their amounts, ascending where the instants are equal."""
    state: State
    """The fold's state after the block."""
    booked: Booked
    facts: tuple[Fact, ...] = ()
    """Declared exchanges, and intervals that end on the day, sorted by `metering.ledger.fold.fact_order`."""

    @property
    def newest(self) -> tuple[int, int]:
        """(time, amount) of the newest reading or fact; the anchor's where all that was said is void."""
        said = [
            (fact.at, fact.initial if isinstance(fact, Exchange) else fact.amount) for fact in self.facts[-1:]
        ]
        newest = [*zip(self.times[-1:], self.amounts[-1:], strict=True), *said]
        return max(newest) if newest else (self.state.t, self.state.v)


class Head(Struct, frozen=True, tag="h", array_like=True):
    """Which days have blocks."""

    spans: tuple[tuple[int, int], ...] = ()
    """Runs of UTC days that have a block: (first, last), ascending."""
    reaching: tuple[tuple[int, int], ...] = ()
    """Blocks that book further back than the block before them: (UTC day, earliest hour)."""
    by_site: tuple[Exchange, ...] = ()
    """Exchanges that the site file declares now."""
    rules: Rules | None = None
    """What the blocks were folded by. Where the site file says otherwise now, all are folded again."""
    fold_version: int = 1
    """`metering.ledger.state.FOLD_VERSION` of the code that folded the blocks. If it is older, all are folded again."""
    cut: int = 0
    """UTC day before which readings are deleted and refused; the block of the day before it is the checkpoint. 0 if
    nothing was deleted."""
    deleted: int = 0
    """How many readings and facts were deleted."""
    rests: int = 0
    """UTC day before which nothing is deleted: history that is older than retention came in; more may follow."""

    @property
    def outdated(self) -> bool:
        """Whether there are blocks that an older fold made."""
        return self.fold_version < FOLD_VERSION and bool(self.spans)

    def days(self) -> list[int]:
        """All days that have a block."""
        return [day for first, last in self.spans for day in range(first, last + 1)]

    def before(self, day: int) -> int | None:
        """The newest day before `day` that has a block."""
        at = bisect_left(self.spans, (day, day)) - 1
        if at < 0:
            return None
        return min(self.spans[at][1], day - 1)

    def after(self, day: int) -> int | None:
        """The oldest day after `day` that has a block."""
        at = bisect_right(self.spans, (day, DAY_MS)) - 1
        if at >= 0 and self.spans[at][1] > day:
            return day + 1
        return self.spans[at + 1][0] if at + 1 < len(self.spans) else None

    def holds(self, day: int) -> bool:
        """Whether `day` has a block."""
        at = bisect_right(self.spans, (day, DAY_MS)) - 1
        return at >= 0 and self.spans[at][1] >= day

    def with_days(self, days: Iterable[int]) -> tuple[tuple[int, int], ...]:
        """The spans with `days` added."""
        runs: list[tuple[int, int]] = []
        for first, last in sorted((*self.spans, *((day, day) for day in days))):
            if runs and first <= runs[-1][1] + 1:
                runs[-1] = (runs[-1][0], max(runs[-1][1], last))
            else:
                runs.append((first, last))
        return tuple(runs)


Part: TypeAlias = Block | Head
Parts: TypeAlias = Mapping[PartName, Part]
_BlockOf: TypeAlias = Callable[[int], Block | None]


class Entered(Struct, frozen=True):
    """What entering readings into a ledger changed."""

    parts: dict[PartName, Block | Head]
    accepted: int
    duplicate: int
    hours: dict[int, tuple[int, int] | None]
    """Hours that changed: (amount, flags), or None where the ledger holds nothing any more."""
    was: dict[int, tuple[int, int] | None]
    """The same hours before."""
    added: tuple[Unknown, ...]
    withdrawn: tuple[Unknown, ...]
    found: tuple[Found, ...]
    explained: tuple[Found, ...]
    """Findings that no longer hold."""
    frontier: int
    """Time of the last kept reading of the register [ms]."""
    newest: tuple[int, int]
    """(time, amount) of the newest accepted reading."""
    new_fold: bool = False
    """Whether all blocks were folded again because an older fold had made them."""


def declare(rules: Rules, parts: Parts, exchanges: Sequence[Exchange], *, by_site: bool) -> Entered | None:
    """Enter declared exchanges into a register's ledger. See `enter`.

    Args:
        rules: The meter's bounds.
        parts: The register's state.
        exchanges: What is declared.
        by_site: By the site file: then these are all, and what it declared before and not now is void. A register
            whose blocks an older fold made is folded again, whether or not its declarations changed.

    Raises:
        NewerLedger: as `enter` does.
    """
    if not by_site:
        return enter(rules, parts, (), (), exchanges)
    head = parts.get(HEAD)
    before = head.by_site if isinstance(head, Head) else ()
    if isinstance(head, Head):
        check_fold_version(head)
    now = tuple(sorted(exchanges, key=fact_order))
    if now == before and not (isinstance(head, Head) and head.outdated):
        return None
    cut = head.cut if isinstance(head, Head) else 0
    void = [fact for fact in before if fact not in now and fact.at // DAY_MS >= cut]
    new = [fact for fact in now if fact not in before and fact.at // DAY_MS >= cut]
    entered = enter(rules, parts, (), (), new, void)
    if entered is None:
        # All that differs lies before the cut: figures stay, and the list of now is remembered.
        entered = _nothing(parts, head, 0) if isinstance(head, Head) and head.spans else None
    if entered is None:
        return None
    latest = entered.parts.get(HEAD) or parts.get(HEAD)
    assert isinstance(latest, Head)
    entered.parts[HEAD] = replace(latest, by_site=now, rules=rules)
    return entered


def enter(
    rules: Rules,
    parts: Parts,
    times: Sequence[int],
    amounts: Sequence[int],
    facts: Sequence[Fact] = (),
    void: Sequence[Fact] = (),
) -> Entered | None:
    """Enter readings, in any order, into a register's ledger. All of them lie after the cut, if there is one.

    Args:
        rules: The meter's bounds.
        parts: The register's state; only looked up, never changed.
        times: Instants of the readings [ms].
        amounts: Their amounts [base units].
        facts: Exchanges and intervals.
        void: Facts that are not so any more.

    Returns:
        What changed; None for nothing to enter and nothing to fold again.

    Raises:
        NewerLedger: a newer version of the fold made the register's blocks.
    """
    head = parts.get(HEAD)
    if not isinstance(head, Head):
        head = Head(fold_version=FOLD_VERSION)
    check_fold_version(head)
    if not times and not facts and not void and not head.outdated:
        return None
    current = head.rules == rules and head.fold_version == FOLD_VERSION
    if len(times) == 1 and not facts and not void and current and head.spans:
        entered = _append(rules, parts, head, times[0], amounts[0])
        if entered is not None:
            return entered
    changed, duplicate = _merge(parts, head, times, amounts, facts, void)
    accepted = len(times) + len(facts) - duplicate
    if not current:
        for day in head.days():
            if day < head.cut:
                continue  # the checkpoint, and what it was made of, stay as they are
            if day not in changed:
                old = _block(parts, day)
                changed[day] = _Merged(old, old.times, old.amounts, old.facts)
            else:
                changed[day] = changed[day]._replace(kept=(0, 0))
    if not changed:
        return _nothing(parts, head, duplicate) if head.spans else None

    new_days = [day for day, merged in changed.items() if merged.old is None]
    spans = head.with_days(new_days) if new_days else head.spans
    grown = replace(head, spans=spans, rules=rules, fold_version=FOLD_VERSION)
    old_blocks, new_blocks = _refold(rules, parts, grown, changed)
    reaching = _reaching(grown, new_blocks)
    new_head = replace(grown, reaching=reaching)

    hours, was = _compare(parts, head, new_head, old_blocks, new_blocks)
    added, withdrawn = _difference(
        [u for b in new_blocks.values() for u in b.booked.unknowns],
        [u for b in old_blocks.values() if b for u in b.booked.unknowns],
    )
    found, explained = _difference(
        [x for b in new_blocks.values() for x in b.booked.findings],
        [x for b in old_blocks.values() if b for x in b.booked.findings],
    )
    written: dict[PartName, Block | Head] = {utc_day(day): block for day, block in new_blocks.items()}
    if new_head != head:
        written[HEAD] = new_head
    last = spans[-1][1]
    newest = new_blocks.get(last) or _block(parts, last)
    return Entered(
        written,
        accepted,
        duplicate,
        hours,
        was,
        tuple(added),
        tuple(withdrawn),
        tuple(found),
        tuple(explained),
        newest.state.t,
        newest.newest,
        head.outdated,
    )


def check_fold_version(head: Head) -> None:
    """Refuse blocks that a newer fold made: this one would change what they booked.

    Raises:
        NewerLedger: it did.
    """
    if head.fold_version > FOLD_VERSION:
        raise NewerLedger(
            f"the ledger was folded by a newer Kvartal: rules of version {head.fold_version}, expected at most "
            f"{FOLD_VERSION}; start that Kvartal or a newer one"
        )


def _nothing(parts: Parts, head: Head, duplicate: int) -> Entered:
    """Nothing new was entered."""
    block = _block(parts, head.spans[-1][1])
    return Entered({}, 0, duplicate, {}, {}, (), (), (), (), block.state.t, block.newest)


def _append(rules: Rules, parts: Parts, head: Head, t: int, v: int) -> Entered | None:
    """Enter the reading that comes next in time, on the newest day: what a live meter sends.

    Returns:
        None where it is not that simple: the general way gives the same.
    """
    day = t // DAY_MS
    if day != head.spans[-1][1] or (head.reaching and head.reaching[-1][0] >= day):
        return None
    old = _block(parts, day)
    if not old.times or t <= old.times[-1] or (old.facts and t <= old.facts[-1].at):
        return None
    booked = Booked({}, {}, [], [])
    state = fold(rules, old.state, (t,), (v,), booked)
    assert state is not None
    touched = {*booked.amounts, *booked.flags, *_open_hours(old.state), *_open_hours(state)}
    if min(touched) < day * 24:
        return None
    kept = old.booked
    booked = Booked(
        {**kept.amounts, **{hour: kept.amounts.get(hour, 0) + part for hour, part in booked.amounts.items()}},
        {**kept.flags, **{hour: kept.flags.get(hour, 0) | note for hour, note in booked.flags.items()}},
        [*kept.unknowns, *booked.unknowns] if booked.unknowns else kept.unknowns,
        [*kept.findings, *booked.findings] if booked.findings else kept.findings,
        kept.shift + booked.shift,
    )
    hours: dict[int, tuple[int, int] | None] = {}
    was: dict[int, tuple[int, int] | None] = {}
    for hour in sorted(touched):
        then, now = _sum((kept,), hour, old.state), _sum((booked,), hour, state)
        if then != now:
            hours[hour], was[hour] = now, then
    return Entered(
        {utc_day(day): Block([*old.times, t], [*old.amounts, v], state, booked, old.facts)},
        1,
        0,
        hours,
        was,
        tuple(booked.unknowns[len(kept.unknowns) :]),
        (),
        tuple(booked.findings[len(kept.findings) :]),
        (),
        state.t,
        (t, v),
    )


def _block(parts: Parts, day: int) -> Block:
    block = parts.get(utc_day(day))
    if not isinstance(block, Block):
        raise KeyError(f"the ledger's head names UTC day {day}, but there is no block for it")
    return block


class _Merged(NamedTuple):
    """A block that changes."""

    old: Block | None
    times: list[int]
    amounts: list[int]
    facts: tuple[Fact, ...]
    kept: tuple[int, int] = (0, 0)
    """So many readings and facts stand as they did, and nothing new lies before their end: the fold can go on
    from the old block's checkpoint. At (0, 0) it begins again."""


def _merge(
    parts: Parts,
    head: Head,
    times: Sequence[int],
    amounts: Sequence[int],
    facts: Sequence[Fact],
    void: Sequence[Fact],
) -> tuple[dict[int, _Merged], int]:
    """What is new merged into its blocks, for blocks that change, and how much of it was there already."""
    by_day: dict[int, list[tuple[int, int]]] = {}
    for t, v in zip(times, amounts, strict=True):
        day = t // DAY_MS
        if day in by_day:
            by_day[day].append((t, v))
        else:
            by_day[day] = [(t, v)]
    stated: dict[int, list[Fact]] = {}
    for fact in facts:
        stated.setdefault(fact.at // DAY_MS, []).append(fact)
    gone = set(void)
    changed: dict[int, _Merged] = {}
    duplicate = 0
    for day in sorted({*by_day, *stated, *(fact.at // DAY_MS for fact in void)}):
        pairs, said = by_day.get(day, ()), stated.get(day, ())
        old = _block(parts, day) if head.holds(day) else None
        fresh = sorted(set(pairs))
        new = set(said)
        duplicate += len(pairs) - len(fresh) + len(said) - len(new)
        if old is None:
            if fresh or new:
                ordered = tuple(sorted(new, key=fact_order))
                changed[day] = _Merged(None, [t for t, _ in fresh], [v for _, v in fresh], ordered)
            continue
        last = old.newest[0]
        stale = gone and not gone.isdisjoint(old.facts)
        if not stale and (not fresh or fresh[0][0] > last) and all(fact.at > last for fact in new):
            changed[day] = _Merged(
                old,
                old.times + [t for t, _ in fresh],
                old.amounts + [v for _, v in fresh],
                (*old.facts, *sorted(new, key=fact_order)) if new else old.facts,
                (len(old.times), len(old.facts)),
            )
            continue
        have = set(zip(old.times, old.amounts, strict=True))
        unseen = [pair for pair in fresh if pair not in have]
        held = [fact for fact in old.facts if fact not in gone]
        untold = new.difference(held)
        duplicate += len(fresh) - len(unseen) + len(new) - len(untold)
        if unseen or untold or stale:
            merged = sorted((*have, *unseen))
            all_facts = tuple(sorted((*held, *untold), key=fact_order))
            changed[day] = _Merged(old, [t for t, _ in merged], [v for _, v in merged], all_facts)
    return changed, duplicate


def _refold(
    rules: Rules, parts: Parts, head: Head, changed: dict[int, _Merged]
) -> tuple[dict[int, Block | None], dict[int, Block]]:
    """Fold the changed blocks and those after them whose entry state changed."""
    old_blocks: dict[int, Block | None] = {}
    new_blocks: dict[int, Block] = {}
    waiting = sorted(changed, reverse=True)
    while waiting:
        day = waiting.pop()
        before = head.before(day)
        entry: State | None = None
        if before is not None:
            entry = (new_blocks.get(before) or _block(parts, before)).state
        moved = (
            before is not None
            and before in new_blocks
            and ((earlier := old_blocks[before]) is None or earlier.state != entry)
        )
        merged = changed.get(day)
        if merged is None:
            old = _block(parts, day)
            merged = _Merged(old, old.times, old.amounts, old.facts)
        held, times, amounts, facts, (readings, told) = merged
        if held is not None and (readings or told) and not moved:
            kept = held.booked
            booked = Booked(
                dict(kept.amounts), dict(kept.flags), list(kept.unknowns), list(kept.findings), kept.shift
            )
            state = fold(rules, held.state, times[readings:], amounts[readings:], booked, facts[told:])
        else:
            booked = Booked({}, {}, [], [])
            state = fold(rules, entry, times, amounts, booked, facts)
        old_blocks[day] = held
        if state is None:
            # All that was said of the register's first days is void.
            state = State(0, 0, open=True)
        new_blocks[day] = Block(times, amounts, state, booked, facts)
        if held is None or held.state != state:
            after = head.after(day)
            if after is not None and after not in changed:
                waiting.append(after)
                waiting.sort(reverse=True)
    return old_blocks, new_blocks


def _reaching(head: Head, new_blocks: Mapping[int, Block]) -> tuple[tuple[int, int], ...]:
    """Blocks whose bookings reach further back than the block before them."""
    kept = [entry for entry in head.reaching if entry[0] not in new_blocks]
    for day, block in new_blocks.items():
        hours = (*block.booked.amounts, *block.booked.flags)
        if not hours:
            continue
        earliest = min(hours)
        before = head.before(day)
        if before is not None and earliest < before * 24:
            kept.append((day, earliest))
    return tuple(sorted(kept))


def _compare(
    parts: Parts,
    old_head: Head,
    new_head: Head,
    old_blocks: Mapping[int, Block | None],
    new_blocks: Mapping[int, Block],
) -> tuple[dict[int, tuple[int, int] | None], dict[int, tuple[int, int] | None]]:
    """The hours that differ between the old and the new blocks: after, and before."""
    touched: set[int] = set()
    for day, block in new_blocks.items():
        old = old_blocks[day]
        if old is None:
            touched.update(block.booked.amounts)
            touched.update(block.booked.flags)
            continue
        touched.update(hour for hour, _ in block.booked.amounts.items() ^ old.booked.amounts.items())
        touched.update(hour for hour, _ in block.booked.flags.items() ^ old.booked.flags.items())

    def old_block(day: int) -> Block | None:
        if day in old_blocks:
            return old_blocks[day]
        return _block(parts, day) if old_head.holds(day) else None

    def new_block(day: int) -> Block | None:
        found = new_blocks.get(day)
        if found is not None:
            return found
        return _block(parts, day) if new_head.holds(day) else None

    old_end, new_end = _end(old_head, old_block), _end(new_head, new_block)
    for end in (old_end, new_end):
        if end is not None:
            touched.update(_open_hours(end))
    after: dict[int, tuple[int, int] | None] = {}
    before: dict[int, tuple[int, int] | None] = {}
    by_day: dict[int, list[int]] = {}
    for hour in sorted(touched):
        by_day.setdefault(hour // 24, []).append(hour)
    for day, hours in by_day.items():
        was_from = _contributors(old_head, day, hours, old_block)
        now_from = _contributors(new_head, day, hours, new_block)
        for hour in hours:
            was, now = _sum(was_from, hour, old_end), _sum(now_from, hour, new_end)
            if was != now:
                after[hour], before[hour] = now, was
    return after, before


def _end(head: Head, block_of: _BlockOf) -> State | None:
    """Where the register's fold stands after all its readings."""
    if not head.spans:
        return None
    block = block_of(head.spans[-1][1])
    return block.state if block is not None else None


def _open_hours(state: State) -> tuple[int, int]:
    """The hour that the fold's anchor lies in, and the one that it ends: later readings may change what they say."""
    return state.t // HOUR_MS, (state.t - 1) // HOUR_MS


def _contributors(head: Head, day: int, hours: Sequence[int], block_of: _BlockOf) -> list[Booked]:
    """What may book into hours of the UTC day: its own block, the next one, and those that reach back."""
    days = [day]
    after = head.after(day)
    if after is not None:
        days.append(after)
    days += [source for source, earliest in head.reaching if source not in days and earliest <= hours[-1]]
    blocks = (block_of(source) for source in days if source >= day)
    return [block.booked for block in blocks if block is not None]


def _sum(sources: Sequence[Booked], hour: int, end: State | None) -> tuple[int, int] | None:
    amount, note, held = 0, 0, False
    for booked in sources:
        part = booked.amounts.get(hour)
        if part is not None:
            amount += part
            held = True
        note |= booked.flags.get(hour, 0)
    if not held:
        return None
    if end is not None and hour * HOUR_MS < end.t <= (hour + 1) * HOUR_MS:
        if end.t < (hour + 1) * HOUR_MS:
            note |= f.PARTIAL
        if end.chains:
            note |= f.PENDING
    return amount, note


def _difference(new: list[_T], old: list[_T]) -> tuple[list[_T], list[_T]]:
    """What is only in `new`, and what is only in `old`."""
    if new == old:
        return [], []
    return [x for x in new if x not in old], [x for x in old if x not in new]
