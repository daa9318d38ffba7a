"""Small parts that tables of the site file share: ids, units, clocks, prices and periods."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from metering.times import BadClock, clock
from metering.units import UNITS, UnknownUnit, unit_named

# The id becomes an MQTT topic level, a key and an Influx tag: no separators, no wildcards, no spaces.
_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
Id = Annotated[str, Field(pattern=_ID)]


def _known_unit(name: str) -> str:
    try:
        return unit_named(name).name
    except UnknownUnit as error:
        raise ValueError(str(error)) from None


def _known_clock(name: str) -> str:
    try:
        clock(name)
    except BadClock as error:
        raise ValueError(str(error)) from None
    return name


UnitName = Annotated[str, AfterValidator(_known_unit)]
Clock = Annotated[str, AfterValidator(_known_clock)]


class Table(BaseModel):
    """A table of the site file: unknown keys are errors, and nothing changes it once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Price(Table):
    """One price of a tariff, from a day on."""

    from_: dt.date = Field(alias="from")
    price: Decimal = Field(ge=0)
    """Currency units for one unit of the tariff."""
    vat: bool = True
    """Accepted, not used yet."""
    source: str = ""


class Tariff(Table):
    """`[[tariff]]`: dated prices of one unit of energy or volume. `metering.savings.worth.money_of` applies them."""

    id: Id
    unit: UnitName
    prices: tuple[Price, ...] = Field(min_length=1)


class DeclaredPeriod(Table):
    """Local days, both ends included; a period without `to` continues."""

    from_: dt.date = Field(alias="from")
    to: dt.date | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.to is not None and self.to < self.from_:
            raise ValueError(f"the period ends ({self.to}) before it begins ({self.from_})")
        return self


class Season(DeclaredPeriod):
    """`[[season]]`: an official heating season; the current one has no end."""

    source: str = ""
    """The order that declared it."""


class Co2(Table):
    """`[[co2]]`: CO2 per unit of energy, from a day on."""

    carrier: Literal["heat", "electricity"]
    from_: dt.date = Field(alias="from")
    kg: Decimal = Field(ge=0)
    """Kilograms of CO2 for one unit."""
    low: Decimal | None = Field(None, ge=0)
    """Lowest published value [kg per unit]; `kg` if not given."""
    high: Decimal | None = Field(None, ge=0)
    unit: UnitName
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if UNITS[self.unit].quantity != "energy":
            allowed = ", ".join(name for name, unit in UNITS.items() if unit.quantity == "energy")
            raise ValueError(f"unit {self.unit!r} is no energy; allowed are {allowed}")
        low, high = self.kg if self.low is None else self.low, self.kg if self.high is None else self.high
        if not low <= self.kg <= high:
            raise ValueError(f"kg ({self.kg}) does not lie between low ({low}) and high ({high})")
        return self
