"""Events -> InfluxDB line protocol, built by hand. Pure.

It is 12 times as fast as Point objects (docs/sources.md#line-protocol).

Theory of operation
-------------------
Influx overwrites a point of the same series and time, so series and time must be the event's identity, and
every point must write all its fields. Times are nanoseconds made from the event's own instant, never the time
of writing: an interval's beginning, UTC midnight of a date. Several facts may share an instant (two rejections in
one millisecond, ten days restated by one reading): the digits below the millisecond, a checksum of the fact, keep
them apart, so that each is kept and writing it again overwrites it.

The site, if given, adds names, money by the contract's tariff, and amounts in the unit that people know the carrier
by. Gcal of heat and kWh of lighting are never added.

Lines are f-strings: a builder of fields by name and type takes 2.7 times as long.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from zlib import crc32

import msgspec
from msgspec.structs import replace

from metering.events import (
    Alert,
    Chained,
    Counted,
    Day,
    Event,
    Finding,
    Fitted,
    Gauged,
    Hours,
    Position,
    Rejected,
    Restated,
    Savings,
    Unknown,
    Unknowns,
    WeatherDay,
)
from metering.savings.uncertainty import interval
from metering.savings.worth import money_of, yearly
from metering.site.model import Site
from metering.times import DAY_MS, EPOCH_ORDINAL
from metering.units import SHOWN_UNIT, UNITS
from storage import schema

# Influx takes no backslash at the end of a tag and has no escape for one (measured on 1.6: `end\\` is refused,
# `a\\b` stays doubled), and a line ends at a line feed: in tags and texts these become harmless characters.
_CONTROL: Final = [chr(code) for code in (*range(32), 127)]
_TAG: Final = str.maketrans({**dict.fromkeys(_CONTROL, "_"), ",": "\\,", "=": "\\=", " ": "\\ ", "\\": "/"})
_TEXT: Final = str.maketrans({**dict.fromkeys(_CONTROL, " "), '"': '\\"', "\\": "\\\\"})
_UNBOUNDED_PCT: Final = 1e6
"""Shown for the end of an unbounded interval [%]; too large to be mistaken for a measurement."""


@lru_cache(maxsize=200_000)
def series(measurement: str, *values: str) -> str:
    """Measurement and tags of a series, escaped. An empty tag is left out: Influx knows none."""
    tags = zip(schema.TAGS[measurement], values, strict=True)
    return measurement + "".join(f",{name}={value.translate(_TAG)}" for name, value in tags if value)


def text(value: str) -> str:
    """A string field, quoted."""
    return f'"{value.translate(_TEXT)}"'


def seconds(date: int) -> int:
    """UTC midnight of the date with ordinal `date` [s since 1970]."""
    return (date - EPOCH_ORDINAL) * 86_400


def _midnight(date: int) -> str:
    return f"{seconds(date)}000000000"


def _ns(ms: int, below: int = 0) -> str:
    """An instant [ms] in nanoseconds, with what tells its facts apart (0..999 999) below the millisecond."""
    return str(ms * 1_000_000 + below)


def _mark(*facts: object, payload: bytes = b"") -> int:
    """Digits below the millisecond that tell facts of one series and instant apart."""
    return crc32(payload, crc32(repr(facts).encode("utf-8", "replace"))) % 1_000_000


def _float(value: float) -> str:
    """A float field; numpy's floats too, whose repr is not a number. NaN and infinity have no place here."""
    return repr(float(value)) if math.isfinite(value) else "0.0"


def _hours(event: Hours, _site: Site | None) -> list[str]:
    key = series(schema.HOUR, event.building, event.meter, event.quantity)
    s = schema.SUFFIX[event.quantity]
    lines = []
    for hour, amount, flags in zip(event.hours, event.amounts, event.flags, strict=True):
        known = 0 if amount is None else 1
        lines.append(
            f"{key} known_{s}={amount or 0}i,unknown_{s}=0i,held={known}i,flags={flags}i {hour * 3600}000000000"
        )
    return lines


def _unknowns(event: Unknowns, _site: Site | None) -> list[str]:
    key = series(schema.UNKNOWN, event.building, event.meter, event.quantity)
    s = schema.SUFFIX[event.quantity]

    def line(block: Unknown, at: str, *, held: int) -> str:
        amount, flags = (block.amount, block.flags) if held else (0, 0)
        return (
            f"{key} unknown_{s}={amount}i,end_ms={block.end}i,held={held}i,flags={flags}i,"
            f"start_ms={block.start}i {at}"
        )

    added = {(block.start, block.end) for block in event.added}
    # Points of earlier versions lie at the block's start and have no mark: what is withdrawn may be one of them.
    unmarked = {block.start: line(block, _ns(block.start), held=0) for block in event.withdrawn}
    gone = [
        line(block, _block_ns(block), held=0)
        for block in event.withdrawn
        if (block.start, block.end) not in added
    ]
    return [*unmarked.values(), *gone, *(line(block, _block_ns(block), held=1) for block in event.added)]


def _block_ns(block: Unknown) -> str:
    """The time of an unknown block's point: its start, and below the millisecond its end. Two may share a start.

    The modulus is a prime. Ends of blocks of one start that are whole minutes meet only if they are 694 days apart.
    """
    return _ns(block.start, 1 + block.end % 999_983)


def _gauged(event: Gauged, _site: Site | None) -> list[str]:
    key = series(schema.GAUGE, event.building, event.meter, event.quantity)
    s = schema.SUFFIX[event.quantity]
    figures = zip(
        event.hours, event.means, event.lows, event.highs, event.covered_ms, event.flags, strict=True
    )
    return [
        f"{key} mean_{s}={mean or 0}i,low_{s}={low}i,high_{s}={high}i,covered_ms={covered}i,flags={flags}i,"
        f"held={0 if mean is None else 1}i {hour * 3600}000000000"
        for hour, mean, low, high, covered, flags in figures
    ]


def _day(event: Day, _site: Site | None) -> list[str]:
    key = series(schema.DAY, event.building, event.meter, event.quantity)
    s = schema.SUFFIX[event.quantity]
    if event.withdrawn:
        return [
            f"{key} used_{s}=0i,complete=0i,known_{s}=0i,unknown_{s}=0i,estimated_{s}=0i,coverage=0.0,flags=0i,"
            f"held=0i {_midnight(event.date)}"
        ]
    complete = 0 if event.used is None else 1
    return [
        f"{key} used_{s}={event.used or 0}i,complete={complete}i,known_{s}={event.known}i,"
        f"unknown_{s}={event.unknown}i,estimated_{s}={event.estimated}i,coverage={_float(event.coverage)},"
        f"flags={event.flags}i,held=1i {_midnight(event.date)}"
    ]


def _weather_day(event: WeatherDay, _site: Site | None) -> list[str]:
    key = series(schema.WEATHER_DAY, event.building, event.station)
    known = 0 if event.mean_mc is None else 1
    return [
        f"{key} mean_c={_float((event.mean_mc or 0) / 1000)},mean_mc={event.mean_mc or 0}i,held={known}i,"
        f"coverage={_float(event.coverage)} {_midnight(event.date)}"
    ]


def _money(amount: int, contract: str, date: int, site: Site | None) -> int:
    """What `amount` base units of a contract's carrier cost on a date, in hundredths; 0 without a tariff."""
    signed = site.contracts.get(contract) if site is not None else None
    if signed is None or signed.tariff is None or site is None:
        return 0
    return round(100 * money_of([(date, amount)], site.tariffs[signed.tariff]))


def _carrier(contract: str, site: Site | None) -> str:
    signed = site.contracts.get(contract) if site is not None else None
    if signed is None or site is None:
        return ""
    return site.meters[signed.building, signed.meter].carrier


def _fitted(event: Fitted, _site: Site | None) -> list[str]:
    key = series(schema.BASELINE, event.building, event.contract)
    # The id is the point's identity: a baseline that is adopted again overwrites itself. A document of three years
    # is 1.5 kB, ten years of outages add 48 kB; a string of InfluxDB takes 64 KB.
    document = msgspec.json.decode(event.document)
    metrics = document.get("metrics", {})
    cvrmse, r2 = (_float(metrics.get(name) or 0.0) for name in ("cvrmse", "r2"))
    return [
        f"{key} baseline_id={text(event.baseline_id)},fitted_ms={event.received_at}i,"
        f"model={text(document.get('model', ''))},first={text(document.get('first', ''))},"
        f"last={text(document.get('last', ''))},days={document.get('days', 0)}i,cvrmse={cvrmse},r2={r2},"
        f"document={text(event.document.decode())} {_ns(0, _mark(event.baseline_id))}"
    ]


def _savings(event: Savings, site: Site | None) -> list[str]:
    key = series(schema.SAVINGS, event.building, event.contract)
    expected, used, estimated, temp = event.expected, event.used, event.estimated, event.temp_mc
    if event.withdrawn:
        expected = used = estimated = 0
        temp = None
    money = _money(expected - used, event.contract, event.date, site)
    return [
        f"{key} expected={expected}i,used={used}i,avoided={expected - used}i,money={money}i,"
        f"estimated={estimated}i,temp_mc={temp or 0}i,has_temp={0 if temp is None else 1}i,"
        f"extrapolated={int(event.extrapolated)}i,carrier={text(_carrier(event.contract, site))},"
        f"baseline_id={text(event.baseline_id)},flags={event.flags}i,adjustment={event.adjustment}i,"
        f"held={0 if event.withdrawn else 1}i {_midnight(event.date)}"
    ]


def _position(event: Position, site: Site | None) -> list[str]:
    if event.withdrawn:
        event = replace(
            event, days=0, days_missing=0, expected=0, used=0, half_width=0.0, estimated=0, flagged={}, adjustment=0,
            money=None, money_half_width=None,
        )  # fmt: skip
    avoided = event.expected - event.used
    bounded = event.expected > 0 and math.isfinite(event.half_width)
    savings, lo, hi = 0.0, -_UNBOUNDED_PCT, _UNBOUNDED_PCT
    if event.expected > 0:
        savings = 100 * avoided / event.expected
        if bounded:
            low, high = interval(
                expected_total=event.expected, used_total=event.used, half_width=event.half_width
            )
            lo, hi = max(100 * low, -_UNBOUNDED_PCT), min(100 * high, _UNBOUNDED_PCT)
    fields = (
        f"first={event.first}i,last={event.last}i,days={event.days}i,days_missing={event.days_missing}i,"
        f"expected={event.expected}i,used={event.used}i,avoided={avoided}i,half_width={_float(event.half_width)},"
        f"finite={int(math.isfinite(event.half_width))}i,estimated={event.estimated}i,grade={text(event.grade)},"
        f"baseline_id={text(event.baseline_id)},savings_pct={_float(savings)},lo_pct={_float(lo)},hi_pct={_float(hi)},"
        f"adjustment={event.adjustment}i,flagged={text(msgspec.json.encode(event.flagged).decode())},"
        f"proved={int(lo > 0)}i,last_ms={(event.last - EPOCH_ORDINAL) * DAY_MS}i,received_ms={event.received_at}i"
        f",money={event.money or 0}i,money_half_width={event.money_half_width or 0}i,"
        f"money_finite={int(event.money_half_width is not None)}i,prices={text(event.prices)}"
        + _of_the_site(event, avoided, site)
    )
    who = (event.building, event.contract)
    standing = f"{series(schema.STANDING, *who)} {fields} 0"
    if event.withdrawn:
        return [standing]
    return [f"{series(schema.POSITION, *who)} {fields} {_midnight(event.last)}", standing]


def _of_the_site(event: Position, avoided: int, site: Site | None) -> str:
    """Fields of a position that people read: names, the promise, and the saving in their unit and money."""
    contract = site.contracts.get(event.contract) if site is not None else None
    if contract is None or site is None:
        return ""
    carrier = _carrier(event.contract, site)
    shown = UNITS[SHOWN_UNIT[carrier]]
    building = site.buildings[contract.building]
    year = round(yearly(Decimal(event.money or 0), max(1, event.days)))
    fields = (
        f",house={text(building.name or building.id)},measure={text(contract.measure)},carrier={text(carrier)},"
        f"{schema.AVOIDED[carrier]}={_float(avoided / float(shown.scale))},money_year={year}i"
    )
    if contract.guaranteed_savings_pct is not None:
        fields += f",guarantee_pct={_float(contract.guaranteed_savings_pct)}"
    return fields


def _alert(event: Alert, site: Site | None) -> list[str]:
    key = series(schema.ALERT, event.building, event.subject, event.kind)
    building = site.buildings.get(event.building) if site is not None else None
    house = building.name if building is not None and building.name else event.building
    detail = msgspec.json.encode(event.detail).decode()
    return [
        f"{key} state={text(event.state)},open={int(event.state == 'open')}i,changed_ms={event.changed}i,"
        f"opened_ms={event.opened}i,amount={event.amount}i,money={event.money}i,house={text(house)},"
        f"detail={text(detail)} {_ns(event.opened)}"
    ]


def _finding(event: Finding, _site: Site | None) -> list[str]:
    key = series(schema.FINDING, event.building, event.meter, event.quantity, event.kind)
    sentence = event.figures.get("text")
    detail = msgspec.json.encode(event.figures).decode() if sentence is None else str(sentence)
    # Three values at one instant are two conflicts there.
    mark = _mark(event.end, detail)
    return [
        f"{key} end_ms={event.end}i,detail={text(detail)},held={0 if event.withdrawn else 1}i "
        f"{_ns(event.start, mark)}"
    ]


def _restated(event: Restated, _site: Site | None) -> list[str]:
    # An ordinal of a date is less than a million until the year 2738.
    at = _ns(event.learned_at, event.date % 1_000_000)
    of = (event.building, event.meter, event.quantity)
    return [
        f"{series(schema.RESTATED, *of, what, event.contract)} old={old or 0}i,had_old={int(old is not None)}i,"
        f"new={new or 0}i,has_new={int(new is not None)}i,date_ms={(event.date - EPOCH_ORDINAL) * DAY_MS}i,"
        f"since_ms={event.since}i,until_ms={event.until}i,cause={text(event.cause)} {at}"
        for what, old, new in event.figures()
    ]


def _counted(event: Counted, _site: Site | None) -> list[str]:
    key = series(schema.COUNTED, event.building, event.meter, event.quantity)
    # Two messages of one millisecond: an archive comes whole, and its readings differ.
    mark = _mark(event.accepted, event.duplicate, event.last_time, event.last_amount)
    return [
        f"{key} accepted={event.accepted}i,duplicate={event.duplicate}i,last_ms={event.last_time}i,"
        f"last_amount={event.last_amount}i {_ns(event.received_at, mark)}"
    ]


def _rejected(event: Rejected, _site: Site | None) -> list[str]:
    key = series(schema.REJECTED, event.reason)
    mark = _mark(event.topic, event.detail, payload=event.payload)
    return [
        f"{key} readings={event.readings}i,topic={text(event.topic[:200])},detail={text(event.detail[:500])} "
        f"{_ns(event.received_at, mark)}"
    ]


def _chained(event: Chained, _site: Site | None) -> list[str]:
    key = series(schema.CHAIN, event.kind, event.subject)
    return [f"{key} messages={event.messages}i,head={text(event.head)},last_ms={event.received_at}i 0"]


_LINES: Final[dict[type, Callable[[Any, Site | None], list[str]]]] = {
    Hours: _hours,
    Unknowns: _unknowns,
    Gauged: _gauged,
    Day: _day,
    WeatherDay: _weather_day,
    Fitted: _fitted,
    Savings: _savings,
    Position: _position,
    Alert: _alert,
    Finding: _finding,
    Restated: _restated,
    Counted: _counted,
    Chained: _chained,
    Rejected: _rejected,
}
"""Lines by event type; readings and ticks are not kept in InfluxDB."""


def to_lines(event: Event, site: Site | None = None) -> list[str]:
    """The lines of one event, times in nanoseconds; none for events that InfluxDB does not keep."""
    make = _LINES.get(type(event))
    return make(event, site) if make is not None else []
