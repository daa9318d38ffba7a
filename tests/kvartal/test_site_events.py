"""The events of a site file: what a register is told at each start, and after an edit."""

from __future__ import annotations

import datetime as dt

from kvartal.site_events import site_events
from metering.events import Declared
from metering.site.model import Site, parse_site
from metering.times import to_ms
from tests.sites import building, meter, site_text

NOW = to_ms(dt.datetime(2026, 3, 1, tzinfo=dt.UTC))
EXCHANGE = """
    [[building.meter.exchange]]
    at = 2026-01-10T12:00:00+00:00
    old_final = "900"
    new_initial = "0"
    unit = "m3"
    quantity = "volume"
"""


def site(exchange: str = "") -> Site:
    return parse_site(site_text(building(meter() + exchange)))


def declared(events: list[object]) -> dict[str, int]:
    """Number of exchanges that are declared for each register."""
    return {str(each.register): len(each.exchanges) for each in events if isinstance(each, Declared)}


def test_every_quantity_that_a_meter_may_count_gets_an_event() -> None:
    """Also without an exchange: an upgrade folds a register again with this event."""
    assert declared([*site_events(site(), NOW)]) == {"b01/heat/energy": 0, "b01/heat/volume": 0}
    assert declared([*site_events(site(EXCHANGE), NOW)]) == {"b01/heat/energy": 0, "b01/heat/volume": 1}


def test_a_removed_exchange_of_a_second_quantity_becomes_void() -> None:
    events = site_events(site(), NOW, before=site(EXCHANGE))
    assert declared([*events]) == {"b01/heat/volume": 0}
