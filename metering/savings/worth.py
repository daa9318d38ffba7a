"""What avoided use is worth: roubles by the dated tariff, CO2 by dated factors, and how soon a measure pays.

Money has one rule: each day at its own price. It is exact (`Decimal`) and rounded once, when it is shown or stored.
Factors of CO2 are estimates with a range; a figure in tonnes always names its factor's source.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from metering.savings.day import Figure
from metering.site.meters import Carrier
from metering.site.model import Site
from metering.site.parts import Tariff
from metering.times import DAYS_A_YEAR
from metering.units import UNITS, WH_PER_GCAL


class Factor(NamedTuple):
    """CO2 of one kilowatt-hour, from a day on."""

    start: dt.date
    kg_per_kwh: Decimal
    low: Decimal
    """Least of the published values [kg/kWh]."""
    high: Decimal
    source: str


_GCAL_KWH: Final = Decimal(WH_PER_GCAL) / 1000

FACTORS: Final[Mapping[str, Sequence[Factor]]] = {
    "electricity": (
        Factor(
            dt.date(2015, 1, 1),
            Decimal("0.375"),
            Decimal("0.310"),
            Decimal("0.634"),
            "Russia by method, Shirinkina et al., Energies 18(1):14; the middle of 0.35-0.40 is taken",
        ),
    ),
    "heat": (
        Factor(
            dt.date(2015, 1, 1),
            Decimal("0.255") * 1000 / _GCAL_KWH,
            Decimal("0.202"),
            Decimal("0.255") * 1000 / _GCAL_KWH,
            "gas boiler: IPCC 56.1 kg/GJ over an efficiency of 0.92, 0.255 t/Gcal; with cogeneration it is less",
        ),
    ),
}
"""Factors used if the site names none (docs/sources.md#carbon-factors)."""


def factors_of(site: Site) -> Mapping[str, Sequence[Factor]]:
    """The site's factors by carrier; before its first, the usual ones are valid."""
    named: dict[str, list[Factor]] = {}
    for declared in site.co2:
        kwh = Decimal(UNITS[declared.unit].scale.numerator) / UNITS[declared.unit].scale.denominator / 1000
        low = declared.kg if declared.low is None else declared.low
        high = declared.kg if declared.high is None else declared.high
        named.setdefault(declared.carrier, []).append(
            Factor(declared.from_, declared.kg / kwh, low / kwh, high / kwh, declared.source)
        )
    return {carrier: [*named.get(carrier, ()), *usual] for carrier, usual in FACTORS.items()}


class Emission(NamedTuple):
    """CO2 of an amount of energy [kg]."""

    kg: Decimal
    low: Decimal
    high: Decimal
    sources: tuple[str, ...]
    """Of the factors used, without repetition."""


class Unpriced(ValueError):
    """The carrier has no factor on the day: water never has one, and no day before the first factor has one."""


def factor_on(carrier: Carrier, day: dt.date, factors: Mapping[str, Sequence[Factor]] = FACTORS) -> Factor:
    """The factor of the day.

    Raises:
        Unpriced: the day has no factor.
    """
    valid = [factor for factor in factors.get(carrier, ()) if factor.start <= day]
    if not valid:
        raise Unpriced(f"no CO2 factor for {carrier} on {day}; known are {', '.join(factors)}")
    return max(valid, key=lambda factor: factor.start)


def emission(
    carrier: Carrier, avoided: Mapping[int, int], factors: Mapping[str, Sequence[Factor]] = FACTORS
) -> Emission:
    """CO2 of avoided energy, by the factors of its dates.

    Args:
        carrier: `heat` or `electricity`.
        avoided: Avoided use by date ordinal [Wh]; negative if more was used.
        factors: Dated factors by carrier.

    Raises:
        Unpriced: a day has no factor.
    """
    kg = low = high = Decimal(0)
    sources: dict[str, None] = {}
    for date, wh in sorted(avoided.items()):
        factor = factor_on(carrier, dt.date.fromordinal(date), factors)
        kwh = Decimal(wh) / 1000
        kg += kwh * factor.kg_per_kwh
        low += kwh * factor.low
        high += kwh * factor.high
        sources[factor.source] = None
    return Emission(kg, low, high, tuple(sources))


def money_of(amounts: Iterable[tuple[int, int]], tariff: Tariff) -> Decimal:
    """What amounts of energy or volume cost, each day at its own price [currency units], unrounded.

    Args:
        amounts: (date ordinal, amount [base units]).
        tariff: Its first price is valid before its date too.
    """
    prices = sorted(tariff.prices, key=lambda price: price.from_)
    starts = [price.from_.toordinal() for price in prices]
    at_price = [0] * len(prices)
    for date, amount in amounts:
        at_price[max(0, bisect_right(starts, date) - 1)] += amount
    total = sum((price.price * amount for price, amount in zip(prices, at_price, strict=True)), Decimal(0))
    scale = UNITS[tariff.unit].scale
    return total * scale.denominator / scale.numerator


def price_digest(tariff: Tariff | None) -> str:
    """Names the prices of a tariff: money by other prices is recalculated. Empty without a tariff."""
    if tariff is None:
        return ""
    prices = sorted((price.from_.toordinal(), str(price.price)) for price in tariff.prices)
    return hashlib.sha256(repr((tariff.unit, prices)).encode()).hexdigest()[:16]


class Worth(NamedTuple):
    """What the days of a contract saved, in money."""

    avoided: int
    """[base units]"""
    money: Decimal
    """By the tariff of each day [currency units], unrounded."""
    half_width: Decimal
    """Half-width of the 90 % interval of the money, at the mean price; infinite if that of the energy is."""

    @property
    def hundredths(self) -> int:
        """The money in hundredths of the currency, as it is stored."""
        return round(100 * self.money)

    @property
    def half_width_hundredths(self) -> int | None:
        """The half-width in hundredths of the currency; None if it is infinite."""
        return round(100 * self.half_width) if self.half_width.is_finite() else None


def worth(days: Iterable[Figure], tariff: Tariff, *, half_width: float) -> Worth:
    """The avoided use of the days in money, each day at its own price.

    Args:
        days: Days with a figure.
        tariff: The contract's tariff.
        half_width: Half-width of the 90 % interval of their avoided use [base units].
    """
    figures = list(days)
    avoided = sum(day.expected - day.used for day in figures)
    expected = sum(day.expected for day in figures)
    money = money_of(((day.date, day.expected - day.used) for day in figures), tariff)
    if not math.isfinite(half_width):
        return Worth(avoided, money, Decimal("Infinity"))
    at_price = money_of(((day.date, day.expected) for day in figures), tariff)
    price = at_price / expected if expected else Decimal(0)
    return Worth(avoided, money, Decimal(repr(float(half_width))) * price)


def yearly(money: Decimal, days: int) -> Decimal:
    """The money of `days` days at the same pace over a year."""
    return money / days * Decimal(repr(DAYS_A_YEAR))


def simple_payback_years(investment: Decimal, money: Decimal, days: int) -> Decimal | None:
    """Years until the saved money equals the investment, at the pace of `days` days; None if nothing is saved."""
    if money <= 0 or days <= 0:
        return None
    return investment / yearly(money, days)
