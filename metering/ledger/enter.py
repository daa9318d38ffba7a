"""Entering readings and facts into the ledger of one register, in any order.

Theory of operation
-------------------
A reading changes the block of its own UTC day. The fold then continues from the checkpoint of the block before it,
block by block, until a checkpoint is the same as it was before: all later blocks stay as they are. `enter` returns only
the parts, hours, unknown blocks and findings that changed. Nothing before the cut of retention (`Head.cut`) may be
entered.

Rulings of persons are kept in the head, and those in force are part of the rules that the blocks are folded by. If they
change, all blocks are folded again. A ruling that comes before the first reading waits in the head.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace

from metering.events import Exchange, Ruling, Unknown
from metering.ledger.append import append
from metering.ledger.blocks import Block, Head, Part, Parts, block_of
from metering.ledger.booking import Booked, net_unknowns
from metering.ledger.chains import pending
from metering.ledger.entered import Entered, difference
from metering.ledger.hours import changed_hours
from metering.ledger.ruled import NOTHING_YET, fold_ruled, ruled_by
from metering.ledger.rulings import effective, merged, ruled_exchanges
from metering.ledger.state import Fact, Rules, State, fact_identity, fact_order, same_statement
from metering.parts import HEAD, PartName, utc_day
from metering.times import DAY_MS


def declare(rules: Rules, parts: Parts, exchanges: Sequence[Exchange], *, by_site: bool) -> Entered | None:
    """Enter declared exchanges into a register's ledger. See `enter`.

    Args:
        rules: The meter's bounds.
        parts: The register's state.
        exchanges: What is declared.
        by_site: Whether the site file declares them. Its list replaces its previous list. A register whose blocks an
            older version of the fold made, or other bounds, is folded again, whether or not the list changed.

    Raises:
        NewerLedger: as `enter` does.
    """
    if not by_site:
        return enter(rules, parts, (), (), exchanges)
    stored = parts.get(HEAD)
    head = stored if isinstance(stored, Head) else Head()
    head.check_version()
    before, now = head.by_site, tuple(sorted(exchanges, key=fact_order))
    if now == before and (head.folded_by(rules) or not head.spans):
        return None
    also_ruled = ruled_exchanges(effective(head.rulings))
    gone = [fact for fact in before if fact not in now and fact not in also_ruled]
    void = [fact for fact in gone if fact.at // DAY_MS >= head.cut]
    new = [fact for fact in now if fact not in before and fact.at // DAY_MS >= head.cut]
    entered = enter(rules, parts, (), (), new, void)
    if entered is None and head.spans:
        # The lists differ only before the cut: no figure changes, and the head keeps the new list.
        entered = _unchanged(parts, head, 0)
    if entered is None:
        return None
    latest = entered.parts.get(HEAD) or parts.get(HEAD)
    assert isinstance(latest, Head)
    entered.parts[HEAD] = replace(latest, by_site=now)
    return entered


def rule(rules: Rules, parts: Parts, rulings: Sequence[Ruling]) -> Entered | None:
    """Enter rulings of persons about a register, in any order. None of them may lie before the cut. See `enter`.

    Returns:
        What changed; None if all of it was stated before.

    Raises:
        NewerLedger: as `enter` does.
    """
    stored = parts.get(HEAD)
    head = stored if isinstance(stored, Head) else Head()
    head.check_version()
    now = merged(head.rulings, rulings)
    if now == head.rulings:
        return None
    newer = replace(head, rulings=now)
    before, after = (ruled_exchanges(effective(each)) for each in (head.rulings, now))
    first = head.cut * DAY_MS
    void = [fact for fact in before if fact.at >= first and fact not in after and fact not in head.by_site]
    new = [fact for fact in after if fact.at >= first and fact not in before and fact not in head.by_site]
    entered = _enter(rules, parts, newer, (), (), new, void)
    if entered is None:
        entered = _unchanged(parts, head, 0) if head.spans else Entered({}, 0, 0, 0, (0, 0), {})
    latest = entered.parts.get(HEAD, newer)
    return replace(entered, parts={**entered.parts, HEAD: latest})


def _with_rulings(rules: Rules, head: Head) -> Rules:
    """The meter's bounds with the rulings in force."""
    return ruled_by(rules, head.rulings) if head.rulings else rules


def enter(
    rules: Rules,
    parts: Parts,
    times: Sequence[int],
    amounts: Sequence[int],
    facts: Sequence[Fact] = (),
    void: Sequence[Fact] = (),
) -> Entered | None:
    """Enter readings, in any order, into a register's ledger. None of them may lie before the cut.

    Args:
        rules: The meter's bounds.
        parts: The register's state; only read.
        times: Instants of the readings [ms].
        amounts: Their amounts [base units].
        facts: Exchanges and intervals.
        void: Facts that have been withdrawn.

    Returns:
        What changed; None if there is nothing to enter and nothing to fold again.

    Raises:
        NewerLedger: a newer version of the fold made the register's blocks.
    """
    stored = parts.get(HEAD)
    head = stored if isinstance(stored, Head) else Head()
    return _enter(rules, parts, head, times, amounts, facts, void)


def _enter(
    rules: Rules,
    parts: Parts,
    head: Head,
    times: Sequence[int],
    amounts: Sequence[int],
    facts: Sequence[Fact],
    void: Sequence[Fact],
) -> Entered | None:
    """`enter`, by a head that may have newer rulings than the stored one."""
    head.check_version()
    rules = _with_rulings(rules, head)
    current = head.folded_by(rules)
    if not times and not facts and not void and (current or not head.spans):
        return None
    if len(times) == 1 and not facts and not void and current and head.spans:
        entered = append(rules, parts, head, times[0], amounts[0])
        if entered is not None:
            return entered
    changed, duplicate = _merge(parts, head, times, amounts, facts, void)
    if not current:
        for day in head.days():
            if day < head.cut:
                continue  # the checkpoint stays as it is: its readings are deleted
            if day in changed:
                changed[day] = changed[day]._replace(same_readings=0, same_facts=0)
            else:
                changed[day] = _unmerged(block_of(parts, day))
    if not changed:
        return _unchanged(parts, head, duplicate) if head.spans else None

    gone = _take_out_empty(parts, head, changed)
    folded = head.after_fold(rules, [day for day, merged in changed.items() if merged.old is None])
    folded = folded.without_days(gone) if gone else folded
    old_blocks, new_blocks = _refold(rules, parts, folded, changed)
    new_head = replace(folded, reaching=_reaching(folded, new_blocks))
    old_blocks.update(gone)
    as_shown = new_blocks | dict.fromkeys(gone, _EMPTY) if gone else new_blocks

    hours = changed_hours(parts, head, new_head, old_blocks, as_shown)
    new_booked = [block.booked for block in new_blocks.values()]
    old_booked = [block.booked for block in old_blocks.values() if block]
    if head.outdated:
        # All are published again: stores of earlier versions kept one of two blocks that begin at one instant.
        unknowns_added, unknowns_withdrawn = tuple(net_unknowns(new_booked)), tuple(net_unknowns(old_booked))
    else:
        unknowns_added, unknowns_withdrawn = difference(
            [*_booked_unknowns(new_booked), *_returned(old_booked)],
            [*_booked_unknowns(old_booked), *_returned(new_booked)],
        )
    last_block = _EMPTY
    if new_head.spans:
        last = new_head.spans[-1][1]
        last_block = new_blocks.get(last) or block_of(parts, last)
    last_before = block_of(parts, head.spans[-1][1]).state if head.spans else None
    findings_added, findings_withdrawn = difference(
        [
            *(finding for block in new_blocks.values() for finding in block.booked.findings),
            *pending(last_block.state),
        ],
        [
            *(finding for block in old_blocks.values() if block for finding in block.booked.findings),
            *(pending(last_before) if last_before else ()),
        ],
    )
    written: dict[PartName, Part | None] = {utc_day(day): block for day, block in new_blocks.items()}
    written |= {utc_day(day): None for day in gone}
    if new_head != head:
        written[HEAD] = new_head
    return Entered(
        parts=written,
        accepted=len(times) + len(facts) - duplicate,
        duplicate=duplicate,
        frontier=last_block.state.t,
        newest=last_block.newest,
        hours=hours,
        unknowns_added=unknowns_added,
        unknowns_withdrawn=unknowns_withdrawn,
        findings_added=findings_added,
        findings_withdrawn=findings_withdrawn,
        new_fold=head.outdated,
        first=_first(new_head, new_blocks),
    )


def _first(head: Head, new_blocks: Mapping[int, Block]) -> int:
    """`Entered.first`: when the register's account begins."""
    day: int | None = head.spans[0][0] if head.spans else None
    while day is not None and (block := new_blocks.get(day)) is not None:
        if block.times or block.facts:
            return block.first
        day = head.after(day)
    return 0


_EMPTY: Final = Block([], [], State(0, 0), Booked({}, {}, [], []))
"""Stands for a block that is gone."""


def _take_out_empty(parts: Parts, head: Head, changed: dict[int, _Merged]) -> dict[int, Block]:
    """Take out the blocks whose facts are all withdrawn, so that these leave no trace; the next block is folded anew.

    Returns:
        The blocks that are gone, as they were, by UTC day.
    """
    gone = {
        day: merged.old
        for day, merged in changed.items()
        if merged.old is not None and not merged.times and not merged.facts
    }
    for day in gone:
        del changed[day]
    for day in gone:
        after = head.after(day)
        if after is not None and after not in gone:
            merged = changed.get(after) or _unmerged(block_of(parts, after))
            changed[after] = merged._replace(same_readings=0, same_facts=0)
    return gone


def _unchanged(parts: Parts, head: Head, duplicate: int) -> Entered:
    """The result if every reading is a duplicate."""
    block = block_of(parts, head.spans[-1][1])
    return Entered({}, 0, duplicate, block.state.t, block.newest, {})


def _booked_unknowns(several: Iterable[Booked]) -> list[Unknown]:
    return [unknown for booked in several for unknown in booked.unknowns]


def _returned(several: Iterable[Booked]) -> list[Unknown]:
    return [unknown for booked in several for unknown in booked.returned]


class _Merged(NamedTuple):
    """A block to be folded again, with the readings and facts that it will contain."""

    old: Block | None
    times: list[int]
    amounts: list[int]
    facts: tuple[Fact, ...]
    same_readings: int = 0
    """Number of leading readings that are unchanged, if nothing new lies before the end of the old block. Folding then
    resumes after them from the old checkpoint."""
    same_facts: int = 0
    """The same of facts."""


def _unmerged(block: Block) -> _Merged:
    """A block to be folded again with the readings and facts that it has."""
    return _Merged(block, block.times, block.amounts, block.facts)


def _merge(
    parts: Parts,
    head: Head,
    times: Sequence[int],
    amounts: Sequence[int],
    facts: Sequence[Fact],
    void: Sequence[Fact],
) -> tuple[dict[int, _Merged], int]:
    """Merge readings and facts into their blocks.

    Returns:
        The blocks that change, by UTC day; and the number of readings and facts that are duplicates.
    """
    if len(times) == 1 and not facts and not void:
        one = _merge_one(parts, head, times[0], amounts[0])
        if one is not None:
            return one
    readings_by_day: dict[int, list[tuple[int, int]]] = {}
    for t, v in zip(times, amounts, strict=True):
        day = t // DAY_MS
        if day in readings_by_day:
            readings_by_day[day].append((t, v))
        else:
            readings_by_day[day] = [(t, v)]
    facts_by_day: dict[int, list[Fact]] = {}
    for fact in facts:
        facts_by_day.setdefault(fact.at // DAY_MS, []).append(fact)
    withdrawn = {fact_identity(fact) for fact in void}
    changed: dict[int, _Merged] = {}
    duplicate = 0
    for day in sorted({*readings_by_day, *facts_by_day, *(fact.at // DAY_MS for fact in void)}):
        day_readings, day_facts = readings_by_day.get(day, ()), facts_by_day.get(day, ())
        readings, new_facts = sorted(set(day_readings)), _by_identity(day_facts)
        duplicate += len(day_readings) - len(readings) + len(day_facts) - len(new_facts)
        old = block_of(parts, day) if head.has_block(day) else None
        if old is None:
            if readings or new_facts:
                ordered = tuple(sorted(new_facts.values(), key=fact_order))
                changed[day] = _Merged(None, [t for t, _ in readings], [v for _, v in readings], ordered)
            continue
        last = old.newest[0]
        loses_facts = withdrawn and not withdrawn.isdisjoint(map(fact_identity, old.facts))
        appends = (not readings or readings[0][0] > last) and all(fact.at > last for fact in new_facts)
        if appends and not loses_facts:
            changed[day] = _Merged(
                old,
                old.times + [t for t, _ in readings],
                old.amounts + [v for _, v in readings],
                (*old.facts, *sorted(new_facts.values(), key=fact_order)) if new_facts else old.facts,
                same_readings=len(old.times),
                same_facts=len(old.facts),
            )
            continue
        old_readings = set(zip(old.times, old.amounts, strict=True))
        new_readings = [reading for reading in readings if reading not in old_readings]
        kept_facts = {
            identity: fact for fact in old.facts if (identity := fact_identity(fact)) not in withdrawn
        }
        merged_facts = _by_identity((*kept_facts.values(), *new_facts.values()))
        duplicate += len(readings) - len(new_readings) + len(kept_facts) + len(new_facts) - len(merged_facts)
        if new_readings or merged_facts != kept_facts or loses_facts:
            ordered_readings = sorted((*old_readings, *new_readings))
            ordered = tuple(sorted(merged_facts.values(), key=fact_order))
            changed[day] = _Merged(
                old, [t for t, _ in ordered_readings], [v for _, v in ordered_readings], ordered
            )
    return changed, duplicate


def _merge_one(parts: Parts, head: Head, t: int, v: int) -> tuple[dict[int, _Merged], int] | None:
    """`_merge` of one reading, the ordinary late message, without sets; None if its block has several facts."""
    day = t // DAY_MS
    if not head.has_block(day):
        return {day: _Merged(None, [t], [v], ())}, 0
    old = block_of(parts, day)
    if len(old.facts) > 1:
        return None
    times, amounts = old.times, old.amounts
    at = bisect_left(times, t)
    while at < len(times) and times[at] == t and amounts[at] < v:
        at += 1
    if at < len(times) and (times[at], amounts[at]) == (t, v):
        return {}, 1
    appends = t > old.newest[0]
    merged = _Merged(
        old,
        [*times[:at], t, *times[at:]],
        [*amounts[:at], v, *amounts[at:]],
        old.facts,
        same_readings=len(times) if appends else 0,
        same_facts=len(old.facts) if appends else 0,
    )
    return {day: merged}, 0


def _by_identity(facts: Sequence[Fact]) -> dict[Fact, Fact]:
    """Facts by what they say; several statements of one are one."""
    stated: dict[Fact, Fact] = {}
    for fact in facts:
        identity = fact_identity(fact)
        other = stated.get(identity)
        stated[identity] = fact if other is None else same_statement(other, fact)
    return stated


def _refold(
    rules: Rules, parts: Parts, head: Head, changed: dict[int, _Merged]
) -> tuple[dict[int, Block | None], dict[int, Block]]:
    """Fold the changed blocks, and the blocks after them as long as the previous checkpoint changes.

    Returns:
        The blocks before and after, by UTC day; None for a block that is new.
    """
    old_blocks: dict[int, Block | None] = {}
    new_blocks: dict[int, Block] = {}
    queue = sorted(changed, reverse=True)
    while queue:
        day = queue.pop()
        previous = head.before(day)
        entry: State | None = None
        entry_changed = False
        if previous in new_blocks:
            entry = new_blocks[previous].state
            replaced = old_blocks[previous]
            entry_changed = replaced is None or replaced.state != entry
        elif previous is not None:
            entry = block_of(parts, previous).state
        merged = changed.get(day) or _unmerged(block_of(parts, day))
        old, times, amounts, facts, same_readings, same_facts = merged
        if old is not None and (same_readings or same_facts) and not entry_changed:
            booked = old.booked.copy()
            state = fold_ruled(
                rules, old.state, times[same_readings:], amounts[same_readings:], booked, facts[same_facts:]
            )
        else:
            booked = Booked({}, {}, [], [])
            state = fold_ruled(rules, entry, times, amounts, booked, facts)
        old_blocks[day] = old
        if state is None:
            state = NOTHING_YET
        new_blocks[day] = Block(times, amounts, state, booked, facts)
        if old is None or old.state != state:
            after = head.after(day)
            if after is not None and after not in changed:
                queue.append(after)
                queue.sort(reverse=True)
    return old_blocks, new_blocks


def _reaching(head: Head, new_blocks: Mapping[int, Block]) -> tuple[tuple[int, int], ...]:
    """`Head.reaching` after `new_blocks` replaced their predecessors."""
    reaching = [entry for entry in head.reaching if entry[0] not in new_blocks]
    for day, block in new_blocks.items():
        hours = (*block.booked.amounts, *block.booked.flags)
        if not hours:
            continue
        earliest = min(hours)
        before = head.before(day)
        if before is not None and earliest < before * 24:
            reaching.append((day, earliest))
    return tuple(sorted(reaching))
