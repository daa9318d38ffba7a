"""Days of use and of weather -> a contract's frozen baseline and its savings, day by day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from metering.baselines.document import Baseline
from metering.baselines.season import last_affected
from metering.events import Awaited, Cause, Day, Event, Fitted, Restated, Savings, WeatherDay
from metering.parts import Changed, PartName, Parts, month_name, part
from metering.periods import SEASON_WEATHER_DAYS, Period
from metering.savings.conditions import Conditions, conditions
from metering.savings.day import Figure, figure
from metering.savings.fitting import Fitting, fit_when_complete, fitting
from metering.savings.worth import price_digest
from metering.site.contracts import Contract
from metering.site.model import Site
from metering.times import next_month
from streams.step import Step

_BASELINE = PartName("baseline")
_NEWER = Cause("later reading")


class Month(Struct, frozen=True, tag="m", array_like=True, gc=False):
    """A contract's days of one month, by date ordinal."""

    used: dict[int, tuple[int, int]] = {}
    """(use, estimated part of it)."""
    temps_mc: dict[int, int] = {}
    figures: dict[int, tuple[int, int, int, int | None, bool]] = {}
    """(expected, use, estimated part, temperature [m°C], extrapolated) as published."""
    flags: dict[int, int] = {}
    """Doubts about the use, of days that have any."""
    shown: dict[int, int] = {}
    """Doubts published with the figures."""
    added: dict[int, int] = {}
    """Adjustments of the expected use, as published; of days that have any."""


class FittedState(Struct, frozen=True, tag="b", array_like=True, gc=False):
    """The contract's baseline, once it is frozen."""

    document: bytes
    baseline_id: str
    conditions: str = ""
    """Digest of the conditions (`metering.savings.conditions`) that the figures were calculated under."""
    prices: str = ""
    """Digest of the tariff (`metering.savings.worth.price_digest`) of the published figures."""
    published: bool = False
    """Whether the document went to the stores. In the cluster an older Kvartal did not send it."""
    rank: tuple[int, str] = (-1, "")
    """As `metering.events.Fitted.rank`."""


_Part: TypeAlias = Month | FittedState


class _Terms(NamedTuple):
    """What the site file says about a contract's figures."""

    contract: Contract
    quantity: str
    fitting: Fitting
    conditions: Conditions
    digest: str
    """Of the conditions."""
    prices: str
    """Digest of the tariff."""
    reporting: Period


def _terms(site: Site, contract: Contract) -> _Terms:
    under = conditions(site, contract)
    return _Terms(
        contract,
        site.meters[contract.building, contract.meter].quantity,
        fitting(site, contract),
        under,
        under.digest,
        price_digest(site.tariffs.get(contract.tariff or "")),
        Period(contract.reporting.from_.toordinal(), (contract.reporting.to or dt.date.max).toordinal()),
    )


def savings_step(site: Site) -> Step[str, _Part, Day | WeatherDay | Fitted | Awaited]:
    """The step that fits each contract's baseline once and computes its savings.

    The conditions and prices of the site file are compared with those of the published figures. If they differ, the
    next fact of the contract brings all its figures up to date.
    """
    terms = {contract.id: _terms(site, contract) for contract in site.contract}

    def keys(event: Day | WeatherDay | Fitted | Awaited) -> Iterable[str]:
        if isinstance(event, Fitted | Awaited):
            contract = event.contract if isinstance(event, Fitted) else event.reader
            return (contract,) if contract in site.contracts else ()
        if isinstance(event, Day):
            return (c.id for c in site.contracts_of.get((event.building, event.meter), ()))
        return (c.id for c in site.contract if c.building == event.building)

    def run(
        key: str, parts: Parts[_Part], event: Day | WeatherDay | Fitted | Awaited
    ) -> tuple[Changed[_Part], Sequence[Event]]:
        if isinstance(event, Fitted):
            changed, events = _adopt(terms[key], parts, event)
        elif isinstance(event, Awaited):
            changed, events = _publish(terms[key].contract, parts, event.received_at)
        else:
            changed, events = _apply(terms[key], parts, event)
        # A month that says nothing is none: what was withdrawn leaves no trace.
        return {name: None if each == Month() else each for name, each in changed.items()}, events

    return Step("savings", (Day, WeatherDay, Fitted, Awaited), keys, (Month, FittedState), run)


def _apply(
    terms: _Terms, parts: Parts[_Part], event: Day | WeatherDay
) -> tuple[Changed[_Part], Sequence[Event]]:
    """Keep the day's use or temperature; fit the baseline if it is time, and bring figures up to date."""
    if isinstance(event, Day) and event.quantity != terms.quantity:
        return {}, ()
    name = _month(event.date)
    view = _View(parts, {name: _kept(part(parts, name, Month) or Month(), event)})
    contract = terms.contract
    events: list[Event] = []
    cause = _cause(event)
    repriced = False
    fitted = part(parts, _BASELINE, FittedState)
    if fitted is None:
        baseline = fit_when_complete(terms.fitting, event.date, view.used, view.temp)
        if baseline is None:
            return view.changed, ()
        fitted = FittedState(baseline.document, baseline.id, terms.digest, terms.prices, published=True)
        view.changed[_BASELINE] = fitted
        events.append(
            Fitted(
                building=contract.building,
                contract=contract.id,
                baseline_id=baseline.id,
                document=baseline.document,
                received_at=event.received_at,
                by_stream=True,
            )
        )
        dates = view.dates_from(terms.reporting.first)
    elif fitted.conditions != terms.digest or fitted.prices != terms.prices:
        # A store prices the days as it writes them: it gets them again if the prices changed.
        repriced = fitted.prices != terms.prices
        cause = Cause("site file")
        view.changed[_BASELINE] = replace(fitted, conditions=terms.digest, prices=terms.prices)
        dates = view.dates_from(terms.reporting.first)
    elif isinstance(event, WeatherDay):
        dates = view.used_dates(event.date, _last_affected(fitted, view, event.date))
    else:
        dates = [event.date]
    events += _figures(terms, fitted, view, dates, event.received_at, cause, again=repriced)
    return view.changed, events


def _cause(event: Day | WeatherDay) -> Cause:
    """Why figures that rest on the day change."""
    cause = event.cause
    if isinstance(event, WeatherDay):
        return Cause("weather", cause.since, cause.until)
    return cause if cause.text else _NEWER


def _kept(month: Month, event: Day | WeatherDay) -> Month:
    """The month with the event's use or temperature."""
    if isinstance(event, WeatherDay):
        return replace(month, temps_mc=_dated(month.temps_mc, event.date, event.mean_mc))
    gone = event.used is None or event.withdrawn
    use = None if event.used is None or gone else (event.used, event.estimated)
    return replace(
        month,
        used=_dated(month.used, event.date, use),
        flags=_dated(month.flags, event.date, None if gone else event.flags or None),
    )


def _adopt(terms: _Terms, parts: Parts[_Part], event: Fitted) -> tuple[Changed[_Part], Sequence[Event]]:
    """Take a baseline that was fitted elsewhere, unless one of a greater rank is in force."""
    state = part(parts, _BASELINE, FittedState)
    if state is not None and (event.by_stream or event.rank <= state.rank):
        return {}, ()
    if state is not None and state.baseline_id == event.baseline_id:
        return {_BASELINE: replace(state, rank=event.rank)}, ()
    fitted = FittedState(
        event.document, event.baseline_id, terms.digest, terms.prices, published=True, rank=event.rank
    )
    view = _View(parts, {_BASELINE: fitted})
    dates = view.dates_from(terms.reporting.first)
    return view.changed, _figures(terms, fitted, view, dates, event.received_at, Cause("baseline"))


def _publish(contract: Contract, parts: Parts[_Part], now: int) -> tuple[Changed[_Part], Sequence[Event]]:
    """Send the baseline to the stores if an older Kvartal has not."""
    state = part(parts, _BASELINE, FittedState)
    if state is None or state.published:
        return {}, ()
    fitted = Fitted(
        building=contract.building,
        contract=contract.id,
        baseline_id=state.baseline_id,
        document=state.document,
        received_at=now,
        by_stream=True,
    )
    return {_BASELINE: replace(state, published=True)}, (fitted,)


def _figures(
    terms: _Terms,
    fitted: FittedState,
    view: _View,
    dates: Iterable[int],
    received_at: int,
    cause: Cause,
    *,
    again: bool = False,
) -> list[Event]:
    """The figures of the dates that are new or changed; `again`: the unchanged ones too."""
    baseline = Baseline.from_document(fitted.document)
    first, last = terms.reporting
    events: list[Event] = []
    for date in dates:
        if first <= date <= last:
            events += _figure(terms, baseline, view, date, received_at, cause, again=again)
    return events


def _figure(
    terms: _Terms,
    baseline: Baseline,
    view: _View,
    date: int,
    received_at: int,
    cause: Cause,
    *,
    again: bool,
) -> list[Event]:
    """The restatements of the day's published figures, and its figure; nothing if it was published like that."""
    month = view.month(date)
    used, estimated = month.used.get(date) or (None, 0)
    of_day = figure(baseline, terms.conditions, date, view.temp, used=used, estimated=estimated)
    new: tuple[int, int, int, int | None, bool] | None = None
    adjustment = flags = 0
    if isinstance(of_day, Figure):
        new = (of_day.expected, of_day.used, estimated, month.temps_mc.get(date), of_day.extrapolated)
        adjustment, flags = of_day.adjustment, month.flags.get(date, 0)
    if (
        (new is None or not again)
        and new == month.figures.get(date)
        and flags == month.shown.get(date, 0)
        and adjustment == month.added.get(date, 0)
    ):
        return []
    old = _Shown.of(month, date)
    view.changed[_month(date)] = replace(
        month,
        figures=_dated(month.figures, date, new),
        shown=_dated(month.shown, date, flags or None),
        added=_dated(month.added, date, adjustment or None),
    )
    now = _Shown.of(view.month(date), date)
    events = _restated(terms, date, old, now, cause, received_at)
    expected, shown_use, shown_estimate, temp_mc, extrapolated = new or (0, 0, 0, None, False)
    day = Savings(
        building=terms.contract.building,
        contract=terms.contract.id,
        date=date,
        expected=expected,
        used=shown_use,
        estimated=shown_estimate,
        temp_mc=temp_mc,
        extrapolated=extrapolated,
        baseline_id=baseline.id,
        received_at=received_at,
        withdrawn=new is None,
        flags=flags,
        adjustment=adjustment,
    )
    return [*events, day]


class _Shown(NamedTuple):
    """The published figures of a contract's day whose changes are told; fields are named as restatements are."""

    saving: int
    expected: int
    use: int
    estimated: int
    adjustment: int
    flags: int

    @classmethod
    def of(cls, month: Month, date: int) -> _Shown | None:
        """The day as it was published; None if it was not."""
        figures = month.figures.get(date)
        if figures is None:
            return None
        expected, used, estimated, _, _ = figures
        added, shown = month.added.get(date, 0), month.shown.get(date, 0)
        return cls(expected - used, expected, used, estimated, added, shown)


def _restated(
    terms: _Terms, date: int, old: _Shown | None, now: _Shown | None, cause: Cause, received_at: int
) -> list[Event]:
    """The restatement of a day's published figures.

    A day that had none is restated too if its use or weather was known otherwise before (the cause has readings), for
    the saving to date did not contain it.
    """
    nothing: tuple[int | None, ...] = (None,) * len(_Shown._fields)
    if old is None and not cause.since:
        return []
    figures = zip(_Shown._fields, old or nothing, now or nothing, strict=True)
    changed = tuple(each for each in figures if each[1] != each[2])
    if not changed:
        return []
    (what, before, after), *_ = changed
    return [
        Restated(
            building=terms.contract.building,
            meter=terms.contract.meter,
            quantity=terms.quantity,
            date=date,
            old=before,
            new=after,
            cause=cause.text,
            learned_at=received_at,
            what=what,
            contract=terms.contract.id,
            since=cause.since,
            until=cause.until,
            also=changed[1:],
        )
    ]


_T = TypeVar("_T")


def _dated(by_date: dict[int, _T], date: int, value: _T | None) -> dict[int, _T]:
    """A copy, in order of dates, with the value at the date; without the date if the value is None."""
    if value is None and date not in by_date:
        return by_date
    new = dict(by_date)
    if value is None:
        del new[date]
        return new
    in_order = not by_date or date in by_date or date > next(reversed(by_date))
    new[date] = value
    return new if in_order else dict(sorted(new.items()))


def _last_affected(fitted: FittedState, view: _View, date: int) -> int:
    """The last day whose figure the temperature of `date` may change: the next day, or the end of a season."""
    if not Baseline.from_document(fitted.document).needs_season:
        return date + 1
    # Events usually come in order of time, so the newest use is recent and the search is short.
    return last_affected(date, view.temp, view.newest_used(date, date + SEASON_WEATHER_DAYS))


@lru_cache(maxsize=65_536)
def _month(date: int) -> PartName:
    return month_name(dt.date.fromordinal(date).strftime("%Y-%m"))


@lru_cache(maxsize=65_536)
def _months(first: int, last: int) -> tuple[PartName, ...]:
    """The months of `[first, last]`, newest first."""
    return tuple(dict.fromkeys(_month(date) for date in range(last, first - 1, -1)))


class _View:
    """The contract's months while one event is applied: changed months hide the kept ones."""

    def __init__(self, parts: Parts[_Part], changed: dict[PartName, _Part]) -> None:
        self.parts = parts
        self.changed = changed

    def month(self, date: int) -> Month:
        name = _month(date)
        month = part(self.changed, name, Month) or part(self.parts, name, Month)
        return month if month is not None else Month()

    def used(self, date: int) -> int | None:
        use = self.month(date).used.get(date)
        return None if use is None else use[0]

    def temp(self, date: int) -> int | None:
        return self.month(date).temps_mc.get(date)

    def used_dates(self, first: int, last: int) -> list[int]:
        """Dates of `[first, last]` that have a use."""
        return [date for date in range(first, last + 1) if date in self.month(date).used]

    def newest_used(self, first: int, last: int) -> int:
        """The newest date of `[first, last]` that has a use; `first` if none has."""
        for name in _months(first, last):
            month = part(self.changed, name, Month) or part(self.parts, name, Month)
            if month is not None:
                newest = next((date for date in reversed(month.used) if date <= last), first)
                if newest > first:
                    return newest
        return first

    def dates_from(self, first: int) -> list[int]:
        """Dates with a use from `first` on; the search ends after three years without one."""
        dates: list[int] = []
        day = dt.date.fromordinal(first).replace(day=1)
        empty = 0
        while empty < 36:
            month = self.month(day.toordinal())
            empty = 0 if month.used else empty + 1
            dates += [d for d in month.used if d >= first]
            day = next_month(day)
        return sorted(dates)
