"""The conditions of a contract's expected use: declared seasons, the house as it is now, approved events.

A baseline gives the use of the house as it was in the baseline period. The site file declares later changes with
their dates: persons, heated area, indoor temperature (`[[building.statics]]`), and events that are not savings
(`[[contract.event]]`). The expected use of a day is the baseline's, adjusted by them; both figures are kept.
Integers and fractions are exact, so every order of the readings gives the same watt-hour.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Final, NamedTuple

from metering.baselines.document import Baseline
from metering.periods import Seasons
from metering.savings.adjustments import Adjustment, Statics, adjusted, scaled
from metering.site.contracts import Contract, NonRoutine
from metering.site.meters import Building, DatedStatics, Meter
from metering.site.model import Site
from metering.units import UNITS, to_amount

_STATICS_OF: Final[dict[str, tuple[str, ...]]] = {
    "heat": ("persons", "area_m2", "indoor_c"),
    "gas": ("persons", "area_m2", "indoor_c"),
    "hot_water": ("persons",),
    "cold_water": ("persons",),
    # Light, lifts and pumps of the common parts do not follow the residents.
    "electricity": (),
}
"""Statics that adjust the use of a meter, by its carrier."""

_SAME: Final = Statics()


class Expected(NamedTuple):
    """Expected use of one day [base units]."""

    baseline: int
    """Without adjustment."""
    adjusted: int
    """For the house as it is now, with the approved events."""
    extrapolated: bool
    """Whether the day's weather lies outside the range of the baseline period."""

    @property
    def adjustment(self) -> int:
        """The part that the conditions added."""
        return self.adjusted - self.baseline


class Conditions(NamedTuple):
    """Everything in the site file that changes the expected use of a contract."""

    seasons: Seasons = ()
    """Declared heating seasons (first, last)."""
    statics: tuple[tuple[int, Statics], ...] = ()
    """Statics over those of the baseline period, from a day on, ascending."""
    events: tuple[Adjustment, ...] = ()
    """Approved events."""
    outages: tuple[tuple[int, int], ...] = ()
    """Declared days without supply (first, last): they have no figure."""

    @property
    def digest(self) -> str:
        """Name of the conditions: figures under other conditions are recalculated. Empty for no conditions."""
        if self == Conditions():
            return ""
        return hashlib.sha256(repr(tuple(self)).encode()).hexdigest()[:16]

    def out(self, date: int) -> bool:
        """Whether the day is declared to have had no supply."""
        return any(first <= date <= last for first, last in self.outages)

    def statics_on(self, date: int) -> Statics:
        """The house of the day over that of the baseline period."""
        house = _SAME
        for start, statics in self.statics:
            if start > date:
                break
            house = statics
        return house

    def expected(
        self,
        baseline: Baseline,
        temp_mc: int | None,
        before_mc: int | None,
        *,
        heated: bool | None,
        date: int,
    ) -> Expected:
        """Expected use of one day; arguments as in `Baseline.expected`."""
        plain = baseline.expected(temp_mc, before_mc, heated=heated, date=date)
        outside = baseline.extrapolated(temp_mc, before_mc)
        if not self.statics and not self.events:
            return Expected(plain, plain, outside)
        statics = self.statics_on(date)
        if statics.indoor_mc == 0:
            now = plain if statics is _SAME else scaled(baseline, statics, plain)
        else:
            now = adjusted(baseline, statics, temp_mc or 0, before_mc, heated=heated, date=date)
        return Expected(plain, now + sum(event.added(date, now) for event in self.events), outside)


def conditions(site: Site, contract: Contract) -> Conditions:
    """The conditions of a contract."""
    meter = site.meters[contract.building, contract.meter]
    return Conditions(
        seasons=site.seasons,
        statics=_statics(site.buildings[contract.building], contract, _STATICS_OF[meter.carrier]),
        events=tuple(adjustment(event, meter) for event in contract.event if event.approved_by),
        outages=meter.outages(site.zone),
    )


def seasons_for(seasons: Seasons, first: int, last: int) -> Seasons:
    """The declared seasons if any of them touches `[first, last]`; otherwise the fit chooses a rule."""
    return seasons if any(begin <= last and end >= first for begin, end in seasons) else ()


def adjustment(event: NonRoutine, meter: Meter) -> Adjustment:
    """An event of the site file in base units."""
    unit = UNITS[event.unit or meter.unit]
    return Adjustment(
        event.from_.toordinal(),
        None if event.to is None else event.to.toordinal(),
        0 if event.per_day is None else to_amount(event.per_day, unit),
        event.reason,
        event.author,
        event.approved_by,
        Fraction(0) if event.share_pct is None else Fraction(event.share_pct) / 100,
        0 if event.total is None else to_amount(event.total, unit),
    )


def _statics(
    building: Building, contract: Contract, names: tuple[str, ...]
) -> tuple[tuple[int, Statics], ...]:
    if not building.statics or not names:
        return ()
    dated = sorted(building.statics, key=lambda each: each.from_)
    persons = _ratio(dated, "persons", building.persons, contract) if "persons" in names else _one
    area = _ratio(dated, "area_m2", building.area_m2, contract) if "area_m2" in names else _one
    indoor = _difference(dated, contract) if "indoor_c" in names else _none
    dated_statics: list[tuple[int, Statics]] = []
    before = _SAME
    # The base is the mean over the baseline period, so a change within that period gives a ratio before all dates.
    for start in (1, *(each.from_.toordinal() for each in dated)):
        now = Statics(area(start), persons(start), indoor(start))
        if now != before:
            dated_statics.append((start, now))
            before = now
    return tuple(dated_statics)


def _one(_date: int) -> Fraction:
    return Fraction(1)


def _none(_date: int) -> int:
    return 0


def _value(dated: list[DatedStatics], name: str, at_first: float | None, date: int) -> Fraction | None:
    value = at_first
    for each in dated:
        if each.from_.toordinal() > date:
            break
        declared: float | None = getattr(each, name)
        value = value if declared is None else declared
    return None if value is None else Fraction(value)


def _mean(
    dated: list[DatedStatics], name: str, at_first: float | None, contract: Contract
) -> Fraction | None:
    """The mean over the days of the baseline period on which it is known."""
    assert contract.baseline.to is not None
    first, last = contract.baseline.from_.toordinal(), contract.baseline.to.toordinal()
    edges = [first, *(d for each in dated if first < (d := each.from_.toordinal()) <= last), last + 1]
    total, days = Fraction(0), 0
    for start, end in pairwise(edges):
        value = _value(dated, name, at_first, start)
        if value is not None:
            total += value * (end - start)
            days += end - start
    return total / days if days else None


def _ratio(
    dated: list[DatedStatics], name: str, at_first: float | None, contract: Contract
) -> Callable[[int], Fraction]:
    base = _mean(dated, name, at_first, contract)

    def at(date: int) -> Fraction:
        now = _value(dated, name, at_first, date)
        return now / base if now is not None and base else Fraction(1)

    return at


def _difference(dated: list[DatedStatics], contract: Contract) -> Callable[[int], int]:
    """Indoor temperature over that of the baseline period [m°C]; 0 if either is unknown."""
    base = _mean(dated, "indoor_c", None, contract)

    def at(date: int) -> int:
        now = _value(dated, "indoor_c", None, date)
        return round(1000 * (now - base)) if now is not None and base is not None else 0

    return at
