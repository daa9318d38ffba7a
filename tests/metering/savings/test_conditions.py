"""What the site file says has changed, and what is expected of the house then."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.baselines.fit import fit
from metering.baselines.season import DECLARED, heated
from metering.savings.adjustments import Adjustment
from metering.savings.conditions import Conditions, conditions, seasons_for
from metering.savings.worth import FACTORS, emission, factors_of
from metering.site.model import SiteError, parse_site
from tests import sites
from tests.dates import day
from tests.sites import building, meter, site_text, station


def site_of(statics="", contract="", head="", carrier="heat", unit="kWh"):
    """`head` is other tables, `statics` tables of the building and `contract` tables of the contract."""
    text = site_text(
        station(),
        head,
        building(statics, meter("heat", carrier, unit), station="spb", persons=400, area_m2=10000),
        sites.contract(baseline="2024-01-01..2024-12-31", reporting="2025-02-01..") + contract,
    )
    return parse_site(text, file="s.toml")


def of(**parts):
    site = site_of(**parts)
    return conditions(site, site.contracts["c1"])


def stat(start, **values):
    lines = "\n".join(f"  {name} = {value}" for name, value in values.items())
    return f"  [[building.statics]]\n  from = {start}\n{lines}\n"


def event(**values):
    held = {"from": "2025-03-01", "reason": '"r"', "author": '"a"', "approved_by": '"b"'} | values
    return "  [[contract.event]]\n" + "\n".join(f"  {name} = {value}" for name, value in held.items()) + "\n"


def heat_baseline():
    first = day("2024-01-01")
    temps = [round(24_000 - 32_000 * abs(1 - i / 183)) for i in range(366)]
    return fit(
        dates=list(range(first, first + 366)),
        used=[6_000_000 + max(0, 16_000 - t) * 500 + i % 7 * 9_000 for i, t in enumerate(temps)],
        temps_mc=temps,
        temps_before_mc=[temps[0], *temps[:-1]],
        first=first,
        last=first + 365,
    )


@pytest.mark.parametrize(
    ("statics", "date", "area", "persons", "indoor"),
    [
        ("", "2025-03-01", 1, 1, 0),
        (stat("2025-03-01", persons=380), "2025-02-28", 1, 1, 0),
        (stat("2025-03-01", persons=380), "2025-03-01", 1, Fraction(19, 20), 0),
        (stat("2025-03-01", persons=380, area_m2=11000), "2026-01-01", Fraction(11, 10), Fraction(19, 20), 0),
        # Before the reporting period and after the baseline's.
        (stat("2025-01-10", area_m2=9000), "2025-02-01", Fraction(9, 10), 1, 0),
        # Half of the baseline year (183 of 366 days) had 300: its mean is 350.
        (stat("2024-07-02", persons=300), "2025-02-01", 1, Fraction(300, 350), 0),
        (stat("2023-06-01", persons=300), "2025-02-01", 1, 1, 0),
        (stat("2024-01-01", indoor_c=20.5) + stat("2025-02-10", indoor_c=21.75), "2025-03-01", 1, 1, 1_250),
        # One measured end tells no difference.
        (stat("2025-02-10", indoor_c=23), "2025-03-01", 1, 1, 0),
    ],
)
def test_the_house_over_that_of_the_baseline_period(statics, date, area, persons, indoor):
    assert of(statics=statics).statics_on(day(date)) == (area, persons, indoor)


@pytest.mark.parametrize(
    ("carrier", "unit", "changed"),
    [("heat", "Gcal", 2), ("hot_water", "m3", 1), ("electricity", "kWh", 0)],
)
def test_what_a_meter_follows(carrier, unit, changed):
    statics = of(statics=stat("2025-03-01", persons=380, area_m2=11000), carrier=carrier, unit=unit)
    now = statics.statics_on(day("2025-03-01"))
    assert (now.area != 1) + (now.persons != 1) == changed


def test_both_figures_are_kept():
    baseline = heat_baseline()
    here = of(
        statics=stat("2025-03-01", area_m2=11000),
        contract=event(share_pct='"-10"') + event(per_day='"50"', to="2025-03-02"),
    )
    got = here.expected(baseline, -5_000, -5_000, heated=True, date=day("2025-03-02"))
    plain = baseline.expected(-5_000, -5_000)
    base = round(baseline.parameters["base"])
    grown = base + round((plain - base) * Fraction(11, 10))
    assert got.baseline == plain
    assert got.adjusted == grown + round(Fraction(-grown, 10)) + 50_000
    assert got.adjustment == got.adjusted - plain
    later = here.expected(baseline, -5_000, -5_000, heated=True, date=day("2025-03-03"))
    assert later.adjusted == got.adjusted - 50_000


def test_what_nobody_approved_is_not_counted():
    here = of(contract=event(per_day='"50"', approved_by='""'))
    assert here == Conditions()
    assert here.digest == ""


@given(total=st.integers(-(10**12), 10**12), days=st.integers(1, 500), expected=st.integers(0, 10**9))
def test_a_total_is_added_exactly_once(total, days, expected):
    each = Adjustment(100, 99 + days, 0, "r", "a", "b", total=total)
    assert sum(each.added(date, expected) for date in range(90, 700)) == total


def test_conditions_that_differ_have_other_digests():
    texts = [
        "",
        stat("2025-03-01", persons=380),
        stat("2025-03-02", persons=380),
        stat("2025-03-01", persons=381),
    ]
    digests = {of(statics=text).digest for text in texts}
    digests |= {of(head="[[season]]\nfrom = 2024-10-01\n").digest, of(contract=event(per_day="1")).digest}
    assert len(digests) == 6


SEASONS = "[[season]]\nfrom = 2024-10-05\nto = 2025-05-02\n[[season]]\nfrom = 2025-09-29\n"


@pytest.mark.parametrize(
    ("date", "temp_c", "on"),
    [
        ("2024-10-04", 0, False),
        ("2024-10-05", 20, True),
        ("2025-05-02", 20, True),
        ("2025-05-03", 0, False),
        ("2026-07-01", 20, True),  # an open season goes on
        ("2023-11-15", 0, True),  # nothing is declared of that winter: the usual rule
        ("2023-11-15", 12, False),
    ],
)
def test_declared_seasons_and_the_time_of_which_nothing_is_declared(date, temp_c, on):
    declared = of(head=SEASONS).seasons
    assert heated(day(date), lambda _: temp_c * 1000, rule=DECLARED, declared=declared) is on


def test_a_baseline_of_another_time_is_fitted_by_the_rules():
    declared = of(head=SEASONS).seasons
    assert seasons_for(declared, day("2022-10-01"), day("2023-09-30")) == ()
    assert seasons_for(declared, day("2024-01-01"), day("2024-12-31")) == declared


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"head": "[[season]]\nfrom = 2024-10-05\n[[season]]\nfrom = 2025-10-05\n"}, "runs into"),
        ({"head": "[[season]]\nfrom = 2024-10-05\nto = 2024-10-01\n"}, "ends (2024-10-01) before"),
        ({"statics": "  [[building.statics]]\n  from = 2025-01-01\n"}, "expected persons, area_m2 or indoor_c"),
        ({"statics": stat("2025-03-01", persons=1) + stat("2025-03-01", area_m2=1)}, "two statics from 2025-03-01"),
        ({"contract": event(per_day="1", share_pct="2")}, "got per_day, share_pct"),
        ({"contract": event()}, "got none"),
        ({"contract": event(total="1")}, "needs the event's last day"),
        ({"contract": event(per_day="1", unit='"m3"')}, "'m3' does not measure energy"),
        ({"contract": event(per_day="1", author='""')}, "contract[0].event[0].author"),
        ({"head": '[[co2]]\ncarrier = "heat"\nfrom = 2024-01-01\nkg = "1"\nunit = "m3"\nsource = "s"\n'}, "no energy"),
        (
            {"head": '[[co2]]\ncarrier = "heat"\nfrom = 2024-01-01\nkg = "9"\nhigh = "2"\nunit = "Gcal"\nsource = "s"\n'},
            "does not lie between",
        ),
    ],
)  # fmt: skip
def test_a_bad_key_says_what_is_allowed(parts, text):
    with pytest.raises(SiteError) as error:
        site_of(**parts)
    assert text in str(error.value)
    assert str(error.value).startswith("s.toml: ")


def test_factors_of_the_site_hold_from_their_day():
    site = site_of(
        head='[[co2]]\ncarrier = "heat"\nfrom = 2025-03-01\nkg = "300"\nlow = "250"\nunit = "Gcal"\nsource = "plant"\n'
    )
    factors = factors_of(site)
    gcal = 1_163_000
    assert emission("heat", {day("2025-03-01"): gcal}, factors)[:3] == pytest.approx((300, 250, 300))
    before = emission("heat", {day("2025-02-28"): gcal}, factors)
    assert before.sources == (FACTORS["heat"][0].source,)
    assert emission("electricity", {day("2025-03-01"): 1_000}, factors).kg == Decimal("0.375")
