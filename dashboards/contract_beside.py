"""What is set beside a contract's saving: a typical year, the contract's own formula, proposed changes, outages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from dashboards.contract_parts import ContractView, Formula, Rows, Typical
from metering.alerts.changes import Change, changes
from metering.alerts.energy import Figure
from metering.baselines.document import Baseline
from metering.baselines.fit import Unfit, fit_period
from metering.baselines.monthly import Act, fit_months
from metering.baselines.season import DECLARED, USUAL
from metering.baselines.season import heated as heated_on
from metering.periods import DailyUse, Period
from metering.savings.compare import NoDays, normalised
from metering.savings.conditions import Conditions, seasons_for
from metering.savings.formula import NoDegreeDays, Terms, settle
from metering.savings.sufficiency import LEAST_PERIOD_DAYS, MOST_UNSEEN
from metering.savings.typical_year import YEAR_DAYS, NoWeather, typical_year
from metering.site.model import Site
from metering.units import UNITS, to_amount


class Facts:
    """Days, weather and seasons of a contract by date."""

    def __init__(self, rows: Rows, baseline: Baseline, here: Conditions, acts: Sequence[Act] = ()) -> None:
        self.used = {day.date: day.used for day in rows.days if day.used is not None}
        self.temps = {day.date: day.mean_mc for day in rows.weather if day.mean_mc is not None}
        self.litres = rows.litres
        self.baseline = baseline
        self.conditions = here
        self.figures = [day.date for day in rows.savings]
        self.acts = tuple(acts)

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


def typical(facts: Facts, site: Site, view: ContractView) -> Typical | str:
    """Savings in a typical year: the baseline, and one of the same form of the reporting period's last year.

    Where there is none, the reason (`dashboards.words.contract.REASONS`).
    """
    later = _later_of_acts(facts, view) if facts.acts else _later(facts, view)
    if isinstance(later, str):
        return later
    before = facts.baseline
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


def _later(facts: Facts, view: ContractView) -> Baseline | str:
    """A baseline of the form of the contract's, of the last year's days with a figure."""
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
        return fit_period(
            DailyUse(used, facts.temps, seasons=seasons_for(facts.conditions.seasons, *after)),
            after,
            unit=before.unit,
            models={before.model},
            calendar=None if calendar is None else str(calendar),
            latitude=None if latitude is None else float(latitude),
        )
    except Unfit:
        return "unfit"


def _later_of_acts(facts: Facts, view: ContractView) -> Baseline | str:
    """The same of monthly acts."""
    recent = [
        act for act in facts.acts if act.last <= view.last and act.first > view.last - YEAR_DAYS - _SLACK
    ]
    recent = [act for act in recent if act.first >= view.first]
    if sum(act.last - act.first + 1 for act in recent) < LEAST_PERIOD_DAYS:
        return "short_reporting"
    latitude = facts.baseline.parameters.get("latitude")
    try:
        return fit_months(
            recent,
            facts.temps.get,
            unit=facts.baseline.unit,
            models={facts.baseline.model},
            latitude=None if latitude is None else float(latitude),
        )
    except Unfit:
        return "unfit"


_SLACK = 5
"""Acts are not read on the same day of every month."""


def formula(facts: Facts, site: Site, view: ContractView) -> Formula | str:
    """The contract's degree-day arithmetic over the same period, or the reason why there is none."""
    if facts.acts:
        return "monthly"
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


def _water_ratio(facts: Facts, base: Period, reporting: Period) -> Fraction | None:
    """Metered hot water, reporting over baseline, where every day that counts is metered."""
    sums = []
    for period in (base, reporting):
        dates = [d for d in range(period.first, period.last + 1) if d in facts.used and d in facts.temps]
        if not dates or any(date not in facts.litres for date in dates):
            return None
        sums.append(sum(facts.litres[date] for date in dates))
    return Fraction(sums[1], sums[0]) if sums[0] else None


def changes_of(facts: Facts, days: Sequence[Figure], carrier: str) -> tuple[Change, ...]:
    """The changes that the days show.

    A measure takes more off one part of the use than off the other: off heating and not off hot water, off
    lamps and not off lifts. The share saved then goes with the season, and that is no event. So heat is judged
    apart in and out of the heating season, and anything else against what the days themselves save of either part.
    """
    if carrier == "heat":
        on = {day.date for day in days if facts.heated(day.date)}
        groups = [[d for d in days if d.date in on], [d for d in days if d.date not in on]]
    else:
        groups = [_levelled(facts.baseline, days)]
    found = [
        change
        for group in groups
        for change in changes(group, rho=facts.baseline.metrics.rho, cvrmse=facts.baseline.metrics.cvrmse)
    ]
    return tuple(sorted(found, key=lambda change: change.began))


def _levelled(baseline: Baseline, days: Sequence[Figure]) -> list[Figure]:
    """The days with that taken out of their use by which their saving differs from the mean saving by season.

    Use is taken as a (the base's part of expected use) + b (the rest), by least squares. Steps of either share are
    fitted along, each at the week that explains most, while it explains a tenth of what is left: a change must not
    pass for a season. Only a and b level the days. Where the days cannot tell them, the days stay as they are.
    """
    base = float(baseline.parameters[baseline.form.coefficients[0]])
    expected = np.array([day.expected for day in days], dtype=np.float64)
    used = np.array([day.used for day in days], dtype=np.float64)
    parts = np.column_stack([np.minimum(base, expected), np.maximum(expected - base, 0.0)])
    columns = parts
    if len(days) < _LEAST_LEVEL_DAYS or np.linalg.matrix_rank(columns / expected.max()) < 2:
        return list(days)
    since = np.arange(len(days))
    left = _left(columns, used)
    for _ in range(_MOST_STEPS):
        tried = [
            np.column_stack([columns, np.where((since >= at)[:, None], parts, 0.0)])
            for at in range(7, len(days) - 6, 7)
        ]
        sums = [_left(each, used) for each in tried]
        best = int(np.argmin(sums))
        if sums[best] > (1 - _LEAST_STEP) * left:
            break
        columns, left = tried[best], sums[best]
    shares = np.linalg.lstsq(columns, used, rcond=None)[0]
    pattern = parts @ shares[:2]
    # What is left is the same saving on every day, and what the day differs from its own pattern.
    whole = float(pattern.sum() / expected.sum())
    shown = np.rint(expected * whole + used - pattern).astype(np.int64)
    return [Figure(day.date, day.expected, use) for day, use in zip(days, shown.tolist(), strict=True)]


def _left(columns: NDArray[np.float64], used: NDArray[np.float64]) -> float:
    """Sum of squares that the columns leave."""
    residual = used - columns @ np.linalg.lstsq(columns, used, rcond=None)[0]
    return float(residual @ residual)


_LEAST_LEVEL_DAYS = 180
"""Half a year: fewer days have seen too little of the seasons to tell two parts."""
_MOST_STEPS = 3
_LEAST_STEP = 0.10
"""Share of the squares left that a step must explain."""
