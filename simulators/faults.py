"""Faults of heat meters and their gateways, each over sixty days whose truth is known hour by hour.

A fault takes clean hourly readings and returns the messages that would have arrived, with the hours that it
touched. `judge` compares a ledger with the truth by the rule of the fault suite.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

from ingest.captures import Capture
from metering.events import Unknown
from metering.times import HOUR_MS, iso, to_ms

BEGIN: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
HOURS: Final = 60 * 24
_FIRST: Final = to_ms(BEGIN) // HOUR_MS
_START_KWH: Final = 51_000.0
_TOTAL_KWH: Final = 28_650.0
_RESOLUTION_KWH: Final = 0.01
TOPIC: Final = "kvartal/v1/house/heat/readings"

SITE: Final = """
[site]
id = "faults"
lateness_days = 45
[[source]]
topic = "kvartal/v1/{building}/{meter}/readings"
[[building]]
id = "house"
  [[building.meter]]
  id = "heat"
  carrier = "heat"
  unit = "kWh"
  digits = 5
  max_power_kw = 2000
"""


class Sent(NamedTuple):
    """One reading as it was sent: `at` in hours after `BEGIN`."""

    at: float
    value: object
    arrives: float
    """Hours after `BEGIN`."""


@dataclass
class Case:
    """Clean readings and the truth, for a fault to spoil."""

    true_wh: list[int]
    """Energy of each hour."""
    readings: list[Sent]
    unit: str = "kWh"
    touched: set[int] = field(default_factory=set)
    """Hours (from 0) that the fault concerns."""
    uncounted: set[int] = field(default_factory=set)
    """Hours of which no register counted all: they leave the truth."""
    retained: list[Sent] = field(default_factory=list)
    batch: int = 1

    def register(self, hour: int) -> float:
        """What the clean register shows after `hour` hours [kWh]."""
        counted = _START_KWH + sum(self.true_wh[:hour]) / 1000
        return round(counted // _RESOLUTION_KWH * _RESOLUTION_KWH, 2)

    def replace(self, hours: Iterable[int], value: Callable[[int, float], object]) -> None:
        """Change the values of the readings at some hours and note the intervals beside them as touched."""
        chosen = set(hours)
        self.readings = [
            r._replace(value=value(int(r.at), float(str(r.value)))) if int(r.at) in chosen else r
            for r in self.readings
        ]
        self.touched |= {h for hour in chosen for h in (hour - 1, hour) if 0 <= h < HOURS}


def clean(seed: int = 1) -> Case:
    """Sixty winter days of a house: 28.65 MWh with a daily course and the weather's."""
    rng = random.Random(seed)
    course = [0.7, 0.65, 0.6, 0.6, 0.65, 0.8, 1.1, 1.4, 1.3, 1.1, 1.0, 0.95, 0.95, 0.9, 0.9, 0.95, 1.05, 1.15, 1.25, 1.3, 1.2, 1.1, 0.95, 0.8]  # fmt: skip  # noqa: E501
    level = 1.0
    shape = []
    for hour in range(HOURS):
        if hour % 24 == 0:
            level = 0.85 * level + 0.15 * rng.uniform(0.5, 1.5)
        shape.append(course[hour % 24] * level * rng.uniform(0.9, 1.1))
    scale = _TOTAL_KWH * 1000 / sum(shape)
    case = Case([round(s * scale) for s in shape], [])
    # The truth is what the register can show: differences of its counts.
    counts = [case.register(hour) for hour in range(HOURS + 1)]
    case.true_wh = [round(1000 * (b - a)) for a, b in pairwise(counts)]
    case.readings = [Sent(h, counts[h], h) for h in range(HOURS + 1)]
    return case


def _zero(case: Case) -> None:
    case.replace([500], lambda _h, _v: 0)


def _dip(case: Case) -> None:
    case.replace([500], lambda _h, v: round(v - 10_000, 2))


def _rollover(case: Case) -> None:
    case.readings = [
        r._replace(value=round((float(str(r.value)) + 34_000) % 100_000, 2)) for r in case.readings
    ]
    case.touched = {
        h for h in range(HOURS) if float(str(case.readings[h + 1].value)) < float(str(case.readings[h].value))
    }


def _exchange(start: float) -> Callable[[Case], None]:
    def fault(case: Case) -> None:
        at = case.register(700)
        case.readings = [
            r if r.at < 700 else r._replace(value=round(start + float(str(r.value)) - at, 2))
            for r in case.readings
        ]
        case.touched = case.uncounted = {699}

    return fault


def _silent(case: Case) -> None:
    case.readings = [r for r in case.readings if not 500 < r.at < 548]
    case.touched = set(range(500, 548))


def _late(case: Case) -> None:
    case.readings = [r._replace(arrives=572.5) if 500 < r.at <= 548 else r for r in case.readings]


def _shuffled(case: Case) -> None:
    rng = random.Random(4)
    groups = [case.readings[i : i + 4] for i in range(0, len(case.readings), 4)]
    case.readings = []
    for group in groups:
        arrived = max(r.arrives for r in group)
        rng.shuffle(group)
        case.readings += [r._replace(arrives=arrived) for r in group]


def _megawatt_hours(case: Case) -> None:
    case.replace(range(500, 524), lambda _h, v: round(v / 1000, 5))


def _gigajoules(case: Case) -> None:
    # The register is in Gcal; at hour 700 it begins to be sent in GJ under the same name.
    case.unit = "Gcal"
    case.readings = [
        r._replace(value=round(float(str(r.value)) / 1163 * (4.1868 if r.at >= 700 else 1.0), 6))
        for r in case.readings
    ]
    case.touched = set(range(699, HOURS))


def _duplicates(case: Case) -> None:
    rng = random.Random(5)
    case.readings += [r._replace(arrives=r.arrives + 1) for r in rng.sample(case.readings, 300)]


def _two_values(case: Case) -> None:
    case.readings += [
        case.readings[h]._replace(value=round(case.register(h) + 7.5, 2)) for h in (300, 700, 1100)
    ]
    case.touched = {h for hour in (300, 700, 1100) for h in (hour - 1, hour)}


def _frozen(case: Case) -> None:
    stuck = case.register(600)
    case.replace(range(601, 636), lambda _h, _v: stuck)
    case.touched = set(range(600, 636))


def _epoch(case: Case) -> None:
    case.readings = [
        r._replace(at=(r.at - 600) - (to_ms(BEGIN) // HOUR_MS)) if 600 <= r.at < 624 else r
        for r in case.readings
    ]
    case.touched = set(range(599, 624))


def _hour_off(case: Case) -> None:
    case.readings = [
        r._replace(at=r.at + 1, arrives=r.arrives + 1) if 600 <= r.at < 624 else r for r in case.readings
    ]
    case.touched = set(range(599, 626))


def _future(case: Case) -> None:
    case.readings.append(Sent(5_000, case.register(800), 800))


def _stale(case: Case) -> None:
    old = case.readings[100]
    case.retained = [old._replace(arrives=at) for at in (300.5, 700.5, 1_100.5)]


def _ten_times(case: Case) -> None:
    case.replace([800], lambda _h, v: round(v * 10, 2))


def _null(case: Case) -> None:
    case.replace([400], lambda _h, _v: None)
    case.replace([800], lambda _h, _v: "NaN")


def _pulse(case: Case) -> None:
    at = case.register(800)
    case.replace(range(801, HOURS + 1), lambda _h, v: round(at + 10 * (v - at), 2))
    case.touched = set(range(800, HOURS))


def _both(case: Case) -> None:
    # The old meter goes on sending its last count for three days while the new one counts from 5.
    at = case.register(700)
    old = [Sent(h, at, h) for h in range(700, 772)]
    new = [Sent(h + 0.1, round(5 + case.register(h) - at, 2), h + 0.1) for h in range(701, HOURS + 1)]
    case.readings = [r for r in case.readings if r.at < 700] + old + new
    case.touched = set(range(699, 773))
    case.uncounted = {699, 700}


def _outage(case: Case) -> None:
    case.readings = [r._replace(arrives=1_300) if 340 < r.at <= 1_300 else r for r in case.readings]
    case.batch = 240


FAULTS: Final[dict[str, Callable[[Case], None]]] = {
    "stray zero": _zero,
    "dip by one digit": _dip,
    "five-digit rollover": _rollover,
    "exchange, starting at 0": _exchange(0.0),
    "exchange, starting at 120,000": _exchange(120_000.0),
    "48 h silent": _silent,
    "48 h delivered 24 h late": _late,
    "batches shuffled": _shuffled,
    "24 h in MWh for kWh": _megawatt_hours,
    "a jump from Gcal to GJ": _gigajoules,
    "duplicates": _duplicates,
    "one time, two values": _two_values,
    "frozen for 36 h": _frozen,
    "clock at 1970": _epoch,
    "clock one hour off for a day": _hour_off,
    "a reading from the future": _future,
    "stale retained message": _stale,
    "x10 digit error": _ten_times,
    "null and NaN": _null,
    "pulse weight x10": _pulse,
    "old and new meter both sending": _both,
    "40 days of backfill": _outage,
}


def spoiled(name: str, seed: int = 1) -> Case:
    """The case of a fault."""
    case = clean(seed)
    FAULTS[name](case)
    return case


def messages(case: Case) -> list[Capture]:
    """The messages of a case in the order in which they arrive."""
    made: list[Capture] = []
    ordered = sorted(enumerate([*case.readings, *case.retained]), key=lambda pair: (pair[1].arrives, pair[0]))
    for start in range(0, len(ordered), case.batch):
        part = [sent for _, sent in ordered[start : start + case.batch]]
        readings = [[iso(to_ms(BEGIN) + round(sent.at * HOUR_MS)), sent.value] for sent in part]
        body = json.dumps({"unit": case.unit, "readings": readings}).encode()
        arrived = to_ms(BEGIN) + round(max(sent.arrives for sent in part) * HOUR_MS) + 1_000
        made.append(Capture(TOPIC, body, arrived, any(sent in case.retained for sent in part)))
    return made


class Verdict(NamedTuple):
    """How a ledger stands against the truth."""

    total_error: float
    """|ledger with unknown energy - truth| / truth."""
    wrong_hours: float
    """sum |hour - true| / (2 truth), unknown energy spread evenly."""
    flagged: int
    touched: int
    unflagged_wrong: int
    """Hours that are off by more than 1 %, or not exact to the register's resolution, and not flagged."""

    @property
    def passes(self) -> bool:
        """The rule of the fault suite (0.1 % and 0.5 %, or everything that is off is flagged)."""
        if self.total_error <= 0.001 and self.wrong_hours <= 0.005:
            return True
        return self.unflagged_wrong == 0 and self.flagged <= self.touched + 24


def judge(case: Case, hours: Sequence[tuple[int, int, int]], unknowns: Sequence[Unknown]) -> Verdict:
    """Compare a ledger with the truth of a case.

    Args:
        case: The case.
        hours: (hour since 1970, amount [Wh], flags) of the ledger.
        unknowns: Its unknown blocks.
    """
    got = dict.fromkeys(range(HOURS), 0.0)
    flagged: set[int] = set()
    total = 0
    for hour, amount, flags in hours:
        index = hour - _FIRST
        total += amount
        if index in got:
            got[index] += amount
            if flags:
                flagged.add(index)
    for block in unknowns:
        total += block.amount
        span = range(block.start // HOUR_MS - _FIRST, -(-block.end // HOUR_MS) - _FIRST)
        for index in span:
            overlap = min(block.end, (index + 1 + _FIRST) * HOUR_MS) - max(
                block.start, (index + _FIRST) * HOUR_MS
            )
            if index in got:
                got[index] += block.amount * overlap / (block.end - block.start)
                flagged.add(index)
    counted = [h for h in range(HOURS) if h not in case.uncounted]
    truth = sum(case.true_wh[h] for h in counted)
    # An hour that no register counted whole may hold anything up to its truth, and not more.
    allowed = {h: min(max(got[h], 0.0), case.true_wh[h]) for h in case.uncounted}
    given = total - sum(allowed.values())
    invented = sum(got[h] - allowed[h] for h in case.uncounted)
    step = 1000 * _RESOLUTION_KWH * 2 + 2
    wrong = [
        h
        for h in counted
        if h not in flagged
        and abs(got[h] - case.true_wh[h])
        > (step if h not in case.touched else max(step, 0.01 * case.true_wh[h]))
    ]
    wrong += [h for h in case.uncounted if h not in flagged and got[h] > case.true_wh[h] + step]
    return Verdict(
        abs(given - truth) / truth,
        (sum(abs(got[h] - case.true_wh[h]) for h in counted) + abs(invented)) / (2 * truth),
        len(flagged),
        len(case.touched),
        len(wrong),
    )
