"""One reading after all others of its register: the ordinary message of a live meter.

It joins the newest block, or begins one after it. Nothing else is folded or compared, so it costs a quarter of the
general way, which a meter that is read once a day would go for every reading (bench/pipeline.py).
"""

from __future__ import annotations

from metering.ledger.blocks import Block, Head, Part, Parts, block_of
from metering.ledger.booking import Booked
from metering.ledger.chains import pending
from metering.ledger.entered import Entered, difference
from metering.ledger.hours import Hour, sum_hour
from metering.ledger.ruled import fold_ruled
from metering.ledger.state import Rules, State
from metering.parts import HEAD, PartName, utc_day
from metering.times import DAY_MS, HOUR_MS


def append(rules: Rules, parts: Parts, head: Head, t: int, v: int) -> Entered | None:
    """Enter one reading that is newer than all others.

    Args:
        rules: The meter's bounds with the rulings in force.
        parts: The register's state; only read.
        head: Its head, which lists at least one block.
        t: Instant of the reading [ms].
        v: Its amount [base units].

    Returns:
        What the general way would return, faster; None if the reading needs the general way.
    """
    day, last = t // DAY_MS, head.spans[-1][1]
    if day < last or (head.reaching and head.reaching[-1][0] >= last):
        return None
    old = block_of(parts, last)
    if day == last and (not old.times or t <= old.times[-1] or (old.facts and t <= old.facts[-1].at)):
        return None
    booked = Booked({}, {}, [], [])
    state = fold_ruled(rules, old.state, (t,), (v,), booked)
    if state is None:
        return None
    touched = {*booked.amounts, *booked.flags, *_open_hour(old.state), *_open_hour(state)}
    if touched and min(touched) < last * 24:
        return None  # it concerns hours that other blocks book into
    if day == last:
        after = _joined(old.booked, booked)
        hours = _changed(touched, (old.booked,), old.state, (after,), state)
        block = Block([*old.times, t], [*old.amounts, v], state, after, old.facts)
        written: dict[PartName, Part | None] = {utc_day(day): block}
    else:
        hours = _changed(touched, (old.booked,), old.state, (old.booked, booked), state)
        written = {utc_day(day): Block([t], [v], state, booked), HEAD: head.after_fold(rules, (day,))}
    unknowns_added, unknowns_withdrawn = difference(booked.unknowns, booked.returned)
    findings_added, findings_withdrawn = difference(booked.findings, [])
    if state.chains or old.state.chains or old.state.stalled is not None:
        findings_added, findings_withdrawn = difference(
            [*booked.findings, *pending(state)], [*pending(old.state)]
        )
    return Entered(
        parts=written,
        accepted=1,
        duplicate=0,
        frontier=state.t,
        newest=(t, v),
        hours=hours,
        unknowns_added=unknowns_added,
        unknowns_withdrawn=unknowns_withdrawn,
        findings_added=findings_added,
        findings_withdrawn=findings_withdrawn,
    )


def _open_hour(end: State) -> tuple[int, ...]:
    """The hour whose flags depend on the register's last state, if any does (`metering.ledger.hours.sum_hour`)."""
    return ((end.t - 1) // HOUR_MS,) if end.chains or end.t % HOUR_MS else ()


def _joined(before: Booked, booked: Booked) -> Booked:
    """What a block booked, with what its new reading books."""
    amounts, flags = before.amounts, before.flags
    if booked.amounts:
        amounts = dict(amounts)
        for hour, part in booked.amounts.items():
            amounts[hour] = amounts.get(hour, 0) + part
    if booked.flags:
        flags = dict(flags)
        for hour, noted in booked.flags.items():
            flags[hour] = flags.get(hour, 0) | noted
    return Booked(
        amounts,
        flags,
        [*before.unknowns, *booked.unknowns] if booked.unknowns else before.unknowns,
        [*before.findings, *booked.findings] if booked.findings else before.findings,
        before.shift + booked.shift,
        [*before.named, *booked.named] if booked.named else before.named,
        [*before.returned, *booked.returned] if booked.returned else before.returned,
    )


def _changed(
    touched: set[int],
    old_sources: tuple[Booked, ...],
    old_end: State,
    new_sources: tuple[Booked, ...],
    new_end: State,
) -> dict[int, Hour]:
    """The touched hours that differ. Old sources are among the new ones, or have become one of them."""
    hours: dict[int, Hour] = {}
    booked = new_sources[-1].amounts, new_sources[0].amounts
    for hour in sorted(touched):
        if hour not in booked[0] and hour not in booked[1]:
            continue  # without an amount there is no hour, neither before nor now
        old_hour, new_hour = sum_hour(old_sources, hour, old_end), sum_hour(new_sources, hour, new_end)
        if old_hour != new_hour:
            hours[hour] = new_hour
    return hours
