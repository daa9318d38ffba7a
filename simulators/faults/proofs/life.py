"""Ordinary life over silences and frozen displays: snow melting, chargers, weekend houses, schools, autumn."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Final

from metering.ledger.state import Rules
from metering.times import HOUR_MS
from simulators.faults import rhythms as use
from simulators.faults.clean import CleanMeter, every
from simulators.faults.meters import METERS
from simulators.faults.proofs.judge import DELETING, Made, Row
from simulators.faults.proofs.registers import (
    KWH,
    counting,
    cut,
    frozen,
    hours_to,
    sent_by,
    total,
)
from simulators.faults.rhythms import Rhythm, scaled, with_base


def _meter(name: str, rhythm: Rhythm, days: int, minutes: int) -> CleanMeter:
    return CleanMeter(name, "electricity", "kWh", "0.01", rhythm, every(minutes), days=days)


def _silent_while_used(rhythm: Rhythm, base_kw: float, days: int, minutes: int, frozen_display: bool) -> Row:
    """Each use falls into a silence (or a frozen display), from an hour before it until two after it."""
    meter = _meter("used in silence", with_base(rhythm, base_kw), days, minutes)
    clean = sent_by(meter)
    small = base_kw * 1000 * minutes / 60 + 20
    while any(w - v > small for (_, v), (_, w) in pairwise(clean[-40:])):
        clean.pop()
    spans: list[tuple[float, float]] = []
    for (t0, v0), (t1, v1) in pairwise(clean):
        if v1 - v0 > small:
            a, b = (t0 - clean[0][0]) / HOUR_MS - 1, (t1 - clean[0][0]) / HOUR_MS + 2
            if spans and a <= spans[-1][1] + 2:
                spans[-1] = (spans[-1][0], b)
            else:
                spans.append((a, b))
    return Row(meter.rules, (frozen if frozen_display else cut)(clean, *spans), total(clean), never=DELETING)


def _september(base_wh: int, cold_kwh: int, step_h: int, spring: bool) -> Row:
    """A heat register from May on (or from March, with a season) with one cold day in September, then 30 days more."""
    days = 120 + 60 * spring
    uses = [base_wh * step_h] * ((days + 31) * 24 // step_h)
    if spring:
        uses[: 40 * 24 // step_h] = [60 * KWH * step_h] * (40 * 24 // step_h)
    a, b = days * 24 // step_h, (days + 1) * 24 // step_h
    uses[a:b] = [cold_kwh * KWH * step_h] * (b - a)
    sent = counting(uses, step_h=step_h)
    return Row(Rules(5_000 * KWH), sent, total(sent), never=DELETING)


def _outages(rhythm: Rhythm, days: int, minutes: int, period: int, span_h: tuple[float, float]) -> Row:
    """An outage every `period` days, over `span_h` [h after the midnight that begins the day]."""
    meter = _meter("outages", rhythm, days, minutes)
    clean = sent_by(meter)
    spans = [(day * 24 + span_h[0], day * 24 + span_h[1]) for day in range(period - 2, days - 5, period)]
    last_steps = clean[-1][1] - clean[-4][1]
    return Row(meter.rules, cut(clean, *spans), total(clean), never=DELETING, withheld=last_steps)


def _weekdays(rhythm: Rhythm, minutes: int, weekday: int, weeks: int, span_h: tuple[float, float]) -> Row:
    """Silent over a span of one weekday (0 is Monday), every so many weeks from the third one on."""
    days = 84
    meter = _meter("weekdays", rhythm, days, minutes)
    clean = sent_by(meter)
    first = 15 + weekday  # the first local date is a Sunday
    spans = [(day * 24 + span_h[0], day * 24 + span_h[1]) for day in range(first, days - 7, 7 * weeks)]
    return Row(meter.rules, cut(clean, *spans), total(clean), never=DELETING)


def _season_begins_frozen(base_wh: int, kwh_per_h: int, first: int, begins: int, last: int) -> Row:
    """A display frozen from day `first` to day `last`, while the season begins on day `begins`."""
    uses = [base_wh] * (begins * 24) + [kwh_per_h * KWH] * ((140 - begins) * 24)
    sent = counting(uses)
    return Row(Rules(5_000 * KWH), frozen(sent, (first * 24, last * 24)), total(sent), never=DELETING)


def _stuck_autumn(number: int) -> Row:
    """A heat meter of the table that shows one value from September to December."""
    meter = METERS[number]
    rhythm = use.heating if meter.course == "spring" else use.heating_and_hot_water
    clean = CleanMeter(
        f"stuck {meter.name}", "heat", meter.unit, meter.resolution,
        scaled(rhythm, _FITTING[meter.unit] * meter.daily),
        every(meter.every, meter.offset), meter.bound, meter.digits, int(meter.start), days=470,
    )  # fmt: skip
    readings = clean.readings()
    whole = list(zip(readings.times, readings.counted, strict=True))
    stuck = (hours_to(clean, dt.date(2023, 9, 1)), hours_to(clean, dt.date(2023, 12, 20)))
    shown = frozen(sent_by(clean), stuck)
    # A register that passed its last digit while it stood still would be another story.
    return Row(clean.rules, shown, total(whole), never=DELETING - {"rollover"})


_FITTING: Final = {"kWh": 1 / 8_000, "Gcal": 1.163 / 8, "GJ": 1 / 28.8, "MWh": 1 / 8}
"""Size of a house whose heat meter counts one unit a day [share of the rhythm's house]."""


_SEPTEMBER: Final = (
    (0, 40, 1, False), (200, 40, 1, False), (200, 40, 6, False), (200, 40, 24, False), (0, 40, 24, False),
    (1000, 120, 24, False), (200, 40, 24, True), (0, 60, 24, True), (0, 40, 6, True), (200, 40, 1, True),
)  # fmt: skip
"""(summer's use [Wh/h], the cold day's [kWh/h], hours from reading to reading, after a season)."""
_FROZEN_SEASONS: Final = (
    (200, 120, 35, 40, 65), (0, 120, 35, 40, 65), (3000, 150, 20, 50, 60), (200, 30, 35, 36, 100),
)  # fmt: skip
"""(summer's use [Wh/h], the season's [kWh/h], frozen from day, the season's first day, frozen until day)."""
_LESSONS: Final = with_base(scaled(use.school, 8), 1.2)


def _used_in_silence() -> Iterator[tuple[str, Made]]:
    for minutes in (60, 15, 360):
        for base in (0.0, 0.02):
            state = f"every {minutes} min{', base' if base else ''}"
            melting, charger = use.snow_melting(25), use.charger(11, 4)
            made = partial(_silent_while_used, base_kw=base, minutes=minutes)
            yield (
                f"snow melting only while silent, {state}",
                partial(made, melting, days=150, frozen_display=False),
            )
            yield (
                f"snow melting only while frozen, {state}",
                partial(made, melting, days=150, frozen_display=True),
            )
            yield f"charger only while silent, {state}", partial(made, charger, days=90, frozen_display=False)


def _over_outages() -> Iterator[tuple[str, Made]]:
    for kw, apart, minutes in ((11, 2.5, 60), (22, 4, 15), (22, 3, 60), (11, 2, 360)):
        for period in (11, 17):
            for base in (0.0, 0.02):
                name = f"charger {kw} kW, {base} kW base, every {minutes} min, an outage every {period} days"
                yield (
                    name,
                    partial(
                        _outages, with_base(use.charger(kw, apart), base), 120, minutes, period, (16, 40)
                    ),
                )
    for period in (7, 14, 21):
        for base in (0.0, 0.04):
            name = f"weekend house, {base} kW base, an outage every {period} days"
            yield name, partial(_outages, with_base(use.weekend_house, base), 126, 60, period, (12, 80))
    for name, minutes, weekday, weeks, span in (
        ("12 h silent from Monday 06:00", 60, 0, 20, (6.0, 18.0)),
        ("12 h silent from each Monday 06:00", 60, 0, 1, (6.0, 18.0)),
        ("of 15 min silent for a Tuesday", 15, 1, 20, (0.0, 24.0)),
        ("of 15 min silent for each second Tuesday", 15, 1, 2, (0.0, 24.0)),
        ("silent from Friday noon to Tuesday", 60, 4, 3, (12.0, 100.0)),
    ):
        yield f"school {name}", partial(_weekdays, scaled(use.school, 8), minutes, weekday, weeks, span)
        yield f"school with base {name}", partial(_weekdays, _LESSONS, minutes, weekday, weeks, span)
        yield f"office {name}", partial(_weekdays, use.office, minutes, weekday, weeks, span)


def _seasons() -> Iterator[tuple[str, Made]]:
    for base, cold, step, spring in _SEPTEMBER:
        name = f"a cold September day, {base} Wh/h in summer, every {step} h{', after a season' if spring else ''}"
        yield name, partial(_september, base, cold, step, spring)
    for base, kwh, first, begins, last in _FROZEN_SEASONS:
        name = f"frozen from day {first} to {last}, season from day {begins}, {base} Wh/h, then {kwh} kWh/h"
        yield name, partial(_season_begins_frozen, base, kwh, first, begins, last)
    for number, meter in enumerate(METERS):
        if meter.carrier == "heat":
            yield f"stuck September to December, {meter.name}", partial(_stuck_autumn, number)


ORDINARY_LIFE: Final[dict[str, Made]] = dict([*_used_in_silence(), *_over_outages(), *_seasons()])
