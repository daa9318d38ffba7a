"""Stray values: zeros, digits lost or added, another meter's counts."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from simulators.faults.cases import Case, Fault, Sent


def _values(
    first: float, count: int, value: Callable[[Case, Decimal], Decimal | float], grow: bool = True
) -> Fault:
    def made(case: Case) -> None:
        i = case.growing(first) if grow else case.at(first)
        for k in range(i, i + count):
            case.put(k, value(case, case.v[k]))

    return made


def _zeros_3_apart(case: Case) -> None:
    for d in (10.0, 20.3, 30.7):
        case.put(case.growing(d), 0)


def _zero_one_good_zero(case: Case) -> None:
    i = case.growing(20)
    case.put(i, 0)
    case.put(i + 2, 0)


def _zero_at_midnight(case: Case) -> None:
    case.put(case.at(20), 0)


def _zero_first(case: Case) -> None:
    case.put(0, 0)
    case.lost.add(0)


def _zero_last(case: Case) -> None:
    case.put(len(case.sent) - 1, 0)
    case.lost.add(len(case.t) - 2)


def _spike_last(case: Case) -> None:
    case.put(len(case.sent) - 1, case.v[-1] * 10)
    case.lost.add(len(case.t) - 2)


def _x10_first(case: Case) -> None:
    case.put(0, case.v[0] * 10)
    case.lost.add(0)


def _transposed_digits(case: Case) -> None:
    i = case.growing(33)
    text = str(case.v[i])
    whole, _, rest = text.partition(".")
    for k in range(len(whole) - 1):
        if whole[k] != whole[k + 1]:
            swapped = whole[:k] + whole[k + 1] + whole[k] + whole[k + 2 :]
            break
    else:
        case.impossible = True
        return
    case.put(i, Decimal(swapped + "." + (rest or "0")))


def _last_digits_transposed(case: Case) -> None:
    i = case.growing(33)
    while True:
        text = str(case.v[i]).replace(".", "")
        if text[-3] != text[-2] or i > len(case.v) - 5:
            break
        i += 1
    swapped = text[:-3] + text[-2] + text[-3] + text[-1]
    case.put(i, Decimal(swapped).scaleb(int(case.v[i].as_tuple().exponent)))


def _another_meters_value(case: Case) -> None:
    case.put(case.growing(25), 7_654)


def _another_meters_values_3(case: Case) -> None:
    i = case.growing(25)
    for k in range(3):
        case.put(i + k, Decimal(7_654) + k)


def _another_meters_values_a_day_mixed(case: Case) -> None:
    i = case.growing(25)
    step = Decimal(str(case.meter.daily)) * case.meter.every / 1440
    n = max(3, 1440 // case.meter.every)
    extra = [Sent(case.t[i + k] + 7000, Decimal(54_321) + step * k, case.meter.unit) for k in range(n)]
    case.sent += extra
    case.around(i, i + n)


STRAYS: Final[dict[str, Fault]] = {
    "zero": _values(20, 1, lambda _c, _v: 0),
    "two zeros": _values(20, 2, lambda _c, _v: 0),
    "three zeros": _values(20, 3, lambda _c, _v: 0),
    "six zeros": _values(20, 6, lambda _c, _v: 0),
    "x10": _values(30, 1, lambda _c, v: v * 10),
    "x100": _values(30, 1, lambda _c, v: v * 100),
    "/10": _values(30, 1, lambda _c, v: v / 10),
    "x10 twice": _values(30, 2, lambda _c, v: v * 10),
    "/10 four times": _values(30, 4, lambda _c, v: v / 10),
    "negative": _values(30, 1, lambda _c, v: -v),
    "-1": _values(30, 1, lambda _c, v: -1),
    "65535": _values(30, 1, lambda _c, v: 65535),
    "dip 1 unit": _values(30, 1, lambda _c, v: v - 1),
    "dip 1 step": _values(30, 1, lambda c, v: v - Decimal(c.meter.resolution)),
    "dip 10": _values(30, 1, lambda _c, v: v - 10),
    "dip 10000": _values(30, 1, lambda _c, v: v - 10_000),
    "dip in a standstill": lambda c: c.put(i := c.still(30), c.v[i] - 1),
    "spike half day": _values(30, 1, lambda c, v: v + Decimal(str(c.meter.daily)) / 2),
    "spike 2 days": _values(30, 1, lambda c, v: v + Decimal(str(c.meter.daily)) * 2),
    "spike 10 days": _values(30, 1, lambda c, v: v + Decimal(str(c.meter.daily)) * 10),
    "spike 2 days, twice": _values(30, 2, lambda c, v: v + Decimal(str(c.meter.daily)) * 2),
    "spike 2 days, 6 times": _values(30, 6, lambda c, v: v + Decimal(str(c.meter.daily)) * 2),
    "spike 2 days, a day": lambda c: _values(
        30, max(2, 1440 // c.meter.every), lambda c, v: v + Decimal(str(c.meter.daily)) * 2
    )(c),
    "spike 100 days": _values(30, 1, lambda c, v: v + Decimal(str(c.meter.daily)) * 100),
    "zeros 3 apart": _zeros_3_apart,
    "zero, one good, zero": _zero_one_good_zero,
    "zero at midnight": _zero_at_midnight,
    "zero first": _zero_first,
    "zero last": _zero_last,
    "spike last": _spike_last,
    "x10 first": _x10_first,
    "transposed digits": _transposed_digits,
    "last digits transposed": _last_digits_transposed,
    "another meter's value": _another_meters_value,
    "another meter's values, 3": _another_meters_values_3,
    "another meter's values, a day mixed": _another_meters_values_a_day_mixed,
}
