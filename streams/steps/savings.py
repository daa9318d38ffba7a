"""Days of use and of weather -> a contract's frozen baseline and its savings, day by day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from metering.baselines.document import Baseline
from metering.baselines.fit import Unfit, fit
from metering.baselines.season import last_affected
from metering.baselines.series import SERIES, fit_with_series
from metering.events import Day, Event, Fitted, Savings, WeatherDay
from metering.part_names import PartName, month_name
from metering.periods import DailyUse, Period
from metering.savings.conditions import Conditions, conditions, seasons_for
from metering.savings.known import known_of
from metering.savings.sufficiency import LEAST_COVERAGE
from metering.savings.worth import price_digest
from metering.site.contracts import Contract
from metering.site.model import Site
from streams.step import Changed, Parts, Step

_BASELINE = PartName("baseline")

_LONGEST_EFFECT: Final = 200
"""A temperature decides about heating for at most so many days (`metering.baselines.season` looks back at fewer)."""

_LEAST_FIT: Final = 0.5
"""Share of the baseline period's days without which there is no baseline. From here to `LEAST_COVERAGE` it is fitted
after a second lateness horizon, for late readings to come; its savings are grade D (`few_days`)."""


_LITTLE_HISTORY: Final = 240
"""Fewer days than these do not tell both a winter and a summer of a house: what its series usually uses then helps,
and the baseline says so (`metering.baselines.series`)."""


class Month(Struct, frozen=True, tag="m", array_like=True):
    """What is known of a contract's days in one month, by date ordinal."""

    used: dict[int, tuple[int, int]] = {}
    """(use, estimated part of it)."""
    temps_mc: dict[int, int] = {}
    figures: dict[int, tuple[int, int, int, int | None, bool]] = {}
    """(expected, use, estimated part, temperature [m°C], extrapolated) as published."""
    flags: dict[int, int] = {}
    """Doubts about the use of days that have any."""
    shown: dict[int, int] = {}
    """The same of the figures, as published."""
    added: dict[int, int] = {}
    """The part of the figures' expected use that the baseline does not say, as published; of days that have any."""


class FittedState(Struct, frozen=True, tag="b", array_like=True):
    """The contract's baseline, once it is frozen."""

    document: bytes
    baseline_id: str
    conditions: str = ""
    """Digest of the conditions (`metering.savings.conditions`) that the figures were calculated under."""
    prices: str = ""
    """Digest of the tariff (`metering.savings.worth.price_digest`) that a store prices the published figures by."""


def savings_step(site: Site) -> Step:
    """The step that fits each contract's baseline once and computes its savings.

    What the site file says of seasons, the house and events is held against what the figures were calculated
    under: where it differs, the next fact of the contract brings them all up to date.
    """
    under = {contract.id: conditions(site, contract) for contract in site.contract}
    digests = {name: each.digest for name, each in under.items()}
    prices = {each.id: price_digest(site.tariffs.get(each.tariff or "")) for each in site.contract}

    def keys(event: Day | WeatherDay | Fitted) -> Iterable[str]:
        if isinstance(event, Fitted):
            return (event.contract,) if event.contract in site.contracts else ()
        if isinstance(event, Day):
            return (c.id for c in site.contracts_of.get((event.building, event.meter), ()))
        return (c.id for c in site.contract if c.building == event.building)

    def run(key: str, parts: Parts, event: Day | WeatherDay | Fitted) -> tuple[Changed, Sequence[Event]]:
        contract = site.contracts[key]
        if isinstance(event, Fitted):
            return _adopt(contract, parts, event)
        name = _month(event.date)
        month: Month = parts.get(name) or Month()
        if isinstance(event, Day):
            if event.quantity != site.meters[contract.building, contract.meter].quantity:
                return {}, ()
            gone = event.used is None or event.withdrawn
            use = None if event.used is None or gone else (event.used, event.estimated)
            flags = None if gone else event.flags or None
            month = replace(
                month, used=_dated(month.used, event.date, use), flags=_dated(month.flags, event.date, flags)
            )
        else:
            month = replace(month, temps_mc=_dated(month.temps_mc, event.date, event.mean_mc))
        view = _View(parts, {name: month})
        events: list[Event] = []
        repriced = False
        fitted: FittedState | None = parts.get(_BASELINE)
        if fitted is None:
            fitted = _fit(contract, view, event)
            if fitted is None:
                return view.changed, ()
            view.changed[_BASELINE] = fitted
            events.append(
                Fitted(contract.building, key, fitted.baseline_id, fitted.document, event.received_at)
            )
            dates = view.dates_from(contract.reporting.from_.toordinal())
        elif fitted.conditions != digests[key] or fitted.prices != prices[key]:
            # A store prices the days as it writes them: it gets them again if the prices changed.
            repriced = fitted.prices != prices[key]
            view.changed[_BASELINE] = replace(fitted, conditions=digests[key], prices=prices[key])
            dates = view.dates_from(contract.reporting.from_.toordinal())
        elif isinstance(event, WeatherDay):
            dates = view.used_dates(event.date, _last_affected(fitted, view, event.date))
        else:
            dates = [event.date]
        events += _compare_all(contract, fitted, view, dates, event.received_at, again=repriced)
        return view.changed, events

    def _adopt(contract: Contract, parts: Parts, event: Fitted) -> tuple[Changed, Sequence[Event]]:
        """Take a baseline that was fitted elsewhere (or by this very step: then there is nothing to do)."""
        held: FittedState | None = parts.get(_BASELINE)
        if held is not None and held.baseline_id == event.baseline_id:
            return {}, ()
        fitted = FittedState(event.document, event.baseline_id, digests[contract.id], prices[contract.id])
        view = _View(parts, {_BASELINE: fitted})
        dates = view.dates_from(contract.reporting.from_.toordinal())
        return view.changed, _compare_all(contract, fitted, view, dates, event.received_at)

    def _compare_all(
        contract: Contract,
        fitted: FittedState,
        view: _View,
        dates: Iterable[int],
        received_at: int,
        *,
        again: bool = False,
    ) -> list[Event]:
        baseline = Baseline.from_document(fitted.document)
        compared = (
            _compare(contract, baseline, view, date, received_at, again=again)
            for date in dates
            if _reporting(contract, date)
        )
        return [saved for saved in compared if saved is not None]

    def _fit(contract: Contract, view: _View, event: Day | WeatherDay) -> FittedState | None:
        """The baseline, once its period and the lateness horizon have passed and enough days are there."""
        assert contract.baseline.to is not None
        first, last = contract.baseline.from_.toordinal(), contract.baseline.to.toordinal()
        if event.date <= last + site.site.lateness_days:
            return None
        needs_weather = site.buildings[contract.building].station is not None
        used = {d: u for d in range(first, last + 1) if (u := view.used(d)) is not None}
        temps = {d: view.temp(d) for d in range(first - 1, last + 1)}
        ready = [d for d in used if not needs_weather or temps[d] is not None]
        waited = event.date > last + 2 * site.site.lateness_days
        if len(ready) < (_LEAST_FIT if waited else LEAST_COVERAGE) * (last - first + 1):
            return None
        dates = sorted(used)
        meter = site.meters[contract.building, contract.meter]
        house = site.buildings[contract.building]
        try:
            if (
                meter.carrier == "heat"
                and house.series in SERIES
                and house.area_m2 is not None
                and len(ready) < _LITTLE_HISTORY
            ):
                days = DailyUse(used, {d: t for d, t in temps.items() if t is not None})
                helped = fit_with_series(
                    days, Period(first, last), area_m2=house.area_m2, series=house.series
                )
                return FittedState(helped.document, helped.id, digests[contract.id], prices[contract.id])
            baseline = fit(
                dates=dates,
                used=[used[d] for d in dates],
                temps_mc=[temps[d] for d in dates],
                temps_before_mc=[temps[d - 1] for d in dates],
                temp_of=view.temp,
                seasons=seasons_for(under[contract.id].seasons, first, last),
                first=first,
                last=last,
                unit="Wh" if meter.quantity == "energy" else "l",
                **known_of(
                    carrier=meter.carrier,
                    kind=house.kind,
                    latitude=site.site.latitude,
                ),
            )
        except Unfit:
            return None
        return FittedState(baseline.document, baseline.id, digests[contract.id], prices[contract.id])

    def _compare(
        contract: Contract, baseline: Baseline, view: _View, date: int, received_at: int, *, again: bool
    ) -> Savings | None:
        """The day's figure if it is new or changed; `again`: unchanged too."""
        held = view.month(date)
        old = held.figures.get(date)
        new: tuple[int, int, int, int | None, bool] | None = None
        adjustment = 0
        temp, before = view.temp(date), view.temp(date - 1)
        use = held.used.get(date)
        if use is not None and (temp is not None or not baseline.needs_weather):
            here: Conditions = under[contract.id]
            heated = baseline.heated(date, view.temp, here.seasons)
            # A day without supply is no saving: it has no figure.
            if not baseline.outage(use[0], heated=heated) and not here.out(date):
                wanted = here.expected(baseline, temp, before, heated=heated, date=date)
                new = (wanted.adjusted, *use, temp, baseline.extrapolated(temp, before))
                adjustment = wanted.adjustment
        flags = held.flags.get(date, 0) if new is not None else 0
        published = new is None or not again
        if (
            published
            and new == old
            and flags == held.shown.get(date, 0)
            and adjustment == held.added.get(date, 0)
        ):
            return None
        view.changed[_month(date)] = replace(
            held,
            figures=_dated(held.figures, date, new),
            shown=_dated(held.shown, date, flags or None),
            added=_dated(held.added, date, adjustment or None),
        )
        return Savings(
            contract.building,
            contract.id,
            date,
            *(new or (0, 0, 0, None, False)),
            baseline.id,
            received_at,
            withdrawn=new is None,
            flags=flags,
            adjustment=adjustment,
        )

    return Step("savings", (Day, WeatherDay, Fitted), keys, Month | FittedState, run)


_T = TypeVar("_T")


def _dated(held: dict[int, _T], date: int, value: _T | None) -> dict[int, _T]:
    """A copy, in order of dates, with the value at the date; without the date where the value is None."""
    if value is None and date not in held:
        return held
    new = dict(held)
    if value is None:
        del new[date]
        return new
    in_order = not held or date in held or date > next(reversed(held))
    new[date] = value
    return new if in_order else dict(sorted(new.items()))


def _reporting(contract: Contract, date: int) -> bool:
    period = contract.reporting
    return period.from_.toordinal() <= date and (period.to is None or date <= period.to.toordinal())


def _last_affected(fitted: FittedState, view: _View, date: int) -> int:
    """The last day whose figure may rest on the temperature of `date`: the next, or a season's end."""
    if not Baseline.from_document(fitted.document).needs_season:
        return date + 1
    # In order of time the newest use is of about the same day, and there is little to look at.
    return last_affected(date, view.temp, view.newest_used(date, date + _LONGEST_EFFECT))


@lru_cache(maxsize=65_536)
def _month(date: int) -> PartName:
    return month_name(dt.date.fromordinal(date).strftime("%Y-%m"))


@lru_cache(maxsize=65_536)
def _months(first: int, last: int) -> tuple[PartName, ...]:
    """The months of `[first, last]`, newest first."""
    return tuple(dict.fromkeys(_month(date) for date in range(last, first - 1, -1)))


class _View:
    """The contract's months as they are while one event is applied: changed ones over kept ones."""

    def __init__(self, parts: Parts, changed: dict[PartName, Any]) -> None:
        self.parts = parts
        self.changed = changed

    def month(self, date: int) -> Month:
        name = _month(date)
        found: Month | None = self.changed.get(name) or self.parts.get(name)
        return found if found is not None else Month()

    def used(self, date: int) -> int | None:
        held = self.month(date).used.get(date)
        return None if held is None else held[0]

    def temp(self, date: int) -> int | None:
        return self.month(date).temps_mc.get(date)

    def used_dates(self, first: int, last: int) -> list[int]:
        """Dates of `[first, last]` that have a use."""
        return [date for date in range(first, last + 1) if date in self.month(date).used]

    def newest_used(self, first: int, last: int) -> int:
        """The newest date of `[first, last]` that has a use; `first` where none has."""
        for name in _months(first, last):
            month: Month | None = self.changed.get(name) or self.parts.get(name)
            if month is not None:
                found = next((date for date in reversed(month.used) if date <= last), first)
                if found > first:
                    return found
        return first

    def dates_from(self, first: int) -> list[int]:
        """Dates with a use, from `first` on, until three years without a month."""
        dates: list[int] = []
        day = dt.date.fromordinal(first).replace(day=1)
        empty = 0
        while empty < 36:
            month = self.month(day.toordinal())
            empty = 0 if month.used else empty + 1
            dates += [d for d in month.used if d >= first]
            day = (day + dt.timedelta(days=32)).replace(day=1)
        return sorted(dates)
