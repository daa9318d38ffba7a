"""The fault suite: what meters and gateways do wrong, and what the ledger makes of it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from kvartal.audit import audit_store
from kvartal.replay import replay
from metering.site import parse_site
from simulators.faults import FAULTS, HOURS, SITE, Case, Verdict, clean, judge, messages, spoiled
from storage.sqlite_reader import Reader

WHO = ("house", "heat", "energy")


def verdict(case: Case, db: Path) -> Verdict:
    replay(messages(case), site=parse_site(SITE), db=db)
    assert audit_store(db).faults == []
    reader = Reader(db)
    found = judge(case, reader.hours(*WHO, 0, 10**6), reader.unknowns(*WHO))
    reader.close()
    return found


def test_clean_readings_are_exact(tmp_path: Path) -> None:
    assert verdict(clean(), tmp_path / "k.db") == Verdict(0.0, 0.0, 0, 0, 0)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_neither_makes_nor_loses_energy(name: str, tmp_path: Path) -> None:
    found = verdict(spoiled(name), tmp_path / "k.db")
    assert found.passes, found


@pytest.mark.parametrize(
    "name", ["exchange, starting at 0", "24 h in MWh for kWh", "old and new meter both sending"]
)
def test_a_fault_ends_the_same_in_any_order(name: str, tmp_path: Path) -> None:
    case = spoiled(name)
    site = parse_site(SITE)
    sent = [m._replace(received_at=10**13) for m in messages(case)]
    ledgers = []
    for turn in range(2):
        db = tmp_path / f"{turn}.db"
        backfill = site.model_copy(update={"source": (site.source[0].model_copy(update={"backfill": True}),)})
        replay(sent, site=backfill, db=db)
        reader = Reader(db)
        ledgers.append((reader.hours(*WHO, 0, 10**6), reader.unknowns(*WHO)))
        reader.close()
        random.Random(turn).shuffle(sent)
    assert ledgers[0] == ledgers[1]


def test_the_truth_is_the_suites(tmp_path: Path) -> None:
    case = clean()
    assert len(case.true_wh) == HOURS
    assert sum(case.true_wh) == pytest.approx(28_650_000, abs=20)
