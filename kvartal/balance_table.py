"""`kvartal balance`: main meters against their sub-meters, out of a store."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from dashboards.balance import balances
from kvartal.files import Refused
from metering.site.model import Site
from storage.sqlite_reader import Reader


def balance_table(
    db: Path, site: Site, *, building: str | None, first: dt.date | None, last: dt.date | None
) -> list[dict[str, Any]]:
    """One document per main meter: see `dashboards.balance.balances`.

    Raises:
        Refused: the building is not in the site file, or no meter has a sub-meter.
    """
    if building is not None and building not in site.buildings:
        raise Refused(f"--building: got {building!r}, the site file has {', '.join(site.buildings)}")
    reader = Reader(db)
    try:
        found = balances(reader, site, building=building, first=first, last=last)
    finally:
        reader.close()
    if not found:
        raise Refused("no meter of the site file has `parent`: there is nothing to balance")
    return found
