"""Site files for tests: a test states what it is about, everything else is ordinary.

Each function returns the TOML text of one table, so that a literal text can stand beside them. A key that is a
Python keyword ends in an underscore (`from_`). Dates and instants are strings of ISO 8601.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

from metering.site.model import Site, parse_site

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?")


def build_site(*tables: str, **settings: Any) -> Site:
    """The site of `site_text`."""
    return parse_site(site_text(*tables, **settings))


def site_text(*tables: str, id: str = "t", **settings: Any) -> str:
    """A site file with these tables. Without a `source` its topics are the built-in ones."""
    return _table("[site]", {"id": id, **settings}) + "".join(tables)


def source(topic: str, **fields: Any) -> str:
    return _table("[[source]]", {"topic": topic, **fields})


def station(id: str = "spb", **fields: Any) -> str:
    return _table("[[station]]", {"id": id, **fields})


def season(first: str, last: str | None = None) -> str:
    return _table("[[season]]", {"from": first} | ({"to": last} if last else {}))


def tariff(*prices: tuple[str, str], id: str = "heat", unit: str = "Gcal", source: str = "") -> str:
    """Prices are (first day, price of a unit)."""
    dated = [
        {"from": first, "price": price, "source": source}
        for first, price in prices or (("2020-01-01", "2000"),)
    ]
    return _table("[[tariff]]", {"id": id, "unit": unit, "prices": dated})


def building(*meters: str, id: str = "b01", **fields: Any) -> str:
    return _table("[[building]]", {"id": id, **fields}) + "".join(meters)


def meter(id: str = "heat", carrier: str = "heat", unit: str = "Gcal", **fields: Any) -> str:
    """A meter of the building around it."""
    table = _table("[[building.meter]]", {"id": id, "carrier": carrier, "unit": unit, **fields})
    return "".join(f"  {line}\n" for line in table.splitlines())


def contract(
    id: str = "c1",
    *,
    baseline: str,
    reporting: str,
    building: str = "b01",
    meter: str = "heat",
    **fields: Any,
) -> str:
    """Periods are `2024-01-01..2024-12-31`, or `2025-01-01..` without an end."""
    of = {"id": id, "building": building, "meter": meter}
    return _table(
        "[[contract]]", of | {"baseline": _period(baseline), "reporting": _period(reporting)} | fields
    )


def archive(columns: dict[str, str | int], **fields: Any) -> str:
    return _table("[[archive]]", {**fields, "columns": columns})


def _period(text: str) -> dict[str, str]:
    first, _, last = text.partition("..")
    return {"from": first, "to": last} if last else {"from": first}


def _table(head: str, fields: dict[str, Any]) -> str:
    return f"{head}\n" + "".join(f"{key.rstrip('_')} = {_value(value)}\n" for key, value in fields.items())


def _value(value: Any) -> str:
    match value:
        case dict():
            return "{ " + ", ".join(f"{key.rstrip('_')} = {_value(v)}" for key, v in value.items()) + " }"
        case list() | tuple():
            return "[" + ", ".join(map(_value, value)) + "]"
        case bool() | int() | float():
            return str(value).lower()
        case dt.date():
            return value.isoformat()
        case str() if _INSTANT.fullmatch(value):
            return value
        case _:
            return json.dumps(str(value), ensure_ascii=False)
