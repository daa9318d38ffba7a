"""The floor: units, times, days, weather, the site file."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering import flags as f
from metering.events import Unknown
from metering.ledger.days import day_of
from metering.ledger.weather import day_mean
from metering.site.model import SiteError, parse_site
from metering.times import HOUR_MS, date_of_hour, day_bounds, iso, to_ms
from metering.units import UNITS, AbsurdValue, UnknownUnit, to_amount, unit_named

EXAMPLE = (Path(__file__).parent.parent.parent / "examples" / "site.toml").read_text(encoding="utf-8")
MOSCOW, HELSINKI = ZoneInfo("Europe/Moscow"), ZoneInfo("Europe/Helsinki")


@pytest.mark.parametrize(
    ("value", "unit", "amount"),
    [
        (1234.567, "Gcal", 1_435_801_421),
        (Decimal("1234.567"), "Gcal", 1_435_801_421),
        (1, "Gcal", 1_163_000),
        (1, "GJ", 277_778),
        (3.6, "GJ", 1_000_000),
        (0.0005, "kWh", 0),
        (0.0015, "kWh", 2),
        (0.0025, "kWh", 2),
        (12, "kWh", 12_000),
        (0.1, "MWh", 100_000),
        (345.12, "m3", 345_120),
        (-4.25, "°C", -4_250),
        (-0.0, "kWh", 0),
        (Decimal("1e-999999999"), "kWh", 0),
        (Decimal("1e-999999999"), "GJ", 0),
        (Decimal("0e999999999"), "GJ", 0),
    ],
)
def test_values_become_integers_once(value: float | Decimal, unit: str, amount: int) -> None:
    assert to_amount(value, UNITS[unit]) == amount


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300, 2**80, Decimal("NaN"), Decimal("1e30")])
def test_what_no_register_can_show_is_refused(value: float | Decimal) -> None:
    with pytest.raises(AbsurdValue):
        to_amount(value, UNITS["kWh"])


@given(
    st.decimals(min_value=0, max_value=10**7, places=3), st.sampled_from(["Wh", "kWh", "MWh", "Gcal", "m3"])
)
def test_a_float_means_the_decimal_it_was_written_as(value: Decimal, unit: str) -> None:
    assert to_amount(float(value), UNITS[unit]) == to_amount(value, UNITS[unit])


@pytest.mark.parametrize(
    ("spelling", "name"),
    [("Гкал", "Gcal"), ("KWH", "kWh"), ("кВт·ч", "kWh"), ("m³", "m3"), (" gcal ", "Gcal"), ("℃", "°C")],
)
def test_units_are_known_by_their_spellings(spelling: str, name: str) -> None:
    assert unit_named(spelling).name == name


def test_an_unknown_unit_names_the_known_ones() -> None:
    with pytest.raises(UnknownUnit, match="Gcal"):
        unit_named("BTU")


@pytest.mark.parametrize(
    ("zone", "date", "hours"),
    [
        (MOSCOW, dt.date(2025, 3, 30), 24),
        (HELSINKI, dt.date(2025, 3, 30), 23),
        (HELSINKI, dt.date(2025, 10, 26), 25),
        (HELSINKI, dt.date(2025, 10, 27), 24),
    ],
)
def test_days_have_the_hours_that_the_clocks_give_them(zone: ZoneInfo, date: dt.date, hours: int) -> None:
    start, end = day_bounds(date.toordinal(), zone)
    assert (end - start) // HOUR_MS == hours
    assert date_of_hour(start // HOUR_MS, zone) == date.toordinal()
    assert date_of_hour(end // HOUR_MS, zone) == date.toordinal() + 1


def test_instants_are_written_in_utc() -> None:
    assert iso(to_ms(dt.datetime(2026, 1, 1, tzinfo=MOSCOW))) == "2025-12-31T21:00:00Z"
    assert iso(1_767_225_600_001) == "2026-01-01T00:00:00.001Z"


DATE = dt.date(2025, 1, 10).toordinal()
START, END = day_bounds(DATE, MOSCOW)
FULL = dict.fromkeys(range(START // HOUR_MS, END // HOUR_MS), (10, 0))


def test_a_day_is_the_sum_of_its_hours() -> None:
    day = day_of(DATE, MOSCOW, FULL, ())
    assert (day.used, day.known, day.coverage, day.flags) == (240, 240, 1.0, 0)


def test_a_missing_hour_makes_the_day_unknown_and_never_zero() -> None:
    hours = dict(FULL)
    del hours[START // HOUR_MS + 5]
    day = day_of(DATE, MOSCOW, hours, ())
    assert (day.used, day.known) == (None, 230)
    assert day.coverage == pytest.approx(23 / 24)


def test_a_block_within_the_day_belongs_to_it_and_one_across_midnight_does_not() -> None:
    hours = {h: v for h, v in FULL.items() if not 3 <= h - START // HOUR_MS < 12}
    block = Unknown(START + 3 * HOUR_MS, START + 12 * HOUR_MS, 77, f.UNKNOWN)
    day = day_of(DATE, MOSCOW, hours, [block])
    assert (day.used, day.unknown, day.estimated) == (150 + 77, 77, 0)
    crossing = Unknown(START - 9 * HOUR_MS, START + 3 * HOUR_MS, 50, f.UNKNOWN)
    hours = {h: v for h, v in FULL.items() if h - START // HOUR_MS >= 3}
    assert day_of(DATE, MOSCOW, hours, [crossing]).used is None


@pytest.mark.parametrize(
    ("interpolated", "estimated"),
    [((5, 6, 7), 0), ((0, 1), 20), ((22, 23), 20), ((0, 1, 12, 23), 30), (tuple(range(24)), 240)],
)
def test_only_what_crosses_midnight_is_an_estimate_of_the_day(
    interpolated: tuple[int, ...], estimated: int
) -> None:
    hours = {h: (10, f.INTERPOLATED if h - START // HOUR_MS in interpolated else 0) for h in FULL}
    day = day_of(DATE, MOSCOW, hours, ())
    assert (day.used, day.estimated) == (240, estimated)


def test_a_register_read_once_a_day_gives_whole_days() -> None:
    assert day_of(DATE, MOSCOW, {}, [Unknown(START, END, 500, f.UNKNOWN)]).used == 500


def test_a_partial_hour_beside_a_block_is_whole_and_a_hole_is_not() -> None:
    first = START // HOUR_MS
    hours = dict(FULL) | {first + 5: (4, f.PARTIAL | f.UNKNOWN), first + 15: (4, f.PARTIAL | f.EXCHANGE)}
    assert day_of(DATE, MOSCOW, hours, ()).used is None
    del hours[first + 15]
    hours[first + 15] = (10, 0)
    assert day_of(DATE, MOSCOW, hours, ()).used == 234


def test_weather_is_the_mean_of_hours_not_of_readings() -> None:
    times = [START + h * HOUR_MS for h in range(24)] + [START + 60_000 * m for m in range(1, 50)]
    temps = [1_000] * 24 + [5_000] * 49
    mean, coverage = day_mean(DATE, MOSCOW, times, temps)
    assert coverage == 1.0
    assert mean == (23 * 1_000 + (1_000 + 49 * 5_000) // 50) // 24


@pytest.mark.parametrize(
    ("gap", "mean", "coverage"), [(6, -11_500, 1.0), (7, None, 17 / 24), (13, None, 11 / 24)]
)
def test_weather_gaps_of_six_hours_are_interpolated(gap: int, mean: int | None, coverage: float) -> None:
    kept = [h for h in range(24) if not 4 <= h < 4 + gap]
    got, covered = day_mean(DATE, MOSCOW, [START + h * HOUR_MS for h in kept], [-1000 * h for h in kept])
    assert covered == pytest.approx(coverage)
    if gap == 6:
        assert got == mean
    elif gap == 13:
        assert got is None


FAULTS = [
    ('carrier = "heat"', 'carrier = "steam"', ["building[0].meter[0].carrier", "steam", "electricity"]),
    ('unit = "Gcal"                   #', 'unit = "BTU" #', ["building[0].meter[0].unit", "BTU", "Gcal"]),
    ('timezone = "Europe/Moscow"', 'timezone = "Mars/Base"', ["site.timezone", "Mars/Base"]),
    ('timezone = "Europe/Moscow"', 'timezone = "Asia/Kolkata"', ["site.timezone", "whole number of hours"]),
    ('station = "spb"', 'station = "msk"', ["msk", "spb"]),
    ('meter = "heat"', 'meter = "cold"', ["c-b01-heat", "cold", "heat"]),
    ('tariff = "heat"', 'tariff = "gold"', ["gold", "heat"]),
    ("flats = 216", "flatz = 216", ["flatz", "not known"]),
    ("from = 2025-10-15", "from = 2025-01-15", ["reporting period", "2025-09-30"]),
    ('id = "b01"', 'id = "b/01"', ["building[0].id", "b/01"]),
    ('topic = "kvartal/v1/weather/{station}"', 'topic = "kvartal/#"', ["source[1]", "#"]),
    ("[site]", "[site", ["TOML"]),
]


@pytest.mark.parametrize(("good", "bad", "named"), FAULTS, ids=[bad for _, bad, _ in FAULTS])
def test_a_fault_in_the_site_file_is_named(good: str, bad: str, named: list[str]) -> None:
    assert good in EXAMPLE
    with pytest.raises(SiteError) as raised:
        parse_site(EXAMPLE.replace(good, bad, 1), file="my/site.toml")
    for part in ("my/site.toml", *named):
        assert part in str(raised.value)


def test_the_example_is_a_site_and_its_tariff_is_dated() -> None:
    site = parse_site(EXAMPLE)
    tariff = site.tariffs["heat"]
    assert tariff.money(2 * 1_163_000, dt.date(2025, 6, 30)) == Decimal("4600")
    assert tariff.money(2 * 1_163_000, dt.date(2025, 7, 1)) == Decimal("5000")
    assert tariff.price_on(dt.date(2020, 1, 1)) == Decimal("2300.00")
    assert site.meters["b01", "heat"].wrap == 10**7 * 1_163_000
