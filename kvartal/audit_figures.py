"""The figures of a store made once more from its facts, building by building, and what differs.

Theory of operation
-------------------
The facts are the readings and declared facts in the ledger's blocks, the readings of gauges and stations, the frozen
baselines, and the site file. The blocks are folded again; the gauges' and stations' readings and the hours of the
registers go once more through the steps of the pipeline, in order of time and in memory (`streams.again`). What the
steps emit becomes the rows of a store in memory. Then every row and every part of state is compared.

What rests on deleted readings is a fact itself: the hours and unknown blocks before a register's cut, a day's mean
temperature. So is history: when something was learned, alerts that were withdrawn, alerts about silence. A contract is
left out while its conditions or prices wait for its next fact, or while no baseline is frozen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial, reduce
from operator import or_
from typing import Any, Final

import msgspec

from kvartal.audit_differences import Difference, parts_apart, plain, rows_apart, without
from metering.events import Event, Fitted, Gauged, MeterId, Readings, RegisterId, Tick, WeatherDay
from metering.ledger.again import first_of, told_again
from metering.ledger.audit import folded_again
from metering.ledger.blocks import Block, Head
from metering.ledger.days import DaysHead, DayState
from metering.ledger.gauges import GaugeDay, GaugeHead
from metering.ledger.history import Consumer
from metering.ledger.weather import TEMPERATURE, WeatherState
from metering.parts import PartName
from metering.savings.conditions import conditions
from metering.savings.worth import price_digest
from metering.site.contracts import Contract
from metering.site.model import Site
from metering.times import DAY_MS
from metering.units import COUNTED, QUANTITIES
from storage.sqlite_reader import Reader
from storage.sqlite_tables import Tables
from streams.again import Again
from streams.steps.savings import FittedState, Month
from streams.steps.watch import WatchHead

_NOT_MADE_AGAIN: Final = frozenset({"gateway_clock", "balance_by_hour"})
"""Kinds of findings that rest on arrivals, or on hours of several meters at once."""
_FINAL: Final = frozenset({"balance", "standstill"})
"""Kinds of findings that rest on days, which are never deleted."""
_INPUTS: Final[Mapping[str, frozenset[str]]] = {
    "idle": frozenset({"temps_mc", "flowing", "used"}),
    "savings": frozenset({"used", "temps_mc", "flags"}),
}
"""Fields of state that hold what the step was told since it knows of the meter: it may know less than all."""
_HOURS: Final = ("shapes", "volumes", "by_volume", "supply_mc", "return_mc", "shifts", "weights")
"""Fields of doubts that rest on the hours of days; days from before an upgrade came without."""
_HISTORY: Final[Mapping[str, frozenset[str]]] = {
    "gauges": frozenset({"cut", "first", "rests"}),
    "weather": frozenset({"cut", "first", "rests"}),
    "balance": frozenset({"changed"}),
    "idle": frozenset({"months", "under", *_HOURS}),
    "savings": frozenset({"conditions", "prices"}),
    "watch": frozenset({"months", "changed", "received_at", "cause"}),
}
"""Fields of state by step that are no figures: bookkeeping, and when something was learned."""


class FigureAudit:
    """The audit of figures of one store under one site."""

    def __init__(self, reader: Reader, site: Site) -> None:
        self._reader = reader
        self._tables = reader.tables
        self._site = site
        self._waiting: set[str] = set()
        """Contracts that are not compared."""
        self._fitted: dict[str, FittedState] = {}
        self._read_contracts()
        audited = [each for each in site.contract if each.id in self._fitted and each.id not in self._waiting]
        self._audited = {each.id: each for each in audited}
        self._again = Again(_with_contracts(site, audited))
        self._unlisted = Again(site, only=frozenset({"days"}))
        self._decoders = {
            name: msgspec.msgpack.Decoder(reduce(or_, step.states))
            for name, step in self._again.steps.items()
        }

    def buildings(self) -> list[str]:
        """The buildings that the site file or the store knows, and `""` for stations that no building uses."""
        return sorted({"", *self._site.buildings, *self._tables.buildings()})

    def baselines(self) -> Iterator[Difference]:
        """Baselines whose id is not the hash of their document, and those in force that the store does not have."""
        for contract in sorted(self._tables.contracts() | set(self._fitted)):
            rows = self._tables.rows("baseline", contract)
            for (baseline_id,), row in rows.items():
                digest = _digest(row["document"])
                if digest != baseline_id:
                    yield Difference(
                        "baseline", f"{contract} {baseline_id}", "baseline_id", baseline_id, digest
                    )
            state = self._fitted.get(contract)
            if state is None:
                continue
            digest = _digest(state.document)
            if digest != state.baseline_id:
                key = f"savings/{contract} baseline"
                yield Difference("part", key, "baseline_id", state.baseline_id, digest)
            elif state.published and (state.baseline_id,) not in rows:
                yield Difference("baseline", contract, "row", None, state.baseline_id)

    def audit(self, building: str) -> Iterator[Difference]:
        """What differs of one building."""
        again, unlisted = self._again, self._unlisted
        again.clear()
        unlisted.clear()
        contracts = [each for each in self._audited.values() if each.building == building]
        for contract in contracts:
            again.feed(self._fitted_event(contract))
        cuts: dict[RegisterId, int] = {}
        self._feed_weather(building)
        self._feed_gauges(building, cuts)
        outdated: set[RegisterId] = set()
        for register in self._registers(building, "ledger"):
            head, blocks = self._reader.ledger.head(*register), self._reader.ledger.blocks(*register)
            if not blocks:
                continue
            cuts[register] = head.cut
            if head.outdated:
                outdated.add(register)
            through = again if register.of_meter in self._site.meters else unlisted
            for event in self._told(register, head, blocks):
                through.feed(event)
        again.feed(Tick(building=building, received_at=0))
        made = Tables.of_events((*again.events, *unlisted.events))
        try:
            yield from self._register_tables(building, made, cuts, outdated)
            yield from self._building_tables(building, made)
            for contract in self._site.contract:
                if contract.building == building and contract.id not in self._waiting:
                    yield from self._contract_tables(contract, made)
        finally:
            made.close()
        yield from self._parts(building, contracts)

    # What the store was told

    def _feed_weather(self, building: str) -> None:
        site = self._site.buildings.get(building)
        stations = [key[2] for key in self._keys("weather", building)]
        # If the building changed its station, the present one has the last word.
        for station in sorted(stations, key=lambda each: (site is not None and each == site.station, each)):
            key = f"weather/{building}/{station}"
            parts = self._decoded("weather", key)
            published: list[Event] = []
            times: list[int] = []
            temps: list[int] = []
            for name, state in parts.items():
                if isinstance(state, WeatherState):
                    times += state.times
                    temps += state.temps_mc
                    if not state.times and state.published is not None:
                        mean, coverage = state.published
                        published.append(
                            WeatherDay(
                                building=building,
                                station=station,
                                date=int(name),
                                mean_mc=mean,
                                coverage=coverage,
                                received_at=0,
                            )
                        )
            for event in published:
                self._again.feed(event)
            if times:
                self._again.feed(
                    Readings(
                        building=building,
                        meter=station,
                        quantity=TEMPERATURE,
                        nature="gauge",
                        times=tuple(times),
                        amounts=tuple(temps),
                        received_at=max(times),
                        copy=True,
                    )
                )

    def _feed_gauges(self, building: str, cuts: dict[RegisterId, int]) -> None:
        for gauge in self._registers(building, "gauges"):
            parts = self._decoded("gauges", f"gauges/{gauge}")
            head = parts.get("head")
            cuts[gauge] = head.cut if isinstance(head, GaugeHead) else 0
            if gauge.of_meter not in self._site.meters:
                continue
            days = {name: each for name, each in parts.items() if isinstance(each, GaugeDay) and each.times}
            for day in sorted(days, key=int):
                self._again.feed(
                    Readings(
                        building=building,
                        meter=gauge.meter,
                        quantity=gauge.quantity,
                        nature="gauge",
                        times=days[day].times,
                        amounts=days[day].amounts,
                        received_at=max(days[day].times),
                    )
                )
            if cuts[gauge]:
                self._feed_deleted(gauge, cuts[gauge])

    def _feed_deleted(self, gauge: RegisterId, cut: int) -> None:
        """Hours of a gauge from before its cut, whose readings are deleted."""
        first = next(self._tables.select("SELECT min(day) FROM gauge"))[0]
        rows = [] if first is None else self._reader.gauges(*gauge, first * 24, cut * 24)
        if rows:
            hours, means, lows, highs, covered, flags = zip(*rows, strict=True)
            self._again.feed(
                Gauged(
                    building=gauge.building,
                    meter=gauge.meter,
                    quantity=gauge.quantity,
                    hours=hours,
                    means=means,
                    lows=lows,
                    highs=highs,
                    covered_ms=covered,
                    flags=flags,
                    received_at=0,
                )
            )

    def _told(self, register: RegisterId, head: Head, blocks: Sequence[Block]) -> Iterator[Event]:
        hours: dict[int, tuple[int, int]] = {}
        unknowns = []
        if head.cut:
            since = blocks[0].state.t
            rows = self._reader.hours(*register, *self._deleted_hours(head))
            booked = {hour for block in blocks for hour in block.booked.amounts}
            hours = {hour: (amount, flags) for hour, amount, flags in rows if hour not in booked}
            unknowns = [each for each in self._reader.unknowns(*register) if each.end <= since]
        first = first_of(blocks)
        if head.cut or head.outdated:
            days = self._decoded("days", f"days/{register}").get("head")
            first = days.first if isinstance(days, DaysHead) else 0
        return told_again(
            register,
            head,
            folded_again(head, blocks),
            hours_before=hours,
            unknowns_before=unknowns,
            first=first,
        )

    def _deleted_hours(self, head: Head) -> tuple[int, int]:
        first = next(self._tables.select("SELECT min(day) FROM hour"))[0]
        return (head.cut if first is None else first) * 24, head.cut * 24

    def _fitted_event(self, contract: Contract) -> Fitted:
        state = self._fitted[contract.id]
        return Fitted(
            building=contract.building,
            contract=contract.id,
            baseline_id=state.baseline_id,
            document=state.document,
            received_at=max(0, state.rank[0]),
            by_stream=state.rank[0] < 0,
        )

    def _read_contracts(self) -> None:
        for contract in self._site.contract:
            parts = self._tables.parts_of(f"savings/{contract.id}")
            if "baseline" not in parts:
                continue
            state = msgspec.msgpack.decode(parts["baseline"], type=FittedState | Month)
            if not isinstance(state, FittedState):
                continue
            self._fitted[contract.id] = state
            digest = conditions(self._site, contract).digest
            prices = price_digest(self._site.tariffs.get(contract.tariff or ""))
            tampered = _digest(state.document) != state.baseline_id
            if tampered or (state.conditions, state.prices) != (digest, prices):
                self._waiting.add(contract.id)

    # What the store shows

    def _register_tables(
        self, building: str, made: Tables, cuts: Mapping[RegisterId, int], outdated: Iterable[RegisterId]
    ) -> Iterator[Difference]:
        stored, memory = self._tables, self._again.memory.by_key
        known = {
            key
            for key in (*stored.registers(), *made.registers())
            if key[0] == building and key[2] in QUANTITIES
        }
        for key in sorted(known):
            register = RegisterId(*key)
            if register.quantity == TEMPERATURE or not self._comparable(register):
                continue
            cut = cuts.get(register, 0)
            key_of_idle = f"idle/{register}"
            less = _knows_less(self._decoded("idle", key_of_idle), memory.get(key_of_idle, {}))
            for table in ("hour", "unknown", "day", "gauge", "finding"):
                if table == "finding" and (less or register in outdated):
                    continue
                given = partial(_rests_on_deleted, table, cut)
                again = made.rows(table, key)
                yield from rows_apart(table, str(register), stored.rows(table, key), again, given)
        yield from self._accepted(building, made, cuts)

    def _comparable(self, register: RegisterId) -> bool:
        """Whether the site file lists the meter, or the register has a ledger of its own."""
        if register.of_meter in self._site.meters:
            return True
        return self._tables.part(f"ledger/{register}", "head") is not None

    def _accepted(self, building: str, made: Tables, cuts: Mapping[RegisterId, int]) -> Iterator[Difference]:
        """Registers whose counts or last reading are not those of the readings that are kept."""
        stored, again = self._tables.rows("register", building), made.rows("register", building)
        again = {key: row for key, row in again.items() if row["last_time"] is not None}
        for key in sorted(stored.keys() | again.keys()):
            register = RegisterId(building, *key)
            was, now = stored.get(key), again.get(key)
            if now is None or was is None:
                if was is None or (was["accepted"] and self._comparable(register) and key[1] != TEMPERATURE):
                    yield Difference("register", str(register), "row", was, now)
                continue
            is_gauge = register.quantity not in COUNTED
            if is_gauge and cuts.get(register) and was["accepted"] >= now["accepted"]:
                now = {**now, "accepted": was["accepted"]}
            if not is_gauge and (was["last_time"], was["last_amount"]) in self._newest(register):
                now = {**now, "last_time": was["last_time"], "last_amount": was["last_amount"]}
            yield from rows_apart("register", building, {key: was}, {key: now})

    def _newest(self, register: RegisterId) -> Iterator[tuple[int, int]]:
        """What may be shown as a register's newest reading: exchanges that the site file declares may hide it."""
        for block in reversed(self._reader.ledger.blocks(*register)[-8:]):
            yield block.newest
            yield from zip(block.times[-1:], block.amounts[-1:], strict=True)

    def _building_tables(self, building: str, made: Tables) -> Iterator[Difference]:
        stored = self._tables
        yield from rows_apart(
            "weather_day",
            building,
            stored.rows("weather_day", building),
            made.rows("weather_day", building),
        )
        silent = self._silent(building)
        alerts = made.rows("alert", building)
        subjects = {each.id for each in self._audited.values()}

        def given(key: tuple[Any, ...], row: Mapping[str, Any]) -> bool:
            body = row["body"]
            consistent = isinstance(body, dict) and all(
                body.get(name) == value
                for name, value in zip(
                    ("building", "subject", "kind", "opened", "state", "changed"),
                    (building, *key, row["state"], row["changed"]),
                    strict=True,
                )
            )
            if not consistent:
                return False
            if key[1] == "meter_silent":
                return row["state"] == "resolved" or key in silent
            if key[1] == "register_stalled":
                return key not in alerts and row["state"] == "resolved"
            return key[0] not in subjects or (key not in alerts and bool(body["detail"].get("withdrawn")))

        shown = stored.rows("alert", building)
        yield from rows_apart("alert", building, shown, alerts, given)
        for key in sorted(silent - shown.keys(), key=repr):
            yield Difference("alert", f"{building} {' '.join(map(str, key))}", "row", None, "open")

    def _silent(self, building: str) -> set[tuple[Any, ...]]:
        """Keys of the open alerts about silence, as the state of their step has them."""
        raw = self._tables.part(f"silence/{building}", "head")
        if raw is None:
            return set()
        _, *fields = msgspec.msgpack.decode(raw)
        silent = fields[1] if len(fields) > 1 else ()
        return {(each["subject"], each["kind"], each["opened"]) for each in silent if each["state"] == "open"}

    def _contract_tables(self, contract: Contract, made: Tables) -> Iterator[Difference]:
        tables = ["savings"]
        head = self._decoded("watch", f"watch/{contract.id}").get("head")
        if not (isinstance(head, WatchHead) and head.changed):
            tables.append("position")  # otherwise the next tick judges it
        for table in tables:
            stored, again = self._tables.rows(table, contract.id), made.rows(table, contract.id)
            yield from rows_apart(table, contract.id, stored, again)

    # What the steps keep

    def _parts(self, building: str, contracts: Iterable[Contract]) -> Iterator[Difference]:
        memory = {**self._again.memory.by_key, **self._unlisted.memory.by_key}
        prefixes = [f"{step}/{building}/" for step in self._again.steps if step not in ("savings", "watch")]
        keys = {key for prefix in prefixes for key, _, _ in self._tables.parts(prefix)}
        keys |= {key for key in memory if key.startswith(tuple(prefixes)) and any(memory[key].values())}
        keys |= {f"{step}/{each.id}" for each in contracts for step in ("savings", "watch")}
        for key in sorted(keys):
            step, _, rest = key.partition("/")
            ids = rest.split("/")
            of_meter = step not in ("savings", "watch", "weather", "days")
            if not of_meter or MeterId(ids[0], ids[1]) in self._site.meters:
                yield from self._parts_of_key(step, key, memory.get(key, {}))

    def _parts_of_key(self, step: str, key: str, again: Mapping[PartName, Any]) -> Iterator[Difference]:
        stored = self._decoded(step, key)
        if step == "idle" and _knows_less(stored, again):
            return  # the meter came to the site later than its weather
        waits = step == "watch" and isinstance(head := stored.get("head"), WatchHead) and head.changed
        for name in sorted(stored.keys() | again.keys()):
            was, now = stored.get(name), again.get(PartName(name))
            if was == now or isinstance(was or now, Consumer) or (waits and name == "head"):
                continue
            if isinstance(was, WeatherState) and not was.times:
                continue
            left_out, inputs = _HISTORY.get(step, frozenset()), _INPUTS.get(step, frozenset())
            old, new = (without(plain(_ordered(each)), left_out) for each in (was, now))
            if isinstance(was or now, Month):
                new = _known_only(old, new, inputs)
            elif isinstance(was or now, WatchHead):
                old, new = (_without_position_time(each) for each in (old, new))
            # State that says nothing is as none.
            yield from parts_apart(key, name, old or None, new or None)

    def _decoded(self, step: str, key: str) -> dict[str, Any]:
        decoder = self._decoders[step]
        parts: dict[str, Any] = {}
        for name, blob in self._tables.parts_of(key).items():
            try:
                parts[name] = decoder.decode(blob)
            except msgspec.DecodeError as error:
                raise msgspec.DecodeError(f"part {key} {name}: {error}") from None
        return parts

    def _keys(self, step: str, building: str) -> list[tuple[str, ...]]:
        keys = {key for key, _, _ in self._tables.parts(f"{step}/{building}/")}
        return [tuple(key.split("/")) for key in sorted(keys)]

    def _registers(self, building: str, step: str) -> list[RegisterId]:
        return [RegisterId(*key[1:]) for key in self._keys(step, building)]


def _digest(document: bytes | str) -> str:
    text = document if isinstance(document, bytes) else document.encode()
    return hashlib.sha256(text).hexdigest()[:16]


def _with_contracts(site: Site, contracts: Sequence[Contract]) -> Site:
    """The site with these contracts alone."""
    tables = site.model_dump(by_alias=True)
    tables["contract"] = [each.model_dump(by_alias=True) for each in contracts]
    return Site.model_validate(tables)


def _rests_on_deleted(table: str, cut: int, key: tuple[Any, ...], _row: Mapping[str, Any]) -> bool:
    """Whether a row rests on readings from before the cut, which are deleted, or is not made again."""
    if table == "gauge":
        return bool(key[-1] < cut * 24)
    if table == "finding" and key[0] in _NOT_MADE_AGAIN:
        return True
    return bool(table == "finding" and key[0] not in _FINAL and key[1] < cut * DAY_MS)


def _ordered(state: Any) -> Any:
    """A day with its unknown blocks in order; an older Kvartal kept those of one start as they came."""
    if not isinstance(state, DayState):
        return state
    blocks = sorted(state.unknowns, key=lambda block: (block.start, block.end))
    return DayState(state.hours, tuple(blocks), state.published)


def _known_only(old: Any, new: Any, inputs: frozenset[str]) -> Any:
    """The new month with what the old one was told of: a contract gets the days from before it as it asked for them."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    kept = dict(new)
    for name in inputs & new.keys():
        dates = old.get("temps_mc" if name == "temps_mc" else "used", {})
        kept[name] = {date: each for date, each in new[name].items() if date in dates}
    return {name: each for name, each in kept.items() if each}


def _knows_less(stored: Mapping[str, Any], again: Mapping[PartName, Any]) -> bool:
    """Whether state was told fewer days of weather or flow than there are."""
    if not stored:
        return False
    for name, month in again.items():
        was = stored.get(name)
        for field in ("temps_mc", "flowing"):
            if getattr(month, field, {}).keys() - getattr(was, field, {}).keys():
                return True
    return False


def _without_position_time(head: Any) -> Any:
    if isinstance(head, dict) and isinstance(head.get("position"), dict):
        return {**head, "position": without(head["position"], frozenset({"received_at"}))}
    return head
