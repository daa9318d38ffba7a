"""Upgrade promise: the site file, store, log, table and outputs of commit b989372 keep working.

`tests/data/b989372/` was made by that commit (`make_frozen.py` there says how) and is never made again. Outputs may
gain keys and columns. They lose none, and figures stay the same, except those in `CHANGED`. Wording may change.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import math
import re
import runpy
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dashboards.page.serve import listen, serve_page
from ingest.captures import read_captures
from kvartal.audit import audit_store
from kvartal.site_events import site_events
from kvartal.wiring import embedded
from metering.events import Event, Rejected
from metering.site.model import Site, parse_site
from storage.points import to_lines
from storage.sqlite import Store
from storage.sqlite_reader import Reader
from streams.applier import Applier
from streams.chunks import TableParts
from streams.codec import decode, encode
from streams.engine import Batch

FROZEN = Path(__file__).parent / "data" / "b989372"
COMMANDS: dict[str, list[str]] = json.loads((FROZEN / "outputs" / "commands.json").read_text())

CHANGED: list[tuple[str, float, str]] = [
    (r"contracts/c-heat\?.*money_year_text", 0.2, "each day at its own price, not all at the last day's"),
    (r"portfolio\?.*rows\[\d\].money_year_text", 0.2, "the same"),
    (r"portfolio\?.*totals\[\d\].money_text", 0.2, "the same"),
    (r"portfolio\?.*summary.(money|money_interval)", 0.2, "the same"),
    (r"contracts/.*money_year_text", 0.001, "a year of money is 365.25 days"),
]
"""Figures that may differ: pattern of where, by how much of the frozen figure, why. The first match counts."""

TEXTS = frozenset({
    "changes", "detail", "en", "findings", "grade_text", "notes", "reason_text", "ru", "story", "terms", "text",
    "unclear_days", "verdict_text",
})  # fmt: skip
"""Keys of texts, or of lists of texts, whose wording may change; of objects in them every other key is compared."""

_NUMBER = re.compile(r"[-−]?\d+(?:\s\d+)*(?:\.\d+)?(?:\s[kM]\b)?")


def losses(frozen: Any, now: Any, where: str = "", *, text: bool = False) -> list[str]:
    """Where `now` does not have what `frozen` has: keys may be added to objects, nothing to lists.

    Args:
        frozen: JSON of the frozen commit.
        now: JSON of today.
        where: Path of both, for `CHANGED` and the result.
        text: Whether wording may differ here.
    """
    if isinstance(frozen, dict):
        if not isinstance(now, dict):
            return [f"{where}: {now!r:.80} is no object"]
        missing = [f"{where}.{key}: missing" for key in frozen if key not in now]
        kept = [key for key in frozen if key in now]
        labels = where.endswith(".labels")
        return missing + [
            fault
            for key in kept
            for fault in losses(frozen[key], now[key], f"{where}.{key}", text=key in TEXTS or labels)
        ]
    if isinstance(frozen, list):
        if not isinstance(now, list) or len(now) != len(frozen):
            return [f"{where}: {now!r:.80} is no list of {len(frozen)}"]
        return [
            fault
            for n, (old, new) in enumerate(zip(frozen, now, strict=True))
            for fault in losses(old, new, f"{where}[{n}]", text=text)
        ]
    return [] if _same(frozen, now, where, text) else [f"{where}: {now!r:.80} was {frozen!r:.80}"]


def _same(frozen: Any, now: Any, where: str, text: bool) -> bool:
    if frozen == now and type(frozen) is type(now):
        return True
    if isinstance(frozen, float) and isinstance(now, int | float):
        # The last digits of a float are the processor's.
        return math.isclose(frozen, now, rel_tol=1e-9, abs_tol=1e-6)
    if not isinstance(frozen, str) or not isinstance(now, str):
        return False
    if text or (" " in frozen and not re.search(r"\d", frozen)):
        return True
    share = next((share for pattern, share, _ in CHANGED if re.search(pattern, where)), 0.0)
    old, new = _numbers(frozen), _numbers(now)
    return (
        share > 0
        and len(old) == len(new)
        and all(abs(a - b) <= share * abs(a) for a, b in zip(old, new, strict=True))
    )


def _numbers(text: str) -> list[float]:
    plain = (re.sub(r"\s", "", number).replace("−", "-") for number in _NUMBER.findall(text))
    return [float(number.replace("k", "e3").replace("M", "e6")) for number in plain]


@pytest.mark.parametrize(
    ("frozen", "now", "expected"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, []),
        ({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {}}, [".b.c: missing"]),
        ({"a": 1}, {"a": 2}, [".a: 2 was 1"]),
        ({"a": 1}, {"a": True}, [".a: True was 1"]),
        ({"a": [1]}, {"a": [1, 2]}, [".a: [1, 2] is no list of 1"]),
        ({"a": {"b": 1}}, {"a": None}, [".a: None is no object"]),
        ({"a": 0.1 + 0.2}, {"a": 0.3}, []),
        ({"a": 0.30001}, {"a": 0.3}, [".a: 0.3 was 0.30001"]),
        ({"detail": "three days"}, {"detail": "3 days"}, []),
        ({"findings": [["b01", "stood still"]]}, {"findings": [["b01", "standstill"]]}, []),
        ({"labels": {"gap": "gap", "at": "at"}}, {"labels": {"gap": "break"}}, [".labels.at: missing"]),
        (
            {"findings": [{"kind": "a", "text": {"en": "A b"}}]},
            {"findings": [{"kind": "a", "text": {"en": "c"}}]},
            [],
        ),
        ({"findings": [{"kind": "a"}]}, {"findings": [{"kind": "b"}]}, [".findings[0].kind: 'b' was 'a'"]),
        ({"name": "cold water"}, {"name": "water, cold"}, []),
        ({"used": "1.095 Gcal"}, {"used": "1.096 Gcal"}, [".used: '1.096 Gcal' was '1.095 Gcal'"]),
        ({"verdict": "proved"}, {"verdict": "sure"}, [".verdict: 'sure' was 'proved'"]),
    ],
)
def test_what_counts_as_a_loss(frozen: Any, now: Any, expected: list[str]) -> None:
    assert losses(frozen, now) == expected


@pytest.mark.parametrize(
    ("where", "frozen", "now", "same"),
    [
        (
            "contracts/c-heat?lang=en[1].money_year_text",
            "938\u202f863\u202fRUB",
            "774\u202f230\u202fRUB",
            True,
        ),
        ("contracts/c-heat?lang=en[1].money_text", "729\u202f178\u202fRUB", "729\u202f179\u202fRUB", False),
        (
            "contracts/c-school?lang=en[1].money_year_text",
            "328\u202f678\u202fRUB",
            "328\u202f903\u202fRUB",
            True,
        ),
        (
            "contracts/c-school?lang=en[1].money_year_text",
            "328\u202f678\u202fRUB",
            "329\u202f903\u202fRUB",
            False,
        ),
        ("portfolio?lang=en[1].summary.money", "1.4 M RUB", "1.2 M RUB", True),
        ("portfolio?lang=en[1].summary.money", "1.4 M RUB", "2.4 M RUB", False),
        ("portfolio?lang=en[1].summary.money", "983 k RUB", "1.0 M RUB", True),
    ],
)
def test_only_the_named_figures_may_differ(where: str, frozen: str, now: str, same: bool) -> None:
    assert (losses(frozen, now, where) == []) is same


def read(name: str) -> str:
    """Text of a frozen file."""
    content = (FROZEN / name).read_bytes()
    return (gzip.decompress(content) if name.endswith(".gz") else content).decode()


def command(arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """Status and output of `python -m kvartal`, in this process."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "argv", ["kvartal", *arguments])
    status = 0
    with contextlib.redirect_stdout(out):
        try:
            runpy.run_module("kvartal", run_name="__main__")
        except SystemExit as end:
            status = int(end.code or 0)
    return status, out.getvalue()


@pytest.fixture(scope="module")
def site() -> Site:
    return parse_site((FROZEN / "site.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Paths of the frozen files by the names that `commands.json` uses; `db` is a copy of the store, opened once."""
    directory = tmp_path_factory.mktemp("frozen")
    db = directory / "kvartal.db"
    db.write_bytes(gzip.decompress((FROZEN / "store.db.gz").read_bytes()))
    Store(db).close()
    captures = directory / "captures.jsonl"
    captures.write_bytes(gzip.decompress((FROZEN / "captures.jsonl.gz").read_bytes()))
    return {
        "db": db,
        "new": directory / "import.db",
        "site": FROZEN / "site.toml",
        "data": FROZEN.parent,
        "frozen": FROZEN,
        "captures": captures,
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_prints_what_it_printed(
    name: str, places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, printed = command([a.format(**places) for a in COMMANDS[name]], monkeypatch)
    assert status == 0
    frozen = read(f"outputs/{name}")
    if ".csv" in name:
        assert columns(printed, of=frozen) == list(csv.reader(io.StringIO(frozen)))
    else:
        assert losses(documents(frozen), documents(printed)) == []


def columns(text: str, *, of: str) -> list[list[str]]:
    """The rows of a CSV, with the columns that another has and in its order."""
    names = next(csv.reader(io.StringIO(of)))
    return [names, *([row[name] for name in names] for row in csv.DictReader(io.StringIO(text)))]


def documents(text: str) -> list[Any]:
    """The documents of JSON or JSON lines."""
    decoder, found, at = json.JSONDecoder(), [], 0
    text = text.strip()
    while at < len(text):
        document, at = decoder.raw_decode(text, at)
        found.append(document)
        at += len(text[at:]) - len(text[at:].lstrip())
    return found


def test_the_page_answers_what_it_answered(places: dict[str, Path], site: Site) -> None:
    frozen: dict[str, Any] = json.loads(read("outputs/pages.json.gz"))
    listening = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/api/"
    stop = serve_page(listening, places["db"], lambda: site, lang="ru")
    faults = []
    try:
        for path, answered in frozen.items():
            try:
                with urllib.request.urlopen(url + path, timeout=30) as answer:
                    now = [answer.status, json.load(answer)]
            except urllib.error.HTTPError as error:
                now = [error.code, json.load(error)]
            faults += losses(answered, now, path)
    finally:
        stop()
    assert faults == []


def test_influx_lines_have_every_measurement_tag_and_field(
    places: dict[str, Path], site: Site, tmp_path: Path
) -> None:
    """In the lines of all events that the frozen messages make."""
    frozen: dict[str, dict[str, list[str]]] = json.loads(read("outputs/influx.json"))
    missing = {
        (measurement, kind, name)
        for measurement, names in frozen.items()
        for kind in names
        for name in names[kind]
    }
    captures = list(read_captures(places["captures"]))
    store = Store(tmp_path / "influx.db")
    runner = embedded(site, store)
    events = list(runner.enter(site_events(site, captures[0].received_at), captures[0].received_at).events)
    events += [event for capture in captures for event in runner.take([capture]).events]
    store.close()
    for line in (line for event in events for line in to_lines(event, site)):
        parts = re.match(r"((?:\\.|[^ \\])+) (.*) -?\d+$", line, re.DOTALL)
        assert parts is not None
        measurement, *tags = re.split(r"(?<!\\),", parts[1])
        fields = re.findall(r'(\w+)=(?:"(?:\\.|[^"\\])*"|[^,]+)', parts[2])
        missing -= {(measurement, "tags", tag.split("=")[0]) for tag in tags}
        missing -= {(measurement, "fields", field) for field in fields}
    assert missing == set()


def figures(db: Path, site: Site) -> dict[str, Any]:
    """All that a store knows, but the wording of alerts."""
    reader = Reader(db)
    found: dict[str, Any] = {"ledger": [tuple(row) for row in reader.ledger.rows()]}
    for building, meter in site.meters:
        quantity = site.meters[building, meter].quantity
        found[f"{building}/{meter}"] = reader.days(building, meter, quantity, 0, 10**6)
    for contract in site.contracts:
        position = reader.position(contract)
        # A position of the frozen store has no money: it is published again with the first tick.
        found[contract] = (
            reader.savings(contract, 0, 10**6),
            position and msgspec.structs.replace(position, received_at=0),
            reader.baseline(contract),
        )
    found["alerts"] = sorted(
        repr(msgspec.structs.replace(alert, detail=""))
        for alert in reader.alerts(open_only=False)
        if "withdrawn" not in alert.detail
    )
    reader.close()
    return found


def undoubted(rows: list[list[str]]) -> list[list[str]]:
    """Rows of a ledger without the doubts that fewer registers have since version 3 of the fold."""
    fewer = {"leap", "pulse_weight"}
    return [[*row[:-1], "|".join(flag for flag in row[-1].split("|") if flag not in fewer)] for row in rows]


def test_captures_give_the_same_ledger_and_the_old_store_goes_on_as_a_new_one(
    places: dict[str, Path], site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    shutil.copy(places["db"], old)

    def replay(messages: Path, db: Path) -> dict[str, Any]:
        status, printed = command(
            ["replay", str(messages), "--site", str(places["site"]), "--db", str(db)], monkeypatch
        )
        assert status == 0
        counts: dict[str, Any] = json.loads(printed)
        return counts

    frozen = json.loads(read("outputs/replay.json"))
    assert losses(frozen, replay(places["captures"], new)) == []
    _, ledger = command(["ledger", "--db", str(new)], monkeypatch)
    old_rows = undoubted(list(csv.reader(io.StringIO(read("outputs/ledger.csv.gz")))))
    rows = undoubted(columns(ledger, of=read("outputs/ledger.csv.gz")))
    assert [row for row in rows if row in old_rows] == old_rows
    # The frozen commit kept one of two unknown blocks that begin at one instant. These are what it lost.
    gained = [row for row in rows if row not in old_rows]
    assert [row[-2:] for row in gained] == [["0", "unknown"]] * len(gained)
    starts = {tuple(row[:4]) for row in old_rows if row[-1].startswith("unknown")}
    assert all(tuple(row[:4]) in starts for row in gained)

    again = replay(places["captures"], old)
    assert (again["accepted"], again["received"]) == (0, frozen["received"])

    counted = [replay(FROZEN / "more.jsonl", db) for db in (new, old)]
    assert counted[0] == counted[1]
    assert counted[0]["accepted"] > 0
    assert figures(old, site) == figures(new, site)
    for db in (old, new):
        assert command(["audit", "--db", str(db)], monkeypatch)[0] == 0


@pytest.fixture(scope="module")
def cluster() -> dict[str, Any]:
    """The log of a building and a worker's table after the first `applied` messages of it."""
    found: dict[str, Any] = msgspec.msgpack.decode(
        gzip.decompress((FROZEN / "cluster.msgpack.gz").read_bytes())
    )
    return found


def test_the_log_is_read(cluster: dict[str, Any]) -> None:
    events = [decode(value) for value in cluster["log"]]
    assert {type(event).__name__ for event in events} == {"Awaited", "Declared", "Readings"}
    # New fields come at the end.
    for value, event in zip(cluster["log"], events, strict=True):
        kept = msgspec.msgpack.decode(value)
        assert msgspec.msgpack.decode(encode(event))[: len(kept)] == kept


class Kept:
    """A sink that keeps events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def write(self, events: Sequence[Event]) -> None:
        self.events += events


def store_of(events: Sequence[Event], path: Path) -> Path:
    """A store of these events."""
    assert not any(isinstance(event, Rejected) for event in events)
    batch = Batch()
    batch.keep(events)
    store = Store(path)
    store.commit(parts={}, events=batch.events, counts=batch.counts)
    store.close()
    return path


def test_a_workers_table_goes_on(cluster: dict[str, Any], site: Site, tmp_path: Path) -> None:
    """A worker that begins with the frozen table gives the figures of one that applies the whole log."""
    log, applied = cluster["log"], cluster["applied"]
    head, new_tail, old_tail = Kept(), Kept(), Kept()
    table: dict[bytes, bytes] = {}
    for sink, state, first, end in (
        (head, table, 0, applied),
        (new_tail, table, applied, len(log)),
        (old_tail, dict(cluster["table"]), applied, len(log)),
    ):
        applier = Applier(site=site, parts=TableParts(state), sink=sink)
        assert applier.expected(0) == first
        for offset in range(first, end):
            assert applier.apply(log[offset], partition=0, offset=offset)
    before = figures(store_of(head.events, tmp_path / "head.db"), site)
    new = figures(store_of([*head.events, *new_tail.events], tmp_path / "new.db"), site)
    old = figures(store_of([*head.events, *old_tail.events], tmp_path / "old.db"), site)
    assert old == new
    assert before["c-school"][1].last < new["c-school"][1].last


def test_one_start_folds_every_register_of_the_old_store_again(
    places: dict[str, Path], site: Site, tmp_path: Path
) -> None:
    old = tmp_path / "old.db"
    shutil.copy(places["db"], old)
    assert audit_store(old).outdated
    store = Store(old)
    now = read_captures_end(places["captures"])
    embedded(site, store).enter(site_events(site, now), now)
    store.close()
    audited = audit_store(old)
    assert (audited.faults, audited.outdated) == ([], [])
    reader = Reader(old)
    findings = reader.findings(limit=10**6)
    reader.close()
    assert findings
    assert not [each for each in findings if "text" in each["figures"]]


def read_captures_end(captures: Path) -> int:
    """When the newest message of the captures arrived [ms]."""
    return max(capture.received_at for capture in read_captures(captures))
