"""The demo, as a person starts it: real broker, real store, real page; and its machine-readable form."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.broker import free_port
from ingest.mosquitto import find_mosquitto

KVARTAL = [sys.executable, "-m", "kvartal"]


@pytest.fixture(autouse=True)
def broker() -> None:
    if find_mosquitto() is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("mosquitto is not installed")


def run(*arguments: str, timeout: float = 150) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*KVARTAL, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env=os.environ | {"COLUMNS": "200"},
    )


def test_one_document_with_a_row_a_contract_and_every_reading_accounted_for() -> None:
    done = run("demo", "--once", "--json", "--houses", "3", "--seed", "2")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert set(document) == {"houses", "received", "accepted", "duplicate", "rejected", "seconds"}
    assert document["received"] == document["accepted"] + document["duplicate"] + document["rejected"]
    assert [(row["building"], row["meter"]) for row in document["houses"]] == [
        ("b01", "heat"), ("b02", "heat"), ("b02", "light"), ("b03", "heat"),
    ]  # fmt: skip
    for row in document["houses"]:
        lo, hi = row["interval_90_pct"]
        assert lo < row["estimated_savings_pct"] < hi
        # Coverage is the exam's business; a saving that is far off would be a broken pipeline.
        assert abs(row["estimated_savings_pct"] - row["true_savings_pct"]) < 8


@pytest.mark.parametrize(
    ("lang", "head", "last"),
    [
        ("ru", "Истина", r"получено [\d\u202f]+ = принято [\d\u202f]+ \+ дубли [\d\u202f]+ \+ отклонено [\d\u202f]+; потеряно 0"),
        ("en", "Truth", r"received [\d\u202f]+ = accepted [\d\u202f]+ \+ duplicates [\d\u202f]+ \+ rejected [\d\u202f]+; lost 0"),
    ],
)  # fmt: skip
def test_the_table_and_its_last_line(lang: str, head: str, last: str) -> None:
    done = run("demo", "--once", "--houses", "1", "--lang", lang)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.strip().splitlines()
    assert any(head in line for line in lines)
    assert re.fullmatch(last, lines[-1].strip())


@pytest.mark.slow
def test_both_engines_measure_the_same() -> None:
    rows = []
    for engine in ("embedded", "faust"):
        done = run("demo", "--once", "--json", "--houses", "1", "--engine", engine)
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        document.pop("seconds")
        rows.append(document)
    assert rows[0] == rows[1]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = free_port()
    process = subprocess.Popen(
        [*KVARTAL, "demo", "--houses", "1", "--port", str(port), "--data", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process, port
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_it_goes_on_live_with_its_page_and_ends_cleanly_on_ctrl_c(
    demo: tuple[subprocess.Popen[str], int],
) -> None:
    process, port = demo
    assert process.stdout is not None
    for line in process.stdout:
        if "потеряно" in line:
            break
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/portfolio", timeout=10) as answer:
        portfolio = json.load(answer)
    assert portfolio["rows"][0]["verdict"] in ("proved", "below", "not_proved")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    _, stderr = process.communicate()
    assert "Traceback" not in stderr


def test_a_port_in_use_is_said_before_anything_starts() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("demo", "--port", str(port), timeout=30)
    assert done.returncode == 2
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
