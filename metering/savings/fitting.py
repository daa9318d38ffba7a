"""When a contract's baseline is fitted, and from which days and facts of the site file.

The baseline is fitted once: after its period and the lateness horizon have passed, from enough complete days. If too
few days are complete, it waits for another lateness horizon and then accepts fewer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from metering.baselines.document import Baseline
from metering.baselines.fit import Unfit, fit
from metering.baselines.season import TempOf
from metering.baselines.series import SERIES, fit_with_series
from metering.periods import DailyUse, Period, Seasons
from metering.savings.conditions import seasons_for
from metering.savings.known import Known, known_of
from metering.savings.sufficiency import LEAST_COVERAGE
from metering.site.contracts import Contract
from metering.site.model import Site

LEAST_FIT: Final = 0.5
"""Share of the baseline period's days without which there is no baseline. From here to `LEAST_COVERAGE` it is fitted
after a second lateness horizon; its savings are grade D (`few_days`)."""

LITTLE_HISTORY: Final = 240
"""Fewer days than this do not show both a winter and a summer of a house: then the usual figures of its series help,
and the baseline records it (`metering.baselines.series`)."""


class Fitting(NamedTuple):
    """Terms of the fit of a contract's baseline, from the site file."""

    period: Period
    """The baseline period."""
    lateness_days: int
    """Days in which late readings are awaited."""
    needs_weather: bool
    """Whether only days with a temperature are complete."""
    unit: str
    known: Known
    seasons: Seasons
    """Declared seasons; empty if none of them touches the period."""
    area_m2: float | None
    """Heated area [m2] if the usual figures of `series` apply to the meter."""
    series: str


def fitting(site: Site, contract: Contract) -> Fitting:
    """The fit of the contract's baseline."""
    assert contract.baseline.to is not None
    period = Period(contract.baseline.from_.toordinal(), contract.baseline.to.toordinal())
    building, meter = site.buildings[contract.building], site.meters[contract.building, contract.meter]
    usual = meter.carrier == "heat" and building.series in SERIES
    return Fitting(
        period,
        site.site.lateness_days,
        building.station is not None,
        "Wh" if meter.quantity == "energy" else "l",
        known_of(carrier=meter.carrier, kind=building.kind, latitude=site.site.latitude),
        seasons_for(site.seasons, *period),
        building.area_m2 if usual else None,
        building.series,
    )


def fit_when_complete(
    terms: Fitting, today: int, used_of: Callable[[int], int | None], temp_of: TempOf
) -> Baseline | None:
    """The baseline, or None if it is too early or the days do not bear one.

    Args:
        terms: The fit.
        today: Ordinal of the newest day with a use or a temperature.
        used_of: Use of any date [base units], or None.
        temp_of: Mean outdoor temperature of any date [m°C], or None.
    """
    first, last = terms.period
    if today <= last + terms.lateness_days:
        return None
    used = {date: use for date in range(first, last + 1) if (use := used_of(date)) is not None}
    temps = {date: temp_of(date) for date in range(first - 1, last + 1)}
    complete = sum(1 for date in used if not terms.needs_weather or temps[date] is not None)
    waited = today > last + 2 * terms.lateness_days
    if complete < (LEAST_FIT if waited else LEAST_COVERAGE) * terms.period.days:
        return None
    try:
        if terms.area_m2 is not None and complete < LITTLE_HISTORY:
            days = DailyUse(used, {date: temp for date, temp in temps.items() if temp is not None})
            return fit_with_series(days, terms.period, area_m2=terms.area_m2, series=terms.series)
        dates = sorted(used)
        return fit(
            dates=dates,
            used=[used[date] for date in dates],
            temps_mc=[temps[date] for date in dates],
            temps_before_mc=[temps[date - 1] for date in dates],
            temp_of=temp_of,
            seasons=terms.seasons,
            first=first,
            last=last,
            unit=terms.unit,
            **terms.known,
        )
    except Unfit:
        return None
