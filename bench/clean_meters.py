"""What the ledger asks about clean meters: false alarms by kind of meter, over three years each.

python bench/clean_meters.py            prints the table
python bench/clean_meters.py NAME...    of these meters only
python bench/clean_meters.py --draw 2   other draws of the same kinds, from another season on
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from dataclasses import replace

from simulators.faults.clean import CLEAN, YEARS, Alarms, alarms, by_name


def row(name: str, found: Alarms, seconds: float) -> str:
    """One line of the table."""
    total = sum(found.findings.values()) / YEARS
    kinds = ", ".join(f"{kind} {count / YEARS:.1f}" for kind, count in found.findings.most_common())
    mark = "" if total <= 3 and not found.error and found.pending <= 3 else " ✗"
    cells = (
        name,
        f"{total:.1f}{mark}",
        kinds,
        f"{found.doubted_hours / YEARS:.0f}",
        found.error,
        found.pending,
        found.readings,
        f"{seconds:.1f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


def main(names: list[str], draw: int) -> None:
    """Print the table."""
    print(
        "| meter | findings a year | by kind | doubted hours a year | error [Wh, l] | pending | readings | CPU s |"
    )
    print("|---|---|---|---|---|---|---|---|")
    meters = [replace(meter, draw=draw) for meter in (map(by_name, names) if names else CLEAN)]
    total: Counter[str] = Counter()
    over = wrong = 0
    began = time.process_time()
    for meter in meters:
        start = time.process_time()
        found = alarms(meter)
        print(row(meter.name, found, time.process_time() - start), flush=True)
        total.update(found.findings)
        over += sum(found.findings.values()) > 3 * YEARS
        wrong += found.error != 0
    mean = sum(total.values()) / len(meters) / YEARS
    print(
        f"{len(meters)} meters: {mean:.2f} findings a meter-year, {over} meters above 3, {wrong} with an energy error; "
        f"{time.process_time() - began:.0f} CPU s"
    )
    print(", ".join(f"{kind} {count / len(meters) / YEARS:.2f}" for kind, count in total.most_common()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--draw", type=int, default=0)
    given = parser.parse_args()
    main(given.names, given.draw)
