"""A contract's rows out of a store, and the report on it (`metering.report`)."""

from __future__ import annotations

import datetime as dt

from metering.periods import SEASON_WEATHER_DAYS
from metering.report.contract import view_contract
from metering.report.parts import ContractView, Rows
from metering.site.contracts import Contract
from metering.site.model import Site
from storage.sqlite_reader import Reader


def rows_of(reader: Reader, site: Site, contract: Contract) -> Rows:
    """The rows of a contract."""
    meter = site.meters[contract.building, contract.meter]
    first, end = contract.baseline.from_.toordinal(), dt.date.max.toordinal()
    waters = [m for m in site.buildings[contract.building].meter if m.carrier == "hot_water"]
    litres: dict[int, int] = {}
    if meter.carrier == "heat" and len(waters) == 1:
        days = reader.days(contract.building, waters[0].id, "volume", first, end)
        litres = {day.date: day.used for day in days if day.used is not None}
    return Rows(
        reader.savings(contract.id, contract.reporting.from_.toordinal(), end),
        reader.days(contract.building, contract.meter, meter.quantity, first, end),
        reader.weather_days(contract.building, first - SEASON_WEATHER_DAYS, end),
        reader.baseline(contract.id),
        reader.position(contract.id),
        any(a.kind == "above_baseline" and a.subject == contract.id for a in reader.alerts()),
        litres,
        reader.unknowns(contract.building, contract.meter, meter.quantity),
    )


def view_of(reader: Reader, site: Site, contract: Contract) -> ContractView:
    """The report on a contract of the store."""
    return view_contract(rows_of(reader, site, contract), site, contract)
