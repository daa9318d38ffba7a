"""An upgrade whose fold gives other figures folds again what the older one folded, and says so."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

import metering.ledger.blocks as blocks
import metering.ledger.booking as booking
import metering.ledger.counting as counting
import metering.ledger.fold as folding
import metering.ledger.state as fold
from kvartal.audit import audit_store
from kvartal.site_events import site_events
from kvartal.wiring import embedded
from metering.events import Event, Readings, Restated
from metering.ledger.blocks import NewerLedger
from metering.times import HOUR_MS
from storage.sqlite import Store
from storage.sqlite_reader import Reader
from streams.applier import Applier
from streams.chunks import TableParts
from streams.engine import Batch
from tests.sites import build_site, building, meter

SITE = build_site(
    building(meter("heat", "heat", "kWh")),
    timezone="UTC",
)
T0 = 20_000 * 24 * HOUR_MS
WITHOUT_READINGS = range(46, 50)
"""Hours around midnight that the fold of today interpolates, and one with a shorter `GAP_MS` does not."""
NEWER_GAP_MS = 2 * HOUR_MS


def readings(first: int, last: int) -> list[Readings]:
    """Readings of the hours in `[first, last)`, six a message."""
    hours = [hour for hour in range(first, last) if hour not in WITHOUT_READINGS]
    return [
        Readings(
            building="b01",
            meter="heat",
            quantity="energy",
            nature="register",
            times=tuple(T0 + hour * HOUR_MS for hour in hours[at : at + 6]),
            amounts=tuple(1_000 * hour for hour in hours[at : at + 6]),
            received_at=T0 + last * HOUR_MS,
        )
        for at in range(0, len(hours), 6)
    ]


class ThroughEmbedded:
    """The embedded runner; each object is a start."""

    def __init__(self, db: Path, table: dict[bytes, bytes]) -> None:
        self._store = Store(db)
        self._runner = embedded(SITE, self._store)

    def take(self, events: Sequence[Any]) -> list[Event]:
        return self._runner.enter(events, events[0].received_at).events

    def close(self) -> None:
        self._store.close()


class ThroughApplier:
    """The cluster's applier over a table, with a store as its sink."""

    def __init__(self, db: Path, table: dict[bytes, bytes]) -> None:
        self._store = Store(db)
        self._parts = TableParts(table)
        self._applier = Applier(site=SITE, parts=self._parts, sink=self)

    def write(self, events: Iterable[Event]) -> None:
        batch = Batch()
        batch.keep(events)
        self._store.commit(parts={}, events=batch.events, counts=batch.counts)

    def take(self, events: Sequence[Any]) -> list[Event]:
        first = self._parts.applied(0) + 1
        for offset, event in enumerate(events, first):
            assert self._applier.take(msgspec.msgpack.encode(event), partition=0, offset=offset)
        made = list(self._applier.finish())
        self.write(made)
        self._applier.commit()
        return made

    def close(self) -> None:
        self._store.close()


def figures(db: Path) -> Any:
    reader = Reader(db)
    who = ("b01", "heat", "energy")
    found = (
        [tuple(row) for row in reader.ledger.rows()],
        reader.days(*who, 0, 10**6),
        reader.ledger.registers(),
    )
    reader.close()
    return found


def newer_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "FOLD_VERSION", fold.FOLD_VERSION + 1)
    for module in (booking, counting, folding):
        monkeypatch.setattr(module, "GAP_MS", NEWER_GAP_MS)


@pytest.mark.parametrize("through", [ThroughEmbedded, ThroughApplier])
@pytest.mark.parametrize("event", ["start", "reading"])
def test_the_next_event_folds_all_again(
    through: Any, event: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table: dict[bytes, bytes] = {}
    run = through(tmp_path / "k.db", table)
    run.take([*site_events(SITE, T0), *readings(0, 100)])
    run.close()
    newer_fold(monkeypatch)
    run = through(tmp_path / "k.db", table)
    more = readings(100, 101)
    made = run.take(site_events(SITE, T0 + 200 * HOUR_MS) if event == "start" else more)
    restated = [each for each in made if isinstance(each, Restated)]
    assert [(each.date - 719_163, each.old, each.new, each.cause) for each in restated] == [
        (20_001, 24_000, None, "new rules of the ledger"),
        (20_002, 24_000, None, "new rules of the ledger"),
    ]
    again = run.take(site_events(SITE, T0 + 201 * HOUR_MS))
    assert not [each for each in again if isinstance(each, Restated)], "it is folded again once"
    if event == "start":
        run.take(more)
    run.close()

    whole = through(tmp_path / "whole.db", {})
    whole.take([*site_events(SITE, T0), *readings(0, 100)])
    whole.take(more)
    whole.close()
    assert figures(tmp_path / "k.db") == figures(tmp_path / "whole.db")


@pytest.mark.parametrize("through", [ThroughEmbedded, ThroughApplier])
def test_an_upgrade_brings_back_unknown_blocks_that_an_older_store_lost(
    through: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older stores kept one of two blocks that begin at one instant."""
    db = tmp_path / "k.db"
    run = through(db, table := {})
    gap = [
        msgspec.structs.replace(each, times=tuple(t + 50 * HOUR_MS for t in each.times))
        for each in readings(50, 60)
    ]
    run.take([*site_events(SITE, T0), *readings(0, 40), *gap])
    run.close()
    expected = figures(db)
    with sqlite3.connect(db) as connection:
        assert connection.execute("DELETE FROM unknown").rowcount == 1
    connection.close()
    assert figures(db) != expected
    with monkeypatch.context() as patched:
        patched.setattr(blocks, "FOLD_VERSION", fold.FOLD_VERSION + 1)
        run = through(db, table)
        run.take(site_events(SITE, T0 + 200 * HOUR_MS))
        run.close()
    assert figures(db) == expected


def test_an_audit_of_what_an_older_fold_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db = tmp_path / "k.db"
    run = ThroughEmbedded(db, {})
    run.take([*site_events(SITE, T0), *readings(0, 100)])
    run.close()
    assert audit_store(db) == (1, [], [])
    newer_fold(monkeypatch)
    audited = audit_store(db)
    assert (audited.registers, audited.faults, audited.outdated) == (1, [], ["b01/heat/energy"])
    assert audited.advice == (
        "1 of 1 registers were folded by an older Kvartal and wait to be folded again (b01/heat/energy): "
        "start this one once (kvartal run) and audit again"
    )
    run = ThroughEmbedded(db, {})
    run.take(site_events(SITE, T0 + 200 * HOUR_MS))
    run.close()
    assert audit_store(db) == (1, [], [])


def test_an_audit_of_what_an_older_fold_made_still_checks_conservation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = tmp_path / "k.db"
    run = ThroughEmbedded(db, {})
    run.take([*site_events(SITE, T0), *readings(0, 100)])
    run.close()
    with sqlite3.connect(db) as connection:
        (blob,) = connection.execute(
            "SELECT blob FROM part WHERE key LIKE 'ledger/%' AND part = '20001'"
        ).fetchone()
        block = msgspec.msgpack.decode(blob, type=blocks.Block)
        hour = min(block.booked.amounts)
        block.booked.amounts[hour] += 1
        connection.execute(
            "UPDATE part SET blob = ? WHERE key LIKE 'ledger/%' AND part = '20001'",
            (msgspec.msgpack.encode(block),),
        )
        connection.execute("UPDATE hour SET amount = amount + 1 WHERE hour = ?", (hour,))
    connection.close()
    newer_fold(monkeypatch)
    faults = audit_store(db).faults
    assert any("on 2024-10-05 the register counted" in fault for fault in faults), faults


def without_version(db: Path) -> None:
    """Make the heads of the ledger as the code before versions wrote them."""
    with sqlite3.connect(db) as connection:
        rows = connection.execute(
            "SELECT key, blob FROM part WHERE key LIKE 'ledger/%' AND part = 'head'"
        ).fetchall()
        for key, blob in rows:
            tag, *fields = msgspec.msgpack.decode(blob)
            assert (tag, len(fields) > 4) == ("h", True)
            connection.execute(
                "UPDATE part SET blob = ? WHERE key = ? AND part = 'head'",
                (msgspec.msgpack.encode([tag, *fields[:4]]), key),
            )
    connection.close()


def test_a_store_from_before_versions_audits_clean_and_goes_on(tmp_path: Path) -> None:
    db = tmp_path / "k.db"
    run = ThroughEmbedded(db, {})
    run.take([*site_events(SITE, T0), *readings(0, 100)])
    run.close()
    without_version(db)
    assert audit_store(db) == (1, [], ["b01/heat/energy"])
    run = ThroughEmbedded(db, {})
    made = run.take([*site_events(SITE, T0), *readings(100, 150)])
    run.close()
    assert not [each for each in made if isinstance(each, Restated)]
    assert audit_store(db) == (1, [], [])

    whole = ThroughEmbedded(tmp_path / "whole.db", {})
    whole.take([*site_events(SITE, T0), *readings(0, 100)])
    whole.take(readings(100, 150))
    whole.close()
    assert figures(db) == figures(tmp_path / "whole.db")


@pytest.mark.parametrize("through", [ThroughEmbedded, ThroughApplier])
def test_what_a_newer_fold_made_is_refused(
    through: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table: dict[bytes, bytes] = {}
    with monkeypatch.context() as patched:
        newer_fold(patched)
        run = through(tmp_path / "k.db", table)
        run.take([*site_events(SITE, T0), *readings(0, 100)])
        run.close()
    sentence = (
        f"rules of version {fold.FOLD_VERSION + 1}, expected at most {fold.FOLD_VERSION}; start that Kvartal"
    )
    for events in (site_events(SITE, T0), readings(100, 101)):
        run = through(tmp_path / "k.db", table)
        with pytest.raises(NewerLedger, match=sentence):
            run.take(events)
        run.close()


def test_the_command_refuses_what_a_newer_fold_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    db = tmp_path / "k.db"
    newer_fold(monkeypatch)
    run = ThroughEmbedded(db, {})
    run.take([*site_events(SITE, T0), *readings(0, 100)])
    run.close()
    monkeypatch.undo()
    done = subprocess.run(
        [sys.executable, "-m", "kvartal", "audit", "--db", str(db)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "folded by a newer Kvartal" in done.stderr


def test_the_command_names_what_waits_and_is_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from kvartal.cli.data import audit

    db = tmp_path / "k.db"
    run = ThroughEmbedded(db, {})
    run.take([*site_events(SITE, T0), *readings(0, 100)])
    run.close()
    newer_fold(monkeypatch)
    audit(db)
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"registers": 1, "faults": [], "outdated": ["b01/heat/energy"]}
    assert "start this one once" in printed.err
