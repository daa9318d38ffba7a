"""Values in another unit or with another pulse weight."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Final

from simulators.faults.cases import Case, Fault, Sent
from simulators.faults.exchanges import wrapped

_OTHER: Final = {
    "kWh": {"MWh": "0.001", "Wh": "1000", "Gcal": "0.000859845", "GJ": "0.0036"},
    "Gcal": {"GJ": "4.1868", "MWh": "1.163", "kWh": "1163"},
    "MWh": {"kWh": "1000", "Gcal": "0.859845", "GJ": "3.6"},
    "GJ": {"Gcal": "0.238846", "MWh": "0.277778", "kWh": "277.7778"},
    "m3": {"l": "1000"},
}


def _in_unit(case: Case, first: float, last: float, which: int, places: int, named: bool = False) -> None:
    others = list(_OTHER[case.meter.unit].items())
    if which >= len(others):
        case.impossible = True
        return
    name, rate = others[which]
    i, j = case.at(first), case.at(last)
    if rate.startswith("0.000"):
        places += 3
    for k in range(i, j):
        value = round(case.v[k] * Decimal(rate), places)
        case.sent[k] = Sent(case.t[k], value, name if named else case.meter.unit)
    if not named:
        case.around(i, j)


def _weight(first: float, last: float, factor: Decimal) -> Fault:
    def made(case: Case) -> None:
        i, j = case.growing(first), min(case.at(last), len(case.t) - 1)
        base, end = case.v[i], case.v[j]
        q = Decimal(case.meter.resolution)
        for k in range(i, len(case.sent)):
            v = base + (min(case.v[k], end) - base) * factor + max(Decimal(0), case.v[k] - end)
            case.sent[k] = case.sent[k]._replace(value=v // q * q)
        case.around(i, j)

    return made


def _by_other_unit() -> Iterator[tuple[str, Fault]]:
    for which in range(4):
        yield f"a day in another unit {which}", partial(_in_unit, first=20, last=21, which=which, places=5)
        yield (
            f"3 d in another unit {which}, coarse",
            partial(_in_unit, first=20, last=23, which=which, places=3),
        )
        yield f"another unit for good {which}", partial(_in_unit, first=20, last=61, which=which, places=5)
        yield (
            f"another unit, named {which}",
            partial(_in_unit, first=20, last=25, which=which, places=6, named=True),
        )


def _gcal_then_gj(case: Case) -> None:
    """A register in Gcal whose values come in GJ from day 20 on, under the same name."""
    if case.meter.unit != "kWh":
        case.impossible = True
        return
    i = case.at(20)
    for k, s in enumerate(case.sent):
        gcal = s.value / 1163
        case.sent[k] = s._replace(value=round(gcal * Decimal("4.1868") if k >= i else gcal, 6), unit="Gcal")
    case.touch(case.t[i - 1], case.t[-1])


def _thousandfold_then_rollover(case: Case) -> None:
    """The values come a thousand times as large from day 20 on (kWh to Wh), and the register wraps on day 30."""
    if case.meter.unit not in ("kWh", "m3"):
        case.impossible = True
        return
    wrapped(case, 30)
    i = case.at(20)
    for k in range(i, len(case.sent)):
        case.sent[k] = case.sent[k]._replace(value=case.sent[k].value * 1000)
    case.touch(case.t[i - 1], case.t[-1])


UNITS: Final[dict[str, Fault]] = {
    **dict(_by_other_unit()),
    "Gcal, then GJ": _gcal_then_gj,
    "x1000, then a rollover": _thousandfold_then_rollover,
    "one value in another unit": lambda c: _in_unit(c, 20, 20 + c.meter.every / 1440, 0, 3),
    "two values in another unit": lambda c: _in_unit(c, 20, 20 + 2 * c.meter.every / 1440, 0, 3),
    "pulse weight x10": _weight(30, 61, Decimal(10)),
    "pulse weight /10": _weight(30, 61, Decimal("0.1")),
    "pulse weight x10 and back": _weight(30, 35, Decimal(10)),
    "pulse weight /10 and back": _weight(30, 35, Decimal("0.1")),
    "pulse weight x100": _weight(30, 61, Decimal(100)),
}
