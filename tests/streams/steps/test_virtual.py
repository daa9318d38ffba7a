"""Virtual meters: sums and differences of days, with every doubt of every member."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from metering import flags as f
from metering.events import Day, Event, Restated
from metering.site.model import Site, SiteError, parse_site
from streams.step import advance, takers
from streams.steps.virtual import virtual_step
from tests.days import day_of
from tests.sites import building, meter, site_text

SITE = site_text(
    building(
        meter("main", "electricity", "kWh"),
        meter("lift", "electricity", "kWh", parent="main"),
        meter("light", "electricity", "kWh", parent="main"),
        meter("common", "electricity", "kWh", virtual={"plus": ["lift", "light"]}),
        meter("flats", "electricity", "kWh", virtual={"plus": ["main"], "minus": ["common"]}),
        meter("water", "cold_water", "m3"),
    ),
)
DATE = dt.date(2026, 1, 5).toordinal()


class Shelf:
    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}

    def parts(self, step: Any, key: str) -> dict[str, Any]:
        return self.kept.setdefault(key, {})

    def put(self, step: Any, key: str, changed: Any) -> None:
        self.kept.setdefault(key, {}).update(changed)


@pytest.fixture
def site() -> Site:
    return parse_site(SITE)


def day(meter: str, used: int | None, **figures: Any) -> Day:
    return day_of(meter, DATE, used, **({"received_at": 9} | figures))


def last(events: list[Event], meter: str) -> Day:
    return [event for event in events if isinstance(event, Day) and event.meter == meter][-1]


def run(site: Site, days: list[Day]) -> list[Event]:
    shelf, by_type = Shelf(), takers([virtual_step(site)])
    return [made for each in days for made in advance(by_type, shelf, each)]


def test_a_sum_and_a_difference_of_it(site: Site) -> None:
    events = run(
        site, [day("main", 100), day("lift", 10), day("light", 5, estimated=2, flags=f.INTERPOLATED)]
    )
    assert last(events, "common") == day("common", 15, known=15, estimated=2, flags=f.INTERPOLATED)
    assert last(events, "flats") == day("flats", 85, known=85, estimated=2, flags=f.INTERPOLATED)
    assert not [event for event in events if isinstance(event, Restated)]


def test_what_a_member_does_not_know_the_sum_does_not_know(site: Site) -> None:
    doubt = day("light", None, known=3, unknown=4, coverage=0.5, flags=f.UNKNOWN)
    events = run(site, [day("lift", 10), doubt, day("main", 100)])
    assert last(events, "common") == day("common", None, known=13, unknown=4, coverage=0.5, flags=f.UNKNOWN)
    assert last(events, "flats") == day("flats", None, known=87, unknown=-4, coverage=0.5, flags=f.UNKNOWN)


def test_a_member_that_is_restated_restates_and_one_that_is_withdrawn_withdraws(site: Site) -> None:
    events = run(
        site, [day("lift", 10), day("light", 5), day("light", 6), day("light", None, withdrawn=True)]
    )
    told = [(event.old, event.new, event.cause) for event in events if isinstance(event, Restated)]
    assert told == [(15, 16, "light was restated"), (16, None, "light was restated")]
    assert last(events, "common").withdrawn


def test_another_quantity_of_a_member_is_none_of_its_business(site: Site) -> None:
    volume = day_of("lift", DATE, 5, quantity="volume", received_at=9)
    assert run(site, [volume]) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('parent = "main"', 'parent = "attic"', "is not a meter of the building"),
        ('parent = "main"', 'parent = "water"', "counts volume, not energy"),
        ('parent = "main"', 'parent = "lift"', "leads back to itself"),
        ('plus = ["lift", "light"]', 'plus = ["lift", "water"]', "counts volume, not energy"),
        ('plus = ["lift", "light"]', 'plus = ["lift", "lift"]', "twice"),
        ('plus = ["lift", "light"]', 'plus = ["lift", "flats"]', "leads back to itself"),
        ('plus = ["lift", "light"]', "plus = []", "plus"),
        (
            'virtual = { plus = ["lift", "light"] }',
            'digits = 6\nvirtual = { plus = ["lift"] }',
            "no register",
        ),
    ],
)
def test_the_site_file_says_what_does_not_fit(old: str, new: str, words: str) -> None:
    with pytest.raises(SiteError, match=words):
        parse_site(SITE.replace(old, new, 1))
