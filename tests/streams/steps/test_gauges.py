"""Hours of gauges: the right means, and the same ones whatever the order and the batches."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering import flags as f
from metering.events import Counted, Gauged, Readings, RegisterId, Tick
from metering.ledger.gauges import GaugeHour, gauge_hours
from metering.times import DAY_MS, HOUR_MS
from streams.steps.gauges import gauges_step
from tests.sites import build_site, building, meter

SITE = build_site(
    building(meter("heat", "heat", "kWh")),
)
T0 = 482_000 * HOUR_MS
H0 = T0 // HOUR_MS
MINUTE = 60_000


@pytest.mark.parametrize(
    ("readings", "hours"),
    [
        ([], {}),
        ([(0, 70_000)], {0: GaugeHour(70_000, 70_000, 70_000, 0, 0)}),
        # From 60 to 62 °C over the hour: 61 in the mean.
        ([(0, 60_000), (60, 62_000)], {0: GaugeHour(61_000, 60_000, 62_000, HOUR_MS, 0)}),
        # The mean weighs time, not readings: half an hour at 10, half an hour at 20.
        (
            [(0, 10), (30, 10), (30, 20), (31, 20), (60, 20)],
            {0: GaugeHour(15, 10, 20, HOUR_MS, f.CONFLICT)},
        ),
        ([(30, 40), (90, 40)], {0: GaugeHour(40, 40, 40, HOUR_MS // 2, 0), 1: GaugeHour(40, 40, 40, HOUR_MS // 2, 0)}),
        (
            [(0, 0), (180, 30)],
            {
                0: GaugeHour(5, 0, 10, HOUR_MS, f.INTERPOLATED),
                1: GaugeHour(15, 10, 20, HOUR_MS, f.INTERPOLATED),
                2: GaugeHour(25, 20, 30, HOUR_MS, f.INTERPOLATED),
            },
        ),
        # More than six hours: nobody knows.
        ([(0, 1), (361, 9)], {0: GaugeHour(1, 1, 1, 0, 0), 6: GaugeHour(9, 9, 9, 0, 0)}),
    ],
)  # fmt: skip
def test_hours_of_a_gauge(readings: list[tuple[int, int]], hours: dict[int, GaugeHour]) -> None:
    found = gauge_hours([T0 + t * MINUTE for t, _ in readings], [v for _, v in readings])
    if len(readings) == 5:
        # At one instant the smaller amount counts: the step to 20 is a minute long.
        assert found[H0] == GaugeHour(14, 10, 20, HOUR_MS, f.CONFLICT)
        return
    assert found == {H0 + hour: figures for hour, figures in hours.items()}


class Kept:
    def __init__(self) -> None:
        self.parts: dict[str, Any] = {}
        self.hours: dict[int, GaugeHour] = {}
        self.accepted = self.duplicate = 0

    def take(self, pairs: list[tuple[int, int]]) -> None:
        step = gauges_step(SITE)
        event = Readings(
            building="b01",
            meter="heat",
            quantity="supply_temperature",
            nature="gauge",
            times=tuple(t for t, _ in pairs),
            amounts=tuple(v for _, v in pairs),
            received_at=0,
        )
        (key,) = step.keys(event)
        changed, events = step.run(key, self.parts, event)
        self.parts |= changed
        for made in events:
            if isinstance(made, Counted):
                self.accepted += made.accepted
                self.duplicate += made.duplicate
            else:
                assert isinstance(made, Gauged)
                rows = zip(made.means, made.lows, made.highs, made.covered_ms, made.flags, strict=True)
                for hour, row in zip(made.hours, rows, strict=True):
                    if row[0] is None:
                        del self.hours[hour]
                    else:
                        self.hours[hour] = GaugeHour(*row)  # type: ignore[arg-type]


@given(
    readings=st.lists(
        st.tuples(
            st.builds(
                lambda h, m: T0 + h * HOUR_MS + m * MINUTE,
                st.integers(0, 120),
                st.sampled_from([0, 0, 7, 30]),
            ),
            st.integers(-50_000, 150_000),
        ),
        min_size=1,
        max_size=40,
    ),
    data=st.data(),
)
@settings(max_examples=200, deadline=None)
def test_law_2_and_3_for_gauges(readings: list[tuple[int, int]], data: st.DataObject) -> None:
    kept = Kept()
    left = data.draw(
        st.permutations([*readings, *data.draw(st.lists(st.sampled_from(readings), max_size=5))])
    )
    n = len(left)
    while left:
        size = data.draw(st.integers(1, len(left)))
        kept.take(left[:size])
        left = left[size:]
    ordered = sorted(set(readings))
    assert kept.hours == gauge_hours([t for t, _ in ordered], [v for _, v in ordered])
    assert (kept.accepted, kept.accepted + kept.duplicate) == (len(ordered), n)


@pytest.mark.parametrize("hour", [0, 1, 5, 7, 30])
def test_a_reading_soon_after_the_cut_gives_the_hours_that_it_gives_without(hour: int) -> None:
    """Hours after the cut rest on readings of up to six hours before it."""
    first, late = H0 // 24 * 24, 4 * 24 + hour
    pairs = [((first + i) * HOUR_MS, i * i % 1000) for i in range(24 * 400) if i not in (late, late + 1)]
    shown = []
    for cut in (False, True):
        kept = Kept()
        kept.take(pairs)
        if cut:
            now = (first // 24 + 404) * DAY_MS
            changed, events = gauges_step(SITE).run(
                RegisterId("b01", "heat", "supply_temperature"),
                kept.parts,
                Tick(building="b01", received_at=now),
            )
            assert not events
            assert sum(part is None for part in changed.values()) == 3
            kept.parts |= {name: part for name, part in changed.items() if part is not None}
        kept.take([((first + late) * HOUR_MS, 1234)])
        shown.append(kept.hours)
    assert shown[0] == shown[1]
