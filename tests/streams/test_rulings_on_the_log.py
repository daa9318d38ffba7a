"""Rulings in the cluster: on the log in order with the readings, and on a compacted topic as a list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ingest.log import EventLog, MockKafka, read_rulings
from kvartal.decisions import document_of
from kvartal.rule_delivery import logged_rulings, to_log
from kvartal.settings import Settings
from metering.events import RegisterId
from metering.ledger.rulings import ruling_id
from metering.refusal import Refusal
from storage.sqlite_reader import Reader
from streams.codec import decode
from tests.streams.test_rulings import CHANGED, SITE, UNIT, WITHDRAWN, embedded, ledger, readings, ruled

HEAT = RegisterId("b01", "heat", "energy")


def settings_of(kafka: MockKafka) -> Settings:
    return Settings(kafka=kafka.bootstrap, partitions=MockKafka.PARTITIONS)


def test_a_worker_gives_the_ledger_of_the_embedded_runner(
    kafka: MockKafka, event_log: EventLog, sink: Any, start_worker: Any, tmp_path: Path
) -> None:
    worker = start_worker(SITE, sink)
    event_log.publish(readings()[:8])
    settings = settings_of(kafka)
    assert to_log({"rulings": [document_of(HEAT, UNIT)]}, settings=settings, site=SITE, now=CHANGED) == 1
    event_log.publish(readings()[8:])
    assert worker.wait_applied(event_log.delivered, 60)
    embedded(tmp_path / "embedded.db", [*readings(), ruled(UNIT)])
    reader = Reader(sink.path)
    rows = [*reader.ledger.rows(), *reader.days("b01", "heat", "energy", 0, 10**6)]
    reader.close()
    assert rows == ledger(tmp_path / "embedded.db")


def test_the_topic_lists_the_latest_statement_of_each_ruling(kafka: MockKafka, event_log: EventLog) -> None:
    settings = settings_of(kafka)
    assert read_rulings(kafka.bootstrap) == []
    other = replace(UNIT, at=CHANGED - 1)
    # An ingest that starts again states its decisions file again; the withdrawal stays the latest statement.
    event_log.publish([ruled(UNIT, other)])
    event_log.publish([ruled(WITHDRAWN)])
    event_log.publish([ruled(UNIT)])
    assert len(read_rulings(kafka.bootstrap)) == 4
    assert {decode(value) for value in read_rulings(kafka.bootstrap)} == {
        ruled(UNIT), ruled(other), ruled(WITHDRAWN)
    }  # fmt: skip
    assert sorted(logged_rulings(settings), key=lambda each: each[1].at) == [(HEAT, other), (HEAT, WITHDRAWN)]


def test_a_ruling_of_the_log_is_withdrawn_by_its_id(kafka: MockKafka, event_log: EventLog) -> None:
    settings = settings_of(kafka)
    event_log.publish([ruled(UNIT)])
    document = {"withdraw": ruling_id(HEAT, UNIT), "author": "B", "reason": "wrong passport"}
    assert to_log(document, settings=settings, site=SITE, now=CHANGED + 9) == 1
    ((_, latest),) = logged_rulings(settings)
    assert (latest.withdrawn, latest.withdrawn_by, latest.stated_at) == (True, "B", CHANGED + 9)
    for wrong, why in (({"accept": "x"}, "kvartal rule add"), ({"withdraw": "x"}, "there is no ruling")):
        with pytest.raises(Refusal, match=why):
            to_log(
                document | wrong if "withdraw" in wrong else wrong, settings=settings, site=SITE, now=CHANGED
            )
