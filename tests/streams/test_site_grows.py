"""A site that grows while readings come gives the figures of a site that was whole from the beginning."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from ingest.captures import Capture
from ingest.decode import Decoder
from kvartal.ingest import decoded
from kvartal.site_events import site_events
from kvartal.wiring import embedded
from metering.events import Event, Rejected, Tick
from metering.site.model import Site, parse_site
from metering.times import HOUR_MS, UTC, to_ms
from storage.sqlite import Store
from streams.applier import Applier
from streams.chunks import TableParts
from streams.engine import Batch
from tests.sites import building, contract, meter, site_text, source, station, tariff
from tests.stored import figures

FIRST = dt.datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 120
BUILDING = site_text(
    source("k/{building}/{meter}"),
    source("w/{station}"),
    station("w1"),
    building(meter("heat", "heat", "kWh"), station="w1"),
    timezone="UTC",
    lateness_days=5,
)
PERIODS = {"baseline": "2025-01-02..2025-03-02", "reporting": "2025-03-10.."}
# What is added, and what must be there before it. Meters of b01 are part of its table, so they come first.
PIECES = {
    "flat": ("", meter("flat", "heat", "kWh")),
    "rest": ("flat", meter("rest", "heat", "kWh", virtual={"plus": ["heat"], "minus": ["flat"]})),
    "b02": ("", station("w2") + building(meter("heat", "heat", "kWh"), id="b02", station="w2")),
    "tariff": ("", tariff(("2024-01-01", "2500"))),
    "c-heat": ("tariff", contract("c-heat", **PERIODS, tariff="heat")),
    "c-rest": ("rest", contract("c-rest", meter="rest", **PERIODS)),
    "c-b02": ("b02", contract("c-b02", building="b02", **PERIODS)),
}


def site_of(pieces: Iterable[str]) -> Site:
    text = BUILDING
    for name, (_, piece) in PIECES.items():
        if name in pieces:
            text += piece
    return parse_site(text)


def messages_of(day: int) -> list[Capture]:
    """A day of all that will ever be sent."""
    start = FIRST + dt.timedelta(days=day)
    hours = [start + dt.timedelta(hours=hour) for hour in range(24)]
    received = to_ms(hours[-1]) + 60_000

    def message(topic: str, unit: str, value: Callable[[int], float]) -> Capture:
        pairs = [[hour.isoformat(), round(value(24 * day + n), 3)] for n, hour in enumerate(hours)]
        return Capture(topic, json.dumps({"unit": unit, "readings": pairs}).encode(), received)

    def temp(hour: int) -> float:
        return -10 + 20 * hour / (24 * DAYS) + 3 * math.sin(hour / 31)

    def used(hour: int) -> float:
        return 500 * hour - 100 * hour * hour / (24 * DAYS) + 60 * math.sin(hour / 40)

    return [
        message("w/w1", "°C", temp),
        message("w/w2", "°C", lambda hour: temp(hour) - 2),
        message("k/b01/heat", "kWh", used),
        message("k/b01/flat", "kWh", lambda hour: used(hour) / 7),
        message("k/b02/heat", "kWh", lambda hour: used(hour) / 2),
    ]


ALL = [messages_of(day) for day in range(DAYS)]
END = ALL[-1][0].received_at + 48 * HOUR_MS


class ThroughEmbedded:
    """The embedded runner, given one site after another."""

    def __init__(self, store: Store, site: Site) -> None:
        self._runner = embedded(site, store)
        self._site = site
        self._runner.enter(site_events(site, ALL[0][0].received_at), ALL[0][0].received_at)

    def use(self, site: Site, now: int) -> None:
        self._runner.use(site, Decoder(site).decode)
        self._runner.enter(site_events(site, now, before=self._site), now)
        self._site = site

    def take(self, messages: Sequence[Capture]) -> list[Event]:
        return self._runner.take(messages).events

    def end(self) -> None:
        self._runner.tick(END)


class ThroughApplier:
    """The cluster's applier over a table, with what ingest would put on the log."""

    def __init__(self, store: Store, site: Site) -> None:
        self._store, self._site = store, site
        self._applier = Applier(site=site, parts=TableParts({}), sink=self)
        self._offset = 0
        self._log(site_events(site, ALL[0][0].received_at))

    def write(self, events: Iterable[Event]) -> None:
        batch = Batch()
        batch.keep(events)
        self._store.commit(parts={}, events=batch.events, counts=batch.counts)

    def _log(self, events: Iterable[Any]) -> None:
        for event in events:
            assert self._applier.take(msgspec.msgpack.encode(event), partition=0, offset=self._offset)
            self._offset += 1
        self.write(self._applier.finish())
        self._applier.commit()

    def use(self, site: Site, now: int) -> None:
        self._applier.use(site)
        self._log(site_events(site, now, before=self._site))
        self._site = site

    def take(self, messages: Sequence[Capture]) -> list[Event]:
        events = decoded(Decoder(self._site), messages, self._site)
        self._log(event for event in events if not isinstance(event, Rejected))
        return list(events)

    def end(self) -> None:
        self._log(Tick(building=building, received_at=END) for building in self._site.buildings)


@pytest.mark.parametrize("through", [ThroughEmbedded, ThroughApplier])
@given(added=st.fixed_dictionaries({name: st.integers(1, DAYS - 1) for name in PIECES}))
@example(
    added={"b02": 53, "tariff": 30, "rest": 12, "c-b02": 76, "c-rest": 100, "flat": 2, "c-heat": 90}
)  # contracts, one of them on a virtual meter, after their baseline periods have passed
@settings(max_examples=4, deadline=None, phases=[Phase.explicit, Phase.generate])  # an example takes a second
def test_a_site_that_grows_gives_the_figures_of_the_whole_site(
    through: Any, tmp_path_factory: pytest.TempPathFactory, added: dict[str, int]
) -> None:
    directory = tmp_path_factory.mktemp("grows")
    since = dict(added)
    for name, (needs, _) in PIECES.items():
        since[name] = max(since[name], since.get(needs, 0))
    whole = site_of(PIECES)

    store = Store(directory / "grown.db")
    run = through(store, site_of(()))
    accepted: list[list[Capture]] = []
    for day, messages in enumerate(ALL):
        if day in since.values():
            run.use(site_of({name for name, first in since.items() if first <= day}), messages[0].received_at)
        refused = {event.topic for event in run.take(messages) if isinstance(event, Rejected)}
        accepted.append([message for message in messages if message.topic not in refused])
    run.end()
    store.close()

    store = Store(directory / "whole.db")
    run = through(store, whole)
    for messages in accepted:
        run.take(messages)
    run.end()
    store.close()
    expected = figures(directory / "whole.db", whole)
    assert figures(directory / "grown.db", whole) == expected
    assert expected["c-heat"][1] is not None, "the house must have come to a figure"
