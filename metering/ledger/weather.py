"""Outdoor temperature of a local day, from a station's readings at any instants, per building that uses the station."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from metering.events import Readings, StationReadings
from metering.ledger.booking import GAP_MS
from metering.ledger.history import Consumer
from metering.ledger.retention import days_with_readings
from metering.parts import HEAD, PartName, Parts, local_date, part
from metering.site.model import Site
from metering.times import DAY_MS, HOUR_MS, date_of_hour, day_bounds, from_ms

TEMPERATURE: Final = "outdoor_temperature"

GAP_HOURS: Final = GAP_MS // HOUR_MS
"""Missing hours in a row that are interpolated."""

LEAST_COVERAGE: Final = 0.5
"""A day with fewer of its hours has no mean (CalTRACK: at most 50 % of a day's hours missing)."""


def day_mean(
    date: int, zone: ZoneInfo, times: Sequence[int], temps_mc: Sequence[int]
) -> tuple[int | None, float]:
    """Mean temperature [m°C] of the local day with ordinal `date`, and the share of its hours covered.

    Each hour is the mean of its readings, so that a burst of readings does not outweigh a quiet hour;
    inner gaps of up to `GAP_HOURS` are interpolated. Integers throughout: the order of sums cannot matter.

    Args:
        date: Ordinal of the local date.
        zone: The site's time zone.
        times: Instants of the day's readings [ms].
        temps_mc: Their temperatures [m°C].
    """
    start, end = day_bounds(date, zone)
    count = (end - start) // HOUR_MS
    sums, readings = [0] * count, [0] * count
    for t, temp in zip(times, temps_mc, strict=True):
        hour = (t - start) // HOUR_MS
        if 0 <= hour < count:
            sums[hour] += temp
            readings[hour] += 1
    means = [total // n if n else None for total, n in zip(sums, readings, strict=True)]
    last: int | None = None
    for hour, mean in enumerate(means):
        if mean is None:
            continue
        if last is not None and 1 < hour - last <= GAP_HOURS + 1:
            before = means[last]
            assert before is not None
            for between in range(last + 1, hour):
                means[between] = before + (mean - before) * (between - last) // (hour - last)
        last = hour
    covered = [mean for mean in means if mean is not None]
    coverage = len(covered) / count
    if coverage < LEAST_COVERAGE:
        return None, coverage
    return sum(covered) // len(covered), coverage


class WeatherState(Struct, frozen=True, tag="d", array_like=True, gc=False):
    """A station's readings of one local day."""

    times: tuple[int, ...] = ()
    temps_mc: tuple[int, ...] = ()
    published: tuple[int | None, float] | None = None
    """(mean [m°C], coverage) as published."""


class WeatherHead(Struct, frozen=True, tag="h", array_like=True, gc=False):
    """The newest reading of the station."""

    newest: int = 0
    temp_mc: int = 0
    cut: int = 0
    """UTC day before which readings are refused; those of local dates before the day before it are deleted. 0 if
    nothing was deleted."""
    first: int = 0
    """The oldest local date that may have readings; 0 if it was never noted."""
    rests: int = 0
    """As `metering.ledger.blocks.Head.rests`."""


WeatherPart: TypeAlias = WeatherState | WeatherHead | Consumer


class DayMean(NamedTuple):
    """Mean temperature of a local date that is new or changed."""

    date: int
    mean_mc: int | None
    coverage: float
    before: tuple[int | None, float] | None = None
    """(mean [m°C], coverage) as it was published before; None if it was not."""


class Entered(NamedTuple):
    """What entering readings changed."""

    parts: dict[PartName, WeatherState | WeatherHead]
    accepted: int
    head: WeatherHead
    means: list[DayMean]
    since: int
    """Time of the first new reading [ms]; 0 if there is none."""
    until: int
    """Time of the last one [ms]."""


def copy_to_buildings(readings: StationReadings, site: Site) -> list[Readings | StationReadings]:
    """A station's readings as those of every building that uses it, counted once; themselves if none does."""
    copies: list[Readings | StationReadings] = [
        Readings(
            building=building,
            meter=readings.station,
            quantity=TEMPERATURE,
            nature="gauge",
            times=readings.times,
            amounts=readings.temps_mc,
            received_at=readings.received_at,
            copy=position > 0,
        )
        for position, building in enumerate(site.buildings_of.get(readings.station, ()))
    ]
    return copies or [readings]


def enter_temperatures(
    parts: Parts[WeatherPart], times: Sequence[int], temps_mc: Sequence[int], *, rests: int, zone: ZoneInfo
) -> Entered:
    """Take a station's readings into the days of a building.

    Args:
        parts: The state.
        times: Instants of the readings [ms].
        temps_mc: Their temperatures [m°C].
        rests: UTC day before which nothing is to be deleted (`metering.ledger.retention.rests_until`).
        zone: The site's time zone.

    Returns:
        The means are those of dates that are over by the newest reading.
    """
    known = part(parts, HEAD, WeatherHead)
    head = known or WeatherHead()
    states: dict[int, WeatherState] = {}
    by_date: dict[int, list[tuple[int, int]]] = {}
    for pair in zip(times, temps_mc, strict=True):
        by_date.setdefault(date_of_hour(pair[0] // HOUR_MS, zone), []).append(pair)
    accepted = 0
    new_times: list[int] = []
    for date, pairs in by_date.items():
        state = part(parts, local_date(date), WeatherState) or WeatherState()
        before = set(zip(state.times, state.temps_mc, strict=True))
        fresh = set(pairs) - before
        if fresh:
            accepted += len(fresh)
            new_times += [t for t, _ in fresh]
            merged = sorted(before | fresh)
            states[date] = WeatherState(
                tuple(t for t, _ in merged), tuple(temp for _, temp in merged), state.published
            )
    due: set[int] = {*states}
    newest = max(zip(times, temps_mc, strict=True), default=(0, 0))
    if newest[0] > head.newest:
        due = {*by_date}
        if head.newest:
            due.add(date_of_hour(head.newest // HOUR_MS, zone))
    if newest > (head.newest, head.temp_mc):
        head = replace(head, newest=newest[0], temp_mc=newest[1])
    if by_date:
        first = min(by_date) if known is None else min(head.first, *by_date)
        head = replace(head, first=first, rests=max(head.rests, rests))
    means: list[DayMean] = []
    for date in sorted(due):
        state = states.get(date) or part(parts, local_date(date), WeatherState) or WeatherState()
        if not state.times or day_bounds(date, zone)[1] > head.newest + HOUR_MS:
            continue
        mean = day_mean(date, zone, state.times, state.temps_mc)
        if mean != state.published:
            states[date] = WeatherState(state.times, state.temps_mc, mean)
            means.append(DayMean(date, *mean, before=state.published))
    changed: dict[PartName, WeatherState | WeatherHead] = {
        local_date(date): each for date, each in states.items()
    }
    if head != known:
        changed[HEAD] = head
    return Entered(changed, accepted, head, means, min(new_times, default=0), max(new_times, default=0))


def means_again(parts: Parts[WeatherPart], first: int, zone: ZoneInfo) -> Iterable[DayMean]:
    """The published means from the date `first` up to the newest reading."""
    head = part(parts, HEAD, WeatherHead)
    last = date_of_hour(head.newest // HOUR_MS, zone) if head is not None and head.newest else 0
    for date in range(first, last + 1):
        state = part(parts, local_date(date), WeatherState)
        if state is not None and state.published is not None:
            yield DayMean(date, *state.published)


def delete_temperatures(
    parts: Parts[WeatherPart], cut: int | None, now: int
) -> dict[PartName, WeatherState | WeatherHead]:
    """Delete readings of dates that need not be kept any longer; their published means stay.

    Args:
        parts: The state.
        cut: UTC day before which readings may be deleted; None if none may.
        now: The time [ms].

    Returns:
        Parts to replace; empty if there is nothing to delete.
    """
    head = part(parts, HEAD, WeatherHead)
    if head is None or cut is None or now // DAY_MS < head.rests:
        return {}
    end = from_ms((cut - 1) * DAY_MS).toordinal()
    if head.first and head.first >= end:
        return {}

    def state(date: int) -> WeatherState:
        return part(parts, local_date(date), WeatherState) or WeatherState()

    dates = days_with_readings(lambda date: bool(state(date).times), head.first, end)
    changed: dict[PartName, WeatherState | WeatherHead] = {
        local_date(date): WeatherState(published=state(date).published) for date in dates
    }
    changed[HEAD] = replace(head, cut=cut, first=end)
    return changed
