"""What one register cannot see: wrong hours, weight and unit by weather and by volume, parts against the whole, clocks.

Rates of false alarms are measured on three years of simulated meters that have nothing wrong but summers, holidays,
seasons and retrofits.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ingest.captures import Capture
from ingest.decode import Decoder
from kvartal.ingest import decoded
from metering.events import Ahead, Day, Event, Finding, Gauged, Readings
from metering.times import DAY_MS, HOUR_MS, iso
from simulators.weather import Floats
from storage.sqlite import Store
from storage.sqlite_reader import Reader
from streams.codec import decode, encode
from streams.embedded import Embedded
from streams.steps.gateway import gateway_step
from streams.steps.hourly_balance import hourly_balance_step
from streams.steps.standstills import standstills_step
from tests.days import day_of
from tests.metered import DAYS, FIRST, HOUSES, Run, days_of, displayed, hours_of, late_by, weather_of
from tests.sites import build_site, building, meter, source, station

SITE = build_site(
    station(),
    building(meter("heat"), meter("light", "electricity", "kWh"), station="spb"),
    timezone="Etc/GMT-3",
)
MIDNIGHT = (FIRST.toordinal() - 719_163) * DAY_MS - 3 * HOUR_MS


def of_day(finding: Finding) -> int:
    """Day of a finding's start, counted from the first one."""
    return (finding.start - MIDNIGHT) // DAY_MS


def weekly(kind: str, hours: Floats, *, hourly: bool = True, until: int = DAYS) -> Run:
    run = Run(standstills_step(SITE))
    name = "heat" if kind.startswith("heat") else "light"
    temps = weather_of(hours_of()[1])
    for day, weather in list(zip(days_of(name, hours, hourly=hourly), temps, strict=False))[:until]:
        run.feed(weather)
        run.feed(day)
    return run


KINDS = ["heat", "heat, compensated", "light", "light, renewed", "school"]


@pytest.mark.parametrize("hourly", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_clean_meters_raise_no_doubt(kind: str, hourly: bool) -> None:
    for house in range(HOUSES):
        for step in (1_163, 116_300) if kind.startswith("heat") else (100, 10_000):
            run = weekly(kind, displayed(hours_of()[0][kind][:, house], step), hourly=hourly)
            assert run.findings("shifted_hours") + run.findings("weight_by_weather") == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hours", [3, -4, 7])
@pytest.mark.parametrize("start", [100, 203, 300])
def test_hours_that_shift_are_found_within_two_weeks(kind: str, hours: int, start: int) -> None:
    clean = hours_of()[0][kind][:, 0]
    moved = clean.copy()
    moved[24 * start :] = np.roll(clean, hours)[24 * start :]
    run = weekly(kind, displayed(moved, 100), until=start + 14)
    (found,) = run.findings("shifted_hours")
    # Lamps follow the daylight, which moves too.
    assert abs(int(found.figures["hours"]) - hours) <= (1 if kind.startswith("light") else 0)
    assert abs(of_day(found) - start) <= 2


@pytest.mark.parametrize(
    ("kind", "factor", "days"),
    [
        ("heat", 10, (130, 160, 203, 230)),
        ("heat", 1 / 10, (180, 203, 230)),
        ("heat", 1000, (160, 203)),
        ("heat", 3.6, (160, 203, 230)),
        ("heat", 1 / 4.1868, (180, 203)),
        # kWh read as Gcal
        ("heat", 1163, (160, 203)),
        ("light", 10, (120, 203, 306)),
        ("light", 1 / 10, (120, 203, 306)),
        ("school", 10, (150, 203, 240)),
        ("school", 1 / 1000, (150, 203, 240)),
    ],
)
def test_a_factor_is_found_within_two_weeks(kind: str, factor: float, days: tuple[int, ...]) -> None:
    for start in days:
        hours = hours_of()[0][kind][:, 0].copy()
        hours[24 * start :] *= factor
        (found,) = weekly(kind, hours, until=start + 15).findings("weight_by_weather")
        numerator, denominator = found.figures["numerator"], found.figures["denominator"]
        assert factor * int(numerator) / int(denominator) == pytest.approx(1, rel=1e-3)
        assert abs(of_day(found) - start) <= 4


@pytest.mark.parametrize("factor", [0.8, 0.86, 1.16, 1.5, 0.5])
def test_what_a_measure_or_a_broken_regulator_may_do_is_no_factor(factor: float) -> None:
    hours = hours_of()[0]["heat"][:, 0].copy()
    hours[24 * 200 :] *= factor
    assert weekly("heat", hours).findings("weight_by_weather") == []


def test_people_who_work_at_home_shift_no_clock() -> None:
    """An office's day becomes flatter and longer."""
    office = np.array([4.0] * 8 + [20.0] * 9 + [4.0] * 7)
    home = np.array([4.0] * 7 + [9.0] * 14 + [4.0] * 3)
    rng = np.random.default_rng(2)
    for first, then in ((office, home), (home, office), (office, np.roll(office, 1))):
        hours = np.concatenate([np.tile(first, 100), np.tile(then, 100)])
        hours = 1000 * hours * rng.uniform(0.8, 1.2, len(hours))
        run = weekly("light", hours)
        assert run.findings("shifted_hours") + run.findings("weight_by_weather") == []


def test_the_order_of_days_does_not_matter() -> None:
    hours = late_by(hours_of()[0]["light"][:, 0][: 24 * 220], 100)
    hours[24 * 160 :] *= 10
    events: list[Event] = [*days_of("light", hours), *weather_of(hours_of()[1][:220])]
    expected = standing(events)
    assert {kind for kind, _, _ in expected} == {"shifted_hours", "weight_by_weather"}
    for seed in range(3):
        random.Random(seed).shuffle(events)
        # Some days are told twice, first without hours or wrongly, or are withdrawn in between.
        earlier = [day_of("light", FIRST.toordinal() + 7 * n, 5, by_hour=()) for n in range(30)]
        gone = [
            day_of("light", FIRST.toordinal() + n, None, withdrawn=True, by_hour=()) for n in range(150, 230)
        ]
        assert standing([*earlier, *events[:100], *gone, *events]) == expected


def standing(events: Sequence[Event]) -> set[tuple[str, int, int]]:
    run = Run(standstills_step(SITE))
    for event in events:
        run.feed(event)
    kinds = ("shifted_hours", "weight_by_weather")
    return {(kind, each.start, each.end) for kind in kinds for each in run.findings(kind)}


# Energy against volume and cooling.


def with_volume(energy: Floats, ratio: float, *, temperatures: bool = True, until: int = 300) -> Run:
    """A heat meter whose volume and temperatures explain its true energy up to a ratio of the system."""
    true = hours_of()[0]["heat"][:, 0]
    supply = 70 + 15 * np.sin(np.arange(len(true)) / 300)
    back = supply - 22
    volume = true / (22 * 1.163) * ratio
    run = Run(standstills_step(SITE))
    for day in range(until):
        span = slice(24 * day, 24 * day + 24)
        date, hour = FIRST.toordinal() + day, MIDNIGHT // HOUR_MS + 24 * day
        if temperatures:
            for quantity, temps in (("supply_temperature", supply), ("return_temperature", back)):
                means = tuple(round(1000 * temp) for temp in temps[span].tolist())
                run.feed(
                    Gauged(
                        building="b01", meter="heat", quantity=quantity, hours=tuple(range(hour, hour + 24)),
                        means=means, lows=means, highs=means, covered_ms=(HOUR_MS,) * 24, flags=(0,) * 24, received_at=0,
                    )
                )  # fmt: skip
        run.feed(day_of("heat", date, round(volume[span].sum()), quantity="volume", by_hour=()))
        run.feed(day_of("heat", date, round(energy[span].sum()), by_hour=()))
    return run


@pytest.mark.parametrize("ratio", [1.0, 1.03, 0.7, 2.0])
def test_a_clean_heat_meter_agrees_with_its_volume(ratio: float) -> None:
    assert with_volume(hours_of()[0]["heat"][:, 0], ratio).findings("energy_by_volume") == []


@pytest.mark.parametrize(
    ("factor", "start"),
    [(10, 0), (1 / 3.6, 0), (1163 / 1000, 120), (1000 / 1163, 120), (1163, 50), (4.1868, 50)],
)
def test_energy_that_volume_and_cooling_contradict(factor: float, start: int) -> None:
    energy = hours_of()[0]["heat"][:, 0].copy()
    energy[24 * start :] *= factor
    found = with_volume(energy, 1.02, until=start + 16).findings("energy_by_volume")
    assert len(found) == 1
    figures = found[0].figures
    assert factor * int(figures["numerator"]) / int(figures["denominator"]) == pytest.approx(1, rel=1e-3)
    assert with_volume(energy, 1.02, temperatures=False, until=60).findings("energy_by_volume") == []


# Main against parts.

METERED = build_site(
    building(
        meter("main", "electricity", "kWh"),
        *(meter(f"s{n}", "electricity", "kWh", parent="main") for n in range(3)),
    ),
    timezone="Etc/GMT-3",
)


def parts_of_a_house() -> list[Floats]:
    hours = hours_of()[0]
    return [hours["light"][:9000, 0], hours["school"][:9000, 1], 3 * hours["light, renewed"][:9000, 2]]


def balance(main: Floats, subs: Sequence[Floats], step: int = 100) -> list[Finding]:
    run = Run(hourly_balance_step(METERED))
    for name, hours in (("main", main), *((f"s{n}", sub) for n, sub in enumerate(subs))):
        for day in days_of(name, displayed(hours, step)):
            run.feed(day)
    return run.findings("balance_by_hour")


@pytest.mark.parametrize("beyond", [1.0, 1.02, 1.3])
@pytest.mark.parametrize("step", [1, 1000, 10_000])
def test_parts_that_fit_the_whole_raise_no_doubt(beyond: float, step: int) -> None:
    subs = parts_of_a_house()
    assert balance(beyond * np.sum(subs, axis=0), subs, step) == []
    # Nor do stamps that are off by half an hour.
    assert balance(beyond * np.sum(subs, axis=0), [(sub + np.roll(sub, 1)) / 2 for sub in subs], step) == []


@pytest.mark.parametrize(("which", "name"), [(1, "s1"), (2, "s2"), (None, "main")])
@pytest.mark.parametrize("hours", [3, -3])
def test_a_meter_whose_hours_are_shifted_is_named(which: int | None, name: str, hours: int) -> None:
    subs = parts_of_a_house()
    main = 1.02 * np.sum(subs, axis=0)
    moved = main if which is None else subs[which]
    moved = np.concatenate([moved[: 24 * 60], np.roll(moved, hours)[24 * 60 :]])
    if which is None:
        main = moved
    else:
        subs[which] = moved
    found = balance(main, subs)
    assert {(each.figures["meters"], each.figures["hours"]) for each in found} == {(name, hours)}


def test_parts_that_exceed_the_whole_in_some_hours() -> None:
    """The main meter misses the day's peak: over a month the losses would hide it."""
    subs = parts_of_a_house()
    main = 1.4 * np.sum(subs, axis=0)
    missed = (np.arange(9000) >= 24 * 60) & np.isin(np.arange(9000) % 24, (9, 10, 11))
    (found, *_) = balance(np.where(missed, 0.3 * main, main), subs)
    assert found.figures["meters"] == "s0, s1, s2"
    assert "hours" not in found.figures


# A gateway's clock.

ARRIVES = 20_000 * DAY_MS


def live(hours: int, ahead_min: float, *, latency_s: int = 5, days: int = 10) -> list[Event]:
    """Hourly readings as a gateway sends them; those from the future are rejected and tell about the clock."""
    events: list[Event] = []
    for hour in range(0, 24 * days, hours):
        arrival = ARRIVES + hour * HOUR_MS + 1000 * latency_s
        stamp = ARRIVES + hour * HOUR_MS + round(60_000 * ahead_min)
        events.append(
            Ahead(building="b01", meter="heat", quantity="energy", time=stamp, received_at=arrival)
            if stamp > arrival + 15 * 60_000
            else message((stamp,), arrival)
        )
    return events


def message(times: tuple[int, ...], arrival: int, nature: str = "register") -> Readings:
    return Readings(
        building="b01",
        meter="heat",
        quantity="energy",
        nature=nature,  # type: ignore[arg-type]
        times=times,
        amounts=(1,) * len(times),
        received_at=arrival,
    )


def archive_daily(late_min: int) -> list[Event]:
    """The day's hours, sent once a day."""
    return [
        message(
            tuple(ARRIVES + (24 * day + hour) * HOUR_MS for hour in range(24)),
            ARRIVES + (24 * day + 23) * HOUR_MS + late_min * 60_000,
        )
        for day in range(10)
    ]


@pytest.mark.parametrize(
    ("events", "offsets"),
    [
        (live(1, 0), []),
        (live(1, -60), []),
        (live(1, 180), [180]),
        (live(24, 180), [180]),
        (live(1, 180, latency_s=240), [180]),
        (live(1, 30), [30]),
        (live(1, -180), [-180]),
        (live(1, -210, latency_s=120), [-210]),
        # A slow line is late, but not by half hours.
        (live(1, -200), []),
        # Two days of it may be anything.
        (live(1, 180, days=2), []),
        # Archives come when they come.
        (archive_daily(180), []),
        (live(24, -180), []),
        # A line that was down for half a day each night delivers what it has at once.
        ([message((ARRIVES + h * HOUR_MS,), ARRIVES + (h // 12 + 1) * 12 * HOUR_MS) for h in range(240)], []),
        # Stray stamps of one day.
        ([*live(1, 0), *live(1, 180, days=1)], []),
    ],
)
def test_a_gateway_with_a_wrong_clock(events: list[Event], offsets: list[int]) -> None:
    for seed in range(3):
        run = Run(gateway_step(SITE))
        for event in events:
            run.feed(event)
        assert [each.figures["offset"] for each in run.findings("gateway_clock")] == offsets
        events = [*events, *events[::3]]
        random.Random(seed).shuffle(events)


def test_a_gateway_whose_stamps_are_local_time_labelled_utc_is_found_in_both_modes(tmp_path: Path) -> None:
    """Its readings are rejected, so only the rejections know of the clock; in the cluster they have a log of their own."""
    site = build_site(source("k/{building}/{meter}"), building(meter("heat")), timezone="Europe/Moscow")
    captures = [
        Capture(
            "k/b01/heat",
            json.dumps(
                {"time": iso(ARRIVES + (hour + 3) * HOUR_MS), "value": 10.0 + hour, "unit": "Gcal"}
            ).encode(),
            ARRIVES + hour * HOUR_MS + 4000,
        )
        for hour in range(96)
    ]
    store = Store(tmp_path / "k.db")
    embedded = Embedded(site=site, store=store, decode=Decoder(site).decode)
    embedded.take(captures)
    store.close()
    reader = Reader(tmp_path / "k.db")
    (found,) = [each for each in reader.findings() if each["kind"] == "gateway_clock"]
    reader.close()
    assert found["figures"]["offset"] == 180
    # What the cluster's ingest puts on the log of readings.
    on_log = [
        decode(encode(event)) for event in decoded(Decoder(site), captures, site) if isinstance(event, Ahead)
    ]
    run = Run(gateway_step(site))
    for event in on_log:
        run.feed(event)
    (same,) = run.findings("gateway_clock")
    assert same.figures == found["figures"]


def test_the_order_of_hours_does_not_matter_for_a_balance() -> None:
    subs = [sub[: 24 * 120] for sub in parts_of_a_house()]
    main = 1.02 * np.sum(subs, axis=0)
    subs[2] = late_by(subs[2], 90)
    days = days_in_order(main, subs)
    told = []
    for seed in range(4):
        run = Run(hourly_balance_step(METERED))
        for day in days:
            run.feed(day)
        told.append({(each.start, each.end, str(each.figures)) for each in run.findings("balance_by_hour")})
        # Some days come twice, first with other hours.
        days += [day_of("s1", FIRST.toordinal() + n, 24, by_hour=(1,) * 24) for n in range(0, 120, 9)]
        random.Random(seed).shuffle(days)
        last = days_in_order(main, subs)
        random.Random(seed).shuffle(last)
        days += last
    assert told[0]
    assert all(each == told[0] for each in told)


def days_in_order(main: Floats, subs: Sequence[Floats]) -> list[Day]:
    return [
        day
        for name, hours in zip(("main", "s0", "s1", "s2"), (main, *subs), strict=True)
        for day in days_of(name, hours)
    ]
