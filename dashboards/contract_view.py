"""Everything that is to be said of one contract, out of the store's rows: what the command prints and the page shows.

`rows_of` reads the rows, `view_contract` computes from them and the site file alone. Nothing in here is kept:
the same rows and the same site file give the same view. Words are in `dashboards.contract_words`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from dashboards.portfolio import SHOWN_UNIT, Verdict, verdict
from metering.adjustments import Adjustment
from metering.alerts import Figure
from metering.baseline import Baseline, Unfit
from metering.changes import Change, changes
from metering.conditions import Conditions, adjustment, conditions, seasons_for
from metering.contract_formula import Act, NoDegreeDays, Terms, settle
from metering.events import Day, Position, Savings, Unknown, WeatherDay
from metering.hot_water import Split, split
from metering.savings import (
    DAYS_PER_MONTH,
    DailyUse,
    NoDays,
    Normalised,
    Period,
    fit_period,
    normalised,
)
from metering.season import DECLARED, USUAL
from metering.season import heated as heated_on
from metering.site import Contract, Site
from metering.sufficiency import LEAST_PERIOD_DAYS, MOST_UNSEEN, Doubt, doubts
from metering.typical_year import YEAR_DAYS, NoWeather, typical_year
from metering.uncertainty import Width, grade, interval, width_90
from metering.units import UNITS, to_amount
from metering.worth import Emission, Unpriced, Worth, emission, factors_of, simple_payback_years, worth
from storage.sqlite_reader import Reader

WALK_BACK: Final = 200
"""Days of weather before a period that its heating season may rest on."""


class Rows(NamedTuple):
    """What the store holds of a contract."""

    savings: Sequence[Savings] = ()
    days: Sequence[Day] = ()
    """Of the contract's register, from the baseline period on."""
    weather: Sequence[WeatherDay] = ()
    """Of its building, from `WALK_BACK` days before."""
    document: bytes | None = None
    """The baseline's."""
    position: Position | None = None
    above: bool = False
    """Whether the alert about use above the baseline is open."""
    litres: Mapping[int, int] = {}
    """Metered hot water of the building by date [l]."""
    unknowns: Sequence[Unknown] = ()
    """Unknown blocks of the register."""


class Total(NamedTuple):
    """Avoided energy use over the days with a figure [base units]."""

    expected: int
    used: int
    width: Width
    grade: str

    @property
    def avoided(self) -> int:
        """Expected minus used."""
        return self.expected - self.used

    @property
    def share(self) -> float:
        """Avoided as a share of expected."""
        return self.avoided / self.expected if self.expected else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """90 % interval of the share."""
        return interval(expected_total=self.expected, used_total=self.used, half_width=self.width.total)


class Typical(NamedTuple):
    """Savings in a typical year."""

    result: Normalised
    weather: str
    """`normals` of the station, or `baseline_year`: the weather of the baseline period's last year."""
    source: str


class Payback(NamedTuple):
    """Simple payback of the investment [years]; None where what was saved does not pay it ever."""

    investment: Decimal
    years: Decimal | None
    soonest: Decimal | None
    """At the upper end of the 90 % interval."""
    latest: Decimal | None
    """At its lower end."""


class Formula(NamedTuple):
    """The contract's own arithmetic beside the regression."""

    act: Act
    beside: float
    """Where its saving lies in the regression's 90 % interval: 0 its middle, -1 and 1 its ends."""
    inside: bool


class Event(NamedTuple):
    """A declared event and what it added to the expected use over the days with a figure [base units]."""

    adjustment: Adjustment
    added: int


class ContractView(NamedTuple):
    """One contract. What is not there says why in `absent`, by the field's name."""

    contract: Contract
    building_name: str
    carrier: str
    unit: str
    """The unit that people know the carrier by."""
    scale: Fraction
    """Base units in one of it."""
    verdict: Verdict
    first: int = 0
    """Ordinal of the first day with a figure."""
    last: int = 0
    days: int = 0
    missing: int = 0
    """Days since the reporting period's begin that have neither a figure nor an outage."""
    baseline: Baseline | None = None
    total: Total | None = None
    unadjusted: Total | None = None
    """The same as the baseline says, without what changed in the house and without events."""
    estimated: int = 0
    typical: Typical | None = None
    money: Worth | None = None
    price_sources: tuple[str, ...] = ()
    emission: Emission | None = None
    emission_half_width: Decimal | None = None
    """Of the avoided use, at the mean factor [kg]; the factors' own range is beside it."""
    payback: Payback | None = None
    formula: Formula | None = None
    hot_water: Split | None = None
    outages: tuple[int, ...] = ()
    """Days of the reporting period without supply: no saving."""
    doubts: tuple[Doubt, ...] = ()
    changes: tuple[Change, ...] = ()
    """Proposed, and not applied."""
    events: tuple[Event, ...] = ()
    """Declared; those that nobody approved added nothing."""
    conditions: str = ""
    """Digest of the site file's conditions behind the figures."""
    absent: Mapping[str, str] = {}
    """Reasons (keys of `dashboards.contract_words.REASONS`)."""


def rows_of(reader: Reader, site: Site, contract: Contract) -> Rows:
    """The rows of a contract."""
    meter = site.meters[contract.building, contract.meter]
    first, end = contract.baseline.from_.toordinal(), dt.date.max.toordinal()
    waters = [m for m in site.buildings[contract.building].meter if m.carrier == "hot_water"]
    litres: dict[int, int] = {}
    if meter.carrier == "heat" and len(waters) == 1:
        held = reader.days(contract.building, waters[0].id, "volume", first, end)
        litres = {day.date: day.used for day in held if day.used is not None}
    return Rows(
        reader.savings(contract.id, contract.reporting.from_.toordinal(), end),
        reader.days(contract.building, contract.meter, meter.quantity, first, end),
        reader.weather_days(contract.building, first - WALK_BACK, end),
        reader.baseline(contract.id),
        reader.position(contract.id),
        any(a.kind == "above_baseline" and a.subject == contract.id for a in reader.alerts()),
        litres,
        reader.unknowns(contract.building, contract.meter, meter.quantity),
    )


def view_contract(rows: Rows, site: Site, contract: Contract) -> ContractView:
    """What is to be said of the contract."""
    building = site.buildings[contract.building]
    carrier = site.meters[contract.building, contract.meter].carrier
    unit = SHOWN_UNIT[carrier]
    here = conditions(site, contract)
    empty = ContractView(
        contract,
        building.name or building.id,
        carrier,
        unit,
        UNITS[unit].scale,
        "waiting",
        events=_events(site, contract, {}),
        conditions=here.digest,
    )
    if rows.document is None:
        return empty._replace(absent={"total": "no_baseline"})
    baseline = Baseline.from_document(rows.document)
    if not rows.savings or sum(day.expected for day in rows.savings) <= 0:
        return empty._replace(baseline=baseline, doubts=doubts(baseline), absent={"total": "no_days"})
    return _full(rows, site, empty, baseline, here)


def _full(rows: Rows, site: Site, empty: ContractView, baseline: Baseline, here: Conditions) -> ContractView:
    contract = empty.contract
    total, found = _total(baseline, rows.savings, adjusted=True)
    first, last = rows.savings[0].date, rows.savings[-1].date
    low, _ = total.interval
    figures = [Figure(day.date, day.expected, day.used) for day in rows.savings]
    facts = _Facts(rows, baseline, here)
    outages = facts.outages(contract.reporting.from_.toordinal(), last)
    absent: dict[str, str] = {}
    view = empty._replace(
        verdict=verdict(contract, low_pct=100 * low, savings_pct=100 * total.share, above=rows.above),
        first=first,
        last=last,
        days=len(rows.savings),
        missing=last - contract.reporting.from_.toordinal() + 1 - len(rows.savings) - len(outages),
        baseline=baseline,
        total=total,
        unadjusted=_total(baseline, rows.savings, adjusted=False)[0],
        estimated=sum(day.estimated for day in rows.savings),
        outages=outages,
        doubts=found,
        changes=_changes(facts, figures, empty.carrier),
        events=_events(site, contract, {day.date: day.expected for day in rows.savings}),
    )
    typical, formula = _typical(facts, site, view), _formula(facts, site, view)
    absent |= {n: why for n, why in (("typical", typical), ("formula", formula)) if isinstance(why, str)}
    view = view._replace(
        typical=typical if isinstance(typical, Typical) else None,
        formula=formula if isinstance(formula, Formula) else None,
    )
    view = _valued(view, site, figures, absent)
    if empty.carrier == "heat":
        dates = [day.date for day in rows.savings]
        known = all(date in rows.litres for date in dates)
        litres = sum(rows.litres[date] for date in dates) if known else None
        view = view._replace(hot_water=split(baseline, used=total.used, days=len(dates), litres=litres))
    return view._replace(absent=absent)


def _changes(facts: _Facts, days: Sequence[Figure], carrier: str) -> tuple[Change, ...]:
    """The changes that the days show. Heat is judged apart in and out of the heating season.

    A measure on heating saves nothing of the hot water, so that the share saved falls at every season's end: that is
    no event.
    """
    groups = [days]
    if carrier == "heat":
        on = {day.date for day in days if facts.heated(day.date)}
        groups = [[d for d in days if d.date in on], [d for d in days if d.date not in on]]
    found = [
        change
        for group in groups
        for change in changes(group, rho=facts.baseline.rho, cvrmse=facts.baseline.cvrmse)
    ]
    return tuple(sorted(found, key=lambda change: change.began))


def _total(baseline: Baseline, days: Sequence[Savings], *, adjusted: bool) -> tuple[Total, tuple[Doubt, ...]]:
    """The totals as the watch over the contract sums them (`streams.watch`), and the doubts."""
    expected = used = estimated = strange = size = 0
    for day in days:
        wanted = day.expected - (0 if adjusted else day.adjustment)
        expected += wanted
        used += day.used
        estimated += day.estimated
        strange += wanted if day.extrapolated else 0
        size += abs(day.adjustment) if adjusted else 0
    width = width_90(
        baseline,
        days=len(days),
        months=len(days) / DAYS_PER_MONTH,
        expected_total=expected,
        estimated_total=estimated,
        extrapolated_total=strange,
        adjusted_total=size,
    )
    found = doubts(
        baseline,
        expected_total=expected,
        used_total=used,
        extrapolated_total=strange,
        estimated_total=estimated,
    )
    graded = grade(baseline, expected_total=expected, used_total=used, half_width=width.total)
    return Total(expected, used, width, "D" if any(d.disqualifies for d in found) else graded), found


def _events(site: Site, contract: Contract, expected: Mapping[int, int]) -> tuple[Event, ...]:
    meter = site.meters[contract.building, contract.meter]
    made = [adjustment(each, meter) for each in contract.event]
    return tuple(
        Event(each, sum(each.added(date, use) for date, use in expected.items()) if each.approved_by else 0)
        for each in made
    )


class _Facts:
    """Days, weather and seasons of a contract by date."""

    def __init__(self, rows: Rows, baseline: Baseline, here: Conditions) -> None:
        self.used = {day.date: day.used for day in rows.days if day.used is not None}
        self.temps = {day.date: day.mean_mc for day in rows.weather if day.mean_mc is not None}
        self.litres = rows.litres
        self.baseline = baseline
        self.conditions = here
        self.figures = [day.date for day in rows.savings]

    def heated(self, date: int) -> bool:
        """Whether heat was supplied: as the baseline says, else as declared, else by the usual rule."""
        told = self.baseline.heated(date, self.temps.get, self.conditions.seasons)
        if told is not None:
            return told
        rule = DECLARED if self.conditions.seasons else USUAL.name
        return heated_on(date, self.temps.get, rule=rule, declared=self.conditions.seasons)

    def outages(self, first: int, last: int) -> tuple[int, ...]:
        """Days with a use that are no saving because nothing was supplied."""
        counted = set(self.figures)
        return tuple(
            date
            for date in range(first, last + 1)
            if date in self.used
            and date not in counted
            and (self.conditions.out(date) or self.baseline.outage(self.used[date], heated=self.heated(date)))
        )

    def days(self, seasons: bool = True) -> DailyUse:
        """Use and weather for what is compared off the stream."""
        return DailyUse(self.used, self.temps, seasons=self.conditions.seasons if seasons else ())


def _typical(facts: _Facts, site: Site, view: ContractView) -> Typical | str:
    """Savings in a typical year: the baseline, and one of the same form of the reporting period's last year."""
    before = facts.baseline
    after = Period(view.last - YEAR_DAYS + 1, view.last)
    have = sum(1 for date in facts.figures if date >= after.first)
    if have < LEAST_PERIOD_DAYS:
        return "short_reporting"
    calendar = before.parameters.get("calendar")
    latitude = before.parameters.get("latitude")
    # Only days with a figure: days without supply are none of the house as it usually is.
    shown = set(facts.figures)
    used = {date: use for date, use in facts.used.items() if date in shown}
    try:
        later = fit_period(
            DailyUse(used, facts.temps, seasons=seasons_for(facts.conditions.seasons, *after)),
            after,
            unit=before.unit,
            models={before.model},
            calendar=None if calendar is None else str(calendar),
            latitude=None if latitude is None else float(latitude),
        )
    except Unfit:
        return "unfit"
    year = Period(before.last - YEAR_DAYS + 1, before.last)
    station = site.stations.get(site.buildings[view.contract.building].station or "")
    normals = None
    weather, source = "baseline_year", str(year)
    if station is not None and station.normals_c is not None:
        normals = [round(1000 * each) for each in station.normals_c]
        weather, source = "normals", station.normals_source
    temps: Mapping[int, int] = {}
    if before.needs_weather or later.needs_weather:
        try:
            # The season of its first days rests on the days before them, as they were.
            earlier = {d: t for d, t in facts.temps.items() if d < year.first}
            temps = {**earlier, **typical_year(facts.temps, *year, normals_mc=normals)}
        except NoWeather:
            return "no_weather"
    try:
        result = normalised(before, later, DailyUse({}, temps, seasons=facts.conditions.seasons), year)
    except NoDays:
        return "no_weather"
    return "unseen_weather" if result.unseen > MOST_UNSEEN else Typical(result, weather, source)


def _formula(facts: _Facts, site: Site, view: ContractView) -> Formula | str:
    """The contract's degree-day arithmetic over the same period."""
    if view.carrier != "heat":
        return "not_heat"
    assert view.total is not None
    contract = view.contract
    said = contract.formula
    unit = UNITS[said.unit or site.meters[contract.building, contract.meter].unit]
    base = Period(facts.baseline.first, facts.baseline.last)
    reporting = Period(contract.reporting.from_.toordinal(), view.last)
    statics = [facts.conditions.statics_on(date) for date in facts.figures]
    area = sum((each.area for each in statics), Fraction(0)) / len(statics)
    persons = sum((each.persons for each in statics), Fraction(0)) / len(statics)
    terms = Terms(
        indoor_mc=round(1000 * said.indoor_c),
        dhw_base=None if said.hot_water is None else to_amount(said.hot_water, unit),
        area_ratio=area,
    )
    try:
        act = settle(facts.days(), base, reporting, facts.heated, terms)
        ratio = _water_ratio(facts, base, reporting)
        if ratio is None and persons != 1:
            ratio = Fraction(act.days_reporting, act.days_base) * persons
        if ratio is not None:
            act = settle(facts.days(), base, reporting, facts.heated, terms._replace(dhw_ratio=ratio))
    except NoDegreeDays:
        return "no_degree_days"
    width = view.total.width.total
    beside = (act.avoided - view.total.avoided) / width if width else 0.0
    return Formula(act, beside, abs(beside) <= 1)


def _water_ratio(facts: _Facts, base: Period, reporting: Period) -> Fraction | None:
    """Metered hot water, reporting over baseline, where every day that counts is metered."""
    sums = []
    for period in (base, reporting):
        dates = [d for d in range(period.first, period.last + 1) if d in facts.used and d in facts.temps]
        if not dates or any(date not in facts.litres for date in dates):
            return None
        sums.append(sum(facts.litres[date] for date in dates))
    return Fraction(sums[1], sums[0]) if sums[0] else None


def _valued(
    view: ContractView, site: Site, figures: Sequence[Figure], absent: dict[str, str]
) -> ContractView:
    """The view with money, CO2 and payback."""
    assert view.total is not None
    contract, half_width = view.contract, view.total.width.total
    avoided = {day.date: day.expected - day.used for day in figures}
    try:
        carbon = emission(view.carrier, avoided, factors_of(site))  # type: ignore[arg-type]
        every = emission(view.carrier, {d.date: d.expected for d in figures}, factors_of(site))  # type: ignore[arg-type]
        share = Decimal(repr(half_width)) / view.total.expected
        view = view._replace(emission=carbon, emission_half_width=every.kg * share)
    except Unpriced:
        absent["emission"] = "no_factor"
    tariff = site.tariffs.get(contract.tariff or "")
    if tariff is None:
        absent["money"] = absent["payback"] = "no_tariff"
        return view
    held = worth(figures, tariff, half_width=half_width)
    sources = dict.fromkeys(price.source for price in tariff.prices if price.source)
    view = view._replace(money=held, price_sources=tuple(sources))
    if contract.investment_rub is None:
        absent["payback"] = "no_investment"
        return view
    years = [
        simple_payback_years(contract.investment_rub, money, view.days)
        for money in (held.money, held.money + held.half_width, held.money - held.half_width)
    ]
    return view._replace(payback=Payback(contract.investment_rub, *years))
