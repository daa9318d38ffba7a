"""Changes of use that a report proposes as events."""

from __future__ import annotations

import datetime as dt
import random

import pytest

from metering.baselines.daylight import dark_hours
from metering.baselines.fit import fit_period
from metering.events import Savings
from metering.periods import DailyUse, Period
from metering.report.contract import view_contract
from metering.report.parts import Rows
from metering.site.model import parse_site
from tests.days import day_of
from tests.sites import building, contract, meter, site_text

FIRST, LAST = dt.date(2023, 10, 1).toordinal(), dt.date(2024, 9, 30).toordinal()
BEGIN, END = dt.date(2024, 10, 15).toordinal(), dt.date(2025, 10, 14).toordinal()

LIGHT = site_text(
    building(meter("light", "electricity", "kWh")),
    contract(meter="light", baseline="2023-10-01..2024-09-30", reporting="2024-10-15.."),
)


@pytest.mark.parametrize("fails", [None, dt.date(2025, 3, 1).toordinal()], ids=["as it is", "sensors fail"])
def test_lamps_that_save_more_in_winter_are_no_event_and_failing_sensors_are(fails: int | None) -> None:
    """Lamps are cut to a third, lifts are not: the share saved goes with the darkness."""
    site = parse_site(LIGHT)
    rng = random.Random(6)
    used = {}
    for date in range(FIRST, END + 1):
        lamps = 9_000 * dark_hours(date, 59.94) * (1.0 if date < BEGIN else 0.33)
        if fails is not None and date >= fails:
            lamps = 9_000 * dark_hours(date, 59.94)
        used[date] = round((60_000 + lamps) * rng.gauss(1, 0.015))
    period = Period(FIRST, LAST)
    baseline = fit_period(DailyUse(used, {}), period, latitude=59.94, calendar="ru", models={"lighting"})
    savings = [
        Savings(
            building="b01",
            contract="c1",
            date=d,
            expected=baseline.expected(None, date=d),
            used=used[d],
            estimated=0,
            temp_mc=None,
            extrapolated=False,
            baseline_id=baseline.id,
            received_at=0,
        )
        for d in range(BEGIN, END + 1)
    ]
    days = [day_of("light", d, u) for d, u in used.items()]
    view = view_contract(Rows(savings, days, (), baseline.document), site, site.contracts["c1"])
    assert baseline.model == "lighting"
    if fails is None:
        assert view.changes == ()
    else:
        first = view.changes[0]
        assert first.kind == "more_use"
        assert abs(first.began - fails) <= 3
