"""What a main meter counted that its sub-meters did not: the balance, with the part of it that nobody knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from metering.events import Day
from metering.site import Building, Meter


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
    main_in_doubt: int
    """What the main meter is known to have counted on those other days, by hour or in total."""
    subs_in_doubt: int

    @property
    def difference(self) -> int:
        """What the main meter counted beyond its sub-meters, on days on which all are known."""
        return self.main - self.subs

    @property
    def unknown(self) -> int:
        """The part of the difference over all the days that rests on days not fully known."""
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
    days = used = by_subs = missing = main_doubt = subs_doubt = 0
    for date in range(first, last + 1):
        whole, parts = main.get(date), [days_of.get(date) for days_of in subs]
        uses = [day.used for day in parts if day is not None and day.used is not None]
        if whole is not None and whole.used is not None and len(uses) == len(subs):
            days += 1
            used += whole.used
            by_subs += sum(uses)
            rows.append((date, whole.used - sum(uses)))
            continue
        missing += 1
        rows.append((date, None))
        main_doubt += _accounted(whole)
        subs_doubt += sum(_accounted(day) for day in parts)
    return rows, Balance(days, used, by_subs, missing, main_doubt, subs_doubt)


def _accounted(day: Day | None) -> int:
    return 0 if day is None else day.known + day.unknown
