"""Law 2 at scale: random schedules over houses with faulty registers, and what differs in all that a store then has.

    python bench/schedules.py --n 2000 [--seed 1]

Houses, schedules and what is compared are those of the tests (`tests/schedules.py`): hours, unknown blocks, days,
weather, savings, positions, alerts about energy, findings, baselines, gauges, accounts and every part of state, through
the embedded runner and the Faust runner's applier, over real stores.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.faulty_houses import baselines, house
from tests.schedules import (
    differences,
    in_order,
    shuffled,
    through_applier,
    through_embedded,
)

_TURNS = 8
"""Schedules of one house; every second one goes through the applier."""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=400, help="schedules")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    fitted = baselines()
    begun, differing, schedules, houses = time.process_time(), 0, 0, 0
    while schedules < asked.n:
        seed = asked.seed * 1_000_003 + houses
        houses += 1
        log = house(seed)
        with tempfile.TemporaryDirectory() as folder:
            db = Path(folder) / "in_order.db"
            expected = through_embedded(db, in_order(log, fitted))
            for turn in range(min(_TURNS, asked.n - schedules)):
                run = through_applier if turn % 2 else through_embedded
                db = Path(folder) / f"{turn}.db"
                shown = run(db, shuffled(log, fitted, random.Random(f"{seed} {turn}")))
                lines = differences(expected, shown)
                if lines:
                    differing += 1
                    print(
                        f"house {seed}, schedule {turn} ({run.__name__}): {len(lines)} differ",
                        file=sys.stderr,
                    )
                    print(*lines[:5], sep="\n", file=sys.stderr)
                schedules += 1
    seconds = time.process_time() - begun
    what = f"{schedules:,} schedules over {houses:,} houses, seed {asked.seed}"
    print(f"{what}: {differing} differ ({seconds:.0f} CPU s)")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
