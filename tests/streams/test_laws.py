"""Laws 2, 3 and 7 on the whole pipeline: any delivery gives the same figures, every reading is accounted for,
and both runners give the same answer.

The baseline is an input (law 5, docs/laws.md), so it is fitted once on clean days and handed to every run.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.decode import Decoder
from metering.baselines.document import Baseline
from metering.events import (
    Alert,
    Counted,
    Day,
    Declared,
    Event,
    Exchange,
    Finding,
    Fitted,
    Gauged,
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
from storage.sqlite import Store
from storage.sqlite_reader import Reader
from streams.applier import Applier
from streams.chunks import TableParts
from streams.embedded import Embedded
from tests.baselines import fitted as fitted_for
from tests.sites import building, contract, meter, site_text, source, station, tariff

SITE = site_text(
    source("k/{building}/{meter}"),
    source("w/{station}"),
    station(),
    tariff(("2024-01-01", "2500")),
    building(
        meter("heat", "heat", "kWh", digits=8, max_power_kw=2000),
        meter("part", "heat", "kWh", parent="heat"),
        meter("rest", "heat", "kWh", virtual={"plus": ["heat"], "minus": ["part"]}),
        station="spb",
        persons=400,
        statics=[{"from": "2025-05-12", "persons": 380}],
    ),
    contract(
        baseline="2025-01-01..2025-03-31",
        reporting="2025-05-02..",
        measure="substation",
        guaranteed_savings_pct=20,
        tariff="heat",
        event=[
            {
                "from": "2025-05-06",
                "to": "2025-05-14",
                "share_pct": "-4.5",
                "reason": "two stairwells under repair",
                "author": "a",
                "approved_by": "b",
            }
        ],
    ),
    contract(
        "c2", meter="rest", baseline="2025-01-01..2025-03-31", reporting="2025-05-02..", measure="substation"
    ),
)
MOSCOW = dt.timezone(dt.timedelta(hours=3))
FIRST = dt.date(2025, 5, 1)
DAYS = 20


@pytest.fixture(scope="module")
def site() -> Site:
    return parse_site(SITE)


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fitted_for("c1", 3, 0)


def baselines(fitted: Fitted) -> list[Fitted]:
    """The same baseline for both contracts: of the meter, and of the virtual one."""
    return [fitted, msgspec.structs.replace(fitted, contract="c2")]


def at(hours: float) -> int:
    return to_ms(dt.datetime.combine(FIRST, dt.time(), MOSCOW).astimezone(dt.UTC)) + round(hours * HOUR_MS)


def heat_readings(seed: int) -> list[tuple[int, int]]:
    """Twenty days of a heat meter with what happens to heat meters."""
    rng = random.Random(seed)
    v = rng.randint(20_000_000, 99_000_000_000)
    readings = []
    for hour in range(24 * DAYS + 1):
        readings.append((at(hour), v))
        v += rng.randint(150_000, 600_000)
    for _ in range(rng.randint(0, 3)):
        gap = rng.randrange(len(readings) - 40)
        del readings[gap : gap + rng.choice([1, 3, 10, 30])]
    for _ in range(rng.randint(0, 3)):
        place = rng.randrange(1, len(readings) - 1)
        t, good = readings[place]
        readings[place] = (t, rng.choice([0, good * 10, good // 1000, good + 5_000_000_000]))
    for _ in range(rng.randint(0, 2)):
        t, good = readings[rng.randrange(1, len(readings) - 1)]
        readings.append((t, good + rng.randint(1, 300_000)))
    if rng.random() < 0.3:
        swap = rng.randrange(60, len(readings) - 60)
        base = rng.choice([0, 7_000_000])
        start = readings[swap][1]
        readings = readings[:swap] + [(t, base + max(0, v - start)) for t, v in readings[swap:]]
    return sorted(set(readings))


def part_of(rng: random.Random, now: int) -> list[Readings | Declared]:
    """A sub-meter: first its archive, then its register, an exchange that somebody declares, and its gauges."""
    who = RegisterId("b01", "part", "energy")
    starts = [at(h) for h in range(72)]
    uses = [rng.randint(0, 90_000) for _ in starts]
    rows = Readings(
        **who.fields(),
        nature="interval",
        times=tuple(t + HOUR_MS for t in starts),
        amounts=tuple(uses),
        received_at=now,
        copy=False,
        starts=tuple(starts),
    )
    swap = rng.randint(200, 400)
    v, counts = rng.randint(10**7, 10**9), []
    for hour in range(60, 24 * DAYS + 1):
        if hour == swap:
            final, v = v, 0
        if rng.random() < 0.9 and not 100 < hour < 200:
            counts.append((at(hour), v))
        v += 0 if hour > 420 else rng.randint(0, 90_000)
    told = Declared(
        **who.fields(),
        exchanges=(Exchange(at=at(swap) - 60_000, final=final, initial=0),),
        by_site=False,
        received_at=now,
    )
    gauge = [(at(h), rng.randint(40_000, 90_000)) for h in range(24 * DAYS) if rng.random() < 0.9]
    flow = [(at(h), rng.choice([0, 0, 500])) for h in range(415, 24 * DAYS)]

    def pieces(
        register: RegisterId, nature: Nature, pairs: list[tuple[int, int]], size: int
    ) -> list[Readings]:
        several = [pairs[i : i + size] for i in range(0, len(pairs), size)]
        return [
            Readings(
                **register.fields(),
                nature=nature,
                times=tuple(t for t, _ in p),
                amounts=tuple(v for _, v in p),
                received_at=now,
            )
            for p in several
        ]

    return [
        rows,
        told,
        *pieces(who, "register", counts, 24),
        *pieces(RegisterId("b01", "part", "supply_temperature"), "gauge", gauge, 24),
        *pieces(RegisterId("b01", "part", "flow"), "gauge", flow, 24),
    ]


def events_of(seed: int) -> list[Readings | Declared]:
    rng = random.Random(seed + 1)
    heat = heat_readings(seed)
    weather = [(at(h), rng.randint(2_000, 15_000)) for h in range(-24, 24 * DAYS + 1) if rng.random() < 0.97]
    now = at(24 * DAYS + 1)

    def message(register: RegisterId, nature: Nature, pairs: Sequence[tuple[int, int]]) -> Readings:
        return Readings(
            **register.fields(),
            nature=nature,
            times=tuple(t for t, _ in pairs),
            amounts=tuple(v for _, v in pairs),
            received_at=now,
        )

    size = rng.choice([1, 5, 24])
    parts: list[Readings | Declared] = [
        message(RegisterId("b01", "heat", "energy"), "register", heat[i : i + size])
        for i in range(0, len(heat), size)
    ]
    parts += part_of(rng, now)
    parts += [
        message(RegisterId("b01", "spb", "outdoor_temperature"), "gauge", weather[i : i + 24])
        for i in range(0, len(weather), 24)
    ]
    return parts


class Kept:
    """The figures as a store keeps them: each key's last value."""

    def __init__(self) -> None:
        self.figures: dict[tuple[Any, ...], Any] = {}
        self.accepted = self.duplicate = 0

    def write(self, events: Iterable[Event]) -> None:
        for event in events:
            self._keep(event)

    def _keep(self, event: Event) -> None:
        if isinstance(event, Counted):
            self.accepted += event.accepted
            self.duplicate += event.duplicate
        elif isinstance(event, Hours):
            for hour, amount, flags in zip(event.hours, event.amounts, event.flags, strict=True):
                self._put(("hour", event.meter, hour), None if amount is None else (amount, flags))
        elif isinstance(event, Unknowns):
            for block in event.withdrawn:
                self._put(("unknown", event.meter, block.start, block.end), None)
            for block in event.added:
                self._put(("unknown", event.meter, block.start, block.end), (block.amount, block.flags))
        elif isinstance(event, Day):
            fixed = msgspec.structs.replace(event, received_at=0)
            self._put(("day", event.meter, event.date), None if event.withdrawn else fixed)
        elif isinstance(event, Gauged):
            rows = zip(event.means, event.lows, event.highs, event.covered_ms, event.flags, strict=True)
            for hour, row in zip(event.hours, rows, strict=True):
                self._put(("gauge", event.meter, event.quantity, hour), None if row[0] is None else row)
        elif isinstance(event, WeatherDay):
            self._put(("weather", event.date), msgspec.structs.replace(event, received_at=0))
        elif isinstance(event, Savings):
            fixed_savings = msgspec.structs.replace(event, received_at=0)
            self._put(("savings", event.contract, event.date), None if event.withdrawn else fixed_savings)
        elif isinstance(event, Position):
            fixed_position = msgspec.structs.replace(event, received_at=0)
            self._put(("position", event.contract), None if event.withdrawn else fixed_position)
        elif isinstance(event, Alert) and event.kind != "meter_silent":
            # Withdrawn alerts are history, which the law leaves out.
            self._put(
                ("alert", event.subject, event.kind, event.opened),
                None if "withdrawn" in event.detail else event,
            )
        elif isinstance(event, Finding):
            key = ("finding", event.meter, event.kind, event.start, event.end, tuple(event.figures.items()))
            self._put(key, None if event.withdrawn else True)

    def _put(self, key: tuple[Any, ...], value: Any) -> None:
        if value is None:
            self.figures.pop(key, None)
        else:
            self.figures[key] = value

    # The embedded runner's store.
    def commit(self, *, parts: Any, events: Iterable[Event], counts: Any, log: Any = None) -> None:
        self.write(events)

    def part(self, key: str, part: str) -> bytes | None:
        return None


class KeptWithParts(Kept):
    """The same with the state parts: what a restart finds."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: dict[tuple[str, str], bytes] = {}

    def commit(self, *, parts: Any, events: Iterable[Event], counts: Any, log: Any = None) -> None:
        super().commit(parts=parts, events=events, counts=counts)
        for at_key, blob in parts.items():
            if blob is None:
                self.parts.pop(at_key, None)
            else:
                self.parts[at_key] = blob

    def part(self, key: str, part: str) -> bytes | None:
        return self.parts.get((key, part))


class Wire:
    """Readings as messages whose decoding gives them back: the runner decodes, and so does this test."""

    def __init__(self, readings: Readings | Declared) -> None:
        self.topic, self.payload = "any", msgspec.msgpack.encode(readings)
        self.received_at, self.retain = readings.received_at, False


def decode(
    topic: str, payload: bytes, *, received_at: int, retain: bool = False
) -> list[Readings | Declared]:
    return [msgspec.msgpack.decode(payload, type=Readings | Declared)]


def run_embedded(
    site: Site, fitted: Fitted, batches: Sequence[Sequence[Readings | Declared]], *, restarts: bool
) -> Kept:
    kept = KeptWithParts()

    def runner() -> Embedded:
        made = Embedded(site=site, store=kept, decode=decode)
        for each in baselines(fitted):
            made.adopt(each)
        return made

    running = runner()
    for batch in batches:
        if restarts:
            running = runner()
        running.take([Wire(readings) for readings in batch])
    running.tick(at(24 * DAYS + 2))
    return kept


def run_faust(site: Site, fitted: Fitted, messages: Iterable[Event], table: dict[bytes, bytes]) -> Kept:
    kept = Kept()
    applier = Applier(site=site, parts=TableParts(table), sink=kept)
    log: list[Event] = [*baselines(fitted), *messages, Tick(building="b01", received_at=at(24 * DAYS + 2))]
    for offset, event in enumerate(log):
        assert applier.apply(msgspec.msgpack.encode(event), partition=0, offset=offset)
    return kept


@given(seed=st.integers(0, 10**6), data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_delivery_gives_the_same_figures(
    site: Site, fitted: Fitted, seed: int, data: st.DataObject
) -> None:
    events = events_of(seed)
    reference = run_embedded(site, fitted, [events], restarts=False)
    rng = random.Random(data.draw(st.integers(0, 10**6)))
    delivered = events + rng.sample(events, rng.randint(0, 5))
    rng.shuffle(delivered)
    batches = []
    while delivered:
        n = rng.randint(1, 40)
        batches.append(delivered[:n])
        delivered = delivered[n:]
    kept = run_embedded(site, fitted, batches, restarts=rng.random() < 0.5)
    assert kept.figures == reference.figures
    assert kept.accepted == reference.accepted
    sent = sum(1 if isinstance(e, Declared) else len(e.times) for batch in batches for e in batch)
    assert kept.accepted + kept.duplicate == sent


@given(seed=st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_both_runners_give_the_same_answer(site: Site, fitted: Fitted, seed: int) -> None:
    events = events_of(seed)
    random.Random(seed).shuffle(events)
    embedded = run_embedded(site, fitted, [[event] for event in events], restarts=False)
    faust = run_faust(site, fitted, events, {})
    assert faust.figures == embedded.figures
    assert (faust.accepted, faust.duplicate) == (embedded.accepted, embedded.duplicate)


class Crash(Exception):
    """The process died here."""


class CrashingTable(dict[bytes, bytes]):
    """A table whose changelog ends after so many writes: what is written later is lost with the process."""

    def __init__(self, whole: dict[bytes, bytes], writes: int) -> None:
        super().__init__(whole)
        self.left = writes

    def __setitem__(self, key: bytes, value: bytes) -> None:
        if self.left == 0:
            raise Crash
        self.left -= 1
        super().__setitem__(key, value)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_a_worker_that_dies_between_any_two_table_writes_loses_and_doubles_nothing(
    site: Site, fitted: Fitted, seed: int
) -> None:
    events = events_of(seed)
    rng = random.Random(seed)
    rng.shuffle(events)
    events = events[:40]
    reference = run_faust(site, fitted, events, {})
    log: list[Event] = [*baselines(fitted), *events, Tick(building="b01", received_at=at(24 * DAYS + 2))]
    kept = Kept()
    table: dict[bytes, bytes] = {}
    begin = 0
    while begin < len(log):
        crashing = CrashingTable(table, rng.randint(1, 60))
        parts = TableParts(crashing)
        applier = Applier(site=site, parts=parts, sink=kept)
        offset = begin
        try:
            for offset in range(begin, len(log)):
                applier.apply(msgspec.msgpack.encode(log[offset]), partition=0, offset=offset)
            begin = len(log)
        except Crash:
            # What Kafka committed may lag behind: messages before the crash come again too.
            begin = max(0, offset - rng.randint(0, 3))
        table = dict(crashing)
    assert kept.figures == reference.figures


def test_a_message_of_the_log_that_comes_again_changes_nothing(site: Site, fitted: Fitted) -> None:
    table: dict[bytes, bytes] = {}
    kept = Kept()
    applier = Applier(site=site, parts=TableParts(table), sink=kept)
    value = msgspec.msgpack.encode(events_of(1)[0])
    assert applier.apply(value, partition=2, offset=7)
    before = dict(table)
    assert not applier.apply(value, partition=2, offset=7)
    assert not applier.apply(value, partition=2, offset=3)
    assert table == before


def test_a_poisoned_message_of_the_log_is_kept_and_passed(site: Site) -> None:
    class Seen:
        def __init__(self) -> None:
            self.events: list[Event] = []

        def write(self, events: Sequence[Event]) -> None:
            self.events += events

    seen = Seen()
    applier = Applier(site=site, parts=TableParts({}), sink=seen)
    assert applier.apply(b"\xc1not msgpack", partition=0, offset=0)
    assert [getattr(e, "reason", None) for e in seen.events] == ["decoder_error"]
    assert applier.apply(msgspec.msgpack.encode(events_of(1)[0]), partition=0, offset=1)


def test_an_adopted_baseline_reaches_the_store_before_any_reading(
    site: Site, fitted: Fitted, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store.db")
    Embedded(site=site, store=store, decode=decode).adopt(fitted)
    reader = Reader(tmp_path / "store.db")
    assert reader.baseline_of_id(fitted.baseline_id) == fitted.document
    reader.close()
    store.close()


def test_a_baseline_is_adopted_once(site: Site, fitted: Fitted) -> None:
    assert Baseline.from_document(fitted.document).id == fitted.baseline_id
    kept = run_embedded(site, fitted, [events_of(5)], restarts=True)
    for contract_id in ("c1", "c2"):
        position = kept.figures["position", contract_id]
        savings = [s for k, s in kept.figures.items() if k[:2] == ("savings", contract_id)]
        assert position.baseline_id == fitted.baseline_id
        assert position.days > 0
        assert position.expected == sum(each.expected for each in savings)


def test_a_contract_on_a_virtual_meter_has_its_savings(site: Site, fitted: Fitted) -> None:
    figures = run_embedded(site, fitted, [events_of(5)], restarts=False).figures
    for (what, *key), each in figures.items():
        if what == "savings" and key[0] == "c2":
            whole, part = (figures["day", meter, each.date].used for meter in ("heat", "part"))
            assert each.used == whole - part


def test_the_site_decoder_and_the_runner_meet(site: Site) -> None:
    kept = KeptWithParts()
    runner = Embedded(site=site, store=kept, decode=Decoder(site).decode)

    class Sent:
        retain = False

        def __init__(self, topic: str, payload: bytes) -> None:
            self.topic, self.payload, self.received_at = topic, payload, at(30)

    batch = runner.take(
        [
            Sent("k/b01/heat", b'{"readings": [["2025-05-01T00:00+03:00", 10], ["2025-05-01T01:00+03:00", 12.5]]}'),
            Sent("w/spb", b'{"temperature_c": 5.5, "time": "2025-05-01T00:00:00+03:00"}'),
            Sent("k/b01/heat", b"{"),
            Sent("k/b09/heat", b'{"time": "2025-05-01T00:00+03:00", "value": 1}'),
        ]
    )  # fmt: skip
    assert batch.counts == {
        "received": 5, "accepted": 3, "rejected": 2, "rejected:not_json": 1, "rejected:unknown_meter": 1,
    }  # fmt: skip
    assert kept.figures["hour", "heat", at(0) // HOUR_MS] == (2_500, 0)
