"""Law 2 at scale: random schedules over faulty weeks of houses, and how many bytes of the figures differ.

    python bench/schedules.py --n 10000 [--seed 1]

A schedule is one delivery of the same log of readings: order, duplicates, batch sizes and restarts, through the
embedded runner or the Faust runner's applier. Ledger, days, savings, position and alerts about energy must be
identical to the byte.
"""

from __future__ import annotations

import argparse
import datetime as dt
import random
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from metering.baselines.fit import fit
from metering.events import (
    Alert,
    Day,
    Event,
    Fitted,
    Hours,
    Nature,
    Position,
    Readings,
    RegisterId,
    Savings,
    Tick,
    Unknowns,
    WeatherDay,
)
from metering.site.model import Site, parse_site
from metering.times import HOUR_MS, to_ms
from streams.applier import Applier
from streams.chunks import TableParts
from streams.embedded import Embedded

_SITE = """
[site]
id = "s"
timezone = "Europe/Moscow"
[[source]]
topic = "k/{building}/{meter}"
[[source]]
topic = "w/{station}"
[[station]]
id = "spb"
[[building]]
id = "b01"
station = "spb"
  [[building.meter]]
  id = "heat"
  carrier = "heat"
  unit = "kWh"
  digits = 8
  max_power_kw = 2000
[[contract]]
id = "c1"
building = "b01"
meter = "heat"
baseline = { from = 2025-01-01, to = 2025-03-31 }
reporting = { from = 2025-05-02 }
guaranteed_savings_pct = 20
"""
_BEGIN = to_ms(dt.datetime(2025, 4, 30, 21, tzinfo=dt.UTC))
_DAYS = 7


def baseline() -> Fitted:
    """The baseline of all weeks, an input."""
    rng = random.Random(1)
    dates = list(range(dt.date(2025, 1, 1).toordinal(), dt.date(2025, 4, 1).toordinal()))
    temps = [rng.randint(-15_000, 8_000) for _ in dates]
    fitted = fit(
        dates=dates,
        used=[round(9_000_000 + max(0, 17_000 - t) * 400 + rng.gauss(0, 300_000)) for t in temps],
        temps_mc=temps,
        temps_before_mc=[temps[0], *temps[:-1]],
        first=dates[0],
        last=dates[-1],
    )
    return Fitted(
        building="b01", contract="c1", baseline_id=fitted.id, document=fitted.document, received_at=0
    )


def week(rng: random.Random) -> list[Readings]:
    """A week of messages of a heat meter and its weather, with faults."""
    v = rng.randint(20_000_000, 99_999_000_000)
    pairs: list[tuple[int, int]] = []
    for hour in range(24 * _DAYS + 1):
        pairs.append((_BEGIN + hour * HOUR_MS, v % 100_000_000_000))
        v += rng.randint(150_000, 600_000)
    for _ in range(rng.randint(0, 2)):
        gap = rng.randrange(len(pairs) - 20)
        del pairs[gap : gap + rng.choice([1, 4, 8, 20])]
    for _ in range(rng.randint(0, 3)):
        place = rng.randrange(1, len(pairs) - 1)
        t, good = pairs[place]
        wrong = rng.choice([0, good * 10, good // 1000, good + 5_000_000_000, good + rng.randint(1, 300_000)])
        if rng.random() < 0.5:
            pairs[place] = (t, wrong)
        else:
            pairs.append((t, wrong))
    if rng.random() < 0.3:
        swap = rng.randrange(40, len(pairs) - 40)
        start, base = pairs[swap][1], rng.choice([0, 7_000_000, 120_000_000_000])
        pairs = pairs[:swap] + [(t, base + max(0, amount - start)) for t, amount in pairs[swap:]]
    weather = [(_BEGIN + h * HOUR_MS, rng.randint(-5_000, 12_000)) for h in range(-24, 24 * _DAYS + 1)]
    size = rng.choice([1, 6, 24])
    now = _BEGIN + (24 * _DAYS + 1) * HOUR_MS

    def cut(register: RegisterId, nature: Nature, whole: Sequence[tuple[int, int]], n: int) -> list[Readings]:
        parts = [whole[i : i + n] for i in range(0, len(whole), n)]
        return [
            Readings(
                **register.fields(),
                nature=nature,
                times=tuple(t for t, _ in p),
                amounts=tuple(a for _, a in p),
                received_at=now,
            )
            for p in parts
        ]

    return cut(RegisterId("b01", "heat", "energy"), "register", sorted(set(pairs)), size) + cut(
        RegisterId("b01", "spb", "outdoor_temperature"), "gauge", weather, 24
    )


class Figures:
    """The last value of every figure, and parts of state for restarts."""

    def __init__(self) -> None:
        self.kept: dict[tuple[Any, ...], Any] = {}
        self.parts: dict[tuple[str, str], bytes] = {}

    def write(self, events: Iterable[Event]) -> None:
        put = self._put
        for event in events:
            if isinstance(event, Hours):
                for hour, amount, flags in zip(event.hours, event.amounts, event.flags, strict=True):
                    put(("hour", hour), None if amount is None else (amount, flags))
            elif isinstance(event, Unknowns):
                for block in event.withdrawn:
                    put(("unknown", block.start, block.end), None)
                for block in event.added:
                    put(("unknown", block.start, block.end), (block.amount, block.flags))
            elif isinstance(event, (Day, Savings)):
                plain = msgspec.structs.replace(event, received_at=0)
                put((type(event).__name__, event.date), None if event.withdrawn else plain)
            elif isinstance(event, WeatherDay):
                put(("weather", event.date), msgspec.structs.replace(event, received_at=0))
            elif isinstance(event, Position):
                put(("position",), msgspec.structs.replace(event, received_at=0))
            elif isinstance(event, Alert) and event.kind != "meter_silent":
                put(("alert", event.kind, event.opened), None if "withdrawn" in event.detail else event)

    def _put(self, key: tuple[Any, ...], value: Any) -> None:
        if value is None:
            self.kept.pop(key, None)
        else:
            self.kept[key] = value

    def commit(self, *, parts: Any, events: Iterable[Event], counts: Any) -> None:
        self.write(events)
        for key, blob in parts.items():
            if blob is None:
                self.parts.pop(key, None)
            else:
                self.parts[key] = blob

    def part(self, key: str, part: str) -> bytes | None:
        return self.parts.get((key, part))

    def as_bytes(self) -> bytes:
        return msgspec.msgpack.encode(sorted((repr(key), value) for key, value in self.kept.items()))


class Wire:
    """A message that decodes to the readings."""

    topic, retain = "any", False

    def __init__(self, readings: Readings) -> None:
        self.payload, self.received_at = msgspec.msgpack.encode(readings), readings.received_at


def _decode(topic: str, payload: bytes, *, received_at: int, retain: bool = False) -> list[Readings]:
    return [msgspec.msgpack.decode(payload, type=Readings)]


def embedded(site: Site, fitted: Fitted, sent: Sequence[Readings], rng: random.Random | None) -> bytes:
    """Figures of the embedded runner; with an rng, in random batches and with restarts."""
    figures = Figures()

    def start() -> Embedded:
        runner = Embedded(site=site, store=figures, decode=_decode)
        runner.adopt(fitted)
        return runner

    runner = start()
    left = list(sent)
    while left:
        n = len(left) if rng is None else rng.randint(1, 60)
        if rng is not None and rng.random() < 0.2:
            runner = start()
        runner.take([Wire(readings) for readings in left[:n]])
        left = left[n:]
    runner.tick(sent[0].received_at + HOUR_MS)
    return figures.as_bytes()


def faust(site: Site, fitted: Fitted, sent: Sequence[Readings], rng: random.Random) -> bytes:
    """Figures of the Faust runner's applier, with restarts and repeated messages."""
    figures, table = Figures(), {}
    log: list[Event] = [fitted, *sent, Tick(building="b01", received_at=sent[0].received_at + HOUR_MS)]
    applier = Applier(site=site, parts=TableParts(table), sink=figures)
    for offset, event in enumerate(log):
        if rng.random() < 0.05:
            applier = Applier(site=site, parts=TableParts(table), sink=figures)
            for before in range(max(0, offset - 3), offset):
                applier.apply(msgspec.msgpack.encode(log[before]), partition=0, offset=before)
        applier.apply(msgspec.msgpack.encode(event), partition=0, offset=offset)
    return figures.as_bytes()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=1000, help="schedules")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    site, fitted = parse_site(_SITE), baseline()
    begun, differing, schedules, weeks = time.process_time(), 0, 0, 0
    while schedules < asked.n:
        rng = random.Random(asked.seed * 1_000_003 + weeks)
        weeks += 1
        log = week(rng)
        reference = embedded(site, fitted, log, None)
        for turn in range(min(20, asked.n - schedules)):
            sent = log + rng.sample(log, rng.randint(0, 8))
            rng.shuffle(sent)
            run = faust if turn % 4 == 3 else embedded
            got = run(site, fitted, sent, rng)
            if got != reference:
                differing += sum(a != b for a, b in zip(got, reference, strict=False)) + abs(
                    len(got) - len(reference)
                )
                print(f"week {weeks - 1}, schedule {turn} ({run.__name__}) differs", file=sys.stderr)
            schedules += 1
    seconds = time.process_time() - begun
    what = f"{schedules:,} schedules over {weeks:,} faulty weeks, seed {asked.seed}"
    print(f"{what}: {differing} differing bytes ({seconds:.0f} CPU s)")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
