"""The parts of a contract's report: the rows that it is computed from, and what it states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from metering.alerts.changes import Change
from metering.alerts.verdict import Verdict
from metering.baselines.document import Baseline
from metering.events import Day, Position, Savings, Unknown, WeatherDay
from metering.savings.adjustments import Adjustment
from metering.savings.assess import Saving
from metering.savings.compare import Normalised
from metering.savings.formula import FormulaSaving
from metering.savings.hot_water import Split
from metering.savings.sufficiency import Doubt
from metering.savings.worth import Emission, Worth
from metering.site.contracts import Contract
from metering.site.meters import Carrier


class Rows(NamedTuple):
    """Stored rows of a contract."""

    savings: Sequence[Savings] = ()
    days: Sequence[Day] = ()
    """Of the contract's register, from the baseline period on."""
    weather: Sequence[WeatherDay] = ()
    """Of its building, from before the period too: those days decide its heating season."""
    document: bytes | None = None
    """The baseline's."""
    position: Position | None = None
    above: bool = False
    """Whether the alert about use above the baseline is open."""
    litres: Mapping[int, int] = {}
    """Metered hot water of the building by date [l]."""
    unknowns: Sequence[Unknown] = ()
    """Unknown blocks of the register."""


class Typical(NamedTuple):
    """Savings in a typical year."""

    result: Normalised
    weather: str
    """`normals` of the station, or `baseline_year`: the weather of the baseline period's last year."""
    source: str


class Payback(NamedTuple):
    """Simple payback of the investment [years]; None if the savings never repay the investment."""

    investment: Decimal
    years: Decimal | None
    soonest: Decimal | None
    """At the upper end of the 90 % interval."""
    latest: Decimal | None
    """At its lower end."""


class Formula(NamedTuple):
    """The contract's own arithmetic beside the regression."""

    saving: FormulaSaving
    beside: float
    """Place of its saving in the regression's 90 % interval: 0 its middle, -1 and 1 its ends."""
    inside: bool


class DeclaredEvent(NamedTuple):
    """A declared event and its addition to the expected use of the days with a figure [base units]."""

    adjustment: Adjustment
    added: int


class ContractView(NamedTuple):
    """The report on one contract. `absent` gives the reason for each missing part, by its field's name."""

    contract: Contract
    building_name: str
    carrier: Carrier
    unit: str
    """The unit that people know the carrier by."""
    scale: Fraction
    """Base units in one of it."""
    verdict: Verdict
    first: int = 0
    """Ordinal of the first day with a figure."""
    last: int = 0
    days: int = 0
    missing: int = 0
    """Days since the start of the reporting period that have neither a figure nor an outage."""
    baseline: Baseline | None = None
    total: Saving | None = None
    unadjusted: Saving | None = None
    """The saving against the baseline alone, without statics and events."""
    estimated: int = 0
    typical: Typical | None = None
    money: Worth | None = None
    price_sources: tuple[str, ...] = ()
    emission: Emission | None = None
    emission_half_width: Decimal | None = None
    """Of the avoided use, at the mean factor [kg]; the factors' own range is beside it."""
    payback: Payback | None = None
    formula: Formula | None = None
    hot_water: Split | None = None
    outages: tuple[int, ...] = ()
    """Days of the reporting period without supply; they have no figure."""
    doubts: tuple[Doubt, ...] = ()
    changes: tuple[Change, ...] = ()
    """Proposed, not applied."""
    events: tuple[DeclaredEvent, ...] = ()
    """Declared; an event without approval adds nothing."""
    conditions: str = ""
    """Digest of the site file's conditions behind the figures."""
    absent: Mapping[str, str] = {}
    """Reasons (keys of `dashboards.words.contract.REASONS`)."""
