"""SIGKILL of a writer at any moment: what it said was committed is there, whole; nothing is there by half."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from storage.sqlite import Store
from storage.sqlite_reader import Reader

# Each commit n: 24 hours of value n for 20 registers, a part that names n, a rejection, and 480 readings counted.
_WRITER = """
import sys
from metering.events import Counted, Hours, RegisterId, Rejected
from storage.sqlite import Store

store = Store(sys.argv[1])
n = int((store.part("writer", "n") or b"-1").decode())
print("ready", n, flush=True)
while True:
    n += 1
    events = []
    for building in range(20):
        who = RegisterId(f"b{building:02d}", "heat", "energy")
        first = 480_000 + 24 * n
        counted = dict(accepted=24, duplicate=0, last_time=n, last_amount=n, received_at=n)
        events.append(Counted(**who.fields(), **counted))
        hours = tuple(range(first, first + 24))
        figures = dict(hours=hours, amounts=(n,) * 24, flags=(0,) * 24, frontier=n, received_at=n)
        events.append(Hours(**who.fields(), **figures))
    events.append(Rejected(topic="t", payload=b"%d" % n, reason="not_json", detail="", received_at=n))
    store.commit(
        parts={("writer", "n"): b"%d" % n, ("state", str(n)): bytes(3000)},
        events=events,
        counts={"received": 481, "accepted": 480, "rejected": 1},
    )
    print(n, flush=True)
"""


def run_and_kill(path: Path, wait_s: float) -> int:
    """Write until killed after `wait_s`; returns the last commit that was acknowledged."""
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    acknowledged = int(writer.stdout.readline().split()[1])
    time.sleep(wait_s)  # any moment will do; what it says fits into the pipe
    writer.send_signal(signal.SIGKILL)
    said, _ = writer.communicate()
    whole = said[: said.rfind("\n") + 1].split()
    return int(whole[-1]) if whole else acknowledged


def test_nothing_acknowledged_is_lost_and_nothing_is_there_by_half(tmp_path: Path) -> None:
    path = tmp_path / "kvartal.db"
    before = -1
    for wait in (0.05, 0.11, 0.23, 0.31, 0.17):
        acknowledged = run_and_kill(path, wait)
        reader = Reader(path)
        store = Store(path)  # the lock of the killed writer is gone with it
        held = int((store.part("writer", "n") or b"-1").decode())
        assert acknowledged <= held <= acknowledged + 1
        assert held >= before
        before = held
        commits = held + 1
        assert reader.counts() == (
            {"accepted": 480 * commits, "received": 481 * commits, "rejected": commits} if commits else {}
        )
        assert len(store.parts("state")) == commits
        assert [row["payload"] for row in reader.rejected(limit=10**6)] == [
            b"%d" % n for n in range(held, -1, -1)
        ]
        for building in ("b00", "b19"):
            found = reader.hours(building, "heat", "energy", 480_000, 480_000 + 24 * commits)
            assert found == [(480_000 + hour, hour // 24, 0) for hour in range(24 * commits)]
        assert {register.accepted for register in reader.ledger.registers()} == (
            {24 * commits} if commits else set()
        )
        reader.close()
        store.close()
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
    assert before > 5, "the writer hardly wrote: the test proves nothing"
