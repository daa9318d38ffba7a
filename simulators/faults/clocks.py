"""Clocks that are off or drift, copies of readings, archives beside live readings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final

from metering.times import HOUR_MS
from simulators.faults.cases import BEGIN, MIN_MS, Case, Fault, Sent


def _clock(first: float, last: float, shift: Callable[[int, Case], int]) -> Fault:
    def made(case: Case) -> None:
        i, j = case.at(first), case.at(last)
        for k in range(i, j):
            case.sent[k] = case.sent[k]._replace(t=case.t[k] + shift(k - i, case))
        case.around(i - 1, j + 1)

    return made


def _copies(case: Case, chosen: Iterable[int], change: Callable[[Sent], Sent], touch: bool = True) -> None:
    for i in chosen:
        case.sent.append(change(case.sent[i]))
        if touch:
            case.around(i, i + 1)


def _same_time_3_values(case: Case) -> None:
    for more in (Decimal(1), Decimal(2)):
        for i in range(50, len(case.t), 97):
            case.sent.append(case.sent[i]._replace(value=case.sent[i].value + more))
            case.around(i, i + 1)


def _backfill_hourly_live_daily(case: Case) -> None:
    if case.meter.every > 60:
        case.impossible = True
        return
    case.sent = [
        s
        for s in case.sent
        if s.t < BEGIN + 30 * 24 * HOUR_MS or (s.t - BEGIN) % (24 * HOUR_MS) < case.meter.every * MIN_MS
    ]
    case.touch(case.t[case.at(30)] - HOUR_MS, case.t[-1])


def _backfill_rounded_live_fine(case: Case) -> None:
    q = Decimal(case.meter.resolution) * 10
    _copies(case, range(case.at(20), case.at(22)), lambda s: s._replace(value=s.value // q * q))


CLOCKS: Final[dict[str, Fault]] = {
    "clock +1 h a day": _clock(20, 21, lambda _k, _c: HOUR_MS),
    "clock -1 h a day": _clock(20, 21, lambda _k, _c: -HOUR_MS),
    "clock +1 h a month": _clock(20, 50, lambda _k, _c: HOUR_MS),
    "clock -1 h a month": _clock(20, 50, lambda _k, _c: -HOUR_MS),
    "clock +3 h a day": _clock(20, 21, lambda _k, _c: 3 * HOUR_MS),
    "clock drifts 2 min a day": _clock(10, 59.9, lambda k, c: k * c.meter.every * 2 * MIN_MS // 1440),
    "clock drifts -2 min a day": _clock(10, 59.9, lambda k, c: -(k * c.meter.every * 2 * MIN_MS // 1440)),
    "one reading +1 h": lambda c: _clock(30, 30 + c.meter.every / 1440, lambda _k, _c: HOUR_MS)(c),
    "one reading +1 d": lambda c: _clock(30, 30 + c.meter.every / 1440, lambda _k, _c: 24 * HOUR_MS)(c),
    "one reading -1 d": lambda c: _clock(30, 30 + c.meter.every / 1440, lambda _k, _c: -24 * HOUR_MS)(c),
    "copies 1 s later": lambda c: _copies(
        c, range(0, len(c.t), 5), lambda s: s._replace(t=s.t + 1000), False
    ),
    "copies 7 min later": lambda c: _copies(
        c, range(0, len(c.t), 5), lambda s: s._replace(t=s.t + 7 * MIN_MS)
    ),
    "re-sent for the next time": lambda c: _copies(
        c, range(20, len(c.t) - 1, 50), lambda s: s._replace(t=c.t[c.t.index(s.t) + 1])
    ),
    "re-sent one day later": lambda c: _copies(c, [c.at(20)], lambda s: s._replace(t=s.t + 24 * HOUR_MS)),
    "copies rounded to units": lambda c: _copies(
        c, range(0, len(c.t), 3), lambda s: s._replace(value=s.value // 1)
    ),
    "copies rounded up": lambda c: _copies(
        c, range(0, len(c.t), 3), lambda s: s._replace(value=s.value // 1 + 1)
    ),
    "a day's copies rounded to units": lambda c: _copies(
        c, range(c.at(20), c.at(21)), lambda s: s._replace(value=s.value // 1)
    ),
    "same time, zero too": lambda c: _copies(
        c, range(50, len(c.t), 97), lambda s: s._replace(value=Decimal(0))
    ),
    "same time, x10 too": lambda c: _copies(
        c, range(50, len(c.t), 97), lambda s: s._replace(value=s.value * 10)
    ),
    "same time, lower too": lambda c: _copies(
        c, range(50, len(c.t), 97), lambda s: s._replace(value=s.value - 1)
    ),
    "same time, 7.5 more too": lambda c: _copies(
        c, range(300, len(c.t), 400), lambda s: s._replace(value=s.value + Decimal("7.5"))
    ),
    "same time, 3 values": _same_time_3_values,
    "minute stamps cut": lambda c: c.sent.__setitem__(
        slice(None), [s._replace(t=s.t // MIN_MS * MIN_MS) for s in c.sent]
    ),
    "backfill hourly, live daily": _backfill_hourly_live_daily,
    "backfill rounded, live fine": _backfill_rounded_live_fine,
}
