"""What a main meter counted beyond its sub-meters: the balance, with the part of it that is known in total only.

A day counts if every meter has a use. Days between two such days are known in total (use between two readings is one
unknown block, law 1, docs/laws.md), although not day by day: their part of the difference is the unknown part.
Days before a meter's first reading, after its last, or at an edge of the requested period have no known total, nor have
days of which no register counted a part (an exchange). They are only counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from msgspec import Struct

from metering import flags as f
from metering.events import Day
from metering.parts import HEAD, PartName, Parts, local_date, part
from metering.site.meters import Building, Meter
from metering.times import month_start
from metering.units import UNITS

LEAST_DAYS: Final = 20
"""Number of days with a use of every meter, two thirds of a month, from which on the month is judged."""


class Balance(NamedTuple):
    """Main minus sub-meters over some days [base units]."""

    days: int
    """Days on which every meter has a use."""
    main: int
    """Use by the main meter on these days."""
    subs: int
    """Use by all sub-meters on these days."""
    days_missing: int
    """Days on which a part of some meter's use is unknown or was never counted."""
    days_without_total: int
    """The missing days of which not even a total is known."""
    main_in_doubt: int
    """Use by the main meter on the other missing days, by hour or in total."""
    subs_in_doubt: int

    @property
    def difference(self) -> int | None:
        """Use by the main meter beyond its sub-meters, on the days on which all are known; None without such days."""
        return self.main - self.subs if self.days else None

    @property
    def unknown(self) -> int:
        """The further part of the difference that is known in total only, not by day."""
        return self.main_in_doubt - self.subs_in_doubt


def subs_of(building: Building) -> dict[str, list[Meter]]:
    """Sub-meters of a building by the id of their main meter."""
    subs: dict[str, list[Meter]] = {}
    for meter in building.meter:
        if meter.parent is not None:
            subs.setdefault(meter.parent, []).append(meter)
    return subs


def balance(
    main: Mapping[int, Day], subs: Sequence[Mapping[int, Day]], first: int, last: int
) -> tuple[list[tuple[int, int | None]], Balance]:
    """The balance of the days `[first, last]`.

    Args:
        main: Days of the main meter by date; missing days are not complete.
        subs: The same of each sub-meter.
        first: Ordinal of the first date.
        last: Ordinal of the last date.

    Returns:
        The difference by date, None if a meter has no use of that day; and the balance of all days.
    """
    rows: list[tuple[int, int | None]] = []
    days = used = by_subs = missing = without_total = main_doubt = subs_doubt = 0
    waiting: list[int] = []  # days without a figure since the last one with it
    for date in range(first, last + 1):
        whole, parts = main.get(date), [days_of.get(date) for days_of in subs]
        uses = [day.used for day in parts if day is not None and day.used is not None]
        if whole is None or whole.used is None or len(uses) < len(subs):
            missing += 1
            waiting.append(date)
            rows.append((date, None))
            continue
        if days and all(_has_total(each.get(date)) for each in (main, *subs) for date in waiting):
            main_doubt += sum(_counted(main[date]) for date in waiting)
            subs_doubt += sum(_counted(each[date]) for each in subs for date in waiting)
        else:
            without_total += len(waiting)
        waiting = []
        days += 1
        used += whole.used
        by_subs += sum(uses)
        rows.append((date, whole.used - sum(uses)))
    return rows, Balance(days, used, by_subs, missing, without_total + len(waiting), main_doubt, subs_doubt)


def _has_total(day: Day | None) -> bool:
    """Whether registers counted all of the day, by hour or in total over several days."""
    return day is not None and not day.flags & f.UNCOUNTED


def _counted(day: Day) -> int:
    return day.known + day.unknown


class Excess(NamedTuple):
    """Sub-meters that counted more than the main meter before them could have passed on."""

    first: int
    """Ordinal of the first date that counts."""
    last: int
    days: int
    main: int
    """Use by the main meter [base units]."""
    subs: int


Uses = Mapping[int, tuple[int, int]]
"""(use, the part of it that rests on an interpolation across midnight) by date; only dates that have a use."""


def excess(main: Uses, subs: Sequence[Uses], units: Sequence[int]) -> Excess | None:
    """Whether sub-meters counted more than their main meter, beyond what displays and midnights explain.

    Only days with a use by every meter are compared, so that unknown energy neither explains nor hides an excess.

    Args:
        main: Days of the main meter, of one month.
        subs: The same of each sub-meter.
        units: The step of each register's display, of all of them [base units].

    Returns:
        The excess, or None; also None if fewer than `LEAST_DAYS` days can be compared.
    """
    dates = sorted(main.keys() & set.intersection(*(set(each) for each in subs)))
    if len(dates) < LEAST_DAYS:
        return None
    edges = [edge for run in _runs(dates) for edge in run]
    # Energy that interpolation may have put on the wrong side of a midnight at which the comparison begins or ends.
    misplaced = sum(each[date][1] for each in (main, *subs) for date in set(edges))
    of_main, of_subs = (sum(each[date][0] for date in dates) for each in (main, _sum(subs, dates)))
    if of_subs - of_main <= misplaced + _display_error(units, len(edges) // 2):
        return None
    return Excess(dates[0], dates[-1], len(dates), of_main, of_subs)


def _sum(several: Sequence[Uses], dates: Sequence[int]) -> Uses:
    return {date: (sum(each[date][0] for each in several), 0) for date in dates}


def _runs(dates: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(first, last) of runs of dates that follow each other."""
    start = last = dates[0]
    for date in dates[1:]:
        if date != last + 1:
            yield start, last
            start = date
        last = date
    yield start, last


def _display_error(units: Sequence[int], runs: int) -> int:
    """Largest plausible error of displays that show whole units, over runs of days [base units].

    A difference of two readings is off by less than a unit, by 1/sqrt(6) of it on average (two uniform errors);
    for many registers three times that bounds the error, and it is less than the sum of the worst cases.
    """
    worst = runs * sum(units)
    likely = 3 * math.sqrt(runs * sum(unit * unit for unit in units) / 6)
    return min(worst, math.ceil(likely))


def display_units(building: Building, meters: Sequence[str]) -> list[int]:
    """The step of the display of every register behind meters [base units]; virtual ones have their members'."""
    by_id = {meter.id: meter for meter in building.meter}
    units: list[int] = []
    for name in meters:
        meter = by_id[name]
        if meter.virtual is not None:
            units += display_units(building, meter.virtual.members)
        else:
            units.append(math.ceil(UNITS[meter.unit].scale))
    return units


Figures: TypeAlias = dict[str, int | str]
ExcessRow: TypeAlias = tuple[int, int, Figures | str]
"""(first date, last date, figures); state written before findings had figures has a sentence in their place."""


class BalanceMonth(Struct, frozen=True, tag="m", array_like=True, gc=False):
    """Days of a main meter and of its sub-meters in one month."""

    uses: dict[str, dict[int, tuple[int, int]]] = {}
    """Meter -> date -> (use, estimated part of it)."""


class BalanceHead(Struct, frozen=True, tag="h", array_like=True, gc=False):
    """The months to be judged, and those in excess. A month is named by the ordinal of its first date."""

    changed: tuple[int, ...] = ()
    excesses: dict[int, ExcessRow] = {}
    """The months whose sub-meters count more than the main meter."""


BalancePart: TypeAlias = BalanceMonth | BalanceHead


class Metered(NamedTuple):
    """A main meter, its sub-meters, and the steps of their displays."""

    main: str
    subs: tuple[str, ...]
    units: list[int]


def metered(building: Building) -> list[Metered]:
    """The main meters of a building that have sub-meters."""
    several = ((main, tuple(sub.id for sub in subs)) for main, subs in subs_of(building).items())
    return [Metered(main, subs, display_units(building, (main, *subs))) for main, subs in several]


def note_day(parts: Parts[BalancePart], day: Day) -> dict[PartName, BalancePart | None]:
    """Note a day of the main meter or of a sub-meter; returns the changed parts."""
    head = part(parts, HEAD, BalanceHead) or BalanceHead()
    month = month_start(day.date)
    state = part(parts, local_date(month), BalanceMonth) or BalanceMonth()
    before = state.uses.get(day.meter, {})
    uses = dict(before)
    uses.pop(day.date, None)
    if day.used is not None and not day.withdrawn:
        uses[day.date] = (day.used, day.estimated)
    if uses == before:
        return {}
    # A month or meter without days is none: what was withdrawn leaves no trace.
    of_meters = {**state.uses, day.meter: dict(sorted(uses.items()))}
    kept = {meter: dates for meter, dates in sorted(of_meters.items()) if dates}
    changed: dict[PartName, BalancePart | None] = {local_date(month): BalanceMonth(kept) if kept else None}
    if month not in head.changed:
        changed[HEAD] = BalanceHead(tuple(sorted((*head.changed, month))), head.excesses)
    return changed


def judge_months(
    parts: Parts[BalancePart], meters: Metered
) -> tuple[dict[PartName, BalancePart | None], list[tuple[ExcessRow, bool]]]:
    """Judge the months that changed.

    Returns:
        The changed parts; and what changed: an excess, and whether it is withdrawn.
    """
    head = part(parts, HEAD, BalanceHead)
    if head is None or not head.changed:
        return {}, []
    excesses = dict(head.excesses)
    news: list[tuple[ExcessRow, bool]] = []
    for month in head.changed:
        state = part(parts, local_date(month), BalanceMonth) or BalanceMonth()
        was, now = excesses.pop(month, None), _excess_of(state, meters)
        if now is not None:
            excesses[month] = now
        if was != now:
            news += [(each, withdrawn) for each, withdrawn in ((was, True), (now, False)) if each is not None]
    return {HEAD: BalanceHead((), dict(sorted(excesses.items()))) if excesses else None}, news


def _excess_of(month: BalanceMonth, meters: Metered) -> ExcessRow | None:
    subs = [month.uses.get(sub, {}) for sub in meters.subs]
    result = excess(month.uses.get(meters.main, {}), subs, meters.units)
    if result is None:
        return None
    figures: Figures = {
        "days": result.days,
        "meters": ", ".join(meters.subs),
        "subs": result.subs,
        "main": result.main,
    }
    return result.first, result.last, figures
