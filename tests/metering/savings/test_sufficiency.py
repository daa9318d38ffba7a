"""Doubts about a baseline and the saving it gives."""

from __future__ import annotations

from metering.baselines.fit import fit_period
from metering.periods import DailyUse, Period
from metering.savings.compare import compare
from metering.savings.sufficiency import doubts
from tests.houses import BASE, REPORT, house


def test_doubts():
    days = house()
    baseline = fit_period(days, BASE)
    assert doubts(baseline) == ()
    half = fit_period(days, Period(BASE.first, BASE.first + 180))
    assert [(d.kind, d.disqualifies) for d in doubts(half)] == [("short_period", True)]
    assert compare(house(saved=0.5), half, REPORT).grade == "D"
    holes = DailyUse({d: u for d, u in days.used.items() if d % 5}, days.temps_mc)
    assert [d.kind for d in doubts(fit_period(holes, BASE))] == ["few_days"]
    strange = doubts(baseline, expected_total=100, used_total=100, extrapolated_total=5, estimated_total=20)
    assert [(d.kind, d.got, d.disqualifies) for d in strange] == [
        ("unseen_weather", 0.05, False),
        ("many_estimates", 0.2, False),
    ]
    assert doubts(baseline, expected_total=100, extrapolated_total=11)[0].disqualifies
