"""Clean meters: three years without a fault, of every resolution, cadence and rhythm that houses have.

A ledger of such a meter has the whole difference of its register, and asks almost nothing: what it does ask is a false
alarm. `CLEAN` is the table; `CleanMeter` can be made with other parameters.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Final, NamedTuple, TypeAlias
from zlib import crc32

import numpy as np
import numpy.typing as npt

from metering import flags as f
from metering.ledger.blocks import Block, Part
from metering.ledger.enter import enter
from metering.ledger.state import Rules
from metering.parts import PartName
from metering.site.meters import DEFAULT_MAX_KW, DEFAULT_MAX_M3_PER_H
from metering.times import HOUR_MS, to_ms
from metering.units import UNITS
from simulators.faults import rhythms as use
from simulators.faults.rhythms import Course, Rhythm, scaled, with_base
from simulators.weather import UTC_OFFSET_H

FIRST: Final = dt.date(2023, 1, 1)
"""The first local date; a Sunday."""
DAYS: Final = 3 * 365
YEARS: Final = DAYS / 365
_QUARTER_MS: Final = HOUR_MS // 4
_CHUNK: Final = 200
_DRAWN_APART: Final = 97
"""Days from the beginning of one draw to the next."""
_DOUBTS: Final = (
    f.CONFLICT | f.SPIKE | f.EXCHANGE | f.RESET | f.ROLLOVER | f.UNIT | f.FROZEN | f.PULSE | f.LEAP
)
"""Flags that doubt an hour of a sound meter."""

Ints = npt.NDArray[np.int64]
Cadence: TypeAlias = Callable[[int, random.Random], list[int]]
"""Instants of the readings over a time [ms]: ascending, from 0 to its end."""


def every(minutes: int, offset: int = 0, jitter: float = 0.0) -> Cadence:
    """A reading every so many minutes, `offset` minutes after the hour, each stamp off by up to `jitter` minutes."""

    def times(span: int, rng: random.Random) -> list[int]:
        grid = range(offset * 60_000, span + 1, minutes * 60_000)
        if not jitter:
            return list(grid)
        return [max(0, t + round(rng.uniform(-jitter, jitter) * 60) * 1000) for t in grid]

    return times


def irregular(mean_minutes: float, most_minutes: float) -> Cadence:
    """Readings at exponential distances, as from a gateway that asks many meters in turn."""

    def times(span: int, rng: random.Random) -> list[int]:
        made = [0]
        while made[-1] < span:
            wait = min(most_minutes, max(1.0, rng.expovariate(1 / mean_minutes)))
            made.append(made[-1] + round(wait * 60) * 1000)
        return made[:-1]

    return times


HOURLY: Final = every(60)
_DAILY: Final = every(1440)


class CleanReadings(NamedTuple):
    """Readings of a sound register."""

    times: list[int]
    """[ms]."""
    amounts: list[int]
    """As shown [Wh or l]."""
    counted: list[int]
    """The same of a register that never wraps."""


@dataclass(frozen=True)
class CleanMeter:
    """A sound meter."""

    name: str
    carrier: str
    unit: str
    resolution: str
    """Smallest step shown [unit]."""
    rhythm: Rhythm
    """Of its use."""
    cadence: Cadence = HOURLY
    bound: float | None = None
    """Largest use per hour that the site file allows [kW or m3/h]; the default of its carrier if None."""
    digits: int | None = None
    """Digits before the point, after which the register wraps."""
    start: int = 4_321
    """First count [unit]."""
    heartbeat_h: float | None = None
    """If given, it sends a reading only if its count changed, or so many hours after the one before."""
    draw: int = 0
    """Another draw of the same kind, which begins in another season."""
    days: int = DAYS

    @property
    def rules(self) -> Rules:
        """The ledger's rules for its register [Wh or l per hour, Wh or l]."""
        bound = self.bound or DEFAULT_MAX_KW.get(self.carrier, DEFAULT_MAX_M3_PER_H)
        wrap = None if self.digits is None else int(10**self.digits * UNITS[self.unit].scale)
        return Rules(round(bound * 1000), wrap)

    @property
    def seed(self) -> int:
        """Its draws depend on its name and `draw` alone."""
        return crc32(f"{self.name}/{self.draw}".encode())

    @property
    def first(self) -> dt.date:
        """Local date of its first reading."""
        return FIRST + dt.timedelta(days=_DRAWN_APART * self.draw)

    def course(self) -> Course:
        """The calendar and the weather that its use depends on."""
        return use.course(self.first, self.days, self.seed)

    def readings(self) -> CleanReadings:
        """Its readings."""
        per_quarter = self.rhythm(self.course()) * 1000 / 4  # [Wh or l]
        assert (per_quarter >= 0).all(), self.name
        counts = np.concatenate([[0.0], np.cumsum(per_quarter)])
        times = self.cadence(self.days * 24 * HOUR_MS, random.Random(self.seed))
        ticks, step = _shown(counts, times, self)
        shown = ticks.tolist()
        if self.heartbeat_h is not None:
            sent = _on_change(times, shown, round(self.heartbeat_h * HOUR_MS))
            times, shown = [times[k] for k in sent], [shown[k] for k in sent]
        amounts = [_amount(tick, step) for tick in shown]
        wrap = self.rules.wrap
        as_shown = amounts if wrap is None else [amount % wrap for amount in amounts]
        begin = to_ms(dt.datetime.combine(self.first, dt.time(), dt.UTC)) - UTC_OFFSET_H * HOUR_MS
        return CleanReadings([begin + t for t in times], as_shown, amounts)


def _shown(counts: npt.NDArray[np.float64], times: list[int], meter: CleanMeter) -> tuple[Ints, Fraction]:
    """The counts in steps of the resolution at each instant, and the size of a step [Wh or l]."""
    step = Fraction(meter.resolution) * UNITS[meter.unit].scale
    quarters = np.asarray(times, dtype=np.float64) / _QUARTER_MS
    count = np.interp(quarters, np.arange(len(counts)), counts)
    first = Fraction(meter.start) / Fraction(meter.resolution)
    return np.floor(count / float(step) + 1e-6).astype(np.int64) + int(first), step


def _on_change(times: list[int], shown: list[int], heartbeat: int) -> list[int]:
    """Indices of the readings that a meter sends which reports changes, and its count after `heartbeat` [ms]."""
    sent = [0]
    for k in range(1, len(times)):
        if shown[k] != shown[sent[-1]] or times[k] - times[sent[-1]] >= heartbeat:
            sent.append(k)
    return sent


def _amount(ticks: int, step: Fraction) -> int:
    """So many steps in base units, rounded half up as a payload's decimal is within half a unit."""
    return (2 * ticks * step.numerator + step.denominator) // (2 * step.denominator)


class Alarms(NamedTuple):
    """What a ledger asks about a clean meter."""

    findings: Counter[str]
    """Number of findings by kind."""
    error: int
    """Booked and unknown energy minus what the register counted until the last reading that was kept [Wh or l]."""
    pending: int
    """Readings after the last one that was kept."""
    unknown: int
    """Energy that is not known by hour [Wh or l]."""
    doubted_hours: int
    """Hours that have a flag of doubt."""
    readings: int


def entered(rules: Rules, readings: CleanReadings) -> Mapping[PartName, Part]:
    """The parts of a ledger into which the readings were entered, in messages of 200."""
    parts: dict[PartName, Part] = {}
    for start in range(0, len(readings.times), _CHUNK):
        end = start + _CHUNK
        change = enter(rules, parts, readings.times[start:end], readings.amounts[start:end])
        if change:
            parts |= {name: part for name, part in change.parts.items() if part is not None}
    return parts


def alarms(meter: CleanMeter) -> Alarms:
    """Enter a clean meter's readings into a ledger and count what it asks."""
    readings = meter.readings()
    findings: Counter[str] = Counter()
    flags: dict[int, int] = {}
    total = unknown = frontier = 0
    for block in entered(meter.rules, readings).values():
        if isinstance(block, Block):
            frontier = max(frontier, block.state.t)
            findings.update(finding.kind for finding in block.booked.findings)
            for hour, note in block.booked.flags.items():
                flags[hour] = flags.get(hour, 0) | note
            for gap in block.booked.unknowns:
                unknown += gap.amount
                for hour in range(gap.start // HOUR_MS, -(-gap.end // HOUR_MS)):
                    flags[hour] = flags.get(hour, 0) | gap.flags
            total += block.booked.total
    doubted = sum(1 for note in flags.values() if note & _DOUBTS)
    pending = sum(1 for t in readings.times if t > frontier)
    used = readings.counted[-1 - pending] - readings.counted[0]
    return Alarms(findings, total - used, pending, unknown, doubted, len(readings.times))


def _heat(name: str, unit: str, resolution: str, rhythm: Rhythm, cadence: Cadence = HOURLY) -> CleanMeter:
    return CleanMeter(name, "heat", unit, resolution, rhythm, cadence)


def _power(
    name: str,
    unit: str,
    resolution: str,
    rhythm: Rhythm,
    cadence: Cadence = HOURLY,
    bound: float | None = None,
) -> CleanMeter:
    return CleanMeter(name, "electricity", unit, resolution, rhythm, cadence, bound)


_SMALL: Final = scaled(use.heating_and_hot_water, 0.25)
_COTTAGE: Final = scaled(use.heating_and_hot_water, 0.05)

CLEAN: Final = (
    _heat("heat Wh", "Wh", "1", use.heating),
    _heat("heat Gcal .001", "Gcal", "0.001", use.heating_and_hot_water),
    _heat("heat Gcal .01", "Gcal", "0.01", use.heating_and_hot_water),
    _heat("heat Gcal .1", "Gcal", "0.1", use.heating_and_hot_water),
    _heat("heat Gcal .1 small", "Gcal", "0.1", _SMALL),
    _heat("heat Gcal .1 cottage", "Gcal", "0.1", _COTTAGE),
    _heat("heat Gcal .1 season", "Gcal", "0.1", scaled(use.heating, 0.2)),
    _heat("heat GJ 1", "GJ", "1", use.heating_and_hot_water),
    _heat("heat GJ 1 small", "GJ", "1", _SMALL),
    _heat("heat GJ 1 cottage", "GJ", "1", _COTTAGE),
    _heat("heat GJ .01 irregular", "GJ", "0.01", use.heating, irregular(60, 300)),
    _heat("heat MWh 15 min", "MWh", "0.001", use.heating_and_hot_water, every(15)),
    _heat("heat MWh daily", "MWh", "0.01", use.heating_and_hot_water, _DAILY),
    _heat("heat Gcal daily", "Gcal", "0.001", use.heating, _DAILY),
    _heat("heat Gcal 6-hourly", "Gcal", "0.01", use.heating_and_hot_water, every(360)),
    _heat("heat season :17", "Gcal", "0.01", use.heating, every(60, 17)),
    _heat("heat season jitter", "kWh", "1", use.heating, every(60, jitter=4)),
    _heat("heat cold September day", "Gcal", "0.001", use.heating_cold_september_day),
    _heat("heat office setback", "Gcal", "0.01", use.heating_setback),
    _heat("heat school", "MWh", "0.01", use.school_heating, every(30)),
    _heat("heat snow melting", "Gcal", "0.001", use.snow_melting(120)),
    _power("snow melting", "kWh", "0.1", use.snow_melting(25), bound=60),
    _power("house", "kWh", "0.01", use.house),
    _power("house pulse 10", "kWh", "10", use.house),
    _power("house daily", "kWh", "1", use.house, _DAILY),
    _power("server room Wh", "Wh", "1", use.flat_rate, every(15)),
    _power("flat", "kWh", "0.01", use.flat, bound=15),
    _power("flat daily", "kWh", "0.1", use.flat, _DAILY, 15),
    _power("flat holiday", "kWh", "0.01", use.flat_with_holiday, bound=15),
    _power("flat pulse 1", "kWh", "1", use.flat, bound=15),
    _power("empty flat", "kWh", "0.01", use.empty_flat, bound=15),
    _power("empty flat daily", "kWh", "0.1", use.empty_flat, _DAILY, 15),
    _power("weekend house", "kWh", "0.01", use.weekend_house, bound=15),
    _power("weekend house pulse 1", "kWh", "1", use.weekend_house, bound=15),
    _power("weekend house 6-hourly", "kWh", "0.1", use.weekend_house, every(360)),
    _power("weekend house daily", "kWh", "0.1", use.weekend_house, _DAILY),
    _power("office", "kWh", "0.1", use.office),
    _power("office 15 min", "kWh", "1", use.office, every(15)),
    _power("office irregular", "kWh", "0.01", use.office, irregular(45, 300)),
    _power("office pulse 10", "kWh", "10", use.office),
    _power("office daily", "kWh", "1", use.office, _DAILY),
    _power("factory Christmas", "kWh", "1", use.office_christmas),
    _power("school", "kWh", "0.1", use.school),
    _power("school 15 min", "kWh", "0.01", use.school, every(15)),
    _power("school pulse 10", "kWh", "10", use.school),
    _power("school daily", "kWh", "0.1", use.school, _DAILY),
    _power("charger 11 kW", "kWh", "0.01", use.charger(11, 2.5), bound=30),
    _power("charger 22 kW 15 min", "kWh", "0.1", use.charger(22, 4), every(15), 30),
    _power("charger 22 kW pulse 10", "kWh", "10", use.charger(22, 3)),
    CleanMeter(
        "charger on change", "electricity", "kWh", "0.1", use.charger(11, 2.5), every(15), 30, heartbeat_h=6
    ),
    _power("charger 6-hourly", "kWh", "0.1", use.charger(11, 2), every(360)),
    _power("charger daily", "kWh", "0.1", use.charger(11, 2.5), _DAILY),
    _power("charger 11 kW, base", "kWh", "0.01", with_base(use.charger(11, 2), 0.02), bound=30),
    _power("charger 7 kW, base", "kWh", "0.1", with_base(use.charger(7, 1), 0.05), every(30)),
    _power("weekend house, base", "kWh", "0.01", with_base(use.weekend_house, 0.04), bound=15),
    _power("school, base", "kWh", "0.1", with_base(use.school, 0.6)),
    _power("school, base, 15 min", "kWh", "0.01", with_base(scaled(use.school, 8), 1.2), every(15)),
    _power("snow melting, base", "kWh", "0.01", with_base(use.snow_melting(25), 0.02), bound=60),
    _power("lift", "kWh", "0.01", use.lift),
    _power("lift 30 min", "kWh", "0.1", use.lift, every(30)),
    _power("solar export", "kWh", "0.01", use.solar_export),
    _power("solar export 15 min", "kWh", "1", use.solar_export, every(15)),
    _power("solar export daily", "kWh", "0.1", use.solar_export, _DAILY),
    _power("shifts", "kWh", "1", use.shifts),
    _power("shifts pulse 10, 15 min", "kWh", "10", use.shifts, every(15)),
    _power("campaign", "kWh", "0.1", use.campaign),
    _power("heat pump", "kWh", "0.01", use.heat_pump, bound=20),
    _power("yard lamps", "kWh", "0.01", use.dusk_lighting),
    _power("street lamps", "kWh", "0.1", use.half_night_lighting, every(30)),
    _power("ventilation", "kWh", "0.1", use.ventilation),
    _power("ventilation 6-hourly", "kWh", "0.1", use.ventilation, every(360)),
    CleanMeter("house, wraps", "electricity", "kWh", "0.1", use.house, digits=6, start=800_000),
    CleanMeter("house water", "cold_water", "m3", "0.01", use.house_water),
    CleanMeter("house water 1 m3", "cold_water", "m3", "1", use.house_water),
    CleanMeter("flat water", "cold_water", "m3", "0.001", use.flat_water, bound=5),
    CleanMeter("flat water pulse 10 l daily", "cold_water", "m3", "0.01", use.flat_water, _DAILY, 5),
    CleanMeter("garden water", "cold_water", "m3", "0.01", use.garden, bound=10),
    CleanMeter("pool water", "cold_water", "m3", "0.1", use.pool, bound=30),
    CleanMeter("hot water", "hot_water", "m3", "0.01", use.hot_water),
    CleanMeter("hot water 15 min", "hot_water", "m3", "0.001", use.hot_water, every(15, jitter=1)),
    CleanMeter("hot water flat 6-hourly", "hot_water", "m3", "0.001", use.flat_water, every(360), 5),
    CleanMeter("gas boiler", "gas", "m3", "0.01", use.night_setback),
    CleanMeter("gas boiler daily", "gas", "m3", "0.1", use.night_setback, _DAILY),
    CleanMeter("gas oven", "gas", "m3", "0.01", use.gas_process, every(60, 5, 2)),
)
"""Kinds of clean meters: carriers, resolutions from 1 Wh to 0.1 Gcal, cadences from 15 minutes to a day, rhythms."""


@cache
def by_name(name: str) -> CleanMeter:
    """A meter of `CLEAN`.

    Raises:
        KeyError: no meter has this name.
    """
    return {meter.name: meter for meter in CLEAN}[name]
