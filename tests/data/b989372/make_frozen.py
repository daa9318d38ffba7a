"""Makes the frozen store and outputs of this folder with the code of commit b989372. No test runs it.

    git worktree add /tmp/b989372 b989372
    cp -r tests/data /tmp/frozen
    cd /tmp/frozen/b989372
    PYTHONPATH=/tmp/b989372 python make_frozen.py

`site.toml` is written by hand. Everything else follows from it, from that commit and from the seed below. The folder is
frozen: made with a later commit it would prove nothing.

Files: `captures.jsonl.gz` what arrives until 2026-01-10, `more.jsonl` what arrives after it, `store.db.gz` the store
after the first (write-ahead log checkpointed), `outputs/` what the commands and the page answer from that store,
`cluster.msgpack.gz` a log of messages and a worker's table after two thirds of it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import io
import json
import math
import random
import re
import runpy
import shutil
import sqlite3
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
from kvartal.publisher import decoded

from dashboards.page.serve import listen, serve_page
from ingest.captures import Capture, read_captures, write_capture
from ingest.decode import Decoder
from kvartal.replay import embedded, replay
from kvartal.site_events import site_events
from metering.events import Rejected
from metering.site import Site, parse_site
from metering.times import to_ms
from storage.points import to_lines
from storage.sqlite import Store
from streams.applier import Applier
from streams.chunks import TableParts
from streams.codec import encode

HERE = Path(__file__).resolve().parent
MOSCOW = dt.timezone(dt.timedelta(hours=3))
FIRST = dt.datetime(2023, 12, 31, tzinfo=MOSCOW)
RETROFIT = dt.date(2025, 1, 10)
END = dt.datetime(2026, 1, 10, tzinfo=MOSCOW)
MORE_END = dt.datetime(2026, 1, 16, tzinfo=MOSCOW)
RNG = random.Random(989372)

COMMANDS = {
    "ledger.csv.gz": ["ledger", "--db", "{db}"],
    "ledger_heat.json.gz": ["ledger", "--db", "{db}", "--meter", "b01/heat", "--format", "json"],
    "gauges.csv": ["gauges", "--db", "{db}"],
    "gauges.json": ["gauges", "--db", "{db}", "--meter", "b01/heat", "--format", "json"],
    "balance.jsonl": ["balance", "--db", "{db}", "--site", "{site}"],
    "balance_days.jsonl": [
        "balance", "--db", "{db}", "--site", "{site}", "--building", "b01",
        "--period", "2025-02-01..2025-02-10", "--by-day",
    ],
    "contract_heat.json": ["contract", "c-heat", "--db", "{db}", "--site", "{site}", "--json"],
    "contract_light.json": ["contract", "c-light", "--db", "{db}", "--site", "{site}", "--json"],
    "contract_school.json": ["contract", "c-school", "--db", "{db}", "--site", "{site}", "--json"],
    "contract_acts.json": ["contract", "c-acts", "--db", "{db}", "--site", "{site}", "--json"],
    "contract_none.json": ["contract", "c-none", "--db", "{db}", "--site", "{site}", "--json"],
    "portfolio_quarter.json": ["portfolio", "--db", "{db}", "--site", "{site}", "--json"],
    "portfolio_building.json": [
        "portfolio", "--db", "{db}", "--site", "{site}", "--by", "building", "--json",
    ],
    "portfolio_programme.json": [
        "portfolio", "--db", "{db}", "--site", "{site}", "--by", "programme", "--json",
    ],
    "audit.json": ["audit", "--db", "{db}"],
    "restatements.jsonl": ["restatements", "--db", "{db}", "--limit", "40"],
    "rejected.jsonl": ["rejected", "--db", "{db}"],
    "rejected_unknown.jsonl": ["rejected", "--db", "{db}", "--reason", "unknown_meter"],
    "fit.json": [
        "fit", "{data}/nmecr_eload_daily_2012_2015.csv", "--baseline", "2012-03-01..2013-02-28",
    ],
    "savings_days.json": [
        "savings", "{data}/opendsm_il-gas-hdd-only-daily.csv", "--tz", "America/Chicago",
        "--baseline", "2016-01-01..2016-12-31", "--reporting", "2017-01-01..2017-12-31",
    ],
    "savings_months.json": [
        "savings", "{frozen}/acts.csv",
        "--baseline", "2024-01-01..2024-12-31", "--reporting", "2025-01-01..2025-12-31",
    ],
    "import.json": [
        "import", "{frozen}/archive.csv", "--db", "{new}", "--site", "{site}", "--archive", "vkt7", "--backfill",
    ],
    "import_ledger.csv": ["ledger", "--db", "{new}"],
    "decode_readings.jsonl": [
        "decode", "{frozen}/payload_readings.json", "--topic", "kvartal/v1/b01/heat/readings",
        "--site", "{site}", "--received-at", "2026-01-01T02:00:00+03:00",
    ],
    "decode_exchange.jsonl": [
        "decode", "{frozen}/payload_exchange.json", "--topic", "kvartal/v1/b01/cold/readings",
        "--site", "{site}", "--received-at", "2026-01-01T02:00:00+03:00",
    ],
    "decode_weather.jsonl": [
        "decode", "{frozen}/payload_weather.json", "--topic", "kvartal/v1/weather/spb",
        "--received-at", "2026-01-01T02:00:00+03:00",
    ],
}  # fmt: skip

PAGES = [
    "words?lang=en",
    "portfolio?lang=en",
    "alerts?lang=en",
    "accounting?lang=en",
    "health",
    *(f"contracts/{c}?lang=en" for c in ("c-heat", "c-light", "c-school", "c-acts", "c-none")),
    "contracts/c-heat/baseline",
    "contracts/c-heat/months/2025-07?lang=en",
    "contracts/c-school/months/2025-02?lang=en",
    "buildings/b01?lang=en",
    "buildings/g03?lang=en",
    "meters/b01/heat/energy?lang=en",
    "meters/b01/flats/energy?lang=en",
    "meters/b01/cold/volume/2025-02?lang=en",
    "days/b01/heat/739302?lang=en",
    "days/b01/heat/739302/volume?lang=en",
    "registers/b01/heat/energy/days?first=2025-06-20&last=2025-07-10",
    "registers/b01/heat/energy/hours?first=2025-02-03&last=2025-02-04",
    "registers/b01/heat/energy/readings?first=2025-02-03&last=2025-02-04",
]


def outdoor(at: dt.datetime) -> float:
    """Outdoor temperature [°C]."""
    year = (at - FIRST) / dt.timedelta(days=365.25)
    slow = 3.0 * math.sin(23.0 * year) + 2.0 * math.sin(71.0 * year + 1.0) + 1.5 * math.sin(157.0 * year)
    return round(
        5.8 - 12.0 * math.cos(2 * math.pi * (year - 0.06)) + slow - 2.5 * math.cos(at.hour / 24 * 6.283), 1
    )


def mean_outdoor(day: dt.datetime) -> float:
    return sum(outdoor(day + dt.timedelta(hours=h)) for h in range(0, 24, 3)) / 8


def amounts(meter: str, day: dt.datetime) -> float:
    """Use of the day in the unit of the meter."""
    cold = max(0.0, 14.0 - mean_outdoor(day))
    new = day.date() >= RETROFIT
    noise = 1.0 + RNG.gauss(0, 0.03)
    weekend = day.weekday() >= 5
    darkness = 1.0 + 0.5 * math.cos(2 * math.pi * (day.timetuple().tm_yday - 5) / 365.25)
    if meter == "b01/heat":
        if dt.date(2025, 6, 10) <= day.date() <= dt.date(2025, 6, 23):
            return 0.0
        return (1.1 + 0.42 * cold * (0.78 if new else 1.0)) * noise
    if meter == "b01/volume":
        return (60 + 18 * cold) * noise
    if meter == "b01/main":
        return (120 * darkness * (0.6 if new else 1.0) + 55) * noise
    if meter == "b01/lift":
        return 0.0 if dt.date(2024, 3, 4) <= day.date() <= dt.date(2024, 3, 6) else 50 * noise
    if meter == "b01/cold":
        return 62 * noise
    if meter == "b01/hot":
        return 38 * noise
    if meter == "s02/heat":
        broken = 1.7 if day.date() >= dt.date(2025, 12, 14) else 1.0
        return (0.9 + 0.31 * cold) * (0.7 if weekend else 1.0) * (0.85 if new else 1.0) * broken * noise
    if meter == "s02/light":
        return (30_000 if weekend else 140_000) * darkness * noise
    if meter == "g03/gas":
        return 0.0 if day.date() >= dt.date(2025, 11, 20) else (15 + 4 * cold) * noise
    assert meter == "p04/heat"
    return (2.0 + 1.4 * cold * (0.8 if new else 1.0)) * noise


# meter -> (unit, digits after the point, what it shows at first, where it wraps)
REGISTERS = {
    "b01/heat": ("Gcal", 3, 20_411.207, None),
    "b01/volume": ("m3", 1, 1_500.0, None),
    "b01/main": ("kWh", 1, 980_000.0, 10**6),
    "b01/lift": ("kWh", 0, 7_000.0, None),
    "b01/cold": ("m3", 2, 880.0, None),
    "b01/hot": ("m3", 2, 410.0, None),
    "s02/heat": ("MWh", 3, 1_000.0, None),
    "s02/light": ("Wh", 0, 55_000_000.0, None),
    "g03/gas": ("m3", 1, 3_000.0, None),
    "p04/heat": ("GJ", 2, 100.0, None),
}


def shown() -> dict[str, list[tuple[dt.datetime, float]]]:
    """What each register shows at each midnight."""
    found: dict[str, list[tuple[dt.datetime, float]]] = {}
    for meter, (_unit, digits, amount, wrap) in REGISTERS.items():
        rows, day = [], FIRST
        while day <= MORE_END:
            if meter == "s02/heat" and day == dt.datetime(2024, 8, 13, tzinfo=MOSCOW):
                amount = 0.4
            if meter == "b01/cold" and day == dt.datetime(2025, 5, 21, tzinfo=MOSCOW):
                amount = 12.3
            rows.append((day, round(amount, digits)))
            amount += amounts(meter, day)
            if wrap is not None and amount >= wrap:
                amount -= wrap
            day += dt.timedelta(days=1)
        found[meter] = rows
    return found


def seconds(at: dt.datetime) -> int:
    return int(at.timestamp())


def messages() -> Iterator[Capture]:
    """Everything that arrives, an archive a month in the month after it."""
    rows = shown()
    begin = FIRST
    while begin < MORE_END:
        end = min((begin.replace(day=1) + dt.timedelta(days=32)).replace(day=1), MORE_END)
        if begin < END < end:
            end = END
        at = to_ms(end) + 3_600_000
        weather = [
            [seconds(begin + dt.timedelta(hours=h)), outdoor(begin + dt.timedelta(hours=h))]
            for h in range(0, int((end - begin) / dt.timedelta(hours=1)) + (end == MORE_END), 3)
        ]
        yield Capture("kvartal/v1/weather/spb", body({"unit": "°C", "readings": weather}), at)
        month = f"{begin:%Y-%m}" if begin != FIRST else "first"
        for meter, all_rows in rows.items():
            building, name = meter.split("/")
            values = [[seconds(t), v] for t, v in all_rows if begin <= t < end or t == end == MORE_END]
            if meter == "g03/gas" and begin >= dt.datetime(2025, 12, 1, tzinfo=MOSCOW):
                continue  # silent
            if meter == "p04/heat":
                values = [[seconds(t), v] for t, v in all_rows if begin <= t < end and t.day == 1]
                if not values:
                    continue
            fields: dict[str, Any] = {"unit": REGISTERS[meter][0], "readings": values}
            if name == "volume":
                name, fields["quantity"] = "heat", "volume"
            yield from arriving(meter, f"kvartal/v1/{building}/{name}/readings", month, fields, at)
        if month in ("2025-02", "2025-07"):
            yield from gauges(begin, at)
        if month == "2025-05":
            said = {
                "time": "2025-05-20T10:00:00+03:00",
                "old_final": rows["b01/cold"][506][1] + 20,
                "new_initial": 0,
            }
            yield Capture("kvartal/v1/b01/cold/readings", body({"unit": "m3", "exchange": said}), at)
        if month == "2025-03":
            yield from dirt(at)
        begin = end


def arriving(meter: str, topic: str, month: str, fields: dict[str, Any], at: int) -> Iterator[Capture]:
    """One archive, with what goes wrong."""
    values = fields["readings"]
    key = (meter, month)
    if key == ("b01/heat", "2025-02"):  # hours instead of midnights, of which twenty are missing
        hourly = []
        for (start, low), (_, high) in pairwise(values):
            hourly += [[start + 3600 * h, round(low + (high - low) * h / 24, 3)] for h in range(24)]
        fields["readings"] = [*hourly[:100], *hourly[120:], values[-1]]
    if key == ("b01/heat", "2024-04"):  # a stray zero
        values[12][1] = 0.0
    if key == ("b01/heat", "2024-11"):  # comes three weeks late, after the next one
        at += 21 * 86_400_000
    if key == ("b01/main", "2025-04"):  # ten days are missing, and come later from another source
        yield Capture(topic, body({**fields, "readings": values[:10] + values[20:]}), at)
        yield Capture("archive/x/b01/main", body({**fields, "readings": values[10:20]}), at + 60 * 86_400_000)
        return
    if key == ("b01/lift", "2025-08"):  # ten days are missing for good
        fields["readings"] = values[:8] + values[18:]
    if key == ("s02/light", "2025-02"):  # stands still for a week
        for row in values[10:17]:
            row[1] = values[10][1]
    if key == ("b01/hot", "2024-06"):  # a step beyond the bound
        for row in values[15:16]:
            row[1] += 50_000
    yield Capture(topic, body(fields), at)
    if key in (("b01/heat", "2024-02"), ("b01/cold", "2024-02")):  # once more
        yield Capture(topic, body(fields), at + 1_000)
    if key == ("b01/hot", "2024-09"):  # another value of the same instant
        yield Capture(topic, body({"unit": "m3", "readings": [[values[3][0], values[3][1] + 1]]}), at + 2_000)


def gauges(begin: dt.datetime, at: int) -> Iterator[Capture]:
    for quantity, unit, level in (
        ("supply_temperature", "°C", 71.0), ("return_temperature", "°C", 48.0), ("flow", "m3/h", 9.5), ("power", "kW", 250.0),
        ("indoor_temperature", "°C", 21.2),
    ):  # fmt: skip
        readings = [
            [seconds(begin + dt.timedelta(minutes=30 * n)), round(level + RNG.gauss(0, 0.5), 2)]
            for n in range(96)
            if n not in (20, 21, 22)
        ]
        fields = {"quantity": quantity, "unit": unit, "readings": readings}
        yield Capture("kvartal/v1/b01/heat/readings", body(fields), at)


def dirt(at: int) -> Iterator[Capture]:
    """A message of nearly every reason for which one is rejected."""
    heat = "kvartal/v1/b01/heat/readings"
    for topic, payload in (
        (heat, b'{"unit": "Gcal", "readings": [["2025-03-14T'),
        (heat, b'{"status": "online"}'),
        (heat, b'{"unit": "Gcal", "time": "2025-03-14T12:30:00+03:00", "value": null}'),
        (heat, b'{"unit": "Gcal", "value": 3}'),
        (heat, b'{"unit": "Gcal", "time": "yesterday", "value": 3}'),
        (heat, b'{"unit": "parsec", "time": "2025-03-14T12:30:00+03:00", "value": 3}'),
        (heat, b'{"unit": "m3", "time": "2025-03-14T12:30:00+03:00", "value": 3}'),
        (heat, b'{"quantity": "mood", "time": "2025-03-14T12:30:00+03:00", "value": 3}'),
        (heat, b'{"unit": "Gcal", "time": "2027-01-01T00:00:00+03:00", "value": 1.0}'),
        (heat, b'{"unit": "Gcal", "time": "2024-01-01T00:00:00+03:00", "value": 1.0}'),
        (heat, b'{"unit": "Gcal", "exchange": {"time": "2025-03-14T12:30:00+03:00"}}'),
        (heat, b"\xff\xfe"),
        (heat, b"[" * 5_000),
        ("kvartal/v1/b01/boiler/readings", b'{"unit": "kWh", "time": 1742000000, "value": 3}'),
        ("kvartal/v1/b01/flats/readings", b'{"unit": "kWh", "time": 1742000000, "value": 3}'),
        ("kvartal/v1/weather/moon", b'{"temperature_c": -270, "time": 1742000000}'),
        ("elsewhere/b01", b"{}"),
    ):
        yield Capture(topic, payload, at)
    yield Capture(heat, b'{"unit": "Gcal", "value": 3}', at, True)


def body(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def save(path: Path, content: bytes) -> None:
    """With no time in the gzip header, so that the same content gives the same bytes."""
    path.write_bytes(gzip.compress(content, 9, mtime=0) if path.suffix == ".gz" else content)


def command(arguments: list[str]) -> str:
    """What `python -m kvartal` prints."""
    out = io.StringIO()
    sys.argv = ["kvartal", *arguments]
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        runpy.run_module("kvartal", run_name="__main__")
    return out.getvalue()


def pages(db: Path, site: Site) -> dict[str, Any]:
    listening = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/api/"
    stop = serve_page(listening, db, lambda: site, lang="ru")
    found = {}
    for path in PAGES:
        try:
            with urllib.request.urlopen(url + path, timeout=60) as answer:
                found[path] = [answer.status, json.load(answer)]
        except urllib.error.HTTPError as error:
            found[path] = [error.code, json.load(error)]
    stop()
    return found


def influx_names(captures: list[Capture], site: Site, db: Path) -> dict[str, dict[str, list[str]]]:
    """Measurement -> its tags and its fields, of every line that these messages make."""
    store = Store(db)
    runner = embedded(site, store)
    events = list(runner.enter(site_events(site, captures[0].received_at), captures[0].received_at).events)
    events += [event for capture in captures for event in runner.take([capture]).events]
    store.close()
    found: dict[str, dict[str, set[str]]] = {}
    for event in events:
        for line in to_lines(event, site):
            head, fields = re.match(r"((?:\\.|[^ \\])+) (.*) -?\d+$", line, re.DOTALL).groups()  # type: ignore[union-attr]
            measurement, *tags = re.split(r"(?<!\\),", head)
            names = found.setdefault(measurement, {"tags": set(), "fields": set()})
            names["tags"] |= {tag.split("=")[0] for tag in tags}
            names["fields"] |= {m[0] for m in re.findall(r'(\w+)=("(?:\\.|[^"\\])*"|[^,]+)', fields)}
    return {m: {k: sorted(v) for k, v in names.items()} for m, names in sorted(found.items())}


def cluster(captures: list[Capture], site: Site) -> dict[str, Any]:
    """The log of the school and a worker's table when two thirds of it were applied, a batch a message."""
    events = [e for e in site_events(site, captures[0].received_at) if e.building == "s02"]
    made = decoded(Decoder(site), captures, site)
    log = [encode(e) for e in [*events, *made] if not isinstance(e, Rejected) and e.building == "s02"]

    class Ignored:
        def write(self, events: Any) -> None: ...

    table: dict[bytes, bytes] = {}
    applied = 2 * len(log) // 3
    applier = Applier(site=site, parts=TableParts(table), sink=Ignored())
    for offset, value in enumerate(log[:applied]):
        applier.apply(value, partition=0, offset=offset)
    return {"log": log, "applied": applied, "table": table}


def main() -> None:
    site = parse_site((HERE / "site.toml").read_text(encoding="utf-8"))
    all_messages = list(messages())
    last = to_ms(END) + 2 * 3_600_000
    for name, chosen in (
        ("captures.jsonl.gz", [m for m in all_messages if m.received_at <= last]),
        ("more.jsonl", [m for m in all_messages if m.received_at > last]),
    ):
        text = io.StringIO()
        for message in chosen:
            write_capture(message, text)
        save(HERE / name, text.getvalue().encode())
    (HERE / "acts.csv").write_text(
        "timestamp,value,temperature\n"
        + "".join(
            f"{year}-{month:02d}-01,{round(900 + 420 * max(0, 15 - t) * (0.8 if year == 2025 else 1))},{t}\n"
            for year, temps in (
                (2024, (-8.5, -4.1, 0.7, 5.9, 12.4, 17.6, 19.3, 17.7, 15.1, 7.5, 1.6, -1.2)),
                (2025, (-0.7, -3.3, 3.1, 6.4, 10.4, 15.6, 20.2, 17.1, 14.0, 7.4, 3.9, 0.2)),
            )
            for month, t in enumerate(temps, 1)
        )
    )
    for name, payload in (
        (
            "readings",
            b'{"unit": "Gcal", "readings": [["2026-01-01T00:00:00", "1234.567"], [1767218400, null]]}',
        ),
        (
            "exchange",
            b'{"unit": "m3", "exchange": {"time": "2025-12-20T11:30:00Z", "old_final": 88.5, "new_initial": 0}}',
        ),
        ("weather", b'{"temperature_c": -12.3, "time": "2026-01-01T00:00:00+03:00"}'),
    ):
        (HERE / f"payload_{name}.json").write_bytes(payload)
    rows = ["Дата;Время;Прибор;НС;Время работы;Q;V;T1"]
    for date in ("02.02.2025", "03.02.2025", "04.02.2025", "05.02.2025", "06.13.2025", "07.02.2025"):
        rows.append(
            f"{date};00:00;b01/heat;;24;{4 + int(date[:2]) / 10:.3f};92.5;71.4".replace(".5;71.4", ",5;71,4")
        )
    rows = [*rows[:1], *(re.sub(r";(\d)\.(\d{3});", r";\1,\2;", row) for row in rows[1:])]
    (HERE / "archive.csv").write_bytes("\r\n".join(rows).encode("cp1251"))
    outputs = HERE / "outputs"
    outputs.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        db = Path(directory) / "kvartal.db"
        plain = Path(directory) / "captures.jsonl"
        plain.write_bytes(gzip.decompress((HERE / "captures.jsonl.gz").read_bytes()))
        captures = list(read_captures(plain))
        counts = replay(captures, site=site, db=db)
        save(outputs / "replay.json", json.dumps(counts).encode())
        connection = sqlite3.connect(db)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("VACUUM")
        connection.close()
        save(HERE / "store.db.gz", db.read_bytes())
        places = {
            "db": db,
            "new": Path(directory) / "import.db",
            "site": HERE / "site.toml",
            "data": HERE.parent,
            "frozen": HERE,
        }
        for name, arguments in COMMANDS.items():
            save(outputs / name, command([a.format(**places) for a in arguments]).encode())
        save(outputs / "commands.json", (json.dumps(COMMANDS, indent=1) + "\n").encode())
        save(outputs / "pages.json.gz", json.dumps(pages(db, site), ensure_ascii=False, indent=1).encode())
        names = influx_names(captures, site, Path(directory) / "again.db")
        save(outputs / "influx.json", (json.dumps(names, indent=1) + "\n").encode())
        save(HERE / "cluster.msgpack.gz", msgspec.msgpack.encode(cluster(captures, site)))
    shutil.rmtree(HERE / "__pycache__", ignore_errors=True)


if __name__ == "__main__":
    main()
