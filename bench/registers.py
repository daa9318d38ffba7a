"""The ledger of registers alone: the memory of many of them, and the time to fold one again.

python bench/registers.py [--registers 100000] [--days 3]
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

import msgspec

from metering.events import Readings
from metering.ledger.blocks import Block, Head, Part
from metering.ledger.enter import enter
from metering.ledger.state import Rules
from metering.parts import HEAD
from metering.site.model import parse_site
from metering.times import DAY_MS, HOUR_MS
from streams.embedded import cached_for
from streams.pipeline import pipeline
from streams.shelf import Cache
from streams.step import advance, takers

_BEGIN = 20_000 * DAY_MS
_RULES = Rules(5_000_000, 10**7 * 1_163_000)
_SITE = """
[site]
id = "bench"
"""
_BUILDING = """
[[building]]
id = "b{n}"
"""
_A_BUILDING = 10
_METER = """
[[building.meter]]
id = "m{n:06d}"
carrier = "heat"
unit = "Gcal"
digits = 7
"""


class Kept:
    """A store of the encoded parts in memory, in place of SQLite."""

    def __init__(self) -> None:
        self.parts: dict[tuple[str, str], bytes] = {}

    def part(self, key: str, part: str) -> bytes | None:
        return None


def resident_mb() -> float:
    """Resident memory of this process [MB]."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def hot(registers: int, days: int) -> None:
    """Hourly readings of every register for some days, a message a day and register; all blocks stay in memory."""
    meters = (
        (_BUILDING.format(n=n) if n % _A_BUILDING == 0 else "") + _METER.format(n=n) for n in range(registers)
    )
    site = parse_site(_SITE + "".join(meters))
    steps = pipeline(site)
    by_type = takers(steps)
    cache = Cache(Kept(), steps, cached_for(site))
    rng = random.Random(1)
    counts = [rng.randrange(10**9) for _ in range(registers)]
    before = resident_mb()
    begun, n = time.process_time(), 0
    for day in range(days):
        for number in range(registers):
            times, amounts = [], []
            for hour in range(24):
                counts[number] += rng.randrange(60_000)
                times.append(_BEGIN + day * DAY_MS + hour * HOUR_MS)
                amounts.append(counts[number])
            n += 24
            event = Readings(
                building=f"b{number - number % _A_BUILDING}",
                meter=f"m{number:06d}",
                quantity="energy",
                nature="register",
                times=tuple(times),
                amounts=tuple(amounts),
                received_at=times[-1],
            )
            advance(by_type, cache, event)
            if number % 500 == 499:
                cache.take_changed()
                cache.committed()
    seconds = time.process_time() - begun
    # A late reading of the first day needs its block from memory (this bench's store has none).
    for number in rng.sample(range(registers), min(registers, 1000)):
        at, building = _BEGIN + 1, f"b{number - number % _A_BUILDING}"
        advance(
            by_type,
            cache,
            Readings(
                building=building,
                meter=f"m{number:06d}",
                quantity="energy",
                nature="register",
                times=(at,),
                amounts=(counts[number],),
                received_at=at,
            ),
        )
    print(f"{registers:,} registers, {days} days hourly: {resident_mb():,.0f} MB resident "
          f"({resident_mb() - before:,.0f} MB above the site), {n / seconds:,.0f} readings per CPU second")  # fmt: skip


def refold() -> None:
    """A meter-year from its stored blocks: decoded, folded from the start, hours compared."""
    rng = random.Random(2)
    v = 10**9
    times, amounts = [], []
    for hour in range(8_760):
        v += rng.randrange(60_000)
        times.append(_BEGIN + hour * HOUR_MS)
        amounts.append(v)
    entered = enter(_RULES, {}, times, amounts)
    assert entered is not None
    stored = {name: msgspec.msgpack.encode(part) for name, part in entered.parts.items()}
    decoder = msgspec.msgpack.Decoder(Block | Head)
    best = 1e9
    for _ in range(7):
        begun = time.process_time()
        parts: dict[str, Part] = {name: decoder.decode(raw) for name, raw in stored.items()}
        kept_times, kept_amounts = [], []
        for name in sorted(parts):
            block = parts[name]
            if isinstance(block, Block):
                kept_times += block.times
                kept_amounts += block.amounts
        made = enter(_RULES, {}, kept_times, kept_amounts)
        assert made is not None
        again = {name: msgspec.msgpack.encode(part) for name, part in made.parts.items()}
        best = min(best, time.process_time() - begun)
        assert again == stored
    print(f"a meter-year of 8,760 readings folded again from its stored readings: {best * 1000:.0f} ms")
    assert HEAD in stored


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--registers", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=3)
    asked = parser.parse_args()
    refold()
    hot(asked.registers, asked.days)


if __name__ == "__main__":
    main()
