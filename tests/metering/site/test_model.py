"""The site file: the example, and faults that are named."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from metering.site.model import SiteError, parse_site
from tests import places

EXAMPLE = places.EXAMPLE.read_text(encoding="utf-8")


FAULTS = [
    ('carrier = "heat"', 'carrier = "steam"', ["building[0].meter[0].carrier", "steam", "electricity"]),
    ('unit = "Gcal"                   #', 'unit = "BTU" #', ["building[0].meter[0].unit", "BTU", "Gcal"]),
    ('timezone = "Europe/Moscow"', 'timezone = "Mars/Base"', ["site.timezone", "Mars/Base"]),
    ('timezone = "Europe/Moscow"', 'timezone = "Asia/Kolkata"', ["site.timezone", "whole number of hours"]),
    ('station = "spb"', 'station = "msk"', ["msk", "spb"]),
    ('meter = "heat"', 'meter = "cold"', ["c-b01-heat", "cold", "heat"]),
    ('tariff = "heat"', 'tariff = "gold"', ["gold", "heat"]),
    ("flats = 216", "flatz = 216", ["flatz", "not known"]),
    ("from = 2025-10-15", "from = 2025-01-15", ["reporting period", "2025-09-30"]),
    ('id = "b01"', 'id = "b/01"', ["building[0].id", "b/01"]),
    ('topic = "kvartal/v1/weather/{station}"', 'topic = "kvartal/#"', ["source[1]", "#"]),
    ("[site]", "[site", ["TOML"]),
]


@pytest.mark.parametrize(("good", "bad", "named"), FAULTS, ids=[bad for _, bad, _ in FAULTS])
def test_a_fault_in_the_site_file_is_named(good: str, bad: str, named: list[str]) -> None:
    assert good in EXAMPLE
    with pytest.raises(SiteError) as raised:
        parse_site(EXAMPLE.replace(good, bad, 1), file="my/site.toml")
    for part in ("my/site.toml", *named):
        assert part in str(raised.value)


def test_the_example_is_a_site_and_its_tariff_is_dated() -> None:
    site = parse_site(EXAMPLE)
    prices = [(price.from_, price.price) for price in site.tariffs["heat"].prices]
    assert prices[-1] == (dt.date(2025, 7, 1), Decimal("2500.00"))
    assert site.meters["b01", "heat"].wrap == 10**7 * 1_163_000
