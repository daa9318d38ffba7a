"""Decisions reach a running service: from the file beside the site file, and from the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.mosquitto import Mosquitto
from kvartal.decision_inbox import DecisionsFile
from kvartal.decisions import FILE, document_of, entry_of, read_decisions, ruling_of, write_decisions
from metering.events import RegisterId, Ruling
from metering.refusal import Refusal
from storage.sqlite_ledger import LedgerRow
from storage.sqlite_reader import Reader
from tests.dashboards.page.test_decisions import SITE as SITE_TEXT
from tests.dashboards.page.test_decisions import START, messages
from tests.kvartal.test_run import Service, publish, service_of, subscribed
from tests.sites import build_site, building, meter

__all__ = ["service_of"]

HEAT = RegisterId("b01", "heat", "energy")
WATER = RegisterId("b01", "water", "volume")
SITE = build_site(
    building(meter("heat", "heat", "kWh"), meter("water", "cold_water", "m3", max_power_kw=100)),
)


def said(**fields: object) -> Ruling:
    return Ruling(**{"author": "A", "reason": "b", "stated_at": 5, "at": START} | fields)  # type: ignore[arg-type]


RULINGS = [
    (HEAT, said(kind="no_exchange")),
    (HEAT, said(kind="no_exchange", start=START - 60_000)),
    (HEAT, said(kind="exchange", amount=12_345, initial=7)),
    (HEAT, said(kind="unit")),
    (HEAT, said(kind="unit", num=1163, unit="Gcal", withdrawn=True, withdrawn_by="B", withdrawn_because="c")),
    (WATER, said(kind="pulse_weight", num=1, den=10, amount=123, unit="100 l instead of 10")),
    (WATER, said(kind="not_ours", amount=0)),
    (WATER, said(kind="not_ours", start=START - 1)),
    (HEAT, said(kind="replaces", start=0, source="b", replaced="", amount=5)),
    (HEAT, said(kind="replaces", start=0, source='quote " and \\', replaced="строки\nи \x7f", reason="'''")),
]


@pytest.mark.parametrize("ruling", RULINGS, ids=lambda each: each[1].kind)
def test_a_ruling_comes_back_from_its_document(ruling: tuple[RegisterId, Ruling]) -> None:
    assert ruling_of(entry_of(document_of(*ruling), "here"), SITE, "here") == ruling


def test_the_file_comes_back_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / FILE
    file.write_text(write_decisions(RULINGS), encoding="utf-8")
    assert sorted(map(repr, read_decisions(file, SITE))) == sorted(map(repr, RULINGS))
    assert write_decisions(RULINGS[::-1]) == file.read_text(encoding="utf-8")


def test_values_are_in_the_unit_that_is_named_or_declared() -> None:
    entry = {
        "meter": "b01/water",
        "kind": "not_ours",
        "at": "2026-01-05T03:00:00",
        "author": "A",
        "reason": "b",
    }
    _, ruling = ruling_of(entry_of(entry | {"value": "12.5"}, "here"), SITE, "here", now=7)
    assert (ruling.amount, ruling.at, ruling.stated_at) == (12_500, START, 7)
    _, ruling = ruling_of(entry_of(entry | {"value": 12, "unit": "l"}, "here"), SITE, "here", now=7)
    assert ruling.amount == 12


def test_a_watched_file_gives_its_rulings_at_the_start_and_after_a_change(tmp_path: Path) -> None:
    path = tmp_path / FILE
    watched = DecisionsFile(path, every_s=0)
    assert watched.take(SITE, 0, at_once=True) == []
    assert watched.take(SITE, 0) == []
    path.write_text(write_decisions(RULINGS[:1]), encoding="utf-8")
    assert watched.take(SITE, 0) == [], "it may be half written"
    (event,) = watched.take(SITE, 9)
    assert (event.rulings, event.received_at) == ((RULINGS[0][1],), 9)
    assert watched.take(SITE, 0) == []
    path.write_text("[[ruling", encoding="utf-8")
    assert watched.take(SITE, 0) == watched.take(SITE, 0) == []
    assert "not TOML" in watched.notice()["decisions"]
    path.write_text(write_decisions(RULINGS), encoding="utf-8")
    assert watched.take(SITE, 0) == []
    assert [len(event.rulings) for event in watched.take(SITE, 0)] == [7, 3]
    assert watched.notice() == {}


def test_a_running_service_takes_the_file_and_the_command_line(
    service_of: Callable[[str], Service], mosquitto: Mosquitto, tmp_path: Path
) -> None:
    decisions = tmp_path / FILE
    decisions.write_text(
        write_decisions([(HEAT, said(kind="no_exchange", at=START + 40 * 3_600_000))]), encoding="utf-8"
    )
    service = service_of(SITE_TEXT)
    assert subscribed(service), service.log()
    publish(mosquitto, list(messages()))
    service.wait(lambda reader: reader.counts().get("accepted", 0) == 168)
    service.wait(lambda reader: len(reader.ledger.rulings()) == 1)
    with_exchange = {row.amount for row in rows(service.db)}

    options = (
        "--author",
        "I. Petrova",
        "--reason",
        "never touched",
        "--site",
        service.site,
        "--db",
        service.db,
    )
    add = ("rule", "add", "--meter", "b01/heat", "--kind", "no_exchange", "--at", "2026-01-09T00:00:00Z")
    done = subprocess.run(
        [sys.executable, "-m", "kvartal", *map(str, (*add, *options))],
        env=os.environ | {"KVARTAL_HTTP_PORT": str(service.port)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert max(row.amount for row in rows(service.db)) > 1_000 * max(with_exchange)

    decisions.write_text(write_decisions([(HEAT, said(kind="unit"))]), encoding="utf-8")
    service.wait(lambda reader: len(reader.ledger.rulings()) == 3)
    assert service.stop() == 0


def rows(db: Path) -> list[LedgerRow]:
    reader = Reader(db)
    try:
        return list(reader.ledger.rows())
    finally:
        reader.close()


def test_a_service_that_does_not_answer_is_named(tmp_path: Path) -> None:
    from kvartal.rule_delivery import to_store
    from kvartal.settings import Settings
    from storage.sqlite import Store

    store = Store(tmp_path / "k.db")
    with pytest.raises(Refusal, match="KVARTAL_HTTP_PORT"):
        to_store({}, settings=Settings(http_port=1), site=SITE, db=tmp_path / "k.db", now=0)
    store.close()
