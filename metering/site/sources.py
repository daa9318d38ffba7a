"""Sources of readings: topics, weather stations, and the columns of archives."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from metering.site.parts import Clock, Id, Table, UnitName
from metering.units import QUANTITIES, UNITS


class Source(Table):
    """`[[source]]`: how payloads of matching topics are decoded; the first match wins."""

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


class Station(Table):
    """`[[station]]`: a source of outdoor temperature."""

    id: Id
    name: str = ""
    normals_c: tuple[float, ...] | None = Field(None, min_length=12, max_length=12)
    """Climate normals of the months, January first [°C]: the typical year of normalised savings."""
    normals_source: str = ""


class Archive(Table):
    """`[[archive]]`: the columns of a meter's archive or of a list of acts."""

    id: Id
    columns: dict[str, str | Annotated[int, Field(ge=1)]]
    """Our name -> the column's header, or its number from 1. `time`, `time_of_day` (if `time` is only the date),
    `meter` (building/meter), `issued` (when the row was stated), `error` (code), `run_time` [h, or the unit in its
    header], and quantities."""
    units: dict[str, UnitName] = Field(default_factory=dict)
    """Units of quantities; if not given, the unit in the header, the meter's, or the usual one."""
    kind: Literal["interval", "register"] = "interval"
    """Whether energy and volume are the use in each row's interval or register readings."""
    interval: Literal["hour", "day", "month"] = "hour"
    stamp: Literal["start", "end"] = "start"
    """The end of the interval that a row's time stamps."""
    timezone: Clock | None = None
    """The clock of the rows; the site's if not given."""
    source: Id | None = None
    """Who states the rows: a newer statement of the same source replaces an older one. If not given, the archive's
    id."""
    issued: str | None = Field(None, min_length=1)
    """The words before the time of issue in a line above or below the rows, if not one of the usual."""
    dates: Literal["dmy", "mdy", "ymd", "ydm"] | None = None
    """The order of day, month and year; told from the whole column if not given."""
    totals: bool = True
    """Whether a row with a time may be one of totals. If not, each is a reading."""
    decimal: Literal[",", "."] | None = None
    delimiter: str | None = Field(None, min_length=1, max_length=1)
    encoding: str | None = None
    sheet: str | None = None

    @property
    def stated_by(self) -> str:
        """Name of the source of the archive's intervals, the same for every file of it."""
        return self.source or self.id

    @model_validator(mode="after")
    def _mapped(self) -> Self:
        allowed = (
            "time",
            "time_of_day",
            "meter",
            "issued",
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
        if "issued" in self.columns and self.kind == "register":
            raise ValueError(
                "columns: 'issued' is of intervals; a register reading is not stated a second time"
            )
        for name, unit in self.units.items():
            if name not in measured:
                raise ValueError(f"units: {name!r} is not among the columns")
            if UNITS[unit].quantity != QUANTITIES[name].dimension:
                raise ValueError(f"units: {unit!r} does not measure {name}")
        return self
