"""A day is the sum of its hours and of the unknown blocks within it."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from metering import flags as f
from metering.events import Unknown
from metering.ledger.days import day_of
from metering.times import HOUR_MS, day_bounds

MOSCOW = ZoneInfo("Europe/Moscow")
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
    block = Unknown(start=START + 3 * HOUR_MS, end=START + 12 * HOUR_MS, amount=77, flags=f.UNKNOWN)
    day = day_of(DATE, MOSCOW, hours, [block])
    assert (day.used, day.unknown, day.estimated) == (150 + 77, 77, 0)
    crossing = Unknown(start=START - 9 * HOUR_MS, end=START + 3 * HOUR_MS, amount=50, flags=f.UNKNOWN)
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
    assert day_of(DATE, MOSCOW, {}, [Unknown(start=START, end=END, amount=500, flags=f.UNKNOWN)]).used == 500


def test_a_partial_hour_beside_a_block_is_whole_and_a_hole_is_not() -> None:
    first = START // HOUR_MS
    hours = dict(FULL) | {first + 5: (4, f.PARTIAL | f.UNKNOWN), first + 15: (4, f.PARTIAL | f.EXCHANGE)}
    assert day_of(DATE, MOSCOW, hours, ()).used is None
    del hours[first + 15]
    hours[first + 15] = (10, 0)
    assert day_of(DATE, MOSCOW, hours, ()).used == 234


HALF = START + 12 * HOUR_MS + HOUR_MS // 2


@pytest.mark.parametrize(
    ("hours", "blocks", "uncounted"),
    [
        (FULL, [], False),
        ({}, [], True),
        # A block counts all of its time, also across midnight, and two of them may meet within an hour.
        ({}, [(START - HOUR_MS, END + HOUR_MS)], False),
        ({}, [(START - HOUR_MS, HALF), (HALF, END)], False),
        ({}, [(HALF, END), (START, HALF), (START, HALF - 1)], False),
        ({}, [(START, HALF), (HALF + 1, END)], True),
        ({}, [(START, HALF)], True),
        ({h: v for h, v in FULL.items() if h * HOUR_MS >= HALF}, [(START - 1, HALF + HOUR_MS // 2)], False),
        (FULL | {START // HOUR_MS + 3: (4, f.PARTIAL | f.EXCHANGE)}, [], True),
        (FULL | {START // HOUR_MS + 3: (4, f.PARTIAL | f.UNKNOWN)}, [], False),
    ],
)
def test_a_day_of_which_no_register_counted_a_part_says_so(
    hours: dict[int, tuple[int, int]], blocks: list[tuple[int, int]], uncounted: bool
) -> None:
    unknowns = [Unknown(start=start, end=end, amount=5, flags=f.UNKNOWN) for start, end in blocks]
    day = day_of(DATE, MOSCOW, hours, unknowns)
    assert bool(day.flags & f.UNCOUNTED) is uncounted
    assert not (uncounted and day.used is not None)
