"""`kvartal audit --messages`: a store is what its messages give, and what was changed in either is named."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import random
import re
import shutil
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingest.captures import Capture
from kvartal.messages_audit import audit_messages, broken_chains, heads
from kvartal.replay import replay
from kvartal.site_events import site_events
from kvartal.wiring import embedded
from metering.site.model import Site, parse_site
from storage.sqlite import Store
from tests.commands import kvartal
from tests.places import ROOT
from tests.sites import build_site, building, contract, meter, source, station, tariff

BEGIN = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
FROZEN = ROOT / "tests" / "data" / "b989372"


def site_of(**settings: Any) -> Site:
    return build_site(
        source("w/{station}"),
        source("k/{building}/{meter}"),
        station("spb"),
        tariff(),
        building(meter("heat"), meter("light", "electricity", "kWh"), station="spb"),
        building(meter("heat"), id="b02", station="spb"),
        contract(baseline="2025-01-01..2025-02-28", reporting="2025-03-01..")
        if settings.pop("with_contract", False)
        else "",
        **settings,
    )


def messages(days: int, first: int = 0) -> Iterator[Capture]:
    """A message a day of each meter and of the station."""
    rng = random.Random(3)
    counts = {"b01/heat": 100.0, "b01/light": 5000.0, "b02/heat": 700.0}
    for day in range(days):
        midnight = BEGIN + dt.timedelta(days=day)
        arrived = round(midnight.timestamp() * 1000) + 86_460_000
        bodies: dict[str, Any] = {"w/spb": {"unit": "°C", "readings": [
            [(midnight + dt.timedelta(hours=h)).isoformat(), round(rng.uniform(-9, 3), 1)] for h in range(0, 24, 3)
        ]}}  # fmt: skip
        for name in counts:
            readings = []
            for hour in range(24):
                counts[name] += rng.random()
                readings.append([(midnight + dt.timedelta(hours=hour)).isoformat(), round(counts[name], 3)])
            bodies[f"k/{name}"] = {"unit": "kWh" if "light" in name else "Gcal", "readings": readings}
        if day >= first:
            for topic, body in bodies.items():
                yield Capture(topic, json.dumps(body).encode(), arrived)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("made") / "kvartal.db"
    run(messages(40), site_of(), db)
    return db


@pytest.fixture
def db(made: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "kvartal.db"
    with sqlite3.connect(made) as store, sqlite3.connect(copy) as target:
        store.backup(target)
    return copy


def run(captures: Iterable[Capture], site: Site, db: Path) -> None:
    """Messages as a live site commits them: a few at a time."""
    store = Store(db)
    runner, waiting = embedded(site, store), list(captures)
    runner.enter(site_events(site, waiting[0].received_at), waiting[0].received_at)
    for at in range(0, len(waiting), 4):
        runner.take(waiting[at : at + 4])
    store.close()


def sql(db: Path, *statements: str) -> None:
    with sqlite3.connect(db) as store:
        for statement in statements:
            assert store.execute(statement).rowcount


def chain_of(db: Path, subject: str) -> int:
    with sqlite3.connect(db) as store:
        (number,) = store.execute("SELECT id FROM chain WHERE subject = ?", (subject,)).fetchone()
    return int(number)


def rewrite(db: Path, chain: int, change: Callable[[bytes], bytes]) -> None:
    """Change the bytes of a chain's messages wherever they are kept."""
    encode, decode = msgspec.msgpack.encode, msgspec.msgpack.decode
    with sqlite3.connect(db) as store:
        for id, body in store.execute("SELECT id, body FROM message WHERE id >> 32 = ?", (chain,)).fetchall():
            blob = zlib.compress(change(zlib.decompress(body)))
            store.execute("UPDATE message SET body = ? WHERE id = ?", (blob, id))
        for id, row in store.execute("SELECT id, body FROM loose_message").fetchall():
            blocks = [[*b[:-1], change(b[-1]) if b[0] == chain else b[-1]] for b in decode(row)]
            store.execute("UPDATE loose_message SET body = ? WHERE id = ?", (encode(blocks), id))


def test_a_store_is_what_its_messages_give(db: Path) -> None:
    assert audit_messages(db)[1:] == ([], [])


def test_a_building_is_proved_without_the_messages_of_others(db: Path) -> None:
    rewrite(db, chain_of(db, "b02"), lambda body: body[:99])
    assert audit_messages(db, building="b01") == (40 * 3, [], [])
    assert audit_messages(db, building="b02").faults


def test_messages_that_come_again_are_in_the_chain_once(db: Path) -> None:
    before = heads(db)
    replay(messages(40), site=site_of(), db=db)
    assert heads(db) == before
    assert audit_messages(db).faults == []


def test_a_changed_message_is_named(db: Path) -> None:
    wanted = b'["2025-01-05T03:00:00+00:00", '
    rewrite(db, chain_of(db, "b01"), lambda body: body.replace(wanted, wanted[:-2] + b" ,"))
    (fault,) = audit_messages(db).faults
    assert re.fullmatch(r"b01: message 9 of 2025-01-06T00:01:00Z was changed", fault)


def test_a_changed_reading_is_named_with_the_figures_that_it_changes(db: Path) -> None:
    def raise_reading(body: bytes) -> bytes:
        return re.sub(rb'(\["2025-01-05T03:00:00\+00:00", 1\d\d\.\d)\d', rb"\g<1>9", body)

    rewrite(db, chain_of(db, "b01"), raise_reading)
    faults = audit_messages(db, building="b01").faults
    assert faults[0] == "b01: message 9 of 2025-01-06T00:01:00Z was changed"
    assert any("2 hours and unknown blocks differ" in fault for fault in faults)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (
            "DELETE FROM loose_message WHERE id = (SELECT max(id) FROM loose_message)",
            r"b01: messages? \d+.* missing",
        ),
        (
            "DELETE FROM message WHERE id = (SELECT min(id) FROM message)",
            r"spb: messages 1 to \d+ are missing",
        ),
        ("DELETE FROM chain WHERE subject = 'b02'", r"b02: .* hours and unknown blocks differ"),
        (
            "UPDATE chain SET head = zeroblob(32) WHERE subject = 'b01'",
            r"b01: the last message, 80 .* another head",
        ),
        ("UPDATE chain SET n = n - 1 WHERE subject = 'b01'", r"b01: the last message"),
        (
            "UPDATE message SET body = x'00' WHERE id = (SELECT max(id) FROM message)",
            r"b02: messages .* cannot be read",
        ),
        (
            "UPDATE site_file SET document = replace(CAST(document AS TEXT), 'Gcal', 'MWh')",
            r"1 site files in the store were changed",
        ),
        ("UPDATE loose_message SET body = 'x'", r"spb: messages? \d+.* missing"),
        ("UPDATE message SET body = 'x', newest = 'y'", r"spb: messages \d+ to \d+ cannot be read"),
        (
            "UPDATE hour SET amount = amount + 1 WHERE hour = 482145",
            r"b01: 2 hours and unknown blocks differ",
        ),
        ("UPDATE day SET used = used * 2 WHERE date = 739260", r"b0\d: \d days differ .* 2025-01-\d\d"),
        ("UPDATE weather_day SET mean_mc = 0 WHERE date = 739260", r"b01: 1 days of weather differ"),
        (
            "UPDATE register SET accepted = accepted + 1 WHERE meter = 'light'",
            r"b01: 1 counts of accepted readings",
        ),
    ],
)
def test_what_was_changed_by_hand_is_named(db: Path, statement: str, named: str) -> None:
    sql(db, statement)
    faults = audit_messages(db).faults
    assert any(re.search(named, fault) for fault in faults), faults


def test_the_command_prints_heads_and_ends_with_status_1(db: Path) -> None:
    printed = kvartal("audit", "--heads", "--db", db)
    rows = [json.loads(line) for line in printed.stdout.splitlines()]
    assert [(row.get("building") or row["station"], row["messages"]) for row in rows] == [
        ("b01", 80), ("b02", 40), ("spb", 40),
    ]  # fmt: skip
    assert all(re.fullmatch("[0-9a-f]{64}", row["head"]) for row in rows)
    clean = kvartal("audit", "--messages", "--db", db)
    assert (clean.returncode, json.loads(clean.stdout)) == (0, {"messages": 160, "faults": [], "notices": []})
    sql(db, "UPDATE hour SET amount = amount + 1 WHERE hour = 482145")
    faulty = kvartal("audit", "--messages", "--building", "b01", "--db", db)
    assert faulty.returncode == 1
    assert b"2 hours and unknown blocks differ" in faulty.stderr
    assert kvartal("audit", "--messages", "--building", "b09", "--db", db).returncode == 2


def test_the_plain_audit_follows_the_chains(db: Path) -> None:
    assert broken_chains(db) == []
    sql(db, "UPDATE chain SET n = n + 1 WHERE subject = 'b02'")
    audited = kvartal("audit", "--db", db)
    assert audited.returncode == 1
    assert json.loads(audited.stdout)["faults"] == [
        "b02: message 41 is missing, after one of 2025-02-10T00:01:00Z"
    ]


def test_each_message_is_decoded_by_the_site_file_of_its_time(tmp_path: Path) -> None:
    """A topic is renamed and a unit corrected: what came before stays as it was understood."""
    text = """
[site]
id = "t"
[[source]]
topic = "TOPIC/{building}/{meter}"
[[building]]
id = "b01"
  [[building.meter]]
  id = "heat"
  carrier = "heat"
  unit = "UNIT"
"""
    db = tmp_path / "kvartal.db"
    for topic, unit, first in (("old", "Gcal", 0), ("new", "MWh", 20)):
        rows = [
            Capture(
                f"{topic}/b01/heat",
                json.dumps({"readings": json.loads(each.payload)["readings"]}).encode(),
                each.received_at,
            )
            for each in messages(first + 20, first)
            if each.topic == "k/b01/heat"
        ]
        replay(rows, site=parse_site(text.replace("TOPIC", topic).replace("UNIT", unit)), db=db)
    assert audit_messages(db)[1:] == ([], [])


def test_after_retention_the_audit_begins_at_the_cut(tmp_path: Path) -> None:
    db = tmp_path / "kvartal.db"
    run(messages(150), site_of(retention_days=60, lateness_days=20), db)
    rows = {row.get("building") or row["station"]: row for row in heads(db)}
    assert all(row["messages"] > row["kept"] > 0 for row in rows.values())
    proof = audit_messages(db)
    assert proof.faults == []
    assert re.fullmatch(
        r"b01: compared from 2025-0\d-\d\d on, earlier messages are not kept", proof.notices[0]
    )
    sql(db, "UPDATE hour SET amount = amount + 1 WHERE hour = (SELECT max(hour) FROM hour)")
    assert audit_messages(db).faults


def test_a_contract_spares_the_messages_of_its_building_and_station(tmp_path: Path) -> None:
    db = tmp_path / "kvartal.db"
    site = site_of(retention_days=60, lateness_days=20, with_contract=True)
    run(messages(150), site, db)
    kept = {row.get("building") or row["station"]: row["messages"] - row["kept"] for row in heads(db)}
    assert (kept["b01"], kept["spb"]) == (0, 0)
    assert kept["b02"] > 0
    assert audit_messages(db).faults == []


def test_an_older_store_begins_its_chains_with_the_next_message(tmp_path: Path) -> None:
    db, more = tmp_path / "kvartal.db", tmp_path / "more.jsonl"
    db.write_bytes(gzip.decompress((FROZEN / "store.db.gz").read_bytes()))
    Store(db).close()
    assert [(row["messages"], row["since"]) for row in heads(db)] == [(0, None)] * 5
    shutil.copy(FROZEN / "more.jsonl", more)
    assert kvartal("replay", more, "--site", FROZEN / "site.toml", "--db", db).returncode == 0
    proof = audit_messages(db)
    assert proof.faults == []
    assert "b01: compared from 2026-01-17 on, earlier messages are not kept" in proof.notices
    assert "g03: not compared, no messages are kept yet" in proof.notices


def test_an_archive_is_in_the_chain_once(tmp_path: Path) -> None:
    db = tmp_path / "kvartal.db"
    commands: dict[str, list[str]] = json.loads((FROZEN / "outputs" / "commands.json").read_text())
    places = {"new": db, "site": FROZEN / "site.toml", "frozen": FROZEN}
    imported = [*(each.format(**places) for each in commands["import.json"]), "--dates", "dmy"]
    before: list[dict[str, Any]] = []
    for _ in range(2):
        assert kvartal(*imported).returncode == 0
        before = before or heads(db)
        assert heads(db) == before
    assert sum(row["messages"] for row in before) > 0
    assert audit_messages(db)[1:] == ([], [])
