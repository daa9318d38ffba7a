"""What a main meter counted that its sub-meters did not: the balance, with the part of it that nobody knows.

A day counts where every meter has a use. Days between two such days are known in total (what falls between two
readings is one unknown block, law 1, docs/laws.md), although not day by day: their part of the difference is
the unknown part.
Days before a meter's first reading, after its last, or at the edge of the time that was asked for are not even
that: nothing is said of them but how many they are.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from msgspec import Struct

from metering.events import Day
from metering.parts import HEAD, PartName, Parts, local_date, part
from metering.site.meters import Building, Meter
from metering.units import UNITS

LEAST_DAYS: Final = 20
"""A month is judged once so many of its days, two thirds, have a figure of every meter."""


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
    days_untold: int
    """Those of them of which not even a total is known."""
    main_in_doubt: int
    """What the main meter counted on the other days that are missing, by hour or in total."""
    subs_in_doubt: int

    @property
    def difference(self) -> int | None:
        """What the main meter counted beyond its sub-meters, on days on which all are known; None without any."""
        return self.main - self.subs if self.days else None

    @property
    def unknown(self) -> int:
        """The further part of the difference that is known in total only, not by day."""
        return self.main_in_doubt - self.subs_in_doubt


def subs_of(building: Building) -> dict[str, list[Meter]]:
    """Sub-meters of a building by the id of their main meter."""
    found: dict[str, list[Meter]] = {}
    for meter in building.meter:
        if meter.parent is not None:
            found.setdefault(meter.parent, []).append(meter)
    return found


def balance(
    main: Mapping[int, Day], subs: Sequence[Mapping[int, Day]], first: int, last: int
) -> tuple[list[tuple[int, int | None]], Balance]:
    """The balance of the days `[first, last]`.

    Args:
        main: Days of the main meter by date; those that are missing are not complete.
        subs: The same of each sub-meter.
        first: Ordinal of the first date.
        last: Of the last.

    Returns:
        Per date the difference, None where a meter has no use of that day; and the whole.
    """
    rows: list[tuple[int, int | None]] = []
    days = used = by_subs = missing = untold = main_doubt = subs_doubt = 0
    waiting: list[int] = []  # days without a figure since the last one with it
    for date in range(first, last + 1):
        whole, parts = main.get(date), [days_of.get(date) for days_of in subs]
        uses = [day.used for day in parts if day is not None and day.used is not None]
        if whole is None or whole.used is None or len(uses) < len(subs):
            missing += 1
            waiting.append(date)
            rows.append((date, None))
            continue
        if days and all(date in each for each in (main, *subs) for date in waiting):
            main_doubt += sum(_counted(main[date]) for date in waiting)
            subs_doubt += sum(_counted(each[date]) for each in subs for date in waiting)
        else:
            untold += len(waiting)
        waiting = []
        days += 1
        used += whole.used
        by_subs += sum(uses)
        rows.append((date, whole.used - sum(uses)))
    return rows, Balance(days, used, by_subs, missing, untold + len(waiting), main_doubt, subs_doubt)


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

    Only days with a use by every meter are looked at, so that unknown energy explains nothing and hides nothing.

    Args:
        main: Days of the main meter, of one month.
        subs: The same of each sub-meter.
        units: The step of each register's display, of all of them [base units].

    Returns:
        What was found, or None; also None where fewer than `LEAST_DAYS` days can be compared.
    """
    dates = sorted(main.keys() & set.intersection(*(set(each) for each in subs)))
    if len(dates) < LEAST_DAYS:
        return None
    edges = [edge for run in _runs(dates) for edge in run]
    # Energy that an interpolation may have put on the wrong side of a midnight where the comparison begins or ends.
    guessed = sum(each[date][1] for each in (main, *subs) for date in set(edges))
    of_main, of_subs = (sum(each[date][0] for date in dates) for each in (main, _sum(subs, dates)))
    if of_subs - of_main <= guessed + _display_error(units, len(edges) // 2):
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
    """What displays that show whole units can be wrong by, over runs of days that are cut off at both ends.

    A difference of two readings is off by less than a unit, by 1/sqrt(6) of it on average (two uniform errors);
    of many registers three times that is more than ever happens, and less than the sum of the worst cases.
    """
    worst = runs * sum(units)
    likely = 3 * math.sqrt(runs * sum(unit * unit for unit in units) / 6)
    return min(worst, math.ceil(likely))


def display_units(building: Building, meters: Sequence[str]) -> list[int]:
    """The step of the display of every register behind meters [base units]; virtual ones have their members'."""
    by_id = {meter.id: meter for meter in building.meter}
    found: list[int] = []
    for name in meters:
        meter = by_id[name]
        if meter.virtual is not None:
            found += display_units(building, meter.virtual.members)
        else:
            found.append(math.ceil(UNITS[meter.unit].scale))
    return found


Figures: TypeAlias = dict[str, int | str]
ExcessFound: TypeAlias = tuple[int, int, Figures | str]
"""(first date, last date, figures); state written before findings had figures has a sentence in their place."""


class BalanceMonth(Struct, frozen=True, tag="m", array_like=True):
    """Days of a main meter and of its sub-meters in one month."""

    uses: dict[str, dict[int, tuple[int, int]]] = {}
    """Meter -> date -> (use, estimated part of it)."""


class BalanceHead(Struct, frozen=True, tag="h", array_like=True):
    """The months to be judged, and those in excess. A month is named by the ordinal of its first date."""

    changed: tuple[int, ...] = ()
    found: dict[int, ExcessFound] = {}
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


def note_day(parts: Parts[BalancePart], day: Day) -> dict[PartName, BalancePart]:
    """Note a day of the main meter or of a sub-meter; returns the changed parts."""
    head = part(parts, HEAD, BalanceHead) or BalanceHead()
    month = dt.date.fromordinal(day.date).replace(day=1).toordinal()
    state = part(parts, local_date(month), BalanceMonth) or BalanceMonth()
    before = state.uses.get(day.meter, {})
    uses = dict(before)
    uses.pop(day.date, None)
    if day.used is not None and not day.withdrawn:
        uses[day.date] = (day.used, day.estimated)
    if uses == before:
        return {}
    of_meters = {**state.uses, day.meter: dict(sorted(uses.items()))}
    changed: dict[PartName, BalancePart] = {local_date(month): BalanceMonth(dict(sorted(of_meters.items())))}
    if month not in head.changed:
        changed[HEAD] = BalanceHead(tuple(sorted((*head.changed, month))), head.found)
    return changed


def judge_months(
    parts: Parts[BalancePart], meters: Metered
) -> tuple[dict[PartName, BalancePart], list[tuple[ExcessFound, bool]]]:
    """Judge the months that changed.

    Returns:
        The changed parts; and what an operator must learn: an excess, and whether it is withdrawn.
    """
    head = part(parts, HEAD, BalanceHead)
    if head is None or not head.changed:
        return {}, []
    found = dict(head.found)
    news: list[tuple[ExcessFound, bool]] = []
    for month in head.changed:
        state = part(parts, local_date(month), BalanceMonth) or BalanceMonth()
        was, now = found.pop(month, None), _excess_of(state, meters)
        if now is not None:
            found[month] = now
        if was != now:
            news += [(each, withdrawn) for each, withdrawn in ((was, True), (now, False)) if each is not None]
    return {HEAD: BalanceHead((), dict(sorted(found.items())))}, news


def _excess_of(month: BalanceMonth, meters: Metered) -> ExcessFound | None:
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
