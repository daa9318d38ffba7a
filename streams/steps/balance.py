"""Days of main meters and their sub-meters -> findings: sub-meters that count more than their main meter.

Judged when a tick comes, once for all days that a batch brought. The result depends on the month's days alone, not on
the order in which they became known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from metering.events import Day, Event, Finding, RegisterId, Tick
from metering.ledger.balance import (
    BalanceHead,
    BalanceMonth,
    BalancePart,
    ExcessRow,
    Metered,
    judge_months,
    metered,
    note_day,
)
from metering.parts import Changed, Parts
from metering.site.model import Site
from metering.times import day_bounds
from streams.step import Step


def balance_step(site: Site) -> Step[RegisterId, BalancePart, Day | Tick]:
    """The step that notices sub-meters that count more than their main meter."""
    zone = site.zone
    meters_of: dict[RegisterId, Metered] = {}
    mains: dict[str, list[RegisterId]] = {}
    mains_of: dict[RegisterId, list[RegisterId]] = {}
    for building in site.building:
        for each in metered(building):
            quantity = site.meters[building.id, each.main].quantity
            main = RegisterId(building.id, each.main, quantity)
            meters_of[main] = each
            mains.setdefault(building.id, []).append(main)
            for meter in (each.main, *each.subs):
                mains_of.setdefault(RegisterId(building.id, meter, quantity), []).append(main)

    def keys(event: Day | Tick) -> Iterable[RegisterId]:
        if isinstance(event, Tick):
            return mains.get(event.building, ())
        return mains_of.get(event.register, ()) if mains_of else ()

    def run(
        main: RegisterId, parts: Parts[BalancePart], event: Day | Tick
    ) -> tuple[Changed[BalancePart], Sequence[Event]]:
        if isinstance(event, Day):
            return note_day(parts, event), ()
        changed, news = judge_months(parts, meters_of[main])
        return changed, [finding(main, each, event.received_at, withdrawn) for each, withdrawn in news]

    def finding(main: RegisterId, excess: ExcessRow, received_at: int, withdrawn: bool) -> Finding:
        first, last, figures = excess
        if isinstance(figures, str):
            figures = {"text": figures}
        start, end = day_bounds(first, zone)[0], day_bounds(last, zone)[1]
        return Finding(
            **main.fields(),
            kind="balance",
            start=start,
            end=end,
            figures=figures,
            received_at=received_at,
            withdrawn=withdrawn,
        )

    return Step("balance", (Day, Tick), keys, (BalanceMonth, BalanceHead), run)
