"""The balance of a main meter and its sub-meters: rows of days -> what is left, and what nobody knows of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering import flags as f
from metering.events import Day
from metering.ledger.balance import Balance, balance, excess
from tests.days import day_of

KWH = 1000


def days(meter: str, *figures: int | tuple[int, ...] | None, first: int = 1) -> dict[int, Day]:
    """A use a day; (known, unknown) or (known, unknown, flags) if the day has no use; None if there is no such day."""
    found: dict[int, Day] = {}
    for date, figure in enumerate(figures, first):
        if isinstance(figure, int):
            found[date] = day_of(meter, date, figure, received_at=9)
        elif figure is not None:
            known, unknown, *flags = figure
            found[date] = day_of(
                meter, date, None, known=known, unknown=unknown, coverage=0.5, received_at=9, flags=sum(flags)
            )
    return found


@pytest.mark.parametrize(
    ("main", "subs", "rows", "told"),
    [
        ([9, 9], [[2, 3], [1, 1]], [6, 5], Balance(2, 18, 7, 0, 0, 0, 0)),
        # What one meter knows in total only is a part of the difference, but of no day.
        (
            [9, 9, 9, 9],
            [[2, (1, 5), (0, 0), 2]],
            [7, None, None, 7],
            Balance(2, 18, 4, 2, 0, 18, 6),
        ),
        ([9, (4, 11), (3, 0), 9], [[2, 2, 2, 2]], [7, None, None, 7], Balance(2, 18, 4, 2, 0, 18, 4)),
        # What no register counted (an exchange during silence) has no total.
        (
            [9, (0, 0, f.UNCOUNTED), (0, 0, f.UNCOUNTED), 9],
            [[2, 2, 2, 2]],
            [7, None, None, 7],
            Balance(2, 18, 4, 2, 2, 0, 0),
        ),
        (
            [9, 9, (4, 11), 9],
            [[2, (1, 0, f.UNCOUNTED), 2, 2]],
            [7, None, None, 7],
            Balance(2, 18, 4, 2, 2, 0, 0),
        ),
        # A sub-meter that came later, or is silent, is not one that used nothing.
        ([9, 9, 9], [[None, 2, 2]], [None, 7, 7], Balance(2, 18, 4, 1, 1, 0, 0)),
        ([9, 9, 9], [[2, 2, None]], [7, 7, None], Balance(2, 18, 4, 1, 1, 0, 0)),
        # An unknown block that begins or ends outside the period.
        ([9, 9, 9], [[(1, 0), 2, (1, 8)]], [None, 7, None], Balance(1, 9, 2, 2, 2, 0, 0)),
        ([9, 9], [[None, None]], [None, None], Balance(0, 0, 0, 2, 2, 0, 0)),
    ],
)
def test_rows(
    main: list[int | tuple[int, ...] | None],
    subs: list[list[int | tuple[int, ...] | None]],
    rows: list[int | None],
    told: Balance,
) -> None:
    by_day, total = balance(days("main", *main), [days("sub", *sub) for sub in subs], 1, len(main))
    assert [rest for _, rest in by_day] == rows
    assert total == told
    assert total.difference == (None if not total.days else total.main - total.subs)


@given(
    uses=st.lists(st.tuples(st.integers(0, 9_000), st.integers(0, 9_000)), min_size=3, max_size=40),
    data=st.data(),
)
def test_what_is_unknown_by_day_is_known_in_total(uses: list[tuple[int, int]], data: st.DataObject) -> None:
    """Law 1 through the balance: unknown blocks move energy from days to the unknown part, and lose none."""
    whole: list[int | tuple[int, ...] | None] = [main for main, _ in uses]
    part: list[int | tuple[int, ...] | None] = [sub for _, sub in uses]
    for figures in (whole, part):
        start = data.draw(st.integers(1, len(uses) - 2))
        end = data.draw(st.integers(start, len(uses) - 2))
        block = sum(figure for figure in figures[start : end + 1] if isinstance(figure, int))
        figures[start : end + 1] = [(0, block), *[(0, 0)] * (end - start)]
    _, total = balance(days("main", *whole), [days("sub", *part)], 1, len(uses))
    assert total.days_without_total == 0
    assert (total.difference or 0) + total.unknown == sum(main - sub for main, sub in uses)


def uses(amount: int, n: int = 30, *, estimated: int = 0, first: int = 1) -> dict[int, tuple[int, int]]:
    return dict.fromkeys(range(first, first + n), (amount, estimated))


@pytest.mark.parametrize(
    ("main", "subs", "found"),
    [
        (uses(10 * KWH), [uses(4 * KWH), uses(6 * KWH)], False),
        (uses(10 * KWH), [uses(5 * KWH), uses(6 * KWH)], True),
        # Three displays of whole kWh may be wrong by 2.1 kWh together.
        (uses(10 * KWH), [uses(4 * KWH), uses(6 * KWH + 70)], False),
        (uses(10 * KWH), [uses(4 * KWH), uses(6 * KWH + 80)], True),
        # Each time that the comparison is interrupted they may be wrong anew.
        (uses(10 * KWH), [uses(4 * KWH), uses(6 * KWH + 80, 14) | uses(6 * KWH + 80, 15, first=16)], False),
        # An interpolation across the first or the last midnight.
        (uses(10 * KWH, estimated=300), [uses(4 * KWH), uses(6 * KWH + 80)], False),
        # Too little of the month.
        (uses(10 * KWH, 19), [uses(5 * KWH), uses(6 * KWH)], False),
        (uses(10 * KWH), [uses(15 * KWH, 19), uses(6 * KWH)], False),
    ],
)
def test_parts_that_are_more_than_the_whole(
    main: dict[int, tuple[int, int]], subs: list[dict[int, tuple[int, int]]], found: bool
) -> None:
    assert (excess(main, subs, [KWH] * (1 + len(subs))) is not None) is found


def test_what_was_found_says_how_much_and_when() -> None:
    assert excess(uses(10 * KWH), [uses(11 * KWH, 25, first=4)], [KWH, KWH]) == (
        4,
        28,
        25,
        250 * KWH,
        275 * KWH,
    )
