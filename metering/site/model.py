"""The site file: what is measured, where, under which contract. Bad configuration stops the start.

The model is the whole truth about the file: unknown keys are errors, and an error names the file, the
path inside it, the value that was found and what is allowed there.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from pathlib import PurePath
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from metering.clocks import BadClock, clock
from metering.quantities import QUANTITIES
from metering.refusal import Refusal
from metering.times import whole_hours
from metering.units import UNITS, Unit, UnknownUnit, unit_named

# The id becomes an MQTT topic level, a key and an Influx tag: no separators, no wildcards, no spaces.
_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
Id = Annotated[str, Field(pattern=_ID)]

Carrier = Literal["heat", "electricity", "cold_water", "hot_water", "gas"]

# Plausibility bounds where the site file gives none: generous for the largest apartment houses
# (docs/sources.md#panel-house: a 12 000 m2 house of series 137 takes 845 kW at -24 °C and the demand of DHW on top).
DEFAULT_MAX_KW: Final = {"heat": 5_000.0, "electricity": 1_000.0}
DEFAULT_MAX_M3_PER_H: Final = 100.0

_QUANTITY_OF: Final[dict[str, str]] = {
    "heat": "energy",
    "electricity": "energy",
    "cold_water": "volume",
    "hot_water": "volume",
    "gas": "volume",
}


def _known_unit(name: str) -> str:
    try:
        return unit_named(name).name
    except UnknownUnit as error:
        raise ValueError(str(error)) from None


def _known_zone(name: str) -> str:
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("not a time zone of the IANA database, for example 'Europe/Moscow'") from None
    if not whole_hours(zone):
        raise ValueError("the zone's offset is not a whole number of hours, which the hourly ledger needs")
    return name


def _known_clock(name: str) -> str:
    try:
        clock(name)
    except BadClock as error:
        raise ValueError(str(error)) from None
    return name


Clock = Annotated[str, AfterValidator(_known_clock)]
UnitName = Annotated[str, AfterValidator(_known_unit)]


class SiteError(Refusal):
    """The site file cannot be used; the text names every fault in it."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SiteTable(_Part):
    """`[site]`"""

    id: Id
    name: str = ""
    timezone: Annotated[str, AfterValidator(_known_zone)] = "Europe/Moscow"
    latitude: float = Field(59.94, ge=-90, le=90)
    longitude: float = Field(30.31, ge=-180, le=180)
    currency: str = Field("RUB", min_length=3, max_length=3)
    lateness_days: int = Field(45, ge=1, le=400)
    """A reading older than this at its arrival is rejected unless its source may backfill [d]."""
    retention_days: int = Field(400, ge=60)
    """How long readings are kept [d], if no contract spares them (`ledger.retention`); figures are kept for ever."""
    silent_after_hours: int = Field(26, ge=1)
    """A meter from which nothing arrived for this long is silent [h]: one daily archive and two hours."""


class Source(_Part):
    """`[[source]]`: how the topics that match become readings; the first match wins."""

    topic: str = Field(min_length=1)
    """MQTT topic with `{building}`, `{meter}`, `{station}` for whole levels, `+` for any level."""
    format: str = "kvartal"
    backfill: bool = False
    """Whether this source may send history older than the lateness horizon."""

    @model_validator(mode="after")
    def _levels(self) -> Self:
        for level in self.topic.split("/"):
            if re.fullmatch(r"\{(building|meter|station)\}|\+|[^{}+#]+", level) is None:
                raise ValueError(
                    f"topic level {level!r} is not understood; a level is plain text, '+', "
                    "'{building}', '{meter}' or '{station}'"
                )
        return self


class Station(_Part):
    """`[[station]]`: a source of outdoor temperature."""

    id: Id
    name: str = ""
    normals_c: tuple[float, ...] | None = Field(None, min_length=12, max_length=12)
    """Climate normals of the months, January first [°C]: the typical year of normalised savings."""
    normals_source: str = ""


class Price(_Part):
    """One price of a tariff, from a day on."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    from_: dt.date = Field(alias="from")
    price: Decimal = Field(ge=0)
    """Currency units for one unit of the tariff."""
    vat: bool = True
    """Accepted, not used yet."""
    source: str = ""


class Tariff(_Part):
    """`[[tariff]]`: dated prices of one unit of energy or volume."""

    id: Id
    unit: UnitName
    prices: tuple[Price, ...] = Field(min_length=1)

    def price_on(self, day: dt.date) -> Decimal:
        """The price of one unit on `day`; the first price holds before its date too."""
        ordered = sorted(self.prices, key=lambda price: price.from_)
        valid = [price for price in ordered if price.from_ <= day]
        return (valid[-1] if valid else ordered[0]).price

    def money(self, amount: int, day: dt.date) -> Decimal:
        """What `amount` base units cost on `day`, in currency units, unrounded."""
        scale = UNITS[self.unit].scale
        return amount * self.price_on(day) * scale.denominator / scale.numerator


class DeclaredExchange(_Part):
    """`[[building.meter.exchange]]`: one meter was taken out and another put in. What is declared is not guessed."""

    at: dt.datetime
    """The instant; without an offset it is the site's local time."""
    old_final: Decimal = Field(ge=0)
    """What the old register showed at last, in the unit."""
    new_initial: Decimal = Field(ge=0)
    """What the new register showed at first, in the unit."""
    unit: UnitName | None = None
    """The meter's unit where it is not given."""
    quantity: Literal["energy", "volume"] | None = None
    """The meter's own register where it is not given."""


class Outage(_Part):
    """`[[building.meter.outage]]`: a time without supply, in local days (both included) or from instant to instant.

    An open end goes on. An instant without an offset is the site's local time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
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
        """Ordinals of the first and of the last local day that a part of the outage lies in."""
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


class Virtual(_Part):
    """`virtual = { plus = [...], minus = [...] }`: a meter that is computed from others of its building."""

    plus: tuple[Id, ...] = Field(min_length=1)
    minus: tuple[Id, ...] = ()

    @property
    def members(self) -> tuple[str, ...]:
        """Ids of the meters that it is made of."""
        return (*self.plus, *self.minus)


class Meter(_Part):
    """`[[building.meter]]`: one meter point."""

    id: Id
    name: str = ""
    carrier: Carrier
    unit: UnitName
    """Unit of the register where the payload names none."""
    digits: int | None = Field(None, ge=3, le=15)
    """The register wraps at 10^digits of its unit; None where it does not, or nobody knows."""
    max_power_kw: float | None = Field(None, gt=0)
    """Plausibility bound of a step [kW]; for volumes [m3/h]."""
    parent: Id | None = None
    """The main meter of the building behind which this one counts a part."""
    virtual: Virtual | None = None
    """Made of other meters; takes no readings."""
    exchange: tuple[DeclaredExchange, ...] = ()
    outage: tuple[Outage, ...] = ()
    timezone: Clock | None = None
    """The clock of the meter, for times that come without an offset; the site's where it is not given."""

    def outages(self, zone: ZoneInfo) -> tuple[tuple[int, int], ...]:
        """Declared outages as local days (first, last)."""
        return tuple(outage.dates(zone) for outage in self.outage)

    def unit_of(self, said: DeclaredExchange) -> str:
        """Name of the unit of a declared exchange's registers."""
        if said.unit is not None:
            return said.unit
        quantity = said.quantity or self.quantity
        return self.unit if quantity == self.quantity else QUANTITIES[quantity].unit

    @model_validator(mode="after")
    def _exchanges_fit(self) -> Self:
        seen: set[tuple[dt.datetime, str]] = set()
        for said in self.exchange:
            quantity = said.quantity or self.quantity
            unit = UNITS[self.unit_of(said)]
            if unit.quantity != quantity:
                raise ValueError(f"exchange at {said.at}: unit {unit.name!r} does not measure {quantity}")
            if (said.at, quantity) in seen:
                raise ValueError(f"two exchanges at {said.at}")
            seen.add((said.at, quantity))
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


class DatedStatics(_Part):
    """`[[building.statics]]`: what changed in the house, from a day on. What is not given stays as it was.

    Expected use is adjusted by the ratio to the baseline period (`metering.savings.conditions`); the baseline is not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    from_: dt.date = Field(alias="from")
    persons: int | None = Field(None, ge=1)
    area_m2: float | None = Field(None, gt=0)
    """Heated area."""
    indoor_c: float | None = Field(None, ge=5, le=35)
    """Measured indoor temperature [°C]; it counts where one of the baseline period is known too."""
    source: str = ""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.persons is None and self.area_m2 is None and self.indoor_c is None:
            raise ValueError("nothing is said; expected persons, area_m2 or indoor_c")
        return self


class Building(_Part):
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


class Period(_Part):
    """Local days, both ends included; an open end goes on."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    from_: dt.date = Field(alias="from")
    to: dt.date | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.to is not None and self.to < self.from_:
            raise ValueError(f"the period ends ({self.to}) before it begins ({self.from_})")
        return self


class Season(Period):
    """`[[season]]`: an official heating season; the one that is not over yet has no end."""

    source: str = ""
    """Whose order it was."""


class Co2(_Part):
    """`[[co2]]`: CO2 of a unit of energy, from a day on."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    carrier: Literal["heat", "electricity"]
    from_: dt.date = Field(alias="from")
    kg: Decimal = Field(ge=0)
    """Kilograms of CO2 for one unit."""
    low: Decimal | None = Field(None, ge=0)
    """Least of the published values [kg per unit]; `kg` where it is not given."""
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


class NonRoutine(_Part):
    """`[[contract.event]]`: an event that changed the use of the house and is no saving, and how it is adjusted for.

    Exactly one of `per_day`, `total` and `share_pct` says by how much expected use rises (negative: falls). What
    nobody approved is shown and not counted.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    from_: dt.date = Field(alias="from")
    to: dt.date | None = None
    """Its last day; it goes on where it has none."""
    per_day: Decimal | None = None
    """[unit]"""
    total: Decimal | None = None
    """Of all its days together [unit]; needs `to`."""
    share_pct: Decimal | None = Field(None, ge=-100, le=1000)
    """Of each day's expected use [%]."""
    unit: UnitName | None = None
    """The meter's where it is not given."""
    reason: str = Field(min_length=1)
    author: str = Field(min_length=1)
    approved_by: str = ""

    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        said = [n for n in ("per_day", "total", "share_pct") if getattr(self, n) is not None]
        if len(said) != 1:
            raise ValueError(
                f"expected exactly one of per_day, total and share_pct, got {', '.join(said) or 'none'}"
            )
        if self.to is not None and self.to < self.from_:
            raise ValueError(f"the event ends ({self.to}) before it begins ({self.from_})")
        if self.total is not None and self.to is None:
            raise ValueError("a total needs the event's last day ('to')")
        return self


class Formula(_Part):
    """`[contract.formula]`: what the contract's own degree-day arithmetic lays down."""

    indoor_c: float = Field(20.0, ge=5, le=35)
    """The contract's indoor temperature [°C] (GOST 30494)."""
    hot_water: Decimal | None = Field(None, ge=0)
    """Heat for hot water in the baseline period [unit]; the days without heat tell it where it is not given."""
    unit: UnitName | None = None
    """The meter's where it is not given."""


class Contract(_Part):
    """`[[contract]]`: one measure on one meter point, with its promise."""

    id: Id
    building: Id
    meter: Id
    programme: str = ""
    measure: str = ""
    baseline: Period
    reporting: Period
    guaranteed_savings_pct: float | None = Field(None, ge=0, le=100)
    tariff: Id | None = None
    investment_rub: Decimal | None = Field(None, ge=0)
    event: tuple[NonRoutine, ...] = ()
    formula: Formula = Formula()  # type: ignore[call-arg]

    @model_validator(mode="after")
    def _periods(self) -> Self:
        if self.baseline.to is None:
            raise ValueError("the baseline period needs an end ('to')")
        if self.reporting.from_ <= self.baseline.to:
            raise ValueError(
                f"the reporting period begins ({self.reporting.from_}) before the baseline period "
                f"ends ({self.baseline.to})"
            )
        return self


class Archive(_Part):
    """`[[archive]]`: which column of a meter's archive, or of a list of acts, is what."""

    id: Id
    columns: dict[str, str | Annotated[int, Field(ge=1)]]
    """Our name -> the column's header, or its number from 1. `time`, `time_of_day` (where `time` is the date alone),
    `meter` (building/meter), `error` (code), `run_time` [h, or what its header says], and quantities."""
    units: dict[str, UnitName] = {}
    """Units of quantities; what the header says, the meter's, or the usual one, where they are not given."""
    kind: Literal["interval", "register"] = "interval"
    """Whether energy and volume are the use of each row's interval, or what the register showed."""
    interval: Literal["hour", "day", "month"] = "hour"
    stamp: Literal["start", "end"] = "start"
    """Which end of its interval a row's time names."""
    timezone: Clock | None = None
    """The clock of the rows; the site's where it is not given."""
    decimal: Literal[",", "."] | None = None
    delimiter: str | None = Field(None, min_length=1, max_length=1)
    encoding: str | None = None
    sheet: str | None = None

    @model_validator(mode="after")
    def _mapped(self) -> Self:
        allowed = (
            "time",
            "time_of_day",
            "meter",
            "error",
            "run_time",
            *(q for q in QUANTITIES if q != "outdoor_temperature"),
        )
        for name in self.columns:
            if name not in allowed:
                raise ValueError(f"columns: {name!r} is not known; allowed are {', '.join(allowed)}")
        if "time" not in self.columns:
            raise ValueError("columns: 'time' is missing")
        measured = [name for name in self.columns if name in QUANTITIES]
        if not measured:
            raise ValueError("columns: there is no quantity, for example 'energy'")
        for name, unit in self.units.items():
            if name not in measured:
                raise ValueError(f"units: {name!r} is not among the columns")
            if UNITS[unit].quantity != QUANTITIES[name].dimension:
                raise ValueError(f"units: {unit!r} does not measure {name}")
        return self


class Site(_Part):
    """The whole site file."""

    site: SiteTable
    source: tuple[Source, ...] = ()
    station: tuple[Station, ...] = ()
    tariff: tuple[Tariff, ...] = ()
    season: tuple[Season, ...] = ()
    co2: tuple[Co2, ...] = ()
    building: tuple[Building, ...] = ()
    contract: tuple[Contract, ...] = ()
    archive: tuple[Archive, ...] = ()

    @model_validator(mode="after")
    def _references(self) -> Self:
        def unique(what: str, ids: list[str]) -> None:
            twice = sorted({i for i in ids if ids.count(i) > 1})
            if twice:
                raise ValueError(f"{what} id {twice[0]!r} is used twice")

        unique("station", [s.id for s in self.station])
        unique("tariff", [t.id for t in self.tariff])
        unique("building", [b.id for b in self.building])
        unique("contract", [c.id for c in self.contract])
        unique("archive", [a.id for a in self.archive])
        for building in self.building:
            unique(f"building {building.id}: meter", [m.id for m in building.meter])
            if building.station is not None and building.station not in self.stations:
                raise ValueError(
                    f"building {building.id}: station {building.station!r} is not declared; "
                    f"declared are {', '.join(self.stations) or 'none'}"
                )
        for contract in self.contract:
            where = f"contract {contract.id}"
            if contract.building not in self.buildings:
                raise ValueError(f"{where}: building {contract.building!r} is not declared")
            meters = [m.id for m in self.buildings[contract.building].meter]
            if contract.meter not in meters:
                raise ValueError(
                    f"{where}: building {contract.building} has no meter {contract.meter!r}; "
                    f"it has {', '.join(meters) or 'none'}"
                )
            if contract.tariff is not None and contract.tariff not in self.tariffs:
                raise ValueError(
                    f"{where}: tariff {contract.tariff!r} is not declared; "
                    f"declared are {', '.join(self.tariffs) or 'none'}"
                )
        return self

    @model_validator(mode="after")
    def _seasons_apart(self) -> Self:
        ordered = sorted(self.season, key=lambda season: season.from_)
        for earlier, later in pairwise(ordered):
            if earlier.to is None or later.from_ <= earlier.to:
                raise ValueError(
                    f"the season from {earlier.from_} to {earlier.to or 'open'} runs into the one from {later.from_}"
                )
        return self

    @model_validator(mode="after")
    def _event_units(self) -> Self:
        for contract in self.contract:
            meter = self.meters[contract.building, contract.meter]
            said = [(f"event from {e.from_}", e.unit) for e in contract.event]
            for what, unit in (*said, ("formula", contract.formula.unit)):
                if unit is not None and UNITS[unit].quantity != meter.quantity:
                    raise ValueError(
                        f"contract {contract.id}: {what}: unit {unit!r} does not measure {meter.quantity}"
                    )
        return self

    @cached_property
    def seasons(self) -> tuple[tuple[int, int], ...]:
        """Ordinals (first, last) of the declared heating seasons' days; an open season goes on."""
        ordered = sorted(self.season, key=lambda season: season.from_)
        return tuple((s.from_.toordinal(), (s.to or dt.date.max).toordinal()) for s in ordered)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone of the site's days."""
        return ZoneInfo(self.site.timezone)

    @cached_property
    def buildings(self) -> dict[str, Building]:
        """Buildings by id."""
        return {b.id: b for b in self.building}

    @cached_property
    def stations(self) -> dict[str, Station]:
        """Weather stations by id."""
        return {s.id: s for s in self.station}

    @cached_property
    def tariffs(self) -> dict[str, Tariff]:
        """Tariffs by id."""
        return {t.id: t for t in self.tariff}

    @cached_property
    def contracts(self) -> dict[str, Contract]:
        """Contracts by id."""
        return {c.id: c for c in self.contract}

    @cached_property
    def meters(self) -> dict[tuple[str, str], Meter]:
        """Meters by (building id, meter id)."""
        return {(b.id, m.id): m for b in self.building for m in b.meter}

    @cached_property
    def contracts_of(self) -> dict[tuple[str, str], tuple[Contract, ...]]:
        """Contracts by (building id, meter id)."""
        found: dict[tuple[str, str], tuple[Contract, ...]] = {}
        for contract in self.contract:
            key = (contract.building, contract.meter)
            found[key] = (*found.get(key, ()), contract)
        return found

    @cached_property
    def buildings_of(self) -> dict[str, tuple[str, ...]]:
        """Building ids by weather station id."""
        found: dict[str, tuple[str, ...]] = {s.id: () for s in self.station}
        for building in self.building:
            if building.station is not None:
                found[building.station] = (*found[building.station], building.id)
        return found


def _faults(error: ValidationError) -> Iterator[str]:
    for fault in error.errors(include_url=False):
        path = ""
        for step in fault["loc"]:
            path += f"[{step}]" if isinstance(step, int) else (f".{step}" if path else str(step))
        text = fault["msg"].removeprefix("Value error, ")
        got = (
            ""
            if fault["type"] == "missing" or isinstance(fault["input"], dict)
            else f", got {fault['input']!r}"
        )
        if fault["type"] == "extra_forbidden":
            text, got = "this key is not known here", ""
        yield f"{path or 'site file'}: {text}{got}"


def parse_site(text: str, *, file: str | PurePath = "site file") -> Site:
    """The site that the TOML `text` describes.

    Raises:
        SiteError: names `file` and, for every fault, the path, the value and what is allowed.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SiteError(f"{file}: not TOML: {error}") from None
    try:
        return Site.model_validate(tables)
    except ValidationError as error:
        faults = list(_faults(error))
        raise SiteError("\n".join(f"{file}: {fault}" for fault in faults)) from None
