"""Import of a year of hourly archives of many meters into a store: readings per CPU second.

python bench/archives.py [--meters 100] [--days 365]
"""

from __future__ import annotations

import argparse
import datetime as dt
import random
import tempfile
import time
from pathlib import Path

from kvartal.importing import import_archive
from metering.site.model import parse_site
from metering.times import UTC

_SITE = """
[site]
id = "bench"
[[archive]]
id = "interval"
columns = { time = "Дата", energy = "Q, Гкал" }
[[archive]]
id = "register"
kind = "register"
columns = { time = "Дата", energy = "Q, Гкал" }
"""
_BUILDING = """
[[building]]
id = "b{n:03d}"
  [[building.meter]]
  id = "heat"
  carrier = "heat"
  unit = "Gcal"
"""
_BEGIN = dt.datetime(2024, 1, 1)  # noqa: DTZ001 - a meter's own clock
_NOW = int(dt.datetime(2025, 6, 1, tzinfo=UTC).timestamp() * 1000)


def table(days: int, kind: str, seed: int) -> str:
    """The archive of one meter over `days` days."""
    rng = random.Random(seed)
    count = 1000 * rng.random()
    lines = ["Дата;Q, Гкал"]
    for hour in range(24 * days):
        use = rng.random()
        count += use
        value = f"{use if kind == 'interval' else count:.3f}".replace(".", ",")
        lines.append(f"{_BEGIN + dt.timedelta(hours=hour):%d.%m.%Y %H:%M};{value}")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--meters", type=int, default=100)
    parser.add_argument("--days", type=int, default=365)
    asked = parser.parse_args()
    site = parse_site(_SITE + "".join(_BUILDING.format(n=n) for n in range(asked.meters)))
    print("| archive | readings | CPU s | readings per CPU second |\n|---|---|---|---|")
    for archive in site.archive:
        with tempfile.TemporaryDirectory() as directory:
            files = []
            for n in range(asked.meters):
                files.append(Path(directory) / f"b{n:03d}.csv")
                files[-1].write_text(table(asked.days, archive.kind, n), encoding="utf-8")
            begun, readings = time.process_time(), 0
            for n, file in enumerate(files):
                counts = import_archive(
                    file,
                    site=site,
                    db=Path(directory) / "bench.db",
                    archive=archive,
                    meter=(f"b{n:03d}", "heat"),
                    now=_NOW,
                    backfill=True,
                )
                accepted = counts["accepted"]
                assert isinstance(accepted, int)
                readings += accepted
            seconds = time.process_time() - begun
            print(f"| {archive.kind} | {readings:,} | {seconds:.1f} | {readings / seconds:,.0f} |")


if __name__ == "__main__":
    main()
