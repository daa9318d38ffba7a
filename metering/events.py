"""The facts that flow through Kvartal: frozen, named in the past tense of the field, with units in the names.

Instants are integers: milliseconds since 1970 UTC, or whole hours since then if a name ends in
`hour`. Dates are proleptic ordinals of local days of the site (`datetime.date.toordinal`). Amounts
are integers of the quantity's base unit (`metering.units`): Wh, l, m°C.

Events are made by keywords only. On the log they are arrays, so the order of their fields is a contract
(`streams.codec`).

Events and parts of state are frozen and refer only to what was made before them, so they form no cycles, and the
garbage collector need not track them (`gc=False`). It took a fifth of the CPU time of messages of 24 readings.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

from msgspec import Struct

Nature: TypeAlias = Literal["register", "gauge", "interval"]
"""A register counts up; a gauge shows what is now; an interval is what was used from one instant to another."""


class MeterId(NamedTuple):
    """A meter of a building."""

    building: str
    meter: str


class RegisterId(NamedTuple):
    """One quantity of a meter: a register's energy or volume, or a gauge. Its text is `b01/heat/energy`."""

    building: str
    meter: str
    """Meter id; the station's id if the quantity is `outdoor_temperature`."""
    quantity: str
    """One of `metering.units.QUANTITIES`."""

    @property
    def of_meter(self) -> MeterId:
        """The meter."""
        return MeterId(self.building, self.meter)

    def fields(self) -> dict[str, str]:
        """The register as keywords of an event."""
        return {"building": self.building, "meter": self.meter, "quantity": self.quantity}

    def __str__(self) -> str:
        return "/".join(self)


class Cause(Struct, frozen=True, array_like=True, eq=False, gc=False):
    """Why a published figure changed. That is history, outside law 2 (docs/laws.md): all causes are equal."""

    text: str = ""
    """`later reading`, `archive`, `declared exchange`, `new rules of the ledger`, `weather`, `baseline`, `site file`,
    or which meter was restated; empty if the figure is new."""
    since: int = 0
    """Time of the first reading or fact that caused it [ms]; 0 if it was none."""
    until: int = 0
    """Time of the last one [ms]."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cause)

    def __hash__(self) -> int:
        return 0


NO_CAUSE: Final = Cause()


class _OfRegister(Struct, frozen=True, kw_only=True, gc=False):
    """An event about one register."""

    building: str
    meter: str
    """Meter id; the station's id if the quantity is `outdoor_temperature`."""
    quantity: str
    """One of `metering.units.QUANTITIES`."""

    @property
    def register(self) -> RegisterId:
        """The register that the event concerns."""
        return RegisterId(self.building, self.meter, self.quantity)


class Readings(_OfRegister, frozen=True, kw_only=True, tag=True, array_like=True):
    """Readings of one quantity of one meter, as one message carried them; or a station's, copied to a building."""

    nature: Nature
    times: tuple[int, ...]
    amounts: tuple[int, ...]
    received_at: int
    copy: bool = False
    """A station's readings copied to a further building; not counted again."""
    starts: tuple[int, ...] = ()
    """Beginnings of intervals [ms], whose ends are `times`."""
    issued: int = 0
    """When the statement of these intervals was issued [ms]; 0 if it does not say."""
    source: str = ""
    """Names the source of intervals; a newer statement of the same source replaces an older one of the same
    interval."""


class StationReadings(Struct, frozen=True, kw_only=True, tag=True, array_like=True, gc=False):
    """Outdoor temperatures of a weather station, as one message carried them.

    Before the pipeline they are copied to every building that uses the station
    (`metering.ledger.weather.copy_to_buildings`).
    """

    station: str
    times: tuple[int, ...]
    """Instants [ms]."""
    temps_mc: tuple[int, ...]
    """Temperatures [m°C]."""
    received_at: int


class Exchange(Struct, frozen=True, kw_only=True, tag="x", array_like=True, gc=False):
    """A meter was taken out and another one put in, as somebody declared it."""

    at: int
    """The instant [ms]: readings before it are the old meter's."""
    final: int
    """What the old register showed at last [base units]."""
    initial: int
    """What the new register showed at first [base units]."""
    by_site: bool = False
    """Declared in the site file, which wins over a message about the same instant."""


class Declared(_OfRegister, frozen=True, kw_only=True, tag=True, array_like=True):
    """Exchanges of a meter, as a message or the site file declares them. Declared wins over detected."""

    exchanges: tuple[Exchange, ...]
    """One from a message; from the site file all that it declares now (earlier declarations are void)."""
    by_site: bool
    received_at: int


RulingKind: TypeAlias = Literal["no_exchange", "exchange", "unit", "pulse_weight", "not_ours", "replaces"]


class Ruling(Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """What a person decided about a register. It wins over what the ledger would guess.

    - `no_exchange`: no meter was exchanged or reset in `(start, at]`: the register goes on, and its step is use.
    - `exchange`: at `at` a meter that showed `amount` was exchanged for one that showed `initial`.
    - `unit`: from `at` on, amounts as sent times num/den are base units; the unit is not guessed there.
    - `pulse_weight`: from `at` on, what the register counts beyond `amount` (its count at `at`, as sent) is multiplied
      by num/den.
    - `not_ours`: the reading of `amount` at `at`, or all readings of `[start, at]`, belong to another meter.
    - `replaces`: within `[start, at]`, intervals of the source `replaced` (of `amount`, if it is given) are void; those
      of `source` stand.
    """

    kind: RulingKind
    at: int
    """The instant, or the instant from which on it holds [ms]; the end of its span if it has one."""
    start: int | None = None
    """Begin of its span [ms]; None if it is about an instant."""
    num: int = 1
    den: int = 1
    amount: int | None = None
    """[base units, as sent]."""
    unit: str = ""
    """Unit or pulse weight as the person wrote it."""
    source: str = ""
    replaced: str = ""
    author: str = ""
    reason: str = ""
    stated_at: int = 0
    """When it was stated or withdrawn [ms]."""
    withdrawn: bool = False
    withdrawn_by: str = ""
    withdrawn_because: str = ""
    initial: int | None = None
    """What the new register showed at first, of an exchange [base units]."""


class Ruled(_OfRegister, frozen=True, kw_only=True, tag=True, array_like=True):
    """Rulings about a register were made or withdrawn."""

    rulings: tuple[Ruling, ...]
    received_at: int


class Ahead(_OfRegister, frozen=True, kw_only=True, tag=True, array_like=True):
    """A stamp was too far ahead of its arrival. The reading is rejected (`Rejected`); this tells about the clock."""

    time: int
    """The stamp that is furthest ahead in its message [ms]."""
    received_at: int


class Rejected(Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """A message or reading that was not understood or not allowed, kept whole so that it can be replayed."""

    topic: str
    payload: bytes
    reason: str
    """One of `ingest.reasons` (documented in docs/payloads.md)."""
    detail: str
    received_at: int
    readings: int = 1
    """How many readings this rejection accounts for."""
    retain: bool = False
    clock: Ahead | None = None
    """What the readings of its message from the future tell about the meter's clock; in their first rejection only."""


class Tick(Struct, frozen=True, kw_only=True, tag=True, array_like=True, gc=False):
    """The clock, as an event: silence is judged by ticks and by nothing else."""

    building: str
    received_at: int


class Counted(_OfRegister, frozen=True, kw_only=True, tag=True, array_like=True):
    """How the readings of one message were accounted for: received = accepted + duplicate."""

    accepted: int
    duplicate: int
    last_time: int
    """Time of the newest accepted reading [ms]."""
    last_amount: int
    received_at: int


class Hours(_OfRegister, frozen=True, kw_only=True, tag=True, array_like=True):
    """Hours of a register whose energy became known or changed."""

    hours: tuple[int, ...]
    """Hours since 1970 UTC, ascending."""
    amounts: tuple[int | None, ...]
    """Energy or volume of each hour; None withdraws an hour that the ledger no longer has."""
    flags: tuple[int, ...]
    """Bits of `metering.flags`."""
    frontier: int
    """Time of the last reading that the ledger kept [ms]: all before it is settled or in doubt, not awaited."""
    received_at: int
    cause: str = "later reading"
    """What made them known: `later reading`, `archive`, `declared exchange`, `ruling: <kind> by <author>`."""
    first: int = 0
    """Time of the register's first reading or fact [ms]; 0 if this event does not change it."""
    since: int = 0
    """Time of the first reading or fact that made them known [ms]; 0 if it was none."""
    until: int = 0
    """Time of the last one [ms]."""


class Unknown(Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """Energy that is known in total over `[start, end)` but not by hour (a gap of more than 6 h)."""

    start: int
    end: int
    amount: int
    flags: int


class Unknowns(_OfRegister, frozen=True, kw_only=True, tag=True, array_like=True):
    """Unknown blocks of a register that came or went."""

    added: tuple[Unknown, ...]
    withdrawn: tuple[Unknown, ...]
    frontier: int
    received_at: int


class Gauged(_OfRegister, frozen=True, kw_only=True, tag=True, array_like=True):
    """Hours of a gauge (a temperature, a flow) that became known or changed."""

    hours: tuple[int, ...]
    """Hours since 1970 UTC, ascending."""
    means: tuple[int | None, ...]
    """Mean over the covered part of each hour; None withdraws the hour."""
    lows: tuple[int, ...]
    highs: tuple[int, ...]
    covered_ms: tuple[int, ...]
    """How much of each hour is covered by readings at most six hours apart [ms]."""
    flags: tuple[int, ...]
    received_at: int


class Day(_OfRegister, frozen=True, kw_only=True, tag=True, array_like=True):
    """Use of one register on one local day, complete or restated."""

    date: int
    """Ordinal of the local date."""
    used: int | None
    """Use of the day; None if part of it is unknown or was never counted."""
    known: int
    """The part that is known by hour."""
    unknown: int
    """Energy of unknown blocks that start on this day."""
    estimated: int
    """The part of `used` that rests on an interpolation across midnight."""
    coverage: float
    """Share of the day that the ledger accounts for, 0..1."""
    flags: int
    received_at: int
    withdrawn: bool = False
    """The day is no longer complete: later readings put its last ones in doubt."""
    cause: Cause = NO_CAUSE
    """Why its published figures changed."""
    by_hour: tuple[int | None, ...] | None = None
    """Use of each hour of a complete day (23 or 25 when the clocks change); None for an hour that was not measured as a
    whole, empty if none was. None if this event says nothing about them."""


class WeatherDay(Struct, frozen=True, kw_only=True, tag=True, array_like=True, gc=False):
    """Mean outdoor temperature of one local day at a building's station."""

    building: str
    station: str
    date: int
    mean_mc: int | None
    """Mean of the day [m°C]; None if less than half of its hours are covered."""
    coverage: float
    received_at: int
    cause: Cause = NO_CAUSE
    """Why its published mean changed."""


class Awaited(Struct, frozen=True, kw_only=True, tag=True, array_like=True, gc=False):
    """Requests the history of a register for a consumer (a contract, a virtual meter, a balance). Sent at every start.

    A consumer seen for the first time gets all published days again: a contract that is added late comes to the
    figures that it would have come to from the beginning.
    """

    building: str
    reader: str
    """The consumer: a contract, a virtual meter and its formula, or a balance."""
    meter: str
    quantity: str
    """The register whose days it needs."""
    station: str
    """The station whose temperatures it needs; empty if it needs no temperatures."""
    first: int
    """Ordinal of the first local date that it needs."""
    received_at: int

    @property
    def register(self) -> RegisterId:
        """The register whose days the consumer needs."""
        return RegisterId(self.building, self.meter, self.quantity)


class Fitted(Struct, frozen=True, kw_only=True, tag=True, array_like=True, gc=False):
    """A baseline was fitted and frozen for a contract."""

    building: str
    contract: str
    baseline_id: str
    """First 16 hex digits of the SHA-256 of `document`."""
    document: bytes
    """The baseline as canonical JSON (`metering.baselines.document`): anyone can evaluate it by hand."""
    received_at: int
    by_stream: bool = False
    """Fitted by the pipeline itself once its period had passed. Any that somebody adopted wins over it."""

    @property
    def rank(self) -> tuple[int, str]:
        """Of several that were adopted for a contract the one of the greatest rank is in force, in any order."""
        return (-1, "") if self.by_stream else (self.received_at, self.baseline_id)


class Savings(Struct, frozen=True, kw_only=True, tag=True, array_like=True, gc=False):
    """Expected use, use and avoided use of one contract on one local day of the reporting period."""

    building: str
    contract: str
    date: int
    expected: int
    used: int
    estimated: int
    """The part of `used` that rests on estimates."""
    temp_mc: int | None
    """Mean outdoor temperature of the day [m°C]."""
    extrapolated: bool
    """The day's weather lies outside the range that the baseline was fitted on."""
    baseline_id: str
    received_at: int
    withdrawn: bool = False
    """The day no longer has a figure (its use or its weather became unknown)."""
    flags: int = 0
    """Doubts about the day's use, bits of `metering.flags`."""
    adjustment: int = 0
    """The part of `expected` that the baseline does not say: what changed in the house, and approved events."""


class Position(Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """Where a contract stands: the reporting period to date, with its uncertainty."""

    building: str
    contract: str
    first: int
    """Ordinal of the first reporting day with a figure."""
    last: int
    days: int
    """Days with a figure."""
    days_missing: int
    expected: int
    used: int
    half_width: float
    """Half-width of the 90 % interval of (expected - used), in base units."""
    estimated: int
    grade: str
    """A, B, C or D (the limits stand in metering.savings.uncertainty)."""
    baseline_id: str
    received_at: int
    flagged: dict[str, int] = {}
    """Use of the days that carry a doubt, by the doubt's name [base units]; a day may carry several."""
    adjustment: int = 0
    """The part of `expected` that the baseline does not say (`Savings.adjustment`); without it stands what
    the saving would be unadjusted."""
    money: int | None = None
    """(expected - used) by the contract's tariff, each day at its own price [hundredths of the currency]; None if
    the contract has no tariff or the position was stored before it carried money."""
    money_half_width: int | None = None
    """Half-width of the 90 % interval of `money`, at the mean price; None if unknown or without bound."""
    prices: str = ""
    """Digest of the tariff behind `money` (`worth.price_digest`); empty without money."""
    withdrawn: bool = False
    """No day of the reporting period has a figure any longer."""


class Finding(_OfRegister, frozen=True, kw_only=True, tag=True):
    """A doubt about the measurements, for a person to look at."""

    kind: str
    start: int
    end: int
    figures: dict[str, int | str]
    """By the names of `metering.findings.FIGURES`."""
    received_at: int
    withdrawn: bool = False
    """Later readings explain the doubt. Every other field but `received_at` is the finding's identity."""


class Restated(_OfRegister, frozen=True, kw_only=True, tag=True):
    """A figure that had been published changed."""

    date: int
    old: int | None
    """As it was published before; None if it was not known."""
    new: int | None
    cause: str
    """As `Cause.text`."""
    learned_at: int
    what: str = "use"
    """Which figure of the day it is: `use`, `known`, `unknown`, `estimated`, `flags`; `temperature` of a station [m°C];
    `expected`, `adjustment` and `saving` (expected - use) of a contract; `saving_to_date` of its position up to the
    date."""
    contract: str = ""
    """The contract whose figure it is; empty for a figure of a register or station."""
    since: int = 0
    """Time of the first reading or fact that caused it [ms]; 0 if it was none."""
    until: int = 0
    """Time of the last one [ms]."""
    also: tuple[tuple[str, int | None, int | None], ...] = ()
    """(what, old, new) of the other figures of the day that changed with it."""

    def figures(self) -> tuple[tuple[str, int | None, int | None], ...]:
        """(what, old, new) of every figure that changed."""
        return ((self.what, self.old, self.new), *self.also)


class Alert(Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """Something that an operator acts on. One cause, one alert, with its money."""

    building: str
    subject: str
    """Contract or meter id; `""` for the whole building."""
    kind: str
    """`meter_silent`, `register_stalled`, `no_saving`, `below_guarantee`, `above_baseline`."""
    opened: int
    """Instant at which the cause began to hold [ms]; with building and subject it is the alert's identity."""
    state: Literal["open", "resolved"]
    changed: int
    """Instant of the newest fact that this state rests on [ms]."""
    amount: int
    """Energy at stake up to `changed` [Wh or l]."""
    money: int
    """The same in hundredths of the site's currency, by the contract's tariff."""
    detail: dict[str, float | int | str]
    """What the sentence about the alert needs (see `metering.alerts.energy`)."""


class Chained(Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """The hash chain of a building or station moved on (`metering.messages`). History, as restatements are."""

    kind: Literal["building", "station"]
    subject: str
    """Id of the building or station."""
    messages: int
    """Messages so far."""
    head: str
    """Hex digits."""
    received_at: int
    """Arrival of the newest message [ms]."""


Decoded: TypeAlias = Readings | StationReadings | Declared | Ahead | Rejected
"""What a message or a row of a table becomes."""

Event: TypeAlias = (
    Readings
    | StationReadings
    | Rejected
    | Tick
    | Declared
    | Ahead
    | Counted
    | Gauged
    | Hours
    | Unknowns
    | Day
    | WeatherDay
    | Awaited
    | Fitted
    | Savings
    | Position
    | Finding
    | Restated
    | Alert
    | Ruled
    | Chained
)
