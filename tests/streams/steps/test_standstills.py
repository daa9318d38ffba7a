"""A register that stands still: when that is a fact, and when somebody is told."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.events import Event, Finding, Gauged, WeatherDay
from metering.site.model import parse_site
from metering.times import HOUR_MS, day_bounds
from streams.steps.standstills import standstills_step
from tests.days import day_of
from tests.sites import building, meter, site_text, station

SITE = site_text(
    station(),
    building(
        meter(),
        meter(
            "light",
            "electricity",
            "kWh",
            outage=[
                {"from": "2026-01-10", "to": "2026-01-12", "reason": "rewiring"},
                {"from": "2026-01-19T21:00:00+00:00", "to": "2026-01-22T00:00:00"},
            ],
        ),
        station="spb",
    ),
)
SITE_MODEL = parse_site(SITE)


def ordinal(day: int, month: int = 1) -> int:
    return dt.date(2026, month, day).toordinal()


def use(meter: str, figures: list[int | None], day: int = 1, month: int = 1) -> list[Event]:
    return [day_of(meter, ordinal(day, month) + i, used, received_at=9) for i, used in enumerate(figures)]


def weather(temps: list[int], day: int = 1, month: int = 1, year: int = 2026) -> list[Event]:
    first = dt.date(year, month, day).toordinal()
    return [
        WeatherDay(
            building="b01", station="spb", date=first + i, mean_mc=t * 1000, coverage=1.0, received_at=9
        )
        for i, t in enumerate(temps)
    ]


def flow(day: int, litres: int, hours: int = 24, meter: str = "heat") -> Gauged:
    start = day_bounds(ordinal(day), SITE_MODEL.zone)[0] // HOUR_MS
    n = hours
    return Gauged(
        building="b01", meter=meter, quantity="flow", hours=tuple(range(start, start + n)),
        means=(litres,) * n, lows=(0,) * n, highs=(litres,) * n, covered_ms=(HOUR_MS,) * n, flags=(0,) * n, received_at=9,
    )  # fmt: skip


def standing(events: list[Event]) -> set[tuple[str, int, int]]:
    """(meter, first day, days) of the findings that stand at the end."""
    step, parts = standstills_step(SITE_MODEL), {}  # type: ignore[var-annotated]
    found: set[tuple[str, int, int]] = set()
    for event in events:
        for key in step.keys(event):
            changed, made = step.run(key, parts.setdefault(key, {}), event)
            parts[key] |= changed
            for finding in made:
                assert isinstance(finding, Finding)
                days = (finding.end - finding.start) // (24 * HOUR_MS)
                first = (finding.start - day_bounds(ordinal(1), SITE_MODEL.zone)[0]) // (24 * HOUR_MS) + 1
                item = (finding.meter, first, days)
                assert (item in found) == finding.withdrawn
                found ^= {item}
    return found


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (use("light", [5, 0, 0, 5]), set()),
        (use("light", [5, 0, 0, 0, 5]), {("light", 2, 3)}),
        (use("light", [5, 0, 0, 0, 0, 0]), {("light", 2, 5)}),
        # Before it ever counted nobody expects anything.
        (use("light", [0, 0, 0, 0]), set()),
        # A day without a figure is not a day without use.
        (use("light", [5, 0, 0, None, 0, 0]), set()),
        # A declared outage is a fact.
        (use("light", [5, 0, 0, 0, 5], day=9), set()),
        (use("light", [5, 0, 0, 0, 0, 0, 0, 5], day=9), {("light", 13, 3)}),
        # Heat: by the weather, and where there is none by the month.
        (use("heat", [5, 0, 0, 0, 0]) + weather([-5] * 5), {("heat", 2, 4)}),
        (use("heat", [5, 0, 0, 0, 0]) + weather([12] * 5), set()),
        (weather([12] * 5) + use("heat", [5, 0, 0, 0, 0]), set()),
        (use("heat", [5, 0, 0, 0, 0]), {("heat", 2, 4)}),
        # Three cold days in a warm time are no season; five are, across the ends of months too.
        (use("heat", [5, 0, 0, 0, 0]) + weather([13, 13, 13, 6, 6, 6], day=29, month=12, year=2025), set()),
        (
            use("heat", [5, 0, 0, 0, 0]) + weather([13, 13, 6, 6, 6, 6, 6], day=29, month=12, year=2025),
            {("heat", 3, 3)},
        ),
        (
            use("heat", [5, 0, 0, 0, 0]) + weather([6] * 8, day=29, month=12, year=2025),
            {("heat", 2, 4)},
        ),
        (use("heat", [5]) + use("heat", [0, 0, 0, 0], month=7), set()),
        # The meter's own flow knows better than both.
        (use("heat", [5, 0, 0, 0, 0]) + [flow(d, 0) for d in range(2, 6)], set()),
        ([*use("heat", [5, 0, 5]), flow(2, 700)], {("heat", 2, 1)}),
        ([*use("heat", [5, 0, 5]), flow(2, 700, hours=6)], {("heat", 2, 1)}),
        # A trickle is no proof, and a flow that is known for a part of the day explains nothing.
        ([*use("heat", [5, 0, 5]), flow(2, 700, hours=5)], set()),
        (use("heat", [5, 0, 0, 0, 0]) + [flow(d, 0, hours=23) for d in range(2, 6)], {("heat", 2, 4)}),
        # What is declared wins over what is measured.
        ([*use("light", [5, 0, 0, 0, 5], day=9), flow(11, 700, meter="light")], set()),
        # An outage from instant to instant: of the days that it touches, and of no other.
        (use("light", [5, 0, 0, 0, 0, 5], day=19), set()),
        (use("light", [5, 0, 0, 0, 0, 0, 5], day=19), {("light", 22, 3)}),
        # What comes later explains it.
        (use("light", [5, 0, 0, 0, 5]) + use("light", [7], day=3), set()),
        (
            [
                *use("light", [5, 0, 0, 0, 5]),
                day_of("light", ordinal(1), None, coverage=0.0, received_at=9, withdrawn=True),
            ],
            set(),
        ),
    ],
)  # fmt: skip
def test_who_is_told(events: list[Event], expected: set[tuple[str, int, int]]) -> None:
    assert standing(events) == expected
    # The last word about each day counts, in whatever order the days come.
    last: dict[tuple[Any, ...], Event] = {}
    for event in events:
        date = event.hours[0] if isinstance(event, Gauged) else getattr(event, "date", 0)
        last[type(event), getattr(event, "meter", ""), date] = event
    for seed in range(10):
        shuffled = list(last.values())
        random.Random(seed).shuffle(shuffled)
        assert standing(shuffled) == expected


@given(seed=st.integers(0, 10**6))
def test_the_order_of_what_is_known_does_not_matter(seed: int) -> None:
    """Days (restated, withdrawn), weather and flow of two months, in any order of their last words."""
    rng = random.Random(seed)
    final: list[Event] = []
    earlier: list[Event] = []
    cold = 0
    for date in range(ordinal(10, 4), ordinal(10, 6)):
        cold = max(0, cold - 1) or (7 if rng.random() < 0.2 else 0)
        final.append(
            WeatherDay(
                building="b01",
                station="spb",
                date=date,
                mean_mc=rng.choice([None, 4_000 if cold else 12_000]),
                coverage=1.0,
                received_at=9,
            )
        )
        for name in ("heat", "light"):
            used = rng.choice([None, 0, 0, 0, 0, 0, 0, 0, 5])
            gone = rng.random() < 0.03
            final.append(day_of(name, date, used, received_at=9, withdrawn=gone))
            if rng.random() < 0.2:
                earlier.append(day_of(name, date, rng.choice([0, 7]), known=0, received_at=9))
        if rng.random() < 0.3:
            start = day_bounds(date, SITE_MODEL.zone)[0] // HOUR_MS
            for hour in range(start, start + rng.choice([5, 24])):
                final.append(
                    Gauged(
                        building="b01",
                        meter="heat",
                        quantity="flow",
                        hours=(hour,),
                        means=(rng.choice([0, 0, 0, 700]),),
                        lows=(0,),
                        highs=(700,),
                        covered_ms=(HOUR_MS,),
                        flags=(0,),
                        received_at=9,
                    )
                )
    expected = standing(final)
    rng.shuffle(final)
    assert standing([*earlier, *final]) == expected


def test_what_the_site_file_says_later_is_judged_anew() -> None:
    """A declared outage, or a season, that comes into the file or goes out of it."""
    year = use("heat", [5, 0, 0, 0, 0, 0, 0, 0, 0]) + weather([-5] * 9)
    plain = SITE_MODEL
    out = parse_site(
        SITE.replace(
            'unit = "Gcal"\n', 'unit = "Gcal"\n    outage = [{ from = 2026-01-02, to = 2026-01-06 }]\n'
        )
    )
    between = parse_site(
        SITE.replace(
            "[[station]]",
            "[[season]]\nfrom = 2025-10-01\nto = 2026-01-01\n[[season]]\nfrom = 2026-01-08\n[[station]]",
            1,
        )
    )
    parts: dict[str, dict[str, Any]] = {}
    found: set[tuple[int, int]] = set()
    tomorrow = [*use("heat", [0], day=10), *weather([-5], day=10)]
    days_found = []
    for site, events in ((plain, year), (out, tomorrow), (between, tomorrow), (plain, tomorrow)):
        step = standstills_step(site)
        for event in events:
            for key in step.keys(event):
                changed, made = step.run(key, parts.setdefault(key, {}), event)
                parts[key] |= changed
                for finding in made:
                    assert isinstance(finding, Finding)
                    assert ((finding.start, finding.end) in found) == finding.withdrawn
                    found ^= {(finding.start, finding.end)}
        days_found.append([(end - start) // (24 * HOUR_MS) for start, end in sorted(found)])
    assert days_found == [[8], [4], [3], [9]]
