"""One request: the site and the store it refers to, and the ids and dates in its path and query."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from starlette.exceptions import HTTPException

from dashboards.page.meters import ALL_DAYS
from dashboards.page.registers import ROWS
from dashboards.words.lang import Lang
from metering.site.contracts import Contract
from metering.site.meters import Building, Meter
from metering.site.model import Site
from metering.units import QUANTITIES
from storage.sqlite_reader import Reader

_T = TypeVar("_T")

MOST_DAYS: Final = 400
"""Days of hours or readings in one answer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. An id in the path that the site does not know ends in a 404."""

    reader: Reader
    site: Site
    lang: Lang
    notices: Mapping[str, str]
    """Notices for people while the service is healthy, by name."""
    path: Mapping[str, Any]
    query: Mapping[str, str]

    @property
    def contract(self) -> Contract:
        """The contract that the path names."""
        return _known(self.site.contracts.get(self.path["id"]), "no such contract")

    @property
    def building(self) -> Building:
        """The building that the path names."""
        return _known(self.site.buildings.get(self.path["building"]), "no such building")

    @property
    def meter(self) -> Meter:
        """The meter that the path names."""
        return _known(self.site.meters.get((self.path["building"], self.path["meter"])), "no such meter")

    @property
    def quantity(self) -> str:
        """The quantity that the path names: energy or volume; by default the meter's own."""
        quantity: str = self.path.get("quantity") or self.meter.quantity
        if quantity not in QUANTITIES or QUANTITIES[quantity].nature != "register":
            raise HTTPException(404, "a meter counts energy or volume")
        return quantity

    @property
    def month(self) -> dt.date:
        """The first day of the month that the path names."""
        try:
            first = dt.date.fromisoformat(f"{self.path['month']}-01")
        except ValueError:
            raise HTTPException(400, "a month is written 2025-01") from None
        if not 1970 <= first.year < 2200:
            raise HTTPException(404, "no such month")
        return first

    @property
    def date(self) -> int:
        """Ordinal of the day that the path names."""
        date: int = self.path["date"]
        if not 700_000 < date < 800_000:
            raise HTTPException(404, "no such day")
        return date

    @property
    def what(self) -> str:
        """The rows of a register that the path names: days, hours or readings."""
        what: str = self.path["what"]
        if what not in ROWS:
            raise HTTPException(404, "a register has days, hours and readings")
        return what

    @property
    def dates(self) -> tuple[int, int]:
        """Ordinals of the first and last day that the query names, both included."""
        last = self._query_date("last", dt.date.max)
        first = self._query_date("first", dt.date.min)
        if self.what != "days" and (last - first).days >= MOST_DAYS:
            raise HTTPException(400, f"name first and last (2025-01-31), at most {MOST_DAYS} days apart")
        return max(first.toordinal(), ALL_DAYS[0]), min(last.toordinal(), ALL_DAYS[1])

    def _query_date(self, name: str, default: dt.date) -> dt.date:
        text = self.query.get(name)
        if text is None:
            return default
        try:
            return dt.date.fromisoformat(text)
        except ValueError:
            raise HTTPException(400, f"{name} is a date like 2025-01-31, not {text!r}") from None


def _known(listed: _T | None, missing: str) -> _T:
    if listed is None:
        raise HTTPException(404, missing)
    return listed
