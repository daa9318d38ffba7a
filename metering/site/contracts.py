"""Contracts: a measure on a meter point, its periods and promise, its non-routine events and its own formula."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from metering.site.parts import DeclaredPeriod, Id, Table, UnitName


class NonRoutine(Table):
    """`[[contract.event]]`: an event that changed use and is not a saving, and the adjustment for it.

    Exactly one of `per_day`, `total` and `share_pct` is the change of expected use (negative: a
    decrease). An event that nobody approved is shown and not counted.
    """

    from_: dt.date = Field(alias="from")
    to: dt.date | None = None
    """Its last day; without it the event continues."""
    per_day: Decimal | None = None
    """[unit]"""
    total: Decimal | None = None
    """Sum over all its days [unit]; needs `to`."""
    share_pct: Decimal | None = Field(None, ge=-100, le=1000)
    """Of each day's expected use [%]."""
    unit: UnitName | None = None
    """The meter's unit if not given."""
    reason: str = Field(min_length=1)
    author: str = Field(min_length=1)
    approved_by: str = ""

    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        given = [n for n in ("per_day", "total", "share_pct") if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError(
                f"expected exactly one of per_day, total and share_pct, got {', '.join(given) or 'none'}"
            )
        if self.to is not None and self.to < self.from_:
            raise ValueError(f"the event ends ({self.to}) before it begins ({self.from_})")
        if self.total is not None and self.to is None:
            raise ValueError("a total needs the event's last day ('to')")
        return self


class Formula(Table):
    """`[contract.formula]`: terms of the contract's own degree-day calculation."""

    indoor_c: float = Field(20.0, ge=5, le=35)
    """The contract's indoor temperature [°C] (GOST 30494)."""
    hot_water: Decimal | None = Field(None, ge=0)
    """Heat for hot water in the baseline period [unit]; estimated from the days without heat if not given."""
    unit: UnitName | None = None
    """The meter's unit if not given."""


class Contract(Table):
    """`[[contract]]`: one measure on one meter point, with its promise."""

    id: Id
    building: Id
    meter: Id
    programme: str = ""
    measure: str = ""
    baseline: DeclaredPeriod
    reporting: DeclaredPeriod
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
