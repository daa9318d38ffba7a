"""Registers that wrap, begin again or become another register."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from metering.times import HOUR_MS
from simulators.faults.cases import MIN_MS, Case, Fault, Sent
from simulators.faults.gaps import cut


def wrapped(case: Case, days: float) -> int:
    """Shift the register so that it wraps; the index of the first reading after the wrap."""
    if case.meter.digits is None:
        case.impossible = True
        return case.at(days)
    i = case.growing(days)
    wrap = Decimal(10**case.meter.digits)
    shift = wrap - (case.v[i] - Decimal(case.meter.resolution))
    case.sent = [s._replace(value=(s.value + shift) % wrap) for s in case.sent]
    case.touch(case.t[i - 1], case.t[i])
    return i


def _rollover_in_a_gap(case: Case) -> None:
    i = wrapped(case, 30.4)
    cut(case, i - 2, i + 2)


def _rollover_in_a_2_d_gap(case: Case) -> None:
    wrapped(case, 30.4)
    cut(case, case.at(29.5), case.at(31.7))


def _rollover_zero_before(case: Case) -> None:
    i = wrapped(case, 30)
    case.sent[i - 1] = case.sent[i - 1]._replace(value=Decimal(0))
    case.around(i - 1, i)


def _rollover_zero_after(case: Case) -> None:
    i = wrapped(case, 30)
    case.sent[i + 1] = case.sent[i + 1]._replace(value=Decimal(0))
    case.around(i, i + 2)


def _rollover_zero_5_before(case: Case) -> None:
    i = wrapped(case, 30)
    case.sent[i - 5] = case.sent[i - 5]._replace(value=Decimal(0))
    case.around(i - 5)


def _rollover_exchange_the_day_after(case: Case) -> None:
    wrapped(case, 30)
    _exchange_at(case, case.growing(31.3), Decimal(5))


def _exchange_at(case: Case, i: int, start: Decimal, factor: Decimal = Decimal(1)) -> None:
    """From reading i on, another register that shows `start` there."""
    base = case.v[i]
    q = Decimal(case.meter.resolution)
    above = start >= next(s.value for s in reversed(case.sent) if s.t < case.t[i])
    for k, s in enumerate(case.sent):
        if s.t >= case.t[i]:
            j = case.t.index(s.t) if k >= len(case.t) or case.t[k] != s.t else k
            case.sent[k] = s._replace(value=(start + (case.v[j] - base)) * factor // q * q)
    case.lost.add(i - 1)
    case.touch(case.t[case.moved(i) if above else i - 1], case.t[i])


def _exchange(days: float, start: Callable[[Case, int], Decimal | float]) -> Fault:
    def made(case: Case) -> None:
        i = case.growing(days)
        _exchange_at(case, i, Decimal(str(start(case, i))))

    return made


def _step(case: Case) -> Decimal:
    return Decimal(str(case.meter.daily)) * case.meter.every / 1440


def _exchange_0_in_a_2_d_gap(case: Case) -> None:
    i = case.growing(29.2)
    j = case.growing(31.2)
    _exchange_at(case, j, Decimal(3))
    cut(case, i + 1, j)
    case.lost |= set(range(i, j))


def _exchange_120000_in_a_2_d_gap(case: Case) -> None:
    i = case.growing(29.2)
    j = case.growing(31.2)
    _exchange_at(case, j, Decimal(12_000))
    cut(case, i + 1, j)
    case.lost |= set(range(i, j))


def _exchange_10_d_above_in_a_2_d_gap(case: Case) -> None:
    i = case.growing(29.2)
    j = case.growing(31.2)
    _exchange_at(case, j, case.v[j] + 10 * Decimal(str(case.meter.daily)))
    cut(case, i + 1, j)
    case.lost |= set(range(i, j))


def _two_exchanges_in_a_week(case: Case) -> None:
    _exchange_at(case, case.growing(29.2), Decimal(0))
    _exchange_at(case, case.growing(33.2), Decimal(4_000))


def _two_exchanges_to_0_in_a_week(case: Case) -> None:
    _exchange_at(case, case.growing(29.2), Decimal(0))
    _exchange_at(case, case.growing(33.2), Decimal(0))


def _reset_then_exchange_next_day(case: Case) -> None:
    _exchange_at(case, case.growing(29.2), Decimal(0))
    _exchange_at(case, case.growing(30.2), Decimal(77_000))


def _exchange_zero_3_after(case: Case) -> None:
    i = case.growing(29.2)
    _exchange_at(case, i, Decimal(100))
    case.put(i + 3, 0)


def _exchange_zero_1_before(case: Case) -> None:
    i = case.growing(29.2)
    _exchange_at(case, i, Decimal(100))
    case.put(i - 1, 0)
    case.lost.add(i - 2)


def _exchange_12000_zero_5_before(case: Case) -> None:
    i = case.growing(29.2)
    _exchange_at(case, i, Decimal(12_000))
    case.put(i - 5, 0)


def _exchange_near_the_end(case: Case) -> None:
    _exchange_at(case, len(case.t) - 8, Decimal(100))


def _old_sends_3_d_on(case: Case) -> None:
    i = case.growing(29.2)
    old = case.v[i - 1]
    _exchange_at(case, i, Decimal(5))
    case.sent += [
        Sent(t - 6 * MIN_MS, old, case.meter.unit)
        for t in case.t
        if case.t[i] < t <= case.t[i] + 72 * HOUR_MS
    ]
    case.touch(case.t[i], case.t[i] + 73 * HOUR_MS)


def _old_sends_3_d_on_same_stamps(case: Case) -> None:
    i = case.growing(29.2)
    old = case.v[i - 1]
    _exchange_at(case, i, Decimal(5))
    case.sent += [Sent(t, old, case.meter.unit) for t in case.t if case.t[i] <= t <= case.t[i] + 72 * HOUR_MS]
    case.touch(case.t[i], case.t[i] + 73 * HOUR_MS)


def _old_sends_3_d_on_new_above(case: Case) -> None:
    i = case.growing(29.2)
    old = case.v[i - 1]
    _exchange_at(case, i, old * 3)
    case.sent += [
        Sent(t - 6 * MIN_MS, old, case.meter.unit)
        for t in case.t
        if case.t[i] < t <= case.t[i] + 72 * HOUR_MS
    ]
    case.touch(case.t[i], case.t[i] + 73 * HOUR_MS)


def _exchange_to_another_unit(case: Case) -> None:
    i = case.growing(29.2)
    factor = {"kWh": "1000", "Gcal": "1.163", "MWh": "3.6", "GJ": "0.277778", "m3": "1000"}
    rate = Decimal(factor[case.meter.unit])
    base = case.v[i]
    for k in range(i, len(case.sent)):
        case.sent[k] = case.sent[k]._replace(value=round((case.v[k] - base) * rate, 3))
    case.lost.add(i - 1)
    case.touch(case.t[i - 1], case.t[-1])


def _old_and_new_both_sending(case: Case) -> None:
    """The old meter sends its last count for three days, the new one counts from 5, six minutes later."""
    i = case.growing(29.2)
    old, unit, end = case.v[i], case.meter.unit, case.t[i] + 72 * HOUR_MS
    case.sent = (
        case.sent[:i]
        + [Sent(t, old, unit) for t in case.t if case.t[i] <= t < end]
        + [
            Sent(min(case.t[k] + 6 * MIN_MS, case.t[-1]), 5 + case.v[k] - old, unit)
            for k in range(i + 1, len(case.t))
        ]
    )
    case.lost |= {i - 1, i}
    case.touch(case.t[i - 1], end + HOUR_MS)


def _goes_on_from_before(days: float, back_h: float, every_d: float | None = None) -> Fault:
    """A register that after a power cut goes on from the value that it showed some hours before."""

    def made(case: Case) -> None:
        q = Decimal(case.meter.resolution)
        back = max(1, round(back_h * 60 / case.meter.every))
        apart = every_d or 60.0
        cuts = sorted({case.growing(days + n * apart) for n in range(int((57 - days) // apart) + 1)})
        sent = [s.value for s in case.sent]
        for i in cuts:
            behind = sent[i - 1] - sent[i - 1 - back]
            if behind <= q:
                continue  # the register had not counted: nothing is lost
            sent[i:] = [value - behind for value in sent[i:]]
            case.lost.add(i - 1)
            case.touch(case.t[case.moved(i)], case.t[i + 1])
        case.sent = [s._replace(value=value) for s, value in zip(case.sent, sent, strict=True)]
        case.impossible |= not case.lost

    return made


EXCHANGES: Final[dict[str, Fault]] = {
    "rollover": lambda c: (wrapped(c, 30), None)[1],
    "rollover in a gap": _rollover_in_a_gap,
    "rollover in a 2 d gap": _rollover_in_a_2_d_gap,
    "rollover, zero before": _rollover_zero_before,
    "rollover, zero after": _rollover_zero_after,
    "rollover, zero 5 before": _rollover_zero_5_before,
    "rollover, exchange the day after": _rollover_exchange_the_day_after,
    "exchange 0": _exchange(29.2, lambda _c, _i: 0),
    "exchange 0.5": _exchange(29.2, lambda c, i: Decimal(c.meter.resolution) * 5),
    "exchange 17": _exchange(29.2, lambda _c, _i: 17),
    "exchange 120000": _exchange(29.2, lambda _c, _i: 120_000),
    "exchange 2x": _exchange(29.2, lambda c, i: c.v[i] * 2),
    "exchange half": _exchange(29.2, lambda c, i: c.v[i] // 2),
    "exchange a little below": _exchange(
        29.2, lambda c, i: c.v[i] - _step(c) * 3 // Decimal(c.meter.resolution) * Decimal(c.meter.resolution)
    ),
    "exchange 5 d above": _exchange(29.2, lambda c, i: c.v[i] + 5 * round(Decimal(str(c.meter.daily)))),
    "exchange 50 d above": _exchange(29.2, lambda c, i: c.v[i] + 50 * Decimal(str(c.meter.daily))),
    "exchange 0 in a 2 d gap": _exchange_0_in_a_2_d_gap,
    "exchange 120000 in a 2 d gap": _exchange_120000_in_a_2_d_gap,
    "two exchanges in a week": _two_exchanges_in_a_week,
    "two exchanges to 0 in a week": _two_exchanges_to_0_in_a_week,
    "reset then exchange next day": _reset_then_exchange_next_day,
    "exchange, zero 3 after": _exchange_zero_3_after,
    "exchange, zero 1 before": _exchange_zero_1_before,
    "exchange 12000, zero 5 before": _exchange_12000_zero_5_before,
    "exchange near the end": _exchange_near_the_end,
    "old sends 3 d on": _old_sends_3_d_on,
    "old sends 3 d on, same stamps": _old_sends_3_d_on_same_stamps,
    "old sends 3 d on, new above": _old_sends_3_d_on_new_above,
    "old and new both sending": _old_and_new_both_sending,
    "exchange to another unit": _exchange_to_another_unit,
    "exchange 10 d above in a 2 d gap": _exchange_10_d_above_in_a_2_d_gap,
    "goes on from 3 readings before": lambda c: _goes_on_from_before(29.2, c.meter.every / 20)(c),
    "goes on from a day before": _goes_on_from_before(29.2, 24),
    "goes on from 3 readings before, weekly": lambda c: _goes_on_from_before(10.2, c.meter.every / 20, 7)(c),
    "goes on from a day before, weekly": _goes_on_from_before(10.2, 24, 7),
}
