"""Seasons, statics and events of the site file in the stream: any order, both figures, a frozen baseline."""

from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from metering.baselines.document import Baseline
from metering.events import Awaited, Event, Fitted, Position, Savings, Tick, WeatherDay
from metering.savings.uncertainty import ADJUSTED_SHARE
from metering.site.model import Site, parse_site
from streams.steps.savings import savings_step
from streams.steps.watch import watch_step
from tests.days import day_of
from tests.sites import building, contract, meter, site_text, station, tariff

FIRST = dt.date(2022, 1, 1)


def text(*, base="2024-01-01", statics: str = "", event: str = "", season: str = "", series: str = "") -> str:
    """`season` is other tables, `series` keys and `statics` tables of the building, `event` the rest of the contract."""
    return site_text(
        station(),
        season,
        building(series, statics, meter("heat", "heat", "kWh"), station="spb", persons=400),
        contract(baseline=f"{base}..2024-12-31", reporting="2025-01-15..") + event,
        lateness_days=20,
    )


STATICS = "  [[building.statics]]\n  from = 2025-02-01\n  persons = 360\n"
EVENT = """  [[contract.event]]
  from = 2025-02-10
  to = 2025-02-19
  total = "-900"
  unit = "kWh"
  reason = "the shop on the ground floor was closed"
  author = "Иванова"
  approved_by = "Петров"
"""
SEASON = "[[season]]\nfrom = 2023-10-01\nto = 2024-05-10\n[[season]]\nfrom = 2024-10-03\nto = 2025-05-12\n"


def days(first: dt.date, last: dt.date, seed: int = 1) -> list[Event]:
    rng = random.Random(seed)
    found: list[Event] = []
    noise = 0.0
    level = {year: rng.gauss(0, 0.03) for year in range(2021, 2026)}
    for date in range(first.toordinal(), last.toordinal() + 1):
        day = dt.date.fromordinal(date)
        turn = math.cos(2 * math.pi * (day.timetuple().tm_yday - 15) / 365)
        temp = round(6_000 - 12_000 * turn + rng.gauss(0, 3_000))
        on = day.month < 5 or day.month > 9
        noise = 0.5 * noise + rng.gauss(0, 200_000)
        used = round((3_000_000 + (max(0, 17_000 - temp) * 450 if on else 0) + noise) * (1 + level[day.year]))
        found.append(
            WeatherDay(building="b01", station="spb", date=date, mean_mc=temp, coverage=1.0, received_at=0)
        )
        found.append(day_of("heat", date, used))
    return found


class Kept:
    """Both steps over dictionaries of parts, and what they published last."""

    def __init__(self) -> None:
        self.parts: dict[str, dict[str, dict[str, Any]]] = {"savings": {}, "watch": {}}
        self.savings: dict[int, Savings] = {}
        self.fitted: Fitted | None = None
        self.position: Position | None = None

    def run(self, site: Site, events: Iterable[Event]) -> Kept:
        steps = [savings_step(site), watch_step(site)]
        queue = list(events)
        while queue:
            event = queue.pop(0)
            if isinstance(event, Savings):
                self.savings[event.date] = event
                if event.withdrawn:
                    del self.savings[event.date]
            if isinstance(event, Fitted):
                self.fitted = event
            if isinstance(event, Position):
                self.position = event
            for step in steps:
                if isinstance(event, step.accepts):
                    for key in step.keys(event):
                        held = self.parts[step.name].setdefault(key, {})
                        changed, made = step.run(key, held, event)
                        held.update(changed)
                        queue[0:0] = made
        return self


@pytest.fixture(scope="module")
def facts() -> list[Event]:
    return days(dt.date(2023, 6, 1), dt.date(2025, 3, 31))


def after(events: list[Event]) -> list[Event]:
    return [e for e in events if e.date >= dt.date(2025, 1, 14).toordinal()]  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def plain(facts: list[Event]) -> Kept:
    return Kept().run(parse_site(text()), [*facts, Tick(building="b01", received_at=0)])


def test_the_baseline_is_the_same_and_the_figures_say_what_was_added(facts: list[Event], plain: Kept) -> None:
    kept = Kept().run(
        parse_site(text(statics=STATICS, event=EVENT)), [*facts, Tick(building="b01", received_at=0)]
    )
    assert kept.fitted == plain.fitted
    assert kept.position is not None
    assert plain.position is not None
    assert list(kept.savings) == list(plain.savings)
    for date, saved in kept.savings.items():
        assert saved.expected - saved.adjustment == plain.savings[date].expected
        assert (saved.adjustment < 0) == (date >= dt.date(2025, 2, 1).toordinal())
    assert kept.position.adjustment == sum(each.adjustment for each in kept.savings.values()) < 0
    assert kept.position.expected - kept.position.adjustment == plain.position.expected
    # What was adjusted is not known exactly, and the interval says so.
    ratio = kept.position.expected / plain.position.expected
    assert kept.position.half_width > ratio * plain.position.half_width
    assert kept.position.half_width >= ADJUSTED_SHARE * -kept.position.adjustment


@pytest.mark.parametrize("seed", range(6))
def test_any_order_gives_the_same_figures(facts: list[Event], plain: Kept, seed: int) -> None:
    site = parse_site(text(statics=STATICS, event=EVENT, season=SEASON))
    assert plain.fitted is not None
    winter = [e for e in facts if e.date >= dt.date(2024, 9, 1).toordinal()]  # type: ignore[union-attr]
    first = Kept().run(site, [plain.fitted, *winter, Tick(building="b01", received_at=0)])
    random.Random(seed).shuffle(winter)
    again = Kept().run(site, [plain.fitted, *winter, *winter[:30], Tick(building="b01", received_at=0)])
    assert again.savings == first.savings
    assert again.position == first.position


@pytest.mark.parametrize("there", [True, False], ids=["declared later", "taken back"])
def test_a_site_file_that_changed_restates_all_days(facts: list[Event], plain: Kept, there: bool) -> None:
    without, with_it = parse_site(text()), parse_site(text(statics=STATICS, event=EVENT))
    old, new = (without, with_it) if there else (with_it, without)
    tick = Tick(building="b01", received_at=0)
    at_once = Kept().run(new, [*facts, tick])
    kept = Kept().run(old, [*facts[:-1], tick])
    kept.run(new, [facts[-1], tick])
    assert kept.savings == at_once.savings
    assert kept.position == at_once.position
    assert kept.fitted == at_once.fitted == plain.fitted


def test_declared_seasons_are_fitted_on_and_held_to(facts: list[Event], plain: Kept) -> None:
    site = parse_site(text(season=SEASON))
    kept = Kept().run(site, facts)
    assert kept.fitted is not None
    baseline = Baseline.from_document(kept.fitted.document)
    assert baseline.parameters["season_rule"] == "declared"
    # The season ends earlier than it was thought to: the days after it are expected without heat.
    earlier = parse_site(text(season=SEASON.replace("2025-05-12", "2025-03-20")))
    kept.run(earlier, [facts[-1]])
    cut = dt.date(2025, 3, 20).toordinal()
    for date, saved in kept.savings.items():
        was = baseline.expected(saved.temp_mc, _before(facts, date), heated=date <= cut, date=date)
        assert saved.expected == was


def _before(facts: list[Event], date: int) -> int | None:
    return next((e.mean_mc for e in facts if isinstance(e, WeatherDay) and e.date == date - 1), None)


def test_three_years_of_history_tell_their_own_drift(plain: Kept) -> None:
    facts = days(dt.date(2021, 6, 1), dt.date(2025, 3, 31))
    kept = Kept().run(parse_site(text(base="2022-01-01")), facts)
    assert kept.fitted is not None
    assert plain.fitted is not None
    long, short = (Baseline.from_document(each.document) for each in (kept.fitted, plain.fitted))
    assert long.between_years.source.startswith("3 baseline years")
    assert short.between_years.source.startswith("prior")
    assert (long.between_years.degrees, short.between_years.degrees) == (2.25, 5.0)
    assert long.between_years.sd != short.between_years.sd


def test_a_series_helps_a_house_with_little_history_and_the_baseline_says_so(facts: list[Event]) -> None:
    short = text(base="2024-11-15", series='series = "137"\narea_m2 = 12000\n')
    kept = Kept().run(parse_site(short), facts)
    assert kept.fitted is not None
    baseline = Baseline.from_document(kept.fitted.document)
    assert baseline.prior.startswith("series 137")
    # Of a house with a whole year nothing is borrowed, and none without an area can be helped.
    whole = Kept().run(parse_site(text(series='series = "137"\narea_m2 = 12000\n')), facts)
    bare = Kept().run(parse_site(text(base="2024-11-15", series='series = "137"\n')), facts)
    for other in (whole, bare):
        assert other.fitted is not None
        assert Baseline.from_document(other.fitted.document).prior == ""


def test_days_are_published_again_if_the_tariff_changed(facts: list[Event]) -> None:
    def priced(price: int) -> Site:
        prices = tariff(("2020-01-01", str(price)), id="t", unit="kWh")
        return parse_site(text(event='tariff = "t"\n' + prices))

    kept = Kept().run(priced(5), [*facts, Tick(building="b01", received_at=0)])
    before = dict(kept.savings)
    old = kept.position
    kept.savings = {}
    newest = facts[-1]
    kept.run(priced(7), [newest, Tick(building="b01", received_at=1)])
    assert kept.savings == before
    assert old is not None
    assert old.money is not None
    assert kept.position is not None
    assert kept.position.money == pytest.approx(old.money * 7 / 5, abs=2)
    kept.savings = {}
    kept.run(priced(7), [newest, Tick(building="b01", received_at=2)])
    assert kept.savings == {}


def test_a_baseline_that_an_older_kvartal_did_not_send_reaches_the_stores_once(plain: Kept) -> None:
    step = savings_step(parse_site(text()))
    (contract,) = plain.parts["savings"]
    parts = dict(plain.parts["savings"][contract])
    awaited = Awaited(
        building="b01", reader=contract, meter="heat", quantity="energy", station="", first=0, received_at=7
    )
    assert step.run(contract, parts, awaited) == ({}, ())
    (baseline,) = (name for name in parts if name == "baseline")
    parts[baseline] = msgspec.structs.replace(parts[baseline], published=False)
    changed, events = step.run(contract, parts, awaited)
    assert plain.fitted is not None
    assert events == (msgspec.structs.replace(plain.fitted, received_at=7),)
    assert step.run(contract, parts | changed, awaited) == ({}, ())
    assert list(step.keys(msgspec.structs.replace(awaited, reader="balance of main sub"))) == []
