"""Buildings and their meters: registers, exchanges, outages, virtual meters, and what changed in the house."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from metering.site.parts import Clock, Id, Table, UnitName
from metering.units import QUANTITIES, UNITS, Unit

Carrier = Literal["heat", "electricity", "cold_water", "hot_water", "gas"]

# Plausibility bounds if the site file gives no bound: generous for the largest apartment houses
# (docs/sources.md#panel-house: a 12 000 m2 house of series 137 takes 845 kW at -24 °C, and hot water on top).
DEFAULT_MAX_KW: Final = {"heat": 5_000.0, "electricity": 1_000.0}
DEFAULT_MAX_M3_PER_H: Final = 100.0

_QUANTITY_OF: Final[dict[str, str]] = {
    "heat": "energy",
    "electricity": "energy",
    "cold_water": "volume",
    "hot_water": "volume",
    "gas": "volume",
}


class DeclaredExchange(Table):
    """`[[building.meter.exchange]]`: one meter was replaced by another. The fold does not judge it."""

    at: dt.datetime
    """The instant; without an offset it is the site's local time."""
    old_final: Decimal = Field(ge=0)
    """Last count of the old register [unit]."""
    new_initial: Decimal = Field(ge=0)
    """First count of the new register [unit]."""
    unit: UnitName | None = None
    """The meter's unit if not given."""
    quantity: Literal["energy", "volume"] | None = None
    """The meter's own register if not given."""


class Outage(Table):
    """`[[building.meter.outage]]`: a time without supply, in local days (both included) or from instant to instant.

    An outage without `to` continues. An instant without an offset is the site's local time.
    """

    from_: dt.datetime | dt.date = Field(alias="from")
    to: dt.datetime | dt.date | None = None
    reason: str = ""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        zone = dt.UTC
        if self.to is not None and _instant(self.to, zone, end=True) <= _instant(self.from_, zone, end=False):
            raise ValueError(f"the outage ends ({self.to}) before it begins ({self.from_})")
        return self

    def dates(self, zone: ZoneInfo) -> tuple[int, int]:
        """Ordinals of the first and of the last local day that the outage touches."""
        start = _instant(self.from_, zone, end=False).astimezone(zone)
        if self.to is None:
            return start.toordinal(), dt.date.max.toordinal()
        end = _instant(self.to, zone, end=True) - dt.timedelta(microseconds=1)
        return start.toordinal(), end.astimezone(zone).toordinal()


def _instant(when: dt.datetime | dt.date, zone: dt.tzinfo, *, end: bool) -> dt.datetime:
    """The instant, or the beginning (the end) of the local day."""
    if not isinstance(when, dt.datetime):
        when = dt.datetime.combine(when + dt.timedelta(days=int(end)), dt.time())
    return (when if when.tzinfo is not None else when.replace(tzinfo=zone)).astimezone(dt.UTC)


class Virtual(Table):
    """`virtual = { plus = [...], minus = [...] }`: a meter that is computed from others of its building."""

    plus: tuple[Id, ...] = Field(min_length=1)
    minus: tuple[Id, ...] = ()

    @property
    def members(self) -> tuple[str, ...]:
        """Ids of the meters that it is computed from."""
        return (*self.plus, *self.minus)


class Meter(Table):
    """`[[building.meter]]`: one meter point."""

    id: Id
    name: str = ""
    carrier: Carrier
    unit: UnitName
    """Unit of the register if the payload names no unit."""
    digits: int | None = Field(None, ge=3, le=15)
    """The register wraps at 10^digits of its unit; None if it does not wrap, or this is unknown."""
    max_power_kw: float | None = Field(None, gt=0)
    """Plausibility bound of a step [kW]; for volumes [m3/h]."""
    parent: Id | None = None
    """The main meter of the building; this one counts a part of what it counts."""
    virtual: Virtual | None = None
    """Computed from other meters; takes no readings."""
    exchange: tuple[DeclaredExchange, ...] = ()
    outage: tuple[Outage, ...] = ()
    timezone: Clock | None = None
    """The clock of the meter, for times without an offset; the site's if not given."""

    def outages(self, zone: ZoneInfo) -> tuple[tuple[int, int], ...]:
        """Declared outages as local days (first, last)."""
        return tuple(outage.dates(zone) for outage in self.outage)

    def unit_of(self, declared: DeclaredExchange) -> str:
        """Name of the unit of a declared exchange's registers."""
        if declared.unit is not None:
            return declared.unit
        quantity = declared.quantity or self.quantity
        return self.unit if quantity == self.quantity else QUANTITIES[quantity].unit

    @model_validator(mode="after")
    def _exchanges_fit(self) -> Self:
        seen: set[tuple[dt.datetime, str]] = set()
        for declared in self.exchange:
            quantity = declared.quantity or self.quantity
            unit = UNITS[self.unit_of(declared)]
            if unit.quantity != quantity:
                raise ValueError(f"exchange at {declared.at}: unit {unit.name!r} does not measure {quantity}")
            if (declared.at, quantity) in seen:
                raise ValueError(f"two exchanges at {declared.at}")
            seen.add((declared.at, quantity))
        return self

    @property
    def quantity(self) -> str:
        """What the register counts: `energy` or `volume`."""
        return _QUANTITY_OF[self.carrier]

    @property
    def max_per_hour(self) -> int:
        """Plausibility bound in base units per hour [Wh/h or l/h]."""
        if self.max_power_kw is not None:
            return round(self.max_power_kw * 1000)
        return round(DEFAULT_MAX_KW.get(self.carrier, DEFAULT_MAX_M3_PER_H) * 1000)

    def max_per_hour_of(self, quantity: str) -> int:
        """Plausibility bound of a register of the meter in base units per hour [Wh/h or l/h]."""
        if quantity == self.quantity:
            return self.max_per_hour
        return round((DEFAULT_MAX_KW["heat"] if quantity == "energy" else DEFAULT_MAX_M3_PER_H) * 1000)

    def wrap_of(self, quantity: str) -> int | None:
        """The amount at which a register of the meter starts again from zero [base units]; None if unknown."""
        return self.wrap if quantity == self.quantity else None

    @property
    def wrap(self) -> int | None:
        """The amount at which the register starts again from zero [base units]."""
        if self.digits is None:
            return None
        return int(10**self.digits * UNITS[self.unit].scale)

    @model_validator(mode="after")
    def _unit_fits(self) -> Self:
        unit: Unit = UNITS[self.unit]
        if unit.quantity != self.quantity:
            allowed = ", ".join(name for name, u in UNITS.items() if u.quantity == self.quantity)
            raise ValueError(f"unit {self.unit!r} does not fit a {self.carrier} meter; allowed are {allowed}")
        return self


class DatedStatics(Table):
    """`[[building.statics]]`: what changed in the house, from a day on. Keys that are not given keep their value.

    Expected use is adjusted by the ratio to the baseline period (`metering.savings.conditions`); the baseline is not.
    """

    from_: dt.date = Field(alias="from")
    persons: int | None = Field(None, ge=1)
    area_m2: float | None = Field(None, gt=0)
    """Heated area."""
    indoor_c: float | None = Field(None, ge=5, le=35)
    """Measured indoor temperature [°C]; used only if that of the baseline period is known too."""
    source: str = ""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.persons is None and self.area_m2 is None and self.indoor_c is None:
            raise ValueError("nothing is said; expected persons, area_m2 or indoor_c")
        return self


class Building(Table):
    """`[[building]]`"""

    id: Id
    name: str = ""
    kind: Literal["house", "school", "generation", "process"] = "house"
    series: str = ""
    area_m2: float | None = Field(None, gt=0)
    flats: int | None = Field(None, ge=0)
    """Accepted, not used yet."""
    persons: int | None = Field(None, ge=0)
    entrances: int | None = Field(None, ge=0)
    """Accepted, not used yet."""
    station: Id | None = None
    statics: tuple[DatedStatics, ...] = ()
    meter: tuple[Meter, ...] = ()

    @model_validator(mode="after")
    def _statics_dated_once(self) -> Self:
        starts = [each.from_ for each in self.statics]
        twice = sorted({start for start in starts if starts.count(start) > 1})
        if twice:
            raise ValueError(f"two statics from {twice[0]}")
        return self

    @model_validator(mode="after")
    def _meters_fit(self) -> Self:
        by_id = {meter.id: meter for meter in self.meter}
        for meter in self.meter:
            behind = () if meter.parent is None else (meter.parent,)
            members = () if meter.virtual is None else meter.virtual.members
            for other in (*behind, *members):
                where = f"meter {meter.id}: {'parent' if other in behind else 'virtual'} {other!r}"
                if other not in by_id:
                    raise ValueError(f"{where} is not a meter of the building; it has {', '.join(by_id)}")
                if by_id[other].quantity != meter.quantity:
                    raise ValueError(f"{where} counts {by_id[other].quantity}, not {meter.quantity}")
            if len(set(members)) != len(members):
                raise ValueError(f"meter {meter.id}: virtual names a meter twice")
            if meter.virtual is not None and (meter.exchange or meter.digits is not None):
                raise ValueError(f"meter {meter.id}: a virtual meter has no register")
        _no_circle({m.id: m.virtual.members for m in self.meter if m.virtual is not None}, "virtual")
        _no_circle({m.id: (m.parent,) for m in self.meter if m.parent is not None}, "parent")
        return self


def _no_circle(leads_to: dict[str, tuple[str, ...]], key: str) -> None:
    def walk(meter: str, way: tuple[str, ...]) -> None:
        if meter in way:
            raise ValueError(f"meter {meter}: {key} leads back to itself over {' -> '.join(way)}")
        for other in leads_to.get(meter, ()):
            walk(other, (*way, meter))

    for meter in leads_to:
        walk(meter, ())
