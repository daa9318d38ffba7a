"""The site file: what is measured, where, under which contract. Bad configuration stops the start.

The model is complete: unknown keys are errors. An error names the file, the path inside it, the value there and the
allowed values.
"""

from __future__ import annotations

import datetime as dt
import tomllib
import zlib
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from pathlib import PurePath
from typing import Annotated, Final, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, ValidationError, model_validator

from metering.refusal import Refusal
from metering.site.contracts import Contract
from metering.site.meters import Building, Meter
from metering.site.parts import Co2, Id, Season, Table, Tariff
from metering.site.sources import Archive, Source, Station
from metering.times import whole_hours
from metering.units import UNITS


def _known_zone(name: str) -> str:
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("not a time zone of the IANA database, for example 'Europe/Moscow'") from None
    if not whole_hours(zone):
        raise ValueError("the zone's offset is not a whole number of hours, which the hourly ledger needs")
    return name


DEFAULT_LATENESS_DAYS: Final = 45
"""`[site] lateness_days` if the site file does not give it, or if there is no site file [d]."""


class SiteError(Refusal):
    """The site file cannot be used; the text names every fault in it."""


class SiteTable(Table):
    """`[site]`"""

    id: Id
    name: str = ""
    timezone: Annotated[str, AfterValidator(_known_zone)] = "Europe/Moscow"
    latitude: float = Field(59.94, ge=-90, le=90)
    longitude: float = Field(30.31, ge=-180, le=180)
    """Accepted, not used yet."""
    currency: str = Field("RUB", min_length=3, max_length=3)
    lateness_days: int = Field(DEFAULT_LATENESS_DAYS, ge=1, le=400)
    """A reading older than this at its arrival is rejected unless its source may backfill [d]."""
    retention_days: int = Field(400, ge=60)
    """Readings older than this may be deleted [d] (`metering.ledger.retention`); figures are kept for ever."""
    silent_after_hours: int = Field(26, ge=1)
    """A meter without a message for this long is silent [h]: one daily archive and two hours."""


class Site(Table):
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
            given = [(f"event from {e.from_}", e.unit) for e in contract.event]
            for what, unit in (*given, ("formula", contract.formula.unit)):
                if unit is not None and UNITS[unit].quantity != meter.quantity:
                    raise ValueError(
                        f"contract {contract.id}: {what}: unit {unit!r} does not measure {meter.quantity}"
                    )
        return self

    @cached_property
    def seasons(self) -> tuple[tuple[int, int], ...]:
        """Ordinals (first, last) of the declared heating seasons' days; an open season has no last day yet."""
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
        grouped: dict[tuple[str, str], tuple[Contract, ...]] = {}
        for contract in self.contract:
            key = (contract.building, contract.meter)
            grouped[key] = (*grouped.get(key, ()), contract)
        return grouped

    @cached_property
    def buildings_of(self) -> dict[str, tuple[str, ...]]:
        """Building ids by weather station id."""
        served: dict[str, tuple[str, ...]] = {s.id: () for s in self.station}
        for building in self.building:
            if building.station is not None:
                served[building.station] = (*served[building.station], building.id)
        return served


def site_bytes(site: Site) -> bytes:
    """The site as the store keeps it beside its figures, for the audit; `site_of_bytes` reads it."""
    return zlib.compress(site.model_dump_json(by_alias=True, exclude_defaults=True).encode())


def site_of_bytes(kept: bytes) -> Site:
    """The site of `site_bytes`.

    Raises:
        SiteError: the bytes are no site of this version.
    """
    try:
        return Site.model_validate_json(zlib.decompress(kept))
    except (zlib.error, ValidationError) as error:
        raise SiteError(f"the site that the store keeps cannot be read: {error}") from None


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
